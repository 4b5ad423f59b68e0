"""Shingling: many texts at once against a plain program that goes word by word."""

from __future__ import annotations

import re
import unicodedata

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kappa_data.shingling import (
    BATCH_CHARS,
    Hashes,
    batches,
    distinct,
    grams,
    normalised,
    plain,
    shingles,
    words,
)

MASK = 2**64 - 1
BASE = 0x9E3779B97F4A7C15
# Texts that are cut, folded or spelled out in odd ways, and words around the size of a chunk.
PIECES = [
    *"aZ9_.,\"'-ßİﬁ\u0301\u200b\u00a0\u2003\u0085\x1c\x1f\t\n\r\x0b\x00 ",
    "  ", "word", "Eightsix", "ninechars", "fifteencharlong", "sixteencharslong!", "x" * 70,
    "日本語", "é", "e\u0301", "\ud800", "\u1680", "\u2028", "…", "½",
]  # fmt: skip
TEXTS = st.lists(st.lists(st.sampled_from(PIECES), max_size=40).map("".join), max_size=6)


def mix(value: int) -> int:
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & MASK
    return value ^ (value >> 31)


def hash_of_word(word: str) -> int:
    data = word.encode(errors="surrogatepass")
    chunks = [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data), 8)]
    total = mix((chunks[0] + len(data) * BASE) & MASK)
    for number, chunk in enumerate(chunks[1:], 1):
        total += mix((chunk + number * 0xD1342543DE82EF95) & MASK)
    return total & MASK


def hash_of_run(run: list[str]) -> int:
    powers = [pow(BASE, at, 2**64) for at in range(len(run))]
    return mix(
        sum(hash_of_word(word) * power for word, power in zip(run, powers, strict=True)) & MASK
    )


def words_of(text: str, *, signs: bool) -> list[str]:
    text = " ".join(unicodedata.normalize("NFKC", text).lower().split())
    return (text if signs else re.sub(r"[\W_]+", " ", text)).split()


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.booleans(), st.integers(1, 5))
@example(["", " ", "one two three", "", "one two"], True, 2)
def test_it_equals_the_plain_program(texts: list[str], signs: bool, length: int) -> None:
    # Where little is not ASCII, words are folded one by one.
    texts = [*texts, *(f"{text}{' mostly plain words' * 30}" for text in texts)]
    found = words(texts, signs=signs)
    runs = grams(found, length)
    assert len(found.starts) == len(runs.starts) == len(texts) + 1
    for at, text in enumerate(texts):
        told = words_of(text, signs=signs)
        assert found.of(at).tolist() == [hash_of_word(word) for word in told]
        expected = [
            hash_of_run(told[start : start + length]) for start in range(len(told) - length + 1)
        ]
        assert runs.of(at).tolist() == expected
        if signs:
            assert shingles(text, length).tolist() == sorted(set(expected))


@settings(max_examples=50, deadline=None)
@given(TEXTS)
def test_the_words_of_plain_are_those_without_signs(texts: list[str]) -> None:
    found = words(texts, signs=False)
    for at, text in enumerate(texts):
        assert np.array_equal(found.of(at), words([plain(text)]).values)
        assert np.array_equal(words([text]).values, words([normalised(text)]).values)


def test_a_long_word_and_many_words_are_hashed_whole() -> None:
    """One more or another byte anywhere is another word, also beyond the powers that are kept."""
    long = "abcdefgh" * 9_000
    others = [long + "a", long[:-1], "b" + long[1:], long[:40_000] + "X" + long[40_001:], long]
    *other, same = (int(words([each]).values[0]) for each in others)
    assert same == int(words([long.upper()]).values[0])
    assert same not in other and len(set(other)) == 4
    many = " ".join(f"w{n}" for n in range(300_000))
    found = grams(words([many]), 5).values
    assert len(distinct(found)) == 299_996
    assert int(found[-1]) == hash_of_run([f"w{n}" for n in range(299_995, 300_000)])


def test_batches_leave_nothing_out_and_stay_small() -> None:
    texts = ["a" * (n * 997 % 30_000) for n in range(700)]
    found = list(batches(texts))
    assert [each for batch in found for each in batch] == texts
    assert all(sum(map(len, batch[:-1])) < BATCH_CHARS and len(batch) <= 256 for batch in found)
    assert [len(batch) for batch in batches("a" * 7, 3)] == [3, 3, 1]


def test_no_text_and_no_words() -> None:
    for texts in ([], [""], ["   ", "\n"]):
        found = grams(words(texts), 3)
        assert isinstance(found, Hashes)
        assert found.values.tolist() == [] and found.starts.tolist() == [0] * (len(texts) + 1)
