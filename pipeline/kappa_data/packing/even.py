"""Evens rows out by swaps of documents: cost, trained tokens and personas.

The aim is a small sum, over rows, of the squares of price, trained tokens and tokens by persona. A
round looks at many pairs of documents at once and makes the swaps that gain most, at most one a
row, so that every gain is what was computed. Whole numbers throughout.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kappa_data.packing.documents import Bools, Documents, Ints, sums, table

SCALE = 2**21  # a mean row; squares and their sums stay far within int64
SHIFTS = (1, 2, 3, 5, 8, 13, 21, 34)  # distance of two documents of a pair, in order of length
ROUNDS = 32
PARTS = 4  # a round looks at one pair in so many: a quarter of the time for most of the gain
SLACK = 200  # a swap may lift a row's price over the mean by one part in so many


class _Rows(NamedTuple):
    """What swaps change: row of each document, and sums of each row."""

    row: Ints
    used: Ints
    price: Ints  # of the documents, without padding
    trained: Ints
    personas: Ints  # int64[rows, p]


class _Swap(NamedTuple):
    """Documents i of rows a and j of rows b, and what row a gains in each sum; arrays of pairs."""

    i: Ints
    j: Ints
    a: Ints
    b: Ints
    length: Ints
    price: Ints
    trained: Ints


def even(rows: Ints, documents: Documents, prices: Ints, n_rows: int) -> Ints:
    """Rows of the same documents, int64[n], after swaps that even them out.

    No row comes to cost more than the dearest did or, where that is more, the mean and 1/200 of it.
    """
    n = len(rows)
    if n_rows < 2 or n < 3:
        return rows
    seq_len = len(prices) - 1
    scaled, scaled_documents = _scale(documents, prices, n_rows)
    lengths = documents.lengths
    state = _Rows(
        rows.copy(),
        sums(rows, lengths, n_rows),
        sums(rows, scaled[lengths], n_rows),
        sums(rows, scaled_documents.trained, n_rows),
        table(rows, documents.personas, scaled_documents.lengths, n_rows),
    )
    mean = int((state.price + scaled[seq_len - state.used]).sum()) // n_rows
    order = np.argsort(lengths, kind="stable")
    for number in range(ROUNDS):
        shift = SHIFTS[number % len(SHIFTS)]
        if shift < n:
            i, j = order[:-shift], order[shift:]
            part = slice(number % PARTS, None, PARTS)
            _round(state, i[part], j[part], documents, scaled_documents, scaled, mean)
    return state.row


def _scale(documents: Documents, prices: Ints, n_rows: int) -> tuple[Ints, Documents]:
    """Prices and documents in parts of a mean row; a row far over it weighs by its own size."""
    scaled = prices >> 8
    trained = int(documents.trained.sum()) // n_rows
    trained = max(trained, int(documents.trained.max()), 1)
    return scaled, Documents(
        documents.lengths * SCALE // (len(prices) - 1),
        documents.trained * SCALE // trained,
        documents.personas,
    )


def _round(
    state: _Rows,
    i: Ints,
    j: Ints,
    documents: Documents,
    weights: Documents,
    scaled: Ints,
    mean: int,
) -> None:
    """The best swaps among the pairs i, j, at most one a row; changes `state`."""
    seq_len = len(scaled) - 1
    lengths = documents.lengths
    a, b = state.row[i], state.row[j]
    longer = lengths[j] - lengths[i]
    fits = (a != b) & (state.used[a] + longer <= seq_len) & (state.used[b] - longer <= seq_len)
    i, j, a, b, longer = (each[fits] for each in (i, j, a, b, longer))
    swap = _Swap(
        i,
        j,
        a,
        b,
        longer,
        scaled[lengths[j]] - scaled[lengths[i]],
        weights.trained[j] - weights.trained[i],
    )
    gain, allowed = _price_gain(state, swap, scaled, mean)
    trained = state.trained[b] - state.trained[a] - swap.trained
    gain += 2 * swap.trained * trained + _persona_gain(state, swap, documents, weights)
    best = np.flatnonzero(allowed & (gain > 0))
    best = best[np.argsort(-gain[best], kind="stable")]
    best = best[_first_of_rows(a[best], b[best], len(state.used))]
    _apply(state, _Swap(*(each[best] for each in swap)), documents, weights)


def _price_gain(state: _Rows, swap: _Swap, scaled: Ints, mean: int) -> tuple[Ints, Bools]:
    """How much the squares of two rows' prices lose, and where neither becomes too dear."""
    top = len(scaled) - 1
    a, b = swap.a, swap.b
    old_a = state.price[a] + scaled[top - state.used[a]]
    old_b = state.price[b] + scaled[top - state.used[b]]
    new_a = state.price[a] + swap.price + scaled[top - state.used[a] - swap.length]
    new_b = state.price[b] - swap.price + scaled[top - state.used[b] + swap.length]
    gain = old_a * old_a + old_b * old_b - new_a * new_a - new_b * new_b
    limit = np.maximum(np.maximum(old_a, old_b), mean + mean // SLACK)
    return gain, np.maximum(new_a, new_b) <= limit


def _persona_gain(state: _Rows, swap: _Swap, documents: Documents, weights: Documents) -> Ints:
    """The same for tokens by persona, of which a swap changes one or two."""
    give, take = documents.personas[swap.i], documents.personas[swap.j]
    gives, takes = weights.lengths[swap.i], weights.lengths[swap.j]
    over = state.personas[swap.a, give] - state.personas[swap.b, give] - gives
    under = state.personas[swap.b, take] - state.personas[swap.a, take] - takes
    same = give == take
    moved = gives - takes
    return np.where(same, 2 * moved * (over + takes), 2 * gives * over + 2 * takes * under)


def _first_of_rows(a: Ints, b: Ints, n_rows: int) -> Bools:
    """Where a pair is the first to name either of its rows."""
    place = np.arange(len(a))
    first = np.full(n_rows, len(a), dtype=np.int64)
    np.minimum.at(first, a, place)
    np.minimum.at(first, b, place)
    chosen: Bools = (first[a] == place) & (first[b] == place)
    return chosen


def _apply(state: _Rows, swap: _Swap, documents: Documents, weights: Documents) -> None:
    i, j, a, b = swap.i, swap.j, swap.a, swap.b
    state.row[i], state.row[j] = b, a
    for total, moved in (
        (state.used, swap.length),
        (state.price, swap.price),
        (state.trained, swap.trained),
    ):
        total[a] += moved
        total[b] -= moved
    for document, old, new in ((i, a, b), (j, b, a)):
        persona = documents.personas[document]
        state.personas[old, persona] -= weights.lengths[document]
        state.personas[new, persona] += weights.lengths[document]
