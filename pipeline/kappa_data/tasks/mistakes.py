"""Spells wrong attempts short: a reference with one thing done otherwise."""

from __future__ import annotations

from typing import Any

import msgspec

from kappa_data.records import Attempt, ReferenceTurn

Turns = tuple[ReferenceTurn, ...]


def only_said(turns: Turns) -> Attempt:
    """Everything is reported as the reference does, and no tool was called."""
    if not any(turn.steps for turn in turns):
        raise ValueError("a reference without calls cannot leave them out")
    return Attempt(
        "reports the work without doing it",
        tuple(msgspec.structs.replace(turn, steps=()) for turn in turns),
    )


def answered(mistake: str, turns: Turns, turn: int, answer: str) -> Attempt:
    """The reference, with another `answer` in turn number `turn` (-1: the last)."""
    if turns[turn].answer == answer:
        raise ValueError(f"{mistake}: that is the reference's answer")
    changed = list(turns)
    changed[turn] = msgspec.structs.replace(turns[turn], answer=answer)
    return Attempt(mistake, tuple(changed))


def replaced(mistake: str, turns: Turns, *pairs: tuple[str, str]) -> Attempt:
    """The reference with each `old` replaced by `new`, in answers and in the calls' arguments."""

    def changed(value: Any) -> Any:
        if isinstance(value, str):
            for old, new in pairs:
                value = value.replace(old, new)
        elif isinstance(value, dict):
            value = {key: changed(each) for key, each in value.items()}
        elif isinstance(value, list):
            value = [changed(each) for each in value]
        return value

    made = tuple(
        msgspec.structs.replace(
            turn,
            answer=changed(turn.answer),
            steps=tuple(
                msgspec.structs.replace(step, arguments=changed(step.arguments))
                for step in turn.steps
            ),
        )
        for turn in turns
    )
    if made == turns:
        raise ValueError(f"{mistake}: nothing of it stands in the reference: {pairs}")
    return Attempt(mistake, made)
