"""What the planner knows of documents: their lengths, trained tokens, personas, and their cost."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kappa_data.errors import UsageError

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
ROW_PRICE = 2**30  # of one document that fills a row; sums over 2^32 rows stay within int64


class Documents(NamedTuple):
    """One entry a document in each array.

    `lengths` int64[n] in tokens, at least 1; `trained` int64[n] in tokens; `personas` int64[n] in
    codes 0..p-1.
    """

    lengths: Ints
    trained: Ints
    personas: Ints


class Cost(NamedTuple):
    """FLOPs of a document: linear * tokens + quadratic * tokens².

    The default estimates a forward pass of gpt-oss-20b: 2 FLOPs for each of 3.6e9 active weights a
    token; causal attention, 2 products of 2 FLOPs over half of the pairs of tokens, 64 heads of 64,
    in the 12 of 24 layers that attend to everything (the others, to 128 tokens, are left out).
    """

    linear: float = 7.2e9
    quadratic: float = 98_304.0

    def prices(self, seq_len: int) -> Ints:
        """int64[seq_len + 1]: the cost of every length as a whole number, 2^30 for a full row.

        Whole numbers make sums exact in any order. Each entry comes from single float operations,
        which IEEE 754 rounds alike everywhere. Raises UsageError where the cost is not one.
        """
        if not (0 <= self.linear < math.inf and 0 <= self.quadratic < math.inf and any(self)):
            raise UsageError(
                f"pack: cost {self.linear:g}, {self.quadratic:g} is no cost; give FLOPs per token "
                "and per token squared, none negative and not both 0"
            )
        tokens = np.arange(seq_len + 1, dtype=np.float64)
        flops = self.linear * tokens + self.quadratic * tokens * tokens
        prices: Ints = (flops / flops[-1] * ROW_PRICE).astype(np.int64)
        return prices


def sums(rows: Ints, values: Ints, n_rows: int) -> Ints:
    """int64[n_rows]: the sum of `values` in each row, exact (bincount would add floats)."""
    total: Ints = np.zeros(n_rows, dtype=np.int64)
    np.add.at(total, rows, values)
    return total


def table(rows: Ints, personas: Ints, values: Ints, n_rows: int) -> Ints:
    """int64[n_rows, p]: the sum of `values` in each row by persona."""
    width = int(personas.max()) + 1
    return sums(rows * width + personas, values, n_rows * width).reshape(n_rows, width)


def row_prices(rows: Ints, lengths: Ints, prices: Ints, n_rows: int) -> Ints:
    """int64[n_rows]: what each row costs, the padding at its end as one more document."""
    padding = len(prices) - 1 - sums(rows, lengths, n_rows)
    found: Ints = sums(rows, prices[lengths], n_rows) + prices[padding]
    return found
