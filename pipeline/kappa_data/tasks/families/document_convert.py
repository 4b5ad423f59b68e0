"""Conversions between formats of documents: tables, cards, calendars, subtitles, references."""

from __future__ import annotations

from kappa_data.records import Task
from kappa_data.tasks.material.convert_lists import LISTS
from kappa_data.tasks.material.convert_texts import TEXTS
from kappa_data.tasks.material.datawork import assemble
from kappa_data.tasks.material.follow_ups import follow_ups
from kappa_data.tasks.wording import Wording

NAME = "document_convert"
GROUP = "agentic"
TOOLS = ("bash", "read_file", "write_file", "edit_file")
PROGRAMS: tuple[str, ...] = ()
SEEDS = 600

_CONVERSIONS = (*LISTS, *TEXTS)


def make(seed: int) -> Task:
    """The task of `seed`; conversions go round, so that any few seeds differ widely."""
    w = Wording(NAME, seed)
    conversion = _CONVERSIONS[seed % len(_CONVERSIONS)]
    work = conversion(w)
    script = w.pick(("convert.py", f"{conversion.__name__}.py", "to_target.py", "run.py"))
    return assemble(w, NAME, seed, work, script, follow_ups(w, work, script), TOOLS)
