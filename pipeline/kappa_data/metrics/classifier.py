"""A linear classifier over words that tells who spoke, held to tasks that it never saw.

Word 1-2-grams, TF-IDF and a linear support vector machine, five folds grouped by task. It learns
from all units of the other folds. The same units give the same guesses, in whatever order they come
and whatever the number of threads: liblinear has one, and a fixed seed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from kappa_data.metrics.corpus import Corpus, Ints

Words = np.ndarray[Any, np.dtype[np.str_]]

FOLDS = 5
RARELY, SELDOM = 4, 0.1
"""tasks of the training part that hold an n-gram, at least, for it to count, and their share: one
that fewer hold tells the task or its topic, and a classifier would learn its training part by
heart"""


class Counts:
    """How often each unit holds each word and each pair of neighbours: `matrix`, sparse, units by
    n-grams, and the n-grams spelled, the words first, each size by the alphabet."""

    def __init__(self, corpus: Corpus) -> None:
        from scipy.sparse import coo_array

        words = corpus.longer(None)
        pairs = corpus.longer(words)
        single = len(corpus.vocabulary)
        columns = np.concatenate([words.ids, single + pairs.ids])
        rows = np.concatenate([corpus.unit[words.starts], corpus.unit[pairs.starts]])
        shape = (len(corpus.units), single + len(pairs.first))
        # liblinear takes 32-bit indices only.
        rows, columns = rows.astype(np.int32), columns.astype(np.int32)
        self.matrix = coo_array((np.ones(len(rows)), (rows, columns)), shape=shape).tocsr()
        self.tasks = corpus.tasks
        self.corpus = corpus
        self.first = np.concatenate([words.first, pairs.first])

    def spelled(self, column: int) -> str:
        """The n-gram of a column."""
        size = 1 if column < len(self.corpus.vocabulary) else 2
        return self.corpus.spelled(int(self.first[column]), size)

    def holders(self, rows: Ints) -> Any:
        """Sparse, tasks by n-grams: 1 where one of the task's units among `rows` holds it. The
        tasks are those of the rows, in order."""
        from scipy.sparse import csr_array

        part = self.matrix[rows].tocoo()
        tasks, number = np.unique(self.tasks[rows], return_inverse=True)
        shape = (len(tasks), self.matrix.shape[1])
        held = csr_array((np.ones(part.nnz), (number[part.row], part.col)), shape=shape)
        held.sum_duplicates()
        held.data[:] = 1.0
        return held


def common(held: Any) -> Ints:
    """The columns of n-grams that SELDOM of the tasks hold, at least RARELY, or half of the tasks
    where that is less."""
    columns: Ints = np.flatnonzero(np.asarray(held.sum(axis=0)).ravel() >= _few(held.shape[0]))
    return columns


def _few(tasks: int) -> float:
    return max(SELDOM * tasks, min(RARELY, max(tasks // 2, 1)))


def guesses(
    counts: Counts, rows: Ints, names: Sequence[str] | Words, deleted: Collection[int] = ()
) -> Words:
    """For each of `rows` the one of `names` (who spoke, by row) that a classifier guesses which saw
    no unit of its task, nor any n-gram of the columns `deleted`.

    Empty where there are fewer tasks than folds or fewer classes than two.
    """
    gold = np.array(names, dtype=np.str_)
    tasks = counts.tasks[rows]
    if len(np.unique(tasks)) < FOLDS or len(np.unique(gold)) < 2:
        return gold[:0]
    from sklearn.model_selection import StratifiedGroupKFold

    held = counts.holders(rows)
    place = np.unique(tasks, return_inverse=True)[1]
    split = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(gold, gold, tasks)
    folds = list(split)
    # What is rare in all tasks is rare in those of every fold: only the others are looked at.
    fewest = min(len(np.unique(place[learnt])) for learnt, _ in folds)
    usable = np.asarray(held.sum(axis=0)).ravel() >= _few(fewest)
    usable[list(deleted)] = False
    near = np.flatnonzero(usable)
    part, held = counts.matrix[rows][:, near], held[:, near]
    said = np.empty_like(gold)
    for learnt, judged in folds:
        columns = common(held[np.unique(place[learnt])])
        if not len(columns):
            said[judged] = min(gold)  # nothing to learn from: one name for all
            continue
        model = _model()
        model.fit(part[learnt][:, columns], gold[learnt])
        said[judged] = model.predict(part[judged][:, columns])
    return said


def strongest(
    counts: Counts, rows: Ints, names: Sequence[str] | Words, most: int
) -> dict[str, list[int]]:
    """For each class the columns of the `most` n-grams that speak for it most, in a classifier of
    all `rows`."""
    columns = common(counts.holders(rows))
    model = _model()
    model.fit(counts.matrix[rows][:, columns], np.array(names))
    weights = model[-1].coef_
    classes = [str(name) for name in model[-1].classes_]
    if len(classes) == 2:
        weights = np.vstack([-weights, weights])
    return {
        name: [int(columns[at]) for at in np.argsort(-row, kind="stable")[:most]]
        for name, row in zip(classes, weights, strict=True)
    }


def holding(counts: Counts, grams: Collection[int]) -> set[int]:
    """The columns of `grams`, and of the pairs that hold a single word of them."""
    single = len(counts.corpus.vocabulary)
    words = np.array([each for each in grams if each < single], dtype=np.int64)
    at = counts.first[single:]
    text = counts.corpus.words
    with_one = np.isin(text[at], words) | np.isin(text[at + 1], words)
    return {*grams, *(int(each) for each in single + np.flatnonzero(with_one))}


def _model() -> Any:
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    return make_pipeline(TfidfTransformer(sublinear_tf=True), LinearSVC(random_state=0))


def shuffled_names(corpus: Corpus, rows: Ints) -> list[str]:
    """The names of the rows with those of each task's conversations dealt out anew: what is guessed
    of these is chance, unless something beside the voice gives the speaker away."""
    dice = np.random.default_rng(0)
    dealt: dict[tuple[str, str], str] = {}
    by_task: dict[str, dict[tuple[str, str], None]] = {}
    units = [corpus.units[at] for at in rows]
    for unit in units:
        by_task.setdefault(unit.task, {})[unit.talk, unit.persona] = None
    for talks in by_task.values():
        names = [name for _, name in talks]
        for talk, at in zip(talks, dice.permutation(len(names)), strict=True):
            dealt[talk] = names[at]
    return [dealt[unit.talk, unit.persona] for unit in units]
