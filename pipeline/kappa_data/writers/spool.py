"""Samples laid out flat on disk while they are packed.

Rows take documents from everywhere, so they need any document at once; in memory that would cost 5
bytes a token. One process writes one part of the samples into one file: the ids of a document
as int32, its mask as int8, then the next document.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from kappa_data.records import Int8s, Int32s

OPEN_PARTS = 200  # many systems let a process hold 256 or 1,024 files open
BYTES_PER_TOKEN = 5


def write(folder: Path, part: int, groups: Iterable[Sequence[tuple[Int32s, Int8s]]]) -> None:
    """Writes the documents of one part, those of a group at once."""
    with _path(folder, part).open("wb") as file:
        for documents in groups:
            file.write(b"".join(itertools.starmap(_bytes, documents)))


def _bytes(ids: Int32s, mask: Int8s) -> bytes:
    return ids.astype(np.int32, copy=False).tobytes() + mask.astype(np.int8, copy=False).tobytes()


class Spool:
    """Reads documents back. It holds the files of the last parts open: many, not any number."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[int, int] = {}

    def read(self, part: int, start: int, length: int) -> tuple[Int32s, Int8s]:
        """ids int32[length] and mask int8[length] of the document that begins at token `start`."""
        size, at = BYTES_PER_TOKEN * length, BYTES_PER_TOKEN * start
        data = os.pread(self._open(part), size, at)
        return (
            np.frombuffer(data, np.int32, length),
            np.frombuffer(data, np.int8, length, 4 * length),
        )

    def close(self) -> None:
        """Closes every file."""
        while self._files:
            self._close(next(iter(self._files)))

    def _open(self, part: int) -> int:
        if part not in self._files:
            if len(self._files) == OPEN_PARTS:
                self._close(next(iter(self._files)))
            self._files[part] = os.open(_path(self._folder, part), os.O_RDONLY)
        return self._files[part]

    def _close(self, part: int) -> None:
        os.close(self._files.pop(part))


@contextmanager
def opened(folder: Path) -> Iterator[Spool]:
    """A spool that is closed at the end."""
    spool = Spool(folder)
    try:
        yield spool
    finally:
        spool.close()


def remove(folder: Path, parts: int) -> None:
    """Removes the files of all parts."""
    for part in range(parts):
        _path(folder, part).unlink()


def _path(folder: Path, part: int) -> Path:
    return folder / f"documents-{part:05d}.tmp"
