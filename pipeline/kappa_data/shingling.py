"""Hashes of the word n-grams of many texts at once.

A word is what stands between white space, after NFKC and lower-casing; its hash is made of its
UTF-8 bytes, eight at a time. The hash of an n-gram is a difference of two prefix sums over the
words (Karp, Rabin 1987, modulo 2^64). So Python touches every text, and never a word. In ASCII one
table does what NFKC, lower-casing and the search for white space do.

Two of a million different n-grams have the same 64-bit hash with a chance of about 3 in 100
million.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from kappa_data.normal_form import normalize

BATCH = 256
BATCH_CHARS = 1 << 18  # the arrays of a batch stay in a core's own cache
POWERS = 1 << 18  # so many are computed once: 4 MB
CHUNK = 8  # bytes of a word that are hashed at once
SPARSE = 1 / 16  # up to so many further bytes a sign, words that are not ASCII are folded alone
SHORT_WORD, ODD_WORDS = 40, 1 << 14  # longest word that is remembered folded, and how many are
PHRASE, STANDS_FOR_IT = "\ufdfa", "\uf8ff"  # an Arabic phrase, a sign of private use

UInt64s = np.ndarray[Any, np.dtype[np.uint64]]
Int64s = np.ndarray[Any, np.dtype[np.int64]]

# Odd constants of the finalizer of splitmix64 (Steele, Lea, Flood 2014).
MIX_1, MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2^64
_PLACE = np.uint64(0xD1342543DE82EF95)  # tells a word's chunks apart
_LOW_BYTES = np.array([(1 << 8 * count) - 1 for count in range(CHUNK + 1)], dtype=np.uint64)
_SIGNS = re.compile(r"[\W_]+")


class Hashes(NamedTuple):
    """Of the words or n-grams of several texts: `values` uint64[n], all of them in order, and
    `starts` int64[texts + 1], where those of each text begin."""

    values: UInt64s
    starts: Int64s

    def of(self, text: int) -> UInt64s:
        """Those of one text."""
        return self.values[self.starts[text] : self.starts[text + 1]]


def batches(texts: Iterable[str], most: int = BATCH) -> Iterator[list[str]]:
    """The texts in lists of at most `most`, of BATCH_CHARS or one text more."""
    batch: list[str] = []
    chars = 0
    for text in texts:
        batch.append(text)
        chars += len(text)
        if len(batch) == most or chars >= BATCH_CHARS:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch


def words(texts: Sequence[str], *, signs: bool = True) -> Hashes:
    """The hashes of all words; with `signs` false all but letters and digits is white space."""
    parts = [_folded(text, signs) for text in texts]
    data = b" ".join((b"", *parts, bytes(CHUNK).replace(b"\0", b" ")))
    space = np.frombuffer(data, dtype=np.uint8) == ord(" ")
    edges = np.flatnonzero(space[1:] != space[:-1]) + 1
    starts, lengths = edges[0::2], edges[1::2] - edges[0::2]
    sizes = np.fromiter(map(len, parts), dtype=np.int64, count=len(parts))
    texts_start = 1 + np.concatenate(([0], np.cumsum(sizes + 1)))
    return Hashes(_word_hashes(data, starts, lengths), np.searchsorted(starts, texts_start))


def grams(of: Hashes, length: int) -> Hashes:
    """The hashes of all runs of `length` words within a text, in order, repetitions included."""
    counts = np.maximum(np.diff(of.starts) - (length - 1), 0)
    starts = np.concatenate(([0], np.cumsum(counts)))
    total = len(of.values) - length + 1
    if not starts[-1]:
        return Hashes(np.zeros(0, dtype=np.uint64), starts)
    powers, inverses = _powers(len(of.values))
    sums = np.zeros(len(of.values) + 1, dtype=np.uint64)
    np.cumsum(of.values * powers, out=sums[1:])
    values = (sums[length:] - sums[:total]) * inverses[:total]
    # Of each text the last runs, which reach into the next one, are left out.
    places = np.arange(starts[-1]) + np.repeat(of.starts[:-1] - starts[:-1], counts)
    return Hashes(mixed(values[places]), starts)


def shingles(text: str, ngram: int) -> UInt64s:
    """Sorted hashes of the distinct word n-grams of a text; none where it has fewer words."""
    return distinct(grams(words([text]), ngram).values)


def distinct(values: UInt64s) -> UInt64s:
    """The values once each, sorted."""
    if not len(values):
        return values
    values = np.sort(values)  # np.unique builds a hash table first, at twice the time
    return values[np.concatenate(([True], values[1:] != values[:-1]))]


def normalised(text: str) -> str:
    """NFKC, lower case, one space for any white space.

    The one sign that NFKC would spell out as 18 letters stays a sign: a megabyte of it would take
    seconds.
    """
    return " ".join(normalize("NFKC", text.replace(PHRASE, STANDS_FOR_IT)).lower().split())


def plain(text: str) -> str:
    """`normalised`, with one space for any signs, too: the words that `signs` false gives."""
    return _SIGNS.sub(" ", normalised(text)).strip()


def mixed(value: UInt64s) -> UInt64s:
    """The finalizer of splitmix64."""
    value = (value ^ (value >> _SHIFTS[0])) * MIX_1
    value ^= value >> _SHIFTS[1]
    value *= MIX_2
    value ^= value >> _SHIFTS[2]
    return value


def _folded(text: str, signs: bool) -> bytes:
    """The text's bytes with its words between single-byte spaces, any number of them."""
    if text.isascii():
        return text.encode().translate(_ascii(signs))
    if len(text.encode(errors="surrogatepass")) > len(text) * (1 + SPARSE):
        folded = normalised(text) if signs else plain(text)
        return folded.encode(errors="surrogatepass")
    # Neither a normal form nor a small letter depends on what stands beyond white space.
    parts = [
        each
        if each.isascii()
        else (_remembered if len(each) <= SHORT_WORD else _folded_word)(each, signs)
        for each in text.split()
    ]
    return " ".join(parts).encode(errors="surrogatepass").translate(_ascii(signs))


def _folded_word(word: str, signs: bool) -> str:
    return normalised(word) if signs else plain(word)


_remembered = functools.lru_cache(maxsize=ODD_WORDS)(_folded_word)


@functools.cache
def _ascii(signs: bool) -> bytes:
    """What each byte becomes: letters small, white space (and signs) a space."""
    return bytes(
        ord(" ") if each.isspace() or not (signs or each.isalnum()) else ord(each.lower())
        for each in map(chr, range(128))
    ) + bytes(range(128, 256))


def _word_hashes(data: bytes, starts: Int64s, lengths: Int64s) -> UInt64s:
    """The sum of the mixed chunks of each word, the first with the word's length."""
    # Eight bytes from every place on; CHUNK spaces at the end keep the last words within.
    chunks = np.ndarray((len(data) - CHUNK + 1,), dtype="<u8", buffer=data, strides=(1,))
    first = chunks[starts] & _LOW_BYTES[np.minimum(lengths, CHUNK)]
    hashes = mixed(first + lengths.astype(np.uint64) * np.uint64(_BASE))
    long = np.flatnonzero(lengths > CHUNK)
    if len(long):
        more = (lengths[long] - 1) // CHUNK
        begins = np.cumsum(more) - more
        number = np.arange(more.sum()) - np.repeat(begins, more) + 1
        left = np.minimum(np.repeat(lengths[long], more) - CHUNK * number, CHUNK)
        rest = chunks[np.repeat(starts[long], more) + CHUNK * number] & _LOW_BYTES[left]
        rest = mixed(rest + number.astype(np.uint64) * _PLACE)
        hashes[long] += np.add.reduceat(rest, begins)
    return hashes


def _powers(count: int) -> tuple[UInt64s, UInt64s]:
    """The first `count` powers of the base and of its inverse, modulo 2^64."""
    if count > POWERS:  # a text of so many words is rare, and need not be remembered
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
