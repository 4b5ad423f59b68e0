"""The embedded teacher as a judge: a stand-in by rules, so that `judge` can be seen offline.

For a voice it counts how many pairs of neighbouring words an answer shares with the persona's
phrases; it is told the persona by the slot, and reads no rubric. Of substance it sees figures and
code alone, and it never calls anything wrong. What it says shows the machine, and no quality.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from itertools import pairwise

import msgspec
from msgspec import Struct

from kappa_data.errors import UsageError

KINDS = ("voice", "substance")
_WORD = re.compile(r"[a-z]+(?:['’][a-z]+)*")
_FACT = re.compile(r"`[^`\n]+`|\d+(?:[.,:]\d+)*")

Neighbours = Callable[[str | None], Collection[tuple[str, str]]]
"""the pairs of neighbouring words in a persona's phrases"""


class _Compared(Struct, frozen=True):
    A: str
    B: str


def judged(kind: str, text: str, persona: str | None, phrases: Neighbours) -> dict[str, str]:
    """The answer to a message of two texts. UsageError: no such kind, or no such message."""
    try:
        shown = msgspec.json.decode(text, type=_Compared)
    except msgspec.DecodeError as error:
        raise UsageError(f'role "judge": the message of the user: {error}') from None
    if kind == "voice":
        known = phrases(persona)
        first, second = (_likeness(each, known) for each in (shown.A, shown.B))
        speaker = "A" if first >= second else "B"
        return {"reason": f"{first:.3f} and {second:.3f} of its words", "speaker": speaker}
    if kind == "substance":
        one, other = (set(_FACT.findall(each)) for each in (shown.A, shown.B))
        better = "A" if one > other else "B" if other > one else "equal"
        return {"reason": "by figures and code alone", "better": better, "wrong": "none"}
    raise UsageError(f'metadata: judge = "{kind}"; one of {", ".join(KINDS)}')


def neighbouring(text: str) -> list[tuple[str, str]]:
    """The pairs of neighbouring words, in lower case."""
    return list(pairwise(_WORD.findall(text.lower())))


def _likeness(text: str, known: Collection[tuple[str, str]]) -> float:
    said = neighbouring(text)
    return sum(each in known for each in said) / len(said) if said else 0.0
