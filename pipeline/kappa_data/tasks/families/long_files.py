"""Long files that have to be read piece by piece, or searched, before something is written down."""

from __future__ import annotations

from kappa_data.records import Task
from kappa_data.tasks.material.long_file_lists import collect
from kappa_data.tasks.material.long_file_search import search
from kappa_data.tasks.wording import Wording

NAME = "long_files"
GROUP = "long_context"
TOOLS = ("bash", "read_file", "write_file", "edit_file")
PROGRAMS: tuple[str, ...] = ()
SEEDS = 1000
"""12 things to be collected and 24 to be found, in files of nine kinds and five lengths"""


def make(seed: int) -> Task:
    """The task of `seed`: two of three read everything, one searches."""
    w = Wording(NAME, seed)
    return (search if seed % 3 == 2 else collect)(w, NAME, seed, TOOLS)
