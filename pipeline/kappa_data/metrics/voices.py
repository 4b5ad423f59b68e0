"""All measures of voice together, of one lot of units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from kappa_data.config import ReportConfig
from kappa_data.metrics.anchor import measure_anchor
from kappa_data.metrics.corpus import Corpus
from kappa_data.metrics.diversity import measure_diversity
from kappa_data.metrics.figures import Worn
from kappa_data.metrics.length import measure_length
from kappa_data.metrics.measure import Cell, Measure
from kappa_data.metrics.phrases import measure_phrases
from kappa_data.metrics.units import NOBODY, Unit, masked
from kappa_data.metrics.voice import comparable, measure_voice
from kappa_data.personas import Persona


class Voices(Struct, frozen=True):
    """What is measured of the voices: see figures.Figures."""

    measures: tuple[Measure, ...]
    cells: tuple[Cell, ...]
    confusion: Mapping[str, Mapping[str, Mapping[str, int]]]
    phrases: tuple[Worn, ...]
    openers: tuple[Worn, ...]


def measure_voices(
    units: Iterable[Unit],
    briefs: Mapping[str, Persona],
    targets: ReportConfig,
    speakers: Iterable[str] = (),
) -> Voices:
    """The voices of all personas that have units beside those of no persona; who shares too few
    tasks to be held against the others is left out, and named in the details, as are those of the
    `speakers` that have no units. The order of the units changes nothing."""
    corpus = Corpus(units)
    everybody = sorted(set(corpus.personas.tolist()) - {NOBODY})
    personas = comparable(corpus, everybody)
    left_out = sorted({*everybody, *speakers} - {*personas, NOBODY})
    voice = measure_voice(corpus, personas)
    phrases = measure_phrases(corpus, personas)
    examples = {name: own for name, own in examples_of(briefs).items() if name not in left_out}
    anchored = measure_anchor(corpus, examples)
    length = measure_length(corpus.units, personas)
    diversity = measure_diversity(corpus, personas)
    results = (voice, anchored, phrases, length, diversity)
    confusion = {
        "answer": voice.ten.confusion,
        "beside calls": voice.beside_calls.confusion,
        "anchor": anchored.confusion,
    }
    return Voices(
        measures=tuple(
            without(left_out, each) for result in results for each in result.measures(targets)
        ),
        cells=(*voice.cells, *phrases.cells(), *length.cells, *diversity.cells()),
        confusion={place: each for place, each in confusion.items() if each},
        phrases=phrases.phrases,
        openers=phrases.openers,
    )


def without(left_out: Sequence[str], measure: Measure) -> Measure:
    """The measure, its detail saying who it is not about."""
    if not left_out:
        return measure
    said = f"without {', '.join(left_out)}: too few tasks in common"
    detail = f"{measure.detail}; {said}" if measure.detail else said
    return msgspec.structs.replace(measure, detail=detail)


def examples_of(briefs: Mapping[str, Persona]) -> dict[str, list[str]]:
    """By persona the example turns of its brief, the substance masked."""
    names = tuple(briefs)
    return {
        name: [masked(each.text, names) for each in brief.examples]
        for name, brief in briefs.items()
    }
