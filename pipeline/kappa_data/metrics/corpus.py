"""Units with their words as numbers, so that n-grams are counted by sorting numbers.

Every number stands for exactly one n-gram: nothing is hashed or pruned. A run of words between
masks is never reached over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

from kappa_data.metrics.units import Unit, in_order, runs

Ints = np.ndarray[Any, np.dtype[np.int64]]


class Grams:
    """The n-grams of one size at their places: `ids[at]` is the n-gram that begins at the word
    `starts[at]`; `first[id]` is one place where the n-gram begins."""

    def __init__(self, ids: Ints, starts: Ints, first: Ints, size: int) -> None:
        self.ids = ids
        self.starts = starts
        self.first = first
        self.size = size


class Corpus:
    """The units in an order that does not depend on the given one, their words, and of each word
    its unit and its run."""

    def __init__(self, units: Iterable[Unit]) -> None:
        self.units = in_order(units)
        said = [runs(unit.text) for unit in self.units]
        self.vocabulary = sorted({word for found in said for run in found for word in run})
        number = {word: at for at, word in enumerate(self.vocabulary)}
        flat = chain.from_iterable(chain.from_iterable(said))
        self.words: Ints = np.fromiter((number[word] for word in flat), np.int64)
        lengths = [len(run) for found in said for run in found]
        self.run: Ints = np.repeat(np.arange(len(lengths)), lengths)
        sizes = [sum(map(len, found)) for found in said]
        self.unit: Ints = np.repeat(np.arange(len(self.units)), sizes)
        self.sizes: Ints = np.array(sizes, dtype=np.int64)

    @cached_property
    def personas(self) -> np.ndarray[Any, np.dtype[np.str_]]:
        """Who spoke, by unit."""
        return np.array([unit.persona for unit in self.units])

    @cached_property
    def tasks(self) -> Ints:
        """The number of its task, by unit; numbers go by name."""
        number = {name: at for at, name in enumerate(sorted({each.task for each in self.units}))}
        return np.array([number[unit.task] for unit in self.units], dtype=np.int64)

    @cached_property
    def beside(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """True for units beside calls, False for answers."""
        return np.array([unit.kind == "beside calls" for unit in self.units], dtype=bool)

    @cached_property
    def turns(self) -> Ints:
        """A number for what one speaker said in one turn of a conversation, by unit: an answer and
        what stands beside the calls before it have the same."""
        numbers: dict[tuple[str, str, int], int] = {}
        found = (
            numbers.setdefault((each.talk, each.persona, each.turn), len(numbers))
            for each in self.units
        )
        return np.fromiter(found, np.int64, len(self.units))

    def rows(self, personas: Sequence[str]) -> Ints:
        """The units of `personas` in tasks of which each of them has one.

        Without this, a measure would tell tasks apart and not voices.
        """
        place = {name: at for at, name in enumerate(personas)}
        speaker = np.array([place.get(each.persona, -1) for each in self.units], dtype=np.int64)
        wanted = speaker >= 0
        there = np.zeros((int(self.tasks.max(initial=-1)) + 1, len(personas)), dtype=bool)
        there[self.tasks[wanted], speaker[wanted]] = True
        whole = np.asarray(there.all(axis=1))
        found: Ints = np.flatnonzero(wanted & whole[self.tasks])
        return found

    def longer(self, shorter: Grams | None) -> Grams:
        """The n-grams of one word more than `shorter`; None: the words themselves."""
        if shorter is None:
            starts = np.arange(len(self.words))
            ids, first = self.words, np.zeros(len(self.vocabulary), dtype=np.int64)
            first[ids[::-1]] = starts[::-1]
            return Grams(ids, starts, first, 1)
        size = shorter.size + 1
        last = shorter.starts + size - 1
        inside: Ints = np.flatnonzero(last < len(self.words))
        same: Ints = self.run[last[inside]] - self.run[shorter.starts[inside]]
        inside = inside[same == 0]
        starts = shorter.starts[inside]
        keys = shorter.ids[inside] * len(self.vocabulary) + self.words[starts + size - 1]
        _, at, ids = np.unique(keys, return_index=True, return_inverse=True)
        return Grams(ids, starts, starts[at], size)

    def spelled(self, start: int, size: int) -> str:
        """The n-gram of `size` words that begins at the word `start`."""
        return " ".join(self.vocabulary[word] for word in self.words[start : start + size])
