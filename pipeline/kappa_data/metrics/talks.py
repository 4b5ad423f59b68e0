"""What is known of every conversation that a dataset's figures are about, its words apart."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from kappa_data.records import NOBODY, Conversation, Split

Outcome = Literal["kept", "rejected", "duplicate"]
"""what became of it: it is in the dataset, in the quarantine of validate (or of generate, where it
had no end), or in that of dedupe"""


class Talk(Struct, frozen=True, gc=False):
    """One conversation. `passed` is None where no verifier looked at it."""

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
    turns: int
    """messages of the assistant"""
    trained: int
    """those of them that are targets"""


def talk_of(conversation: Conversation, outcome: Outcome) -> Talk:
    """The figures of one conversation."""
    said = [each for each in conversation.messages if each.role == "assistant"]
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
        turns=len(said),
        trained=sum(each.train for each in said),
    )
