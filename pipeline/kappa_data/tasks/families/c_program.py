"""Small C programs: mended and extended, compiled and run against hidden cases.

Few seeds: six exercises in four sets of words, so that none comes up more than 20 times.
"""

from __future__ import annotations

from kappa_data.records import Task
from kappa_data.tasks.material.code_asking import TOOLS as TOOLS
from kappa_data.tasks.material.code_asking import Set, make_task

NAME = "c_program"
GROUP = "agentic"
PROGRAMS: tuple[str, ...] = ("gcc",)
SEEDS = 110

_SET = Set(NAME, "c", PROGRAMS, "C programs")


def make(seed: int) -> Task:
    """The task of `seed`."""
    return make_task(_SET, seed)
