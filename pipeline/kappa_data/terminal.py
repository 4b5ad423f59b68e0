"""What people read at the end of a command; text from outside is printed as plain text."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kappa_data.printable import plain

MARKS = {"built": "green", "up-to-date": "cyan", "up to date": "cyan"}


def console(color: bool = True) -> Console:
    """Standard output; wide enough for paths where it is not a terminal."""
    return Console(
        width=None if sys.stdout.isatty() else 120, highlight=False, no_color=not color or None
    )


def print_stages(stages: Sequence[Mapping[str, Any]]) -> None:
    """One line a stage: what came out, what was rejected and why."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name, justify in (
        ("stage", "left"),
        ("status", "left"),
        ("records", "right"),
        ("rejected", "left"),
        ("seconds", "right"),
    ):
        table.add_column(name, justify="right" if justify == "right" else "left")
    for each in stages:
        rejected = ", ".join(f"{reason} {n}" for reason, n in each["rejected"].items()) or "-"
        table.add_row(
            each["stage"],
            Text(each["status"], style=MARKS.get(each["status"], "yellow")),
            f"{each['records']:,}",
            Text(plain(rejected)),
            f"{each['seconds']:.1f}",
        )
    console().print(table)


def print_status(stages: Sequence[Mapping[str, Any]]) -> None:
    """One line a stage: up to date, or why not; where its tool results come from."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("stage", "status", "key", "records", "tool results"):
        table.add_column(name, justify="right" if name == "records" else "left")
    for each in stages:
        records = "-" if each["records"] is None else f"{each['records']:,}"
        style = MARKS.get(each["status"], "yellow")
        status = Text(plain(each["status"]), style=style)
        grounding = ", ".join(f"{name} {n:,}" for name, n in (each["grounding"] or {}).items())
        table.add_row(each["stage"], status, each["key"] or "-", records, grounding or "-")
    console().print(table)


def print_generated(stage: Mapping[str, Any], where: str) -> None:
    """What `generate` cost, and what to do next; see print_packed for `where`."""
    run = stage.get("run")
    line = "cost: nothing, it was there"
    if run is not None:
        spent = run["spent"]
        failed, guessed = spent["failed_requests"], spent["answers_with_estimated_tokens"]
        price = cost(spent["cost"], spent["currency"] or "")
        line = (
            f"cost: {price} for {spent['requests']:,} requests"
            f"{f' ({failed:,} of them failed)' if failed else ''}, "
            f"{spent['prompt_tokens']:,} prompt tokens, {spent['completion_tokens']:,} of answers"
            f"{f' (of {guessed:,} answers estimated)' if guessed else ''}"
        )
    print_lines([line, f"next: kappa-data pack{where}   (or show --random{where})"])


def cost(value: float | None, currency: str) -> str:
    """Money for people; None: its price is unknown; "free": nothing is ever asked for it."""
    if currency == "free":
        return currency
    if value is None:
        return "unknown (no price)"
    return f"{value:,.{2 if value >= 100 else 4}f} {currency}".rstrip()


def print_packed(figures: Mapping[str, Any], where: str) -> None:
    """What `pack` made of the samples: rows by split, how full, what is left out, what is missing.

    `where` holds the flags with which other commands find the dataset.
    """
    train = figures["splits"]["train"]
    rows = ", ".join(f"{name} {each['rows']:,}" for name, each in figures["splits"].items())
    lines = [f"rows: {rows}"]
    if train["rows"]:
        lines.append(
            f"train: {train['steps']:,} steps, {train['density']:.1%} full, "
            f"{train['tokens']:,} tokens, {train['trained tokens']:,} trained; "
            f"the dearest row costs {train['cost max/mean']:.3f} times the mean"
        )
    if figures["cut samples"]:
        lines.append(f"cut: {figures['cut samples']:,} samples by {figures['cut tokens']:,} tokens")
    if figures.get("rows missing"):
        lines.append(
            f"missing: {figures['rows missing']:,} of {figures['rows wanted']:,} rows; "
            f"next: kappa-data plan --top-up{where}"
        )
    print_lines(lines)


def print_release(figures: Mapping[str, Any], folder: Path, where: str) -> None:
    """The closing words of `run`: what was made, where it is, what to try next.

    `where` holds the flags with which other commands find the dataset.
    """
    out = console()
    out.print()
    made = (
        f"{figures['conversations']:,} conversations, {_speakers(figures['personas'])}; "
        f"{figures['samples']:,} samples in {figures['rows']:,} packed rows of "
        f"{figures['seq_len']:,} tokens ({figures['trained tokens']:,} trained)"
    )
    out.print(Text.assemble(("made   ", "bold"), made))
    out.print(Text.assemble(("where  ", "bold"), str(folder)), soft_wrap=True)
    for name, command in (
        ("read   ", f"kappa-data show --random{where}"),
        ("tokens ", f"kappa-data show --random --tokens{where}"),
        ("prove  ", f"kappa-data verify{where}"),
        ("load   ", f'datasets.load_dataset("{folder}", "packed")'),
        (
            "next   ",
            "kappa-data run --dataset mine --personas all --model NAME --base-url http://...",
        ),
    ):
        out.print(Text.assemble((name, "bold"), (command, "cyan")), soft_wrap=True)


def _speakers(personas: Sequence[str]) -> str:
    named = [name for name in personas if name != "none"]
    if not named:
        return "no persona"
    words = f"{len(named)} personas" if len(named) != 1 else f"persona {named[0]}"
    return f"{words} and no persona" if "none" in personas else words


def print_verified(found: dict[str, Any]) -> None:
    """The faults, or that there are none; and what could not be looked at."""
    print_lines(found["faults"] or [f"{found['rows']} rows proved: {found['dir']}"])
    if not found["compared with samples"]:
        print_lines(["the samples are not here: no document was compared with its sample"])


def print_lines(lines: Sequence[str]) -> None:
    """Plain lines."""
    for line in lines:
        console().print(plain(line), markup=False, soft_wrap=True)
