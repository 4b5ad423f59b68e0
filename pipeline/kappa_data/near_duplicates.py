"""Finds texts that are nearly the same: MinHash for candidates, the exact Jaccard for the verdict.

A text is the set of its word n-grams, after NFKC, lower-casing and white space; two texts are
near-duplicates where |A n B| / |A u B| reaches the threshold. MinHash signatures (Broder 1997) cut
into bands (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, 3.4) give the candidates; every
candidate is compared exactly with the text that is *kept*, so that a chain of small changes does
not pull a whole family down.

Shingles are compared by 64-bit hashes: two of a million different shingles collide with a chance of
about 3 in 100 million.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import rensa

from kappa_data.normal_form import normalize

PERMUTATIONS = 256
RECALL_AT_THRESHOLD = 0.99
BATCH = 256
POWERS = 1 << 18  # so many are computed once: 4 MB
PHRASE, STANDS_FOR_IT = "\ufdfa", "\uf8ff"  # an Arabic phrase, a sign of private use

UInt64s = np.ndarray[Any, np.dtype[np.uint64]]
UInt8s = np.ndarray[Any, np.dtype[np.uint8]]

# Odd constants of the finalizer of splitmix64 (Steele, Lea, Flood 2014).
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2^64


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
    sets = [shingles(text, ngram) for text in texts]
    return compare(signatures(sets, threshold, seed), sets.__getitem__, threshold)


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


def signatures(sets: Sequence[UInt64s], threshold: float, seed: int) -> Signatures:
    """The signatures of sets of shingles."""
    rows = rows_per_band(threshold)
    bands = np.zeros((len(sets), PERMUTATIONS // rows), dtype=np.uint64)
    low = np.zeros((len(sets), PERMUTATIONS), dtype=np.uint8)
    for start in range(0, len(sets), BATCH):
        full = [at for at in range(start, min(start + BATCH, len(sets))) if len(sets[at])]
        if not full:
            continue
        flat = np.concatenate([sets[at] for at in full])
        ends = itertools.accumulate((len(sets[at]) for at in full), initial=0)
        matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(
            flat, np.fromiter(ends, dtype=np.uint64), PERMUTATIONS, seed
        )
        values = np.array(matrix.to_rows(), dtype=np.uint64)
        grouped = values.reshape(len(full), -1, rows)
        bands[full] = _folded(np.moveaxis(grouped, 2, 0))
        low[full] = _mixed(values).astype(np.uint8)
    return Signatures(bands, low)


def _shared(bands: UInt64s) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """bool[texts, bands]: another text has the same number in that band."""
    shared = np.zeros(bands.shape, dtype=np.bool_)
    for band in range(bands.shape[1]):
        _, inverse, counts = np.unique(bands[:, band], return_inverse=True, return_counts=True)
        shared[:, band] = (counts[inverse] > 1) & (bands[:, band] != 0)
    return shared


def shingles(text: str, ngram: int) -> UInt64s:
    """Sorted hashes of the distinct word n-grams of a text; none where it has fewer words.

    The hash of a piece of the text is the difference of two prefix sums (Karp, Rabin 1987, modulo
    2^64 over random values for the bytes), so that no word is ever touched by itself.
    """
    data = np.frombuffer(normalised(text).encode(errors="surrogatepass"), dtype=np.uint8)
    spaces = np.flatnonzero(data == ord(" "))
    count = len(spaces) + 2 - ngram
    if not len(data) or count < 1:
        return np.zeros(0, dtype=np.uint64)
    powers, inverses = _powers(len(data))
    values = _byte_values().take(data)
    values *= powers
    sums = np.zeros(len(data) + 1, dtype=np.uint64)
    np.cumsum(values, out=sums[1:])
    starts = np.concatenate(([0], spaces[: count - 1] + 1))
    ends = np.concatenate((spaces[ngram - 1 :], [len(data)]))
    hashes = _mixed((sums.take(ends) - sums.take(starts)) * inverses.take(starts))
    hashes.sort()
    # np.unique builds a hash table first, at twice the time.
    return hashes[np.concatenate(([True], hashes[1:] != hashes[:-1]))]


def normalised(text: str) -> str:
    """NFKC, lower case, one space for any white space.

    The one sign that NFKC would spell out as 18 letters stays a sign: a megabyte of it would take
    seconds.
    """
    return " ".join(normalize("NFKC", text.replace(PHRASE, STANDS_FOR_IT)).lower().split())


@functools.cache
def _byte_values() -> UInt64s:
    """A random-looking value for each byte: the first 256 of splitmix64."""
    return _mixed(np.arange(1, 257, dtype=np.uint64) * np.uint64(_BASE))


def _powers(count: int) -> tuple[UInt64s, UInt64s]:
    """The first `count` powers of the base and of its inverse, modulo 2^64."""
    if count > POWERS:  # a text that long is rare, and need not be remembered
        return _both_powers(count)
    powers, inverses = _first_powers()
    return powers[:count], inverses[:count]


@functools.cache
def _first_powers() -> tuple[UInt64s, UInt64s]:
    return _both_powers(POWERS)


def _both_powers(count: int) -> tuple[UInt64s, UInt64s]:
    return _powers_of(_BASE, count), _powers_of(pow(_BASE, -1, 2**64), count)


def _powers_of(base: int, count: int) -> UInt64s:
    factors = np.full(count, base, dtype=np.uint64)
    factors[0] = 1
    return np.cumprod(factors)


def _folded(parts: Iterable[UInt64s]) -> UInt64s:
    """One hash for each place, over the parts in their order."""
    first, *others = parts
    total = _mixed(first)
    for part in others:
        total = _mixed(total * _MIX_1 + part)
    return total


def _mixed(value: UInt64s) -> UInt64s:
    value = (value ^ (value >> _SHIFTS[0])) * _MIX_1
    value = (value ^ (value >> _SHIFTS[1])) * _MIX_2
    return value ^ (value >> _SHIFTS[2])
