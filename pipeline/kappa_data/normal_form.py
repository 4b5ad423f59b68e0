"""Unicode normal forms in linear time.

`unicodedata.normalize` sorts the marks behind a letter one by one: half a million of them take
minutes. So a text is made stream-safe first (Unicode Standard Annex 15, section 13): where more
than 30 marks stand in a row, U+034F, which has no effect, goes between each 30. No text that people
write has such a row.
"""

from __future__ import annotations

import functools
import sys
import unicodedata
from typing import Any, Literal

import numpy as np

MOST_MARKS = 30
LAST_MARK = 0x1FFFF  # no plane behind it has a mark
JOINER = 0x034F  # COMBINING GRAPHEME JOINER: of class 0, so that sorting stops there


def normalize(form: Literal["NFC", "NFD", "NFKC", "NFKD"], text: str) -> str:
    """The text in a normal form, the same as `unicodedata.normalize` gives for stream-safe text."""
    return text if text.isascii() else unicodedata.normalize(form, stream_safe(text))


def stream_safe(text: str) -> str:
    """The text with a U+034F after every MOST_MARKS marks in a row that another one follows."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    marks = _marks()[codes]
    if not marks.any():
        return text
    places = np.arange(len(codes))
    # The number of a mark within its row, from 1: how far behind the last character that is none.
    number = places - np.maximum.accumulate(np.where(marks, -1, places))
    cuts = np.flatnonzero(marks & (number > MOST_MARKS) & (number % MOST_MARKS == 1))
    if not len(cuts):
        return text
    cut = np.insert(codes, cuts, JOINER)
    return cut.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


@functools.cache
def _marks() -> np.ndarray[Any, np.dtype[np.bool_]]:
    """bool[code points]: what comes out of normalization as marks alone."""
    marks = np.zeros(sys.maxunicode + 1, dtype=np.bool_)
    for code in range(0x300, LAST_MARK + 1):
        letter = chr(code)
        if unicodedata.combining(letter) or unicodedata.decomposition(letter):
            whole = unicodedata.normalize("NFKD", letter)
            marks[code] = all(map(unicodedata.combining, whole))
    return marks
