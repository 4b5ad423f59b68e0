"""Results that came before their turn: a few in memory, any number on the disk.

One conversation may take an hour longer than all others, and those behind it wait for their turn;
in memory, that could be the whole dataset.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from pathlib import Path
from typing import Generic, TypeVar

R = TypeVar("R")
IN_MEMORY = 256


class Shelf(Generic[R]):
    """Results by their number. Those beyond `in_memory` lie in a file without a name in `folder`,
    which is gone when the shelf is closed, or the process is dead, and empty whenever nothing of it
    is wanted any more. In memory each of them takes a place in a dictionary.
    """

    def __init__(self, folder: Path, in_memory: int = IN_MEMORY) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - see close
        self._in_memory = in_memory
        self._near: dict[int, R] = {}
        self._far: dict[int, tuple[int, int]] = {}
        self._end = 0

    def __contains__(self, number: int) -> bool:
        return number in self._near or number in self._far

    def put(self, number: int, result: R) -> None:
        """Keeps a result; OSError where the disk is full."""
        if len(self._near) < self._in_memory:
            self._near[number] = result
            return
        data = pickle.dumps(result, pickle.HIGHEST_PROTOCOL)
        rest, place = memoryview(data), self._end
        while rest:
            written = os.pwrite(self._file.fileno(), rest, place)
            rest, place = rest[written:], place + written
        self._far[number] = (self._end, len(data))
        self._end = place

    def take(self, number: int) -> R:
        """The result, which is here no more; KeyError where it was not."""
        if number in self._near:
            return self._near.pop(number)
        offset, length = self._far.pop(number)
        result: R = pickle.loads(os.pread(self._file.fileno(), length, offset))
        if not self._far:
            os.ftruncate(self._file.fileno(), 0)
            self._end = 0
        return result

    def close(self) -> None:
        """Drops everything."""
        self._file.close()
