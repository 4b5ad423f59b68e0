"""Data wrangling on CSV files: summaries, joins, repairs and checks, with follow-up wishes."""

from __future__ import annotations

from kappa_data.records import Task
from kappa_data.tasks.material import csv_audit, csv_clean, csv_shape, csv_totals
from kappa_data.tasks.material.datawork import assemble
from kappa_data.tasks.material.domains import DOMAINS
from kappa_data.tasks.material.follow_ups import follow_ups
from kappa_data.tasks.wording import Wording

NAME = "data_csv"
GROUP = "agentic"
TOOLS = ("bash", "read_file", "write_file", "edit_file")
PROGRAMS: tuple[str, ...] = ()
SEEDS = 2000

_OPERATIONS = (
    *csv_totals.OPERATIONS,
    *csv_shape.OPERATIONS,
    *csv_clean.OPERATIONS,
    *csv_audit.OPERATIONS,
)


def make(seed: int) -> Task:
    """The task of `seed`; operation and domain go round, so that any few seeds differ widely."""
    w = Wording(NAME, seed)
    operation = _OPERATIONS[seed % len(_OPERATIONS)]
    work = operation(w, w.pick(DOMAINS))
    script = w.pick(
        (f"{operation.__name__}.py", "run.py", "make_table.py", "transform.py", "job.py")
    )
    return assemble(w, NAME, seed, work, script, follow_ups(w, work, script), TOOLS)
