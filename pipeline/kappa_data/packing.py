"""Assigns documents to rows of one length: nothing is cut, nothing is left over.

The number of rows is the smallest multiple of the global batch that holds everything. Documents are
placed longest first into the emptiest row, which evens the rows out; where that number of rows is
so tight that a document finds no place, best fit (the fullest row that still takes it) is tried,
which packs denser, and then one more batch of rows.
"""

from __future__ import annotations

import bisect
import heapq
import random
from collections.abc import Sequence

from kappa_data.errors import StageError


def pack(lengths: Sequence[int], *, seq_len: int, batch: int, seed: str) -> list[list[int]]:
    """Rows of document indices; every index appears once, no row is empty or too long.

    `lengths` are in tokens, each at most `seq_len`. The number of rows is a multiple of `batch`.
    Rows, and the documents inside a row, come in an order drawn from `seed`: on disk it is the
    order of training. Raises StageError where there are fewer documents than rows to fill.
    """
    if not lengths:
        return []
    if max(lengths) > seq_len:
        raise ValueError(f"a document of {max(lengths)} tokens was not refused before packing")
    n_rows = -(-sum(lengths) // seq_len)
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    while True:
        n_rows = -(-n_rows // batch) * batch
        if n_rows > len(lengths):
            raise StageError(
                f"pack: {len(lengths)} documents cannot fill {n_rows} rows, a multiple of the "
                f"global batch {batch}; generate more or lower --global-batch"
            )
        rows = emptiest_first(lengths, order, n_rows, seq_len) or best_fit(
            lengths, order, n_rows, seq_len
        )
        if rows:
            break
        n_rows += 1
    shuffle = random.Random(f"pack:{seed}").shuffle
    for row in rows:
        shuffle(row)
    shuffle(rows)
    return rows


def emptiest_first(
    lengths: Sequence[int], order: Sequence[int], n_rows: int, seq_len: int
) -> list[list[int]] | None:
    """Each document of `order` into the emptiest of `n_rows` rows; None where one does not fit."""
    heap = [(0, number) for number in range(n_rows)]
    rows: list[list[int]] = [[] for _ in range(n_rows)]
    for index in order:
        used, number = heap[0]
        if used + lengths[index] > seq_len:
            return None
        rows[number].append(index)
        heapq.heapreplace(heap, (used + lengths[index], number))
    return rows


def best_fit(
    lengths: Sequence[int], order: Sequence[int], n_rows: int, seq_len: int
) -> list[list[int]] | None:
    """Each document of `order` into the fullest row that takes it; None where `n_rows` are too few.

    Where fewer rows do, the rest get one document each from the rows that hold most, so that none
    stays empty.
    """
    rows: list[list[int]] = []
    space: list[tuple[int, int]] = []  # (tokens left, row), sorted
    for index in order:
        place = bisect.bisect_left(space, (lengths[index], -1))
        if place < len(space):
            left, number = space.pop(place)
            rows[number].append(index)
        elif len(rows) < n_rows:
            left, number = seq_len, len(rows)
            rows.append([index])
        else:
            return None
        bisect.insort(space, (left - lengths[index], number))
    while len(rows) < n_rows:
        rows.append([max(rows, key=len).pop()])
    return rows
