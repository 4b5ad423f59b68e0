"""What the page shows of a judge's second opinion: the result that `kappa-data judge` left."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kappa_data import judge_result
from kappa_data.judge_result import FILE as FILE
from kappa_data.judge_result import OtherForm, Result
from kappa_data.store import Sealed


def load(root: Path) -> Result | None:
    """The opinion on the dataset in `root`; None where no judge was asked, or a version of the
    program that counted otherwise.

    StageError where the file is damaged.
    """
    try:
        return judge_result.load(root)
    except OtherForm:
        return None


def stale(result: Result, outputs: Mapping[str, Sealed]) -> bool:
    """Whether it is about other conversations than those that are there now."""
    judged = outputs.get(result.stage)
    return judged is None or judge_result.stale(result, judged)
