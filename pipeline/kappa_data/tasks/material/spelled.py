"""Counts in answers: small ones may be written as words."""

from __future__ import annotations

from kappa_data.tasks.material.phrasing import number

_WORDS = (
    "zero|none|no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen", "twenty",
)  # fmt: skip


def counted(count: int) -> str:
    """A regular expression for the count, in figures or, up to twenty, as a word."""
    if not 0 <= count < len(_WORDS):
        return number(count)
    return rf"(?:{number(count)}|(?<!\w)(?:{_WORDS[count]})(?![\w-]))"
