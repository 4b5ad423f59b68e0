"""Can the voices be told apart? How a classifier (see classifier.py) does on tasks that it never
saw, judged on answers and on what is said beside calls apart.

A classifier that saw too little confuses voices that differ. How much it needs was read off
learning curves (docs/personas.md): below that there is no figure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct

from kappa_data.config import ReportConfig
from kappa_data.metrics.cells import cells_of
from kappa_data.metrics.classifier import (
    FOLDS,
    Counts,
    guesses,
    holding,
    shuffled_names,
    strongest,
)
from kappa_data.metrics.corpus import Corpus, Ints
from kappa_data.metrics.judged import (
    Interval,
    Judged,
    Mask,
    f1_of,
    mean_f1,
    resampled,
)
from kappa_data.metrics.measure import Bound, Cell, Measure
from kappa_data.metrics.units import NOBODY

FEWEST = 400
"""answers of each class, at least, for voices to be told apart by what differs"""
FEWEST_CLOSE = 600
"""the same, for no persona (which has no words of its own) to be known, and for a classifier
without the strongest words"""
FEWEST_BESIDE = 50
"""units beside calls of each class, at least, to be judged by themselves"""
FEWEST_LATE = 40
"""answers of each class before LATE and from then on, at least"""
LATE = 8
"""turns from which a voice counts as late"""
DELETED = 10


class Score(Struct, frozen=True):
    """F1 of one class, with the interval that holds 95 % of resampled tasks."""

    persona: str
    f1: float
    low: float
    high: float
    units: int


class Told(Struct, frozen=True):
    """How well voices were told apart, on units of one kind. `fewest`: units of the class that has
    fewest; where that is less than `needed` there are no scores and no confusion."""

    scores: tuple[Score, ...]
    confusion: Mapping[str, Mapping[str, int]]
    """[who spoke][who was guessed]: units"""
    fewest: int
    needed: int

    @property
    def lowest(self) -> Score:
        """The class that is told worst."""
        return min(self.scores, key=lambda score: score.f1)


class Value(Struct, frozen=True):
    """A figure beside the number that it is about and that it needs; None: too little."""

    interval: Interval | None
    number: int
    needed: int
    detail: str = ""


class Voice(Struct, frozen=True):
    """The voices, with and without no persona among the classes."""

    nine: Told
    ten: Told
    beside_calls: Told
    none_taken: Value
    """of no persona's answers those taken for a persona's"""
    persona_lost: Value
    """of the personas' answers those taken for no persona's"""
    late_loss: Value
    """mean F1 in turns before LATE minus that from LATE on, over tasks that reach it"""
    ablation: Value
    """of the class that loses most: the F1 that goes with every class's ten strongest n-grams"""
    shuffled: Value
    """share guessed right where the names within each task are shuffled: an alarm for leaks"""
    shuffled_bar: float
    """chance, and three standard errors"""
    cells: tuple[Cell, ...]

    def measures(self, targets: ReportConfig) -> tuple[Measure, ...]:
        """The figures with their targets."""
        return (
            _lowest("voice_f1", "lowest F1, personas", self.nine, targets.voice_f1),
            _lowest("none_f1", "lowest F1, with no persona", self.ten, targets.none_f1),
            _lowest(
                "beside_calls_f1",
                "lowest F1 beside calls",
                self.beside_calls,
                targets.beside_calls_f1,
            ),
            measure_of(
                "late_loss", f"F1 lost from turn {LATE} on", self.late_loss, targets.late_loss
            ),
            measure_of(
                "none_taken", "no persona taken for one", self.none_taken, targets.none_taken
            ),
            measure_of(
                "persona_lost", "persona taken for none", self.persona_lost, targets.persona_lost
            ),
            measure_of(
                "ablation_loss",
                "F1 lost without the ten strongest",
                self.ablation,
                targets.ablation_loss,
            ),
            measure_of("shuffled", "shuffled names guessed", self.shuffled, self.shuffled_bar),
        )


def measure_of(key: str, name: str, found: Value, bar: float, bound: Bound = "at most") -> Measure:
    """The measure of a value; one that is None says how much there is of what it needs."""
    if found.interval is None:
        detail = f"{found.number:,} of {found.needed:,} units of each"
        if found.number >= found.needed:
            detail = f"fewer than two voices, or than {FOLDS} tasks"
        return Measure(key, name, None, bound, bar, number=found.number, detail=detail)
    value, low, high = found.interval.value, found.interval.low, found.interval.high
    return Measure(key, name, value, bound, bar, low, high, found.number, detail=found.detail)


def _lowest(key: str, name: str, told: Told, bar: float) -> Measure:
    if not told.scores:
        return measure_of(key, name, Value(None, told.fewest, told.needed), bar, "at least")
    worst = told.lowest
    found = Interval(worst.f1, worst.low, worst.high)
    value = Value(found, worst.units, told.needed, worst.persona)
    return measure_of(key, name, value, bar, "at least")


def measure_voice(corpus: Corpus, personas: Sequence[str]) -> Voice:
    """The voices of `personas` and of NOBODY, on the tasks that all of them have units of."""
    counts = Counts(corpus)
    nine = _judged(counts, personas)
    ten = _judged(counts, [*personas, NOBODY])
    answers = ~corpus.beside[ten.rows]
    chance = 1 / len(ten.classes)
    talks = len({(corpus.units[at].talk, corpus.units[at].persona) for at in ten.rows})
    return Voice(
        nine=_told(nine, ~corpus.beside[nine.rows], FEWEST),
        ten=_told(ten, answers, FEWEST),
        beside_calls=_told(ten, ~answers, FEWEST_BESIDE),
        none_taken=_taken(ten, answers),
        persona_lost=_lost(ten, answers),
        late_loss=_late_loss(ten, answers),
        ablation=_ablation(counts, ten, answers),
        shuffled=_shuffled(counts, ten),
        shuffled_bar=chance + 3 * (chance * (1 - chance) / max(talks, 1)) ** 0.5,
        cells=cells_of(nine, ten),
    )


def comparable(corpus: Corpus, personas: Sequence[str]) -> list[str]:
    """The personas that are held against each other: all of them, or where their tasks in common
    are too few, those that are left without the ones that share fewest tasks.

    Only tasks count that all have done: one conversation in a voice of its own, such as an import,
    would leave no figure of any other one.
    """
    chosen = sorted(personas)
    place = {name: at for at, name in enumerate([*chosen, NOBODY])}
    there = np.zeros((int(corpus.tasks.max(initial=-1)) + 1, len(place)), dtype=bool)
    known = np.isin(corpus.personas, list(place)) & ~corpus.beside
    there[corpus.tasks[known], [place[name] for name in corpus.personas[known]]] = True
    shared = there[there.sum(axis=1) > 1].sum(axis=0)
    while chosen:
        speakers = chosen if len(chosen) > 1 else [*chosen, NOBODY]
        if _fewest(corpus, corpus.rows(speakers), speakers) >= FEWEST:
            return chosen
        chosen.remove(min(chosen, key=lambda name: (shared[place[name]], name)))
    return sorted(personas)


def _fewest(corpus: Corpus, rows: Ints, classes: Sequence[str]) -> int:
    """Answers of the class that has fewest."""
    answers = Counter(corpus.personas[rows[~corpus.beside[rows]]].tolist())
    return min((answers[name] for name in classes), default=0)


def _judged(counts: Counts, classes: Sequence[str]) -> Judged:
    """The guesses; nothing is guessed where there are too few answers to learn from, or nobody to
    be told from."""
    corpus = counts.corpus
    rows = corpus.rows(classes)
    enough = _fewest(corpus, rows, classes) >= FEWEST
    said = guesses(counts, rows, corpus.personas[rows]) if enough else rows[:0]
    return Judged(corpus, rows, said if len(said) else None, classes)


def _told(judged: Judged, mask: Mask, needed: int) -> Told:
    fewest = judged.fewest(mask)
    if judged.guessed is None or fewest < needed:
        return Told((), {}, fewest, needed)
    tables = judged.tables(mask)
    units = tables.sum(axis=(0, 2))
    scores = tuple(
        Score(name, found.value, found.low, found.high, int(number))
        for name, found, number in zip(judged.classes, resampled(f1_of, tables), units, strict=True)
    )
    return Told(scores, judged.confusion(mask), fewest, needed)


def _taken(ten: Judged, answers: Mask) -> Value:
    fewest = ten.fewest(answers)
    if ten.guessed is None or fewest < FEWEST_CLOSE:
        return Value(None, fewest, FEWEST_CLOSE)
    mask = answers & ten.nobodys
    return Value(resampled(ten.taken, ten.tables(mask))[0], int(mask.sum()), FEWEST_CLOSE)


def _lost(ten: Judged, answers: Mask) -> Value:
    if ten.guessed is None:
        return Value(None, ten.fewest(answers), FEWEST)
    mask = answers & ~ten.nobodys
    return Value(resampled(ten.lost, ten.tables(mask))[0], int(mask.sum()), FEWEST)


def _late_loss(judged: Judged, answers: Mask) -> Value:
    turn = np.array([judged.corpus.units[at].turn for at in judged.rows], dtype=np.int64)
    late = answers & (turn >= LATE)
    tasks = judged.corpus.tasks[judged.rows]
    early = answers & (turn < LATE) & np.isin(tasks, tasks[late])
    fewest = min(judged.fewest(early), judged.fewest(late))
    if judged.guessed is None or fewest < FEWEST_LATE:
        return Value(None, fewest, FEWEST_LATE)
    both = np.isin(tasks, tasks[early])
    found = resampled(mean_f1, judged.tables(early), judged.tables(late & both))
    return Value(found[0], int(late.sum()), FEWEST_LATE)


def _ablation(counts: Counts, whole: Judged, answers: Mask) -> Value:
    fewest = whole.fewest(answers)
    if whole.guessed is None or fewest < FEWEST_CLOSE:
        return Value(None, fewest, FEWEST_CLOSE)
    names = counts.corpus.personas[whole.rows]
    found = strongest(counts, whole.rows, names, DELETED)
    deleted = holding(counts, {gram for grams in found.values() for gram in grams})
    said = guesses(counts, whole.rows, names, deleted)
    rest = Judged(counts.corpus, whole.rows, said, whole.classes)
    everything = np.ones(len(whole.rows), dtype=bool)
    lost = resampled(f1_of, whole.tables(everything), rest.tables(everything))
    at = max(range(len(lost)), key=lambda at: lost[at].value)
    return Value(lost[at], fewest, FEWEST_CLOSE, whole.classes[at])


def _shuffled(counts: Counts, ten: Judged) -> Value:
    fewest = ten.fewest(~counts.corpus.beside[ten.rows])
    if ten.guessed is None:
        return Value(None, fewest, FEWEST)
    mixed = np.array(shuffled_names(counts.corpus, ten.rows))
    right = float((guesses(counts, ten.rows, mixed) == mixed).mean())
    return Value(Interval(right, right, right), len(mixed), FEWEST)
