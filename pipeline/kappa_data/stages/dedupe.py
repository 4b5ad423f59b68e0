"""dedupe: of conversations that say the same, one is kept.

First exact: the same roles, texts, calls (names and arguments), tools and persona, whatever the ids
and the reasoning. Then near: the same persona, and assistant's text and call arguments that reach
the Jaccard threshold. The same task in nine voices is on purpose, so personas are never compared.
Splits are: a twin of a test conversation must not be trained on.

Which one is kept does not depend on the order of reading: verified before unverified, then tools
that really ran, then the smaller id.

Every process describes its part of the conversations: a few hundred bytes for each, and on disk the
shingles, for the few that have to be compared exactly.
"""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
import xxhash
from msgspec import Struct

from kappa_data.config import DedupeConfig
from kappa_data.engine import map_ordered
from kappa_data.near_duplicates import BATCH, Signatures, UInt64s, compare, shingles, signatures
from kappa_data.records import (
    Conversation,
    Finding,
    FunctionCall,
    Grounding,
    Rejected,
    Role,
)
from kappa_data.stage import Context, Outcome
from kappa_data.store import Part, Piece, ShardWriter

EXACT, NEAR = "duplicate", "near-duplicate"
SHINGLES = "shingles-{:05d}.tmp"
REMEMBERED = 1_000  # sets of shingles that are kept in memory

Place = tuple[int, int]  # a conversation: number of its part, position in the part


class Called(Struct, frozen=True, gc=False):
    """Of a tool call what is compared."""

    function: FunctionCall


class Said(Struct, frozen=True, gc=False):
    """Of a message what is compared."""

    role: Role
    content: str
    tool_calls: tuple[Called, ...]
    name: str | None
    persona: str | None


class Grounded(Struct, frozen=True, gc=False):
    """Of a provenance what decides which one is kept."""

    grounding: Grounding


class Passed(Struct, frozen=True, gc=False):
    """Of a verdict what decides which one is kept."""

    passed: bool


class Compared(Struct, frozen=True, gc=False):
    """Of a conversation all that is looked at, and nothing else: the rest is not even read."""

    id: str
    messages: tuple[Said, ...]
    tools: str | None
    persona: str | None
    provenance: Grounded
    verdict: Passed | None


class Entry(Struct, frozen=True, gc=False):
    """What is compared of one conversation; the smallest `preference` is kept."""

    preference: tuple[bool, bool, str]
    group: tuple[str, ...]  # who speaks: near-duplicates are looked for within it
    whole: bytes
    text: str = ""

    @property
    def id(self) -> str:
        """Of the conversation."""
        return self.preference[-1]


class Described(Struct, frozen=True):
    """One part: its entries without their texts, their signatures, and where their shingles are."""

    entries: list[Entry]
    signatures: Signatures
    shingles: Path
    starts: UInt64s  # in the file, and where the last one ends


class Kept(Struct, frozen=True):
    """What was written of one part."""

    conversations: Piece
    quarantine: Piece


def run(ctx: Context[DedupeConfig]) -> Outcome:
    """Seals "conversations", in the order of validate, and "quarantine"."""
    source = ctx.inputs["validate"]
    total, workers = source.count("conversations"), ctx.config.workers
    parts = list(enumerate(source.parts("conversations")))
    described: list[Described] = []
    written: list[Kept] = []
    with ctx.progress.task("dedupe", total=total) as bar:
        bar.say("comparing")
        work = partial(describe, ctx.config, ctx.folder)
        for each in map_ordered(work, parts, workers=workers):
            described.append(each)
        found = duplicates(described, ctx.config)
        for each in described:
            each.shingles.unlink()
        bar.say("writing")
        items = [(number, part, found.get(number, {})) for number, part in parts]
        for kept in map_ordered(partial(write, ctx.folder), items, workers=workers):
            written.append(kept)
            bar.advance(kept.conversations.records + kept.quarantine.records)
    ctx.gather("conversations", Conversation, [each.conversations for each in written])
    ctx.gather("quarantine", Rejected, [each.quarantine for each in written])
    rejected = Counter(each.rule for part in found.values() for each in part.values())
    figures = {"in": total, "out": total - rejected.total()}
    return Outcome(rejected=dict(sorted(rejected.items())), figures=figures)


def describe(config: DedupeConfig, folder: Path, numbered: tuple[int, Part]) -> Described:
    """Everything that has to be known of one part; its shingles go into a file in `folder`."""
    number, part = numbered
    path = folder / SHINGLES.format(number)
    entries: list[Entry] = []
    lengths: list[int] = []
    found = [signatures([], config.threshold, config.seed)]
    conversations = part.read_some(Compared)
    with path.open("wb") as file:
        while batch := [entry_of(each) for each in islice(conversations, BATCH)]:
            sets = [shingles(each.text, config.ngram) for each in batch]
            found.append(signatures(sets, config.threshold, config.seed))
            entries += [msgspec.structs.replace(each, text="") for each in batch]
            lengths += map(len, sets)
            for each in sets:
                file.write(each.tobytes())
    starts = np.cumsum([0, *lengths], dtype=np.uint64)
    bands, low = (np.concatenate(each) for each in zip(*found, strict=True))
    return Described(entries, Signatures(bands, low), path, starts)


def duplicates(
    described: Sequence[Described], config: DedupeConfig
) -> dict[int, dict[int, Finding]]:
    """For each conversation that is not kept, by its part and its position in it: the finding that
    names the one that is."""
    places = sorted(
        ((number, at) for number, part in enumerate(described) for at in range(len(part.entries))),
        key=lambda place: _entry(described, place).preference,
    )
    found: dict[int, dict[int, Finding]] = defaultdict(dict)
    first: dict[bytes, str] = {}
    groups: dict[tuple[str, ...], list[Place]] = defaultdict(list)
    for number, at in places:
        entry = described[number].entries[at]
        kept = first.setdefault(entry.whole, entry.id)
        if kept != entry.id:
            found[number][at] = Finding(EXACT, "reject", -1, f"the same as {kept}")
        else:
            groups[entry.group].append((number, at))
    for group in groups.values():
        for kept_index, index, similarity in _near(described, group, config.threshold):
            number, at = group[index]
            name = _entry(described, group[kept_index]).id
            evidence = f"Jaccard {similarity:.3f} with {name}"
            found[number][at] = Finding(NEAR, "reject", -1, evidence)
    return found


def _near(
    described: Sequence[Described], group: Sequence[Place], threshold: float
) -> list[tuple[int, int, float]]:
    """`compare` within one group, whose members stand in the order of preference."""
    bands, low = (
        np.stack([described[number].signatures[which][at] for number, at in group])
        for which in (0, 1)
    )

    @functools.lru_cache(maxsize=REMEMBERED)
    def shingles_of(index: int) -> UInt64s:
        number, at = group[index]
        start, end = described[number].starts[at : at + 2].tolist()
        return np.fromfile(
            described[number].shingles, dtype=np.uint64, count=end - start, offset=8 * start
        )

    return compare(Signatures(bands, low), shingles_of, threshold)


def _entry(described: Sequence[Described], place: Place) -> Entry:
    number, at = place
    return described[number].entries[at]


def entry_of(conversation: Conversation | Compared) -> Entry:
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
        group=group,
        whole=_whole(conversation, group),
        text="\n".join(said),
    )


def write(folder: Path, item: tuple[int, Part, dict[int, Finding]]) -> Kept:
    """Writes one part: what is kept, and what is not with its finding."""
    number, part, found = item
    with (
        ShardWriter(
            folder, "conversations", Conversation, number, None, source=part.whole_shard()
        ) as kept,
        ShardWriter(folder, "quarantine", Rejected, number, None) as quarantine,
    ):
        start = 0
        for group in part.groups(Conversation):
            own = {at - start: each for at, each in found.items() if 0 <= at - start < len(group)}
            kept.write_group(*group.without(own))
            for at in sorted(own):
                each = group.records[at]
                quarantine.write(Rejected(each.id, "dedupe", each.persona, (own[at],), each))
            start += len(group)
    return Kept(kept.piece, quarantine.piece)


def _whole(conversation: Conversation | Compared, group: tuple[str, ...]) -> bytes:
    messages = [
        [
            each.role,
            each.content,
            each.name,
            [[call.function.name, call.function.arguments] for call in each.tool_calls],
        ]
        for each in conversation.messages
    ]
    return xxhash.xxh3_128_digest(msgspec.msgpack.encode((group, conversation.tools, messages)))
