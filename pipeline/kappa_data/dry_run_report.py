"""What `generate --dry-run` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from kappa_data.printable import plain
from kappa_data.progress import duration
from kappa_data.terminal import console, cost, print_lines

EXAMPLE_CHARS = 1200
COLUMNS = (
    "conversations",
    "done",
    "go on",
    "new",
    "requests",
    "prompt tokens",
    "completion tokens",
    "cost",
    "time",
)
UNKNOWN = "unknown"


def print_dry_run(found: Mapping[str, Any]) -> None:
    """A line a persona and one for all, what they are reckoned from, and an example."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("persona")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for name, row in found["personas"].items():
        table.add_row(Text(plain(name)), *_cells(row, found))
    table.add_row(Text("all", style="bold"), *_cells(found["total"], found))
    console().print(table)
    print_lines([*_basis(found), *_caps(found)])
    if example := found["example"]:
        system = example["system"]
        more = f"\n... ({len(system):,} characters; --json has them all)"
        print_lines(
            [
                "",
                f"what {example['model']} is told first, for {example['slot']}:",
                system if len(system) <= EXAMPLE_CHARS else system[:EXAMPLE_CHARS] + more,
                f"user: {example['user']}",
            ]
        )


def _cells(row: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    counts = [row[name.replace(" ", "_")] for name in COLUMNS[:-2]]
    seconds = row["seconds"]
    currency = "free" if found["free"] else found["currency"] or ""
    money = UNKNOWN if row["cost"] is None else cost(row["cost"], currency)
    return [
        *(UNKNOWN if count is None else f"{count:,}" for count in counts),
        money,
        UNKNOWN if seconds is None else duration(seconds) if seconds else "-",
    ]


def _basis(found: Mapping[str, Any]) -> list[str]:
    count = found["conversations_measured"]
    if found["basis"] is None:
        return ["nothing is missing: all of it is in the journal"]
    if found["basis"] == "measured":
        share = found["total"]["quarantined_share"]
        lines = [
            f"reckoned from {count:,} conversations in the journal, {share:.1%} of them in "
            f"quarantine; time at {found['concurrency']:,} conversations in flight"
        ]
    else:
        lines = [
            f"reckoned from {count:,} conversations that the embedded teacher played: prompts are "
            "as they will be, its words stand for the model's, whose reasoning may be longer; "
            "a pilot (--limit) measures it, and how long it takes"
        ]
    if found["total"]["cost"] is None:
        lines.append("the price is unknown: write it into ./prices.toml, see docs/generation.md")
    return lines


def _caps(found: Mapping[str, Any]) -> list[str]:
    return [
        f"{name} lets about {share:.0%} of it through"
        if share < 1
        else f"{name} is enough for all of it"
        for name, share in found["caps"].items()
    ]
