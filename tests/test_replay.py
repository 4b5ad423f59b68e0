"""Replay: the classes in real boxes, what the rules may and may not cover, hostile records."""

from __future__ import annotations

import asyncio
import email.utils
import json
import re
import subprocess
import time
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import kappa, said
from fakes import FakeSandbox
from kappa_data.config import SandboxConfig, ValidateConfig
from kappa_data.errors import SandboxDown
from kappa_data.progress import Quiet
from kappa_data.records import (
    CallOutcome,
    Conversation,
    ConversationFinding,
    FunctionCall,
    Message,
    Provenance,
    Rejected,
    TaskText,
    ToolCall,
    Verdict,
    canonical_json,
)
from kappa_data.replay.many import replay_many
from kappa_data.replay.normalise import Moment, agreeing
from kappa_data.replay.rerun import LINE_CHARS, MOST_CALLS, Replayed, replay
from kappa_data.replay.tally import NO_TOOL, Tally
from kappa_data.replay.template import follows
from kappa_data.replay.workspaces import (
    MADE_AGAIN,
    NO_TASK,
    PLANNED,
    REWORDED,
    UNKNOWN_TASK,
    Workspace,
    Workspaces,
)
from kappa_data.resources import Resources
from kappa_data.sandbox import Sandbox, ToolResult, tree_digest
from kappa_data.sandbox.bubblewrap import Bubblewrap
from kappa_data.sandbox.toolset import tool_set
from kappa_data.stage import Context, Outcome, Stage, build
from kappa_data.stages import validate
from kappa_data.store import Sealed
from kappa_data.tasks.catalog import task

FILES = {"notes.txt": "one\ntwo\n"}
TOOLS = ("bash", "read_file", "write_file", "edit_file")
LAST_YEAR = "2025-03-04 10:11:12"


def bash(command: str) -> tuple[str, dict[str, Any]]:
    return "bash", {"command": command}


def record(
    calls: Sequence[tuple[str, dict[str, Any]]],
    results: Sequence[ToolResult],
    tree: str = "",
    **fields: Any,
) -> Conversation:
    """A conversation in which each call is a step of its own."""
    messages = [Message("user", "Go.")]
    outcomes = []
    for number, ((tool, arguments), result) in enumerate(zip(calls, results, strict=True)):
        name = f"c{number}"
        call = ToolCall(name, FunctionCall(tool, json.dumps(arguments)))
        messages += [
            Message("assistant", tool_calls=(call,)),
            Message("tool", result.content, tool_call_id=name, name=tool),
        ]
        outcomes.append(
            CallOutcome(name, result.exit_code, result.error, result.limit, result.truncated)
        )
    messages.append(Message("assistant", "Done."))
    made = Provenance(source="generate", grounding="executed", teacher="embedded")
    values = {
        "id": "r1",
        "tools": json.dumps(tool_set().only(TOOLS).definitions()),
        "provenance": made,
        "verdict": Verdict(True, tree=tree) if tree else None,
        "outcomes": tuple(outcomes),
    }
    return Conversation(messages=tuple(messages), **{**values, **fields})


async def recorded(
    *calls: tuple[str, dict[str, Any]], sandbox: Sandbox | None = None, **fields: Any
) -> Conversation:
    """What a box gave for these calls, with the digest of the files that they left."""
    box = await (sandbox or Bubblewrap()).open(FILES)
    try:
        results = [await box.call(tool, arguments) for tool, arguments in calls]
        return record(calls, results, tree_digest(await box.tree()), **fields)
    finally:
        await box.close()


async def replayed(
    conversation: Conversation, sandbox: Sandbox | None = None, **workspace: Any
) -> Replayed:
    start = Workspace(**{"files": FILES, "source": "test", **workspace})
    return await replay(conversation, start, sandbox or Bubblewrap(), asyncio.Semaphore(1))


def with_message(conversation: Conversation, index: int, **changes: Any) -> Conversation:
    messages = list(conversation.messages)
    messages[index] = msgspec.structs.replace(messages[index], **changes)
    return msgspec.structs.replace(conversation, messages=tuple(messages))


# --- classes, in real boxes -----------------------------------------------------------------------


def test_each_call_gets_its_class():
    async def work() -> tuple[Replayed, Replayed]:
        whole = await recorded(
            bash("cat notes.txt; echo no >&2; exit 3"),
            ("read_file", {"path": "missing.txt"}),
            bash("date"),
            bash("echo fixed; echo $RANDOM$RANDOM$RANDOM; echo end"),
            ("write_file", {"path": "out.txt", "content": "x"}),
        )
        old = with_message(whole, 6, content="Tue Mar  4 10:11:12 UTC 2025\n")
        forged = with_message(old, 8, content=old.messages[8].content.replace("fixed", "forged"))
        return await replayed(old), await replayed(forged)

    one, forged = asyncio.run(work())
    classes = [call.result for call in one.calls]
    assert classes == ["identical", "identical", "normalised", "volatile", "identical"]
    assert one.calls[2].rules == ("date or time",)
    assert (one.result, one.tree, one.toolchain_differs) == ("volatile", "identical", False)
    assert [call.result for call in forged.calls][3] == forged.result == "mismatch"
    assert (forged.calls[3].recorded, forged.calls[3].replayed) == ("forged", "fixed")


def test_the_end_of_a_call_and_the_files_are_compared_too():
    async def work() -> list[Replayed]:
        whole = await recorded(bash("echo a > f; exit 2"))
        (end,) = whole.outcomes
        replace = msgspec.structs.replace
        other_code = replace(whole, outcomes=(replace(end, exit_code=0),))
        other_limit = replace(whole, outcomes=(replace(end, limit="memory"),))
        slow = replace(whole, outcomes=(replace(end, limit="call time", exit_code=None),))
        other_tree = replace(whole, verdict=Verdict(True, tree="0" * 64))
        random = await recorded(bash("echo $RANDOM$RANDOM$RANDOM > f"))
        return [
            await replayed(each)
            for each in (whole, other_code, other_limit, slow, other_tree, random)
        ]

    whole, other_code, other_limit, slow, other_tree, random = asyncio.run(work())
    assert whole.result == whole.tree == "identical"
    assert (other_code.result, other_code.calls[0].reason) == ("mismatch", "exit code 0 -> 2")
    assert (other_limit.result, other_limit.calls[0].reason) == ("mismatch", "limit memory -> none")
    assert slow.result == "volatile"  # a slower machine may well have hit it
    assert (other_tree.result, other_tree.tree) == ("mismatch", "mismatch")
    assert other_tree.calls[0].result == "identical"
    assert (random.result, random.tree) == ("volatile", "volatile")


def test_calls_that_never_ran_get_the_same_words_again():
    wrong = "bash has no argument"
    calls = [bash("true"), ("bash", {"comand": "ls"}), ("fly", {})]
    results = [
        ToolResult("", exit_code=0),
        ToolResult(f'{wrong} "comand"; it takes: command', error=True),
        ToolResult(f'there is no tool "fly"; there are: {", ".join(TOOLS)}', error=True),
    ]
    whole = record(calls, results)
    own = msgspec.structs.replace(whole, outcomes=whole.outcomes[:1])  # as generate leaves it
    found = asyncio.run(replayed(own))
    missing = 'bash: the argument "command" is missing'
    assert [call.result for call in found.calls] == ["identical", "mismatch", "identical"]
    assert found.calls[1].replayed == missing
    assert asyncio.run(replayed(with_message(own, 4, content=missing))).result == "identical"


def test_what_cannot_be_run_is_said():
    calls = [bash("echo a"), ("search", {"q": "x"}), bash("echo b")]
    results = [ToolResult("a\n", exit_code=0), ToolResult("found"), ToolResult("b\n", exit_code=0)]
    imported = Provenance("import", "imported", "imported")
    whole = record(calls, results, tree="1" * 64, provenance=imported, tools=None)
    found = asyncio.run(replayed(whole))
    assert [call.result for call in found.calls] == ["identical", "not run", "not run"]
    assert found.result == "not run"
    assert found.tree is None  # not all calls ran
    assert found.calls[1].reason == "the box has no tool 'search'"
    assert found.calls[2].reason.startswith("a call before it was not run")

    simulated = record(calls[:1], results[:1], provenance=Provenance("generate", "simulated", "m"))
    opened = FakeSandbox()
    assert "simulated" in asyncio.run(replayed(simulated, opened)).reason
    many = record(calls[:1] * (MOST_CALLS + 1), results[:1] * (MOST_CALLS + 1))
    assert asyncio.run(replayed(many, opened)).result == "not run"
    lacks = FakeSandbox(lacks=("git",))
    assert asyncio.run(
        replayed(record(calls[:1], results[:1]), lacks, programs=("git",))
    ).reason == ("the sandbox lacks git")
    assert not opened.boxes
    assert not lacks.boxes


def test_a_result_that_validate_trimmed_is_not_missed():
    whole = record([bash("echo a"), bash("echo b")], [ToolResult("a\n", exit_code=0)] * 2)
    cut = msgspec.structs.replace(whole, messages=whole.messages[:4])
    found = asyncio.run(replayed(cut))
    assert [call.result for call in found.calls] == ["identical", "identical"]


# --- boxes that die -------------------------------------------------------------------------------


def many(
    conversations: Sequence[Conversation], sandbox: Sandbox, boxes: int = 2, strict: bool = False
) -> list[Replayed]:
    async def work() -> list[Replayed]:
        runs = replay_many(conversations, Workspaces(), sandbox, boxes, strict=strict)
        async with aclosing(runs):
            return [each async for each in runs]

    return asyncio.run(work())


def written(name: str) -> Conversation:
    call = ("write_file", {"path": "a", "content": name})
    return record([call], [ToolResult("written")], id=name)


def test_a_dead_box_is_tried_once_more_and_is_no_class():
    fine = many([written("a")], FakeSandbox(deaths=1))
    assert [each.result for each in fine] == ["identical"]
    twice = many([written("a"), written("b")], FakeSandbox(deaths=2), boxes=1)
    assert [each.result for each in twice] == ["not run", "identical"]
    assert twice[0].reason == "the box died"
    with pytest.raises(SandboxDown):
        many([written("a")], FakeSandbox(deaths=2), strict=True)
    with pytest.raises(SandboxDown):  # an outage is not a long list of conversations not run
        many([written(str(n)) for n in range(60)], FakeSandbox(deaths=10**6))


def test_order_and_bound_of_many():
    sandbox = FakeSandbox()
    names = [f"r{number}" for number in range(40)]
    found = many([written(name) for name in names], sandbox, boxes=3)
    assert [each.id for each in found] == names
    assert 1 < sandbox.peak <= 3
    assert all(box.closed for box in sandbox.boxes)


# --- rules ----------------------------------------------------------------------------------------

NOW = Moment(now=time.time(), elapsed=2.5)


def printed(form: str) -> str:
    """What the program `date` prints now."""
    done = subprocess.run(
        ["date", "-u", *([form] if form else [])],
        capture_output=True,
        text=True,
        check=True,
        env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("form", "before"),
    [
        ("", "Tue Mar  4 10:11:12 UTC 2025"),
        ("+%F", "2025-03-04"),
        ("+%F %T", LAST_YEAR),
        ("--iso-8601=seconds", "2025-03-04T10:11:12+00:00"),
        ("--iso-8601=ns", "2025-03-04T10:11:12,123456789+00:00"),
        ("--rfc-3339=seconds", "2025-03-04 10:11:12+00:00"),
        ("-R", "Tue, 04 Mar 2025 10:11:12 +0000"),
        ("+%d/%b/%Y:%T %z", "04/Mar/2025:10:11:12 +0000"),
        ("+%b %e %H:%M", "Mar  4 10:11"),
        ("+%Y%m%d_%H%M%S", "20250304_101112"),
        ("+%T", "10:11:12"),
        ("+%s", "1741083072"),
        ("+%s%N", "1741083072123456789"),
        ("+%s.%N", "1741083072.123456789"),
    ],
)
def test_the_clock_may_differ(form, before):
    text = "made at {} by hand\n"
    assert agreeing(text.format(before), text.format(printed(form)), NOW)
    # A date that the data holds is not the clock's: it has to come out again.
    assert agreeing(text.format(printed(form)), text.format(before), NOW) is None or form == "+%T"


def test_times_that_python_writes_count():
    mail = email.utils.format_datetime(email.utils.localtime())
    assert agreeing("Tue, 04 Mar 2025 10:11:12 +0000", mail, NOW) == ("date or time",)
    assert agreeing("Tue Mar  4 10:11:12 2025", time.asctime(time.gmtime()), NOW)


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("Ran 5 tests in 0.001s", "Ran 5 tests in 0.012s", "duration"),
        ("real\t0m0.003s", "real\t0m0.011s", "duration"),
        ("took 12 ms", "took 9 ms", "duration"),
        ("<f at 0x7f3a5c0d1e50>", "<f at 0x7f91d80d1e50>", "address"),
        ("/tmp/tmpab12cd3_/x", "/tmp/tmpzz99xy_0/x", "temporary name"),
        ("/tmp/tmp.AbCdEfGhIj", "/tmp/tmp.0123456789", "temporary name"),
        ("[1] 17", "[1] 23", "process number"),
        ("bash: line 1:     7 Killed  x", "bash: line 1:    12 Killed  x", "process number"),
        ("16 bytes copied, 120 MB/s", "16 bytes copied, 98.5 MB/s", "rate"),
    ],
)
def test_a_rule_covers(old, new, rule):
    assert agreeing(old, new, NOW) == (rule,)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Ran 5 tests in 0.001s", "Ran 6 tests in 0.001s"),
        ("slowest request: 840 s", "slowest request: 910 s"),  # longer than the box lived
        ("due 2025-03-04", "due 2025-03-05"),
        ("mask 0xdeadbeef", "mask 0xdeadbeee"),
        ("total 17", "total 23"),
        ("/tmp/x/tmp_results.txt", "/tmp/x/tmp_outputs.txt"),
        ("3.25", "3.35"),
        ("commit 1a2b3c4d5e", "commit 1a2b3c4d5f"),
        ("at 0.1s", "at 0.1s and more"),
        ("0.1s 0.2s", "0.1s"),
        ("10 s", f"10 s {LAST_YEAR}"),
    ],
)
def test_no_rule_covers(old, new):
    assert agreeing(old, new, NOW) is None
    assert agreeing(new, old, NOW) is None


@given(st.text(), st.text())
def test_equal_texts_agree_and_nothing_crashes(one, other):
    assert agreeing(one, one, NOW) == ()
    found = agreeing(one, other, NOW)
    assert found is None or one == other or found


@given(st.text(alphabet="0123456789:-/. TZsmx[]tp_\n", max_size=60), st.integers(0, 60))
def test_a_letter_that_no_rule_knows_is_always_seen(text, at):
    assert agreeing(text, f"{text[:at]}Q{text[at:]}", NOW) is None


def test_texts_that_repeat_a_line_without_end_are_not_matched(monkeypatch):
    """To match them takes time by the cube: a hostile file could hold a replay for hours."""
    monkeypatch.delattr("kappa_data.replay.template.SequenceMatcher")
    one, other = ("\n".join(((["a"] * run + ["b"]) * 2000)[:2000]) for run in (9, 10))
    assert not follows("a", one, other, NOW)


def test_long_texts_of_different_lines_are_matched():
    lines = [f"{number}" for number in range(1999)]
    old, one, other = ("\n".join([first, *lines]) for first in "xyz")
    assert follows(old, one, other, NOW)


@given(
    st.lists(st.sampled_from("abc"), max_size=6),
    st.lists(st.sampled_from("abc"), max_size=6),
    st.lists(st.sampled_from("abcxy"), max_size=7),
)
def test_a_record_follows_two_replays_as_the_pattern_of_both(one, other, old):
    """The same question put to `re`: the lines that both share, and anything in the gaps."""
    from difflib import SequenceMatcher

    steps = SequenceMatcher(None, one or [""], other or [""], autojunk=False).get_opcodes()
    pattern = "".join(
        "".join(f"{line};" for line in (one or [""])[start:end]) if kind == "equal" else "([^;]*;)*"
        for kind, start, end, _, _ in steps
    )
    wanted = one != other and re.fullmatch(pattern, "".join(f"{x};" for x in old or [""]))
    assert follows("\n".join(old), "\n".join(one), "\n".join(other), NOW) == bool(wanted)


# --- workspaces -----------------------------------------------------------------------------------


def test_the_files_come_from_the_plan_else_from_the_family():
    made = task("data_csv/1")
    told = Conversation("x", (Message("user", made.opening),), task_id=made.id)
    assert Workspaces().of(told).source == MADE_AGAIN
    assert Workspaces().of(told).files == made.fixture
    assert made.withheld is not None
    less = msgspec.structs.replace(told, messages=(Message("user", made.withheld.opening),))
    assert Workspaces().of(less).source == MADE_AGAIN
    other = msgspec.structs.replace(told, messages=(Message("user", "Otherwise."),))
    assert Workspaces().of(other).source == f"{MADE_AGAIN}{REWORDED}"
    for name in ("fix_failing_test/1", "rename_across_files/1"):  # `grep -r` shows the order
        several = task(name)
        stored = TaskText(name, several.family, canonical_json(several))
        its = msgspec.structs.replace(told, task_id=name)
        assert [*Workspaces().of(its).files] == [*Workspaces([stored]).of(its).files]
    changed = msgspec.structs.replace(made, fixture={"a": "b"})
    planned = Workspaces([TaskText(made.id, made.family, canonical_json(changed))]).of(told)
    assert (planned.source, planned.files) == (PLANNED, {"a": "b"})
    assert Workspaces().of(msgspec.structs.replace(told, task_id=None)).source == NO_TASK
    for name in ("nothing/1", "data_csv/99999999999999999999", "data_csv/-1", "/", "data_csv/٣"):
        strange = msgspec.structs.replace(told, task_id=name)
        assert (Workspaces().of(strange).source, Workspaces().of(strange).files) == (
            UNKNOWN_TASK,
            {},
        )


# --- the command ----------------------------------------------------------------------------------


def lines_of(folder: Path) -> list[dict[str, Any]]:
    files = (folder / "data/persona_kappa/release/current/conversations").glob("*.parquet")
    return [row for file in sorted(files) for row in pq.read_table(file).to_pylist()]


def test_a_dataset_comes_out_again(built, tmp_path):
    few = ("--families", "fix_failing_test", "--tasks", "1", "--personas", "lawful_good,none")
    made = kappa("generate", *few, "--teacher", "embedded", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    some = ("--family", "log_forensics", "--limit", "6")
    for folder, limited, number in ((tmp_path, (), 2), (built, some, 6)):
        done = kappa("replay", "--json", *limited, cwd=folder)
        assert done.returncode == 0, done.stderr
        found = said(done)
        assert found["conversations"] == {"identical": number}
        assert found["trees"] == {"identical": number}
        assert found["workspaces"] == {PLANNED: number}


def test_a_release_from_elsewhere_and_a_forged_line(built, tmp_path):
    plain = (each for each in lines_of(built) if not each["special"])
    row = next(each for each in plain if each["family"] == "log_forensics")
    at = next(n for n, each in enumerate(row["messages"]) if each["role"] == "tool")
    forged = json.loads(json.dumps(row))
    forged["id"] = "forged"
    forged["messages"][at]["content"] += "\x1b]0;owned\x07 \u202e"
    broken = {**row, "messages": "none"}
    file = tmp_path / "some.jsonl"
    file.write_text("\n".join(json.dumps(each) for each in (row, forged, broken)))
    before = file.read_bytes()

    done = kappa("replay", file, "--json", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    found = said(done)
    assert found["conversations"] == {"identical": 1, "mismatch": 1}
    assert found["workspaces"] == {MADE_AGAIN: 2}
    assert len(found["unreadable"]) == 1
    (shown,) = found["not identical"]
    assert (shown["id"], shown["calls"][0]["message"]) == ("forged", at - 1)

    table = kappa("replay", file, cwd=tmp_path)
    assert table.returncode == 1
    assert "mismatch: forged" in table.stdout
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", table.stdout + table.stderr)
    assert file.read_bytes() == before


def test_a_folder_of_datasets_and_a_broken_line_are_named(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / "release/current/conversations").mkdir(parents=True)
    done = kappa("replay", tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert f"2 datasets lie in it; name one of them: {tmp_path}/one, {tmp_path}/two" in done.stderr
    file = tmp_path / "talks.jsonl"
    talk = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    file.write_text(f"{json.dumps(talk)}\nbroken\n")
    done = kappa("replay", file, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "records not read: 1 (talks.jsonl:2: not JSON" in done.stdout


def test_a_foreign_file_runs_in_an_empty_workspace(tmp_path):
    call = {"id": "c", "function": {"name": "bash", "arguments": '{"command": "ls; echo hi"}'}}
    talk = {
        "messages": [
            {"role": "user", "content": "Look."},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": "hi\n"},
            {"role": "assistant", "content": "Nothing there."},
        ]
    }
    file = tmp_path / "talk.jsonl"
    file.write_text(json.dumps(talk))
    found = said(kappa("replay", file, "--json", cwd=tmp_path))
    assert (found["conversations"], found["workspaces"]) == ({"identical": 1}, {NO_TASK: 1})


def test_a_hostile_record_is_read_all_the_same():
    """Definitions that are no list, a thousand names that are no tool, a text of megabytes."""
    wide = [(f"t{number}" * 50, {}) for number in range(300)]
    whole = record(wide, [ToolResult("x")] * 300, tools="5")
    found = asyncio.run(replayed(whole, FakeSandbox()))
    assert {call.result for call in found.calls} == {"not run"}
    tally = Tally(tool_set())
    tally.count(found)
    assert tally.figures()["tools"] == {NO_TOOL: {"not run": 300}}

    long = record([bash("true")], [ToolResult("2025-01-01\n" * 400_000)])
    (call,) = asyncio.run(replayed(long, FakeSandbox())).calls
    assert call.result == "mismatch"
    assert len(call.recorded) + len(call.replayed) <= 2 * LINE_CHARS


def test_one_clear_line_where_there_is_nothing(built, tmp_path):
    for arguments, words in (
        ((), "there is no dataset persona_kappa in data"),
        (("missing.jsonl",), "no such file"),
    ):
        done = kappa("replay", *arguments, cwd=tmp_path)
        assert (done.returncode, words in done.stderr) == (2, True), done.stderr
    done = kappa("replay", "--family", "log_forensic", cwd=built)
    assert done.returncode == 2
    assert 'did you mean "log_forensics"' in done.stderr


def test_without_a_sandbox_the_exit_code_is_4(built, tmp_path):
    done = kappa("replay", cwd=built, PATH=str(tmp_path))
    assert done.returncode == 4
    assert "apt-get install bubblewrap" in done.stderr


# --- validate.replay ------------------------------------------------------------------------------


def sealed_source(root: Path, conversations: Sequence[Conversation]) -> Sealed:
    def make(ctx: Context[Any]) -> Outcome:
        with ctx.writer("conversations", Conversation) as writer:
            for each in conversations:
                writer.write(each)
        with ctx.writer("quarantine", Rejected):
            pass
        return Outcome()

    stage = Stage("generate", 1, make, ("conversations",))
    return build(stage, ValidateConfig(), {}, Resources(), root, Quiet())[0]


def test_validate_rejects_what_does_not_come_out_again(tmp_path):
    async def work() -> list[Conversation]:
        fine = await recorded(bash("echo a"), id="fine")
        forged = with_message(msgspec.structs.replace(fine, id="forged"), 2, content="b\n")
        random = await recorded(bash("echo $RANDOM$RANDOM$RANDOM"), id="random")
        foreign = msgspec.structs.replace(
            forged, id="foreign", provenance=Provenance("import", "imported", "imported")
        )
        return [fine, forged, random, foreign]

    # Their task is unknown, so the workspace is empty; and so was what they left, but for notes.
    talks = [msgspec.structs.replace(each, verdict=None) for each in asyncio.run(work())]
    source = sealed_source(tmp_path / "source", talks)
    stage = Stage("validate", 1, validate.run, ("conversations",), boxed=lambda config: True)
    made = [
        build(
            stage,
            ValidateConfig(replay=replayed, workers=workers),
            {"generate": source},
            Resources(),
            tmp_path / f"{replayed}-{workers}",
            Quiet(),
            SandboxConfig(),
        )[0]
        for replayed, workers in ((False, 1), (True, 1), (True, 2))
    ]
    without, one, two = made
    assert not without.manifest.rejected
    assert one.manifest.rejected == {"replay mismatch": 1}
    (refused,) = one.read("quarantine", Rejected)
    assert refused.conversation == talks[1]
    assert [(each.rule, each.message) for each in refused.findings] == [("replay mismatch", 1)]
    notes = [each for each in one.read("findings", ConversationFinding) if each.severity == "note"]
    assert [(each.conversation_id, each.rule) for each in notes] == [("random", "replay volatile")]
    kept = {each.id: each for each in one.read("conversations", Conversation)}
    assert kept == {each.id: each for each in talks if each.id != "forged"}
    assert one.digest == two.digest


def test_boxes_are_needed_only_where_a_box_of_ours_gave_results(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    talk = record([bash("echo a")], [ToolResult("a\n", exit_code=0)])
    for grounding in ("simulated", "executed"):
        made = msgspec.structs.replace(talk.provenance, grounding=grounding)
        source = sealed_source(
            tmp_path / grounding, [msgspec.structs.replace(talk, provenance=made)]
        )
        inputs = {"generate": source}
        config = ValidateConfig(replay=True, workers=1)
        stage = Stage("validate", 1, validate.run, ("conversations",))
        if grounding == "simulated":
            sealed, _ = build(stage, config, inputs, Resources(), tmp_path / "out", Quiet())
            assert sealed.count("conversations") == 1
        else:
            with pytest.raises(SandboxDown, match=r"apt-get install bubblewrap.*--simulate-tools"):
                build(stage, config, inputs, Resources(), tmp_path / "out", Quiet())
