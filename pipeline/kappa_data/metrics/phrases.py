"""Do phrases wear out? How many of a persona's units hold the same words, and what is left of the
voice without its strongest ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from kappa_data.config import ReportConfig
from kappa_data.metrics.figures import Worn
from kappa_data.metrics.measure import Measure
from kappa_data.metrics.units import NOBODY, Unit, paired, runs
from kappa_data.metrics.voice import confusion_of, f1_of, grams_of, guesses, strongest

SIZES = range(3, 7)
OPENING = 3
"""words that make an opener"""
DELETED = 10
FEWEST_BESIDE = 400
"""units beside calls, at least, to be looked at by themselves: 5 % of fewer is luck"""


class Phrases(Struct, frozen=True):
    """`lost`: by class, the F1 that goes with its ten strongest n-grams and everybody else's;
    empty where there is too little to measure."""

    phrases: tuple[Worn, ...]
    openers: tuple[Worn, ...]
    lost: dict[str, float]

    def measures(self, targets: ReportConfig) -> tuple[Measure, ...]:
        """The figures with their targets."""
        worst = max(self.lost, key=lambda name: self.lost[name], default=None)
        return (
            _worst(
                "phrase_share", "largest share of one phrase", self.phrases, targets.phrase_share
            ),
            _worst("opener_share", "top opener", self.openers, targets.opener_share),
            Measure(
                "ablation_loss",
                "F1 lost without the ten strongest",
                self.lost[worst] if worst else None,
                "at most",
                targets.ablation_loss,
                detail=worst or "",
            ),
        )


def _worst(key: str, name: str, worn: Sequence[Worn], bar: float) -> Measure:
    if not worn:
        return Measure(key, name, None, "at most", bar)
    worst = max(worn, key=lambda each: each.brought)
    detail = f'{worst.persona}: "{worst.phrase}", {worst.share:.1%} with what none says'
    return Measure(key, name, worst.brought, "at most", bar, detail=detail)


def measure_phrases(units: Sequence[Unit], personas: Sequence[str]) -> Phrases:
    """The phrases of `personas` beside those of NOBODY, on the tasks that all have units of.

    Shares are of turns: an answer, and what was said beside calls before it. Where there are
    enough units beside calls they are looked at by themselves too, and the worse is reported.
    """
    chosen = paired(units, [*personas, NOBODY])
    if not chosen:
        return Phrases((), (), {})
    return Phrases(
        phrases=_worn(chosen, personas, phrases_of),
        openers=_worn(chosen, personas, _opener_of),
        lost=_lost(chosen, [*personas, NOBODY]),
    )


def phrases_of(unit: Unit) -> set[str]:
    """All runs of 3 to 6 words; none reaches over a mask."""
    return {
        " ".join(run[start : start + size])
        for run in runs(unit.text)
        for size in SIZES
        for start in range(len(run) - size + 1)
    }


def _opener_of(unit: Unit) -> set[str]:
    said = [word for run in runs(unit.text) for word in run]
    return {" ".join(said[:OPENING])}


def _worn(
    units: Sequence[Unit], personas: Sequence[str], phrases: Callable[[Unit], Iterable[str]]
) -> tuple[Worn, ...]:
    found = []
    for name in personas:
        ours = [unit for unit in units if unit.persona == name]
        plain = [unit for unit in units if unit.persona == NOBODY]
        worst = _most(name, _shares(ours, phrases), _shares(plain, phrases))
        beside = [unit for unit in ours if unit.kind == "beside calls"]
        if len(beside) >= FEWEST_BESIDE:
            plain = [unit for unit in plain if unit.kind == "beside calls"]
            other = _most(name, _shares(beside, phrases), _shares(plain, phrases))
            worst = max(worst, other, key=lambda each: each.brought)
        found.append(worst)
    return tuple(found)


def _shares(units: Sequence[Unit], phrases: Callable[[Unit], Iterable[str]]) -> dict[str, float]:
    turns: dict[tuple[str, int], set[str]] = {}
    for unit in units:
        turns.setdefault((unit.talk, unit.turn), set()).update(phrases(unit))
    holds = Counter(phrase for held in turns.values() for phrase in held)
    return {phrase: count / len(turns) for phrase, count in holds.items()}


def _most(name: str, ours: dict[str, float], plain: dict[str, float]) -> Worn:
    # The longer of two that are as frequent, then by the alphabet: the same whatever the order.
    phrase = max(
        ours, key=lambda each: (ours[each] - plain.get(each, 0.0), len(each), each), default=""
    )
    share = ours.get(phrase, 0.0)
    return Worn(name, phrase, share, share - plain.get(phrase, 0.0))


def _lost(units: Sequence[Unit], classes: Sequence[str]) -> dict[str, float]:
    names = [unit.persona for unit in units]
    whole = guesses(units, names)
    if not whole:
        return {}
    deleted = {gram for grams in strongest(units, DELETED).values() for gram in grams}
    rest = guesses(units, names, lambda unit: _without(unit, deleted))
    before, after = (
        f1_of(confusion_of(list(zip(units, said, strict=True)), classes).sum(axis=0))
        for said in (whole, rest)
    )
    return {name: float(one - two) for name, one, two in zip(classes, before, after, strict=True)}


def _without(unit: Unit, deleted: set[str]) -> list[str]:
    """The n-grams of the unit that hold none of the deleted ones."""
    return [
        gram
        for gram in grams_of(unit)
        if gram not in deleted and not any(word in deleted for word in gram.split())
    ]
