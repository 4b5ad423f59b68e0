"""The journal: what was appended is found again, whatever happened to the file's end or middle."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kappa_data.errors import Stopped
from kappa_data.records import FunctionCall, ToolCall, Usage, Verdict
from kappa_data.sandbox import ToolResult
from kappa_data.teacher.api import ChatAnswer, ChatRequest, digest
from kappa_data.teacher.journal import Entry, Journal, Key


def answered(
    slot: str, step: int, text: str, asked: str = "", max_tokens: int | None = None
) -> Entry:
    call = ToolCall("call_1", FunctionCall("bash", '{"command": "ls"}'))
    answer = ChatAnswer(text, "thought", (call,), "stop", Usage(3, 4, 1))
    digest = asked or f"digest of {text}"
    return Entry(slot, Key("assistant", step), digest, answer=answer, max_tokens=max_tokens)


def test_entries_come_back_by_slot_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "generate" / "journal.jsonl"
    wanted = [
        answered("a/0:none", 0, "höflich\n\u2028 \x00 line", max_tokens=7),
        Entry("a/0:none", Key("tool", 0), "d", result=ToolResult("out", exit_code=1)),
        answered("b/0:none", 0, "other"),
        Entry("a/0:none", Key("verdict", 0), "d", verdict=Verdict(False, "no")),
    ]
    with Journal(path) as journal:
        for entry in wanted:
            journal.append(entry)
        assert journal.slot("b/0:none") == {(wanted[2].key, "digest of other"): wanted[2]}
    with Journal(path) as journal:
        assert list(journal.slot("a/0:none").values()) == [wanted[0], wanted[1], wanted[3]]
        assert list(journal.entries()) == [wanted[0], wanted[1], wanted[3], wanted[2]]
        assert journal.slot("c/0:none") == {}
    assert all(json.loads(line) for line in path.read_bytes().split(b"\n") if line)


def test_the_last_answer_to_a_question_wins_and_other_questions_keep_theirs(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.jsonl"
    for asked, text in (("warm", "first"), ("cold", "second"), ("warm", "third")):
        with Journal(path) as journal:
            journal.append(answered("a/0:none", 0, text, asked))
    with Journal(path) as journal:
        found = journal.slot("a/0:none")
        assert len(list(journal.entries())) == 2
    texts = {digest: entry.answer and entry.answer.content for (_, digest), entry in found.items()}
    assert texts == {"warm": "third", "cold": "second"}


@given(cut=st.integers(min_value=1, max_value=400))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_torn_last_line_is_cut_and_costs_itself_alone(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "journal.jsonl"
    path.unlink(missing_ok=True)
    with Journal(path) as journal:
        for step in range(4):
            journal.append(answered("a/0:none", step, "text"))
    whole = path.read_bytes()
    left = whole[: max(len(whole) - cut, 0)]
    path.write_bytes(left)
    with Journal(path) as journal:
        kept = left.count(b"\n")
        assert [entry.key.step for entry in journal.entries()] == list(range(kept))
        assert journal.torn == len(left) - (left.rfind(b"\n") + 1)
        assert journal.damaged == []
        journal.append(answered("a/0:none", 9, "after"))
    with Journal(path) as journal:
        assert [entry.key.step for entry in journal.entries()] == [*range(kept), 9]


@pytest.mark.parametrize(
    "garbage", [b"{", b"\xff\xfe\x00", b"", b'{"slot": "a/0:none"}', b"[" * 5000, b"null"]
)
def test_a_damaged_line_is_named_and_skipped(tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        for step in range(3):
            journal.append(answered("a/0:none", step, "text"))
    lines = path.read_bytes().split(b"\n")
    lines[1] = garbage
    path.write_bytes(b"\n".join(lines))
    with Journal(path) as journal:
        assert [entry.key.step for entry in journal.entries()] == [0, 2]
        (report,) = journal.damaged
    assert report.startswith(f"{path}:2:")


def test_a_full_disk_stops_the_run_and_keeps_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.append(answered("a/0:none", 0, "kept"))
    write = os.write
    calls = 0

    def full(descriptor: int, data: bytes) -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            return write(descriptor, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(Stopped, match="disk is full"):
        journal.append(answered("a/0:none", 1, "lost"))
    monkeypatch.setattr(os, "write", write)
    journal.append(answered("a/0:none", 2, "after"))
    journal.close()
    with Journal(path) as again:
        assert [entry.key.step for entry in again.entries()] == [0, 2]
        assert again.torn == 0
        assert again.damaged == []


def test_a_write_that_takes_a_little_at_a_time_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    wanted = [answered("a/0:none", step, "text") for step in range(3)]
    with Journal(tmp_path / "journal.jsonl") as journal:
        monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:7]))
        for entry in wanted:
            journal.append(entry)
        monkeypatch.setattr(os, "write", write)
        assert list(journal.entries()) == wanted
    with Journal(tmp_path / "journal.jsonl") as again:
        assert list(again.entries()) == wanted
        assert again.damaged == []


def test_a_failing_sync_is_not_swallowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    journal = Journal(tmp_path / "journal.jsonl")
    journal.append(answered("a/0:none", 0, "text"))
    monkeypatch.setattr(os, "fdatasync", full)
    with pytest.raises(Stopped):
        journal.close()


CHILD = """
import sys
from pathlib import Path
from kappa_data.teacher.journal import Entry, Journal, Key
from kappa_data.records import Usage
from kappa_data.teacher.api import ChatAnswer
with Journal(Path(sys.argv[1])) as journal:
    for step in range(10**9):
        answer = ChatAnswer("x" * (step % 5000), None, (), "stop", Usage())
        journal.append(Entry("a/0:none", Key("assistant", step), "d", answer=answer))
        print(step, flush=True)
"""


def test_a_killed_process_loses_nothing_that_append_returned_for(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1] / "pipeline")},
    )
    assert child.stdout is not None
    seen = -1
    for line in child.stdout:
        seen = int(line)
        if seen >= 300:
            child.send_signal(signal.SIGKILL)
            break
    child.wait()
    child.stdout.close()
    with Journal(path) as journal:
        steps = [entry.key.step for entry in journal.entries()]
        assert journal.damaged == []
    assert steps == list(range(len(steps)))
    assert len(steps) > seen


def test_the_digest_sees_what_decides_the_answer_and_nothing_else() -> None:
    schema = {"type": "object", "properties": {"a": {}, "b": {}}}
    tool = {"type": "function", "function": {"name": "t", "parameters": schema}}
    base = ChatRequest("m", ({"role": "user", "content": "hi"},), (tool,), 1.0, 1.0, 100, "low", 1)
    turned = {"type": "object", "properties": {"b": {}, "a": {}}}
    other_order = {"type": "function", "function": {"name": "t", "parameters": turned}}

    def but(**changes: object) -> ChatRequest:
        fields = {name: getattr(base, name) for name in base.__struct_fields__}
        return ChatRequest(**(fields | changes))  # type: ignore[arg-type]

    same = [but(), but(max_tokens=None), but(metadata={"slot": "x"})]
    different = [
        but(model="n"),
        but(messages=({"role": "user", "content": "hi "},)),
        but(messages=({"role": "system", "content": "hi"},)),
        but(tools=()),
        but(tools=(other_order,)),
        but(temperature=0.9),
        but(temperature=None),
        but(top_p=0.9),
        but(reasoning_effort=None),
        but(seed=2),
    ]
    assert {digest(each) for each in same} == {digest(base)}
    assert len({digest(each) for each in [base, *different]}) == len(different) + 1
