"""In which order the rows of a split come, epoch after epoch."""

from __future__ import annotations

import hashlib

import numpy as np

from kappa_data.trainers.rows import Int64s


class Order:
    """An endless order of `rows` rows, each once an epoch.

    Without a seed it is the one on disk. With it, every epoch is drawn anew, from the seed and the
    number of the epoch alone. Runs of `block` rows change places as a whole: with the global batch
    of `pack`, each step keeps the rows that pack evened it with. Rows beyond the last whole block
    stay at the end of their epoch.
    """

    def __init__(self, rows: int, seed: int | None, block: int = 1) -> None:
        self._rows, self._seed, self._block = rows, seed, block
        self._drawn: tuple[int, Int64s] | None = None

    def at(self, place: int) -> int:
        """The row at a place of the endless order, from 0."""
        epoch, cursor = divmod(place, self._rows)
        if self._seed is None:
            return cursor
        if self._drawn is None or self._drawn[0] != epoch:
            self._drawn = epoch, self._draw(epoch)
        return int(self._drawn[1][cursor])

    def _draw(self, epoch: int) -> Int64s:
        drawn = hashlib.sha256(f"rows:{self._seed}:{epoch}".encode()).digest()
        # The one generator of numpy whose stream is promised never to change.
        random = np.random.RandomState(np.frombuffer(drawn, dtype="<u4"))
        blocks = random.permutation(self._rows // self._block)
        moved = (blocks[:, None] * self._block + np.arange(self._block)).ravel()
        return np.concatenate([moved, np.arange(len(moved), self._rows)])
