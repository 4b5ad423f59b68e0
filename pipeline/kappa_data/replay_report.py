"""What `replay` prints; every text of a record goes through `printable`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from kappa_data.printable import one_line
from kappa_data.replay.rerun import CLASSES
from kappa_data.terminal import console, print_lines

MOST_SHOWN = 20
"""conversations whose differences are printed; --json has all"""
MOST_ROWS, NAME_CHARS = 50, 200
STYLES = {"identical": "green", "normalised": "green", "volatile": "yellow", "mismatch": "red"}


def print_replayed(found: Mapping[str, Any]) -> None:
    """Tables by family and tool, then each conversation that differs."""
    counts = found["conversations"]
    total = sum(counts.values())
    for what in ("families", "tools"):
        _print_table(what, found[what])
    shares = ", ".join(f"{name} {n:,} ({n / total:.1%})" for name, n in counts.items())
    lines = [f"{total:,} conversations with calls: {shares}" if total else "no calls to run"]
    if found["without calls"]:
        lines.append(f"{found['without calls']:,} without calls")
    for key, what in (
        ("trees", "final files"), ("rules", "rules used"), ("workspaces", "workspaces"),
    ):  # fmt: skip
        if found[key]:
            lines.append(f"{what}: {_counted(found[key])}")
    if found["other programs"]:
        lines.append(f"made with other programs in the sandbox: {found['other programs']:,}")
    if found["unreadable"]:
        some = "; ".join(map(one_line, found["unreadable"][:3]))
        lines.append(f"records not read: {found['records not read']:,} ({some})")
    print_lines(lines)
    _print_differences(found["not identical"])


def _print_differences(differing: Sequence[Mapping[str, Any]]) -> None:
    """The worst first: mismatches, what was not run, what is volatile, what is normalised."""
    worst = sorted(differing, key=lambda each: -CLASSES.index(each["result"]))
    lines = []
    for each in worst[:MOST_SHOWN]:
        why = f" ({each['reason']})" if each["reason"] else ""
        lines.append(one_line(f"{each['result']}: {each['id'][:NAME_CHARS]}{why}"))
        calls = [call for call in each["calls"] if call["result"] == each["result"]]
        for call in calls[:1]:
            rules = ", ".join(call["rules"])
            reason = rules or call["reason"]
            more = f" (and {len(calls) - 1} more)" if len(calls) > 1 else ""
            lines.append(
                one_line(
                    f"  message {call['message']}, {call['tool'][:NAME_CHARS]}: {reason}{more}"
                )
            )
            if call["recorded"] or call["replayed"]:
                lines.append(one_line(f"    - {call['recorded']}"))
                lines.append(one_line(f"    + {call['replayed']}"))
        if each["tree"] in ("volatile", "mismatch"):
            lines.append(f"  final files: {each['tree']}")
    if len(worst) > MOST_SHOWN:
        lines.append(f"... and {len(worst) - MOST_SHOWN:,} more; --json has all")
    print_lines(lines)


def _print_table(what: str, rows: Mapping[str, Mapping[str, int]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(what)
    for column in CLASSES:
        table.add_column(column, justify="right")
    for name, counts in list(rows.items())[:MOST_ROWS]:
        cells = [
            Text(f"{counts.get(each, 0) or '-'}", style=STYLES.get(each, "")) for each in CLASSES
        ]
        table.add_row(Text(one_line(name)[:60]), *cells)
    if rows:
        console().print(table)
    if len(rows) > MOST_ROWS:
        print_lines([f"... and {len(rows) - MOST_ROWS:,} more {what}; --json has all"])


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in counts.items())
