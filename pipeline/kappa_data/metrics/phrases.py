"""Do phrases wear out? How many of a persona's turns hold the same words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct

from kappa_data.config import ReportConfig
from kappa_data.metrics.corpus import Corpus, Grams, Ints
from kappa_data.metrics.figures import Held, Worn
from kappa_data.metrics.intervals import wilson
from kappa_data.metrics.judged import Floats, Mask, redrawn
from kappa_data.metrics.measure import Cell, Measure
from kappa_data.metrics.units import NOBODY, places

SIZES = range(3, 7)
OPENING = 3
"""words that make an opener"""
FEWEST = 400
"""turns of a persona, at least, for the share of its worst phrase to stand as it is; and units
beside calls, to be looked at by themselves: 5 % of fewer is luck, being the most of thousands"""
SURE = 3.0
"""standard errors by which a share of fewer turns must be over the bar to count"""
HABIT = 8
"""of fewer turns, how many must hold a phrase to count: a pilot of six has some phrase in two"""
TOP = 5
"""phrases of each persona that are reported"""
LOOKED_AT = 100
"""the most worn phrases of one size, among which the TOP are chosen that do not overlap"""
EXAMPLES = 3
AROUND = 60
"""characters around a phrase in an example"""


class Phrases(Struct, frozen=True):
    """The TOP of each persona, the most worn first; empty where there is too little to measure."""

    phrases: tuple[Worn, ...]
    openers: tuple[Worn, ...]

    def measures(self, targets: ReportConfig) -> tuple[Measure, ...]:
        """The figures with their targets."""
        return (
            _worst(
                "phrase_share", "largest share of one phrase", self.phrases, targets.phrase_share
            ),
            _worst("opener_share", "top opener", self.openers, targets.opener_share),
        )

    def cells(self) -> tuple[Cell, ...]:
        """The most worn phrase and opener of each persona that has enough turns."""
        found = []
        for key, worn in (("phrase_share", self.phrases), ("opener_share", self.openers)):
            first = {each.persona: each for each in reversed(worn) if each.turns >= FEWEST}
            found += [
                Cell(key, "persona", name, each.brought, each.low, each.high, each.turns)
                for name, each in sorted(first.items())
            ]
        return tuple(found)


def _worst(key: str, name: str, worn: Sequence[Worn], bar: float) -> Measure:
    """The worst phrase of all: of those that stand, or of those that no luck explains."""
    turns = min((each.turns for each in worn), default=0)
    sure = [each for each in worn if each.turns >= FEWEST or _at_least(each) > bar]
    if turns < FEWEST and not any(each.brought > bar for each in sure):
        detail = f"{turns:,} of {FEWEST:,} turns of each"
        return Measure(key, name, None, "at most", bar, number=turns, detail=detail)
    worst = max(sure, key=lambda each: each.brought)
    detail = f'{worst.persona}: "{worst.phrase}", {worst.share:.1%} with what none says'
    return Measure(
        key, name, worst.brought, "at most", bar, worst.low, worst.high, worst.turns, detail=detail
    )


def _at_least(worn: Worn) -> float:
    """What `brought` is at least, luck apart (the lower end of Wilson's interval of the share)."""
    held = round(worn.share * worn.turns)
    if held < HABIT:
        return 0.0
    return wilson(held, worn.turns, SURE)[0] - (worn.share - worn.brought)


class _Held:
    """N-grams of one size by the turns that hold them: `gram` and `turn` of each pair, sorted, and
    the word where the n-gram stands there first."""

    def __init__(self, corpus: Corpus, grams: Grams, mask: Mask) -> None:
        within = mask[corpus.unit[grams.starts]]
        ids, self.starts = grams.ids[within], grams.starts[within]
        turns = corpus.turns[corpus.unit[self.starts]]
        number = int(corpus.turns.max(initial=0)) + 1
        pairs, at = np.unique(ids * number + turns, return_index=True)
        self.gram, self.turn = pairs // number, pairs % number
        self.starts = self.starts[at]
        self.size = grams.size
        self.kinds = len(grams.first)

    def shares(self, turns: Mask) -> Floats:
        """Of the turns in the mask (by turn) the share that holds each n-gram."""
        held = np.bincount(self.gram[turns[self.turn]], minlength=self.kinds)
        found: Floats = held / max(int(turns.sum()), 1)
        return found

    def of(self, gram: int, turns: Mask) -> tuple[Ints, Ints]:
        """The turns in the mask that hold the n-gram, and the words where it begins there."""
        low, high = np.searchsorted(self.gram, (gram, gram + 1))
        inside = turns[self.turn[low:high]]
        return self.turn[low:high][inside], self.starts[low:high][inside]


class _Candidate(Struct, frozen=True):
    share: float
    brought: float
    phrase: str
    size: int
    turns: frozenset[int]
    starts: tuple[int, ...]
    plain: frozenset[int]


def measure_phrases(corpus: Corpus, personas: Sequence[str]) -> Phrases:
    """The phrases of `personas` beside those of NOBODY, on the tasks that all have units of.

    Shares are of turns: an answer, and what was said beside calls before it. Where there are
    enough units beside calls they are looked at by themselves too.
    """
    rows = corpus.rows([*personas, NOBODY])
    if not len(rows):
        return Phrases((), ())
    mask = np.zeros(len(corpus.units), dtype=bool)
    mask[rows] = True
    grams: list[Grams] = []
    last = None
    for size in range(1, max(SIZES) + 1):
        last = corpus.longer(last)
        if size in SIZES:
            grams.append(last)
    return Phrases(
        phrases=_worn(corpus, personas, mask, grams),
        openers=_worn(corpus, personas, mask, [_openings(corpus)]),
    )


def _openings(corpus: Corpus) -> Grams:
    """The first words of every unit; they may stand on both sides of a mask."""
    ends = np.cumsum(corpus.sizes)
    whole = corpus.sizes >= OPENING
    starts = (ends - corpus.sizes)[whole]
    heads = np.stack([corpus.words[starts + at] for at in range(OPENING)], axis=1)
    _, first, ids = np.unique(heads, axis=0, return_index=True, return_inverse=True)
    return Grams(ids.ravel(), starts, starts[first], OPENING)


def _worn(
    corpus: Corpus, personas: Sequence[str], mask: Mask, grams: Sequence[Grams]
) -> tuple[Worn, ...]:
    beside = mask & corpus.beside
    whole = [_Held(corpus, each, mask) for each in grams]
    apart = [_Held(corpus, each, beside) for each in grams]
    found: list[Worn] = []
    for name in personas:
        lots = [_Lot(corpus, whole, mask, name)]
        if (beside & (corpus.personas == name)).sum() >= FEWEST:
            lots.append(_Lot(corpus, apart, beside, name))
        best = [(each, lot) for lot in lots for each in _candidates(corpus, lot, grams)]
        best.sort(key=lambda each: _rank(each[0]), reverse=True)
        chosen: list[tuple[_Candidate, _Lot]] = []
        for each, lot in best:
            if len(chosen) < TOP and not any(_alike(each, other) for other, _ in chosen):
                chosen.append((each, lot))
        found += [_described(corpus, name, each, lot) for each, lot in chosen]
    return tuple(found)


class _Lot:
    """What is looked at together: n-grams of each size, a persona's turns, and nobody's."""

    def __init__(self, corpus: Corpus, held: Sequence[_Held], mask: Mask, name: str) -> None:
        self.held = held
        self.ours = _turns(corpus, mask & (corpus.personas == name))
        self.plain = _turns(corpus, mask & (corpus.personas == NOBODY))


def _rank(candidate: _Candidate) -> tuple[float, int, str]:
    # The longer of two that are as frequent, then by the alphabet: the same whatever the order.
    return candidate.brought, len(candidate.phrase), candidate.phrase


def _turns(corpus: Corpus, mask: Mask) -> Mask:
    """By turn: whether one of its units is in the mask."""
    found = np.zeros(int(corpus.turns.max(initial=0)) + 1, dtype=bool)
    found[corpus.turns[mask]] = True
    return found


def _candidates(corpus: Corpus, lot: _Lot, grams: Sequence[Grams]) -> Iterator[_Candidate]:
    """Of each size the LOOKED_AT most worn ones, and all that are as worn as the last of them."""
    for each, kinds in zip(lot.held, grams, strict=True):
        shares = each.shares(lot.ours)
        brought = shares - each.shares(lot.plain)
        there = np.flatnonzero(shares * lot.ours.sum() > 1.5)  # once is no habit
        if len(there) > LOOKED_AT:
            least = np.partition(brought[there], -LOOKED_AT)[-LOOKED_AT]
            there = there[brought[there] >= least]
        for gram in there:
            turns, starts = each.of(int(gram), lot.ours)
            yield _Candidate(
                share=float(shares[gram]),
                brought=float(brought[gram]),
                phrase=corpus.spelled(int(kinds.first[gram]), each.size),
                size=each.size,
                turns=frozenset(turns.tolist()),
                starts=tuple(starts.tolist()),
                plain=frozenset(each.of(int(gram), lot.plain)[0].tolist()),
            )


def _alike(one: _Candidate, other: _Candidate) -> bool:
    """True where one holds the other, or half of the turns of either hold both."""
    if f" {one.phrase} " in f" {other.phrase} " or f" {other.phrase} " in f" {one.phrase} ":
        return True
    return 2 * len(one.turns & other.turns) >= min(len(one.turns), len(other.turns))


def _described(corpus: Corpus, name: str, found: _Candidate, lot: _Lot) -> Worn:
    low, high = _interval(corpus, found, lot)
    last = max(len(found.starts) - 1, 1)
    spread = sorted({found.starts[at * last // EXAMPLES] for at in range(EXAMPLES) if at <= last})
    return Worn(
        persona=name,
        phrase=found.phrase,
        share=found.share,
        brought=found.brought,
        low=low,
        high=high,
        turns=int(lot.ours.sum()),
        examples=tuple(_example(corpus, start, found.size) for start in spread),
    )


def _interval(corpus: Corpus, found: _Candidate, lot: _Lot) -> tuple[float, float]:
    """What holds `brought` in 95 % of resampled tasks."""
    task = np.zeros(len(lot.ours), dtype=np.int64)
    task[corpus.turns] = corpus.tasks
    number = int(corpus.tasks.max()) + 1

    def by_task(turns: Sequence[int] | Ints) -> Floats:
        return np.bincount(task[np.array(turns, dtype=np.int64)], minlength=number).astype(float)

    ours, plain = by_task(np.flatnonzero(lot.ours)), by_task(np.flatnonzero(lot.plain))
    tables = np.stack([by_task(sorted(found.turns)), ours, by_task(sorted(found.plain)), plain])
    held, said, others, all_others = (redrawn(number) @ tables.T).T
    brought = held / np.maximum(said, 1) - others / np.maximum(all_others, 1)
    low, high = np.quantile(brought, (0.025, 0.975))
    return float(low), float(high)


def _example(corpus: Corpus, start: int, size: int) -> Held:
    """The phrase that begins at the word `start`, with what stands around it."""
    at = int(corpus.unit[start])
    unit = corpus.units[at]
    first = start - int(corpus.sizes[:at].sum())
    spans = places(unit.text)
    begin, end = spans[first][0], spans[first + size - 1][1]
    left, right = max(begin - AROUND, 0), min(end + AROUND, len(unit.text))
    text = f"{'…' * (left > 0)}{unit.text[left:right]}{'…' * (right < len(unit.text))}"
    return Held(unit.talk, unit.turn, text)
