"""What a classifier guessed of units, counted by task: F1, confusion, and intervals by task.

Intervals come from tasks drawn again with replacement, since the units of one task are alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from kappa_data.metrics.corpus import Corpus, Ints
from kappa_data.metrics.units import NOBODY

RESAMPLED = 200

Floats = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Statistic = Callable[[Floats], Floats]
"""from [..., who spoke, who was guessed] to [..., values]"""


class Interval(Struct, frozen=True):
    """A value and the ends that hold 95 % of resampled tasks."""

    value: float
    low: float
    high: float


class Judged:
    """Units of a corpus (`rows`), the classes, and the guessed one of each unit; None where there
    was too little to guess from."""

    def __init__(
        self,
        corpus: Corpus,
        rows: Ints,
        guessed: Iterable[str] | None,
        classes: Sequence[str],
    ) -> None:
        place = {name: at for at, name in enumerate(classes)}
        self.corpus = corpus
        self.rows = rows
        self.classes = classes
        self.spoke: Ints = np.array([place[each] for each in corpus.personas[rows]], dtype=np.int64)
        self.guessed: Ints | None = (
            None if guessed is None else np.array([place[each] for each in guessed], dtype=np.int64)
        )

    @property
    def nobodys(self) -> Mask:
        """By row: whether it is of no persona."""
        found: Mask = self.spoke == self.classes.index(NOBODY)
        return found

    def tables(self, mask: Mask) -> Floats:
        """[task, who spoke, who was guessed]: units, of the rows where `mask` is true."""
        if self.guessed is None:
            raise ValueError("nothing was guessed of these units")
        number = len(self.classes)
        tasks, task = np.unique(self.corpus.tasks[self.rows[mask]], return_inverse=True)
        flat = (task * number + self.spoke[mask]) * number + self.guessed[mask]
        counts = np.bincount(flat, minlength=len(tasks) * number * number)
        return counts.reshape(len(tasks), number, number).astype(np.float64)

    def fewest(self, mask: Mask) -> int:
        """Units of the class that has fewest of them."""
        counts = np.bincount(self.spoke[mask], minlength=len(self.classes))
        return int(counts.min()) if len(counts) else 0  # no class at all: nobody spoke

    def confusion(self, mask: Mask) -> dict[str, dict[str, int]]:
        """[who spoke][who was guessed]: units."""
        whole = self.tables(mask).sum(axis=0)
        return {
            name: {other: int(n) for other, n in zip(self.classes, row, strict=True) if n}
            for name, row in zip(self.classes, whole, strict=True)
        }

    def lost(self, confusion: Floats) -> Floats:
        """Share of the personas' units that were taken for nobody's; a Statistic."""
        nobody = self.classes.index(NOBODY)
        said = confusion.sum(axis=(-2, -1)) - confusion[..., nobody, :].sum(axis=-1)
        taken = confusion[..., nobody].sum(axis=-1) - confusion[..., nobody, nobody]
        shares: Floats = taken / np.maximum(said, 1)
        return shares[..., None]

    def taken(self, confusion: Floats) -> Floats:
        """Share of nobody's units that were taken for a persona's; a Statistic."""
        row = confusion[..., self.classes.index(NOBODY), :]
        right = row[..., self.classes.index(NOBODY)]
        shares: Floats = 1 - right / np.maximum(row.sum(axis=-1), 1)
        return shares[..., None]


def f1_of(confusion: Floats) -> Floats:
    """F1 of each class; 0 for a class of no unit. A Statistic."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    both = confusion.sum(axis=-1) + confusion.sum(axis=-2)
    scores: Floats = 2 * hits / np.maximum(both, 1)
    return scores


def mean_f1(confusion: Floats) -> Floats:
    """The mean F1 of all classes. A Statistic."""
    means: Floats = f1_of(confusion).mean(axis=-1, keepdims=True)
    return means


def resampled(statistic: Statistic, *tables: Floats) -> list[Interval]:
    """Each value of the statistic with its interval. Of two lots of tables over the same tasks: the
    first one's value less the second one's."""
    weights = redrawn(len(tables[0]))

    def over(found: Callable[[Floats], Floats]) -> Floats:
        values = [statistic(found(each)) for each in tables]
        return values[0] - values[1] if len(values) == 2 else values[0]

    # Sums of whole numbers are exact in floats: the threads of a matrix product change nothing.
    drawn = over(lambda each: np.tensordot(weights, each, axes=1))
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    whole = over(lambda each: each.sum(axis=0))
    return [
        Interval(float(value), float(one), float(two))
        for value, one, two in zip(whole, low, high, strict=True)
    ]


def redrawn(number: int) -> Floats:
    """[RESAMPLED, number]: how often each of `number` tasks is there when as many are drawn."""
    dice = np.random.default_rng(0)
    return dice.multinomial(number, [1 / number] * number, size=RESAMPLED).astype(np.float64)
