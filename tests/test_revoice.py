"""Plain words said again in a voice: what is frozen, what is compared, what becomes of the rest."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import FakeSandbox, ScriptedTeacher, calls, run_of, says, slot_of
from kappa_data.config import RoleConfig
from kappa_data.conversation import substance
from kappa_data.conversation.outages import Unfinished
from kappa_data.conversation.play import Run, play
from kappa_data.conversation.pool import in_order
from kappa_data.conversation.shelf import Shelf
from kappa_data.personas import load_personas
from kappa_data.records import (
    AnswerCheck,
    Conversation,
    FileCheck,
    ReferenceTurn,
    Rejected,
    Slot,
    Task,
)
from kappa_data.resources import Resources
from kappa_data.stages.generate import starts
from kappa_data.teacher.api import ChatAnswer, ChatRequest, TeacherError
from kappa_data.teacher.journal import Journal

PLAIN = "There are 12 lines in `a.txt`.\n\n```sh\nwc -l a.txt\n```\n\nAnswer: 12"
VOICED = "Twelve, or rather 12 lines, if you must know, in `a.txt`.\n[[keep 1]]\n\n[[keep 2]]"
TASK = Task(
    id="fake/0",
    family="fake",
    seed=0,
    opening="How many lines?",
    tools=("write_file", "bash"),
    goals=("Thanks, anything odd?",),
    verifier=(
        FileCheck("out.txt", content="12"),
        AnswerCheck(turn=0, required=(r"\nanswer: 12\b",)),
        AnswerCheck(turn=1, required=("blank line",)),
    ),
    reference=(ReferenceTurn("x"), ReferenceTurn("y")),
)
WRITE = calls(
    ("write_file", json.dumps({"path": "out.txt", "content": "12"})), text="I note the number."
)
BASE = [WRITE, says(PLAIN), says("Only a blank line.")]
USER = [says("Anything odd?"), says("[DONE]")]


def written(*texts: str) -> Any:
    return says(json.dumps({"texts": texts}))


GOOD = [written("Noted, sigh.", VOICED), written("A blank line, as if that mattered.")]


def perform(
    folder: Path, teacher: ScriptedTeacher, *slots: Slot, task: Task = TASK, **config: Any
) -> list[Conversation | Rejected]:
    async def run() -> list[Conversation | Rejected]:
        with Journal(folder / "journal.jsonl") as journal:
            state = run_of(folder, teacher, journal, FakeSandbox(), **config)
            state.personas = load_personas(Resources())
            return await asyncio.gather(*(play(state, slot, task) for slot in slots))

    return asyncio.run(run())


def slot(persona: str | None) -> Slot:
    return msgspec.structs.replace(slot_of(TASK, persona), strategy="revoice")


def teacher_of(writer: list[Any], judge: list[Any] | None = None) -> ScriptedTeacher:
    teacher = ScriptedTeacher(BASE, USER)
    teacher.scripts |= {"writer": list(writer), "judge": list(judge or [])}
    return teacher


def one(outcome: list[Conversation | Rejected]) -> Conversation:
    (made,) = outcome
    assert isinstance(made, Conversation), made
    return made


def test_only_the_visible_words_change_and_the_base_is_played_once(tmp_path: Path) -> None:
    teacher = teacher_of([])
    # Whoever asks first gets the first answer: the same two texts do for both.
    teacher.scripts["writer"] = [GOOD[0], GOOD[0], GOOD[1], GOOD[1]]
    plain, evil, good = perform(
        tmp_path, teacher, slot(None), slot("neutral_evil"), slot("lawful_good")
    )
    assert isinstance(plain, Conversation)
    assert (plain.strategy, plain.persona) == ("live", None)
    assert len(teacher.of("assistant")) == 3
    for made, persona in ((evil, "neutral_evil"), (good, "lawful_good")):
        assert isinstance(made, Conversation)
        assert (made.strategy, made.persona) == ("revoice", persona)
        assert made.messages[0].content == f"Persona: {persona}"
        assert made.verdict == plain.verdict
        assert made.verdict is not None
        assert made.verdict.passed
        assert made.outcomes == plain.outcomes
        assert made.provenance.usage.requests == 2
        assert made.provenance.prompts != plain.provenance.prompts
        for before, after in zip(plain.messages, made.messages[1:], strict=True):
            same = msgspec.structs.replace(after, content=before.content)
            assert same == before
            assert (after.content == before.content) == (
                before.role != "assistant" or not before.content
            )
        answer = made.messages[4].content
        assert "```sh\nwc -l a.txt\n```" in answer
        assert answer.endswith("\nAnswer: 12")
        assert "keep" not in answer
    first, second = [each for each in teacher.of("writer") if each.persona == "neutral_evil"]
    assert (first.role, first.schema is not None, first.tools) == ("writer", True, ())
    assert "Answer: 12" not in first.messages[-1]["content"]
    assert second.messages[: len(first.messages)] == first.messages  # a prefix that servers keep
    assert second.messages[-2]["content"] == json.dumps(
        json.loads(GOOD[0].content), separators=(",", ":")
    )


LOST = [
    (written("Noted.", "Some lines in `a.txt`.\n[[keep 1]]\n[[keep 2]]"), "number 12"),
    (written("Noted.", "12 lines in it.\n[[keep 1]]\n[[keep 2]]"), "`a.txt`"),
    (written("Noted.", "12 of 13 lines in `a.txt`.\n[[keep 1]]\n[[keep 2]]"), "number 13"),
    (written("Noted.", "12 lines in `a.txt`.\n[[keep 2]]"), "[[keep 1]]"),
    (written("Noted.", VOICED + "\n[[keep 2]]"), "[[keep 2]]"),
    (written("[[keep 1]]", VOICED), "[[keep 1]]"),
    (written("  ", VOICED), "empty"),
    (written("Noted.", VOICED + " on" * 90), "words"),
]


@pytest.mark.parametrize(("wrong", "words"), LOST)
def test_lost_substance_is_sent_back_with_the_complaint(
    tmp_path: Path, wrong: Any, words: str
) -> None:
    teacher = teacher_of([wrong, *GOOD])
    made = one(perform(tmp_path, teacher, slot("neutral_evil")))
    assert made.verdict is not None
    assert made.verdict.passed
    repair = teacher.of("writer")[1].messages
    assert repair[-2]["content"] == wrong.content
    assert words in repair[-1]["content"]
    # The faulty answer is no part of the talk that goes on.
    assert wrong.content not in json.dumps(teacher.of("writer")[2].messages)
    again = teacher_of([])
    again.scripts["assistant"] = again.scripts["user"] = []
    assert one(perform(tmp_path, again, slot("neutral_evil"))) == made
    assert again.requests == []


def test_what_the_verifier_reads_has_to_stay(tmp_path: Path) -> None:
    vague = written("Nothing much.")
    (made,) = perform(tmp_path, teacher_of([GOOD[0], *[vague] * 3]), slot("neutral_evil"))
    assert isinstance(made, Rejected)
    (finding,) = made.findings
    assert finding.rule == "revoice: lost substance"
    assert '"blank line"' in finding.evidence
    assert made.conversation is not None
    assert made.conversation.verdict is None
    assert finding.message == len(made.conversation.messages) + 1  # past the part that is voiced


def test_no_form_and_no_end_of_repairs(tmp_path: Path) -> None:
    teacher = teacher_of([says("Sure!"), says('{"texts": ["one"]}'), says("[]")])
    (made,) = perform(tmp_path, teacher, slot("neutral_evil"))
    assert isinstance(made, Rejected)
    assert made.findings[0].rule == "revoice: not in form"
    assert len(teacher.of("writer")) == 3


def test_the_judge_is_asked_where_the_settings_name_one(tmp_path: Path) -> None:
    differs = says('{"same": false, "difference": "It doubts the number."}')
    same = says('{"same": true, "difference": ""}')
    teacher = teacher_of([GOOD[0], *GOOD], [differs, same, same])
    made = one(perform(tmp_path, teacher, slot("neutral_evil"), roles={"judge": RoleConfig()}))
    assert made.provenance.usage.requests == 6
    assert "It doubts the number." in teacher.of("writer")[1].messages[-1]["content"]
    asked = json.loads(teacher.of("judge")[0].messages[-1]["content"])
    assert PLAIN in asked["plain"]
    assert asked["voiced"].endswith("Answer: 12")


@pytest.mark.parametrize("way", ["unfit", "failed verdict"])
def test_a_base_that_failed_puts_its_voices_into_quarantine(tmp_path: Path, way: str) -> None:
    teacher = teacher_of([])
    script = [says("")] if way == "unfit" else [says("No idea."), says("None.")]
    teacher.scripts["assistant"] = script
    plain, evil = perform(tmp_path, teacher, slot(None), slot("neutral_evil"))
    assert isinstance(plain, Rejected) == (way == "unfit")
    assert isinstance(evil, Rejected)
    (finding,) = evil.findings
    assert finding.rule == "base failed"
    assert ("empty answer" if way == "unfit" else "out.txt") in finding.evidence
    assert teacher.of("writer") == []


def test_a_base_that_fails_for_now_hangs_nobody_and_buys_nothing_twice(tmp_path: Path) -> None:
    """The first in line fails, is cancelled, or is drained: the next goes on from the journal."""
    teacher = teacher_of([GOOD[0], GOOD[1]])
    teacher.scripts["assistant"].insert(1, TeacherError("overload", "not now"))

    async def run() -> list[Any]:
        with Journal(tmp_path / "journal.jsonl") as journal:
            state = run_of(tmp_path, teacher, journal, FakeSandbox())
            state.personas = load_personas(Resources())
            first = asyncio.create_task(play(state, slot("lawful_good"), TASK))
            second = asyncio.create_task(play(state, slot("neutral_evil"), TASK))
            third = asyncio.create_task(play(state, slot("neutral_good"), TASK))

            def cancel(request: ChatRequest) -> None:
                if len(teacher.of("assistant")) == 3:
                    second.cancel()

            teacher.on_request = cancel
            async with asyncio.timeout(10):
                return await asyncio.gather(first, second, third, return_exceptions=True)

    first, second, third = asyncio.run(run())
    assert isinstance(first, Unfinished)
    assert isinstance(second, asyncio.CancelledError)
    assert isinstance(third, Conversation)
    assert len(teacher.of("assistant")) <= 5  # three answers, one refusal, one that was cancelled


TEXTS = [
    ("It takes 1,204 ms.", "1204 ms, no less.", ""),
    ("See /etc/hosts and src/app.py.", "src/app.py, then /etc/hosts.", ""),
    ("See src/app.py.", "See the app.", "src/app.py is missing"),
    ("Open https://a.example/b now.", "Open it now.", "https://a.example/b is missing"),
    ('Press "Save as".', "Press the button.", '"Save as" is missing'),
    ('Write "Renamed `a` to `b`".', 'So: "Renamed `a` to `b`".', ""),
    ("First look, then run it.", "1. Look.\n2. Run it.", ""),
    ("Step 1: look. Step 2: run.", "Look. Then run.", ""),
    ("It is 7.", "It is 7, of 9.", "the number 9 was never said"),
    ("It is so, e.g. here.", "It is so, as here.", ""),
    (" ".join(["word"] * 30), "Too short.", "left out"),
]


@pytest.mark.parametrize(("plain", "voiced", "fault"), TEXTS)
def test_what_survives(plain: str, voiced: str, fault: str) -> None:
    found = substance.lost(plain, voiced)
    assert fault in found
    assert bool(fault) == bool(found)


def test_taken_out_and_put_back_is_the_same_text() -> None:
    texts = [
        PLAIN,
        "~~~\nAnswer: 1\n~~~\n- **Answer:** 2\n\n  ```py\n  x = '[[keep 1]]'\n  ```\nend",
        "```\nnever closed\nAnswer: 3",
        "",
    ]
    mark = substance.mark_for(texts)
    assert mark != "keep"
    left, kept = substance.taken_out(texts, mark)
    assert not any("```" in text or "nswer:" in text for text in left)
    for text, own, before in zip(left, kept, texts, strict=True):
        assert substance.put_back(text, own, mark) == (before, "")


FORGED = [
    ("So.\n[keep 1]\n[[keep 1]]", "[keep is no placeholder"),
    ("So.\n[[keep 1]]\n[[Keep 1]]", "[Keep is no placeholder"),
    ("So.\n[[keep 1]]\n[[keep]]", "[keep is no placeholder"),
    ("So.\n[[keep 1]]\n[[keep 7]]", "[[keep 7]] does not belong"),
    ("So: [[keep 1]]", "a line of its own"),
    ("So.\n[[keep 1]] [[keep 1]]", "stands 2 times"),
]


@pytest.mark.parametrize(("text", "fault"), FORGED)
def test_no_placeholder_is_forged_and_none_stays_in_a_text(text: str, fault: str) -> None:
    assert fault in substance.put_back(text, {"[[keep 1]]": "Answer: 1"}, "keep")[1]


def test_a_text_that_is_frozen_as_a_whole_is_no_empty_one(tmp_path: Path) -> None:
    task = msgspec.structs.replace(TASK, tools=(), goals=(), verifier=(), reference=())
    teacher = ScriptedTeacher([says("```\nx = 1\n```\nAnswer: 1")], [says("[DONE]")])
    teacher.scripts["writer"] = [written("[[keep 1]]\n[[keep 2]]")]
    made = one(perform(tmp_path, teacher, slot("neutral_evil"), task=task))
    assert made.messages[-1].content == "```\nx = 1\n```\nAnswer: 1"


def test_a_complaint_is_the_same_in_every_process() -> None:
    """It is part of the request that follows: another one would be bought again."""
    plain = " ".join(f"`{name}`" for name in "azbycxdwev")
    assert substance.lost(plain, "none of these, nor any") == "the code `a` is missing"


CODES = [
    ("`a` and ``b`c`` but `d", {"a", "b`c"}),
    ("``a` b``", {"a` b"}),
    ("```` `x` ``", {"x"}),
    ("`a\nb`", set()),
]


@pytest.mark.parametrize(("text", "codes"), CODES)
def test_code_spans_end_at_as_many_backticks(text: str, codes: set[str]) -> None:
    assert substance._codes(text) == codes
    assert "".join(piece for piece, _ in substance._pieces(text)) == text


LONG = 200_000
HOSTILE = [
    "`" * LONG,
    "*" * LONG,
    "~" * LONG + "x",
    "[[keep " * (LONG // 7),
    "answer" + "*" * LONG,
    " " * LONG,
    "\n".join("`" * length + "x" for length in range(600, 2, -1)),
    " ".join("`" * length for length in range(600, 2, -1)),
    "a/" * (LONG // 2),
    "[[keep 1]]\n" * (LONG // 11),
    "\0\x1b[31m\u2028" * (LONG // 8),
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_of_a_teacher_holds_everybody_up(text: str) -> None:
    """Nothing here can be interrupted: what goes back over its text would take days for these."""
    (left,), (kept,) = substance.taken_out([text], substance.mark_for([text]))
    substance.put_back(text, kept, "keep")
    substance.lost(left, text)
    substance.lost(text, f"{left} ")


class Crowded:
    """A teacher who answers nobody before `wanted` requests are there at a time."""

    def __init__(self, wanted: int) -> None:
        self.wanted, self.running = wanted, 0
        self.enough = asyncio.Event()
        self.asked: Counter[str] = Counter()

    async def complete(self, request: ChatRequest) -> ChatAnswer:
        self.running += 1
        self.asked[request.metadata["slot"]] += 1
        if self.running == self.wanted:
            self.enough.set()
        async with asyncio.timeout(5):
            await self.enough.wait()
        self.running -= 1
        return written("It is so.") if request.role == "writer" else self._said(request)

    def _said(self, request: ChatRequest) -> ChatAnswer:
        return says("[DONE]" if request.role == "user" else "So it is.")


PERSONAS = ("lawful_good", "neutral_evil", None)


def test_as_many_are_in_flight_as_were_asked_for(tmp_path: Path) -> None:
    """A slot that waits for its base asks nothing: bases begin first. The results keep order."""
    plain = msgspec.structs.replace(TASK, tools=(), goals=(), verifier=(), reference=())
    tasks = {f"fake/{n}": msgspec.structs.replace(plain, id=f"fake/{n}") for n in range(9)}
    slots = [
        msgspec.structs.replace(slot_of(task, persona), strategy="revoice")
        for task in tasks.values()
        for persona in PERSONAS
    ]

    async def run() -> tuple[list[Any], Crowded, Run]:
        teacher = Crowded(4)
        with (
            Journal(tmp_path / "journal.jsonl") as journal,
            closing(Shelf[Any](tmp_path)) as shelf,
        ):
            state = run_of(tmp_path, teacher, journal, concurrency=4)  # type: ignore[arg-type]
            state.personas = load_personas(Resources())

            async def one(slot: Slot) -> Conversation | Rejected:
                return await play(state, slot, tasks[slot.task_id or ""])

            found = in_order(slots, one, 4, lambda: None, lambda: False, shelf, starts(slots, 4))
            async with aclosing(found):
                return [each async for each in found], teacher, state

    made, teacher, state = asyncio.run(run())
    assert [each.id for each in made] == [slot.id for slot in slots]
    assert all(isinstance(each, Conversation) for each in made)
    assert set(teacher.asked.values()) == {1, 2}  # a voice; a base and its user
    assert state.counts.reused == 0  # no base is read from the journal again


@given(
    tasks=st.lists(st.tuples(st.booleans(), st.integers(1, 4)), max_size=20),
    concurrency=st.integers(1, 7),
)
def test_every_slot_begins_once_and_bases_before_their_voices(
    tasks: list[tuple[bool, int]], concurrency: int
) -> None:
    slots = [
        Slot(f"f/{n}:{k}", f"f/{n}", "f", None, "train", strategy="revoice" if voiced else "live")
        for n, (voiced, personas) in enumerate(tasks)
        for k in range(personas)
    ]
    order = list(starts(slots, concurrency))
    assert sorted(order) == list(range(len(slots)))
    began = [slots[number] for number in order]
    for n, slot in enumerate(began):
        window = int(slot.task_id[2:]) // concurrency
        assert window == max(int(each.task_id[2:]) // concurrency for each in began[: n + 1])
        if slot.strategy == "revoice" and not slot.id.endswith(":0"):
            bases = {each.task_id for each in began[:n] if each.id.endswith(":0")}
            due = {each.task_id for each in slots if each.strategy == "revoice"}
            assert bases >= {each for each in due if int(each[2:]) // concurrency == window}
    if not any(voiced for voiced, _ in tasks):
        assert order == list(range(len(slots)))
