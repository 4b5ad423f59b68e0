"""What is known of every conversation that a dataset's figures are about, its words apart."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from typing import Literal, NamedTuple

from msgspec import Struct

from kappa_data.metrics.calls import Failures, failures_of
from kappa_data.records import NOBODY, Conversation, Slot, Split, Usage

Outcome = Literal["kept", "rejected", "duplicate"]
"""what became of it: it is in the dataset, in the quarantine of validate (or of generate, where it
had no end), or in that of dedupe"""
ANSWER, BESIDE_CALLS = "answer", "beside calls"


def rank(seed: int, name: str) -> bytes:
    """The place of a task or a conversation in the draw of `report.seed`."""
    return hashlib.sha256(f"{seed}|{name}".encode(errors="surrogatepass")).digest()


class Said(Struct, frozen=True, gc=False):
    """One message of the assistant: index `at` in the conversation, answering the `turn`th message
    of the user (from 1; 0: before any); `place` is `ANSWER` or `BESIDE_CALLS`."""

    at: int
    turn: int
    place: str
    persona: str
    trained: bool


class Hit(Struct, frozen=True, gc=False):
    """A finding of validate: its rule, and the index of the message (-1: the whole)."""

    rule: str
    message: int


class Talk(Struct, frozen=True, gc=False):
    """One conversation. `passed` is None where no verifier looked at it, False where it had no
    end: nothing was said then."""

    id: str
    task: str
    family: str
    persona: str
    strategy: str
    special: str
    aim: str
    split: Split
    source: str
    outcome: Outcome
    passed: bool | None
    said: tuple[Said, ...] = ()
    calls: int = 0
    failures: Failures = Failures()
    usage: Usage = Usage()
    hits: tuple[Hit, ...] = ()

    @property
    def kept(self) -> bool:
        """Whether it is in the dataset."""
        return self.outcome == "kept"

    @property
    def turns(self) -> int:
        """Messages of the user that were answered."""
        return len({each.turn for each in self.said})


class Group(NamedTuple):
    """What a conversation, or one message of it, is counted under."""

    persona: str
    family: str
    strategy: str
    special: str
    split: str
    aim: str
    source: str
    calling: bool
    turn: int = 0
    """with `place`, of a message; 0 and "" where the whole conversation is counted"""
    place: str = ""


def talk_of(conversation: Conversation, outcome: Outcome) -> Talk:
    """What is known of one conversation, what validate found apart."""
    verdict = conversation.verdict
    return Talk(
        id=conversation.id,
        task=conversation.task_id or conversation.id,
        family=conversation.family or "imported",
        persona=conversation.persona or NOBODY,
        strategy=conversation.strategy,
        special=conversation.special or "",
        aim=conversation.aim,
        split=conversation.split,
        source=conversation.provenance.source,
        outcome=outcome,
        passed=None if verdict is None else verdict.passed,
        said=tuple(_said(conversation)),
        calls=sum(len(each.tool_calls) for each in conversation.messages),
        failures=failures_of(conversation),
        usage=conversation.provenance.usage,
    )


def talk_of_slot(slot: Slot, aim: str) -> Talk:
    """A slot that came to no end: it did not pass, and nothing is known of what was said."""
    return Talk(
        id=slot.id,
        task=slot.task_id,
        family=slot.family,
        persona=slot.persona or NOBODY,
        strategy=slot.strategy,
        special=slot.special or "",
        aim=aim,
        split=slot.split,
        source="generate",
        outcome="rejected",
        passed=False,
    )


def group_of(talk: Talk) -> Group:
    """What a whole conversation is counted under."""
    return Group(
        talk.persona,
        talk.family,
        talk.strategy,
        talk.special,
        talk.split,
        talk.aim,
        talk.source,
        talk.calls > 0,
    )


def group_of_message(group: Group, said: Said) -> Group:
    """What one message is counted under, in a conversation of `group`."""
    return group._replace(persona=said.persona, turn=said.turn, place=said.place)


def _said(conversation: Conversation) -> Iterator[Said]:
    turn = 0
    for at, message in enumerate(conversation.messages):
        if message.role == "user":
            turn += 1
        elif message.role == "assistant":
            persona = message.persona or conversation.persona or NOBODY
            place = BESIDE_CALLS if message.tool_calls else ANSWER
            yield _one(at, turn, place, persona, message.train)


@functools.lru_cache(maxsize=1 << 16)
def _one(at: int, turn: int, place: str, persona: str, trained: bool) -> Said:
    """The same object for what is the same: there are millions of them."""
    return Said(at, turn, place, persona, trained)
