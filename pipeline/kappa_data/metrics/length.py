"""Is a persona longer or shorter than no persona?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from msgspec import Struct

from kappa_data.config import ReportConfig
from kappa_data.metrics.judged import RESAMPLED, Floats, Interval
from kappa_data.metrics.measure import Bound, By, Cell, Measure
from kappa_data.metrics.units import NOBODY, Unit

FEWEST = 100
"""places, at least: of fewer the median of a persona moves by a tenth with the tasks drawn"""
KEY = "longest"
"""the measure that the cells stand under; "shortest" is the same ratio held against another bar"""


class Place(Struct, frozen=True):
    """One turn of one task: whose it is, and the words that each speaker answered there."""

    task: str
    family: str
    strategy: str
    turn: int
    words: tuple[int, ...]


class Length(Struct, frozen=True):
    """By persona: the median words of its answers over that of no persona's, at `places`; and the
    mean over the personas by group."""

    ratios: dict[str, Interval]
    places: int
    cells: tuple[Cell, ...] = ()

    def measures(self, targets: ReportConfig) -> tuple[Measure, ...]:
        """The figures with their targets."""
        by_length = sorted(self.ratios, key=lambda each: self.ratios[each].value)
        short, long = (by_length[0], by_length[-1]) if by_length else ("", "")
        return (
            self._measure("shortest", short, "at least", targets.shortest),
            self._measure("longest", long, "at most", targets.longest),
        )

    def _measure(self, key: str, persona: str, bound: Bound, bar: float) -> Measure:
        name = f"median length, {key}"
        if persona not in self.ratios:
            detail = f"{self.places:,} of {FEWEST:,} answers"
            return Measure(key, name, None, bound, bar, number=self.places, detail=detail)
        found = self.ratios[persona]
        return Measure(
            key, name, found.value, bound, bar, found.low, found.high, self.places, detail=persona
        )


def measure_length(units: Iterable[Unit], personas: Sequence[str]) -> Length:
    """Of the answers at the places that all of `personas` and NOBODY have units of: the same turns
    of the same tasks. The order of the units changes nothing."""
    places = _places(units, [*personas, NOBODY])
    if len(places) < FEWEST or not personas:
        return Length({}, len(places))
    ratios = dict(zip(personas, _ratios(places), strict=True))
    cells = [
        Cell(KEY, "persona", name, each.value, each.low, each.high, len(places))
        for name, each in ratios.items()
    ]
    for by, of in _GROUPINGS:
        for name in sorted({of(place) for place in places}):
            own = [place for place in places if of(place) == name]
            if len(own) >= FEWEST:
                whole = _mean(_ratios(own))
                cells.append(Cell(KEY, by, name, whole.value, whole.low, whole.high, len(own)))
    return Length(ratios, len(places), tuple(cells))


_GROUPINGS: tuple[tuple[By, Callable[[Place], str]], ...] = (
    ("family", lambda place: place.family),
    ("strategy", lambda place: place.strategy),
    ("turn", lambda place: str(place.turn)),
)


def _places(units: Iterable[Unit], speakers: Sequence[str]) -> list[Place]:
    """Where each of `speakers` answered; in order of task and turn."""
    wanted = set(speakers)
    at: dict[tuple[str, int], dict[str, Unit]] = {}
    for unit in units:
        if unit.kind == "answer" and unit.persona in wanted:
            at.setdefault((unit.task, unit.turn), {})[unit.persona] = unit
    found = []
    for (task, turn), said in sorted(at.items()):
        if said.keys() == wanted:
            plain = said[NOBODY]
            lengths = tuple(said[name].length for name in speakers)
            found.append(Place(task, plain.family, plain.strategy, turn, lengths))
    return found


def _ratios(places: Sequence[Place]) -> list[Interval]:
    """Of each speaker but the last one, whose median they are held against."""
    words = np.array([place.words for place in places], dtype=np.float64)
    bounds = np.flatnonzero([before.task != place.task for before, place in pairwise(places)])
    of_task = np.split(np.arange(len(places)), bounds + 1)
    dice = np.random.default_rng(0)
    drawn = []
    for _ in range(RESAMPLED):
        chosen = dice.integers(len(of_task), size=len(of_task))
        drawn.append(_over_last(words[np.concatenate([of_task[each] for each in chosen])]))
    low, high = np.quantile(np.array(drawn), (0.025, 0.975), axis=0)
    found = zip(_over_last(words), low, high, strict=True)
    return [Interval(float(value), float(least), float(most)) for value, least, most in found]


def _over_last(words: Floats) -> Floats:
    middle: np.ndarray[Any, np.dtype[np.float64]] = np.median(words, axis=0)
    ratios: Floats = middle[:-1] / max(float(middle[-1]), 1.0)
    return ratios


def _mean(found: Sequence[Interval]) -> Interval:
    """The mean over the personas; of the ends too, which is wider than it need be."""
    number = len(found)
    return Interval(
        sum(each.value for each in found) / number,
        sum(each.low for each in found) / number,
        sum(each.high for each in found) / number,
    )
