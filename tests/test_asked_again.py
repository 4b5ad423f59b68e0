"""What a change asks again: only what it touches. Over a real socket, with the embedded teacher."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from kappa_data.config import GenerateConfig, SandboxConfig
from kappa_data.progress import Quiet
from kappa_data.recipe import GENERATE
from kappa_data.records import Conversation, Slot, TaskText
from kappa_data.resources import HOMES, Resources
from kappa_data.stage import Context, Outcome, Stage, build
from kappa_data.store import Sealed
from kappa_data.tasks.catalog import families
from kappa_data.teacher.journal import JOURNAL, Journal

ROOM = 200
"""tokens that some of the answers below need, and some do not"""
KEEPER = "lighthouse_keeper"


class NoConfig(msgspec.Struct, frozen=True):
    """The plan of these tests has no settings."""


def planned(root: Path, *personas: str | None, strategy: str = "live") -> Sealed:
    """Two tasks without tools, for each persona; every set of personas is a plan of its own."""

    def run(ctx: Context[NoConfig]) -> Outcome:
        with ctx.writer("tasks", TaskText) as texts, ctx.writer("slots", Slot) as slots:
            for seed in range(2):
                task = families()["explain_concept"].make(seed)
                texts.write(TaskText(task.id, task.family, msgspec.json.encode(task).decode()))
                for name in personas:
                    system = f"Persona: {name}" if name else None
                    slot = Slot(
                        f"{task.id}:{name or 'none'}", task.id, task.family, name, "train", system
                    )
                    slots.write(msgspec.structs.replace(slot, strategy=strategy))
        return Outcome()

    stage = Stage(f"plan-{len(personas)}-{strategy}", 1, run, ("slots",))
    return build(stage, NoConfig(), {}, Resources(), root, Quiet())[0]


def built(root: Path, plan: Sealed, prompts: Path, **config: int) -> Sealed:
    settings, resources = GenerateConfig(**config), Resources(prompts)
    inputs = {"plan": plan}
    return build(GENERATE, settings, inputs, resources, root, Quiet(), SandboxConfig())[0]


def answers(root: Path) -> Counter[str]:
    """How many answers the journal holds, by slot."""
    with Journal(root / JOURNAL) as journal:
        return Counter(entry.slot for entry in journal.entries() if entry.answer)


def own_brief(prompts: Path, name: str, of: str) -> None:
    """A brief of the user's own under `name`, made from a shipped one."""
    shipped = HOMES[1] / "prompts" / "personas" / f"{of}.toml"
    text = shipped.read_text().replace(f'name = "{of}"', f'name = "{name}"')
    (prompts / "personas").mkdir(parents=True, exist_ok=True)
    text = text.replace('identity = """', 'identity = """\\\nAs ever: ')
    (prompts / "personas" / f"{name}.toml").write_text(text)


@pytest.mark.parametrize("strategy", ["live", "revoice"])
def test_one_brief_changed_asks_that_persona_alone(tmp_path: Path, strategy: str) -> None:
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    plan = planned(tmp_path, "lawful_evil", "neutral_good", None, strategy=strategy)
    first = built(tmp_path, plan, prompts)
    before = answers(tmp_path)
    own_brief(prompts, "lawful_evil", of="lawful_evil")
    second = built(tmp_path, plan, prompts)
    more = answers(tmp_path) - before
    assert {slot.rpartition(":")[2] for slot in more} == {"lawful_evil"}
    assert more == Counter({slot: n for slot, n in before.items() if slot.endswith("lawful_evil")})
    for old, new in zip(
        first.read("conversations", Conversation),
        second.read("conversations", Conversation),
        strict=True,
    ):
        assert (old == new) == (old.persona != "lawful_evil")


def test_a_tenth_persona_asks_for_its_own_slots_alone(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    first = built(tmp_path, planned(tmp_path, "neutral_good", None), prompts)
    before = answers(tmp_path)
    own_brief(prompts, KEEPER, of="true_neutral")
    second = built(tmp_path, planned(tmp_path, "neutral_good", None, KEEPER), prompts)
    more = answers(tmp_path) - before
    assert {slot.rpartition(":")[2] for slot in more} == {KEEPER}
    rows = list(second.read("conversations", Conversation))
    assert [each for each in rows if each.persona != KEEPER] == list(
        first.read("conversations", Conversation)
    )


def test_more_room_asks_what_was_cut_alone(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    plan = planned(tmp_path, "neutral_good", None)
    first = built(tmp_path, plan, prompts, max_answer_tokens=ROOM)
    cut = first.manifest.rejected["cut off"]
    assert 0 < cut < 4
    second = built(tmp_path, plan, prompts, max_answer_tokens=4000)
    assert second.manifest.rejected == {}
    with Journal(tmp_path / JOURNAL) as journal:
        roomy = {entry.slot for entry in journal.entries() if entry.max_tokens == 4000}
    assert len(roomy) == cut
