"""Can the voices be told apart? A linear classifier over words, held to tasks that it never saw.

Word 1-2-grams, TF-IDF and a linear support vector machine, five folds grouped by task. It learns
from all units of the other folds and is judged on answers and on what is said beside calls apart.
The same input gives the same figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from msgspec import Struct

from kappa_data.config import ReportConfig
from kappa_data.metrics.measure import Measure
from kappa_data.metrics.units import NOBODY, Unit, paired, runs

FOLDS = 5
RARELY, SELDOM = 4, 0.1
"""tasks of the training part that hold an n-gram, at least, for it to count, and their share: one
that fewer hold tells the task or its topic, and a classifier would learn its training part by
heart"""
RESAMPLED = 200
LATE = 8
"""turns from which a voice counts as late"""
FEWEST_LATE = 20
"""units of each class in late turns, at least, for the loss to mean something"""

Gold = np.ndarray[Any, np.dtype[np.int64]]


class Score(Struct, frozen=True):
    """F1 of one class, with the interval that holds 95 % of resampled tasks."""

    persona: str
    f1: float
    low: float
    high: float
    units: int


class Told(Struct, frozen=True):
    """How well voices were told apart, on units of one kind."""

    scores: tuple[Score, ...]
    confusion: Mapping[str, Mapping[str, int]]
    """[who spoke][who was guessed]: units"""

    @property
    def lowest(self) -> Score:
        """The class that is told worst."""
        return min(self.scores, key=lambda score: score.f1)

    @property
    def macro(self) -> float:
        """The mean F1 of the classes."""
        return sum(score.f1 for score in self.scores) / len(self.scores)

    @property
    def taken(self) -> tuple[float, float]:
        """Shares: of no persona's units those taken for a persona's, and of the personas' those
        taken for no persona's."""
        to_persona = {name: row for name, row in self.confusion.items() if name != NOBODY}
        said = sum(sum(row.values()) for row in to_persona.values())
        lost = sum(row.get(NOBODY, 0) for row in to_persona.values())
        row = self.confusion.get(NOBODY, {})
        plain = sum(row.values())
        return (1 - row.get(NOBODY, 0) / plain if plain else 0.0, lost / said if said else 0.0)


class Voice(Struct, frozen=True):
    """The voices, with and without no persona among the classes. None: too little to measure."""

    nine: Told | None
    ten: Told | None
    beside_calls: Told | None
    late_loss: float | None
    """mean F1 in turns before LATE minus that from LATE on, over tasks that reach it"""
    shuffled: float | None
    """share guessed right where the names within each task are shuffled: an alarm for leaks"""
    shuffled_bar: float
    """chance, and three standard errors"""

    def measures(self, targets: ReportConfig) -> tuple[Measure, ...]:
        """The figures with their targets."""
        taken, lost = self.ten.taken if self.ten else (None, None)
        return (
            _lowest("voice_f1", "lowest F1, personas", self.nine, targets.voice_f1),
            _lowest("none_f1", "lowest F1, with no persona", self.ten, targets.none_f1),
            _lowest(
                "beside_calls_f1",
                "lowest F1 beside calls",
                self.beside_calls,
                targets.beside_calls_f1,
            ),
            Measure(
                "late_loss",
                f"F1 lost from turn {LATE} on",
                self.late_loss,
                "at most",
                targets.late_loss,
            ),
            Measure("none_taken", "no persona taken for one", taken, "at most", targets.none_taken),
            Measure(
                "persona_lost", "persona taken for none", lost, "at most", targets.persona_lost
            ),
            Measure(
                "shuffled", "shuffled names guessed", self.shuffled, "at most", self.shuffled_bar
            ),
        )


def _lowest(key: str, name: str, told: Told | None, bar: float) -> Measure:
    if told is None:
        return Measure(key, name, None, "at least", bar)
    worst = told.lowest
    return Measure(
        key,
        name,
        worst.f1,
        "at least",
        bar,
        worst.low,
        worst.high,
        worst.units,
        detail=worst.persona,
    )


def measure_voice(units: Sequence[Unit], personas: Sequence[str]) -> Voice:
    """The voices of `personas` and of NOBODY, on the tasks that all of them have units of."""
    nine = paired(units, personas)
    everybody = [*personas, NOBODY]
    ten = paired(units, everybody)
    names = [unit.persona for unit in ten]
    guessed = guesses(ten, names)
    mixed = shuffled_names(ten)
    talks = len({(unit.talk, unit.persona) for unit in ten})
    chance = 1 / len(everybody)
    return Voice(
        nine=_told(nine, guesses(nine, [unit.persona for unit in nine]), personas, "answer"),
        ten=_told(ten, guessed, everybody, "answer"),
        beside_calls=_told(ten, guessed, everybody, "beside calls"),
        late_loss=_late_loss(ten, guessed, everybody),
        shuffled=_share_right(mixed, guesses(ten, mixed)),
        shuffled_bar=chance + 3 * (chance * (1 - chance) / max(talks, 1)) ** 0.5,
    )


def grams_of(unit: Unit) -> list[str]:
    """The unit's words and pairs of neighbours; none reaches over a mask."""
    found: list[str] = []
    for run in runs(unit.text):
        found += run
        found += [f"{one} {two}" for one, two in pairwise(run)]
    return found


def guesses(
    units: Sequence[Unit],
    names: Sequence[str],
    grams: Callable[[Unit], list[str]] = grams_of,
) -> list[str]:
    """For each unit the class that a classifier names which saw no unit of its task.

    [] where there are fewer tasks than folds or fewer classes than two.
    """
    tasks = [unit.task for unit in units]
    if len(set(tasks)) < FOLDS or len(set(names)) < 2 or not any(map(grams, units)):
        return []
    from sklearn.model_selection import StratifiedGroupKFold

    counts, _ = counted(units, grams)
    gold = np.array(names)
    said = np.empty(len(units), dtype=gold.dtype)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    for learnt, judged in folds.split(counts, gold, tasks):
        known = counts[learnt]
        columns = _common(known, [tasks[at] for at in learnt])
        if not len(columns):
            said[judged] = min(names)  # nothing to learn from: one name for all
            continue
        model = _model()
        model.fit(known[:, columns], gold[learnt])
        said[judged] = model.predict(counts[judged][:, columns])
    return [str(name) for name in said]


def counted(units: Sequence[Unit], grams: Callable[[Unit], list[str]]) -> tuple[Any, list[str]]:
    """(sparse matrix: units x n-grams, the n-grams)."""
    from sklearn.feature_extraction.text import CountVectorizer

    vectors = CountVectorizer(analyzer=grams, dtype=np.float64)
    counts = vectors.fit_transform(units)
    return counts.tocsr(), list(vectors.get_feature_names_out())


def strongest(units: Sequence[Unit], most: int) -> dict[str, list[str]]:
    """For each class the `most` n-grams that speak for it most, in a classifier of all units."""
    counts, grams = counted(units, grams_of)
    columns = _common(counts, [unit.task for unit in units])
    model = _model()
    model.fit(counts[:, columns], np.array([unit.persona for unit in units]))
    weights = model[-1].coef_
    classes = [str(name) for name in model[-1].classes_]
    if len(classes) == 2:
        weights = np.vstack([-weights, weights])
    return {
        name: [grams[columns[at]] for at in np.argsort(-row, kind="stable")[:most]]
        for name, row in zip(classes, weights, strict=True)
    }


def _common(counts: Any, tasks: Sequence[str]) -> Gold:
    """The columns of n-grams that SELDOM of the tasks hold, at least RARELY, or half of the tasks
    where that is less."""
    names, number = np.unique(tasks, return_inverse=True)
    rows, grams = counts.nonzero()
    held = np.unique(number[rows] * counts.shape[1] + grams)
    holders = np.bincount(held % counts.shape[1], minlength=counts.shape[1])
    few = max(SELDOM * len(names), min(RARELY, max(len(names) // 2, 1)))
    columns: Gold = np.flatnonzero(holders >= few)
    return columns


def _model() -> Any:
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    return make_pipeline(TfidfTransformer(sublinear_tf=True), LinearSVC(random_state=0))


def shuffled_names(units: Sequence[Unit]) -> list[str]:
    """The names of the units with those of each task's conversations dealt out anew: what is
    guessed of these is chance, unless something beside the voice gives the speaker away."""
    dice = np.random.default_rng(0)
    dealt: dict[tuple[str, str], str] = {}
    by_task: dict[str, dict[tuple[str, str], None]] = {}
    for unit in units:
        by_task.setdefault(unit.task, {})[unit.talk, unit.persona] = None
    for talks in by_task.values():
        names = [name for _, name in talks]
        for talk, at in zip(talks, dice.permutation(len(names)), strict=True):
            dealt[talk] = names[at]
    return [dealt[unit.talk, unit.persona] for unit in units]


def f1_of(confusion: Gold) -> np.ndarray[Any, np.dtype[np.float64]]:
    """F1 of each class from [..., who spoke, who was guessed]; 0 for a class of no unit."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    both = confusion.sum(axis=-1) + confusion.sum(axis=-2)
    scores: np.ndarray[Any, np.dtype[np.float64]] = 2 * hits / np.maximum(both, 1)
    return scores


def _told(
    units: Sequence[Unit], guessed: Sequence[str], classes: Sequence[str], kind: str
) -> Told | None:
    """None where some class has no unit of the kind, or nothing could be guessed."""
    if not guessed:
        return None
    judged = [(unit, name) for unit, name in zip(units, guessed, strict=True) if unit.kind == kind]
    if {unit.persona for unit, _ in judged} != set(classes):
        return None
    tables = confusion_of(judged, classes)
    whole = tables.sum(axis=0)
    dice = np.random.default_rng(0)
    weights = dice.multinomial(len(tables), [1 / len(tables)] * len(tables), size=RESAMPLED)
    resampled = f1_of(np.tensordot(weights, tables, axes=1))
    low, high = np.quantile(resampled, (0.025, 0.975), axis=0)
    scores = [
        Score(name, float(f1), float(low[at]), float(high[at]), int(whole[at].sum()))
        for at, (name, f1) in enumerate(zip(classes, f1_of(whole), strict=True))
    ]
    confusion = {
        name: {other: int(n) for other, n in zip(classes, row, strict=True) if n}
        for name, row in zip(classes, whole, strict=True)
    }
    return Told(tuple(scores), confusion)


def confusion_of(judged: Sequence[tuple[Unit, str]], classes: Sequence[str]) -> Gold:
    """[task, who spoke, who was guessed]: units."""
    tasks = {name: at for at, name in enumerate(sorted({unit.task for unit, _ in judged}))}
    place = {name: at for at, name in enumerate(classes)}
    tables = np.zeros((len(tasks), len(classes), len(classes)), dtype=np.int64)
    for unit, name in judged:
        tables[tasks[unit.task], place[unit.persona], place[name]] += 1
    return tables


def _late_loss(
    units: Sequence[Unit], guessed: Sequence[str], classes: Sequence[str]
) -> float | None:
    if not guessed:
        return None
    answers = [each for each in zip(units, guessed, strict=True) if each[0].kind == "answer"]
    reached = {unit.task for unit, _ in answers if unit.turn >= LATE}
    parts = [
        [each for each in answers if each[0].task in reached and (each[0].turn >= LATE) == late]
        for late in (False, True)
    ]
    for part in parts:
        said = [unit.persona for unit, _ in part]
        if any(said.count(name) < FEWEST_LATE for name in classes):
            return None
    early, late = (f1_of(confusion_of(part, classes).sum(axis=0)).mean() for part in parts)
    return float(early - late)


def _share_right(names: Sequence[str], guessed: Sequence[str]) -> float | None:
    if not guessed:
        return None
    return sum(one == two for one, two in zip(names, guessed, strict=True)) / len(names)
