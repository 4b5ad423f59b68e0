"""What `plan --explain` prints."""

from __future__ import annotations

from itertools import groupby

from rich.table import Table
from rich.text import Text

from kappa_data.explain import Explained
from kappa_data.printable import plain
from kappa_data.terminal import console, cost, print_lines

OF = {
    "streams": "of the slots",
    "personas": "of the slots",
    "groups": "of the tokens",
    "families": "of the tasks of the group",
    "lengths": "of the tokens, by the longest document",
    "specials": "of the slots that can",
    "references": "of the slots with tools",
}


def print_explained(found: Explained) -> None:
    """A line a share, what all slots together are expected to take, and what cannot be met."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("share")
    for name in ("wanted", "planned", "realised", "off", "slots", "expected tokens"):
        table.add_column(name, justify="right")
    for name, lines in groupby(found.lines, key=lambda line: line.table):
        table.add_row(Text(f"{name} ({OF[name]})", style="bold"))
        for line in lines:
            real = found.realised.get(name, {}).get(line.name, 0.0 if found.realised else None)
            now = line.planned if real is None else real
            table.add_row(
                Text(f"  {plain(line.name)}"),
                _percent(line.wanted),
                _percent(line.planned),
                _percent(real),
                "" if line.wanted is None else f"{(now - line.wanted) * 100:+.1f}",
                f"{line.slots:,}",
                f"{line.tokens:,.0f}",
            )
    console().print(table)
    print_lines([*_totals(found), *_realised(found), *found.notes])


def _totals(found: Explained) -> list[str]:
    whole = found.totals
    currency = "free" if whole["free"] else whole["currency"] or ""
    cached = ""
    if whole["cost"] != whole["cost_if_cached"]:
        cached = f", {cost(whole['cost_if_cached'], currency)} where the endpoint caches prefixes"
    return [
        "",
        f"{whole['slots']:,} slots of {whole['tasks']:,} tasks, expected: {whole['tokens']:,} "
        f"tokens to train on; {whole['requests']:,} requests, {whole['prompt_tokens']:,} prompt "
        f"tokens and {whole['completion_tokens']:,} of answers; cost: "
        f"{cost(whole['cost'], currency)}{cached} (generate --dry-run measures it)",
    ]


def _realised(found: Explained) -> list[str]:
    if len(found.survival) < 2:
        return []
    stages = " -> ".join(f"{name} {count:,}" for name, count in found.survival.items())
    lines = [f"conversations: {stages}"]
    if found.lengthen:
        factors = ", ".join(f"{name} = {factor:g}" for name, factor in found.lengthen.items())
        lines.append(f"measured over expected tokens: lengthen = {{ {factors} }}")
    return lines


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
