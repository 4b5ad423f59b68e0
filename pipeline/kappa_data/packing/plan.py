"""From documents to rows in training order."""

from __future__ import annotations

import random

import numpy as np

from kappa_data.errors import StageError, UsageError
from kappa_data.packing.documents import Cost, Documents, Ints, row_prices, sums, table
from kappa_data.packing.even import even
from kappa_data.packing.fill import best_fit, even_fill, fill_empty
from kappa_data.packing.repair import place_left
from kappa_data.packing.steps import order_rows


def plan(
    documents: Documents,
    *,
    seq_len: int,
    batch: int = 1,
    dp_ranks: int = 1,
    strategy: str = "balanced",
    cost: Cost = Cost(),  # noqa: B008
    seed: str = "0",
) -> list[Ints]:
    """Rows of document indices in training order; every document once and whole, no row empty.

    The number of rows is the smallest multiple of `batch` (rows of a global step) in which a place
    was found for everything. "balanced" evens cost, then trained tokens and personas over rows;
    "bfd" is best fit decreasing. Steps are `batch` rows each, evened likewise; the rows
    k * dp_ranks ... of a step run side by side and cost about the same. `seed` draws every order.

    Raises UsageError for settings that contradict each other, StageError where there are fewer
    documents than rows to fill, ValueError for lengths outside 1..seq_len.
    """
    if strategy not in ("balanced", "bfd"):
        raise UsageError(f'pack.strategy: "{strategy}" is no strategy; say balanced or bfd')
    if batch % dp_ranks:
        raise UsageError(
            f"pack: --global-batch {batch} is no multiple of --dp-ranks {dp_ranks}; "
            "the ranks share a step evenly, so change one of them"
        )
    prices = cost.prices(seq_len)
    lengths = documents.lengths
    if not len(lengths):
        return []
    if lengths.min() < 1 or lengths.max() > seq_len:
        raise ValueError(f"documents of 1 to {seq_len} tokens are wanted, others refused before")
    n_rows = -(-int(lengths.sum()) // seq_len)
    while True:
        n_rows = -(-n_rows // batch) * batch
        if n_rows > len(lengths):
            raise StageError(
                f"pack: {len(lengths)} documents cannot fill {n_rows} rows, a multiple of the "
                f"global batch {batch}; generate more or lower --global-batch"
            )
        rows = _place(lengths, prices, n_rows, strategy)
        if rows is not None:
            break
        n_rows += 1
    if strategy == "balanced":
        rows = even(rows, documents, prices, n_rows)
    order = order_rows(
        row_prices(rows, lengths, prices, n_rows),
        sums(rows, documents.trained, n_rows),
        table(rows, documents.personas, lengths, n_rows),
        batch=batch,
        dp_ranks=dp_ranks,
        seed=seed,
    )
    return _members(rows, order, seed)


def _place(lengths: Ints, prices: Ints, n_rows: int, strategy: str) -> Ints | None:
    """The row of each document; None where `n_rows` did not do."""
    seq_len = len(prices) - 1
    if strategy == "balanced":
        rows = even_fill(lengths, prices, n_rows, seq_len)
        if place_left(rows, lengths, n_rows, seq_len):
            return rows
    rows = best_fit(lengths, n_rows, seq_len)
    if not place_left(rows, lengths, n_rows, seq_len):
        return None
    fill_empty(rows, n_rows)
    return rows


def _members(rows: Ints, order: Ints, seed: str) -> list[Ints]:
    """The documents of each row of `order`, shuffled."""
    draw = random.Random(f"pack:{seed}:documents")
    shuffled = list(range(len(rows)))
    draw.shuffle(shuffled)
    mixed = np.array(shuffled, dtype=np.int64)
    by_row = mixed[np.argsort(rows[mixed], kind="stable")]
    starts = np.searchsorted(rows[by_row], np.arange(len(order) + 1))
    return [by_row[starts[row] : starts[row + 1]] for row in order.tolist()]
