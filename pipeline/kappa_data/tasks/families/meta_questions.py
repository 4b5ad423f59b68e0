"""Questions about what to expect of the assistant: what it can do, keep, know and promise."""

from __future__ import annotations

from kappa_data.records import Task
from kappa_data.tasks.material.identity_questions import questions
from kappa_data.tasks.material.self_talk import about_itself
from kappa_data.tasks.wording import Wording

NAME = "meta_questions"
GROUP = "identity"
TOOLS: tuple[str, ...] = ()
PROGRAMS: tuple[str, ...] = ()
SEEDS = 180
"""20 questions with 9 answers each: no two tasks begin with the same answer"""

_COMBINATIONS = 9


def make(seed: int) -> Task:
    """One to four questions; the first goes round through all, so that neighbours differ."""
    return about_itself(
        Wording(NAME, seed), NAME, seed, questions("meta_"), _COMBINATIONS, in_turn=True
    )
