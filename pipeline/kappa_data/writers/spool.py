"""Samples laid out flat on disk while they are packed.

Rows take documents from everywhere, so they need any document at once; in memory that would cost 5
bytes a token. One process writes one part of the samples: `tokens` int32 and `masks` int8, one
document after the other.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from kappa_data.records import Int8s, Int32s

OPEN_PARTS = 100  # two files each; many systems let a process hold 256 or 1,024 open


def write(folder: Path, part: int, documents: Iterable[tuple[Int32s, Int8s]]) -> None:
    """Writes the documents of one part."""
    ids_path, mask_path = _paths(folder, part)
    with ids_path.open("wb") as ids_file, mask_path.open("wb") as mask_file:
        for ids, mask in documents:
            ids_file.write(np.ascontiguousarray(ids, dtype=np.int32).data)
            mask_file.write(np.ascontiguousarray(mask, dtype=np.int8).data)


class Spool:
    """Reads documents back. It holds the files of the last parts open: many, not any number."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[int, tuple[int, int]] = {}

    def read(self, part: int, start: int, length: int) -> tuple[Int32s, Int8s]:
        """ids int32[length] and mask int8[length] of the document that begins at token `start`."""
        ids_file, mask_file = self._open(part)
        ids = os.pread(ids_file, 4 * length, 4 * start)
        mask = os.pread(mask_file, length, start)
        return np.frombuffer(ids, dtype=np.int32), np.frombuffer(mask, dtype=np.int8)

    def close(self) -> None:
        """Closes every file."""
        while self._files:
            self._close(next(iter(self._files)))

    def _open(self, part: int) -> tuple[int, int]:
        if part not in self._files:
            if len(self._files) == OPEN_PARTS:
                self._close(next(iter(self._files)))
            ids_path, mask_path = _paths(self._folder, part)
            ids_file = os.open(ids_path, os.O_RDONLY)
            self._files[part] = ids_file, os.open(mask_path, os.O_RDONLY)
        return self._files[part]

    def _close(self, part: int) -> None:
        for descriptor in self._files.pop(part):
            os.close(descriptor)


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
        for path in _paths(folder, part):
            path.unlink()


def _paths(folder: Path, part: int) -> tuple[Path, Path]:
    return folder / f"tokens-{part:05d}.tmp", folder / f"masks-{part:05d}.tmp"
