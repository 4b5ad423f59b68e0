"""Places documents into a fixed number of rows; -1 stands for a document that found no place."""

from __future__ import annotations

import bisect
import heapq

import numpy as np

from kappa_data.packing.documents import Ints, sums

LAST = 8  # one part in 8 of the tokens, in the shortest documents, levels the rows
FITTING = 4  # the shortest documents a row fill it up where levelling leaves documents over


def longest_first(lengths: Ints) -> Ints:
    """Indices by falling length, ties by index."""
    return np.argsort(-lengths, kind="stable")


def best_fit(lengths: Ints, n_rows: int, seq_len: int) -> Ints:
    """Best fit decreasing: the longest document first, into the fullest row that still takes it.

    A new row is opened where none does; int64[n] rows.
    """
    rows = np.full(len(lengths), -1, dtype=np.int64)
    order = longest_first(lengths)
    spaces: list[int] = []  # tokens left * n_rows + row, sorted
    opened = 0
    for index, length in zip(order.tolist(), lengths[order].tolist(), strict=True):
        place = bisect.bisect_left(spaces, length * n_rows)
        if place < len(spaces):
            left, row = divmod(spaces.pop(place), n_rows)
        elif opened < n_rows:
            left, row = seq_len, opened
            opened += 1
        else:
            continue
        rows[index] = row
        bisect.insort(spaces, (left - length) * n_rows + row)
    return rows


def fill_empty(rows: Ints, n_rows: int) -> None:
    """Gives each empty row one document out of the row that holds most; changes `rows`."""
    held = np.bincount(rows, minlength=n_rows)
    for empty in np.flatnonzero(held == 0).tolist():
        fullest = int(held.argmax())
        rows[np.flatnonzero(rows == fullest)[-1]] = empty
        held[fullest] -= 1
        held[empty] += 1


def even_fill(lengths: Ints, prices: Ints, n_rows: int, seq_len: int) -> Ints:
    """Longest first, each document into the row that is foreseen to end up cheapest; int64[n] rows.

    Every row gets one of the longest first. A row's end is foreseen as its price so far and, for
    the space left, the mean price of a token that is still to be placed, padding included; that
    mean is taken anew every `n_rows` documents. The shortest documents are kept for the end: each
    goes into the emptiest row, which levels the padding; where that leaves documents over, the last
    few a row go into the fullest row that takes them.
    """
    order = longest_first(lengths)
    rows = np.full(len(lengths), -1, dtype=np.int64)
    rows[order[:n_rows]] = np.arange(n_rows)
    ahead = lengths[order][::-1].cumsum()[::-1]  # tokens of a document and those behind it
    last = max(int(np.count_nonzero(ahead * LAST > ahead[0])), n_rows)
    brim = seq_len - 2 * int(lengths[order[last]]) if last < len(order) else seq_len
    mean = -(-int(lengths.sum()) // n_rows)
    padding = seq_len - mean
    for start in range(n_rows, last, n_rows):
        part = order[start : min(start + n_rows, last)]
        tokens = int(ahead[start]) + n_rows * padding
        rate = (int(prices[lengths[order[start:]]].sum()) + n_rows * int(prices[padding])) // tokens
        _foreseen(part, rows, rate, lengths, prices, n_rows, brim)
    waiting = order[rows[order] < 0]
    level = rows.copy()
    _emptiest(waiting, level, lengths, n_rows, seq_len)
    if level.min() >= 0:
        return level
    _emptiest(waiting[: -FITTING * n_rows], rows, lengths, n_rows, seq_len)
    _fullest(order[rows[order] < 0], rows, lengths, n_rows, seq_len)
    return rows


def _foreseen(
    part: Ints, rows: Ints, rate: int, lengths: Ints, prices: Ints, n_rows: int, brim: int
) -> None:
    """Places the documents of `part` up to `brim` tokens a row, cheapest foreseen row first.

    A row that a document did not fit into takes no more of this part; changes `rows`.
    """
    placed = np.flatnonzero(rows >= 0)
    used = sums(rows[placed], lengths[placed], n_rows)
    price = sums(rows[placed], prices[lengths[placed]], n_rows)
    heap = list(zip((price - used * rate).tolist(), range(n_rows), strict=True))
    heapq.heapify(heap)
    filled = used.tolist()
    change = (prices[lengths[part]] - lengths[part] * rate).tolist()
    for index, length, more in zip(part.tolist(), lengths[part].tolist(), change, strict=True):
        while heap and filled[heap[0][1]] + length > brim:
            heapq.heappop(heap)
        if not heap:
            return
        end, row = heap[0]
        heapq.heapreplace(heap, (end + more, row))
        filled[row] += length
        rows[index] = row


def _emptiest(order: Ints, rows: Ints, lengths: Ints, n_rows: int, seq_len: int) -> None:
    """Places the documents of `order`, each into the emptiest row."""
    placed = np.flatnonzero(rows >= 0)
    used = sums(rows[placed], lengths[placed], n_rows)
    heap = list(zip(used.tolist(), range(n_rows), strict=True))
    heapq.heapify(heap)
    for index, length in zip(order.tolist(), lengths[order].tolist(), strict=True):
        filled, row = heap[0]
        if filled + length <= seq_len:
            heapq.heapreplace(heap, (filled + length, row))
            rows[index] = row


def _fullest(order: Ints, rows: Ints, lengths: Ints, n_rows: int, seq_len: int) -> None:
    """Places the documents of `order`, each into the fullest row that takes it."""
    placed = np.flatnonzero(rows >= 0)
    used = sums(rows[placed], lengths[placed], n_rows)
    spaces = sorted((seq_len - filled) * n_rows + row for row, filled in enumerate(used.tolist()))
    for index, length in zip(order.tolist(), lengths[order].tolist(), strict=True):
        place = bisect.bisect_left(spaces, length * n_rows)
        if place < len(spaces):
            left, row = divmod(spaces.pop(place), n_rows)
            rows[index] = row
            bisect.insort(spaces, (left - length) * n_rows + row)
