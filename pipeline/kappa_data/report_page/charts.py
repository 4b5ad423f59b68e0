"""Which charts there are, and what they show of the figures.

A function `..._chart` gives None where the figures hold nothing to draw. `card_images` are those of
the dataset card. Names come from the data: they are cut and made harmless by `drawing.label`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from kappa_data.metrics.figures import Figures, Share, Step
from kappa_data.metrics.measure import Cell
from kappa_data.records import NOBODY
from kappa_data.report_page.drawing import Chart, bare, label, png, quieten
from kappa_data.report_page.palette import Colours, on_step, step_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 360
"""of every chart of the page: a phone shows it as it is"""
ROW = 21
UNITS = {"plan": "slots", "tokenize": "samples", "pack": "rows"}
"""what comes out of a stage, where it is no conversation"""
COMPARED = ("plan", "generate", "import", "validate", "dedupe")
"""the stages whose bars have one scale"""
GUESSED = {"anchor": "whose brief's examples it is most like"}
"""what the columns of a map are, where they are no guess of the classifier"""
RIGHT = (0.5, 0.7, 0.8, 0.9, 0.95)
WRONG = (0.01, 0.03, 0.05, 0.1, 0.2)
"""edges between the colours of a map: shares of a row"""
MARKS = "bars are what it holds, lines what the plan expected, diamonds what the settings asked for"
CARD_MAPS = ("answer", "beside calls")
CARD_TABLES = ("persona", "group", "length")


def confusion(figures: Figures) -> bytes | None:
    """Who is taken for whom, as a PNG: a map for each kind of unit, beside one another."""
    kinds = [kind for kind, table in figures.confusion.items() if table and kind in CARD_MAPS]
    if not kinds:
        return None
    height = max(_map_size(figures.confusion[kind])[1] for kind in kinds) + 24

    def draw(figure: Figure, colours: Colours) -> None:
        for number, kind in enumerate(kinds, start=1):
            axes = bare(figure, colours, len(kinds), number)
            _map(axes, figures.confusion[kind], colours)
            axes.set_title(kind, loc="left", fontsize=11, color=colours["ink"])

    return png(Chart("confusion", "who is taken for whom", (WIDTH * len(kinds), height), draw))


def funnel(figures: Figures) -> bytes | None:
    """From slots to rows, as a PNG."""
    chart = funnel_chart(figures)
    return None if chart is None else png(chart)


def voice_by_turn(figures: Figures) -> bytes | None:
    """F1 of the voices by the user's message that is answered, as a PNG."""
    chart = turn_chart(figures)
    return None if chart is None else png(chart)


def mix(figures: Figures) -> bytes | None:
    """Shares asked for, planned and got by persona, group and length, as a PNG."""
    tables = [name for name in CARD_TABLES if _lines(figures, name)]
    if not tables:
        return None
    rows = max(len(_lines(figures, name)) for name in tables)

    def draw(figure: Figure, colours: Colours) -> None:
        for number, name in enumerate(tables, start=1):
            axes = bare(figure, colours, len(tables), number)
            _shares(axes, _lines(figures, name), colours, rows)
            axes.set_title(f"by {name}", loc="left", fontsize=11, color=colours["ink"])

    return png(Chart("mix", "the mix", (WIDTH * len(tables), ROW * rows + 40), draw))


def card_images(figures: Figures) -> list[tuple[str, str, bytes]]:
    """The card's pictures: (name of the file, what it shows in words, PNG)."""
    drawn = (
        ("funnel", "From slots to rows: what came out of each stage and what it refused", funnel),
        ("confusion", "Who is taken for whom by a classifier of the voices", confusion),
        ("voice_by_turn", "How well voices are told apart, turn by turn", voice_by_turn),
        ("mix", f"Shares of the tokens: {MARKS}", mix),
    )
    found = [(name, alt, draw(figures)) for name, alt, draw in drawn]
    return [(name, alt, data) for name, alt, data in found if data is not None]


# --- each chart ----------------------------------------------------------------------------------


def funnel_chart(figures: Figures) -> Chart | None:
    """Bars of what came out of the stages, and of what they refused."""
    steps = figures.funnel
    if not steps:
        return None
    return Chart(
        "funnel",
        "from slots to rows: what came out of each stage, and what it refused",
        (WIDTH, ROW * len(steps) + 10),
        partial(_funnel, steps),
    )


def _funnel(steps: Sequence[Step], figure: Figure, colours: Colours) -> None:
    axes = bare(figure, colours)
    refused = [sum(step.rejected.values()) for step in steps]
    bars = [
        step.out + lost for step, lost in zip(steps, refused, strict=True) if step.stage in COMPARED
    ]
    for at, (step, lost) in enumerate(zip(steps, refused, strict=True)):
        end = 0
        if step.stage in COMPARED:
            axes.barh(at, step.out, height=0.62, color=colours["good"])
            axes.barh(at, lost, left=step.out, height=0.62, color=colours["bad"])
            end = step.out + lost
        said = f"{step.out:,} {UNITS.get(step.stage, '')}".rstrip()
        text = axes.annotate(
            said, (end, at), (4, 0), textcoords="offset points", va="center", color=colours["ink"]
        )
        if lost:
            axes.annotate(
                f"−{lost:,}", (1, 0.5), (6, 0), xycoords=text, textcoords="offset points",
                va="center", color=colours["bad"],
            )  # fmt: skip
    axes.set_xlim(0, max(*bars, 1, 1) * 1.6)
    axes.set_xticks([])
    _names(axes, [step.stage for step in steps])


def confusion_chart(figures: Figures, kind: str) -> Chart | None:
    """The map of one kind of unit."""
    table = figures.confusion.get(kind)
    if not table:
        return None

    def draw(figure: Figure, colours: Colours) -> None:
        _map(bare(figure, colours), table, colours)

    name = f"confusion-{list(figures.confusion).index(kind)}"
    title = f"{kind}; rows: who spoke; columns: {GUESSED.get(kind, 'who was guessed')}"
    return Chart(name, title, _map_size(table), draw)


def _classes(table: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Personas by name, nobody at the end."""
    names = {*table, *(name for row in table.values() for name in row)}
    return sorted(names, key=lambda name: (name == NOBODY, name))


def _map_size(table: Mapping[str, Mapping[str, int]]) -> tuple[float, float]:
    """A cell is as high as it is wide, names stand beside and above."""
    number = len(_classes(table))
    return WIDTH, min(24 * number, 260) + 100


def _map(axes: Axes, table: Mapping[str, Mapping[str, int]], colours: Colours) -> None:
    from matplotlib.patches import Rectangle

    names = _classes(table)
    for down, name in enumerate(names):
        row = table.get(name, {})
        whole = sum(row.values())
        for across, other in enumerate(names):
            share = row.get(other, 0) / whole if whole else 0.0
            right = name == other
            step = step_of(share, RIGHT if right else WRONG)
            shade = f"{'right' if right else 'wrong'}{step}" if share else "raised"
            place = (across - 0.47, down - 0.47)
            axes.add_patch(Rectangle(place, 0.94, 0.94, color=colours[shade], linewidth=0))
            if share:
                said = f"{share:.0%}"[:-1] if share >= 0.005 else "<1"
                axes.text(
                    across, down, said, ha="center", va="center", fontsize=9.5,
                    color=colours[on_step(step)],
                )  # fmt: skip
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(len(names) - 0.5, -0.5)
    shown = [label(name) for name in names]
    axes.set_xticks(range(len(names)), shown, rotation=90)
    axes.set_yticks(range(len(names)), shown)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)


def turn_chart(figures: Figures) -> Chart | None:
    """F1 of the voices by turn, with intervals, beside the target."""
    cells = [each for each in _cells(figures, "voice_f1", "turn") if each.name.isdecimal()]
    cells.sort(key=lambda each: int(each.name))
    if not cells:
        return None

    def draw(figure: Figure, colours: Colours) -> None:
        axes = bare(figure, colours)
        places = [int(each.name) for each in cells]
        values = [each.value for each in cells]
        for place, each in zip(places, cells, strict=True):
            if each.low is not None and each.high is not None:
                axes.plot([place, place], [each.low, each.high], color=colours["soft"], lw=5)
        axes.plot(places, values, color=colours["good"], lw=1.6, marker="o", ms=4.5)
        lowest = min(value for each in cells for value in (each.value, each.low or each.value))
        bar = _bar(figures, "voice_f1")
        _axis(axes, colours, min(lowest, 0.8 if bar is None else bar) - 0.05)
        if bar is not None:
            axes.axhline(bar, color=colours["quiet"], lw=1, ls=(0, (4, 3)))
        axes.set_xticks(places)
        axes.set_xlabel("message of the user that is answered", color=colours["quiet"])

    return Chart("voice-by-turn", "F1 of the voices, turn by turn", (WIDTH, 200), draw)


def persona_chart(figures: Figures) -> Chart | None:
    """F1 of each persona, with its interval, beside the target."""
    cells = _cells(figures, "voice_f1", "persona")
    cells.sort(key=lambda each: (each.name == NOBODY, each.name))
    if not cells:
        return None

    def draw(figure: Figure, colours: Colours) -> None:
        axes = bare(figure, colours)
        bar = _bar(figures, "voice_f1")
        for at, each in enumerate(cells):
            if each.low is not None and each.high is not None:
                axes.plot([each.low, each.high], [at, at], color=colours["soft"], lw=5)
            short = bar is not None and each.value < bar
            axes.plot(
                [each.value], [at], marker="o", ms=5, color=colours["bad" if short else "good"]
            )
            axes.annotate(
                f"{each.value:.2f}", (1.0, at), (6, 0), textcoords="offset points", va="center",
                annotation_clip=False, color=colours["bad" if short else "ink"],
            )  # fmt: skip
        lowest = min(value for each in cells for value in (each.value, each.low or each.value))
        axes.set_xlim(max(0.0, min(lowest, 0.8) - 0.05), 1.0)
        if bar is not None:
            axes.axvline(bar, color=colours["quiet"], lw=1, ls=(0, (4, 3)))
        axes.grid(axis="x", color=colours["line"], lw=0.7)
        axes.set_axisbelow(True)
        _names(axes, [each.name for each in cells])

    title = "F1 of each persona with its 95 % interval; dashed: the target"
    return Chart("voice-by-persona", title, (WIDTH, ROW * len(cells) + 44), draw)


def mix_chart(figures: Figures, table: str) -> Chart | None:
    """Shares of one table of the mix."""
    lines = _lines(figures, table)
    if not lines:
        return None

    def draw(figure: Figure, colours: Colours) -> None:
        _shares(bare(figure, colours), lines, colours, len(lines))

    title = f"shares of the tokens by {table}"
    return Chart(f"mix-{table}", title, (WIDTH, ROW * len(lines) + 12), draw)


def _shares(axes: Axes, lines: Sequence[Share], colours: Colours, rows: int) -> None:
    quieten(axes, colours)
    ends = [max(each.got, each.planned or 0.0, each.wanted or 0.0) for each in lines]
    for at, each in enumerate(lines):
        axes.barh(at, each.got, height=0.62, color=colours["soft"])
        if each.planned is not None:
            axes.plot([each.planned] * 2, [at - 0.4, at + 0.4], color=colours["ink"], lw=2)
        if each.wanted is not None:
            axes.plot([each.wanted], [at], marker="D", ms=5, ls="", color=colours["bad"])
        axes.annotate(
            f"{each.got:.1%}", (ends[at], at), (7, 0), textcoords="offset points", va="center",
            color=colours["ink"],
        )  # fmt: skip
    axes.set_xlim(0, max(*ends, 0.01) * 1.3)
    axes.set_xticks([])
    _names(axes, [each.name for each in lines])
    axes.set_ylim(rows - 0.5, -0.5)


def length_chart(figures: Figures) -> Chart | None:
    """The deciles of the samples' tokens by persona."""
    spread = {name: each for name, each in figures.lengths.items() if each and min(each) > 0}
    if not spread:
        return None
    names = sorted(spread, key=lambda name: (name == NOBODY, name))

    def draw(figure: Figure, colours: Colours) -> None:
        axes = bare(figure, colours)
        for at, name in enumerate(names):
            deciles = spread[name]  # of 10 %, 20 %, ... 100 %
            middle = deciles[(len(deciles) - 1) // 2]
            inner = deciles[len(deciles) // 5 - 1], deciles[-1 - len(deciles) // 5]
            axes.plot([deciles[0], deciles[-1]], [at, at], color=colours["quiet"], lw=1)
            axes.plot(inner, [at, at], color=colours["soft"], lw=8, solid_capstyle="butt")
            axes.plot([middle] * 2, [at - 0.3, at + 0.3], color=colours["good"], lw=2.5)
        axes.set_xscale("log")
        ends = (
            min(min(each) for each in spread.values()),
            max(max(each) for each in spread.values()),
        )
        marks = [10**power * by for power in range(1, 7) for by in (1, 2, 5)]
        near = [mark for mark in marks if ends[0] * 0.9 <= mark <= ends[1] * 1.1]
        axes.set_xticks(near[:: max(1, len(near) // 6)], minor=False)
        axes.set_xticklabels([_thousands(mark) for mark in near[:: max(1, len(near) // 6)]])
        axes.set_xticks([], minor=True)
        axes.grid(axis="x", color=colours["line"], lw=0.7)
        axes.set_axisbelow(True)
        _names(axes, names)

    title = "tokens of the samples by persona; mark: the median, thick: the middle 60 %"
    return Chart("lengths", title, (WIDTH, ROW * len(names) + 32), draw)


def count_chart(name: str, title: str, counts: Mapping[str, int]) -> Chart | None:
    """Bars of some counts, in their order."""
    if not counts:
        return None

    def draw(figure: Figure, colours: Colours) -> None:
        axes = bare(figure, colours)
        for at, count in enumerate(counts.values()):
            axes.barh(at, count, height=0.62, color=colours["soft"])
            axes.annotate(
                f"{count:,}", (count, at), (4, 0), textcoords="offset points", va="center",
                color=colours["ink"],
            )  # fmt: skip
        axes.set_xlim(0, max(*counts.values(), 1) * 1.25)
        axes.set_xticks([])
        _names(axes, list(counts))

    return Chart(name, title, (WIDTH, ROW * len(counts) + 12), draw)


def _names(axes: Axes, names: Sequence[str]) -> None:
    """Rows from above to below, with their names."""
    axes.set_yticks(range(len(names)), [label(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)


def _axis(axes: Axes, colours: Colours, lowest: float) -> None:
    """An axis of shares up to 1."""
    axes.set_ylim(max(0.0, lowest), 1.005)
    axes.grid(axis="y", color=colours["line"], lw=0.7)
    axes.set_axisbelow(True)


def _cells(figures: Figures, key: str, by: str) -> list[Cell]:
    return [each for each in figures.cells if each.key == key and each.by == by]


def _lines(figures: Figures, table: str) -> list[Share]:
    return [each for each in figures.mix if each.table == table]


def _bar(figures: Figures, key: str) -> float | None:
    return next((each.bar for each in figures.measures if each.key == key), None)


def _thousands(number: int) -> str:
    return f"{number // 1000}K" if number >= 1000 else str(number)
