"""Does each persona sound like its brief? What a classifier that learns from the dataset cannot
see: two personas that have changed names throughout.

The anchor learns from the example turns of the briefs alone (manner.py: ten texts are too few for
words) and scores the dataset's units. Each name's scores are taken less their mean over all
personas, who spoke of the same tasks: so what the tasks and the teacher bring to every voice does
not count. Then names are given out one to one, so that the scores are highest together: a persona
is known where it gets its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from msgspec import Struct

from kappa_data.config import ReportConfig
from kappa_data.metrics.corpus import Corpus, Ints
from kappa_data.metrics.judged import Floats, redrawn
from kappa_data.metrics.manner import manners
from kappa_data.metrics.measure import Measure

FEWEST = 50
"""units of each persona, at least"""
FOLDS = 10
CLIP = 2.0
"""standard deviations of a figure at most: a long text may have a hundred commas"""
SOFT = 0.1
"""strength of the logistic regression: the share of its own example turns that it names right when
they are held out is highest there"""

Anchor = Callable[[Sequence[str]], Floats]
"""from texts to [text, name]: scores"""


class Anchored(Struct, frozen=True):
    """`known`: by persona the name that it got. `low`, `high`: of the share that got its own, over
    resampled tasks. `unsure`: pairs whose scores could be those of either way round, tasks drawn
    again. `learnt`: share of the example turns named right when held out."""

    known: Mapping[str, str]
    low: float
    high: float
    unsure: tuple[tuple[str, str], ...]
    learnt: float
    units: int
    """of the persona that has fewest"""
    confusion: Mapping[str, Mapping[str, int]]
    """[persona][whose examples it is most like]: units"""

    def measures(self, targets: ReportConfig) -> tuple[Measure, ...]:
        """The share of personas that the anchor knows by their names."""
        name, bar = "personas known by their briefs", targets.anchor
        if not self.known:
            detail = f"{self.units:,} of {FEWEST:,} units of each"
            return (
                Measure("anchor", name, None, "at least", bar, number=self.units, detail=detail),
            )
        wrong = {one: other for one, other in self.known.items() if one != other}
        detail = ", ".join(f"{one} sounds like {other}" for one, other in wrong.items())
        share = 1 - len(wrong) / len(self.known)
        return (
            Measure(
                "anchor", name, share, "at least", bar, self.low, self.high, self.units,
                detail=detail,
            ),
        )  # fmt: skip


def measure_anchor(corpus: Corpus, examples: Mapping[str, Sequence[str]]) -> Anchored:
    """The personas that have `examples` (masked texts by name) and units in the corpus."""
    there = set(corpus.personas.tolist())
    names = sorted(name for name, texts in examples.items() if name in there and texts)
    rows = corpus.rows(names) if len(names) > 1 else np.zeros(0, dtype=np.int64)
    place = {name: at for at, name in enumerate(names)}
    spoke = np.array([place[corpus.units[at].persona] for at in rows], dtype=np.int64)
    fewest = int(np.bincount(spoke, minlength=len(names)).min()) if len(rows) else 0
    if fewest < FEWEST:
        return Anchored({}, 0.0, 0.0, (), 0.0, fewest, {})
    scores = learnt({name: examples[name] for name in names})(
        [corpus.units[at].text for at in rows]
    )
    tasks, task = np.unique(corpus.tasks[rows], return_inverse=True)
    shape = (len(tasks), len(names), len(names))
    sums, said = np.zeros(shape), np.zeros(shape[:2])
    np.add.at(sums, (task, spoke), scores)
    np.add.at(said, (task, spoke), 1.0)
    ones = np.ones((1, len(tasks)))
    whole = _centred(sums, said, ones)[0]
    drawn = _centred(sums, said, redrawn(len(tasks)))
    shares = [float((named(each) == np.arange(len(names))).mean()) for each in drawn]
    low, high = np.quantile(shares, (0.025, 0.975))
    nearest = (scores - (sums.sum(axis=0) / said.sum(axis=0)[:, None]).mean(axis=0)).argmax(axis=1)
    return Anchored(
        known={name: names[at] for name, at in zip(names, named(whole), strict=True)},
        low=float(low),
        high=float(high),
        unsure=tuple(_unsure(names, drawn)),
        learnt=held_out({name: examples[name] for name in names}),
        units=fewest,
        confusion={
            name: {
                other: int(n)
                for other, n in zip(
                    names, np.bincount(nearest[spoke == at], minlength=len(names)), strict=True
                )
                if n
            }
            for name, at in place.items()
        },
    )


def _centred(sums: Floats, said: Floats, weights: Floats) -> Floats:
    """[draw, persona, name]: mean scores less those of all personas together."""
    whole = np.einsum("dt,tpn->dpn", weights, sums)
    means = whole / np.maximum(np.einsum("dt,tp->dp", weights, said), 1)[..., None]
    centred: Floats = means - means.mean(axis=1, keepdims=True)
    return centred


def named(scores: Floats) -> Ints:
    """From [persona, name] the name of each persona, one to one, with the highest sum."""
    from scipy.optimize import linear_sum_assignment

    found: Ints = linear_sum_assignment(-scores)[1]
    return found


def _unsure(names: Sequence[str], drawn: Floats) -> list[tuple[str, str]]:
    """Pairs that would not show in more than 5 % of draws if they changed names."""
    found = []
    for one in range(len(names)):
        for other in range(one + 1, len(names)):
            own = drawn[:, one, one] + drawn[:, other, other]
            margin = own - drawn[:, one, other] - drawn[:, other, one]
            if (margin <= 0).mean() > 0.05:
                found.append((names[one], names[other]))
    return found


def learnt(examples: Mapping[str, Sequence[str]]) -> Anchor:
    """A classifier of manner that knows the example turns; its names are in order."""
    from sklearn.linear_model import LogisticRegression

    texts = [text for name in sorted(examples) for text in examples[name]]
    gold = [name for name in sorted(examples) for _ in examples[name]]
    figures = manners(texts)
    middle, spread = figures.mean(axis=0), figures.std(axis=0)
    spread[spread == 0] = 1.0

    def seen(found: Sequence[str]) -> Floats:
        scaled: Floats = np.clip((manners(found) - middle) / spread, -CLIP, CLIP)
        return scaled

    model = LogisticRegression(C=SOFT, max_iter=1_000)
    model.fit(seen(texts), gold)

    def score(found: Sequence[str]) -> Floats:
        values: Floats = model.decision_function(seen(found))
        return np.stack([-values, values], axis=1) if values.ndim == 1 else values

    return score


def held_out(examples: Mapping[str, Sequence[str]]) -> float:
    """Share of the example turns that an anchor names right which learnt from the others: each
    tenth in its turn."""
    names = sorted(examples)
    right = 0
    for fold in range(FOLDS):
        rest = {
            name: [text for at, text in enumerate(examples[name]) if at % FOLDS != fold]
            for name in names
        }
        judged = [
            (name, text)
            for name in names
            for at, text in enumerate(examples[name])
            if at % FOLDS == fold
        ]
        if judged and all(rest.values()):
            said = learnt(rest)([text for _, text in judged]).argmax(axis=1)
            right += sum(names[at] == name for at, (name, _) in zip(said, judged, strict=True))
    return right / max(sum(map(len, examples.values())), 1)
