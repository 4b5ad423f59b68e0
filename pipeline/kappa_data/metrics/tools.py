"""Of the tool calls that failed, how many were later mended on the same target (see calls.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct

from kappa_data.config import ReportConfig
from kappa_data.metrics.intervals import wilson
from kappa_data.metrics.measure import By, Cell, Measure
from kappa_data.metrics.talks import Talk

GROUPS: tuple[By, ...] = ("persona", "family", "strategy", "special", "split")
EXAMPLES = 5
Calls = tuple[int, int]
"""calls that were mended, of so many that failed"""


class Tools(Struct, frozen=True):
    """Calls by grouping and name, of what is kept and made; conversations with one left broken."""

    kept: Mapping[tuple[By, str], Calls]
    made: Mapping[tuple[By, str], Calls]
    all_kept: Calls
    all_made: Calls
    exploring: int
    examples: tuple[str, ...]

    def measures(self, targets: ReportConfig) -> tuple[Measure, ...]:
        """The figure with its target."""
        mended, failing = self.all_kept
        low, high = wilson(mended, failing) if failing else (None, None)
        return (
            Measure(
                "recovered",
                "failing calls mended",
                _share(self.all_kept),
                "at least",
                targets.recovered,
                low,
                high,
                failing,
                _share(self.all_made),
                f"{self.exploring:,} more ended so and were searches, comparisons or tests"
                if self.exploring
                else "",
                self.examples,
            ),
        )

    def cells(self) -> tuple[Cell, ...]:
        """The same by persona, family and so on."""
        found = []
        for (by, name), calls in sorted(self.kept.items()):
            value = _share(calls)
            if value is not None:
                made = _share(self.made[by, name])
                found.append(
                    Cell("recovered", by, name, value, *wilson(*calls), number=calls[1], made=made)
                )
        return tuple(found)


def measure_tools(talks: Iterable[Talk]) -> Tools:
    """Of all conversations with a failing call, or one that explored."""
    sums: dict[bool, Counter[tuple[By, str]]] = {True: Counter(), False: Counter()}
    mended: dict[bool, Counter[tuple[By, str]]] = {True: Counter(), False: Counter()}
    total, right = Counter[bool](), Counter[bool]()
    exploring, examples = 0, list[str]()
    for talk in talks:
        failures = talk.failures
        exploring += failures.exploring if talk.kept else 0
        if not failures.failing:
            continue
        if talk.kept and failures.mended < failures.failing and len(examples) < EXAMPLES:
            examples.append(talk.id)
        for kept in {talk.kept, False}:  # False: all that was made
            total[kept] += failures.failing
            right[kept] += failures.mended
            for by in GROUPS:
                if name := getattr(talk, by):
                    sums[kept][by, name] += failures.failing
                    mended[kept][by, name] += failures.mended
    by_kept, by_made = (
        {group: (mended[which][group], number) for group, number in sums[which].items()}
        for which in (True, False)
    )
    whole, teacher = ((right[which], total[which]) for which in (True, False))
    return Tools(by_kept, by_made, whole, teacher, exploring, tuple(examples))


def _share(calls: Calls) -> float | None:
    mended, failing = calls
    return mended / failing if failing else None
