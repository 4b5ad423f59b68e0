"""Build scripts: generated files, order of steps, rebuilding only what changed."""

from __future__ import annotations

from kappa_data.records import Task
from kappa_data.tasks.material.code_asking import TOOLS as TOOLS
from kappa_data.tasks.material.code_asking import Set, make_task

NAME = "build_tool"
GROUP = "agentic"
PROGRAMS: tuple[str, ...] = ()
SEEDS = 160

_SET = Set(NAME, "build", PROGRAMS, "Build scripts", packages=True)


def make(seed: int) -> Task:
    """The task of `seed`."""
    return make_task(_SET, seed)
