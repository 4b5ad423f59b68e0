"""Does a persona change what is right? The same verifier over the same tasks, before any check.

A task is compared where a conversation of the persona and one of nobody were verified, on all that
generate made, before failures are removed; a slot that came to no end did not pass. Where a task's
verifier looks for a value in the answer, two conversations that pass have given the same one.
Switched and look-alike conversations are left out: their persona is not who speaks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from kappa_data.config import ReportConfig
from kappa_data.metrics.intervals import holm, mcnemar, paired_difference, wilson
from kappa_data.metrics.measure import By, Cell, Measure
from kappa_data.metrics.talks import Talk
from kappa_data.records import NOBODY

OTHER_SPEAKERS = ("switch", "look_alike")
EXAMPLES = 5
FEWEST = 50
"""tasks that a persona and nobody did, at least, for its shares: of fewer than 34 one failure is
more than 3 points. What no luck explains shows in p, whatever their number"""


class Pair(Struct, frozen=True, gc=False):
    """One task as a persona and as nobody did it."""

    task: str
    family: str
    strategy: str
    persona: str
    passed: bool
    plainly: bool
    """whether it was passed without persona"""
    id: str
    """of the persona's conversation"""


class Substance(Struct, frozen=True):
    """All pairs, by persona; empty where nothing was verified or nobody speaks without persona."""

    pairs: Mapping[str, Sequence[Pair]]

    def measures(self, targets: ReportConfig) -> tuple[Measure, ...]:
        """The persona that is worst in each, with its interval."""
        adjusted = holm({name: _p(pairs) for name, pairs in self.pairs.items()})
        enough = {name: pairs for name, pairs in self.pairs.items() if len(pairs) >= FEWEST}
        away = {name: difference(pairs) for name, pairs in enough.items()}
        same = {name: equal(pairs) for name, pairs in enough.items()}
        farthest = max(sorted(away), key=lambda name: abs(away[name][0]), default="")
        rarest = min(sorted(adjusted), key=adjusted.__getitem__, default="")
        least = min(sorted(same), key=lambda name: same[name][0], default="")
        value, low, high = away.get(farthest, (None, None, None))
        if value is not None and value < 0 and low is not None and high is not None:
            low, high = -high, -low
        share, at_least, at_most = same.get(least, (None, None, None))
        signed = f"{farthest} {away[farthest][0]:+.1%}" if value else ""
        few = self._few()
        p = adjusted.get(rarest)
        if p is not None and p >= targets.pass_p and not enough:
            p = None  # so few could not have shown a difference
        return (
            Measure(
                "pass_difference",
                "pass rate beside none's",
                None if value is None else abs(value),
                "at most",
                targets.pass_difference,
                low,
                high,
                len(enough.get(farthest, ())),
                detail=_joined(signed, few),
                examples=self._examples(farthest),
            ),
            Measure(
                "pass_p",
                "McNemar p, Holm",
                p,
                "at least",
                targets.pass_p,
                number=len(self.pairs.get(rarest, ())),
                detail=_joined(rarest if adjusted.get(rarest, 1.0) < 1 else "", few),
            ),
            Measure(
                "equal_answers",
                "same verdict as none",
                share,
                "at least",
                targets.equal_answers,
                at_least,
                at_most,
                len(enough.get(least, ())),
                detail=_joined(least if share is not None and share < 1 else "", few),
                examples=self._examples(least),
            ),
        )

    def cells(self) -> tuple[Cell, ...]:
        """Both shares by persona, family and strategy, all personas together but in the first."""
        everything = [pair for pairs in self.pairs.values() for pair in pairs]
        found = []
        groupings: tuple[By, ...] = ("persona", "family", "strategy")
        for by in groupings:
            groups: dict[str, list[Pair]] = defaultdict(list)
            for pair in everything:
                groups[getattr(pair, by)].append(pair)
            for name, pairs in sorted(groups.items()):
                tasks = len({pair.task for pair in pairs})
                found.append(Cell("pass_difference", by, name, *difference(pairs), tasks))
                found.append(Cell("equal_answers", by, name, *equal(pairs), tasks))
        return tuple(found)

    def _few(self) -> str:
        """Who did too few tasks to be judged by shares; '' where nobody did."""
        counts = {name: len(pairs) for name, pairs in sorted(self.pairs.items())}
        most = max(counts.values(), default=0)
        if most < FEWEST:
            return f"{most:,} of {FEWEST:,} tasks"
        short = [f"{name} ({count:,})" for name, count in counts.items() if count < FEWEST]
        return f"fewer than {FEWEST:,} tasks: {', '.join(short)}" if short else ""

    def _examples(self, persona: str) -> tuple[str, ...]:
        pairs = self.pairs.get(persona, ())
        return tuple(pair.id for pair in pairs if pair.passed != pair.plainly)[:EXAMPLES]


def measure_substance(talks: Iterable[Talk]) -> Substance:
    """Of everything that was made for a task."""
    plain: dict[str, bool] = {}
    voiced = []
    for talk in talks:
        if talk.source != "generate" or talk.passed is None or talk.special in OTHER_SPEAKERS:
            continue
        if talk.persona == NOBODY:
            plain[talk.task] = talk.passed
        else:
            voiced.append(talk)
    pairs: dict[str, list[Pair]] = defaultdict(list)
    for talk in sorted(voiced, key=lambda each: (each.persona, each.id)):
        if talk.task in plain:
            assert talk.passed is not None
            pairs[talk.persona].append(
                Pair(
                    talk.task,
                    talk.family,
                    talk.strategy,
                    talk.persona,
                    talk.passed,
                    plain[talk.task],
                    talk.id,
                )
            )
    return Substance(pairs)


def difference(pairs: Sequence[Pair]) -> tuple[float, float, float]:
    """Pass rate less that of nobody on the same tasks, and its interval; tasks are drawn, so that
    what several personas did with one task counts as one."""
    of_task: dict[str, list[int]] = defaultdict(list)
    for pair in pairs:
        of_task[pair.task].append(pair.passed - pair.plainly)
    return paired_difference([sum(each) / len(each) for each in of_task.values()])


def equal(pairs: Sequence[Pair]) -> tuple[float, float, float]:
    """Share of the pairs with one verdict; its interval as of so many tasks."""
    share = sum(pair.passed == pair.plainly for pair in pairs) / len(pairs)
    tasks = len({pair.task for pair in pairs})
    return share, *wilson(round(share * tasks), tasks)


def _joined(*said: str) -> str:
    return "; ".join(each for each in said if each)


def _p(pairs: Sequence[Pair]) -> float:
    better = sum(pair.passed and not pair.plainly for pair in pairs)
    worse = sum(pair.plainly and not pair.passed for pair in pairs)
    return mcnemar(better, worse)
