"""The journal of generate: every teacher answer, tool result and verdict, before it is used.

One JSON object a line, appended by a single write; synced to disk in groups about once a second, so
a killed process loses nothing and a power cut the last second. Entries are found by slot, role,
step and try, together with the digest of what was asked: answers to another question stay beside
them, so that going back to earlier settings buys nothing. Where the same question stands twice (its
answer was cut off, and asked again with more room), the last entry counts.
"""

from __future__ import annotations

import os
import threading
from array import array
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct

from kappa_data.disk import disk_errors
from kappa_data.errors import StageError
from kappa_data.records import Verdict
from kappa_data.sandbox import ToolResult
from kappa_data.teacher.api import ChatAnswer

JOURNAL = Path("generate") / "journal.jsonl"
"""where it lies in a dataset's folder: beside generate's keys, so that a new key finds it"""
SYNC_SECONDS = 1.0
SCAN_BYTES = 1 << 20

Role = Literal["assistant", "user", "tool", "writer", "judge", "verdict"]


class Key(Struct, frozen=True):
    """An entry's place within its slot.

    `step` counts from 0 within the role. `attempt` counts semantic tries: another answer wanted to
    the same request; a retry after an error of the endpoint is none.
    """

    role: Role
    step: int
    attempt: int = 0


class Entry(Struct, frozen=True, omit_defaults=True):
    """One line; exactly one of `answer`, `result` and `verdict` is there.

    `digest` is of the request, the call with all calls before it, or task and transcript.
    `max_tokens` and `model` are what the answer was asked with, `seconds` what the tool call took.
    """

    slot: str
    key: Key
    digest: str
    answer: ChatAnswer | None = None
    result: ToolResult | None = None
    verdict: Verdict | None = None
    model: str = ""
    max_tokens: int | None = None
    seconds: float = 0.0


class Line(NamedTuple):
    """A line as it stands in the file, its end included; `number` counts from 1.

    `entry` is None where it is damaged or `torn` (the last one, without an end).
    """

    number: int
    data: bytes
    entry: Entry | None
    damage: str = ""
    torn: bool = False


def lines_of(descriptor: int) -> Iterator[Line]:
    """The lines of an open journal from its begin on, streamed."""
    decode = msgspec.json.Decoder(Entry).decode
    with open(descriptor, "rb", buffering=SCAN_BYTES, closefd=False) as file:
        if file.seekable():
            file.seek(0)
        for number, data in enumerate(file, 1):
            if not data.endswith(b"\n"):
                yield Line(number, data, None, torn=True)
                return
            try:
                yield Line(number, data, decode(data))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                yield Line(number, data, None, f"damaged ({error})")


class Journal:
    """The open journal of one dataset; a context manager. The caller holds the dataset's lock.

    `read_only`: the file is left as it is, nothing is appended, and neither it nor a lock is
    needed: another process may be writing, whose last line may be torn as yet.

    `damaged` names the lines that could not be read, `torn` is the length in bytes of an
    unfinished last line that was cut. Memory: 16 bytes an entry, and the ids of the slots.

    Raises Stopped where the disk is full; nothing of what was written before is lost.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self.damaged: list[str] = []
        self.torn = 0
        self.entries_count = 0
        self._places: dict[str, array[int]] = {}
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(Entry).decode
        self._closing = threading.Event()
        self._dirty = threading.Event()
        self._sync_error: OSError | None = None
        with disk_errors(path):
            if read_only:
                there = path if path.exists() else os.devnull
                self._file = os.open(there, os.O_RDONLY | os.O_CLOEXEC)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
                self._file = os.open(path, flags, 0o644)
            self._size = self._scan()
        self._syncing = threading.Thread(target=self._sync_now_and_then, daemon=True)
        if not read_only:
            self._syncing.start()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Syncs and closes; raises Stopped where the disk could not take what was written."""
        if self.read_only:
            os.close(self._file)
            return
        self._closing.set()
        self._dirty.set()
        self._syncing.join()
        try:
            with disk_errors(self.path):
                os.fdatasync(self._file)
        finally:
            os.close(self._file)
        self._raise_sync_error()

    def slot(self, slot: str) -> dict[tuple[Key, str], Entry]:
        """What the journal holds for one slot, by key and digest."""
        entries = self._read(self._places.get(slot, array("Q")))
        return {(entry.key, entry.digest): entry for entry in entries}

    def entries(self) -> Iterator[Entry]:
        """Every entry of every slot, slots in order of their first; the last to a question."""
        for slot in list(self._places):
            yield from self.slot(slot).values()

    def append(self, entry: Entry) -> None:
        """Writes one entry; when this returns it survives the death of the process."""
        if self.read_only:
            raise RuntimeError(f"{self.path}: opened to be read only")
        self._raise_sync_error()
        line = self._encode(entry) + b"\n"
        with disk_errors(self.path):
            self._write(line)
        self._note(entry.slot, self._size, len(line))
        self._size += len(line)
        self._dirty.set()

    def _write(self, line: bytes) -> None:
        """All of the line, or nothing: a write may take a part alone, and say only later why."""
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError:
            os.ftruncate(self._file, self._size)
            raise

    def _note(self, slot: str, offset: int, length: int) -> None:
        self._places.setdefault(slot, array("Q")).extend((offset, length))
        self.entries_count += 1

    def _read(self, places: array[int]) -> Iterator[Entry]:
        for offset, length in zip(places[::2], places[1::2], strict=True):
            try:
                yield self._decode(os.pread(self._file, length, offset))
            except msgspec.DecodeError as error:  # it was whole when it was scanned or written
                raise StageError(
                    f"{self.path}: changed at byte {offset} while in use ({error}); run again"
                ) from error

    def _scan(self) -> int:
        """Indexes the file and cuts a torn last line; the file's size then."""
        offset = 0
        for line in lines_of(self._file):
            if line.torn:
                self.torn = len(line.data)
                if not self.read_only:
                    os.ftruncate(self._file, offset)
                break
            if line.entry is not None:
                self._note(line.entry.slot, offset, len(line.data))
            else:
                self.damaged.append(f"{self.path}:{line.number}: skipped, {line.damage}")
            offset += len(line.data)
        return offset

    def _sync_now_and_then(self) -> None:
        while not self._closing.is_set():
            self._dirty.wait()
            if self._closing.wait(SYNC_SECONDS):
                return
            self._dirty.clear()
            try:
                os.fdatasync(self._file)
            except OSError as error:
                self._sync_error = error  # raised where the next entry is written
                return

    def _raise_sync_error(self) -> None:
        if self._sync_error is not None:
            with disk_errors(self.path):
                raise self._sync_error
