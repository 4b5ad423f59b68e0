"""The figures as the page's tables show them: names, and numbers as people read them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kappa_data.judge_result import Result, Share
from kappa_data.metrics.figures import Figures, Worn
from kappa_data.metrics.meaning import MEANING
from kappa_data.metrics.measure import GROUPS, Cell, Measure, in_order, shown
from kappa_data.records import NOBODY
from kappa_data.report_page.charts import UNITS

SIGNS = {"kept": "✓", "missed": "✗", "too little": "–"}
OTHERS = "others"
COLUMNS = 7
"""of a table, which the page's width holds"""
GROUPINGS = ("persona", "place", "turn", "family", "strategy", "special", "split")


def verdict(figures: Figures) -> dict[str, Any]:
    """The gates in one line; "few": half of them and more have too little data."""
    missed = [each.name for each in figures.missed]
    kept = sum(each.state == "kept" for each in figures.measures)
    measured = kept + len(missed)
    few = measured <= len(figures.measures) - measured
    return {
        "state": "missed" if missed else "few" if few else "kept",
        "missed": missed,
        "kept": kept,
        "measured": measured,
        "unmeasured": len(figures.measures) - measured,
        "all": len(figures.measures),
    }


def funnel(figures: Figures) -> list[dict[str, Any]]:
    """What each stage refused, the most frequent reason first."""
    return [
        {
            "stage": step.stage,
            "out": f"{step.out:,} {UNITS.get(step.stage, 'conversations')}",
            "refused": [
                f"{reason} {count:,}"
                for reason, count in sorted(step.rejected.items(), key=lambda each: -each[1])
            ],
        }
        for step in figures.funnel
    ]


def measures(figures: Figures) -> list[tuple[str, list[dict[str, Any]]]]:
    """The measures by group; those that no group names come last."""
    known = {key for keys in GROUPS.values() for key in keys}
    others = [each for each in figures.measures if each.key not in known]
    groups = [*in_order(figures.measures), *([(OTHERS, others)] if others else [])]
    return [(group, [_measure(each) for each in own]) for group, own in groups]


def _measure(each: Measure) -> dict[str, Any]:
    examples = ", ".join(each.examples)
    return {
        "name": each.name,
        "meaning": MEANING.get(each.key, ""),
        "value": shown(each.key, each.value),
        "between": _between(each.key, each.low, each.high),
        "target": f"{'≥' if each.bound == 'at least' else '≤'} {shown(each.key, each.bar)}",
        "made": "" if each.made is None else shown(each.key, each.made),
        "number": f"{each.number:,}" if each.number else "",
        "state": each.state,
        "sign": SIGNS[each.state],
        "about": each.detail,
        "examples": f"for instance {examples}" if examples else "",
    }


def cells(figures: Figures) -> list[dict[str, Any]]:
    """For each grouping the measures that are known by it, a row for each of its names: in tables
    of COLUMNS measures at most."""
    found = []
    for by in GROUPINGS:
        own = [each for each in figures.cells if each.by == by]
        if not own:
            continue
        keys = list(dict.fromkeys(each.key for each in own))
        names = sorted({each.name for each in own}, key=_by_name)
        at = {(each.name, each.key): each for each in own}
        parts = [keys[first : first + COLUMNS] for first in range(0, len(keys), COLUMNS)]
        found.append(
            {
                "by": by,
                "parts": [
                    {
                        "heads": [_title(figures, key) for key in part],
                        "rows": [
                            (name, [_cell(figures, at.get((name, key))) for key in part])
                            for name in names
                        ],
                    }
                    for part in parts
                ],
            }
        )
    return found


def _by_name(name: str) -> tuple[int, int, str]:
    """Numbers as numbers, nobody after the personas."""
    return (name == NOBODY, int(name) if name.isdecimal() else 0, name)


def _title(figures: Figures, key: str) -> str:
    return next((each.name for each in figures.measures if each.key == key), key)


def _cell(figures: Figures, cell: Cell | None) -> dict[str, Any]:
    if cell is None:
        return {"value": "", "between": "", "number": "", "off": False}
    measure = next((each for each in figures.measures if each.key == cell.key), None)
    off = measure is not None and (
        cell.value < measure.bar if measure.bound == "at least" else cell.value > measure.bar
    )
    return {
        "value": shown(cell.key, cell.value),
        "between": _between(cell.key, cell.low, cell.high),
        "number": f"{cell.number:,}" if cell.number else "",
        "off": off,
    }


def _between(key: str, low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{shown(key, low)} – {shown(key, high)}"


def worn(found: Iterable[Worn]) -> list[dict[str, Any]]:
    """Phrases or openers in the order of the figures; `first`: the most worn of its persona."""
    rows = [each for each in found if each.phrase]
    firsts = {each.persona: each for each in reversed(rows)}
    return [
        {
            "persona": each.persona,
            "first": each is firsts[each.persona],
            "phrase": each.phrase,
            "share": f"{each.share:.1%}",
            "brought": f"{each.brought:+.1%}",
            "between": f"{each.low:.1%} – {each.high:.1%}" if each.turns else "",
            "examples": [(held.conversation, held.turn, held.text) for held in each.examples],
        }
        for each in rows
    ]


def off(figures: Figures) -> list[tuple[str, list[str]]]:
    """Of the mix what came out otherwise than asked for: the line, asked for, planned, here."""
    return [
        (
            f"{each.table} {each.name}",
            [_share(each.wanted), _share(each.planned), _share(each.got)],
        )
        for each in figures.off
    ]


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def alike(figures: Figures) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Heads and rows of the likeness of personas."""
    heads = list(dict.fromkeys(name for each in figures.alike.values() for name in each))
    return heads, [
        (pair, [_number(each.get(head)) for head in heads])
        for pair, each in sorted(figures.alike.items())
    ]


def packing(figures: Figures) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Heads and rows of the splits; a density in per cent."""
    heads = list(dict.fromkeys(name for each in figures.packing.values() for name in each))
    return heads, [
        (
            split,
            [
                _per_cent(each.get(head)) if head == "density" else _number(each.get(head))
                for head in heads
            ],
        )
        for split, each in figures.packing.items()
    ]


def cost(figures: Figures) -> list[tuple[str, str]]:
    """What was asked for, in the order of the figures."""
    return [(name, _number(value)) for name, value in figures.cost.items()]


def opinion(found: Result) -> dict[str, Any]:
    """The judge's opinion by persona, and how far it agrees with the checks."""
    names = sorted({*found.voice, *found.substance})
    rows = []
    for name in names:
        voice, help = found.voice.get(name), found.substance.get(name)
        row = (
            [_part(voice.right), str(voice.wrong), _part(voice.flipped)] if voice else ["", "", ""]
        )
        row += (
            [_part(help.equal), str(help.better), str(help.worse), _part(help.flipped)]
            if help
            else [""] * 4
        )
        rows.append((name, row))
    agreements = [
        (name, f"{each.units:,}", _per_cent(each.raw), _number(each.kappa))
        for name, each in (
            ("voice, beside the classifier", found.voice_and_classifier),
            ("wrong answers, beside the verifier", found.wrong_and_verifier),
        )
    ]
    return {
        "model": found.model,
        "stand_in": found.teacher == "embedded",
        "rows": rows,
        "agreements": agreements,
    }


def _part(part: Share) -> str:
    if part.share is None:
        return "–"
    between = ""
    if part.low is not None and part.high is not None:
        between = f" ({part.low:.0%} – {part.high:.0%})"
    return f"{part.count} of {part.total}{between}"


def _per_cent(value: float | None) -> str:
    return "–" if value is None else f"{value:.2%}"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3f}".rstrip("0").rstrip(".")
