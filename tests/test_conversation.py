"""The loop of one conversation, with a scripted teacher and a fake sandbox."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fakes import (
    PLAIN,
    SECRET,
    TASK,
    FakeSandbox,
    ScriptedTeacher,
    calls,
    run_of,
    says,
    slot_of,
)
from kappa_data.conversation.outages import Unfinished
from kappa_data.conversation.play import play
from kappa_data.conversation.pool import Drained
from kappa_data.errors import Stopped
from kappa_data.records import Conversation, Message, Rejected, Task, Usage, canonical_json
from kappa_data.sandbox import tree_digest
from kappa_data.teacher.api import ChatAnswer, Kind, TeacherError
from kappa_data.teacher.journal import Journal

WRITE = ("write_file", json.dumps({"path": "out.txt", "content": f"{SECRET}-content"}))
BASH = ("bash", '{"command": "date"}')
GOOD = [
    calls(BASH, text="Let me look."),
    calls(WRITE),
    says("Done that."),
    says(f"And {SECRET}-said."),
]
GOOD_USER = [says("Now append it.", reasoning="next goal"), says("[DONE]")]


def perform(
    folder: Path,
    teacher: ScriptedTeacher,
    task: Task = TASK,
    sandbox: FakeSandbox | None = None,
    persona: str | None = None,
    **config: Any,
) -> Conversation | Rejected:
    sandbox = sandbox or FakeSandbox()

    async def run() -> Conversation | Rejected:
        with Journal(folder / "journal.jsonl") as journal:
            state = run_of(folder, teacher, journal, sandbox, **config)
            return await play(state, slot_of(task, persona), task)

    return asyncio.run(run())


def made(outcome: Conversation | Rejected) -> Conversation:
    assert isinstance(outcome, Conversation), outcome
    return outcome


def test_a_conversation_from_the_opening_to_the_verdict(tmp_path: Path) -> None:
    teacher, sandbox = ScriptedTeacher(GOOD, GOOD_USER), FakeSandbox()
    outcome = made(perform(tmp_path, teacher, sandbox=sandbox))
    assert [message.role for message in outcome.messages] == [
        *("user", "assistant", "tool", "assistant", "tool", "assistant", "user", "assistant")
    ]
    assert outcome.messages[0].content == TASK.opening
    assert outcome.messages[6].content == "Now append it."
    assert outcome.messages[1].reasoning == "because"
    assert outcome.messages[2].tool_call_id == outcome.messages[1].tool_calls[0].id
    assert [
        message.finish_reason for message in outcome.messages if message.role == "assistant"
    ] == [*("tool_calls", "tool_calls", "stop", "stop")]
    assert all(message.train for message in outcome.messages)
    assert outcome.verdict is not None
    assert outcome.verdict.passed
    assert outcome.verdict.tree == tree_digest(sandbox.boxes[0].files)
    calls = [call.id for message in outcome.messages for call in message.tool_calls]
    assert [each.tool_call_id for each in outcome.outcomes] == calls
    assert [each.exit_code for each in outcome.outcomes] == [0, None]
    provenance = outcome.provenance
    assert (provenance.source, provenance.teacher) == ("generate", "openai-compatible")
    assert (provenance.grounding, provenance.toolchain) == ("executed", "fake toolchain")
    assert provenance.usage == Usage(60, 18, 6)
    assert json.loads(provenance.sampling)["max_tokens"] == 4096
    assert provenance.sampling == canonical_json(json.loads(provenance.sampling))
    assert outcome.tools is not None
    assert [tool["function"]["name"] for tool in json.loads(outcome.tools)] == list(TASK.tools)
    assert [box.closed for box in sandbox.boxes] == [True]


def test_each_side_is_shown_its_own_view(tmp_path: Path) -> None:
    teacher = ScriptedTeacher(GOOD, GOOD_USER)
    perform(tmp_path, teacher)
    last = teacher.of("assistant")[-1].messages
    assert [message["role"] for message in last] == [
        *("system", "user", "assistant", "tool", "assistant", "tool", "assistant", "user")
    ]
    assert last[0]["content"] == "You play nobody with read_file, write_file, bash."
    assert last[2]["content"] == "Let me look."
    assert last[4]["content"] is None
    assert last[4]["tool_calls"][0]["function"]["arguments"] == WRITE[1]
    assert last[3]["tool_call_id"] == last[2]["tool_calls"][0]["id"]
    assert all("reasoning" not in message for message in last)
    first, second = (request.messages for request in teacher.of("user"))
    assert list(first) == [
        {"role": "system", "content": f"You want: {TASK.opening} {TASK.goals[0]}"},
        {"role": "assistant", "content": TASK.opening},
        {"role": "user", "content": "Let me look.\n\nDone that."},
    ]
    assert second[3:] == (
        {"role": "assistant", "content": "Now append it."},
        {"role": "user", "content": f"And {SECRET}-said."},
    )
    assert teacher.of("user")[0].tools == ()


def test_reasoning_is_echoed_within_the_turn_where_the_server_wants_it(tmp_path: Path) -> None:
    teacher = ScriptedTeacher(GOOD, GOOD_USER)

    async def run() -> None:
        with Journal(tmp_path / "journal.jsonl") as journal:
            state = run_of(tmp_path, teacher, journal, FakeSandbox())
            state.echo_reasoning = True
            await play(state, slot_of(TASK), TASK)

    asyncio.run(run())
    third, last = (request.messages for request in teacher.of("assistant")[2:])
    assert [message.get("reasoning") for message in third[2:5:2]] == ["because", "because"]
    assert all("reasoning" not in message for message in last)


def test_no_request_to_the_assistant_carries_what_it_must_not_know(tmp_path: Path) -> None:
    """TASK has SECRET in its goals, verifier and reference; nothing else says it here."""
    plain = [calls(BASH), calls(("read_file", '{"path": "notes.txt"}')), says("a"), says("b")]
    teacher = ScriptedTeacher(plain, [says("Please go on."), says("[DONE]")])
    outcome = made(perform(tmp_path, teacher))
    assert SECRET in msgspec.json.encode(TASK).decode()
    assert len(teacher.of("assistant")) == 4
    for request in teacher.of("assistant"):
        assert SECRET not in msgspec.json.encode(request).decode()
    assert SECRET not in msgspec.json.encode(outcome.messages).decode()
    assert outcome.verdict is not None
    assert not outcome.verdict.passed


def test_the_record_holds_the_users_system_message_and_no_brief(tmp_path: Path) -> None:
    teacher = ScriptedTeacher([says("four")])

    async def run() -> Conversation | Rejected:
        with Journal(tmp_path / "journal.jsonl") as journal:
            state = run_of(tmp_path, teacher, journal)
            slot = msgspec.structs.replace(slot_of(PLAIN), system="Persona: wizard")
            return await play(state, slot, PLAIN)

    outcome = made(asyncio.run(run()))
    assert outcome.messages[0] == Message(role="system", content="Persona: wizard")
    assert "You play" not in msgspec.json.encode(outcome).decode()
    assert "wizard" not in msgspec.json.encode(teacher.requests).decode()
    assert (outcome.tools, outcome.provenance.grounding) == (None, "none")
    assert outcome.verdict is not None
    assert outcome.verdict.passed


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (("bash", '{"command": '), "not a JSON object"),
        (("bash", "[1]"), "not a JSON object"),
        (("bash", '{"command": "a", "command": "b"}'), "stands twice"),
        (("bash", '{"command": NaN}'), "not a JSON object"),
        (("bash", "[" * 100_000), "not a JSON object"),
        (("bash", "{}"), "command"),
        (("bash", '{"command": 5}'), "command"),
        (("fly", "{}"), 'no tool "fly"'),
        (("edit_file", '{"path": "a", "old_string": "b", "new_string": "c"}'), "read_file"),
    ],
)
def test_a_wrong_call_is_answered_and_not_trained(
    tmp_path: Path, call: tuple[str, str], words: str
) -> None:
    """The recovery stays a target, and no server is sent arguments that it could not parse."""
    sandbox = FakeSandbox()
    teacher = ScriptedTeacher([calls(call), calls(WRITE), says(f"{SECRET}-said")])
    outcome = made(perform(tmp_path, teacher, sandbox=sandbox))
    wrong, answer, recovery = outcome.messages[1:4]
    assert wrong.tool_calls[0].function.arguments == call[1]
    assert (wrong.train, recovery.train) == (False, True)
    assert words in answer.content
    assert sandbox.calls == {"write_file": 1}
    for message in teacher.of("assistant")[-1].messages:
        for each in message.get("tool_calls", ()):
            assert isinstance(json.loads(each["function"]["arguments"]), dict)


def test_parallel_calls_run_in_order_and_one_wrong_one_stops_none(tmp_path: Path) -> None:
    read = ("read_file", '{"path": "out.txt"}')
    teacher = ScriptedTeacher([calls(read, WRITE, ("bash", "{"), read), says("done")])
    outcome = made(perform(tmp_path, teacher))
    assert [message.content[:7] for message in outcome.messages[2:6]] == [
        *("no file", "written", "bash: t", f"{SECRET}-"[:7])
    ]
    assert [message.name for message in outcome.messages[2:6]] == [
        *("read_file", "write_file", "bash", "read_file")
    ]
    assert not outcome.messages[1].train


def test_ids_of_calls_become_unique_and_match_their_results(tmp_path: Path) -> None:
    def named(*ids: str) -> ChatAnswer:
        arguments = ('{"path": "a"}', '{"path": "b"}')
        wanted = zip(ids, arguments, strict=False)
        return calls(*(("read_file", text, name) for name, text in wanted))

    script = [named("x", "x"), named("", "call_0002"), named("x", "fresh"), says("done")]
    outcome = made(perform(tmp_path, ScriptedTeacher(script)))
    ids = [call.id for message in outcome.messages for call in message.tool_calls]
    assert len(set(ids)) == len(ids) == 6
    assert ids[0] == "x"
    assert ids[-1] == "fresh"
    assert [m.tool_call_id for m in outcome.messages if m.role == "tool"] == ids


UNFIT: list[tuple[str, list[ChatAnswer], list[ChatAnswer], dict[str, Any]]] = [
    ("cut off", [says("half a sen", finish="length")], [], {}),
    ("teacher:refused", [says("I can", finish="content_filter")], [], {}),
    ("empty answer", [says(" \n")], [], {}),
    ("loop", [calls(BASH)] * 4, [], {}),
    ("loop", [calls(BASH, BASH), calls(BASH, BASH)], [], {}),
    ("too many steps", [calls(BASH), calls(WRITE, BASH)], [], {"max_steps": 2}),
    ("too many turns", [says("a"), says("b")], [says("more"), says("and more")], {"max_turns": 2}),
    ("too many tokens", [says("a")], [], {"max_conversation_tokens": 11}),
    ("user empty", [says("a")], [says("")], {}),
    ("user malformed", [says("a")], [says("Sure. [REPLY] Yes.")], {}),
    ("user malformed", [says("a")], [says("Fine, [DONE], or not?")], {}),
    ("teacher:refused", [says("a")], [says("I ca", finish="content_filter")], {}),
    ("user cut off", [says("a")], [says("and th", finish="length")], {}),
    ("out of scope", [says("a")], [says("[OUT OF SCOPE]")], {}),
]


@pytest.mark.parametrize(("rule", "assistant", "user", "config"), UNFIT)
def test_what_ends_a_conversation_goes_to_quarantine(
    tmp_path: Path,
    rule: str,
    assistant: list[ChatAnswer],
    user: list[ChatAnswer],
    config: dict[str, Any],
) -> None:
    outcome = perform(tmp_path, ScriptedTeacher(assistant, user), **config)
    assert isinstance(outcome, Rejected)
    (finding,) = outcome.findings
    assert (finding.rule, finding.severity) == (rule, "reject")
    assert finding.evidence
    assert outcome.conversation is not None
    messages = outcome.conversation.messages
    assert finding.message == len(messages) - 1
    assert outcome.conversation.provenance.usage.requests > 0


def test_the_time_limit_counts_what_the_journal_says_and_ends_a_replay_alike(
    tmp_path: Path,
) -> None:
    slow = [msgspec.structs.replace(each, seconds=20.0) for each in GOOD]
    first = perform(tmp_path, ScriptedTeacher(slow, GOOD_USER), max_seconds=50)
    assert isinstance(first, Rejected)
    assert first.findings[0].rule == "too much time"
    teacher = ScriptedTeacher([])
    assert perform(tmp_path, teacher, max_seconds=50) == first
    assert teacher.requests == []
    # More time goes on where it ended, and buys nothing twice.
    rest = ScriptedTeacher(slow[3:], GOOD_USER)
    made(perform(tmp_path, rest, max_seconds=100))
    assert len(rest.requests) == 3


def test_a_different_call_in_between_is_no_loop(tmp_path: Path) -> None:
    script = [calls(BASH)] * 3 + [calls(WRITE)] + [calls(BASH)] * 3 + [says("done")]
    made(perform(tmp_path, ScriptedTeacher(script)))


@pytest.mark.parametrize("last", ["[DONE]", " [DONE]\n", "Thank you! [DONE]", "[DONE] Bye."])
def test_the_ways_to_say_done(tmp_path: Path, last: str) -> None:
    outcome = made(perform(tmp_path, ScriptedTeacher([says("a")], [says(last)])))
    assert outcome.messages[-1].content == "a"


def test_a_dead_box_is_replaced_once(tmp_path: Path) -> None:
    sandbox = FakeSandbox(deaths=1)
    teacher = ScriptedTeacher(GOOD, GOOD_USER)
    outcome = made(perform(tmp_path, teacher, sandbox=sandbox))
    assert outcome.verdict is not None
    assert outcome.verdict.passed
    assert [box.closed for box in sandbox.boxes] == [True, True]
    assert all("died" not in message.content for message in outcome.messages)


def test_a_sandbox_that_stays_dead_leaves_the_slot_unfinished(tmp_path: Path) -> None:
    sandbox = FakeSandbox(deaths=2)
    with pytest.raises(Unfinished) as caught:
        perform(tmp_path, ScriptedTeacher(GOOD, GOOD_USER), sandbox=sandbox)
    assert caught.value.why == "sandbox"
    assert all(box.closed for box in sandbox.boxes)
    rest = ScriptedTeacher(GOOD[1:], GOOD_USER)
    made(perform(tmp_path, rest))
    assert len(rest.requests) == 5


@pytest.mark.parametrize("kind", ["rate_limit", "overload", "timeout", "connection"])
def test_an_outage_leaves_the_slot_unfinished_and_keeps_its_answers(
    tmp_path: Path, kind: Kind
) -> None:
    with pytest.raises(Unfinished) as caught:
        perform(tmp_path, ScriptedTeacher([*GOOD[:2], TeacherError(kind, "not now")]))
    assert caught.value.why == kind
    rest = ScriptedTeacher(GOOD[2:], GOOD_USER)
    assert made(perform(tmp_path, rest)).verdict is not None
    assert len(rest.requests) == 4


def test_a_program_that_the_sandbox_lacks_is_told_before_money_is_spent(tmp_path: Path) -> None:
    teacher = ScriptedTeacher(GOOD)
    task = msgspec.structs.replace(TASK, programs=("git", "cobol"))
    outcome = perform(tmp_path, teacher, task, sandbox=FakeSandbox(lacks=("cobol",)))
    assert isinstance(outcome, Rejected)
    assert outcome.findings[0].rule == "program missing"
    assert "cobol" in outcome.findings[0].evidence
    assert teacher.requests == []


@pytest.mark.parametrize("kind", ["context", "refused", "malformed", "bad_request"])
def test_a_lasting_error_of_the_teacher_is_the_slots_reason(tmp_path: Path, kind: Kind) -> None:
    script: Iterable[ChatAnswer | TeacherError] = [calls(BASH), TeacherError(kind, "no")]
    outcome = perform(tmp_path, ScriptedTeacher(script))
    assert isinstance(outcome, Rejected)
    assert outcome.findings[0].rule == f"teacher:{kind}"
    assert outcome.conversation is not None
    assert len(outcome.conversation.messages) == 3


def test_a_finished_journal_asks_nothing_and_opens_no_box(tmp_path: Path) -> None:
    first = perform(tmp_path, ScriptedTeacher(GOOD, GOOD_USER))
    teacher, sandbox = ScriptedTeacher([]), FakeSandbox()
    second = perform(tmp_path, teacher, sandbox=sandbox)
    assert msgspec.msgpack.encode(second) == msgspec.msgpack.encode(first)
    assert teacher.requests == []
    assert sandbox.boxes == []


@pytest.mark.parametrize("lines", range(10))
def test_cut_anywhere_it_goes_on_to_the_same_record(tmp_path: Path, lines: int) -> None:
    """`bash` prints something else in the second run: the journalled result has to stand."""
    first = perform(tmp_path, ScriptedTeacher(GOOD, GOOD_USER))
    journal = tmp_path / "journal.jsonl"
    entries = journal.read_bytes().splitlines(keepends=True)
    assert len(entries) == 9
    journal.write_bytes(b"".join(entries[:lines]))
    kept = [json.loads(entry)["key"]["role"] for entry in entries[:lines]]
    teacher = ScriptedTeacher(GOOD[kept.count("assistant") :], GOOD_USER[kept.count("user") :])
    sandbox = FakeSandbox(clock=1000)
    second = made(perform(tmp_path, teacher, sandbox=sandbox))
    same = msgspec.msgpack.encode(second) == msgspec.msgpack.encode(first)
    assert same == ("tool" in kept)
    assert len(teacher.requests) == 6 - kept.count("assistant") - kept.count("user")
    assert len(sandbox.boxes) == (lines < 9)


def test_a_changed_question_is_asked_again_and_a_larger_limit_only_where_it_was_cut(
    tmp_path: Path,
) -> None:
    long = msgspec.structs.replace(PLAIN, id="plain/1")
    perform(tmp_path, ScriptedTeacher([says("four")]), PLAIN, max_answer_tokens=10)
    cut = perform(
        tmp_path, ScriptedTeacher([says("fo", finish="length")]), long, max_answer_tokens=10
    )
    assert isinstance(cut, Rejected)

    smaller = ScriptedTeacher([])
    assert isinstance(perform(tmp_path, smaller, long, max_answer_tokens=10), Rejected)
    larger = ScriptedTeacher([says("four at last")])
    made(perform(tmp_path, larger, PLAIN, max_answer_tokens=20))
    assert larger.requests == []
    assert (
        made(perform(tmp_path, larger, long, max_answer_tokens=20)).messages[-1].content
        == "four at last"
    )

    warmer = ScriptedTeacher([says("four, warmly")])
    outcome = made(perform(tmp_path, warmer, PLAIN, temperature=0.5, max_answer_tokens=20))
    assert outcome.messages[-1].content == "four, warmly"


def test_going_back_to_earlier_settings_buys_nothing(tmp_path: Path) -> None:
    first = perform(tmp_path, ScriptedTeacher(GOOD, GOOD_USER))
    other = [calls(BASH), says("Otherwise."), says("And so on.")]
    perform(tmp_path, ScriptedTeacher(other, GOOD_USER), temperature=0.7)
    for config, wanted in (
        ({}, first),
        ({"max_answer_tokens": 9000}, None),
        ({"temperature": 0.7}, None),
    ):
        teacher, sandbox = ScriptedTeacher([]), FakeSandbox()
        outcome = made(perform(tmp_path, teacher, sandbox=sandbox, **config))
        assert (teacher.requests, sandbox.boxes) == ([], [])
        assert wanted is None or msgspec.msgpack.encode(outcome) == msgspec.msgpack.encode(wanted)


def test_an_upgrade_of_the_sandboxs_programs_buys_nothing(tmp_path: Path) -> None:
    first = made(perform(tmp_path, ScriptedTeacher(GOOD, GOOD_USER)))
    sandbox = FakeSandbox(clock=1000)
    sandbox.toolchain = "upgraded toolchain"
    teacher = ScriptedTeacher([])
    outcome = made(perform(tmp_path, teacher, sandbox=sandbox))
    assert (teacher.requests, sandbox.boxes) == ([], [])
    assert outcome.messages == first.messages
    assert outcome.provenance.toolchain == "upgraded toolchain"


def test_draining_stops_before_the_next_purchase(tmp_path: Path) -> None:
    teacher = ScriptedTeacher(GOOD, GOOD_USER)

    async def run() -> None:
        with Journal(tmp_path / "journal.jsonl") as journal:
            state = run_of(tmp_path, teacher, journal, FakeSandbox())

            def drain(_: object) -> None:
                state.draining = len(teacher.requests) == 2

            teacher.on_request = drain
            with pytest.raises(Drained):
                await play(state, slot_of(TASK), TASK)

    asyncio.run(run())
    assert len(teacher.requests) == 2
    rest = ScriptedTeacher(GOOD[2:], GOOD_USER)
    assert made(perform(tmp_path, rest)).verdict is not None
    assert len(rest.requests) == 4


def test_boxes_work_no_more_than_so_many_at_a_time(tmp_path: Path) -> None:
    sandbox = FakeSandbox()

    async def run() -> None:
        with Journal(tmp_path / "journal.jsonl") as journal:
            state = run_of(tmp_path, ScriptedTeacher([]), journal, sandbox, boxes=2)
            jobs = []
            for seed in range(12):
                task = msgspec.structs.replace(TASK, id=f"fake/{seed}")
                own = run_of(tmp_path, ScriptedTeacher(GOOD, GOOD_USER), journal, sandbox)
                own.gate = state.gate
                jobs.append(play(own, slot_of(task), task))
            await asyncio.gather(*jobs)

    asyncio.run(run())
    assert sandbox.peak == 2


def test_a_full_disk_is_not_the_slots_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise Stopped("the disk is full")

    monkeypatch.setattr(Journal, "append", full)
    with pytest.raises(Stopped):
        perform(tmp_path, ScriptedTeacher(GOOD))
