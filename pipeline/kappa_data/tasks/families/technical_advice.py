"""Technical trouble and design questions, talked through over several turns without tools."""

from __future__ import annotations

from kappa_data.records import Task
from kappa_data.tasks.material.talks import conversation
from kappa_data.tasks.wording import Wording

NAME = "technical_advice"
GROUP = "chat"
TOOLS: tuple[str, ...] = ()
PROGRAMS: tuple[str, ...] = ()

_MATERIAL = "talk_advice_"
SEEDS = 164
"""each case with each of its paths and questions aside; long paths once"""


def make(seed: int) -> Task:
    """The task of `seed`; cases go round first, so that near seeds differ widely."""
    return conversation(Wording(NAME, seed), NAME, seed, _MATERIAL)
