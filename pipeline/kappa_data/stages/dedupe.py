"""dedupe: of conversations that say the same, one is kept.

First exact: the same roles, texts, calls (names and arguments), tools and persona, whatever the ids
and the reasoning. Then near: the same persona, and assistant's text and call arguments that reach
the Jaccard threshold. The same task in nine voices is on purpose, so personas are never compared.
Splits are: a twin of a test conversation must not be trained on.

Which one is kept does not depend on the order of reading: verified before unverified, then tools
that really ran, then the smaller id.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import xxhash
from msgspec import Struct

from kappa_data.config import DedupeConfig
from kappa_data.near_duplicates import near_duplicates
from kappa_data.records import Conversation, Finding, Rejected, canonical_json
from kappa_data.stage import Context, Outcome

EXACT, NEAR = "duplicate", "near-duplicate"


class Entry(Struct, frozen=True):
    """What is compared of one conversation."""

    preference: tuple[bool, bool, str]
    """the smallest is kept"""
    id: str
    group: tuple[str, ...]
    """who speaks: near-duplicates are looked for within it"""
    whole: bytes
    text: str


def run(ctx: Context[DedupeConfig]) -> Outcome:
    """Seals "conversations", in the order of validate, and "quarantine"."""
    source = ctx.inputs["validate"]
    total = source.count("conversations")
    with ctx.progress.task("dedupe", total=total) as bar:
        bar.say("comparing")
        entries = [entry_of(each) for each in source.read("conversations", Conversation)]
        found = duplicates(entries, ctx.config)
        rejected: Counter[str] = Counter()
        with (
            ctx.writer("conversations", Conversation) as kept,
            ctx.writer("quarantine", Rejected) as quarantine,
        ):
            for conversation in source.read("conversations", Conversation):
                finding = found.get(conversation.id)
                if finding is None:
                    kept.write(conversation)
                else:
                    rejected[finding.rule] += 1
                    parts = (conversation.id, "dedupe", conversation.persona, (finding,))
                    quarantine.write(Rejected(*parts, conversation))
                bar.advance(1)
    figures = {"in": total, "out": total - rejected.total()}
    return Outcome(rejected=dict(sorted(rejected.items())), figures=figures)


def duplicates(entries: Iterable[Entry], config: DedupeConfig) -> dict[str, Finding]:
    """For each conversation that is not kept, by id: the finding that names the one that is."""
    found: dict[str, Finding] = {}
    ordered = sorted(entries, key=lambda each: each.preference)
    first: dict[bytes, str] = {}
    groups: dict[tuple[str, ...], list[Entry]] = defaultdict(list)
    for entry in ordered:
        kept = first.setdefault(entry.whole, entry.id)
        if kept != entry.id:
            found[entry.id] = Finding(EXACT, "reject", -1, f"the same as {kept}")
        else:
            groups[entry.group].append(entry)
    for group in groups.values():
        found |= _near(group, config)
    return found


def _near(group: Sequence[Entry], config: DedupeConfig) -> dict[str, Finding]:
    texts = [entry.text for entry in group]
    pairs = near_duplicates(texts, threshold=config.threshold, ngram=config.ngram, seed=config.seed)
    return {
        group[dropped].id: Finding(
            NEAR, "reject", -1, f"Jaccard {similarity:.3f} with {group[kept].id}"
        )
        for kept, dropped, similarity in pairs
    }


def entry_of(conversation: Conversation) -> Entry:
    """What is compared of a conversation."""
    verdict = conversation.verdict
    speakers = {each.persona for each in conversation.messages if each.persona}
    group = (conversation.persona or "", *sorted(speakers))
    said = []
    for message in conversation.messages:
        if message.role == "assistant":
            said.append(message.content)
            said += [
                f"{call.function.name} {call.function.arguments}" for call in message.tool_calls
            ]
    return Entry(
        preference=(
            verdict is None or not verdict.passed,
            conversation.provenance.grounding != "executed",
            conversation.id,
        ),
        id=conversation.id,
        group=group,
        whole=_whole(conversation, group),
        text="\n".join(said),
    )


def _whole(conversation: Conversation, group: tuple[str, ...]) -> bytes:
    messages = [
        [
            each.role,
            each.content,
            each.name,
            [[call.function.name, call.function.arguments] for call in each.tool_calls],
        ]
        for each in conversation.messages
    ]
    return xxhash.xxh3_128_digest(canonical_json([group, conversation.tools, messages]).encode())
