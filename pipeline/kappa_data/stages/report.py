"""report: everything that is measured of the dataset, beside the targets.

Voices, phrases, lengths and structure are those of what is left after dedupe; what the teacher made
stands beside it where that differs. Substance is measured on what generate made, before failures
are removed. Read in parts, by processes; the voices of some tasks only (`report.tasks`).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import pyarrow.parquet as pq
from msgspec import Struct

from kappa_data.config import ReportConfig
from kappa_data.engine import map_ordered
from kappa_data.metrics.figures import Figures, Step
from kappa_data.metrics.talks import Talk, talk_of
from kappa_data.metrics.units import Unit, units_of
from kappa_data.metrics.voices import measure_voices
from kappa_data.personas import load_personas
from kappa_data.records import SPLITS, Conversation, Section
from kappa_data.stage import Context, Outcome
from kappa_data.store import Part, Sealed

IMPORT = "import"
# The stages in order, and the record sets that come out of each.
FUNNEL: dict[str, tuple[str, ...]] = {
    "plan": ("slots",),
    "generate": ("conversations",),
    IMPORT: ("conversations", "quarantine"),
    "validate": ("conversations",),
    "dedupe": ("conversations",),
    "tokenize": ("samples",),
    "pack": SPLITS,
}


class Gathered(Struct, frozen=True):
    """What one part holds."""

    talks: list[Talk]
    units: list[Unit]


def run(ctx: Context[ReportConfig]) -> Outcome:
    """Seals the set "report": the figures in sections."""
    kept = ctx.inputs["dedupe"]
    names = tuple(load_personas(ctx.resources))
    chosen = drawn(_tasks(kept), ctx.config)
    talks: list[Talk] = []
    units: list[Unit] = []
    with ctx.progress.task("report", total=kept.count("conversations")) as bar:
        bar.say("reading")
        work = partial(gather, names, chosen)
        for each in map_ordered(work, kept.parts("conversations"), workers=ctx.config.workers):
            talks += each.talks
            units += each.units
            bar.advance(len(each.talks))
        bar.say("measuring")
        figures = measured(ctx, talks, units)
    with ctx.writer("report", Section) as writer:
        for section in figures.sections():
            writer.write(section)
    missed = [each.key for each in figures.missed]
    unmeasured = [each.key for each in figures.measures if each.value is None]
    return Outcome(
        figures={"measures": len(figures.measures), "missed": missed, "too little": unmeasured}
    )


def gather(names: tuple[str, ...], chosen: frozenset[str] | None, part: Part) -> Gathered:
    """The talks of a part, and the units of those whose task is among `chosen` (None: of all)."""
    talks: list[Talk] = []
    units: list[Unit] = []
    for conversation in part.read(Conversation):
        talk = talk_of(conversation, "kept")
        talks.append(talk)
        if chosen is None or talk.task in chosen:
            units += units_of(conversation, names)
    return Gathered(talks, units)


def drawn(tasks: Iterable[str], config: ReportConfig) -> frozenset[str] | None:
    """The tasks whose voices are measured; None: all of them."""
    everything = set(tasks)
    if not config.tasks or len(everything) <= config.tasks:
        return None
    order = sorted(
        everything, key=lambda each: hashlib.sha256(f"{config.seed}|{each}".encode()).digest()
    )
    return frozenset(order[: config.tasks])


def measured(ctx: Context[ReportConfig], talks: list[Talk], units: list[Unit]) -> Figures:
    """All figures."""
    voices = measure_voices(units, load_personas(ctx.resources), ctx.config)
    return Figures(
        measures=voices.measures,
        cells=voices.cells,
        funnel=tuple(funnel(ctx.inputs)),
        rules=ctx.inputs["validate"].manifest.figures["findings"],
        mix=(),
        confusion=voices.confusion,
        phrases=voices.phrases,
        openers=voices.openers,
        lengths={},
        packing=packing(ctx.inputs["pack"]),
        cost={},
    )


def funnel(inputs: Mapping[str, Sealed]) -> list[Step]:
    """What came out of each stage and what it refused, all imports as one line.

    What an import could not hold goes on to validate, which counts it by its rule: so it came out
    of the import here, and no record is rejected twice.
    """
    steps = []
    for stage in FUNNEL:
        count = 0
        rejected: Counter[str] = Counter()
        found = [each for name, each in inputs.items() if name.partition(":")[0] == stage]
        for each in found:
            count += sum(each.count(name) for name in FUNNEL[stage])
            rejected.update(each.manifest.rejected)
        if stage == IMPORT:
            del rejected["quarantined"]
        if found:
            steps.append(Step(stage, count, dict(sorted(rejected.items()))))
    return steps


def packing(packed: Sealed) -> dict[str, dict[str, float | None]]:
    """Of each split: rows, samples, tokens, trained tokens and density."""
    wanted = ("rows", "samples", "tokens", "trained tokens", "density")
    splits: dict[str, dict[str, Any]] = packed.manifest.figures["splits"]
    return {split: {name: each[name] for name in wanted} for split, each in splits.items()}


def _tasks(kept: Sealed) -> set[str]:
    """The tasks of all conversations; an import without one is a task of its own."""
    tasks: set[str] = set()
    for shard in kept.shards("conversations"):
        table = pq.read_table(shard, columns=["task_id", "id"])
        pairs = zip(table["task_id"].to_pylist(), table["id"].to_pylist(), strict=True)
        tasks.update(task or id for task, id in pairs)
    return tasks
