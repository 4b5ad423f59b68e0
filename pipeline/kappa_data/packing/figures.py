"""What a plan comes to, for the manifest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kappa_data.packing.documents import Cost, Documents, Ints, row_prices, sums, table


def figures(
    rows: Sequence[Ints],
    documents: Documents,
    *,
    seq_len: int,
    batch: int = 1,
    dp_ranks: int = 1,
    cost: Cost = Cost(),  # noqa: B008
) -> dict[str, Any]:
    """Figures of `rows` in training order, as plain numbers.

    "bar" is the dearer of a mean row and the dearest single document. "bound" adds to that document
    the rest of its row at the cost per token alone, the least that any filling can cost: no plan
    comes below it, up to rounding.
    "rank waste" is the time, in parts of the whole, that ranks wait for the dearest of the rows
    side by side. Persona shares are of tokens, by code; their deviation is the largest of any
    persona in any step, in percentage points.
    """
    if not rows:
        return {"rows": 0, "density": None}
    n = len(rows)
    index = np.concatenate(rows)
    of_row = np.repeat(np.arange(n), [len(row) for row in rows])
    lengths, personas = documents.lengths[index], documents.personas[index]
    prices = cost.prices(seq_len)
    price = row_prices(of_row, lengths, prices, n)
    trained = sums(of_row, documents.trained[index], n)
    by_step = table(of_row // batch, personas, lengths, n // batch)
    tokens = int(lengths.sum())
    whole = by_step.sum(axis=0) / tokens
    longest = int(lengths.max())
    bar = max(float(price.mean()), float(prices[longest]))
    rest = (seq_len - longest) * cost.linear / (cost.linear + cost.quadratic * seq_len) / seq_len
    bound = max(bar, float(prices[longest]) + float(prices[-1]) * rest)
    side_by_side = price.reshape(-1, dp_ranks).max(axis=1)
    return {
        "rows": n,
        "steps": n // batch,
        "density": round(tokens / (n * seq_len), 6),
        "slack tokens": n * seq_len - tokens,
        "cost max/mean": _over_mean(price),
        "cost max/bar": round(float(price.max()) / bar, 4),
        "cost max/bound": round(float(price.max()) / bound, 4),
        "step cost max/mean": _over_mean(price.reshape(-1, batch).sum(axis=1)),
        "rank waste": round(float(side_by_side.sum()) * dp_ranks / float(price.sum()) - 1, 4),
        "trained per row": {
            "min": int(trained.min()),
            "mean": round(float(trained.mean()), 1),
            "max": int(trained.max()),
            "variation": round(float(trained.std() / max(trained.mean(), 1)), 4),
        },
        "step trained max/mean": _over_mean(trained.reshape(-1, batch).sum(axis=1)),
        "shares": [round(float(share), 4) for share in whole],
        "share deviation": round(
            100 * float(np.abs(by_step / by_step.sum(axis=1, keepdims=True) - whole).max()), 3
        ),
    }


def _over_mean(values: Ints) -> float:
    mean = float(values.mean())
    return round(float(values.max()) / mean, 4) if mean else 1.0
