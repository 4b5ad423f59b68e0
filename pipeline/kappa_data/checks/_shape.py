"""A text by the shape of its characters: where a number or a key could stand at all.

One pass of `bytes.translate` and a search for what is rare take a few nanoseconds a character; a
regular expression for what is looked for takes twenty times as long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

FEWEST = 20
"""characters of a run"""
_RUN = (
    bytes(ord("a") if chr(each).isalnum() or chr(each) in "_-" else ord(" ") for each in range(128))
    + b" " * 128
)
_LONG = b"a" * FEWEST
_DIGIT = bytes(
    ord("0") if chr(each).isdigit() else ord("-") if chr(each) in " -." else each
    for each in range(128)
) + bytes(128)
_NUMBER = re.compile(rb"0[0()-]{8,80}")
FEWEST_DIGITS = 9
_AROUND = 8


def runs(text: str) -> Iterator[tuple[int, int]]:
    """Where letters, digits, _ and - stand 20 or more in a row: start and end."""
    form = text.encode("ascii", "replace").translate(_RUN)
    start = form.find(_LONG)
    while start >= 0:
        end = form.find(b" ", start)
        end = len(form) if end < 0 else end
        yield start, end
        start = form.find(_LONG, end)


def numbers(text: str) -> Iterator[tuple[str, bytes]]:
    """Pieces of the text that hold nine digits or more, most in groups of two or more, with a bit
    of what is around.

    Beside each its shape: 0 for a digit, - for a blank, a full stop or a hyphen.
    """
    form = text.encode("ascii", "replace").translate(_DIGIT)
    if b"00-00" not in form and b"00000000" not in form:
        return
    for found in _NUMBER.finditer(form):
        if found[0].count(b"0") >= FEWEST_DIGITS:
            yield text[max(0, found.start() - _AROUND) : found.end() + _AROUND], found[0]
