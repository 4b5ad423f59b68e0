"""Deals rows to global steps, and orders them inside a step.

The `dp_ranks` rows that run side by side wait for the dearest of them. Where a step has several
such groups, rows of like cost are put together first and the groups are dealt; where it has few, an
even step comes first: rows are dealt one by one, and only then grouped. Every step gets its share
of cost, trained tokens and personas by swaps between pairs of steps.
"""

from __future__ import annotations

import random

import numpy as np

from kappa_data.packing.documents import Ints

SCALE = 2**20  # a mean group; squares and products are exact in a float64 below 2^53
WORK = 8_000_000  # pairs of groups that are looked at, at most
ROUNDS = 200
GROUPS = 4  # in a step, from which on groups are dealt


def deal(features: Ints, groups: int, seed: random.Random) -> Ints:
    """int64[steps, groups]: which unit stands in which step, steps of `groups` units each.

    `features` int64[units, f] are what has to be even; the first is the cost.
    """
    n = len(features)
    steps = n // groups
    # There and back over the steps, dearest first, so that each step starts with its share.
    dealt = np.argsort(-features[:, 0], kind="stable").reshape(groups, steps)
    dealt[1::2] = dealt[1::2, ::-1]
    dealt = dealt.T.copy()
    if steps < 2 or groups < 2:
        return dealt
    means = np.maximum(features.sum(axis=0) // n, features.max(axis=0) // 64)
    share = features * SCALE // np.maximum(means, 1)
    share[:, 2:] = features[:, 2:] * SCALE // max(int(features[:, 2:].sum()) // n, 1)
    exact = share.astype(np.float64)
    totals = exact[dealt].sum(axis=1)
    order = list(range(steps))
    for _ in range(min(ROUNDS, WORK // (n * groups) + 1)):
        seed.shuffle(order)
        pairs = np.array(order[: steps // 2 * 2]).reshape(2, -1)
        _swap(dealt, totals, exact, pairs[0], pairs[1])
    return dealt


def _swap(dealt: Ints, totals: np.ndarray, exact: np.ndarray, one: Ints, two: Ints) -> None:
    """The best swap between each step of `one` and its partner in `two`, where any gains."""
    mine, theirs = exact[dealt[one]], exact[dealt[two]]  # float64[pairs, groups, f]
    apart = (totals[one] - totals[two])[:, :, None]
    # Moving d = x - y from one step to the other takes 2 * d·(apart - d) off the sum of squares.
    mine_gain = (mine @ apart)[:, :, 0] - (mine * mine).sum(axis=2)
    theirs_gain = (theirs @ apart)[:, :, 0] + (theirs * theirs).sum(axis=2)
    gain = mine_gain[:, :, None] - theirs_gain[:, None, :] + 2 * (mine @ theirs.transpose(0, 2, 1))
    flat = gain.reshape(len(one), -1)
    best = flat.argmax(axis=1)
    better = np.flatnonzero(flat[np.arange(len(one)), best] > 0)
    x, y = np.divmod(best[better], dealt.shape[1])
    one, two = one[better], two[better]
    moved = exact[dealt[one, x]] - exact[dealt[two, y]]
    totals[one] -= moved
    totals[two] += moved
    dealt[one, x], dealt[two, y] = dealt[two, y], dealt[one, x]


def order_rows(
    cost: Ints, trained: Ints, personas: Ints, *, batch: int, dp_ranks: int, seed: str
) -> Ints:
    """int64[rows]: the rows in training order, `batch` to a step, `dp_ranks` of them side by side.

    `cost` and `trained` are int64[rows], `personas` int64[rows, p] tokens; batch is a multiple of
    dp_ranks, the rows are one of batch.
    """
    draw = random.Random(f"pack:{seed}:steps")
    features = np.column_stack((cost, trained, personas))
    size = dp_ranks if batch >= GROUPS * dp_ranks else 1
    units = np.argsort(cost, kind="stable").reshape(-1, size)
    dealt = deal(features[units].sum(axis=1), batch // size, draw)
    steps = list(range(len(dealt)))
    draw.shuffle(steps)
    ordered = []
    for step in steps:
        rows = np.sort(units[dealt[step]].ravel())
        rows = rows[np.argsort(cost[rows], kind="stable")]
        groups = rows.reshape(-1, dp_ranks).tolist()
        draw.shuffle(groups)
        for group in groups:
            draw.shuffle(group)
            ordered += group
    return np.array(ordered, dtype=np.int64)
