"""What `judge` says to people: a small table and a few lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table

from kappa_data.judge_result import (
    FILE,
    Agreement,
    Preference,
    Result,
    Share,
    SubstanceOf,
    VoiceOf,
)
from kappa_data.terminal import console, cost, print_lines

COLUMNS = (
    "persona", "pairs", "voice known", "wrong", "flips", "",
    "with none", "as good", "better", "worse", "flips",
)  # fmt: skip


def print_judged(result: Result, spent: Mapping[str, Any], root: str) -> None:
    """The result and what it took."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in COLUMNS:
        table.add_column(name, justify="left" if name == "persona" else "right")
    for name in sorted({*result.voice, *result.substance}):
        table.add_row(name, *_voice(result.voice.get(name)), "", *_help(result.substance.get(name)))
    console().print(table)
    print_lines([*lines(result), *_spent(result, spent, root)])


def _voice(found: VoiceOf | None) -> list[str]:
    if found is None:
        return ["-"] * 4
    return [str(found.right.total), short(found.right), str(found.wrong), bare(found.flipped)]


def _help(found: SubstanceOf | None) -> list[str]:
    if found is None:
        return ["-"] * 5
    counts = [str(found.better), str(found.worse)]
    return [str(found.equal.total), short(found.equal), *counts, bare(found.flipped)]


def lines(result: Result) -> Iterator[str]:
    """Position bias, and the judge beside the checks that ask no model."""
    for kind, bias in result.bias.items():
        yield (
            f"order, {kind}: {told(bias.flipped)} flip with it; of those that name a side "
            f"{told(bias.first)} name the first"
        )
    yield f"voice, beside the classifier: {_agreed(result.voice_and_classifier)}"
    yield f"wrong answers, beside the verifier: {_agreed(result.wrong_and_verifier)}"
    yield f"beside what the verifier rejected: {_preferred(result.preferred_over_rejected)}"
    yield f"beside conversations with findings: {_preferred(result.preferred_over_flagged)}"
    if result.malformed or result.refused or result.too_long:
        yield (
            f"without an answer in the form: {result.malformed:,}, refused: {result.refused:,} of "
            f"{result.questions:,} questions; too long to be asked about: {result.too_long:,} "
            "answers"
        )
    if result.teacher == "embedded":
        yield "this judge is a stand-in by rules: it shows the machine, and no quality"


def dry_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """What would be asked."""
    price = cost(found["cost"], "free" if found["free"] else found["currency"] or "")
    yield (
        f"{found['model']} would be asked {found['requests']:,} of {found['questions']:,} "
        f"questions about {found['pairs']:,} pairs (the others are answered): "
        f"{found['prompt_tokens']:,} prompt tokens and about {found['completion_tokens']:,} of "
        f"answers, cost: {price}"
    )


def told(share: Share) -> str:
    """A share with its interval, and of how many."""
    return "-" if share.share is None else f"{short(share)} of {share.total:,}"


def short(share: Share) -> str:
    """A share with its interval."""
    if share.share is None or share.low is None or share.high is None:
        return "-"
    return f"{share.share:.0%} ({share.low:.0%} to {share.high:.0%})"


def bare(share: Share) -> str:
    """A share alone."""
    return "-" if share.share is None else f"{share.share:.0%}"


def _agreed(found: Agreement) -> str:
    if found.raw is None:
        return "nothing to compare"
    kappa = "none (both say one thing alone)" if found.kappa is None else f"{found.kappa:.2f}"
    return f"{found.raw:.1%} of {found.units:,} alike, kappa {kappa}"


def _preferred(found: Preference) -> str:
    if not found.pairs:
        return "no pairs"
    return (
        f"of {found.pairs:,} pairs the other one is better in {found.without_fault:,}, as good in "
        f"{found.equal:,}, worse in {found.with_fault:,}, no opinion in {found.none:,}"
    )


def _spent(result: Result, spent: Mapping[str, Any], root: str) -> Iterator[str]:
    price = "free" if result.teacher == "embedded" else spent["currency"] or ""
    yield (
        f"{result.model}: {spent['requests']:,} requests for {result.questions:,} questions, "
        f"{spent['prompt_tokens']:,} prompt tokens, {spent['completion_tokens']:,} of answers, "
        f"cost: {cost(spent['cost'], price)}; {root}/{FILE}"
    )
