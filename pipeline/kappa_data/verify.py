"""Reads packed rows again, from disk, and proves that they are what they claim to be.

For every row: its lengths add up, its ids are in the vocabulary, nothing is trained on a first
token or on padding, each document is its sample to the last token and mask. Over all rows: every
sample that was not left out appears exactly once, in its own split; records, digests, files and
figures are those of the manifest. Processes read parts of the files; between them travel only ids
and fingerprints, so memory holds a hundred bytes or so of each sample.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Struct

from kappa_data.engine import map_ordered
from kappa_data.errors import StageError
from kappa_data.records import SPLITS, Cut, Rejected, Row, Sample, Split
from kappa_data.store import MANIFEST, Part, Sealed, digest_of_record, parts_of
from kappa_data.writers.rows import NO_PERSONA, documents, faults, fingerprint, layout_fault

FEW_BYTES = 64_000_000  # are read before further processes have started


class Shape(NamedTuple):
    """What holds of every row; None: not known here."""

    seq_len: int
    vocabulary: int | None
    pad_id: int | None


class Document(NamedTuple):
    """One document, without its tokens; `print` is their fingerprint."""

    sample_id: str
    split: str
    persona: str
    tokens: int
    print: bytes


class ProvedRow(NamedTuple):
    """What is wrong with a row by itself, and what else has to be known of it."""

    faults: list[str]
    documents: list[Document]
    trained: int
    digest: bytes


class Proof(NamedTuple):
    """What one process found in its part; `broken` says why it could not read further."""

    rows: list[ProvedRow]
    broken: str


@dataclass
class Tally:
    """What the rows of one split come to."""

    rows: int = 0
    samples: int = 0
    trained: int = 0
    tokens: Counter[str] = field(default_factory=Counter)
    digest: Any = field(default_factory=hashlib.sha256)

    def figures(self, seq_len: int) -> dict[str, Any]:
        """As the manifest states them."""
        used = self.tokens.total()
        return {
            "rows": self.rows,
            "samples": self.samples,
            "tokens": used,
            "trained tokens": self.trained,
            "density": round(used / (self.rows * seq_len), 6) if self.rows else None,
            "shares": {name: round(part / used, 4) for name, part in sorted(self.tokens.items())},
        }


Check = Callable[[Document], Iterator[str]]


def packed_faults(packed: Sealed, tokenized: Sealed, *, workers: int = 0) -> Iterator[str]:
    """What is wrong with the rows of `packed`, in words, in order; nothing where all is right.

    `workers` processes; 0: one a core.
    """
    manifest = packed.manifest
    yield from _stray(packed)
    if manifest.inputs.get("tokenize", tokenized.digest) != tokenized.digest:
        yield "the rows were packed from other samples than those that are there now"
    left_out: list[Rejected] = []
    cut: list[Cut] = []
    for name, kind, found in (("quarantine", Rejected, left_out), ("cut", Cut, cut)):
        if name in manifest.sets:
            yield from _read_set(packed, name, kind, found)
    samples = Samples()
    yield from samples.read(tokenized, {each.sample_id: each.tokens for each in cut}, workers)
    samples.leave_out(each.id for each in left_out)
    figures = manifest.figures
    shape = Shape(manifest.config["seq_len"], figures.get("vocabulary"), figures.get("pad id"))
    shards = {split: packed.shards(split) for split in SPLITS}
    tallies = {split: Tally() for split in SPLITS}
    yield from row_faults(shards, shape, samples.check, tallies, workers)
    yield from samples.missing()
    yield from batch_fault(tallies, manifest.config["global_batch"])
    for split, tally in tallies.items():
        yield from _set_faults(packed, split, tally.rows, tally.digest.hexdigest())
        stated = figures.get("splits", {}).get(split, {})
        yield from differences(f"{split}: ", tally.figures(shape.seq_len), stated)
    for name in ("rows", "samples"):
        found_sum = {name: sum(getattr(tally, name) for tally in tallies.values())}
        yield from differences("", found_sum, figures)


class Samples:
    """The samples by their id, without their tokens, each until a row holds it."""

    def __init__(self) -> None:
        self._known: dict[str, Document | None] = {}  # None: a row holds it

    def read(self, tokenized: Sealed, cut: Mapping[str, int], workers: int) -> Iterator[str]:
        """Takes in what was tokenized, of a sample in `cut` the first tokens; yields faults."""
        parts, broken = _parts(tokenized.shards("samples"))
        yield from broken
        count = 0
        prints = partial(_prints, dict(cut))
        for found in map_ordered(prints, parts, workers=_workers(parts, workers)):
            count += len(found)
            self._known |= {each.sample_id: each for each in found}
        if not count == len(self._known) == tokenized.count("samples"):
            yield (
                f"{count} samples with {len(self._known)} ids are there, "
                f"the manifest says {tokenized.count('samples')}"
            )

    def leave_out(self, ids: Iterator[str]) -> None:
        """Forgets what pack refused: no row may hold it."""
        for each in ids:
            self._known.pop(each, None)

    def check(self, document: Document) -> Iterator[str]:
        """Whether a document is its sample, which no other row holds."""
        name = document.sample_id
        if name not in self._known:
            yield f"document {name}: there is no such sample, or it was left out"
            return
        sample, self._known[name] = self._known[name], None
        if sample is None:
            yield f"document {name}: it stands in a row for the second time"
            return
        if document.split != sample.split:
            yield f"document {name}: its sample belongs to {sample.split}"
        if document.persona != sample.persona:
            yield f"document {name}: persona {document.persona}, its sample's is {sample.persona}"
        if document.print != sample.print:
            yield f"document {name}: differs from its sample"

    def missing(self) -> Iterator[str]:
        """Samples that no row held."""
        for name, sample in self._known.items():
            if sample is not None:
                yield f"{sample.split}: {name} is in no row"


def row_faults(
    shards: Mapping[Split, Sequence[Path]],
    shape: Shape,
    check: Check,
    tallies: Mapping[Split, Tally],
    workers: int,
) -> Iterator[str]:
    """What is wrong with each row; `check` says it of each document, `tallies` are filled."""
    work: list[tuple[Split, Part]] = []
    for split, files in shards.items():
        parts, broken = _parts(files)
        yield from broken
        work += [(split, part) for part in parts]
    proofs = map_ordered(
        partial(prove, shape), work, workers=_workers([part for _, part in work], workers)
    )
    for (split, part), proof in zip(work, proofs, strict=True):
        tally = tallies[split]
        for number, row in enumerate(proof.rows, start=part.start):
            place = f"{part.shard.name} row {number}"
            for fault in row.faults:
                yield f"{place}: {fault}"
            for document in row.documents:
                yield from (f"{place}: {fault}" for fault in check(document))
                tally.samples += 1
                tally.tokens[document.persona] += document.tokens
            tally.rows += 1
            tally.trained += row.trained
            tally.digest.update(row.digest)
        if proof.broken:
            yield proof.broken


def prove(shape: Shape, work: tuple[Split, Part]) -> Proof:
    """Reads the rows of one part, and looks at each by itself."""
    split, part = work
    rows = []
    try:
        for row in part.read(Row):
            held = []
            if not layout_fault(row, shape.seq_len):
                found = zip(row.personas, documents(row), strict=False)  # padding has no persona
                held = [
                    Document(str(name), split, persona, len(ids), fingerprint(ids, mask))
                    for persona, (name, ids, mask) in found
                ]
            trained = int(row.assistant_masks.sum())
            rows.append(ProvedRow(list(faults(row, *shape)), held, trained, digest_of_record(row)))
    except StageError as error:
        return Proof(rows, str(error))
    return Proof(rows, "")


def _prints(cut: Mapping[str, int], part: Part) -> list[Document]:
    """The samples of one part. StageError where it cannot be read: nothing can be proved then."""
    found = []
    for each in part.read(Sample):
        end = cut.get(each.id, len(each.ids))
        mark = fingerprint(each.ids[:end], each.mask[:end])
        found.append(Document(each.id, each.split, each.persona or NO_PERSONA, end, mark))
    return found


def _parts(shards: Sequence[Path]) -> tuple[list[Part], list[str]]:
    """The parts of files that can be opened, and a fault for each one that cannot."""
    parts: list[Part] = []
    broken = []
    for shard in shards:
        try:
            parts += parts_of(shard)
        except StageError as error:
            broken.append(str(error))
    return parts, broken


def _workers(parts: Sequence[Part], workers: int) -> int:
    size = sum(shard.stat().st_size for shard in {part.shard for part in parts})
    return workers if size > FEW_BYTES else 1


def _stray(packed: Sealed) -> Iterator[str]:
    listed = {shard for each in packed.manifest.sets.values() for shard in each.shards}
    listed |= {str(Path(shard).with_suffix(".sha256")) for shard in listed} | {MANIFEST}
    for file in sorted(packed.dir.rglob("*")):
        name = str(file.relative_to(packed.dir))
        if file.is_file() and name not in listed:
            yield f"{name}: the manifest does not list this file"


def _read_set(packed: Sealed, name: str, kind: type[Struct], found: list[Any]) -> Iterator[str]:
    """Fills `found` with a small set's records; yields what is wrong with the set."""
    try:
        found += packed.read(name, kind)
    except StageError as error:
        yield str(error)
        return
    whole = hashlib.sha256(b"".join(map(digest_of_record, found))).hexdigest()
    yield from _set_faults(packed, name, len(found), whole)


def _set_faults(packed: Sealed, name: str, records: int, digest: str) -> Iterator[str]:
    stated = packed.manifest.sets[name]
    if records != stated.records:
        yield f"{name}: {records} records, the manifest says {stated.records}"
    elif digest != stated.digest:
        yield f"{name}: the digest of its records is not the manifest's"


def batch_fault(tallies: Mapping[Split, Tally], global_batch: int) -> Iterator[str]:
    if rows := tallies["train"].rows % global_batch:
        yield f"train: {rows} rows are left over, a global batch has {global_batch}"


def differences(place: str, found: Mapping[str, Any], stated: Mapping[str, Any]) -> Iterator[str]:
    """Figures that are not what the manifest says."""
    for name, value in found.items():
        if value is not None and (name in stated or value) and stated.get(name) != value:
            yield f"{place}{name} is {value}, the manifest says {stated.get(name)}"
