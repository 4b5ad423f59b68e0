"""Bash scripts that are mended, extended or written, run against cases nobody saw.

Few seeds: twelve exercises in four sets of words, so that none comes up more than 20 times.
"""

from __future__ import annotations

from kappa_data.records import Task
from kappa_data.tasks.material.code_asking import TOOLS as TOOLS
from kappa_data.tasks.material.code_asking import Set, make_task

NAME = "bash_script"
GROUP = "agentic"
PROGRAMS: tuple[str, ...] = ()
SEEDS = 240

_SET = Set(NAME, "bash", PROGRAMS, "Shell tools")


def make(seed: int) -> Task:
    """The task of `seed`."""
    return make_task(_SET, seed)
