"""validate: every source's conversations are mended where possible and checked.

What is accepted goes on, with `train` false on the steps that a check found to be context only.
What is not goes to quarantine as it came, with all findings. What an import could not even hold as
a conversation goes to quarantine too; the quarantine of generate stays with generate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
from msgspec import Struct

from kappa_data.config import ValidateConfig
from kappa_data.engine import map_ordered
from kappa_data.errors import StageError
from kappa_data.records import Conversation, ConversationFinding, Finding, Rejected
from kappa_data.resources import Resources
from kappa_data.stage import Context, Outcome
from kappa_data.store import Part, Piece, ShardWriter
from kappa_data.validation.checking import all_checks
from kappa_data.validation.judge import Judge, reason

IMPORT = "import"


class Source(Struct, frozen=True):
    """One part of one source: its records, and the ids that are taken by an earlier one."""

    part: Part
    quarantined: bool
    renamed: dict[int, str]  # position in the part -> the id that it gets


class Done(Struct, frozen=True):
    """What was written of one part."""

    conversations: Piece
    quarantine: Piece
    findings: Piece
    counts: dict[str, int]
    rules: dict[str, int]
    rejected: dict[str, int]


def run(ctx: Context[ValidateConfig]) -> Outcome:
    """Seals "conversations", "quarantine" and "findings"; StageError where nothing is left."""
    sources = list(enumerate(_sources(ctx)))
    total = sum(source.part.records for _, source in sources)
    done: list[Done] = []
    all_checks()  # a broken one of somebody's package is said once, here
    with ctx.progress.task("validate", total=total) as bar:
        work = partial(validate_part, ctx.config, ctx.resources, ctx.folder)
        for each in map_ordered(work, sources, workers=ctx.config.workers):
            done.append(each)
            bar.advance(each.counts["in"])
    counts, rules, rejected = (
        sum((Counter(getattr(each, name)) for each in done), Counter[str]())
        for name in ("counts", "rules", "rejected")
    )
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
    config: ValidateConfig, resources: Resources, folder: Path, numbered: tuple[int, Source]
) -> Done:
    """Judges the records of one part, and writes what is accepted and what is not."""
    number, source = numbered
    counts: Counter[str] = Counter({"in": source.part.records})
    rules: Counter[str] = Counter()
    rejected: Counter[str] = Counter()
    with (
        ShardWriter(folder, "conversations", Conversation, number, None) as kept,
        ShardWriter(folder, "quarantine", Rejected, number, None) as quarantine,
        ShardWriter(folder, "findings", ConversationFinding, number, None) as rows,
    ):
        for id, found, judged in _judged(source, Judge(config, resources)):
            for each in found:
                rows.write(ConversationFinding(id, *msgspec.structs.astuple(each)))
                rules[each.rule] += 1
            if isinstance(judged, Conversation):
                kept.write(judged)
                counts["out"] += 1
                counts["untrained steps"] += _untrained(found)
            else:
                quarantine.write(judged)
                rejected[reason(found)] += 1
    pieces = (kept.piece, quarantine.piece, rows.piece)
    return Done(*pieces, dict(counts), dict(rules), dict(rejected))


def _judged(
    source: Source, judge: Judge
) -> Iterator[tuple[str, tuple[Finding, ...], Conversation | Rejected]]:
    """Of every record its id, what was found, and what it became."""
    if source.quarantined:
        for refused in source.part.read(Rejected):
            yield refused.id, refused.findings, refused
        return
    for at, original in enumerate(source.part.read(Conversation)):
        own, notes = original, tuple[Finding, ...]()
        if at in source.renamed:
            name = source.renamed[at]
            notes = (Finding("renamed", "note", -1, f"{original.id} -> {name}"[:200]),)
            own = msgspec.structs.replace(original, id=name)
        conversation, found = judge.judge(own)
        found = notes + found
        if reason(found):
            yield own.id, found, Rejected(own.id, "validate", own.persona, found, own)
        else:
            yield own.id, found, conversation


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
        for part in source.parts("conversations"):
            renamed = {}
            for at, id in enumerate(part.ids()):
                own, number = id, 1
                while own in taken:
                    number += 1
                    own = f"{id}~{number}"
                taken.add(own)
                if own != id:
                    renamed[at] = own
            yield Source(part, False, renamed)


def _untrained(found: tuple[Finding, ...]) -> int:
    return len({each.message for each in found if each.severity == "untrain"})
