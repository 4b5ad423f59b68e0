"""What `report` prints: the figures beside their targets."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from kappa_data.metrics.figures import Figures
from kappa_data.metrics.measure import Measure
from kappa_data.printable import one_line
from kappa_data.terminal import console, print_lines

STYLES = {"kept": "green", "missed": "bold red", "too little": "dim"}


def print_report(figures: Figures) -> None:
    """The table of the measures, and one line that says what falls short."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name, right in (
        ("measure", False), ("value", True), ("target", True), ("", False), ("", False),
    ):  # fmt: skip
        table.add_column(name, justify="right" if right else "left")
    for each in figures.measures:
        state = state_of(each)
        table.add_row(
            each.name,
            "-" if each.value is None else f"{each.value:.3f}",
            f"{each.bound} {each.bar:g}",
            Text(state, style=STYLES[state]),
            Text(one_line(each.detail)),
        )
    console().print(table)
    missed = ", ".join(each.name for each in figures.missed)
    print_lines([f"missed: {missed}" if missed else "no target is missed"])


def state_of(measure: Measure) -> str:
    """kept, missed, or too little to say."""
    if measure.value is None:
        return "too little"
    return "missed" if measure.missed else "kept"


def as_json(figures: Figures) -> dict[str, Any]:
    """Plain values, each measure with its state."""
    plain: dict[str, Any] = msgspec.to_builtins(figures)
    for each, measure in zip(plain["measures"], figures.measures, strict=True):
        each["state"] = state_of(measure)
    return {**plain, "missed": [each.key for each in figures.missed]}
