"""Writes the page: one file, that asks nothing of anybody and runs nothing but its own script.

All text comes from outside: from a teacher, from tools, from imported files. In the tables it is
escaped by the template; in the browser of conversations it is compressed data, which the script
puts into the page as text only. Control characters and marks that reorder text are written out. The
page's policy names its one style sheet and its one script by their sha256, and allows nothing else.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup
from msgspec import Struct

from kappa_data.config import Settings
from kappa_data.disk import write_durably
from kappa_data.formats.samples import choices
from kappa_data.judge_result import Result
from kappa_data.metrics.figures import TOLERANCE, Figures, of_sections
from kappa_data.printable import one_line
from kappa_data.records import Section, canonical_json
from kappa_data.report_page import charts, drawn, tables
from kappa_data.report_page.drawing import Chart, svg
from kappa_data.report_page.opinion import stale
from kappa_data.report_page.palette import DARK, LIGHT, ROLES, Colours
from kappa_data.report_page.talk import compressed, packed
from kappa_data.resources import Resources, digest_of
from kappa_data.store import Sealed

TEMPLATE = "data/seeds/report/page.html.j2"
STYLE = "data/seeds/report/page.css"
SCRIPT = "data/seeds/report/page.js"
FILE = "report.html"
VERSION = 2
"""raised where the same figures make another page"""
HEAD = 2_000
"""bytes in which a page says which one it is"""


class Samples(Struct, frozen=True):
    """The conversations of the page: `data` is JSON with nothing but base64 in it."""

    data: str
    number: int
    whole: int
    teachers: dict[str, int]


def write(
    path: Path,
    dataset: str,
    outputs: Mapping[str, Sealed],
    settings: Settings,
    resources: Resources,
    opinion: Result | None = None,
) -> None:
    """Writes the page of the report among `outputs` (by the stages' names), whole or not at all.

    The same outputs, settings and opinion give the same file: where it is there it is left alone.
    """
    sealed = outputs["report"]
    told = None if opinion is None else tables.opinion(opinion) | {"stale": stale(opinion, outputs)}
    identity = digest_of(
        {
            "version": str(VERSION),
            "report": sealed.manifest.key,  # it has all earlier stages in it
            "dataset": dataset,
            "samples": str(settings.report.samples),
            "opinion": canonical_json(told),
            **{name: resources.read(name) for name in (TEMPLATE, STYLE, SCRIPT)},
        }
    )
    if _is_there(path, identity):
        return
    figures = of_sections(list(sealed.read("report", Section)))
    page = render(
        figures,
        samples(outputs, settings),
        {
            "dataset": dataset,
            "created": sealed.manifest.created[:16].replace("T", " "),
            "version": sealed.manifest.kappa_data,
            "key": sealed.manifest.key,
            "identity": identity,
            "format": settings.tokenize.format,
        },
        resources,
        told,
    ).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, page)


def _is_there(path: Path, identity: str) -> bool:
    """Whether the file is the page of that identity, which stands near its beginning."""
    try:
        with path.open("rb") as file:
            return f'content="{identity}"'.encode() in file.read(HEAD)
    except FileNotFoundError:
        return False


def samples(outputs: Mapping[str, Sealed], settings: Settings) -> Samples:
    """Draws the conversations, and packs each task by itself: what is not looked at stays so."""
    found = drawn.sources(outputs)
    everything = list(drawn.entries(found, outputs["validate"]))
    chosen = drawn.draw(everything, settings.report.samples, settings.report.seed)
    form = choices(settings.tokenize)
    tasks = Counter(each.task for each in everything)
    chunks: list[str] = []
    rows: list[list[Any]] = []
    shown = drawn.read(found, outputs["validate"], chosen)
    for task, run in groupby(shown, key=lambda each: each.entry.task):
        own = list(run)
        for place, each in enumerate(own):
            entry = each.entry
            said = [entry.id, task, entry.family, entry.persona, entry.outcome, *entry.rules]
            number = len(each.conversation.messages) if each.conversation else 0
            rows.append([*(one_line(word) for word in said[:5]), [one_line(w) for w in said[5:]],
                         number, len(chunks), place, tasks[task]])  # fmt: skip
        chunks.append(packed(own, form))
    teachers = Counter(each.teacher for each in everything if each.teacher)
    # Base64 within JSON: there is no sign in it that could end the element around it.
    listed = ",\n".join(f'"{chunk}"' for chunk in chunks)
    data = f'{{"index":"{compressed(rows)}","chunks":[{listed}]}}'
    return Samples(data, len(rows), len(everything), dict(teachers.most_common()))


def render(
    figures: Figures,
    found: Samples,
    facts: Mapping[str, str],
    resources: Resources,
    opinion: Mapping[str, Any] | None = None,
) -> str:
    """The page as HTML."""
    style, script = style_sheet(resources), resources.read(SCRIPT)
    environment = ImmutableSandboxedEnvironment(
        loader=jinja2.FunctionLoader(resources.read),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template(TEMPLATE).render(
        facts=facts,
        policy=policy(style, script),
        style=Markup(style),
        script=Markup(script),
        data=Markup(found.data),
        found=found,
        verdict=tables.verdict(figures),
        funnel=tables.funnel(figures),
        measures=tables.measures(figures),
        cells=tables.cells(figures),
        phrases_rows=tables.worn(figures.phrases),
        openers=tables.worn(figures.openers),
        off=tables.off(figures),
        tolerance=TOLERANCE,
        marks=charts.MARKS,
        alike=tables.alike(figures),
        packing=tables.packing(figures),
        cost=tables.cost(figures),
        opinion=opinion,
        **_charts(figures),
    )
    return f"{text.strip()}\n"


def style_sheet(resources: Resources) -> str:
    """The colours of both modes as variables, the classes of charts, and the page's own rules."""
    classes = "\n".join(
        f".f-{role}{{fill:var(--{role})}}.s-{role}{{stroke:var(--{role})}}" for role in ROLES
    )
    return (
        f":root{{color-scheme:light;{_variables(LIGHT)}}}\n"
        "@media (prefers-color-scheme:dark){"
        f":root:not([data-mode=light]){{color-scheme:dark;{_variables(DARK)}}}}}\n"
        f":root[data-mode=dark]{{color-scheme:dark;{_variables(DARK)}}}\n"
        f"{classes}\n{resources.read(STYLE)}"
    )


def policy(style: str, script: str) -> str:
    """The content security policy: nothing but this style sheet and this script."""
    return (
        f"default-src 'none'; script-src '{_sha256(script)}'; style-src '{_sha256(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _sha256(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _variables(colours: Colours) -> str:
    return "".join(f"--{role}:{colour};" for role, colour in colours.items())


def _harmless(value: object) -> object:
    """What a template puts out: text in one line, control characters written out."""
    return value if isinstance(value, Markup) else one_line(str(value))


def _charts(figures: Figures) -> dict[str, Any]:
    """The charts by the section they stand in; an empty list: not measured."""
    rules = dict(sorted(figures.rules.items(), key=lambda each: (-each[1], each[0])))
    kinds = [charts.confusion_chart(figures, kind) for kind in figures.confusion]
    lines = [charts.mix_chart(figures, name) for name in ("persona", "group", "length", "family")]
    counts = [
        charts.length_chart(figures),
        charts.count_chart(
            "turns", "conversations by how many messages of the user they answer", figures.turns
        ),
    ]
    return {
        "funnel_charts": _drawn(charts.funnel_chart(figures)),
        "confusion_charts": _drawn(*kinds),
        "voice_charts": _drawn(charts.persona_chart(figures), charts.turn_chart(figures)),
        "length_charts": _drawn(*counts),
        "mix_charts": _drawn(*lines),
        "rule_charts": _drawn(charts.count_chart("rules", "findings by rule", rules)),
    }


def _drawn(*found: Chart | None) -> list[tuple[str, Markup]]:
    return [(each.title, Markup(svg(each))) for each in found if each is not None]
