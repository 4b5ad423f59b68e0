"""Sealed outputs: record sets in parquet shards, a manifest, atomic sealing, one lock per dataset.

    data/<dataset>/<stage>/<key>/manifest.json            its presence means: done
                                 <set>-00000.parquet ...

A stage writes into `<key>.building`, which is renamed as a whole when its manifest is on disk. A
folder left behind by a crash has the other name and is never read. Digests are taken over the rows
in order, not over the files, whose bytes carry the writer's version.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import pyarrow.parquet as pq
from msgspec import Struct

from kappa_data import arrow
from kappa_data.errors import StageError, Stopped, UsageError
from kappa_data.resources import digest_of

R = TypeVar("R", bound=Struct)

MANIFEST = "manifest.json"
BUILDING = ".building"
RECORDS_PER_SHARD = 20_000
RECORDS_PER_GROUP = 1_000
# A row group is also closed when its arrays pass this: one packed row of 131,072 is a group.
ARRAY_BYTES_PER_GROUP = 500_000


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

    def read(self, name: str, record: type[R]) -> Iterator[R]:
        """The records of a set in order, streamed; StageError where a file is damaged."""
        for shard in self.shards(name):
            yield from read_shard(shard, record)


def read_shard(path: Path, record: type[R]) -> Iterator[R]:
    """The records of one parquet file in order, a row group at a time."""
    try:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                for batch in file.read_row_group(group).to_batches():
                    yield from arrow.records(batch, record)
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise StageError(
            f"{path}: cannot be read ({error}); remove its folder and run again"
        ) from error


class ShardWriter:
    """Writes records of one type as parquet shards; a context manager.

    A torn file is never seen under its final name. `result` holds the record set after the end.
    """

    def __init__(self, folder: Path, name: str, record: type[Struct]) -> None:
        self._folder, self._name, self._type = folder, name, record
        self._arrays = arrow.array_fields(record)
        self._group: list[Any] = []
        self._group_bytes = self._in_shard = self._records = 0
        self._shards: list[str] = []
        self._file: pq.ParquetWriter | None = None
        self._hash = hashlib.sha256()
        self._encode = msgspec.msgpack.Encoder(enc_hook=_array_bytes).encode
        self.result: RecordSet | None = None

    def write(self, record: Struct) -> None:
        """Adds one record."""
        self._hash.update(self._encode(record))
        self._group.append(record)
        self._group_bytes += sum(getattr(record, name).nbytes for name in self._arrays)
        self._records += 1
        self._in_shard += 1
        full = self._group_bytes >= ARRAY_BYTES_PER_GROUP or len(self._group) >= RECORDS_PER_GROUP
        if full:
            self._flush()
        if self._in_shard >= RECORDS_PER_SHARD:
            self._close_shard()

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            if self._file is not None:
                self._file.close()
            return
        if not self._shards:
            self._open_shard()  # an empty set still has one file, with its schema
        self._close_shard()
        self.result = RecordSet(
            self._type.__name__, self._records, self._hash.hexdigest(), tuple(self._shards)
        )

    def _open_shard(self) -> None:
        name = f"{self._name}-{len(self._shards):05d}.parquet"
        self._shards.append(name)
        plain = [f.name for f in arrow.schema(self._type) if f.name not in self._arrays]
        self._file = pq.ParquetWriter(
            self._folder / name,
            arrow.schema(self._type),
            compression="zstd",
            compression_level=3,
            use_dictionary=plain,  # ids hardly repeat within a page: a dictionary costs 30 %
        )

    def _flush(self) -> None:
        if not self._group:
            return
        if self._file is None:
            self._open_shard()
        assert self._file is not None
        self._file.write_table(
            arrow.table(self._group, self._type), row_group_size=len(self._group)
        )
        self._group, self._group_bytes = [], 0

    def _close_shard(self) -> None:
        self._flush()
        if self._file is not None:
            self._file.close()
            self._file, self._in_shard = None, 0
            _sync(self._folder / self._shards[-1])


def _array_bytes(value: object) -> bytes:
    if isinstance(value, np.ndarray):
        return value.tobytes()
    raise TypeError(f"{type(value).__name__} has no stable form; keep it as JSON text")


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


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """A fresh folder to build in; renamed to `folder` at the end, left out of sight on an error."""
    work = folder.with_name(folder.name + BUILDING)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    yield work
    if folder.exists():  # without a manifest, else it would not be built again
        shutil.rmtree(folder)
    work.rename(folder)
    _sync(folder.parent)


def write_durably(path: Path, data: bytes) -> None:
    """Writes a file under a temporary name, syncs it and renames it."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Holds `folder` for this process; UsageError with the holder's process id where it is held."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            raise UsageError(
                f"{folder}: held by another run, process {holder}; wait for it or use --dataset"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)  # releases the lock, also when the process is killed


@contextmanager
def disk_errors(place: Path) -> Iterator[None]:
    """Turns a full or read-only disk into one line: it is resumable, nothing is lost."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Stopped(
                f"{place}: the disk is full; make room and run the same command"
            ) from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            blamed = error.filename or place
            raise UsageError(f"{blamed}: {error.strerror}; check rights and --data-dir") from error
        raise
