"""Python code that is right and far too slow: same results, counted in steps and not in seconds."""

from __future__ import annotations

from kappa_data.records import Task
from kappa_data.tasks.material.code_asking import TOOLS as TOOLS
from kappa_data.tasks.material.code_asking import Set, make_task

NAME = "speed_up"
GROUP = "agentic"
PROGRAMS: tuple[str, ...] = ()
SEEDS = 260

_SET = Set(NAME, "speed", PROGRAMS, "Data tools", packages=True)


def make(seed: int) -> Task:
    """The task of `seed`."""
    return make_task(_SET, seed)
