"""Charts as SVG within the page, and as PNG beside the dataset card. The only user of matplotlib.

In the page a colour is a class (`f-good`: filled with it, `s-good`: drawn with it), so that both
modes have their own; text stays text in the reader's font; and there is neither a style attribute,
which the page's security policy forbids, nor an id that a second chart could have as well.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from msgspec import Struct

from kappa_data.printable import one_line
from kappa_data.report_page.palette import LIGHT, ROLES, Colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SVG = "http://www.w3.org/2000/svg"
XLINK = "{http://www.w3.org/1999/xlink}href"
UNITS = 72
"""of a chart's width and height in an inch: a unit is a pixel of the page"""
DOTS = 2.5
"""of a PNG, for a unit"""
LABEL = 26
"""characters of a name beside a chart; the tables hold it in full"""
SETTINGS = {
    "font.size": 11,
    "axes.linewidth": 0.8,
    "svg.fonttype": "none",
    "svg.hashsalt": "kappa-data",
    "text.parse_math": False,  # a name is no formula
}
# Stand in for the colours while a page's chart is drawn: no chart has such by itself.
MARKS = {role: f"#01fe{number:02x}" for number, role in enumerate(ROLES)}
CLASSES = {mark: role for role, mark in MARKS.items()}


class Chart(Struct, frozen=True):
    """What is to be drawn: `draw` fills a figure of `size` (width, height in units)."""

    name: str
    title: str
    size: tuple[float, float]
    draw: Callable[[Any, Colours], None]


def svg(chart: Chart) -> str:
    """The chart as an <svg> element; the same bytes for the same figures."""
    text = _drawn(chart, MARKS, "svg", {"Date": None, "Creator": None}).decode()
    root = ElementTree.fromstring(text)
    for unwanted in ("metadata", "defs"):
        for found in root.findall(f"{{{SVG}}}{unwanted}"):
            root.remove(found)
    wanted = _references(root)
    for element in root.iter():
        _without_style(element)
        _with_own_ids(element, chart.name, wanted)
    width, height = chart.size
    root.attrib.clear()
    root.attrib.update(
        {"viewBox": f"0 0 {width:g} {height:g}", "width": f"{width:g}", "height": f"{height:g}"}
    )
    root.attrib.update({"role": "img", "aria-label": one_line(chart.title), "class": "chart"})
    title = ElementTree.Element(f"{{{SVG}}}title")
    title.text = one_line(chart.title)
    root.insert(0, title)
    for element in root.iter():  # within HTML the elements need no namespace
        element.tag = element.tag.removeprefix(f"{{{SVG}}}")
        element.tail = None
    return ElementTree.tostring(root, encoding="unicode")


def png(chart: Chart) -> bytes:
    """The chart as a PNG in the light colours."""
    return _drawn(chart, LIGHT, "png", {"Software": None})


def _drawn(chart: Chart, colours: Colours, form: str, metadata: dict[str, None]) -> bytes:
    with _settings():
        from matplotlib.figure import Figure

        width, height = chart.size
        figure = Figure(figsize=(width / UNITS, height / UNITS), layout="constrained")
        figure.patch.set_facecolor(colours["paper"] if form == "png" else "none")
        chart.draw(figure, colours)
        file = io.BytesIO()
        figure.savefig(file, format=form, dpi=UNITS * DOTS, metadata=metadata)
        return file.getvalue()


@contextmanager
def _settings() -> Iterator[None]:
    """matplotlib's own settings and ours, whatever the user's are."""
    import matplotlib.style

    with (
        matplotlib.style.context(["default", SETTINGS], after_reset=True),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings(
            "ignore", message="Glyph .* missing from font", category=UserWarning
        )
        yield


def bare(figure: Figure, colours: Colours, columns: int = 1, column: int = 1) -> Axes:
    """Axes without a frame; the `column`th of so many beside one another."""
    axes = figure.add_subplot(1, columns, column)
    quieten(axes, colours)
    return axes


def quieten(axes: Axes, colours: Colours) -> None:
    """Takes the frame away, and gives the labels the colour of text."""
    axes.set_facecolor("none")
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(
        length=0, color=colours["line"], labelcolor=colours["ink"], labelsize=11, pad=3
    )


def label(name: str) -> str:
    """A name as it stands beside a chart: in one harmless line, and not too long."""
    plain = one_line(name)
    return plain if len(plain) <= LABEL else plain[: LABEL - 1] + "…"


def _references(root: ElementTree.Element) -> set[str]:
    """The ids that are used within the chart."""
    found = set()
    for element in root.iter():
        for value in element.attrib.values():
            if value.startswith("#"):
                found.add(value[1:])
            elif value.startswith("url(#"):
                found.add(value[5:-1])
    return found


def _with_own_ids(element: ElementTree.Element, name: str, wanted: set[str]) -> None:
    id = element.attrib.pop("id", None)
    if id in wanted:
        element.set("id", f"{name}-{id}")
    if XLINK in element.attrib:
        element.set("href", f"#{name}-{element.attrib.pop(XLINK)[1:]}")
    clip = element.get("clip-path", "")
    if clip.startswith("url(#"):
        element.set("clip-path", f"url(#{name}-{clip[5:]}")


def _without_style(element: ElementTree.Element) -> None:
    """Colours as classes, the rest as attributes; the page's style sheet names the font."""
    classes = []
    for declared in element.attrib.pop("style", "").split(";"):
        name, _, value = (part.strip() for part in declared.partition(":"))
        if not name or name.startswith("font-family"):
            continue
        if value in CLASSES:
            classes.append(f"{'f' if name == 'fill' else 's'}-{CLASSES[value]}")
        else:
            element.set(name, value)
    if classes:
        element.set("class", " ".join(classes))
