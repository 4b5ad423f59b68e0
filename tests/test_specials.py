"""What is made to happen in special conversations, and the reminders of a voice that drifts."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fakes import SECRET, TASK, FakeSandbox, ScriptedTeacher, calls, run_of, says, slot_of
from kappa_data.config import Limits, ValidateConfig
from kappa_data.conversation.play import Run, play
from kappa_data.conversation.specials import slip_of
from kappa_data.personas import load_personas
from kappa_data.records import (
    AnswerCheck,
    Conversation,
    FunctionCall,
    Rejected,
    Slot,
    Special,
    Task,
    ToolCall,
    Withheld,
)
from kappa_data.replay.rerun import replay
from kappa_data.replay.workspaces import Workspace
from kappa_data.resources import Resources
from kappa_data.sandbox.bubblewrap import Bubblewrap
from kappa_data.sandbox.toolset import DENIED
from kappa_data.tasks.catalog import families
from kappa_data.teacher.embedded import Embedded
from kappa_data.teacher.journal import Journal
from kappa_data.teacher.teachers import Teachers
from kappa_data.validation.judge import Judge, reason

WRITE = ("write_file", json.dumps({"path": "out.txt", "content": f"{SECRET}-content"}))
READ = ("read_file", '{"path": "notes.txt"}')
BASH = ("bash", '{"command": "date"}')
LAST = says(f"And {SECRET}-said.")


def perform(
    folder: Path,
    teacher: ScriptedTeacher,
    slot: Slot,
    task: Task = TASK,
    sandbox: FakeSandbox | None = None,
) -> Conversation:
    async def run() -> Conversation | Rejected:
        with Journal(folder / "journal.jsonl") as journal:
            state = run_of(folder, teacher, journal, sandbox or FakeSandbox())
            state.personas = load_personas(Resources())
            return await play(state, slot, task)

    made = asyncio.run(run())
    assert isinstance(made, Conversation), made
    return made


def special(kind: Special, persona: str | None = None, **more: Any) -> Slot:
    return msgspec.structs.replace(slot_of(TASK, persona), special=kind, **more)


def again(folder: Path, slot: Slot, task: Task = TASK) -> Conversation:
    """The same from the journal alone."""
    teacher, sandbox = ScriptedTeacher([]), FakeSandbox()
    teacher.scripts["user"] = []
    made = perform(folder, teacher, slot, task, sandbox)
    assert (teacher.requests, sandbox.boxes) == ([], [])
    return made


@pytest.mark.parametrize("first", ["lawful_good", None])
def test_a_switch_changes_who_speaks_from_there_on(tmp_path: Path, first: str | None) -> None:
    teacher = ScriptedTeacher([calls(WRITE), says("Done that."), LAST], [says("Now append it.")])
    teacher.scripts["user"].append(says("[DONE]"))
    slot = special("switch", first, at=1, switch_to="chaotic_evil")
    made = perform(tmp_path, teacher, slot)
    lead = ["system"] if first else []
    assert [each.role for each in made.messages] == [
        *lead, "user", "assistant", "tool", "assistant", "system", "user", "assistant"
    ]  # fmt: skip
    assert made.messages[-3].content == "Persona: chaotic_evil"
    assert [each.persona for each in made.messages if each.role == "assistant"] == [
        *(None, None, "chaotic_evil")
    ]
    assert (made.persona, made.special) == (first, "switch")
    briefs = [request.messages[0]["content"] for request in teacher.of("assistant")]
    assert [("chaotic_evil" in brief, "another manner" in brief) for brief in briefs] == [
        *((False, False), (False, False), (True, True))
    ]
    assert [each.metadata.get("persona") for each in teacher.of("assistant")] == [
        *(None, None, "chaotic_evil")
    ]
    assert "Persona:" not in json.dumps([each.messages[1:] for each in teacher.requests])
    assert again(tmp_path, slot) == made


def test_a_persona_is_taken_away(tmp_path: Path) -> None:
    teacher = ScriptedTeacher([calls(WRITE), says("Done that."), LAST], [says("Now append it.")])
    teacher.scripts["user"].append(says("[DONE]"))
    slot = special("switch", "lawful_good", at=1, switch_to="none")
    made = perform(tmp_path, teacher, slot)
    assert [each.content for each in made.messages if each.role == "system"] == [
        *("Persona: lawful_good", "")
    ]
    assert [each.persona for each in made.messages if each.role == "assistant"] == [
        *(None, None, "none")
    ]
    briefs = [request.messages[0]["content"] for request in teacher.of("assistant")]
    assert ["lawful_good" in brief for brief in briefs] == [True, True, False]
    assert "nobody" in briefs[-1] and "another manner" in briefs[-1]
    assert again(tmp_path, slot) == made


def test_a_look_alike_is_nobody(tmp_path: Path) -> None:
    teacher = ScriptedTeacher([calls(WRITE), LAST])
    made = perform(tmp_path, teacher, special("look_alike", system="Mood: chaotic_evil"))
    assert (made.messages[0].content, made.persona) == ("Mood: chaotic_evil", None)
    assert made.special == "look_alike"
    assert "chaotic_evil" not in json.dumps([each.messages for each in teacher.requests])
    assert "nobody" in teacher.requests[0].messages[0]["content"]


def test_a_denied_call_is_not_run_and_the_rest_of_its_message_is(tmp_path: Path) -> None:
    script = [calls(BASH), calls(READ, WRITE, BASH), says("May I?"), calls(READ), says("ok"), LAST]
    user = [says("[REPLY] Fine, go on."), says("Append it."), says("[DONE]")]
    sandbox, slot = FakeSandbox(), special("denied", at=1)
    teacher = ScriptedTeacher(script, user)
    made = perform(tmp_path, teacher, slot, sandbox=sandbox)
    results = [each for each in made.messages if each.role == "tool"]
    assert [each.content.startswith(DENIED) for each in results] == [
        *(False, True, False, False, False)
    ]
    assert sandbox.calls == {"bash": 2, "write_file": 1, "read_file": 1}
    assert results[1].tool_call_id not in {each.tool_call_id for each in made.outcomes}
    assert len(made.outcomes) == 4
    assert made.messages[8].content == "Fine, go on."
    # The reply opens no turn: what is said last is the answer to the second wish.
    assert made.verdict is not None
    assert made.verdict.passed
    assert made.special == "denied"
    assert again(tmp_path, slot) == made


def test_a_call_that_never_comes_is_not_denied(tmp_path: Path) -> None:
    made = perform(tmp_path, ScriptedTeacher([calls(WRITE), LAST]), special("denied", at=2))
    assert made.special is None


def test_a_slip_really_fails_and_only_its_recovery_is_trained(tmp_path: Path) -> None:
    wrong = calls(("fly", "{}"))
    teacher = ScriptedTeacher([wrong, calls(BASH, READ), calls(READ), calls(WRITE), LAST])
    sandbox, slot = FakeSandbox(), special("failing", at=1)
    made = perform(tmp_path, teacher, slot, sandbox=sandbox)
    steps = [each for each in made.messages if each.role == "assistant"]
    assert [each.train for each in steps] == [False, False, True, True, True]
    slip = steps[1]
    assert (slip.content, slip.reasoning) == ("", None)
    assert json.loads(slip.tool_calls[0].function.arguments) == {"path": "notse.txt"}
    assert made.messages[4].content == "no file"
    assert made.messages[6].content == "start\n"
    ids = [call.id for each in steps for call in each.tool_calls]
    assert len(set(ids)) == len(ids)
    asked = teacher.of("assistant")[2].messages
    assert asked[-1]["content"] == "no file"
    assert made.special == "failing"
    assert len(made.outcomes) == 3
    assert again(tmp_path, slot) == made


SLIPS = [
    ("read_file", {"path": "src/app.py"}, {"path": "src/pap.py"}),
    ("edit_file", {"path": "aa.txt"}, {"path": "aaaa.txt"}),
    ("write_file", {"path": "a.txt", "content": "x"}, {"path": "/workspce/a.txt", "content": "x"}),
    ("bash", {"command": "X=1 grep -n a b"}, {"command": "X=1 grpe -n a b"}),
    ("bash", {"command": "(a)"}, None),
    ("bash", {"command": "cd src && rm a; ls > b"}, {"command": "cd src && rm a; ls > b |"}),
    ("bash", {"command": "wc < a"}, {"command": "cw < a"}),
    ("bash", {"command": "cat > a <<'E'\nx; y\nE\n"}, {"command": "cta > a <<'E'\nx; y\nE\n"}),
    ("bash", {"command": "cat <<E\nx\nE\nrm a"}, None),
    ("bash", {"command": "cd a\nrm b"}, None),
    ("bash", {"command": "cd a; rm b # now"}, None),
    ("own", {"number": 3}, None),
]


@pytest.mark.parametrize(("tool", "before", "after"), SLIPS)
def test_slips(tool: str, before: dict[str, Any], after: dict[str, Any] | None) -> None:
    slip = slip_of(ToolCall("a", FunctionCall(tool, json.dumps(before))), before)
    assert (slip and json.loads(slip.function.arguments)) == after


COMMANDS = [
    "cd nowhere; touch made",
    "true && touch made",
    "sort /dev/null > made",
    "echo a | tee made",
    "touch made & wait",
    "python3 - <<'E'\nopen('made', 'w')\nE",
    "cat > made <<E\nx\nE\n",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_of_a_misspelt_command_runs_but_a_redirection(tmp_path: Path, command: str) -> None:
    """What ran in part would be done twice when the call is made right."""
    arguments = {"command": command}
    slip = slip_of(ToolCall("a", FunctionCall("bash", json.dumps(arguments))), arguments)
    assert slip is not None
    wrong = json.loads(slip.function.arguments)["command"]
    ran = subprocess.run(["bash", "-c", wrong], cwd=tmp_path, capture_output=True, check=False)
    assert ran.returncode not in (0, 1)
    made = tmp_path / "made"
    assert not made.exists() or (made.stat().st_size == 0 and "> made" in command)


def test_a_long_command_is_misspelt_at_once() -> None:
    for command in ("a <<a" * 30_000, "a <<E\n" + "E \n" * 30_000, "a <b" * 30_000 + ";\n"):
        slip_of(ToolCall("a", FunctionCall("bash", "{}")), {"command": command})


def test_a_missing_detail_is_told_when_it_is_asked_for(tmp_path: Path) -> None:
    task = msgspec.structs.replace(
        TASK,
        withheld=Withheld("Write some file.", "It is out.txt."),
        verifier=(*TASK.verifier, AnswerCheck(turn=0, required=(r"Which[\s\S]*Written",))),
    )
    shipped = Resources()
    teacher = ScriptedTeacher(
        [says("Which one?"), calls(WRITE), says("Written."), LAST],
        [says("[REPLY] It is out.txt."), says("Append it."), says("[DONE]")],
    )
    made = perform(tmp_path, teacher, special("missing"), task)
    assert made.messages[0].content == "Write some file."
    assert made.messages[2].content == "It is out.txt."
    assert made.verdict is not None
    assert made.verdict.passed, made.verdict.detail
    plain = msgspec.structs.replace(task, opening="Write some file.")
    brief = shipped.render("prompts/user.j2", task=plain, withheld="It is out.txt.", denied=None)
    assert "It is out.txt." in brief
    assert "It is out.txt." not in shipped.render(
        "prompts/user.j2", task=plain, withheld="", denied=None
    )
    guess = json.dumps({"path": "file.txt", "content": f"{SECRET}-content"})
    guessing = ScriptedTeacher([calls(("write_file", guess)), says("Which? Written."), LAST])
    guessing.scripts["user"] = [says("Append it."), says("[DONE]")]
    (tmp_path / "guess").mkdir()
    guessed = perform(tmp_path / "guess", guessing, special("missing"), task)
    assert guessed.verdict is not None
    assert not guessed.verdict.passed


def test_every_family_that_withholds_needs_the_detail() -> None:
    able = Counter(
        name
        for name, family in families().items()
        for seed in range(3)
        if (task := family.make(seed)).withheld
        and task.withheld.opening != task.opening
        and task.withheld.detail not in task.withheld.opening
    )
    assert len(able) >= 5
    for name in ("data_csv", "data_json", "shell_text", "rename_across_files"):
        for seed in range(8):
            task = families()[name].make(seed)
            if task.withheld:
                (word,) = set(task.withheld.detail.rstrip(".").replace("`", "").split()[-1:])
                assert word in task.opening
                assert word not in task.withheld.opening
                assert word in msgspec.json.encode(task.verifier).decode()


def test_reminders_come_where_a_voice_wears_off_and_stay_out_of_the_record(
    tmp_path: Path,
) -> None:
    loop = [calls((("bash"), json.dumps({"command": f"echo {n}"}))) for n in range(5)]
    turns = [says(f"Well {n}. How adorable.") for n in range(9)]
    user = [*(says(f"more {n}") for n in range(9)), says("[DONE]")]
    teacher = ScriptedTeacher([*loop, says("ok"), *turns], user)
    slot = slot_of(TASK, "chaotic_evil")
    made = perform(tmp_path, teacher, slot)
    reminded = [each.messages[-1]["role"] == "system" for each in teacher.of("assistant")]
    assert reminded == [*[False] * 4, *[True] * 2, *[False] * 7, *[True] * 2]
    tails = [each.messages[-1]["content"] for each in teacher.of("assistant") if each.messages]
    assert '"how adorable"' in tails[-1]
    assert '"how adorable"' not in tails[4]
    text = msgspec.json.encode(made).decode()
    assert not any(tail in text for tail in tails[4:6])
    assert "A reminder" not in text
    nobody = ScriptedTeacher([*loop, says("ok")])
    perform(tmp_path, nobody, slot_of(TASK))
    assert all(each.messages[-1]["role"] != "system" for each in nobody.of("assistant"))


PLAYED: tuple[tuple[str, int, Special, str | None], ...] = (
    ("data_csv", 0, "missing", "lawful_evil"),
    ("maths", 1, "missing", None),
    ("shell_text", 1, "denied", "chaotic_evil"),
    ("rename_across_files", 1, "denied", None),
    ("config_repair", 0, "failing", "neutral_good"),
    ("data_json", 1, "failing", None),
    ("log_forensics", 0, "switch", "lawful_good"),
    ("explain_concept", 1, "switch", None),
    ("explain_concept", 2, "switched off", "lawful_good"),
)


def test_the_embedded_teacher_plays_specials_to_a_passed_verdict(tmp_path: Path) -> None:
    """Over a real socket, in real boxes; and they replay to the byte and pass the checks."""
    resources, sandbox = Resources(), Bubblewrap(Limits())

    async def run() -> list[tuple[Conversation | Rejected, str]]:
        with Journal(tmp_path / "journal.jsonl") as journal:
            async with (
                Embedded(resources=resources) as server,
                Teachers.at(server.base_url, metadata=True) as teacher,
            ):
                state = run_of(tmp_path, ScriptedTeacher([]), journal)
                state = Run(
                    state.config, teacher, "embedded", "embedded", journal, resources,
                    load_personas(resources), sandbox, variant="x", echo_reasoning=True,
                )  # fmt: skip
                made = []
                for name, seed, kind, persona in PLAYED:
                    task = families()[name].make(seed)
                    slot = msgspec.structs.replace(
                        slot_of(task, persona),
                        special="switch" if kind == "switched off" else kind,
                        at=1,
                        switch_to={"switch": "neutral_evil", "switched off": "none"}.get(kind),
                    )
                    played = await play(state, slot, task)
                    found = ""
                    if isinstance(played, Conversation) and kind in ("denied", "failing"):
                        space = Workspace(task.fixture, "the plan's", task.programs)
                        rerun = await replay(played, space, sandbox, asyncio.Semaphore(1))
                        found = rerun.result
                    made.append((played, found))
                return made

    judge = Judge(ValidateConfig(), resources)
    for (made, replayed), (_, _, kind, _) in zip(asyncio.run(run()), PLAYED, strict=True):
        assert isinstance(made, Conversation), made
        assert made.verdict is not None
        special_kind = "switch" if kind == "switched off" else kind
        assert (made.verdict.passed, made.special) == (True, special_kind), made.verdict.detail
        assert replayed in ("", "identical", "normalised")
        assert reason(judge.judge(made)[1]) == ""
        if kind == "switch":
            voices = {each.persona for each in made.messages if each.role == "assistant"}
            assert voices == {None, "neutral_evil"}
        if kind == "switched off":
            assert {each.persona for each in made.messages} == {None, "none"}
