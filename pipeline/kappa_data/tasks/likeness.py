"""How alike tasks are: near-duplicates and openings that come twice, names and numbers aside.

Two tasks that differ in names and figures alone teach one thing twice, so both are masked first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct

from kappa_data.near_duplicates import jaccard, near_duplicates
from kappa_data.records import Task, canonical_json
from kappa_data.shingling import UInt64s, shingles

THRESHOLD = 0.8
"""Jaccard similarity of word 5-grams from which two tasks are near-duplicates"""
NGRAM = 5
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
# A capital after a small letter, digit or comma and a blank: a name, and no sentence's first word.
_NAME = re.compile(r"(?<=[a-z0-9,] )[A-Z]\w*(?: [A-Z]\w*)*")


class Alike(Struct, frozen=True):
    """What a set of tasks looks like; `near` are (task id, earlier task's id, Jaccard)."""

    tasks: int
    near: tuple[tuple[str, str, float], ...]
    distinct_openings: float
    """share of the openings that are left when equal ones, masked, count once"""


def alike(tasks: Sequence[Task]) -> Alike:
    """Compares every task with the earlier ones that are kept."""
    found = near_duplicates(
        [substance(task) for task in tasks], threshold=THRESHOLD, ngram=NGRAM, seed=0
    )
    openings = {masked(task.opening) for task in tasks}
    return Alike(
        tasks=len(tasks),
        near=tuple((tasks[dropped].id, tasks[kept].id, score) for kept, dropped, score in found),
        distinct_openings=len(openings) / len(tasks) if tasks else 1.0,
    )


def substance(task: Task) -> str:
    """Opening, goals, fixture and reference as one text, names and numbers masked."""
    said: list[str] = [task.opening, *task.goals]
    for path, text in sorted(task.fixture.items()):
        said += [path, text]
    for turn in task.reference:
        for step in turn.steps:
            said += [step.reasoning, step.tool, canonical_json(step.arguments)]
        said += [turn.reasoning, turn.answer]
    return masked("\n".join(said))


def masked(text: str) -> str:
    """`text` with one sign for every name and one for every number."""
    return _NAME.sub("N", _NUMBER.sub("0", text))


class Known:
    """Tasks that there are, to hold a new one against."""

    def __init__(self, tasks: Iterable[Task] = ()) -> None:
        self._sets: list[tuple[str, UInt64s]] = []
        for task in tasks:
            self.add(task)

    def add(self, task: Task) -> None:
        """The task is there from now on."""
        self._sets.append((task.id, shingles(substance(task), NGRAM)))

    def near(self, task: Task) -> str:
        """The task that this one nearly repeats, and how much, in words; '' where it is new."""
        own = shingles(substance(task), NGRAM)
        if not len(own):
            return ""
        scored = ((jaccard(own, each), name) for name, each in self._sets)
        best, name = max(scored, default=(0.0, ""))
        return f"a near-duplicate of {name} ({best:.2f})" if best >= THRESHOLD else ""
