"""Small JavaScript modules for Node: mended, extended or written, with hidden tests.

Few seeds: nine exercises in four sets of words, so that none comes up more than 20 times.
"""

from __future__ import annotations

from kappa_data.records import Task
from kappa_data.tasks.material.code_asking import TOOLS as TOOLS
from kappa_data.tasks.material.code_asking import Set, make_task

NAME = "javascript_module"
GROUP = "agentic"
PROGRAMS: tuple[str, ...] = ("node",)
SEEDS = 180

_SET = Set(NAME, "javascript", PROGRAMS, "Node modules")


def make(seed: int) -> Task:
    """The task of `seed`."""
    return make_task(_SET, seed)
