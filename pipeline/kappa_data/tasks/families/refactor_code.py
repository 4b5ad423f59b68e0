"""Python code that works and is hard to read: its shape changes, its behaviour does not."""

from __future__ import annotations

from kappa_data.records import Task
from kappa_data.tasks.material.code_asking import TOOLS as TOOLS
from kappa_data.tasks.material.code_asking import Set, make_task

NAME = "refactor_code"
GROUP = "agentic"
PROGRAMS: tuple[str, ...] = ()
SEEDS = 220

_SET = Set(NAME, "refactor", PROGRAMS, "Office scripts", packages=True)


def make(seed: int) -> Task:
    """The task of `seed`."""
    return make_task(_SET, seed)
