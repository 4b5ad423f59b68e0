"""Finds texts that are nearly the same: MinHash for candidates, the exact Jaccard for the verdict.

A text is the set of its word n-grams, after NFKC, lower-casing and white space; two texts are
near-duplicates where |A n B| / |A u B| reaches the threshold. MinHash signatures (Broder 1997) cut
into bands (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, 3.4) give the candidates; every
candidate is compared exactly with the text that is *kept*, so that a chain of small changes does
not pull a whole family down.

Shingles are compared by their 64-bit hashes (shingling.py).
"""

from __future__ import annotations

import array
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import rensa

from kappa_data.shingling import (
    MIX_1,
    Hashes,
    UInt64s,
    batches,
    distinct,
    grams,
    mixed,
    words,
)

PERMUTATIONS = 256
RECALL_AT_THRESHOLD = 0.99

UInt8s = np.ndarray[Any, np.dtype[np.uint8]]


def near_duplicates(
    texts: Sequence[str], *, threshold: float, ngram: int, seed: int
) -> list[tuple[int, int, float]]:
    """(kept, dropped, Jaccard) for every text that is dropped, by `dropped`.

    `texts` stand in the order of preference: an earlier one is kept. A text is dropped where its
    Jaccard similarity with a kept one is at least `threshold` (0 < threshold <= 1); the one named
    is the most similar, the first of equals. A text of fewer than `ngram` words has no shingle and
    is never dropped. The result depends on texts, threshold, ngram and seed alone. A pair right at
    the threshold is missed with a probability of at most 1 - RECALL_AT_THRESHOLD, one above it with
    a smaller one.
    """
    found = [grams(words(batch), ngram) for batch in batches(texts)]
    sets = [distinct(each.of(at)) for each in found for at in range(len(each.starts) - 1)]
    parts = [signatures(each, threshold, seed) for each in found]
    return compare(joined(parts, threshold), sets.__getitem__, threshold)


class Signatures(NamedTuple):
    """Of n sets of shingles: `bands` uint64[n, bands], one number for each band of the MinHash
    values, 0 throughout for an empty set; `low` uint8[n, PERMUTATIONS], the last byte of each."""

    bands: UInt64s
    low: UInt8s


def compare(
    found: Signatures, shingles_of: Callable[[int], UInt64s], threshold: float
) -> list[tuple[int, int, float]]:
    """`near_duplicates` from the texts' signatures; `shingles_of` is asked for candidates only.

    Texts that share their phrasing meet in a band by the thousand. So the low bytes of the MinHash
    values are looked at first: of two sets of Jaccard j about j of them are equal (b-bit MinHash,
    Li and König 2010), and where far fewer are, the sets are not compared.
    """
    bands, low = found
    shared = _shared(bands)
    least = _least_equal(threshold)
    buckets: dict[tuple[int, int], list[int]] = defaultdict(list)
    dropped = []
    for index in np.flatnonzero(shared.any(axis=1)).tolist():
        keys = [(band, int(bands[index, band])) for band in np.flatnonzero(shared[index]).tolist()]
        met = np.array(sorted({kept for key in keys for kept in buckets.get(key, ())}), np.int64)
        likely = met[(low[met] == low[index]).sum(axis=1) >= least].tolist()
        own = shingles_of(index) if likely else None
        scored = [(jaccard(own, shingles_of(kept)), -kept) for kept in likely if own is not None]
        best, nearest = max(scored, default=(0.0, 0))
        if best >= threshold:
            dropped.append((-nearest, index, best))
            continue
        for key in keys:
            buckets[key].append(index)
    return dropped


def _least_equal(threshold: float) -> int:
    """So many low bytes are equal in a pair at the threshold but once in 10^9: 6 sigma below."""
    spread = math.sqrt(threshold * (1 - threshold) / PERMUTATIONS)
    return math.floor(PERMUTATIONS * (threshold - 6 * spread))


def rows_per_band(threshold: float) -> int:
    """The most rows in a band, a power of 2, that find RECALL_AT_THRESHOLD of the pairs at it.

    Fewer rows find more and cost more comparisons. A pair of Jaccard j meets in one of b bands of r
    rows with probability 1 - (1 - j^r)^b.
    """
    for rows in (32, 16, 8, 4, 2):
        if 1 - (1 - threshold**rows) ** (PERMUTATIONS // rows) >= RECALL_AT_THRESHOLD:
            return rows
    return 1


def jaccard(a: UInt64s, b: UInt64s) -> float:
    """Exact Jaccard similarity of two sets, each an array without repetitions, not both empty."""
    common = len(np.intersect1d(a, b, assume_unique=True))
    return common / (len(a) + len(b) - common)


def signatures(found: Hashes, threshold: float, seed: int) -> Signatures:
    """The signatures of texts by the hashes of their shingles, which may come more than once."""
    rows = rows_per_band(threshold)
    count = len(found.starts) - 1
    bands = np.zeros((count, PERMUTATIONS // rows), dtype=np.uint64)
    low = np.zeros((count, PERMUTATIONS), dtype=np.uint8)
    full = np.flatnonzero(np.diff(found.starts))
    if len(full):
        ends = np.append(found.starts[full], found.starts[-1]).astype(np.uint64)
        matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(
            found.values, ends, PERMUTATIONS, seed
        )
        # Through arrays, since numpy asks every number of a list for its type: four times the time.
        rows_of = b"".join(array.array("I", row) for row in matrix.to_rows())
        values = np.frombuffer(rows_of, np.uint32).reshape(-1, PERMUTATIONS).astype(np.uint64)
        grouped = values.reshape(len(full), -1, rows)
        bands[full] = _folded(np.moveaxis(grouped, 2, 0))
        low[full] = mixed(values).astype(np.uint8)
    return Signatures(bands, low)


def joined(parts: Sequence[Signatures], threshold: float) -> Signatures:
    """The signatures of several lists of texts as those of one."""
    nothing = Hashes(np.zeros(0, dtype=np.uint64), np.zeros(1, dtype=np.int64))
    bands, low = zip(signatures(nothing, threshold, 0), *parts, strict=True)
    return Signatures(np.concatenate(bands), np.concatenate(low))


def _shared(bands: UInt64s) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """bool[texts, bands]: another text has the same number in that band."""
    shared = np.zeros(bands.shape, dtype=np.bool_)
    for band in range(bands.shape[1]):
        _, inverse, counts = np.unique(bands[:, band], return_inverse=True, return_counts=True)
        shared[:, band] = (counts[inverse] > 1) & (bands[:, band] != 0)
    return shared


def _folded(parts: Iterable[UInt64s]) -> UInt64s:
    """One hash for each place, over the parts in their order."""
    first, *others = parts
    total = mixed(first)
    for part in others:
        total = mixed(total * MIX_1 + part)
    return total
