"""tokenize: conversations into training documents of exactly the ids that a server would send."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from kappa_data.config import TokenizeConfig
from kappa_data.engine import map_ordered, processes
from kappa_data.errors import StageError
from kappa_data.formats.construction import Counts, Unrenderable
from kappa_data.formats.samples import Choices, choices, samples
from kappa_data.records import Conversation, Finding, Rejected, Sample
from kappa_data.stage import Context, Outcome, summed
from kappa_data.store import Part, Piece, ShardWriter

NOTHING_TRAINED = "no trained tokens"
MALFORMED_TOOLS = "malformed tools"


class Tokenized(Struct, frozen=True):
    """What became of one conversation: its samples, or why there are none."""

    samples: tuple[Sample, ...]
    counts: Counts | None
    rejected: Rejected | None


class Done(Struct, frozen=True):
    """What one part of the input became."""

    samples: Piece
    quarantine: Piece
    totals: dict[str, int]
    untrained: dict[str, int]
    unrendered: dict[str, int]
    rejected: dict[str, int]
    note: str


def tokenize(chosen: Choices, conversation: Conversation) -> Tokenized:
    """One conversation's samples, or a rejection with its reason."""
    try:
        made, counts = samples(conversation, chosen)
    except msgspec.MsgspecError as error:
        return Tokenized((), None, _rejected(conversation, MALFORMED_TOOLS, str(error)))
    except Unrenderable as error:
        return Tokenized((), None, _rejected(conversation, f"template: {error}", str(error)))
    if made:
        return Tokenized(made, counts, None)
    reasons = ", ".join(f"{reason} {n}" for reason, n in sorted(counts.untrained.items()))
    evidence = f"{counts.steps} assistant steps: {reasons or 'none'}"
    return Tokenized((), counts, _rejected(conversation, NOTHING_TRAINED, evidence))


def check(config: TokenizeConfig) -> None:
    """UsageError for settings, or a tokenizer, that cannot be used."""
    choices(config)


def run(ctx: Context[TokenizeConfig]) -> Outcome:
    """Seals "samples", and "quarantine": conversations in which nothing can be trained."""
    chosen = choices(ctx.config)
    source = ctx.inputs["dedupe"]
    parts = list(enumerate(source.parts("conversations")))
    done: list[Done] = []
    workers = processes(ctx.config.workers, source.shards("conversations"))
    with ctx.progress.task("tokenize", total=source.count("conversations")) as bar:
        work = partial(tokenize_part, chosen, ctx.folder)
        for each in map_ordered(work, parts, workers=workers):
            done.append(each)
            bar.advance(each.totals["conversations"])
    totals, untrained, unrendered, rejected = summed(
        done, "totals", "untrained", "unrendered", "rejected"
    )
    if not totals["samples"]:
        raise StageError(
            f"tokenize: no sample is left of {totals['conversations']} conversations; "
            "see what was rejected with `kappa-data status`"
        )
    for note in sorted({each.note for each in done} - {""}):
        ctx.progress.note(f"tokenize: {note}; the ids are the same, it takes longer")
    ctx.gather("samples", Sample, [each.samples for each in done])
    ctx.gather("quarantine", Rejected, [each.quarantine for each in done])
    figures = chosen.format.figures() | _figures(totals, untrained)
    if unrendered:
        figures["left out by the template"] = dict(sorted(unrendered.items()))
        left = ", ".join(f"{name} {n:,}" for name, n in sorted(unrendered.items()))
        ctx.progress.note(f"tokenize: left out by the template: {left}")
    return Outcome(rejected=dict(sorted(rejected.items())), figures=figures)


def tokenize_part(chosen: Choices, folder: Path, numbered: tuple[int, Part]) -> Done:
    """Writes one part's samples and rejections into `folder`."""
    number, part = numbered
    totals: Counter[str] = Counter()
    untrained: Counter[str] = Counter()
    unrendered: Counter[str] = Counter()
    rejected: Counter[str] = Counter()
    with (
        ShardWriter(folder, "samples", Sample, number, None) as written,
        ShardWriter(folder, "quarantine", Rejected, number, None) as quarantine,
    ):
        for conversation in part.read(Conversation):
            made = tokenize(chosen, conversation)
            totals["conversations"] += 1
            if made.rejected is not None:
                rejected[made.rejected.findings[0].rule] += 1
                quarantine.write(made.rejected)
            for sample in made.samples:
                written.write(sample)
            _count(totals, untrained, made)
            if made.counts is not None and made.counts.unrendered:
                unrendered.update(made.counts.unrendered)
    return Done(
        samples=written.piece,
        quarantine=quarantine.piece,
        totals=dict(totals),
        untrained=dict(untrained),
        unrendered=dict(unrendered),
        rejected=dict(rejected),
        note=chosen.format.note,
    )


def _count(totals: Counter[str], untrained: Counter[str], made: Tokenized) -> None:
    counts = made.counts
    if counts is None:
        return
    totals["steps"] += counts.steps
    totals["trained steps"] += counts.trained
    totals["without reasoning"] += counts.without_reasoning
    totals["untrained calls"] += counts.untrained_calls
    totals["untrained stops"] += counts.untrained_stops
    if counts.untrained:
        untrained.update(counts.untrained)
    if made.samples:
        totals["tokenized"] += 1
        totals["conversation tokens"] += counts.tokens
        totals["samples"] += len(made.samples)
        totals["tokens"] += sum(len(sample.ids) for sample in made.samples)
        totals["trained tokens"] += sum(sample.n_loss_tokens for sample in made.samples)


def _figures(totals: Counter[str], untrained: Counter[str]) -> dict[str, Any]:
    """For people and the manifest. Inflation is the price of exactness: repeated history."""
    return {
        "conversations": totals["conversations"],
        "samples": totals["samples"],
        "samples per conversation": round(totals["samples"] / totals["tokenized"], 3),
        "tokens": totals["tokens"],
        "trained tokens": totals["trained tokens"],
        "inflation": round(totals["tokens"] / totals["conversation tokens"], 3),
        "steps": totals["steps"],
        "trained steps": totals["trained steps"],
        "untrained steps": dict(sorted(untrained.items())),
        "share of steps without reasoning": round(
            totals["without reasoning"] / totals["trained steps"], 4
        ),
        "untrained calls": totals["untrained calls"],
        "untrained stops": totals["untrained stops"],
    }


def _rejected(conversation: Conversation, rule: str, evidence: str) -> Rejected:
    finding = Finding(rule, "reject", -1, evidence)
    return Rejected(conversation.id, "tokenize", conversation.persona, (finding,), conversation)
