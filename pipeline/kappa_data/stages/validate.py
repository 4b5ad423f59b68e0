"""validate: every source's conversations are mended where possible and checked.

What is accepted goes on, with `train` false on the steps that a check found to be context only.
What is not goes to quarantine as it came, with all findings. What an import could not even hold as
a conversation goes to quarantine too; the quarantine of generate stays with generate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec
import pyarrow as pa
from msgspec import Struct

from kappa_data.config import ValidateConfig
from kappa_data.engine import map_ordered, processes
from kappa_data.errors import StageError
from kappa_data.records import Conversation, ConversationFinding, Finding, Rejected
from kappa_data.resources import Resources
from kappa_data.stage import Context, Outcome, summed
from kappa_data.store import Part, Piece, ShardWriter
from kappa_data.validation.checking import chosen_checks
from kappa_data.validation.judge import Judge, reason
from kappa_data.validation.replayed import Replayer, Replaying, share_of_boxes, try_out
from kappa_data.validation.severities import RENAMED, refuse_unknown
from kappa_data.validation.voices import lost_voices

GENERATE, IMPORT, PLAN = "generate", "import", "plan"


class Source(Struct, frozen=True):
    """One part of one source: its records, the ids that are taken by an earlier one, and what a
    comparison with other conversations found."""

    part: Part
    quarantined: bool
    renamed: dict[int, str]  # position in the part -> the id that it gets
    known: dict[str, tuple[Finding, ...]] = {}  # by the id that it came with


class Judged(NamedTuple):
    """One record: its id, what was found, and what it became."""

    id: str
    found: tuple[Finding, ...]
    became: Conversation | Rejected


class JudgedGroup(NamedTuple):
    """One row group; `unchanged` is it as it was read, where nothing in it changed."""

    judged: list[Judged]
    unchanged: tuple[pa.RecordBatch, bytes] | None


class Done(Struct, frozen=True):
    """What was written of one part."""

    conversations: Piece
    quarantine: Piece
    findings: Piece
    counts: dict[str, int]
    rules: dict[str, int]
    rejected: dict[str, int]


def check(config: ValidateConfig) -> None:
    """UsageError for a wrong name of a check or a rule, or a broken check of somebody's."""
    chosen_checks(config.checks)
    refuse_unknown(config.severities)


def run(ctx: Context[ValidateConfig]) -> Outcome:
    """Seals "conversations", "quarantine" and "findings"; StageError where nothing is left."""
    sources = list(enumerate(_sources(ctx)))
    total = sum(source.part.records for _, source in sources)
    done: list[Done] = []
    with ctx.progress.task("validate", total=total) as bar:
        workers = processes(ctx.config.workers, (each.part.shard for _, each in sources))
        replaying = _replaying(ctx, sources, workers)
        work = partial(validate_part, ctx.config, ctx.resources, ctx.folder, replaying)
        for each in map_ordered(work, sources, workers=workers):
            done.append(each)
            bar.advance(each.counts["in"])
    counts, rules, rejected = summed(done, "counts", "rules", "rejected")
    if not counts["out"]:
        reasons = ", ".join(f"{rule} {n}" for rule, n in rejected.most_common())
        raise StageError(
            f"validate: no conversation is left of {total} ({reasons or 'there was none'}); "
            "look at them with `kappa-data show`, or name another source in validate.sources"
        )
    ctx.gather("conversations", Conversation, [each.conversations for each in done])
    ctx.gather("quarantine", Rejected, [each.quarantine for each in done])
    ctx.gather("findings", ConversationFinding, [each.findings for each in done])
    figures = {name: counts[name] for name in ("in", "out", "untrained steps")}
    return Outcome(
        rejected=dict(sorted(rejected.items())),
        figures={**figures, "findings": dict(sorted(rules.items()))},
    )


def validate_part(
    config: ValidateConfig,
    resources: Resources,
    folder: Path,
    replaying: Replaying | None,
    numbered: tuple[int, Source],
) -> Done:
    """Judges the records of one part, and writes what is accepted and what is not."""
    number, source = numbered
    shard = None if source.quarantined else source.part.whole_shard()
    counts: Counter[str] = Counter({"in": source.part.records})
    rules: Counter[str] = Counter()
    rejected: Counter[str] = Counter()
    with (
        ShardWriter(folder, "conversations", Conversation, number, None, source=shard) as kept,
        ShardWriter(folder, "quarantine", Rejected, number, None) as quarantine,
        ShardWriter(folder, "findings", ConversationFinding, number, None) as rows,
    ):
        replayer = None if replaying is None else Replayer(replaying)
        for group in _judged(source, Judge(config, resources), replayer):
            for each in group.judged:
                for one in each.found:
                    rows.write(ConversationFinding(each.id, *msgspec.structs.astuple(one)))
                    rules[one.rule] += 1
                if isinstance(each.became, Rejected):
                    quarantine.write(each.became)
                    rejected[reason(each.found)] += 1
                else:
                    counts["out"] += 1
                    counts["untrained steps"] += _untrained(each.found)
            if group.unchanged is not None:
                kept.write_group(*group.unchanged)
                continue
            for each in group.judged:
                if isinstance(each.became, Conversation):
                    kept.write(each.became)
    pieces = (kept.piece, quarantine.piece, rows.piece)
    return Done(*pieces, dict(counts), dict(rules), dict(rejected))


def _replaying(
    ctx: Context[ValidateConfig], sources: Iterable[tuple[int, Source]], workers: int
) -> Replaying | None:
    """What a replay needs, the sandbox tried out; None where none is asked for."""
    if not ctx.config.replay:
        return None
    try_out(ctx.sandbox, (each.part for _, each in sources if not each.quarantined))
    tasks = ctx.inputs[PLAN].parts("tasks") if PLAN in ctx.inputs else []
    return Replaying(ctx.sandbox, tuple(tasks), share_of_boxes(workers))


def _judged(source: Source, judge: Judge, replayer: Replayer | None) -> Iterator[JudgedGroup]:
    """What became of the records, a row group at a time."""
    if source.quarantined:
        for refused in source.part.read(Rejected):
            yield JudgedGroup([Judged(refused.id, refused.findings, refused)], None)
        return
    at = 0
    for group in source.part.groups(Conversation):
        judged = [
            _judge(judge, original, source.renamed.get(at + nth), source.known.get(original.id, ()))
            for nth, original in enumerate(group.records)
        ]
        at += len(judged)
        if replayer is not None:
            judged = _replayed(judge, judged, group.records, replayer)
        same = all(
            one.became is original for one, original in zip(judged, group.records, strict=True)
        )
        yield JudgedGroup(judged, group.without(()) if same else None)


def _replayed(
    judge: Judge, judged: list[Judged], originals: Sequence[Conversation], replayer: Replayer
) -> list[Judged]:
    """The same with what a replay found in those that were accepted, as they came."""
    ran = [
        original
        for one, original in zip(judged, originals, strict=True)
        if isinstance(one.became, Conversation)
    ]
    found = iter(replayer.findings(ran))
    return [
        _with(judge, one, one.became, original, next(found))
        if isinstance(one.became, Conversation)
        else one
        for one, original in zip(judged, originals, strict=True)
    ]


def _with(
    judge: Judge,
    one: Judged,
    became: Conversation,
    original: Conversation,
    more: tuple[Finding, ...],
) -> Judged:
    became, more = judge.followed(became, more)
    found = one.found + more
    if not reason(more):
        return Judged(one.id, found, became)
    own = msgspec.structs.replace(original, id=one.id)
    return Judged(one.id, found, Rejected(one.id, "validate", own.persona, found, own))


def _judge(
    judge: Judge, original: Conversation, name: str | None, known: tuple[Finding, ...]
) -> Judged:
    """One conversation, under another name where its own is taken; `known` was found before."""
    own, notes = original, tuple[Finding, ...]()
    if name is not None:
        notes = (Finding(RENAMED, "note", -1, f"{original.id} -> {name}"[:200]),)
        own = msgspec.structs.replace(original, id=name)
    conversation, found = judge.judge(own, notes + known)
    if reason(found):
        return Judged(own.id, found, Rejected(own.id, "validate", own.persona, found, own))
    return Judged(own.id, found, conversation)


def _sources(ctx: Context[ValidateConfig]) -> Iterator[Source]:
    """What is to be read, in the order of the inputs' names.

    Two sources may use one id: the later conversation gets a number behind it.
    """
    taken: set[str] = set()
    for name, source in sorted(ctx.inputs.items()):
        kind = name.partition(":")[0]
        if kind not in ctx.config.sources:
            continue
        if kind == IMPORT:
            for part in source.parts("quarantine"):
                yield Source(part, True, {})
        parts = source.parts("conversations")
        lost = lost_voices(parts) if kind == GENERATE else {}
        for part in parts:
            renamed, known = {}, {}
            for at, id in enumerate(part.ids()):
                if id in lost:
                    known[id] = lost[id]
                own, number = id, 1
                while own in taken:
                    number += 1
                    own = f"{id}~{number}"
                taken.add(own)
                if own != id:
                    renamed[at] = own
            yield Source(part, False, renamed, known)


def _untrained(found: tuple[Finding, ...]) -> int:
    return len({each.message for each in found if each.severity == "untrain"})
