"""What `report` prints: the figures beside their targets, by group; or one grouping's cells."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from kappa_data.errors import UsageError
from kappa_data.metrics.figures import Figures
from kappa_data.metrics.measure import Cell, Measure, between, in_order, shown
from kappa_data.printable import one_line
from kappa_data.terminal import console, print_lines

STYLES = {"kept": "green", "missed": "bold red", "too little": "dim"}
SIGNS = {"at least": "≥", "at most": "≤"}
DETAIL_CHARS = 60


def print_report(figures: Figures, where: str = "") -> None:
    """The table of the measures by group, and what falls short; `where` holds the flags with which
    other commands find the dataset."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("", "value", "95 %", "made", "target", ""):
        table.add_column(name, justify="left" if name in ("", "95 %") else "right")
    for group, measures in in_order(figures.measures):
        table.add_row(Text(group, style="bold"))
        for each in measures:
            _add(table, each)
    console().print(table)
    print_lines(closing(figures, where))


def _add(table: Table, each: Measure) -> None:
    table.add_row(
        f"  {each.name}",
        shown(each.key, each.value),
        Text(between(each.key, each.low, each.high), style="dim"),
        Text(shown(each.key, each.made) if each.made is not None else "", style="dim"),
        f"{SIGNS[each.bound]} {shown(each.key, each.bar)}",
        Text(each.state, style=STYLES[each.state]),
    )
    if detail := textwrap.shorten(one_line(each.detail), DETAIL_CHARS, placeholder=" ..."):
        table.add_row(Text(f"    {detail}", style="dim"))


def closing(figures: Figures, where: str) -> list[str]:
    """How many targets are kept, what falls short, and where to look next."""
    states = [each.state for each in figures.measures]
    few = states.count("too little")
    lines = [
        f"{len(states) - few} of {len(states)} targets measured: {states.count('kept')} kept, "
        f"{len(figures.missed)} missed" + (f"; too little data for the other {few}" if few else "")
    ]
    lines += [f"missed: {each.words}" for each in figures.missed]
    if figures.missed:
        lines.append(
            f"look at: kappa-data report --by persona{where}   (or family, strategy, turn, place)"
        )
    return lines


def print_cells(figures: Figures, by: str) -> None:
    """Each measure that is broken down by `by`; UsageError where none is."""
    cells = [each for each in figures.cells if each.by == by]
    if not cells:
        groupings = sorted({each.by for each in figures.cells})
        there = f"there is: {', '.join(groupings)}" if groupings else "there is too little data"
        raise UsageError(f"report: nothing is measured by {by}; {there}")
    names = {each.key: each.name for each in figures.measures}
    for key in dict.fromkeys(each.key for each in cells):
        _print_cells(names.get(key, key), by, [each for each in cells if each.key == key])


def _print_cells(name: str, by: str, cells: Sequence[Cell]) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim", title_justify="left", title=name)
    for column in (by, "value", "95 %", "number"):
        table.add_column(column, justify="left" if column in (by, "95 %") else "right")
    for each in cells:
        table.add_row(
            Text(one_line(each.name)),
            shown(each.key, each.value),
            Text(between(each.key, each.low, each.high), style="dim"),
            f"{each.number:,}",
        )
    console().print(table)
    print_lines([""])


def as_json(figures: Figures) -> dict[str, Any]:
    """Plain values, each measure with its state."""
    plain: dict[str, Any] = msgspec.to_builtins(figures)
    for each, measure in zip(plain["measures"], figures.measures, strict=True):
        each["state"] = measure.state
    return {**plain, "missed": [each.key for each in figures.missed]}
