"""Normal forms: unicodedata's own on ordinary text, and the same marks on a row of too many."""

from __future__ import annotations

import sys
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from kappa_data.checks._text import pieces
from kappa_data.near_duplicates import near_duplicates
from kappa_data.normal_form import MOST_MARKS, normalize, stream_safe

MARKS = st.text("\u0316\u0301\u0344\u3099\uff9e\u0f73\U0001d165", max_size=200)
CHARACTERS = st.one_of(st.characters(), st.sampled_from("e\u0301\u0316\uff9eß\ufdfa가\ud800"))


def longest_row_of_marks(text: str) -> int:
    longest = row = 0
    for letter in unicodedata.normalize("NFKD", text):
        row = row + 1 if unicodedata.combining(letter) else 0
        longest = max(longest, row)
    return longest


@settings(deadline=None)  # the first call makes the table of marks
@given(st.text(CHARACTERS, max_size=60))
def test_ordinary_text_has_the_standard_library_s_form(text: str) -> None:
    if longest_row_of_marks(text) <= MOST_MARKS // 2:
        assert stream_safe(text) == text
        assert normalize("NFKC", text) == unicodedata.normalize("NFKC", text)
        assert normalize("NFKD", text) == unicodedata.normalize("NFKD", text)


@settings(deadline=None)
@given(MARKS, st.text("ab é", max_size=5), MARKS)
def test_a_row_of_marks_is_cut_and_nothing_else_changes(one: str, letters: str, two: str) -> None:
    text = one + letters + two
    safe = stream_safe(text)
    assert safe.replace("\u034f", "") == text
    # A mark may come apart into two or three, beside those of the letter before it.
    assert longest_row_of_marks(safe) <= 3 * MOST_MARKS + 3
    assert stream_safe(safe) == safe


def test_no_mark_is_forgotten() -> None:
    for code in range(sys.maxunicode + 1):
        letter = chr(code)
        if unicodedata.combining(letter):
            assert "\u034f" in stream_safe(letter * 31), hex(code)


def test_half_a_million_marks_end() -> None:
    marks = "\u0316\u0301" * 250_000
    said = f"one two three four five {marks} six seven"
    assert near_duplicates([said, said], threshold=0.8, ngram=5, seed=0) == [(0, 1, 1.0)]
    assert pieces(said)[-1] == b"seven"
