"""Deals rows to global steps, and orders them inside a step.

The `dp_ranks` rows that run side by side wait for the dearest of them. Where a step has several
such groups, rows of like cost are put together first and the groups are dealt; where it has few, an
even step comes first: rows are dealt one by one, and only then grouped. Every step gets its share
of cost, trained tokens and personas by swaps between pairs of steps, first of groups, then of rows
of like cost.
"""

from __future__ import annotations

import random

import numpy as np
import numpy.typing as npt

from kappa_data.packing.documents import Ints

Floats = npt.NDArray[np.float64]
ANY = -1
NEAR = 2**14 // 200  # rows that differ by less may change places without ranks waiting longer
SCALE = 2**14  # a mean unit; sums of products stay whole numbers below 2^53, exact in float64
WORK = 8_000_000  # pairs of groups that are looked at, at most
ROUNDS = 200
GROUPS = 4  # in a step, from which on groups are dealt


def deal(features: Ints, groups: int, draw: random.Random) -> Ints:
    """int64[steps, groups]: which unit stands in which step, steps of `groups` units each.

    `features` int64[units, f] are what has to be even; the first is the cost.
    """
    # There and back over the steps, dearest first, so that each step starts with its share.
    dealt = np.argsort(-features[:, 0], kind="stable").reshape(groups, -1)
    dealt[1::2] = dealt[1::2, ::-1]
    dealt = dealt.T.copy()
    even_steps(dealt, features, draw, near=ANY)
    return dealt


def even_steps(dealt: Ints, features: Ints, draw: random.Random, near: int) -> None:
    """Swaps units between steps where it evens them; changes `dealt`.

    Two units change places only where their costs are at most `near` apart, in parts of 2^14 of a
    mean unit.
    """
    steps, groups = dealt.shape
    n = steps * groups
    if steps < 2 or (groups < 2 and near == ANY):
        return
    means = np.maximum(features.sum(axis=0) // n, features.max(axis=0) // 16)
    means[2:] = int(features[:, 2:].sum()) // n  # a point of any persona's share counts the same
    exact = (features * SCALE // np.maximum(means, 1)).astype(np.float64)
    totals = exact[dealt].sum(axis=1)
    order = list(range(steps))
    for _ in range(min(ROUNDS, WORK // (n * groups) + 1)):
        draw.shuffle(order)
        pairs = np.array(order[: steps // 2 * 2]).reshape(2, -1)
        _swap(dealt, totals, exact, pairs[0], pairs[1], near)


def _swap(dealt: Ints, totals: Floats, exact: Floats, one: Ints, two: Ints, near: int) -> None:
    """The best swap between each step of `one` and its partner in `two`, where any gains."""
    mine, theirs = exact[dealt[one]], exact[dealt[two]]  # float64[pairs, groups, f]
    apart = (totals[one] - totals[two])[:, :, None]
    # Moving d = x - y from one step to the other takes 2 * d·(apart - d) off the sum of squares.
    mine_gain = (mine @ apart)[:, :, 0] - (mine * mine).sum(axis=2)
    theirs_gain = (theirs @ apart)[:, :, 0] + (theirs * theirs).sum(axis=2)
    gain = mine_gain[:, :, None] - theirs_gain[:, None, :] + 2 * (mine @ theirs.transpose(0, 2, 1))
    if near != ANY:
        gain[np.abs(mine[:, :, None, 0] - theirs[:, None, :, 0]) > near] = 0
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
    members = units[dealt].reshape(-1, batch)
    if size > 1:
        even_steps(members, features, draw, near=NEAR)
    steps = list(range(len(members)))
    draw.shuffle(steps)
    ordered = []
    for step in steps:
        rows = np.sort(members[step])
        rows = rows[np.argsort(cost[rows], kind="stable")]
        groups = rows.reshape(-1, dp_ranks).tolist()
        draw.shuffle(groups)
        for group in groups:
            draw.shuffle(group)
            ordered += group
    return np.array(ordered, dtype=np.int64)
