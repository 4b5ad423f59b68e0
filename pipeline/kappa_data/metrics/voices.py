"""All measures of voice together, of one lot of units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from kappa_data.config import ReportConfig
from kappa_data.metrics.corpus import Corpus
from kappa_data.metrics.diversity import measure_diversity
from kappa_data.metrics.figures import Worn
from kappa_data.metrics.length import measure_length
from kappa_data.metrics.measure import Cell, Measure
from kappa_data.metrics.phrases import measure_phrases
from kappa_data.metrics.units import Unit
from kappa_data.metrics.voice import measure_voice


class Voices(Struct, frozen=True):
    """What is measured of the voices: see figures.Figures."""

    measures: tuple[Measure, ...]
    cells: tuple[Cell, ...]
    confusion: Mapping[str, Mapping[str, Mapping[str, int]]]
    phrases: tuple[Worn, ...]
    openers: tuple[Worn, ...]


def measure_voices(
    units: Iterable[Unit], personas: Sequence[str], targets: ReportConfig
) -> Voices:
    """The voices of `personas` beside those of no persona; the order of the units is nothing."""
    corpus = Corpus(units)
    voice = measure_voice(corpus, personas)
    phrases = measure_phrases(corpus, personas)
    results = (
        voice,
        phrases,
        measure_length(corpus.units, personas),
        measure_diversity(corpus, personas),
    )
    told = (("answer", voice.ten), ("beside calls", voice.beside_calls))
    return Voices(
        measures=tuple(each for result in results for each in result.measures(targets)),
        cells=voice.cells,
        confusion={place: each.confusion for place, each in told if each.confusion},
        phrases=phrases.phrases,
        openers=phrases.openers,
    )
