"""dedupe: of conversations that say the same, one is kept, and none that repeats an evaluation.

First what repeats the prompt of an evaluation goes (contamination.py), whatever its split. Then
exact duplicates: the same roles, texts, calls (names and arguments), tools and persona, whatever
the ids and the reasoning. Then near ones: the same persona, and assistant's text and call arguments
that reach the Jaccard threshold. The same task in nine voices is on purpose, so personas are never
compared for that. Splits are: a twin of a test conversation must not be trained on.

Which one is kept does not depend on the order of reading: verified before unverified, then tools
that really ran, then the smaller id.

Of what is kept, the voices that did one task are compared (voice_likeness.py), and nothing is
removed for that: two that are alike are a finding.

Every process describes its part of the conversations: a few hundred bytes for each, and on disk the
shingles, for those that have to be compared exactly.
"""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import xxhash
from msgspec import Struct

from kappa_data.config import DedupeConfig
from kappa_data.contamination import Contamination, Text, tables, texts_in
from kappa_data.engine import map_ordered, processes
from kappa_data.near_duplicates import Signatures, compare, joined, signatures
from kappa_data.records import (
    NOBODY,
    Conversation,
    ConversationFinding,
    Finding,
    FunctionCall,
    Grounding,
    Message,
    Rejected,
    Role,
)
from kappa_data.shingling import BATCH, BATCH_CHARS, UInt64s, distinct, grams, words
from kappa_data.stage import Context, Outcome
from kappa_data.store import Part, Piece, ShardWriter
from kappa_data.tasks import evaluation
from kappa_data.voice_likeness import RULE, Likeness, Voice, without_code

CONTAMINATED, EXACT, NEAR = "contaminated", "duplicate", "near-duplicate"
SHINGLES, VOICES = "shingles-{:05d}.tmp", "voices-{:05d}.tmp"
PROMPTS = ("asked.tmp", "all-text.tmp")
REMEMBERED = 1_000  # sets of shingles that are kept in memory
EVIDENCE_CHARS = 200

Place = tuple[int, int]  # a conversation: number of its part, position in the part


class Called(Struct, frozen=True, gc=False):
    """Of a tool call what is compared."""

    function: FunctionCall


class Said(Struct, frozen=True, gc=False):
    """Of a message what is compared."""

    role: Role
    content: str
    reasoning: str | None
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
    task_id: str | None
    provenance: Grounded
    verdict: Passed | None


class Entry(Struct, frozen=True, gc=False):
    """What is compared of one conversation; the smallest `preference` is kept."""

    preference: tuple[bool, bool, str]
    group: tuple[str, ...]  # who speaks: near-duplicates are looked for within it
    whole: bytes
    task: str | None
    text: str = ""
    spoken: str = ""
    """the text alone, where it may be compared with that of another voice"""

    @property
    def id(self) -> str:
        """Of the conversation."""
        return self.preference[-1]


@dataclass(frozen=True)
class Stored:
    """Arrays of hashes, one after the other in a file."""

    path: Path
    starts: tuple[int, ...]  # and where the last one ends

    @functools.cached_property
    def _all(self) -> UInt64s:
        # A file of no bytes cannot be mapped.
        return np.memmap(self.path, np.uint64, "r") if self.starts[-1] else np.zeros(0, np.uint64)

    def of(self, index: int) -> UInt64s:
        """One of them."""
        return self._all[self.starts[index] : self.starts[index + 1]]


class Described(Struct, frozen=True):
    """One part: its entries without their texts, which of them are contaminated, signatures, and
    where the hashes are: of what is compared within a persona (with repetitions) and of what is
    compared across (without)."""

    entries: list[Entry]
    contaminated: dict[int, Finding]
    signatures: Signatures
    shingles: Stored
    voices: Stored


class Kept(Struct, frozen=True):
    """What was written of one part."""

    conversations: Piece
    quarantine: Piece


def check(config: DedupeConfig) -> None:
    """UsageError for a file with evaluation prompts that cannot be read."""
    evaluation.refuse_unread(config.against)


def run(ctx: Context[DedupeConfig]) -> Outcome:
    """Seals "conversations", in the order of validate, "quarantine" and "findings"."""
    source = ctx.inputs["validate"]
    total = source.count("conversations")
    parts = list(enumerate(source.parts("conversations")))
    workers = processes(ctx.config.workers, source.shards("conversations"))
    described: list[Described] = []
    written: list[Kept] = []
    with ctx.progress.task("dedupe", total=total) as bar:
        bar.say("comparing")
        with _prompts(ctx) as names:
            work = partial(describe, ctx.config, ctx.folder, names)
            for each in map_ordered(work, parts, workers=workers):
                described.append(each)
        found = duplicates(described, ctx.config)
        likeness = Likeness(ctx.config.threshold)
        _write_findings(ctx, alike_across(described, found, likeness))
        for each in described:
            each.shingles.path.unlink()
            each.voices.path.unlink()
        bar.say("writing")
        items = [(number, part, found.get(number, {})) for number, part in parts]
        for kept in map_ordered(partial(write, ctx.folder), items, workers=workers):
            written.append(kept)
            bar.advance(kept.conversations.records + kept.quarantine.records)
    ctx.gather("conversations", Conversation, [each.conversations for each in written])
    ctx.gather("quarantine", Rejected, [each.quarantine for each in written])
    rejected = Counter(each.rule for part in found.values() for each in part.values())
    figures = {"in": total, "out": total - rejected.total(), "across personas": likeness.figures()}
    return Outcome(rejected=dict(sorted(rejected.items())), figures=figures)


@contextmanager
def _prompts(ctx: Context[DedupeConfig]) -> Iterator[list[str]]:
    """The names of the evaluations; within it, what they are known by lies in the folder."""
    known = evaluation.of_files(ctx.config.against, ctx.resources)
    names, *found = tables(known)
    for name, table in zip(PROMPTS, found, strict=True):
        with (ctx.folder / name).open("wb") as file:
            np.save(file, table)
    yield names
    for name in PROMPTS:
        (ctx.folder / name).unlink()


def _write_findings(ctx: Context[DedupeConfig], rows: Iterable[ConversationFinding]) -> None:
    with ctx.writer("findings", ConversationFinding) as writer:
        for each in rows:
            writer.write(each)


def describe(
    config: DedupeConfig, folder: Path, names: Sequence[str], numbered: tuple[int, Part]
) -> Described:
    """Everything that has to be known of one part; its hashes go into files in `folder`."""
    number, part = numbered
    asked, all_text = (np.load(folder / name, mmap_mode="r") for name in PROMPTS)
    contamination = Contamination(names, asked, all_text)
    entries: list[Entry] = []
    contaminated: dict[int, Finding] = {}
    found: list[Signatures] = []
    paths = [folder / each.format(number) for each in (SHINGLES, VOICES)]
    starts = [0], [0]
    with paths[0].open("wb") as shingles, paths[1].open("wb") as voices:
        for batch in _batches(part.read_some(Compared)):
            for at, finding in contaminated_in(batch, contamination).items():
                contaminated[len(entries) + at] = finding
            made = [entry_of(each) for each in batch]
            rows = grams(words([each.text for each in made]), config.ngram)
            found.append(signatures(rows, config.threshold, config.seed))
            shingles.write(rows.values.tobytes())
            starts[0].extend((rows.starts[1:] + starts[0][-1]).tolist())
            rows = grams(words([each.spoken for each in made]), config.ngram)
            for at in range(len(made)):
                own = distinct(rows.of(at))
                voices.write(own.tobytes())
                starts[1].append(starts[1][-1] + len(own))
            entries += [msgspec.structs.replace(each, text="", spoken="") for each in made]
    stored = [Stored(path, tuple(each)) for path, each in zip(paths, starts, strict=True)]
    return Described(entries, contaminated, joined(found, config.threshold), *stored)


def _batches(conversations: Iterable[Compared]) -> Iterator[list[Compared]]:
    batch: list[Compared] = []
    chars = 0
    for each in conversations:
        batch.append(each)
        chars += sum(len(message.content) for message in each.messages)
        if len(batch) == BATCH or chars >= BATCH_CHARS:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch


def contaminated_in(
    conversations: Sequence[Conversation | Compared], contamination: Contamination
) -> dict[int, Finding]:
    """By position, the finding of each conversation that repeats a prompt of an evaluation."""
    texts = [text for at, each in enumerate(conversations) for text in _texts(at, each)]
    found: dict[int, Finding] = {}
    for text, said in contamination.found(texts):
        evidence = said[:EVIDENCE_CHARS]
        found.setdefault(text.conversation, Finding(CONTAMINATED, "reject", text.message, evidence))
    return found


def _texts(at: int, conversation: Conversation | Compared) -> Iterator[Text]:
    """All that is said in a conversation."""
    messages: Sequence[Message | Said] = conversation.messages
    for index, message in enumerate(messages):
        yield Text(at, index, message.role == "user", message.content)
        if message.reasoning:
            yield Text(at, index, False, message.reasoning)
        for call in message.tool_calls:
            for each in texts_in(call.function.arguments):
                yield Text(at, index, False, each)


def duplicates(
    described: Sequence[Described], config: DedupeConfig
) -> dict[int, dict[int, Finding]]:
    """For each conversation that is not kept, by its part and its position in it: the finding that
    names the one that is, or the prompt that it repeats."""
    found = {number: dict(part.contaminated) for number, part in enumerate(described)}
    places = sorted(_left(described, found), key=lambda place: _entry(described, place).preference)
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


def alike_across(
    described: Sequence[Described], gone: dict[int, dict[int, Finding]], likeness: Likeness
) -> list[ConversationFinding]:
    """What is found where two voices say nearly the same of one task; `likeness` counts."""
    tasks: dict[str, list[Place]] = defaultdict(list)
    for place in _left(described, gone):
        entry = _entry(described, place)
        if entry.task is not None and len(entry.group) == 1:
            tasks[entry.task].append(place)
    rows = []
    for task in sorted(tasks):
        voices = [
            Voice(entry.id, entry.group[0] or NOBODY, described[number].voices.of(at))
            for number, at in tasks[task]
            for entry in (described[number].entries[at],)
        ]
        for pair in likeness.add(voices):
            evidence = f"Jaccard {pair.similarity:.2f} with {pair.first.id}"
            rows.append(ConversationFinding(pair.second.id, RULE, "note", -1, evidence))
    return rows


def _left(described: Sequence[Described], gone: dict[int, dict[int, Finding]]) -> Iterator[Place]:
    """The places of all conversations that are not gone."""
    for number, part in enumerate(described):
        for at in range(len(part.entries)):
            if at not in gone.get(number, ()):
                yield number, at


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
        return distinct(described[number].shingles.of(at))

    return compare(Signatures(bands, low), shingles_of, threshold)


def _entry(described: Sequence[Described], place: Place) -> Entry:
    number, at = place
    return described[number].entries[at]


def entry_of(conversation: Conversation | Compared) -> Entry:
    """What is compared of a conversation."""
    verdict = conversation.verdict
    speakers = {each.persona for each in conversation.messages if each.persona}
    group = (conversation.persona or "", *sorted(speakers))
    said, spoken = [], []
    for message in conversation.messages:
        if message.role == "assistant":
            said.append(message.content)
            spoken.append(without_code(message.content))
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
        task=conversation.task_id,
        text="\n".join(said),
        # Where the persona changes on the way there is no one voice to compare.
        spoken="\n".join(spoken) if conversation.task_id and len(group) == 1 else "",
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
