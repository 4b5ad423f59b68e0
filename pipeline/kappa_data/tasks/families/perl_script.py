"""Perl scripts that are mended and extended, run against cases nobody saw.

Few seeds: two or three exercises in four wordings, with changing neighbours, give no more.
"""

from __future__ import annotations

from kappa_data.records import Task
from kappa_data.tasks.material.code_asking import TOOLS as TOOLS
from kappa_data.tasks.material.code_asking import Set, make_task

NAME = "perl_script"
GROUP = "agentic"
PROGRAMS: tuple[str, ...] = ("perl",)
SEEDS = 100

_SET = Set(NAME, "perl", PROGRAMS, "Perl scripts")


def make(seed: int) -> Task:
    """The task of `seed`."""
    return make_task(_SET, seed)
