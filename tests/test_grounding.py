"""Where tool results come from: simulated, unprotected, and what each takes to be chosen."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from conftest import kappa, said
from fakes import PLAIN, SECRET, TASK, FakeSandbox, ScriptedTeacher, calls, run_of, says, slot_of
from hostile.boxes import in_box
from kappa_data import config_layers, recipe, remembered, sandbox_flags
from kappa_data.checks import verifier
from kappa_data.checks._facts import Facts
from kappa_data.config import SandboxConfig, Settings
from kappa_data.conversation.play import play
from kappa_data.errors import SandboxDown, UsageError
from kappa_data.records import AnswerCheck, Conversation, Rejected, Task, Usage
from kappa_data.resources import Resources
from kappa_data.sandbox import Box, Limits, ToolResult
from kappa_data.sandbox.bubblewrap import Bubblewrap
from kappa_data.sandbox.choose import VARIABLE, choose, try_out
from kappa_data.sandbox.local import Local, LocalBox
from kappa_data.stage import key_of, key_parts
from kappa_data.teacher.api import ChatAnswer
from kappa_data.teacher.journal import Journal
from test_cli import one_line

T = TypeVar("T")
REPO = Path(__file__).parents[1]

# --- unsafe-local: a box without protection ---------------------------------------------------


def locally(use: Callable[[LocalBox], Awaitable[T]], **limits: float) -> T:
    """What `use` makes of a fresh unprotected box."""

    async def run() -> T:
        box = await Local(Limits(**limits)).open({"a/notes.txt": "one\ntwo\n"})
        try:
            return await use(box)
        finally:
            await box.close()

    return asyncio.run(run())


def command(text: str, **limits: float) -> ToolResult:
    return locally(lambda box: box.call("bash", {"command": text}), **limits)


CALLS: list[tuple[str, dict[str, Any]]] = [
    ("bash", {"command": "pwd; ls -A /workspace; cat a/notes.txt >&2; exit 3"}),
    ("edit_file", {"path": "a/notes.txt", "old_string": "one", "new_string": "1"}),
    ("read_file", {"path": "/workspace/a/notes.txt", "limit": 1}),
    ("edit_file", {"path": "/workspace/a/notes.txt", "old_string": "one", "new_string": "1"}),
    ("edit_file", {"path": "a/notes.txt", "old_string": "t", "new_string": ""}),
    ("edit_file", {"path": "a/notes.txt", "old_string": "x", "new_string": "y"}),
    ("write_file", {"path": "b/c.txt", "content": "in /workspace\n"}),
    ("read_file", {"path": "missing.txt"}),
    ("read_file", {"path": "a"}),
    ("read_file", {"path": "b/c.txt"}),
    ("bash", {"command": "cd /workspace/b && wc -c < c.txt; printf 'a\\033[31m\\377b'"}),
    ("bash", {"command": "seq 2000"}),
    ("bash", {"command": "kill -9 $$"}),
    ("bash", {"command": "x" * 101}),
    ("bash", {}),
    ("nothing", {"command": "ls"}),
    (
        "bash",
        {"command": "ln -s /workspace/a link; rm -r b; env | sort | grep -vE '^(GIT|SOURCE)_'"},
    ),
]


def test_the_tools_are_those_of_a_box() -> None:
    """Every result and the files that are left, compared with those of a real box."""

    async def all_of(box: Box) -> tuple[list[ToolResult], dict[str, str], str | None]:
        results = [await box.call(tool, arguments) for tool, arguments in CALLS]
        await box.put({"put/here.txt": "x"})
        return results, await box.tree(), await box.read("a/notes.txt")

    limits = {"output_chars": 1000, "command_bytes": 100}
    local = locally(all_of, **limits)
    boxed = in_box(all_of, {"a/notes.txt": "one\ntwo\n"}, **limits)
    assert local[0] == boxed[0]
    assert local[1:] == boxed[1:]


def test_no_key_of_ours_reaches_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    assert "canary" not in command("env; cat /proc/self/environ; cat /proc/$PPID/environ").content


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits to be collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # gone before, or while it was read
        return False
    return state != "Z"


STRAGGLERS = (
    "sleep 600 & echo $! >> pids; (setsid sleep 600 & echo $! >> pids); "
    "(setsid bash -c 'trap \"\" TERM; sleep 600 & echo $! >> pids; sleep 600' & echo $! >> pids); "
    "sleep 0.3; cat pids"
)


@pytest.mark.parametrize("end", ["", "; sleep 600"])
def test_a_call_leaves_nothing_and_hits_nobody_else(end: str) -> None:
    """Background jobs and daemons die with their call; a process beside it goes on."""
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE) as beside:
        result = command(STRAGGLERS + end, call_seconds=2)
        assert result.limit == ("call time" if end else None)
        pids = [int(word) for word in result.content.split() if word.isdigit() and len(word) > 2]
        assert len(pids) >= 4
        assert not [pid for pid in pids if alive(pid)]
        assert beside.poll() is None
        beside.communicate()


HOST = """
import asyncio, sys
from kappa_data.sandbox.local import Local
async def main():
    box = await Local().open()
    daemon = "(setsid sleep 600 & echo $!)"
    command = f"(echo $$ $PPID; {daemon}; echo end) > {sys.argv[1]}; sleep 600"
    await box.call("bash", {"command": command})
asyncio.run(main())
"""


def test_nothing_goes_on_after_the_program_was_killed(tmp_path: Path) -> None:
    said_by_call = tmp_path / "pids"
    host = subprocess.Popen([sys.executable, "-c", HOST, str(said_by_call)])
    until(lambda: said_by_call.exists() and "end" in said_by_call.read_text())
    pids = [int(word) for word in said_by_call.read_text().split() if word.isdigit()]
    assert len(pids) == 3
    assert all(map(alive, pids))
    host.send_signal(signal.SIGKILL)
    host.wait()
    until(lambda: not any(map(alive, pids)))


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_limits_on_time_and_output() -> None:
    async def use(box: LocalBox) -> list[ToolResult]:
        return [
            await box.call("bash", {"command": text}) for text in ("yes", "sleep 600", "echo on")
        ]

    flood, slow, after = locally(use, call_seconds=1.5)
    assert (flood.limit, flood.truncated) == ("output", True)
    assert (slow.limit, slow.error, slow.exit_code) == ("call time", True, None)
    assert after == ToolResult("on\n", exit_code=0)


def test_the_time_of_a_box_runs_out() -> None:
    async def use(box: LocalBox) -> list[ToolResult]:
        return [await box.call("bash", {"command": each}) for each in ("sleep 600", "echo off")]

    cut, refused = locally(use, call_seconds=10, box_seconds=0.3)
    assert (cut.limit, refused.limit) == ("box time", "box time")
    assert refused.error
    assert "off" not in refused.content


def test_limits_of_the_kernel() -> None:
    hungry = command("python3 -c 'bytearray(600 * 2**20)'", memory_mb=400)
    assert "MemoryError" in hungry.content
    full = command("head -c 3000000 /dev/zero > f", workspace_mb=2)
    assert full.exit_code == 128 + signal.SIGXFSZ


def test_the_folder_goes_and_what_links_lead_to_stays(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept.txt").write_text("kept")
    outside.chmod(0o500)

    async def use(box: LocalBox) -> str:
        text = f"mkdir -p locked/deep; ln -s {outside} link; chmod 0 locked; pwd > {tmp_path}/at"
        await box.call("bash", {"command": text})
        return box._folder

    folder = Path(locally(use))
    assert (tmp_path / "at").read_text().strip() == str(folder)
    assert not folder.exists()
    assert (outside / "kept.txt").read_text() == "kept"
    assert outside.stat().st_mode & 0o777 == 0o500


@pytest.mark.parametrize(
    ("name", "depth"), [("d" * 200, 40), ("d", 1500)], ids=["beyond PATH_MAX", "beyond recursion"]
)
def test_a_folder_that_is_deeper_than_a_path_may_be_long_goes_too(name: str, depth: int) -> None:
    async def use(box: LocalBox) -> str:
        step = f"os.mkdir({name!r}); os.chdir({name!r})"
        code = f"import os\nfor _ in range({depth}): {step}\nopen('end', 'w')\nprint('made')"
        result = await box.call("bash", {"command": f'python3 -c "{code}"'})
        assert result.content == "made\n"
        return box._folder

    folder = Path(locally(use, call_seconds=60.0))
    assert not folder.exists()


@pytest.mark.parametrize("calls", [1, 2])
@pytest.mark.parametrize("instead", ["ln -s {outside}", "touch", "echo x >"])
def test_nothing_is_done_to_what_stands_in_the_folders_place(
    tmp_path: Path, instead: str, calls: int
) -> None:
    outside = tmp_path / "outside"
    (outside / "inner").mkdir(parents=True)
    for each in (outside, outside / "inner"):
        each.chmod(0o750)

    async def use(box: LocalBox) -> str:
        put = instead.format(outside=outside)
        await box.call("bash", {"command": f'at=$PWD; cd /; rm -r "$at"; {put} "$at"'})
        for _ in range(calls - 1):
            result = await box.call("bash", {"command": "ls -A; pwd"})
            assert result.content == "/workspace\n"
        return box._folder

    folder = Path(locally(use))
    assert not folder.is_symlink()
    assert not folder.exists()
    assert [each.name for each in outside.iterdir()] == ["inner"]
    for each in (outside, outside / "inner"):
        assert each.stat().st_mode & 0o777 == 0o750


def test_a_workspace_that_was_removed_is_made_again() -> None:
    async def use(box: LocalBox) -> ToolResult:
        await box.call("bash", {"command": "rm -rf /workspace"})
        return await box.call("write_file", {"path": "a.txt", "content": "x"})

    assert not locally(use).error


# --- which one ----------------------------------------------------------------------------------


def test_unsafe_local_takes_two_words() -> None:
    plain, unsafe = SandboxConfig(), SandboxConfig(grounding="unsafe-local")
    assert isinstance(choose(plain, {}), Bubblewrap)
    assert isinstance(choose(unsafe, {VARIABLE: "1"}), Local)
    for wrong, environ in ((unsafe, {}), (unsafe, {VARIABLE: "0"}), (plain, {VARIABLE: "1"})):
        with pytest.raises(UsageError) as caught:
            choose(wrong, environ)
        for word in ("--unsafe-local", f"{VARIABLE}=1", "without any protection"):
            assert word in str(caught.value)
    assert choose(SandboxConfig(grounding="simulated"), {}) is None


def test_a_failed_self_test_names_the_alternatives_and_takes_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(SandboxDown, match=r"apt-get install.*--simulate-tools.*--unsafe-local"):
        asyncio.run(try_out(Bubblewrap()))


def test_limits_that_no_box_can_work_within_are_named_and_not_kept(tmp_path: Path) -> None:
    few = ("--personas", "none", "--families", "data_csv", "--tasks", "1")
    done = kappa("plan", *few, "--set", "sandbox.memory_mb=1", cwd=tmp_path)
    assert done.returncode == 2
    assert "sandbox.memory_mb = 1 (default 1024)" in done.stderr
    assert "--unsafe-local" not in done.stderr
    again = kappa("plan", *few, cwd=tmp_path)
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize(
    ("sandbox", "words"),
    [
        ({"grounding": "simulate"}, 'did you mean "simulated"?'),
        ({"grounding": "docker"}, "known: executed, simulated, unsafe-local"),
        ({"grounding": "simulated", "rootfs": "/r"}, "sandbox.rootfs is for boxes"),
        ({"call_seconds": 0}, "sandbox.call_seconds"),
        ({"call_seconds": float("inf")}, "sandbox.call_seconds"),
        ({"box_seconds": float("nan")}, "sandbox.box_seconds"),
        ({"processes": -1}, "sandbox.processes"),
        ({"workspace_mb": 10**12}, "sandbox.workspace_mb"),
        ({"command_bytes": 200_000}, "sandbox.command_bytes"),
    ],
)
def test_settings_that_make_no_sense(sandbox: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        config_layers.load(None, {"sandbox": sandbox})
    assert words in str(caught.value)


def test_only_what_calls_tools_depends_on_the_sandbox() -> None:
    """Else a changed limit would tokenize and pack again what did not change."""
    settings, other = Settings(), SandboxConfig(call_seconds=3, grounding="simulated")
    keys = {
        stage.name: {
            key_of(key_parts(stage, getattr(settings, stage.name), {}, Resources(), each))
            for each in (settings.sandbox, other)
        }
        for stage in recipe.STAGES
    }
    assert {name for name, each in keys.items() if len(each) == 2} == {"plan", "generate"}


# --- simulated: the teacher writes the results -------------------------------------------------

WRITE = ("write_file", json.dumps({"path": "out.txt", "content": "x"}))
LIST = ("bash", '{"command": "ls; false"}')
ASSISTANT = [calls(LIST), calls(WRITE, ("bash", "{}")), says("Done."), says(f"And {SECRET}-said.")]
USER = [says("Now append it."), says("[DONE]")]
TOOL = [says("notes.txt\n\x1b[0m\n[exit code 1]"), says("Created out.txt (1 byte).\n[exit code 0]")]


def simulated(
    folder: Path,
    teacher: ScriptedTeacher,
    tool: list[ChatAnswer],
    task: Task = TASK,
    **limits: float,
) -> Conversation | Rejected:
    async def run() -> Conversation | Rejected:
        with Journal(folder / "journal.jsonl") as journal:
            state = run_of(folder, teacher, journal)
            state.simulated, state.limits = True, Limits(**limits)
            teacher.scripts["tool"] = list(tool)
            return await play(state, slot_of(task), task)

    return asyncio.run(run())


def test_the_teacher_writes_what_the_tools_say(tmp_path: Path) -> None:
    teacher = ScriptedTeacher(ASSISTANT, USER)
    outcome = simulated(tmp_path, teacher, TOOL)
    assert isinstance(outcome, Conversation)
    results = [each.content for each in outcome.messages if each.role == "tool"]
    assert results[:2] == ["notes.txt\n\\x1b[0m\n[exit code 1]", "Created out.txt (1 byte)."]
    assert "command" in results[2]  # a wrong call is answered by the program, and asks nobody
    assert outcome.provenance.grounding == "simulated"
    assert (outcome.provenance.toolchain, outcome.outcomes) == ("", ())
    assert outcome.provenance.usage == Usage(80, 2 * 5 + 6 * 2, 8)
    first, second = (request.messages for request in teacher.of("tool"))
    for text in ("notes.txt", "start\n", '"write_file"'):
        assert text in first[0]["content"]
    assert "edit_file" not in first[0]["content"]  # not offered
    assert SECRET not in msgspec.json.encode(first).decode()
    assert [message["role"] for message in second] == ["system", "user", "assistant", "user"]
    assert second[:2] == first
    assert second[2]["content"] == TOOL[0].content
    assert json.loads(second[3]["content"]) == {
        "tool": "write_file",
        "arguments": {"path": "out.txt", "content": "x"},
    }


def test_what_no_verifier_saw_is_neither_passed_nor_failed(tmp_path: Path) -> None:
    outcome = simulated(tmp_path, ScriptedTeacher(ASSISTANT, USER), TOOL)
    assert isinstance(outcome, Conversation)
    assert outcome.verdict is None
    for accept, severity in ((True, "note"), (False, "reject")):
        (found,) = verifier.check(outcome, Facts(accept_unverified=accept))
        assert (found.rule, found.severity) == ("unverified", severity)


def test_answers_are_still_checked(tmp_path: Path) -> None:
    wrong = [*ASSISTANT[:3], says("Nothing of it.")]
    (tmp_path / "wrong").mkdir()
    outcome = simulated(tmp_path / "wrong", ScriptedTeacher(wrong, USER), TOOL)
    assert isinstance(outcome, Conversation)
    assert outcome.verdict is not None
    assert not outcome.verdict.passed
    only = tuple(each for each in TASK.verifier if isinstance(each, AnswerCheck))
    task = msgspec.structs.replace(TASK, verifier=only)
    right = simulated(tmp_path, ScriptedTeacher(ASSISTANT, USER), TOOL, task)
    assert isinstance(right, Conversation)
    assert right.verdict is not None
    assert right.verdict.passed


@pytest.mark.parametrize("lines", range(9))
def test_cut_anywhere_no_result_is_bought_twice(tmp_path: Path, lines: int) -> None:
    first = simulated(tmp_path, ScriptedTeacher(ASSISTANT, USER), TOOL)
    journal = tmp_path / "journal.jsonl"
    entries = journal.read_bytes().splitlines(keepends=True)
    assert len(entries) == 8
    journal.write_bytes(b"".join(entries[:lines]))
    kept = [json.loads(entry)["key"]["role"] for entry in entries[:lines]]
    rest = {
        role: script[kept.count(role) :]
        for role, script in (("assistant", ASSISTANT), ("user", USER), ("tool", TOOL))
    }
    teacher = ScriptedTeacher(rest["assistant"], rest["user"])
    second = simulated(tmp_path, teacher, rest["tool"])
    assert msgspec.msgpack.encode(second) == msgspec.msgpack.encode(first)
    assert len(teacher.requests) == 8 - len(kept)


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("[exit code 0]", ""),
        ("a\nb\n[exit code 0]\n", "a\nb\n"),
        ("```text\na\n[exit code 2]\n```", "a\n[exit code 2]"),
        ("x" * 2000 + "\n[exit code 0]", "characters cut"),
    ],
)
def test_the_forms_of_a_result(tmp_path: Path, answer: str, shown: str) -> None:
    script = [calls(LIST), says("Done."), says(f"{SECRET}-said")]
    outcome = simulated(tmp_path, ScriptedTeacher(script, USER), [says(answer)], output_chars=1000)
    assert isinstance(outcome, Conversation)
    (result,) = (each.content for each in outcome.messages if each.role == "tool")
    assert result == shown or (shown == "characters cut" and shown in result)


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (says("Sure, here is the output: a"), "tool malformed"),
        (says(""), "tool malformed"),
        (says("a\n[exit code 0]", finish="length"), "tool cut off"),
        (says("", finish="content_filter"), "teacher:refused"),
    ],
)
def test_what_is_no_result_ends_in_quarantine(
    tmp_path: Path, answer: ChatAnswer, rule: str
) -> None:
    outcome = simulated(tmp_path, ScriptedTeacher([calls(LIST)]), [answer])
    assert isinstance(outcome, Rejected)
    assert outcome.findings[0].rule == rule


def test_a_task_without_tools_is_as_ever(tmp_path: Path) -> None:
    outcome = simulated(tmp_path, ScriptedTeacher([says("four")]), [], PLAIN)
    assert isinstance(outcome, Conversation)
    assert outcome.provenance.grounding == "none"
    assert outcome.verdict is not None
    assert outcome.verdict.passed


def test_without_a_word_nothing_is_simulated(tmp_path: Path) -> None:
    """A run with a sandbox asks no teacher for a result."""
    teacher = ScriptedTeacher(ASSISTANT, USER)

    async def run() -> Conversation | Rejected:
        with Journal(tmp_path / "journal.jsonl") as journal:
            return await play(
                run_of(tmp_path, teacher, journal, FakeSandbox()), slot_of(TASK), TASK
            )

    asyncio.run(run())
    assert teacher.of("tool") == []


# --- the command --------------------------------------------------------------------------------

FEW = ("--families", "fix_failing_test,maths", "--tasks", "1", "--personas", "none")


@pytest.fixture(scope="module")
def no_bubblewrap(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH without bwrap."""
    return str(tmp_path_factory.mktemp("empty"))


def test_without_bubblewrap_nothing_is_chosen_in_its_place(
    tmp_path: Path, no_bubblewrap: str
) -> None:
    done = kappa("plan", *FEW, cwd=tmp_path, PATH=no_bubblewrap)
    one_line(done, 4, "apt-get install bubblewrap", "--simulate-tools", "--unsafe-local")
    assert not list(tmp_path.glob("data/persona_kappa/plan/*/manifest.json"))
    assert remembered.load(tmp_path / "data" / "persona_kappa") == {}


def test_simulated_from_plan_to_push(tmp_path: Path, no_bubblewrap: str) -> None:
    """Everything works without bubblewrap, later commands ask the same question, and all say so."""
    made = kappa("generate", *FEW, "--simulate-tools", cwd=tmp_path, PATH=no_bubblewrap)
    assert made.returncode == 0, made.stderr
    assert "simulated" in made.stderr
    assert "planned unverified" in made.stderr
    built = kappa("release", "--json", cwd=tmp_path, PATH=no_bubblewrap)
    stages = {each["stage"]: each for each in said(built)["stages"]}
    assert {stages["plan"]["status"], stages["generate"]["status"]} == {"up-to-date"}
    assert stages["plan"]["figures"]["families unverified"] == {"fix_failing_test": 1}
    assert stages["generate"]["figures"]["grounding"] == {"none": 1, "simulated": 1}
    assert stages["generate"]["figures"]["unverified"] == 1
    assert stages["validate"]["figures"]["findings"]["unverified"] == 1
    release = tmp_path / "data/persona_kappa/release/current"
    assert json.loads((release / "manifest.json").read_text())["grounding"]["simulated"] == 1
    assert "**Simulated tool results.** In 1 of 2" in (release / "README.md").read_text()
    status = said(kappa("status", "--json", cwd=tmp_path, PATH=no_bubblewrap))
    (generate,) = (each for each in status["stages"] if each["stage"] == "generate")
    assert (generate["status"], generate["grounding"]["simulated"]) == ("up to date", 1)
    shown = kappa("show", "fix_failing_test/0:none", cwd=tmp_path, PATH=no_bubblewrap).stdout
    for words in ("tool results simulated", "[simulated]", "not verified"):
        assert words in shown
    push = ("push", "./out", "--allow-embedded")
    one_line(
        kappa(*push, cwd=tmp_path, PATH=no_bubblewrap), 2, "1 conversation", "--allow-simulated"
    )
    sent = kappa(*push, "--allow-simulated", cwd=tmp_path, PATH=no_bubblewrap)
    assert sent.returncode == 0, sent.stderr
    strict = kappa(
        "validate", "--set", "validate.accept_unverified=false", "--json",
        cwd=tmp_path, PATH=no_bubblewrap,
    )  # fmt: skip
    assert said(strict)["rejected"] == {"unverified": 1}
    one_line(kappa("generate", "--fresh", *FEW, cwd=tmp_path, PATH=no_bubblewrap), 4, "bubblewrap")


def test_unsafe_local_from_plan_to_push(tmp_path: Path, no_bubblewrap: str) -> None:
    flag, variable = ("--unsafe-local",), {VARIABLE: "1"}
    words = ("without any protection", VARIABLE, "--unsafe-local")
    path = {"PATH": no_bubblewrap}
    one_line(kappa("plan", *FEW, *flag, cwd=tmp_path, **path), 2, *words)
    one_line(kappa("plan", *FEW, cwd=tmp_path, **path, **variable), 2, *words)
    done = kappa("generate", *FEW, *flag, cwd=tmp_path, **path, **variable)
    assert done.returncode == 0, done.stderr
    assert "WARNING: unsafe-local" in done.stderr.splitlines()[0]
    # Up to date, so nothing runs and the variable is not needed any more.
    built = said(kappa("release", "--json", cwd=tmp_path, **path))
    generate = built["stages"][1]
    assert (generate["status"], generate["figures"]["verified_share"]) == (
        "up-to-date",
        {"none": 1},
    )
    assert built["figures"]["grounding"] == {"none": 1, "unsafe-local": 1}
    release = tmp_path / "data/persona_kappa/release/current"
    assert "**Not isolated.**" in (release / "README.md").read_text()
    push = ("push", "./out", "--allow-embedded")
    one_line(kappa(*push, cwd=tmp_path, **path), 2, "--allow-unsafe-local")
    assert kappa(*push, "--allow-unsafe-local", cwd=tmp_path, **path).returncode == 0


def test_flags_and_what_they_keep(tmp_path: Path) -> None:
    kept = tmp_path / "data/persona_kappa/settings.json"
    done = kappa("plan", *FEW, "--simulate-tools", "--set", "sandbox.call_seconds=5", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(kept.read_text())["sandbox"] == {"call_seconds": 5, "grounding": "simulated"}
    one_line(kappa("plan", "--top-up", "--simulate-tools", cwd=tmp_path), 2, "give it none")
    again = kappa("generate", "--limit", "1", cwd=tmp_path)
    assert "sandbox.grounding=simulated" in again.stderr
    dropped = kappa("plan", "--families", "maths", "--tasks", "1", cwd=tmp_path)
    assert "not kept" in dropped.stderr
    assert "sandbox.grounding=simulated" in dropped.stderr
    assert "sandbox" not in json.loads(kept.read_text())


def test_either_nothing_runs_or_it_runs() -> None:
    values = {
        "rootfs": None,
        "tool": ["a.py", "b.py"],
        "simulate_tools": False,
        "unsafe_local": True,
    }
    assert sandbox_flags.taken(dict(values)) == {
        "tools": ("a.py", "b.py"),
        "grounding": "unsafe-local",
    }
    with pytest.raises(UsageError, match="say one"):
        sandbox_flags.taken(values | {"simulate_tools": True})


def test_the_version(tmp_path: Path) -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    done = kappa("--version", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"kappa-data {project['version']}\n")
