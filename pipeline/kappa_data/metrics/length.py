"""Is a persona longer or shorter than no persona?"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from msgspec import Struct

from kappa_data.config import ReportConfig
from kappa_data.metrics.measure import Measure
from kappa_data.metrics.units import NOBODY, Unit


class Length(Struct, frozen=True):
    """By persona: the median words of its answers over that of no persona's."""

    ratios: dict[str, float]

    def measures(self, targets: ReportConfig) -> tuple[Measure, ...]:
        """The figures with their targets."""
        short = min(self.ratios, key=lambda each: self.ratios[each], default="")
        long = max(self.ratios, key=lambda each: self.ratios[each], default="")
        return (
            Measure(
                "shortest",
                "median length, shortest",
                self.ratios.get(short),
                "at least",
                targets.shortest,
                detail=short,
            ),
            Measure(
                "longest",
                "median length, longest",
                self.ratios.get(long),
                "at most",
                targets.longest,
                detail=long,
            ),
        )


def measure_length(units: Sequence[Unit], personas: Sequence[str]) -> Length:
    """Of the answers at the places that all of `personas` and NOBODY have units of: the same turns
    of the same tasks."""
    everybody = {*personas, NOBODY}
    at: dict[tuple[str, int], dict[str, int]] = {}
    for unit in units:
        if unit.kind == "answer" and unit.persona in everybody:
            at.setdefault((unit.task, unit.turn), {})[unit.persona] = unit.length
    places = [place for place in at.values() if place.keys() == everybody]
    if not places:
        return Length({})
    said = {name: [place[name] for place in places] for name in everybody}
    return Length({name: median(said[name]) / median(said[NOBODY]) for name in personas})
