"""Figures of voice by group: by persona, family, strategy, turn and place.

By persona a cell is about that persona; in the others it is the mean F1 of all classes, or the
share of all of them. Only groups in which every class has enough units are there.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kappa_data.metrics.judged import Judged, Mask, Statistic, f1_of, mean_f1, resampled
from kappa_data.metrics.measure import By, Cell
from kappa_data.metrics.units import NOBODY

FEWEST_OF_ALL = 20
"""units of each class in a group, at least, for their mean F1"""
FEWEST_OF_ONE = 50
"""units of a persona, at least, for a figure of its own"""
LAST = 8
"""turns from this one on are one group"""


def cells_of(nine: Judged, ten: Judged) -> tuple[Cell, ...]:
    """The cells of voice_f1 (from `nine`), and none_f1, beside_calls_f1, persona_lost and
    none_taken (from `ten`, which has NOBODY among its classes)."""
    found: list[Cell] = []
    for judged, key in ((nine, "voice_f1"), (ten, "none_f1")):
        if judged.guessed is None:
            return tuple(found)
        answers = ~judged.corpus.beside[judged.rows]
        found += _by_class(judged, key, answers)
        for by, name, mask in _groups(judged, answers):
            if judged.fewest(mask) >= FEWEST_OF_ALL:
                found += _cell(judged, key, by, name, mean_f1, mask)
    beside = ten.corpus.beside[ten.rows]
    found += _by_class(ten, "beside_calls_f1", beside)
    for key, statistic in (("persona_lost", ten.lost), ("none_taken", ten.taken)):
        for by, name, mask in _groups(ten, ~beside):
            about = ten.nobodys if key == "none_taken" else ~ten.nobodys
            if ten.fewest(mask) >= FEWEST_OF_ALL:
                found += _cell(ten, key, by, name, statistic, mask & about)
    found += _lost_by_persona(ten, ~beside)
    return tuple(found)


def _groups(judged: Judged, answers: Mask) -> Iterator[tuple[By, str, Mask]]:
    """Answers by family, strategy and turn; and all answers, and all beside calls."""
    units = [judged.corpus.units[at] for at in judged.rows]
    late = f"{LAST}+"
    keys: tuple[tuple[By, list[str]], ...] = (
        ("family", [each.family for each in units]),
        ("strategy", [each.strategy for each in units]),
        ("turn", [late if each.turn >= LAST else str(each.turn) for each in units]),
    )
    for by, values in keys:
        column = np.array(values, dtype=np.str_)
        for name in sorted(set(values) - {""}):
            yield by, name, answers & (column == name)
    yield "place", "answer", answers
    yield "place", "beside calls", ~answers


def _cell(
    judged: Judged, key: str, by: By, name: str, statistic: Statistic, mask: Mask
) -> Iterator[Cell]:
    found = resampled(statistic, judged.tables(mask))[0]
    yield Cell(key, by, name, found.value, found.low, found.high, int(mask.sum()))


def _by_class(judged: Judged, key: str, mask: Mask) -> Iterator[Cell]:
    """F1 of each class that has enough units, where all have some."""
    if judged.fewest(mask) < FEWEST_OF_ALL:
        return
    tables = judged.tables(mask)
    units = tables.sum(axis=(0, 2))
    for name, found, number in zip(judged.classes, resampled(f1_of, tables), units, strict=True):
        if number >= FEWEST_OF_ONE:
            yield Cell(key, "persona", name, found.value, found.low, found.high, int(number))


def _lost_by_persona(ten: Judged, answers: Mask) -> Iterator[Cell]:
    """Share of each persona's answers taken for nobody's."""
    for at, name in enumerate(ten.classes):
        mask = answers & (ten.spoke == at)
        if name != NOBODY and mask.sum() >= FEWEST_OF_ONE:
            yield from _cell(ten, "persona_lost", "persona", name, ten.lost, mask)
