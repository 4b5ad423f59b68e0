"""Does a persona repeat itself more than no persona does?

All three measures grow or shrink with the size of the sample, so they are taken of samples of
equally many words.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

from kappa_data.config import ReportConfig
from kappa_data.metrics.corpus import Corpus
from kappa_data.metrics.measure import Cell, Measure
from kappa_data.metrics.units import NOBODY, words

TITLES = {"zlib": "zlib", "self_repetition": "self-repetition", "distinct": "distinct-2"}
_SELF = 4
"""words of a run that counts as repeated where another unit has it"""


FEWEST = 10_000
"""words of each class, at least"""


class Sample(Struct, frozen=True):
    """Of one class: `zlib`, bytes over compressed bytes; `repeated`, the share of the runs of
    four words that another unit holds as well; `distinct`, distinct pairs of words over all."""

    zlib: float
    repeated: float
    distinct: float


class Diversity(Struct, frozen=True):
    """By class, of samples of `size` words each; empty where there is nothing."""

    samples: dict[str, Sample]
    size: int

    def measures(self, targets: ReportConfig) -> tuple[Measure, ...]:
        """The worst persona of each measure, as a multiple of no persona's."""
        found = []
        for key, by_name in self._ratios().items():
            worst = max(by_name, key=lambda name: by_name[name], default=None)
            value = by_name[worst] if worst else None
            bar = getattr(targets, key)
            name = f"{TITLES[key]} over none's"
            detail = worst or f"{self.size:,} of {FEWEST:,} words of each"
            found.append(Measure(key, name, value, "at most", bar, number=self.size, detail=detail))
        return tuple(found)

    def cells(self) -> tuple[Cell, ...]:
        """The same by persona."""
        return tuple(
            Cell(key, "persona", name, value, number=self.size)
            for key, by_name in self._ratios().items()
            for name, value in by_name.items()
        )

    def _ratios(self) -> dict[str, dict[str, float]]:
        plain = self.samples.get(NOBODY)
        ratios: dict[str, dict[str, float]] = {"zlib": {}, "self_repetition": {}, "distinct": {}}
        if plain:
            for name, each in self.samples.items():
                if name != NOBODY:
                    ratios["zlib"][name] = each.zlib / plain.zlib
                    ratios["distinct"][name] = plain.distinct / each.distinct
                    if plain.repeated:
                        ratios["self_repetition"][name] = each.repeated / plain.repeated
        return ratios


def measure_diversity(corpus: Corpus, personas: Sequence[str]) -> Diversity:
    """Of the answers on the tasks that all of `personas` and NOBODY have units of."""
    texts: dict[str, list[list[str]]] = {name: [] for name in (*personas, NOBODY)}
    chosen = [corpus.units[at] for at in corpus.rows(list(texts)) if not corpus.beside[at]]
    # Drawn order: by name a longer voice's sample would hold fewer kinds of tasks than a shorter's.
    for unit in sorted(chosen, key=lambda unit: zlib.crc32(unit.task.encode())):
        texts[unit.persona].append(words(unit.text))
    size = min(sum(map(len, said)) for said in texts.values())
    if size < FEWEST:
        return Diversity({}, size)
    return Diversity({name: sample(first(said, size)) for name, said in texts.items()}, size)


def first(said: Sequence[list[str]], size: int) -> list[list[str]]:
    """The first `size` words of the units, the last one cut."""
    taken, left = [], size
    for each in said:
        if left <= 0:
            break
        taken.append(each[:left])
        left -= len(each)
    return taken


def sample(said: Sequence[Sequence[str]]) -> Sample:
    """The three measures of one sample of units, each a list of words; there is a word at least."""
    text = "\n".join(" ".join(each) for each in said).encode()
    pairs = [pair for each in said for pair in pairwise(each)]
    fours = [{tuple(each[at : at + _SELF]) for at in range(len(each) - _SELF + 1)} for each in said]
    holders = Counter(four for found in fours for four in found)
    repeated = sum(count for count in holders.values() if count > 1)
    return Sample(
        zlib=len(text) / len(zlib.compress(text, 9)),
        repeated=repeated / max(holders.total(), 1),
        distinct=len(set(pairs)) / max(len(pairs), 1),
    )
