"""Data wrangling on JSON: flattening, merging, comparing, checking, with follow-up wishes."""

from __future__ import annotations

from kappa_data.records import Task
from kappa_data.tasks.material import json_edits, json_reports, json_rewrite, json_trees
from kappa_data.tasks.material.datawork import assemble
from kappa_data.tasks.material.domains import DOMAINS
from kappa_data.tasks.material.follow_ups import follow_ups
from kappa_data.tasks.wording import Wording

NAME = "data_json"
GROUP = "agentic"
TOOLS = ("bash", "read_file", "write_file", "edit_file")
PROGRAMS: tuple[str, ...] = ()
SEEDS = 2000

_OPERATIONS = (
    *json_reports.OPERATIONS,
    *json_trees.OPERATIONS,
    *json_edits.OPERATIONS,
    *json_rewrite.OPERATIONS,
)


def make(seed: int) -> Task:
    """The task of `seed`; operations go round, so that any few seeds differ widely."""
    w = Wording(NAME, seed)
    operation = _OPERATIONS[seed % len(_OPERATIONS)]
    work = operation(w, w.pick(DOMAINS))
    script = w.pick((f"{operation.__name__}.py", "run.py", "convert.py", "transform.py", "job.py"))
    return assemble(w, NAME, seed, work, script, follow_ups(w, work, script), TOOLS)
