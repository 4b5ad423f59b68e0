"""Sealed outputs: record sets in parquet shards, a manifest, atomic sealing.

    data/<dataset>/<stage>/<key>/manifest.json            its presence means: done
                                 <set>-00000.parquet ...

A stage writes into `<key>.building`, which is renamed as a whole when its manifest is on disk. A
folder left behind by a crash has the other name and is never read. Digests are taken over the rows
in order, not over the files, whose bytes carry the writer's version.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from kappa_data import arrow
from kappa_data.disk import link, sync
from kappa_data.errors import StageError
from kappa_data.resources import digest_of

R = TypeVar("R", bound=Struct)

MANIFEST = "manifest.json"
RECORDS_PER_SHARD = 20_000
RECORDS_PER_GROUP = 1_000
# A row group is also closed when its records pass this. One packed row of 131,072 is a group.
ROW_BYTES_PER_GROUP = 500_000
BYTES_PER_GROUP = 4_000_000
PART_BYTES = 32_000_000
DIGEST_SIZE = hashlib.sha256().digest_size


class RecordSet(Struct, frozen=True):
    """One named set of records in a sealed output."""

    record: str
    records: int
    digest: str
    shards: tuple[str, ...]


class Manifest(Struct, frozen=True):
    """What a stage made and of what; the proof that nothing vanished lies in `rejected`."""

    stage: str
    version: int
    key: str
    config: dict[str, Any]
    inputs: dict[str, str]
    resources: dict[str, str]
    sets: dict[str, RecordSet]
    rejected: dict[str, int]
    figures: dict[str, Any]
    seconds: float
    created: str
    kappa_data: str


class Sealed:
    """A stage's finished output."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.dir = folder
        self.manifest = manifest

    @property
    def digest(self) -> str:
        """Digest over all record sets: equal rows, equal digest."""
        return digest_of({name: each.digest for name, each in self.manifest.sets.items()})

    def count(self, name: str) -> int:
        """Number of records in a set; 0 where the stage made no such set."""
        return self.manifest.sets[name].records if name in self.manifest.sets else 0

    def shards(self, name: str) -> list[Path]:
        """The files of a set, in order."""
        return [self.dir / shard for shard in self.manifest.sets[name].shards]

    def parts(self, name: str) -> list[Part]:
        """The records of a set, cut into runs of row groups of about PART_BYTES, in order."""
        return [part for shard in self.shards(name) for part in parts_of(shard)]

    def read(self, name: str, record: type[R]) -> Iterator[R]:
        """The records of a set in order, streamed; StageError where a file is damaged."""
        for shard in self.shards(name):
            yield from read_shard(shard, record)


def read_shard(path: Path, record: type[R]) -> Iterator[R]:
    """The records of one parquet file in order, a row group at a time."""
    for batch in _batches(path, 0, None):
        yield from _records(path, batch, record)


def _batches(
    path: Path, first: int, last: int | None, columns: list[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The row groups from `first` to before `last` (None: to the end), each as one batch."""
    try:
        with pq.ParquetFile(path) as file:
            for group in range(first, file.num_row_groups if last is None else last):
                table = file.read_row_group(group, columns=columns)
                yield from table.combine_chunks().to_batches()
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _metadata(path: Path) -> pq.FileMetaData:
    try:
        return pq.read_metadata(path)
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _group_sizes(path: Path) -> list[int]:
    meta = _metadata(path)
    return [meta.row_group(number).num_rows for number in range(meta.num_row_groups)]


def _records(path: Path, batch: pa.RecordBatch, record: type[R]) -> list[R]:
    try:
        return arrow.records(batch, record)
    except ValueError as error:
        raise _damaged(path, error) from error


def _leaves(fields: Iterable[pa.Field], within: str = "") -> list[str]:
    """The names of a schema's columns, as parquet files have them."""
    found = []
    for field in fields:
        name, kind = f"{within}{field.name}", field.type
        while pa.types.is_list(kind):
            name, kind = f"{name}.list.element", kind.value_type
        found += _leaves(kind, f"{name}.") if pa.types.is_struct(kind) else [name]
    return found


def _damaged(path: Path, error: Exception) -> StageError:
    return StageError(f"{path}: cannot be read ({error}); remove its folder and run again")


def _digests_of(shard: Path) -> Path:
    """Where the digests of a shard's records lie, beside it."""
    return shard.with_suffix(".sha256")


def _known_digests(shard: Path) -> bytes | None:
    """The digests that lie beside a shard; None where there are none, or not one a record."""
    beside = _digests_of(shard)
    if not beside.exists():
        return None
    known = beside.read_bytes()
    return known if len(known) == _metadata(shard).num_rows * DIGEST_SIZE else None


class Group(Generic[R]):
    """One row group as it was read; its records are made where they are asked for."""

    def __init__(
        self, shard: Path, batch: pa.RecordBatch, record: type[R], known: bytes | None
    ) -> None:
        self._shard, self._batch, self._type, self._known = shard, batch, record, known

    def __len__(self) -> int:
        return len(self._batch)

    @functools.cached_property
    def records(self) -> list[R]:
        """The records; StageError where the file is damaged."""
        return _records(self._shard, self._batch, self._type)

    def without(self, left_out: Collection[int]) -> tuple[pa.RecordBatch, bytes]:
        """The group less the records at some positions, and the digests of those that stay."""
        known = self._known or b"".join(map(digest_of_record, self.records))
        if not left_out:
            return self._batch, known
        stays = [at for at in range(len(self)) if at not in left_out]
        digests = b"".join(known[at * DIGEST_SIZE : (at + 1) * DIGEST_SIZE] for at in stays)
        return self._batch.take(pa.array(stays, pa.int64())), digests


class Part(Struct, frozen=True):
    """A run of row groups of one shard: what one process works on at a time."""

    shard: Path
    first: int
    last: int
    start: int  # number of records before it in the shard
    records: int

    def whole_shard(self) -> Path | None:
        """Its shard, where that holds nothing else."""
        return self.shard if self.records == sum(_group_sizes(self.shard)) else None

    def read(self, record: type[R]) -> Iterator[R]:
        """Its records in order; StageError where the file is damaged."""
        for group in self.groups(record):
            yield from group.records

    def groups(self, record: type[R]) -> Iterator[Group[R]]:
        """Its row groups in order; StageError where the file is damaged."""
        known = _known_digests(self.shard)
        at = self.start * DIGEST_SIZE
        for batch in _batches(self.shard, self.first, self.last):
            end = at + len(batch) * DIGEST_SIZE
            yield Group(self.shard, batch, record, known and known[at:end])
            at = end

    def read_some(self, record: type[R]) -> Iterator[R]:
        """Its records, with those of their fields that `record` has, in the same order.

        The others are not even decompressed. StageError where the file is damaged.
        """
        columns = _leaves(arrow.schema(record))
        for batch in _batches(self.shard, self.first, self.last, columns):
            yield from _records(self.shard, batch, record)

    def ids(self) -> list[str]:
        """The ids of its records, and nothing else of them; StageError where it is damaged."""
        groups = range(self.first, self.last)
        try:
            with pq.ParquetFile(self.shard) as file:
                ids: list[str] = file.read_row_groups(groups, columns=["id"])["id"].to_pylist()
        except (OSError, ValueError) as error:
            raise _damaged(self.shard, error) from error
        return ids


class Piece(Struct, frozen=True):
    """What a writer wrote: its files, and the sha256 of every record, one after the other."""

    shards: tuple[str, ...]
    digests: bytes

    @property
    def records(self) -> int:
        """Number of records."""
        return len(self.digests) // DIGEST_SIZE


def record_set(folder: Path, name: str, record: type[Struct], pieces: Iterable[Piece]) -> RecordSet:
    """The record set that pieces make, in their order; an empty one gets a file with its schema."""
    whole, shards, count = hashlib.sha256(), list[str](), 0
    for piece in pieces:
        whole.update(piece.digests)
        shards += piece.shards
        count += piece.records
    if not shards:
        shards = [f"{name}-00000.parquet"]
        # Made of no list: pyarrow would import pandas for that.
        nothing = pa.Table.from_batches([], arrow.schema(record))
        pq.write_table(nothing, folder / shards[0])
        sync(folder / shards[0])
    return RecordSet(record.__name__, count, whole.hexdigest(), tuple(shards))


class ShardWriter:
    """Writes records of one type as parquet shards; a context manager.

    `number` is the first shard's; with `per_shard` None all records go into that one file, and
    their digests into one beside it, so that a later stage can pass a record on unseen. With
    `parts` a shard also ends where a part would, and has its digests beside it. A torn file is
    never seen under its final name. `piece` is what was written, once it is closed.

    `source` is a shard whose row groups are passed on: where none of them lost a record and nothing
    else was written, it is linked and not written again.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        record: type[Struct],
        number: int = 0,
        per_shard: int | None = RECORDS_PER_SHARD,
        *,
        parts: bool = False,
        source: Path | None = None,
    ) -> None:
        self._folder, self._name, self._type = folder, name, record
        self._number, self._per_shard, self._parts = number, per_shard, parts
        self._source, self._passed = source, list[pa.RecordBatch]()
        self._groups = _group_sizes(source) if source is not None else []
        self._arrays = arrow.array_fields(record)
        rows = bool(set(self._arrays) - set(arrow.byte_fields(record)))
        self._limit = ROW_BYTES_PER_GROUP if rows else BYTES_PER_GROUP
        self._level = 3 if rows or not self._arrays else 1  # of zstd
        self._group: list[Any] = []
        self._group_bytes = self._shard_bytes = self._in_shard = 0
        self._shards: list[str] = []
        self._file: pq.ParquetWriter | None = None
        self._digests = bytearray()
        self._piece: Piece | None = None

    @property
    def piece(self) -> Piece:
        """What was written; RuntimeError where the writer was not closed without an error."""
        if self._piece is None:
            raise RuntimeError(f"record set {self._name!r} was opened and never closed")
        return self._piece

    def write(self, record: Struct) -> None:
        """Adds one record."""
        self._write_passed()
        encoded = _encode(record)
        self._digests += hashlib.sha256(encoded).digest()
        self._group.append(record)
        self._group_bytes += len(encoded)
        self._shard_bytes += len(encoded)
        self._in_shard += 1
        if self._group_bytes >= self._limit or len(self._group) >= RECORDS_PER_GROUP:
            self._flush()
        full = self._parts and self._shard_bytes >= PART_BYTES
        if self._in_shard == self._per_shard or full:
            self._close_shard()

    def write_group(self, batch: pa.RecordBatch, digests: bytes) -> None:
        """Adds a row group that was read elsewhere, or some of its records, with their digests."""
        self._flush()
        self._digests += digests
        self._in_shard += len(batch)
        at = len(self._passed)
        if self._source is not None and self._groups[at : at + 1] == [len(batch)]:
            self._passed.append(batch)
        else:
            self._write_passed()
            self._write_batch(batch)

    def _write_batch(self, batch: pa.RecordBatch) -> None:
        if len(batch):
            self._file = self._file or self._open_shard()
            self._file.write_batch(batch, row_group_size=len(batch))

    def _write_passed(self) -> None:
        """Writes what was held back while the source could still be linked."""
        passed, self._source, self._passed = self._passed, None, []
        for batch in passed:
            self._write_batch(batch)

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            if self._file is not None:
                self._file.close()
            return
        self._close_shard()
        self._piece = Piece(tuple(self._shards), bytes(self._digests))

    def _next_shard(self) -> Path:
        self._shards.append(f"{self._name}-{self._number + len(self._shards):05d}.parquet")
        path = self._folder / self._shards[-1]
        path.unlink(missing_ok=True)  # it may be a link: to write into it would change the sealed
        return path

    def _open_shard(self) -> pq.ParquetWriter:
        path = self._next_shard()
        plain = [f.name for f in arrow.schema(self._type) if f.name not in self._arrays]
        return pq.ParquetWriter(
            path,
            arrow.schema(self._type),
            compression="zstd",
            compression_level=self._level,
            use_dictionary=plain,  # ids hardly repeat within a page: a dictionary costs 30 %
        )

    def _flush(self) -> None:
        if not self._group:
            return
        if self._file is None:
            self._file = self._open_shard()
        self._file.write_table(
            arrow.table(self._group, self._type), row_group_size=len(self._group)
        )
        self._group, self._group_bytes = [], 0

    def _close_shard(self) -> None:
        self._flush()
        if self._source is not None and len(self._passed) == len(self._groups):
            link(self._source, self._next_shard())
            self._source, self._passed = None, []
        else:
            self._write_passed()
            if self._file is None:
                return
            self._file.close()
        sync(self._folder / self._shards[-1])
        if self._per_shard is None or self._parts:
            beside = _digests_of(self._folder / self._shards[-1])
            beside.write_bytes(self._digests[-self._in_shard * DIGEST_SIZE :])
            sync(beside)  # of the right size and not written, it would be believed
        self._file, self._in_shard, self._shard_bytes = None, 0, 0


def parts_of(shard: Path) -> Iterator[Part]:
    """The records of one file, cut into runs of row groups of about PART_BYTES, in order."""
    meta = _metadata(shard)
    groups = [meta.row_group(number) for number in range(meta.num_row_groups)]
    first = start = size = records = 0
    for number, group in enumerate(groups, start=1):
        size += group.total_byte_size
        records += group.num_rows
        if size >= PART_BYTES or number == len(groups):
            yield Part(shard, first, number, start, records)
            first, start, size, records = number, start + records, 0, 0


def _array_bytes(value: object) -> bytes:
    if isinstance(value, np.ndarray):
        return value.tobytes()
    raise TypeError(f"{type(value).__name__} has no stable form; keep it as JSON text")


_encode = msgspec.msgpack.Encoder(enc_hook=_array_bytes).encode


def digest_of_record(record: Struct) -> bytes:
    """sha256 of a record, the same in every version of the file format."""
    return hashlib.sha256(_encode(record)).digest()


def open_sealed(folder: Path) -> Sealed | None:
    """The sealed output in `folder`, or None where there is none."""
    try:
        text = (folder / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return Sealed(folder, msgspec.json.decode(text, type=Manifest))
    except msgspec.DecodeError as error:
        raise StageError(
            f"{folder / MANIFEST}: damaged ({error}); remove the folder and run again"
        ) from error
