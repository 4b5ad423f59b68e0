"""Finds answers in which a persona's voice is lost: another voice said the same, word for word.

This needs all voices of a task side by side, so it is no check of a single conversation. A voice
that is lost in other words is not found: that takes a measure of voice.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from msgspec import Struct

from kappa_data.records import NOBODY, Finding, Role
from kappa_data.store import Part

RULE = "voice lost"
FEWEST_WORDS = 8
"""an answer with fewer outside fenced code may well be the same in every voice"""
EVIDENCE_CHARS = 200
_FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


class Called(Struct, frozen=True):
    """That there is a call."""

    id: str


class Line(Struct, frozen=True):
    """What of a message is looked at."""

    role: Role
    content: str
    tool_calls: tuple[Called, ...] = ()
    persona: str | None = None


class Talk(Struct, frozen=True):
    """What of a conversation is looked at."""

    id: str
    persona: str | None
    task_id: str | None
    messages: tuple[Line, ...]


def lost_voices(parts: Iterable[Part]) -> dict[str, tuple[Finding, ...]]:
    """The findings by conversation. The conversations of a task lie side by side, as generate
    writes them; one that lies elsewhere is not compared."""
    talks = (talk for part in parts for talk in part.read_some(Talk))
    found: dict[str, tuple[Finding, ...]] = {}
    for task_id, of_task in groupby(talks, lambda talk: talk.task_id):
        if task_id is not None:
            found |= compared(of_task)
    return found


def compared(talks: Iterable[Talk]) -> Mapping[str, tuple[Finding, ...]]:
    """The findings among the conversations of one task.

    An answer to the user in a persona's voice that another voice, or none, gave word for word at
    the same turn. It is no target: that of no persona is.
    """
    said: dict[tuple[int, str], list[tuple[str, int, str | None]]] = defaultdict(list)
    for talk in talks:
        for turn, index, line in _answers(talk):
            speaker = line.persona or talk.persona
            said[turn, line.content].append(
                (talk.id, index, None if speaker == NOBODY else speaker)
            )
    found: dict[str, tuple[Finding, ...]] = {}
    for (_, content), speakers in said.items():
        if len({persona for _, _, persona in speakers}) < 2 or _words(content) < FEWEST_WORDS:
            continue
        for talk_id, index, persona in speakers:
            if persona is None:
                continue
            other = next(id for id, _, voice in speakers if voice != persona)
            evidence = f"as {other}: {content}"[:EVIDENCE_CHARS]
            one = Finding(RULE, "untrain", index, evidence)
            found[talk_id] = (*found.get(talk_id, ()), one)
    return found


def _answers(talk: Talk) -> Iterator[tuple[int, int, Line]]:
    """Answers to the user with their turn and index."""
    turn = 0
    for index, line in enumerate(talk.messages):
        turn += line.role == "user"
        if line.role == "assistant" and not line.tool_calls:
            yield turn, index, line


def _words(content: str) -> int:
    return len(_FENCED.sub("", content).split())
