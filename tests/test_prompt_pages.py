"""`kappa-data prompts`: what it prints is what a teacher is sent."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from conftest import kappa, said
from fakes import ScriptedTeacher, run_of, says
from kappa_data.config import Settings
from kappa_data.conversation.play import play
from kappa_data.personas import load_personas
from kappa_data.prompt_pages import prompts
from kappa_data.records import Slot, Task
from kappa_data.resources import Resources
from kappa_data.tasks.catalog import task
from kappa_data.tasks.mix import plain_slot
from kappa_data.teacher.journal import Journal

RESOURCES = Resources(None)


def sent(tmp_path: Path, slot: Slot, made: Task) -> dict[str, str]:
    """The first system message that each role was sent when the slot was played."""
    turns = [says(turn.answer) for turn in made.reference]
    users = [says(goal) for goal in (*made.goals, "[DONE]")]
    teacher = ScriptedTeacher(turns, users)
    with Journal(tmp_path / "journal") as journal:
        run = run_of(tmp_path, teacher, journal)
        run.resources, run.personas = RESOURCES, load_personas(RESOURCES)
        asyncio.run(play(run, slot, made))
    return {role: teacher.of(role)[0].messages[0]["content"] for role in ("assistant", "user")}


@pytest.mark.parametrize("persona", ["chaotic_good", None])
def test_it_is_what_the_teacher_is_sent(tmp_path: Path, persona: str | None) -> None:
    made = task("maths/3")
    slot = plain_slot(made, persona, "train")
    settings = Settings()
    told = {
        each.title: each.text
        for each in prompts(slot, made, settings.generate, settings.sandbox, RESOURCES)
    }
    was = sent(tmp_path, slot, made)
    assert told["to the assistant"] == was["assistant"]
    assert told["to the simulated user"] == was["user"]
    assert told["the system message of the record"] == (slot.system or "(none)")
    assert len(told) == (4 if persona else 3)  # a reminder is for who has a voice to lose


def test_specials_and_simulated_tools_have_prompts_of_their_own() -> None:
    made = task("data_csv/3")
    slot = plain_slot(made, "lawful_good", "train")
    slot = msgspec.structs.replace(slot, special="switch", at=1, switch_to="lawful_evil")
    settings = Settings()
    simulated = msgspec.structs.replace(settings.sandbox, grounding="simulated")
    titles = [each.title for each in prompts(slot, made, settings.generate, simulated, RESOURCES)]
    assert titles[2].startswith("to the assistant, from user message 1")
    assert titles[-1] == "to the simulated tools"
    voiced = msgspec.structs.replace(slot, strategy="revoice", special=None)
    told = list(prompts(voiced, made, settings.generate, simulated, RESOURCES))
    assert [each.title for each in told] == ["the system message of the record", "to the writer"]


def test_the_command(tmp_path: Path) -> None:
    done = kappa("prompts", "maths/0:lawful_evil", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    made = task("maths/0")
    slot = plain_slot(made, "lawful_evil", "train")
    settings = Settings()
    told = prompts(slot, made, settings.generate, settings.sandbox, RESOURCES)
    assert said(done)["prompts"] == {"maths/0:lawful_evil": msgspec.to_builtins(list(told))}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("maths/0", "write task:persona"),
        ("maths/0:lawful_evl", 'did you mean "lawful_evil"'),
        ("math/0:none", 'did you mean "maths"'),
    ],
)
def test_a_wrong_name_is_one_clear_line(tmp_path: Path, name: str, says: str) -> None:
    done = kappa("prompts", name, cwd=tmp_path)
    assert done.returncode == 2 and says in done.stderr and done.stderr.count("\n") == 1
