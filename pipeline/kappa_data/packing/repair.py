"""Finds places for documents that greedy filling left over."""

from __future__ import annotations

import numpy as np

from kappa_data.packing.documents import Ints, sums

FREE = 48  # the shortest documents of a row that take part when two rows are filled anew
ATTEMPTS = 400  # fillings anew for one plan; each takes about a millisecond


def place_left(rows: Ints, lengths: Ints, n_rows: int, seq_len: int) -> bool:
    """Places every document whose row is -1; changes `rows`; False where one is still left.

    A document goes into the row it fits best. Where none takes it, it changes places with the
    shortest document that leaves it room, which then looks for a place itself: shorter every time.
    Where that ends too, the space of two rows is gathered in one of them, again and again.
    """
    left = np.flatnonzero(rows < 0)
    placed = np.flatnonzero(rows >= 0)
    space = seq_len - sums(rows[placed], lengths[placed], n_rows)
    attempts = ATTEMPTS
    for document in left[np.argsort(-lengths[left], kind="stable")].tolist():
        while document >= 0:
            length = int(lengths[document])
            if space.max() < length:
                other = _trade(document, rows, lengths, space)
                if other >= 0:
                    row = int(rows[other])
                    rows[document], rows[other] = row, -1
                    space[row] += lengths[other] - length
                    document = other
                    continue
                attempts = _gather(length, rows, lengths, space, attempts)
                if space.max() < length:
                    return False
            row = int(np.where(space >= length, space, seq_len + 1).argmin())
            rows[document] = row
            space[row] -= length
            document = -1
    return True


def _trade(document: int, rows: Ints, lengths: Ints, space: Ints) -> int:
    """The shortest placed document that is shorter and whose row then takes this one; -1: none."""
    length = lengths[document]
    makes_room = (rows >= 0) & (lengths < length) & (lengths + space[rows] >= length)
    found = np.flatnonzero(makes_room)
    return int(found[lengths[found].argmin()]) if len(found) else -1


def _gather(length: int, rows: Ints, lengths: Ints, space: Ints, attempts: int) -> int:
    """Moves space of other rows into the one with most, until it takes `length` tokens.

    Gives the attempts that are left; changes `rows` and `space`.
    """
    order = np.argsort(-space, kind="stable").tolist()
    row = order[0]
    for other in order[1:]:
        if space[row] >= length or not attempts or not space[other]:
            break
        attempts -= 1
        mine = _shortest(np.flatnonzero(rows == row), lengths)
        theirs = _shortest(np.flatnonzero(rows == other), lengths)
        room = int(space[other] + lengths[theirs].sum())
        free = np.concatenate((mine, theirs))
        stays = fullest(lengths[free].tolist(), room)
        filled = int(lengths[free[stays]].sum())
        gained = int(space[other]) - (room - filled)
        # All the free documents of a row may go; a row without any other must keep one.
        if gained > 0 and len(stays) < len(free):
            rows[free] = row
            rows[free[stays]] = other
            space[row] += gained
            space[other] -= gained
    return attempts


def _shortest(documents: Ints, lengths: Ints) -> Ints:
    return documents[np.argsort(lengths[documents], kind="stable")[:FREE]]


def fullest(lengths: list[int], room: int) -> list[int]:
    """Indices of documents whose lengths add up to as much of `room` as any choice of them can.

    Subset sums as the bits of one whole number: bit s is set where s tokens can be had.
    """
    reached = [1]
    within = (1 << (room + 1)) - 1
    for length in lengths:
        reached.append((reached[-1] | (reached[-1] << length)) & within)
    total = reached[-1].bit_length() - 1
    chosen = []
    for index in range(len(lengths) - 1, -1, -1):
        if not reached[index] >> total & 1:
            chosen.append(index)
            total -= lengths[index]
    return chosen
