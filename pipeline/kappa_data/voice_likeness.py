"""How alike the voices of different personas are where they do the same task.

Compared is what the assistant said, fenced code apart: the calls and the code of one task resemble
each other on purpose. It is the exact Jaccard similarity of word n-grams, of every two
conversations of a task that two personas (or one and none) played.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct

from kappa_data.shingling import UInt64s

RULE = "alike across personas"
COLUMNS = 1 << 12  # n-grams that are counted at once
_FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


class Voice(Struct, frozen=True):
    """One conversation of a task: its id, who spoke, and the distinct n-grams of what was said."""

    id: str
    persona: str
    shingles: UInt64s


class Pair(Struct, frozen=True):
    """Two conversations of one task in different voices, those of smaller name and id first."""

    first: Voice
    second: Voice
    similarity: float


class Likeness:
    """Counts pairs, by the two personas."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._of: dict[str, tuple[int, int, float]] = {}

    def add(self, voices: Iterable[Voice]) -> list[Pair]:
        """Compares the conversations of one task; the pairs that reach the threshold."""
        # Too few words say nothing of a voice.
        some = sorted((v for v in voices if len(v.shingles)), key=lambda v: (v.persona, v.id))
        found = []
        if len({each.persona for each in some}) < 2:
            return []
        similar = similarities([each.shingles for each in some]).tolist()
        for at, first in enumerate(some):
            for nth, second in enumerate(some[at + 1 :], at + 1):
                if first.persona == second.persona:
                    continue
                near = similar[at][nth] >= self._threshold
                name = f"{first.persona} / {second.persona}"
                pairs, alike, total = self._of.get(name, (0, 0, 0.0))
                self._of[name] = (pairs + 1, alike + near, total + similar[at][nth])
                if near:
                    found.append(Pair(first, second, similar[at][nth]))
        return found

    def figures(self) -> dict[str, object]:
        """How many pairs were compared, how many are alike, and the mean Jaccard similarity: of
        all, and by the two personas."""
        pairs, alike, total = map(sum, zip((0, 0, 0.0), *self._of.values(), strict=True))
        return {**_told(pairs, alike, total), "personas": {
            name: _told(*self._of[name]) for name in sorted(self._of)
        }}  # fmt: skip


def without_code(text: str) -> str:
    """A text less what stands between fences."""
    return _FENCED.sub("", text) if "```" in text or "~~~" in text else text


def similarities(sets: Sequence[UInt64s]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """float64[n, n]: the Jaccard similarity of every two of n sets, none of them empty.

    Each set is an array without repetitions.
    """
    sizes = np.array([len(each) for each in sets])
    values, columns = np.unique(np.concatenate(sets), return_inverse=True)
    rows = np.repeat(np.arange(len(sets)), sizes)
    common = np.zeros((len(sets), len(sets)))
    for start in range(0, len(values), COLUMNS):
        within = (columns >= start) & (columns < start + COLUMNS)
        # Counts up to COLUMNS are exact in 32-bit floats, whose product is the quick one.
        holds = np.zeros((len(sets), COLUMNS), dtype=np.float32)
        holds[rows[within], columns[within] - start] = 1
        common += holds @ holds.T
    return np.asarray(common / (sizes[:, None] + sizes - common))


def _told(pairs: int, alike: int, total: float) -> dict[str, int | float | None]:
    return {"pairs": pairs, "alike": alike, "mean": round(total / pairs, 4) if pairs else None}
