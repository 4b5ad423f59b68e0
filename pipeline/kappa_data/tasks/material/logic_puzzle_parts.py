"""What each kind of logic puzzle hands to the family."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from kappa_data.tasks.material.logic_model import Model

LABELS = ("clue", "statement", "condition", "weighing")
"""what clues are called; singular or plural makes no difference in an answer"""


class FollowUp(Struct, frozen=True):
    """A later question about the same puzzle, with its computed answer."""

    goal: str
    explanation: str
    answer: str


class Puzzle(Struct, frozen=True):
    """A finished puzzle with one solution; sentences are whole."""

    context: str
    ask: str
    clues: tuple[str, ...]
    form: str
    """what the last line has to look like, as a sentence's end"""
    explanation: tuple[str, ...]
    answer: str
    """what stands behind `Answer: `"""
    thoughts: str
    """the working notes before the answer"""
    model: Model | None = None
    """None: the follow-ups about clues make no sense for this kind"""
    own_follow_ups: tuple[FollowUp, ...] = ()


def answer_line(answers: Sequence[str]) -> str:
    """A regular expression for an `Answer:` line that says one of `answers`.

    Bold type, spaces, brackets, commas, arrows and an "and" between the words are free.
    """
    return rf"{_LABEL}{_answers(answers)}"


def other_answer_line(answers: Sequence[str]) -> str:
    """A regular expression for an `Answer:` line that says none of `answers`."""
    return rf"{_LABEL}(?!{_answers(answers)})"


# No part of these patterns looks at a line, or at a run of signs and blanks, more than once.
_LABEL = r"(?m)^(?:[*_`]|[^\S\n])*+Answer:"


def _answers(answers: Sequence[str]) -> str:
    any_of = "|".join(
        r"\W++(?:and\W++)?".join(_word(word) for word in re.split(r"[^\w:]+", answer))
        for answer in answers
    )
    return rf"[*_`\s]*+(?:{any_of})[^\w\n]*+$"


def _word(word: str) -> str:
    label = word.removesuffix("s")
    return f"{label}s?" if label in LABELS else re.escape(word)
