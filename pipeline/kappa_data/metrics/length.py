"""Is a persona longer or shorter than no persona?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from msgspec import Struct

from kappa_data.config import ReportConfig
from kappa_data.metrics.measure import Bound, Measure
from kappa_data.metrics.units import NOBODY, Unit

FEWEST = 100
"""places, at least: of fewer the median of a persona moves by a tenth with the tasks drawn"""


class Length(Struct, frozen=True):
    """By persona: the median words of its answers over that of no persona's, at `places`."""

    ratios: dict[str, float]
    places: int

    def measures(self, targets: ReportConfig) -> tuple[Measure, ...]:
        """The figures with their targets."""
        short = min(self.ratios, key=lambda each: self.ratios[each], default="")
        long = max(self.ratios, key=lambda each: self.ratios[each], default="")
        return (
            self._measure("shortest", short, "at least", targets.shortest),
            self._measure("longest", long, "at most", targets.longest),
        )

    def _measure(self, key: str, persona: str, bound: Bound, bar: float) -> Measure:
        detail = persona if self.ratios else f"{self.places} of {FEWEST} places"
        value = self.ratios.get(persona)
        name = f"median length, {key}"
        return Measure(key, name, value, bound, bar, number=self.places, detail=detail)


def measure_length(units: Iterable[Unit], personas: Sequence[str]) -> Length:
    """Of the answers at the places that all of `personas` and NOBODY have units of: the same turns
    of the same tasks."""
    everybody = {*personas, NOBODY}
    at: dict[tuple[str, int], dict[str, int]] = {}
    for unit in units:
        if unit.kind == "answer" and unit.persona in everybody:
            at.setdefault((unit.task, unit.turn), {})[unit.persona] = unit.length
    places = [place for place in at.values() if place.keys() == everybody]
    if len(places) < FEWEST:
        return Length({}, len(places))
    said = {name: [place[name] for place in places] for name in everybody}
    ratios = {name: median(said[name]) / median(said[NOBODY]) for name in personas}
    return Length(ratios, len(places))
