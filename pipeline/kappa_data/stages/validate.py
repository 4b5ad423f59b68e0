"""validate: every source's conversations are mended where possible and checked.

What is accepted goes on, with `train` false on the steps that a check found to be context only.
What is not goes to quarantine as it came, with all findings. What an import could not even hold as
a conversation goes to quarantine too; the quarantine of generate stays with generate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from kappa_data.config import ValidateConfig
from kappa_data.errors import StageError
from kappa_data.records import Conversation, ConversationFinding, Finding, Rejected
from kappa_data.stage import Context, Outcome
from kappa_data.store import Sealed
from kappa_data.validation.judge import Judge, reason

IMPORT = "import"


class Validated(Struct, frozen=True):
    """What became of one record; `accepted` is None where it is rejected."""

    id: str
    findings: tuple[Finding, ...]
    accepted: Conversation | None
    rejected: Rejected | None


def run(ctx: Context[ValidateConfig]) -> Outcome:
    """Seals "conversations", "quarantine" and "findings"; StageError where nothing is left."""
    sources = _sources(ctx)
    total = sum(source.count(name) for source, name in sources)
    counts: Counter[str] = Counter({"in": total, "out": 0, "untrained steps": 0})
    rules: Counter[str] = Counter()
    rejected: Counter[str] = Counter()
    with (
        ctx.writer("conversations", Conversation) as kept,
        ctx.writer("quarantine", Rejected) as quarantine,
        ctx.writer("findings", ConversationFinding) as rows,
        ctx.progress.task("validate", total=total) as bar,
    ):
        for each in _validated(sources, Judge(ctx.config, ctx.resources)):
            for found in each.findings:
                rows.write(ConversationFinding(each.id, *msgspec.structs.astuple(found)))
                rules[found.rule] += 1
            if each.accepted is not None:
                kept.write(each.accepted)
                counts["out"] += 1
                counts["untrained steps"] += _untrained(each.findings)
            if each.rejected is not None:
                quarantine.write(each.rejected)
                rejected[reason(each.findings)] += 1
            bar.advance(1)
    if not counts["out"]:
        reasons = ", ".join(f"{rule} {n}" for rule, n in rejected.most_common())
        raise StageError(
            f"validate: no conversation is left of {total} ({reasons or 'there was none'}); "
            "look at them with `kappa-data show`, or name another source in validate.sources"
        )
    figures = {**counts, "findings": dict(sorted(rules.items()))}
    return Outcome(rejected=dict(sorted(rejected.items())), figures=figures)


def _sources(ctx: Context[ValidateConfig]) -> list[tuple[Sealed, str]]:
    """The record sets to read, in the order of the inputs' names."""
    found = []
    for name, source in sorted(ctx.inputs.items()):
        kind = name.partition(":")[0]
        if kind in ctx.config.sources:
            found += [(source, "quarantine")] * (kind == IMPORT) + [(source, "conversations")]
    return found


def _validated(sources: list[tuple[Sealed, str]], judge: Judge) -> Iterator[Validated]:
    taken: set[str] = set()
    for source, name in sources:
        if name == "quarantine":
            for refused in source.read(name, Rejected):
                yield Validated(refused.id, refused.findings, None, refused)
            continue
        for original in source.read(name, Conversation):
            own, renamed = _with_own_id(original, taken)
            conversation, found = judge.judge(own)
            found = renamed + found
            if reason(found):
                refused = Rejected(own.id, "validate", own.persona, found, own)
                yield Validated(own.id, found, None, refused)
            else:
                yield Validated(own.id, found, conversation, None)


def _with_own_id(
    conversation: Conversation, taken: set[str]
) -> tuple[Conversation, tuple[Finding, ...]]:
    """Two sources may use one id: the later conversation gets a number behind it."""
    name, number = conversation.id, 1
    while name in taken:
        number += 1
        name = f"{conversation.id}~{number}"
    taken.add(name)
    if number == 1:
        return conversation, ()
    note = Finding("renamed", "note", -1, f"{conversation.id} -> {name}"[:200])
    return msgspec.structs.replace(conversation, id=name), (note,)


def _untrained(found: tuple[Finding, ...]) -> int:
    return len({each.message for each in found if each.severity == "untrain"})
