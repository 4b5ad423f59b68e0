"""Questions about what the assistant is, answered honestly: an AI, no human, no vendor's name."""

from __future__ import annotations

from kappa_data.records import Task
from kappa_data.tasks.material.identity_questions import questions
from kappa_data.tasks.material.self_talk import about_itself
from kappa_data.tasks.wording import Wording

NAME = "identity"
GROUP = "identity"
TOOLS: tuple[str, ...] = ()
PROGRAMS: tuple[str, ...] = ()
SEEDS = 352
"""22 questions with 16 answers each: no two tasks begin with the same answer"""

_COMBINATIONS = 16


def make(seed: int) -> Task:
    """One to four questions; the first goes round through all, so that neighbours differ."""
    return about_itself(Wording(NAME, seed), NAME, seed, questions(), _COMBINATIONS)
