"""Which conversations repeat a prompt of an evaluation: word n-grams, many texts at once.

What a user asks repeats a prompt by SHORT words in a row, any other text by LONG (evaluation.py
says which rows of words count). Looked at is all that is said: every message's text, reasoning and
the texts within the arguments of its calls. One bit array tells most n-grams apart from all that
is known; the few that are left are looked up.

That a text's n-gram has the hash of another one by chance has, for a million known hashes and a
billion n-grams, a probability of about 1 in 20,000.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from kappa_data.shingling import Int64s, UInt64s, batches, grams, plain, words
from kappa_data.tasks.evaluation import ASKED, LONG, SHORT, Evaluation, first_words, repeats

LOOKS = 22
"""bits of a hash that choose its place in the quick look: 4 MB"""
TEXTS = 4096
"""texts of a batch: most are short"""


class Text(NamedTuple):
    """One text of a conversation; `message` is the index in `messages`."""

    conversation: int
    message: int
    asked: bool
    """a user said it"""
    text: str


class Known:
    """All n-grams of one length, sorted, with the set that each is of.

    `table` is uint64[2, n]: the hashes, and numbers of sets.
    """

    def __init__(self, table: UInt64s) -> None:
        self._hashes, self._sets = table
        self._there = np.zeros(1 << LOOKS, dtype=np.bool_)
        self._there[self._place(self._hashes)] = True

    @staticmethod
    def _place(hashes: UInt64s) -> UInt64s:
        return hashes >> np.uint64(64 - LOOKS)

    def among(self, values: UInt64s) -> tuple[Int64s, UInt64s]:
        """Where in `values` known hashes stand, and the number of the set of each."""
        maybe = np.flatnonzero(self._there[self._place(values)])
        if not len(maybe):
            return maybe, np.zeros(0, dtype=np.uint64)
        at = np.minimum(np.searchsorted(self._hashes, values[maybe]), len(self._hashes) - 1)
        right = self._hashes[at] == values[maybe]
        return maybe[right], self._sets[at[right]]


class Contamination:
    """Finds the prompts of some sets; `names` are those of the sets."""

    def __init__(self, names: Sequence[str], asked: UInt64s, all_text: UInt64s) -> None:
        self.names = tuple(names)
        self._known = {SHORT: Known(asked), LONG: Known(all_text)}

    def found(self, texts: Iterable[Text]) -> Iterator[tuple[Text, str]]:
        """Each text that repeats a prompt, with what it repeats: those that were asked first."""
        told = list(texts)
        for asked, lengths in ((True, (SHORT, LONG)), (False, (LONG,))):
            some = [each for each in told if each.asked == asked]
            start = 0
            for batch in batches((each.text for each in some), TEXTS):
                yield from self._in_batch(some[start : start + len(batch)], lengths)
                start += len(batch)

    def _in_batch(
        self, texts: Sequence[Text], lengths: Sequence[int]
    ) -> Iterator[tuple[Text, str]]:
        of = words([each.text for each in texts], signs=False)
        hit: set[int] = set()
        for length in lengths:
            rows = grams(of, length)
            places, sets = self._known[length].among(rows.values)
            owners = np.searchsorted(rows.starts, places, side="right") - 1
            for place, owner, number in zip(
                places.tolist(), owners.tolist(), sets.tolist(), strict=True
            ):
                if owner not in hit:
                    hit.add(owner)
                    found = rows.values[place : place + 1]
                    said = first_words(plain(texts[owner].text), length, found)
                    yield texts[owner], repeats(self.names[number], said)


def texts_in(arguments: str) -> Iterator[str]:
    """The texts within a call's arguments, which are JSON; as they are where they are not."""
    try:
        value = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        yield arguments
        return
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict | list):
            waiting += reversed(list(each.values()) if isinstance(each, dict) else each)


def tables(evaluation: Evaluation) -> tuple[list[str], UInt64s, UInt64s]:
    """The sets' names, and what `Contamination` takes for what was asked and for all text."""
    sets = evaluation.grams.values()
    asked, all_text = (_table([each[kind] for each in sets]) for kind in (ASKED, LONG))
    return list(evaluation.grams), asked, all_text


def _table(sets: Sequence[UInt64s]) -> UInt64s:
    numbers = [np.full(len(each), number, np.uint64) for number, each in enumerate(sets)]
    nothing = np.zeros(0, dtype=np.uint64)
    # Of one that stands in two sets the first.
    values, first = np.unique(np.concatenate([nothing, *sets]), return_index=True)
    return np.stack([values, np.concatenate([nothing, *numbers])[first]])
