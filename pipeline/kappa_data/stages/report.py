"""report: everything that is measured of the dataset, beside the targets.

Voices, phrases, lengths and structure are those of what is left after dedupe; what the teacher made
stands beside it where that differs. Substance is measured on what generate made, before failures
are removed. Read in parts, by processes; the voices of some tasks only (`report.tasks`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import partial
from sys import intern
from typing import Any

import msgspec
import pyarrow.parquet as pq
from msgspec import Struct

from kappa_data.config import ReportConfig, TokenizeConfig
from kappa_data.engine import map_ordered
from kappa_data.formats.samples import Choices, choices
from kappa_data.metrics import mix
from kappa_data.metrics.behaviour import RULES, measure_behaviour
from kappa_data.metrics.figures import Figures, Step
from kappa_data.metrics.sameness import (
    Opening,
    Sameness,
    Sketch,
    leaks,
    lowest,
    opening_of,
    opening_of_import,
    sketch_of,
    twins,
)
from kappa_data.metrics.structure import Structure, against_schema, fault_of, round_trip
from kappa_data.metrics.substance import measure_substance
from kappa_data.metrics.talks import Hit, Talk, rank, talk_of, talk_of_slot
from kappa_data.metrics.talks import Outcome as Became
from kappa_data.metrics.tokens import Read, deciles, merged, read_samples
from kappa_data.metrics.tools import measure_tools
from kappa_data.metrics.units import Unit, units_of
from kappa_data.metrics.voices import measure_voices
from kappa_data.personas import load_personas
from kappa_data.records import (
    NOBODY,
    SPLITS,
    Conversation,
    Rejected,
    Sample,
    Section,
    Slot,
    Split,
    Task,
    TaskText,
)
from kappa_data.stage import Context, Outcome
from kappa_data.store import Part, Sealed
from kappa_data.validation.checking import chosen_checks

IMPORT = "import"
SCHEMA = "schemas/conversation.json"
# What became of the conversations in each record set that is read.
OUTCOMES: dict[tuple[str, str], Became] = {
    ("dedupe", "conversations"): "kept",
    ("validate", "quarantine"): "rejected",
    ("dedupe", "quarantine"): "duplicate",
}
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


class Found(Struct, frozen=True, gc=False):
    """Of a row of validate's findings what is counted."""

    conversation_id: str
    rule: str
    message: int


class Looks(Struct, frozen=True):
    """What is looked for in every part."""

    names: tuple[str, ...]
    voices: frozenset[str]
    """tasks whose voices are measured"""
    drawn: frozenset[str] | None
    """conversations that go through schema and tokens; None: all"""
    schema: str
    chosen: Choices | None
    """how they were rendered; None where that takes a tokenizer that is no part of the dataset"""


FEW = 400
"""conversations, up to which one process reads them all"""


class Gathered(Struct, frozen=True):
    """What one part holds."""

    talks: list[Talk]
    units: list[Unit] = []
    sketches: list[Sketch] = []
    openings: list[Opening] = []
    faults: dict[str, str] = {}
    digests: dict[str, str] = {}


def run(ctx: Context[ReportConfig]) -> Outcome:
    """Seals the set "report": the figures in sections."""
    kept = ctx.inputs["dedupe"]
    tasks, ids = tasks_and_ids(kept)
    looks = Looks(
        names=tuple(load_personas(ctx.resources)),
        voices=drawn(tasks, ctx.config) or frozenset(tasks),
        drawn=drawn(ids, ctx.config),
        schema=ctx.resources.read(SCHEMA),
        chosen=_rendering(ctx.inputs["tokenize"]),
    )
    parts = [
        (became, part)
        for (stage, name), became in OUTCOMES.items()
        for part in _parts(ctx.inputs[stage], name)
    ]
    total = sum(part.records for _, part in parts)
    with ctx.progress.task("report", total=total) as bar:
        bar.say("reading")
        whole = Gathered([])
        work = partial(gather, looks)
        # Processes of its own cost more than a few conversations: 2 s each, for what they import.
        workers = ctx.config.workers if total > FEW else 1
        done = map_ordered(work, parts, workers=workers)
        for (_, part), found in zip(parts, done, strict=True):
            _take(whole, found)
            bar.advance(part.records)
        read = _samples(ctx, looks.drawn)
        bar.say("measuring")
        figures = measured(ctx, _told(whole, ctx.inputs), read, looks)
    with ctx.writer("report", Section) as writer:
        for section in figures.sections():
            writer.write(section)
    missed = [each.key for each in figures.missed]
    unmeasured = [each.key for each in figures.measures if each.value is None]
    return Outcome(
        figures={"measures": len(figures.measures), "missed": missed, "too little": unmeasured}
    )


def gather(looks: Looks, of: tuple[Became, Part]) -> Gathered:
    """What is known of the conversations of one part, and what became of them."""
    became, part = of
    if became != "kept":
        refused = list(part.read(Rejected))
        return Gathered(
            [
                talk_of(each.conversation, _became(each, became))
                for each in refused
                if each.conversation is not None
            ]
        )
    found = Gathered([])
    for conversation in part.read(Conversation):
        talk = talk_of(conversation, "kept")
        found.talks.append(talk)
        found.sketches.append(sketch_of(conversation))
        if talk.task in looks.voices:
            found.units.extend(units_of(conversation, looks.names))
        if talk.source == "import" and (opening := opening_of_import(conversation)):
            found.openings.append(opening)
        fault = fault_of(conversation)
        if looks.drawn is None or talk.id in looks.drawn:
            fault = fault or against_schema(conversation, looks.schema)
            if looks.chosen is not None:
                again = round_trip(conversation, looks.chosen)
                fault = fault or again.fault
                found.digests.update(again.digests)
        if fault:
            found.faults[talk.id] = fault
    found.sketches[:] = lowest(found.sketches)
    return found


def _became(refused: Rejected, became: Became) -> Became:
    """Dedupe refuses duplicates, and what an evaluation holds."""
    if became == "duplicate" and not refused.findings[0].rule.endswith("duplicate"):
        return "rejected"
    return became


def _take(whole: Gathered, part: Gathered) -> None:
    """Adds what one part holds."""
    whole.talks.extend(part.talks)
    whole.units.extend(part.units)
    whole.sketches[:] = lowest([*whole.sketches, *part.sketches])
    whole.openings.extend(part.openings)
    whole.faults.update(part.faults)
    whole.digests.update(part.digests)


def _told(whole: Gathered, inputs: Mapping[str, Sealed]) -> Gathered:
    """The same with what validate found in each, the slots that came to no end, and the tasks."""
    hits = _hits(inputs["validate"])
    for at, talk in enumerate(whole.talks):
        if talk.id in hits:
            whole.talks[at] = msgspec.structs.replace(talk, hits=tuple(hits[talk.id]))
    if "plan" not in inputs:
        return whole
    ended = {id for part in _parts(inputs["generate"], "quarantine") for id in part.ids()}
    splits: dict[str, Split] = {}
    lost = []
    for slot in inputs["plan"].read("slots", Slot):
        splits[slot.task_id] = slot.split
        if slot.id in ended:
            lost.append(slot)
    aims = {}
    for part in _parts(inputs["plan"], "tasks"):
        for text in part.read(TaskText):
            task = msgspec.json.decode(text.text, type=Task)
            aims[task.id] = task.aim
            if task.id in splits:
                whole.openings.append(opening_of(task, splits[task.id]))
    whole.talks.extend(talk_of_slot(slot, aims[slot.task_id]) for slot in lost)
    return whole


def _hits(validated: Sealed) -> dict[str, list[Hit]]:
    """By conversation, the findings that some measure counts."""
    found: dict[str, list[Hit]] = defaultdict(list)
    for part in _parts(validated, "findings"):
        for each in part.read_some(Found):
            if each.rule in RULES:
                found[each.conversation_id].append(Hit(intern(each.rule), each.message))
    return found


def looked_for(validated: Sealed) -> frozenset[str]:
    """The rules that validate looked for: of the checks that were on, and not switched off."""
    config = validated.manifest.config
    off = {rule for rule, kind in config.get("severities", {}).items() if kind == "off"}
    rules = {rule for check in chosen_checks(config["checks"]) for rule in check.rules}
    return frozenset(rules - off)


def _rendering(tokenized: Sealed) -> Choices | None:
    config = msgspec.convert(tokenized.manifest.config, TokenizeConfig)
    return choices(config) if config.format == "harmony" else None


def _samples(ctx: Context[ReportConfig], drawn: frozenset[str] | None) -> Read:
    """What the samples are like."""
    tokenized = ctx.inputs["tokenize"]
    stops = frozenset(tokenized.manifest.figures["stop ids"])
    exact = tokenized.manifest.config["train_on"] != "all_turns"
    work = partial(read_part, drawn, stops, exact)
    return merged(map_ordered(work, tokenized.parts("samples"), workers=ctx.config.workers))


def read_part(drawn: frozenset[str] | None, stops: frozenset[int], exact: bool, part: Part) -> Read:
    """The samples of one part."""
    return read_samples(part.read(Sample), drawn, stops, exact=exact)


def drawn(names: Iterable[str], config: ReportConfig) -> frozenset[str] | None:
    """`report.tasks` of the tasks or conversations; None: all of them."""
    everything = set(names)
    if not config.tasks or len(everything) <= config.tasks:
        return None
    order = sorted(everything, key=partial(rank, config.seed))
    return frozenset(order[: config.tasks])


def measured(ctx: Context[ReportConfig], found: Gathered, read: Read, looks: Looks) -> Figures:
    """All figures."""
    talks = found.talks
    personas = load_personas(ctx.resources)
    speakers = {said.persona for talk in talks if talk.kept for said in talk.said}
    voices = measure_voices(found.units, personas, ctx.config, speakers)
    hostile = {each.name for each in personas.values() if each.hostile}
    behaviour = measure_behaviour(talks, looked_for(ctx.inputs["validate"]), hostile)
    substance, tools = measure_substance(talks), measure_tools(talks)
    results = (
        substance,
        behaviour,
        tools,
        _structure(ctx.inputs, found, read, looks),
        _sameness(ctx.inputs, found),
    )
    others = (each for result in results for each in result.measures(ctx.config))
    plan = ctx.inputs["plan"].manifest.figures.get("mix", {}) if "plan" in ctx.inputs else {}
    return Figures(
        measures=(*voices.measures, *others),
        cells=(*voices.cells, *substance.cells(), *behaviour.cells(), *tools.cells()),
        funnel=tuple(funnel(ctx.inputs)),
        rules=ctx.inputs["validate"].manifest.figures["findings"],
        mix=tuple(mix.shares(plan, talks, read.of)),
        confusion=voices.confusion,
        phrases=voices.phrases,
        openers=voices.openers,
        lengths={name: deciles(each) for name, each in read.lengths.items()},
        turns=mix.turns(talks),
        alike=alike(ctx.inputs["dedupe"]),
        packing=packing(ctx.inputs["pack"]),
        cost=mix.cost(talks, read.of),
    )


def _structure(
    inputs: Mapping[str, Sealed], found: Gathered, read: Read, looks: Looks
) -> Structure:
    """Every conversation that is kept, with what is wrong with it."""
    kept = [talk.id for talk in found.talks if talk.kept]
    faults = read.faults | found.faults
    faults |= {id: "an id twice" for id, count in Counter(kept).items() if count > 1}
    without = {each for part in _parts(inputs["tokenize"], "quarantine") for each in part.ids()}
    for id in kept:
        if id not in read.of and id not in without:
            faults.setdefault(id, "neither sample nor reason")
    if looks.chosen is not None:
        for id in {*found.digests, *read.digests}:
            if found.digests.get(id) != read.digests.get(id):
                faults.setdefault(id.rpartition("#")[0], "other tokens when rendered again")
    drawn = len(kept) if looks.drawn is None else len(looks.drawn)
    return Structure(dict(sorted(faults.items())), len(kept), drawn)


def _sameness(inputs: Mapping[str, Sealed], found: Gathered) -> Sameness:
    """What is there twice, by the threshold that dedupe had."""
    config = inputs["dedupe"].manifest.config
    return Sameness(
        twins(found.sketches, config["threshold"], config["ngram"]),
        len(found.sketches),
        leaks(found.talks, found.openings),
        len({talk.task for talk in found.talks if talk.kept}),
    )


def alike(kept: Sealed) -> dict[str, dict[str, float]]:
    """By two personas what dedupe found where it compared them; {} where it did not."""
    pairs: dict[str, Any] = kept.manifest.figures.get("across personas", {}).get("personas", {})
    return {
        name: {what: each[what] for what in ("pairs", "alike", "mean")}
        for name, each in pairs.items()
        if each["mean"] is not None
    }


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


def _parts(sealed: Sealed, name: str) -> list[Part]:
    """The parts of a set; none where the stage made no such set, as in an older dataset."""
    return sealed.parts(name) if name in sealed.manifest.sets else []


def tasks_and_ids(kept: Sealed) -> tuple[set[str], set[str]]:
    """Tasks that several speakers did, which alone tell of voices, and ids of all conversations.

    Drawn among all tasks, those would be lost among a hundred thousand imports.
    """
    speakers: dict[str, str] = {}
    tasks: set[str] = set()
    ids: set[str] = set()
    for shard in kept.shards("conversations"):
        table = pq.read_table(shard, columns=["task_id", "id", "persona"])
        columns = (table[name].to_pylist() for name in table.column_names)
        for task, id, persona in zip(*columns, strict=True):
            ids.add(id)
            if task and speakers.setdefault(task, persona or NOBODY) != (persona or NOBODY):
                tasks.add(task)
    return tasks, ids
