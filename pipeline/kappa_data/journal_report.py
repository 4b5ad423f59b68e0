"""What `kappa-data journal` prints."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table
from rich.text import Text

from kappa_data.printable import plain
from kappa_data.teacher.journal_file import Compacted, Found, Group, persona_of
from kappa_data.terminal import console, print_lines

COLUMNS = (
    "slots",
    "answers",
    "tool results",
    "verdicts",
    "prompt tokens",
    "completion tokens",
    "superseded",
)


def print_listed(found: Found, by: str, where: str) -> None:
    """A line for each persona, model or slot, and one for all.

    `where` holds the flags with which other commands find the dataset.
    """
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(by)
    for name in (*COLUMNS, "MB"):
        table.add_column(name, justify="right")
    for name, group in sorted(found.groups.items()):
        table.add_row(Text(plain(name)), *_cells(group))
    table.add_row(Text("all", style="bold"), *_cells(found.total()))
    console().print(table)
    if not found.groups:
        nothing = "no entry is of this persona, slot or model"
        print_lines([f"{nothing}; `kappa-data journal{where}` lists all"])
    if found.damaged:
        damaged = f"{len(found.damaged)} damaged lines"
        print_lines([f"{damaged}; `kappa-data journal check{where}` names them"])


def _cells(group: Group) -> list[str]:
    values = group.as_json()
    counts = [f"{values[name.replace(' ', '_')]:,}" for name in COLUMNS]
    return [*counts, f"{group.bytes / 1e6:.1f}"]


def print_checked(found: Found, path: Path, where: str) -> None:
    """What is damaged, and what `compact` would take away; see print_listed for `where`."""
    lines = [f"{path}: {found.lines:,} lines, {found.bytes / 1e6:.1f} MB", *found.damaged]
    if found.torn:
        lines.append(
            f"the last line has no end yet ({found.torn:,} bytes): it is being written, or a "
            "process died at it; generate cuts it off"
        )
    if found.superseded:
        lines.append(
            f"{found.superseded:,} entries have a later one to the same question, "
            f"{found.duplicates:,} of them word for word"
        )
    if found.damaged or found.superseded:
        compact = f"`kappa-data journal compact{where}`"
        lines.append(f"{compact} removes both; what was damaged is asked again")
    print_lines(lines)


def print_compacted(done: Compacted) -> None:
    """What went, by reason, and what that saved."""
    lines = []
    if done.unused:
        slots = sorted(done.unused, key=lambda slot: (persona_of(slot), slot))
        lines += [
            f"dropped, not in the plan: {slot}, {done.unused[slot]} entries" for slot in slots
        ]
    lines.append(
        f"dropped {done.damaged:,} damaged lines, {done.superseded:,} superseded entries, "
        f"{done.unused.total():,} of slots that the plan does not have"
    )
    lines.append(
        f"{done.bytes_before / 1e6:.1f} MB before, {done.bytes_after / 1e6:.1f} MB now; "
        f"{done.lines:,} entries"
    )
    print_lines(lines)
