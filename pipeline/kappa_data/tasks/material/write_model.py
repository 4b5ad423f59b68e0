"""What a document is written from: things said in a meeting, corrections, lines not to be told.

The items are in `data/seeds/tasks/write_settings.toml`.
"""

from __future__ import annotations

import functools
import json
import tomllib
from datetime import date, timedelta

import msgspec
from msgspec import Struct

from kappa_data.records import Check, CommandCheck
from kappa_data.resources import Resources
from kappa_data.tasks.material.domains import FIRST
from kappa_data.tasks.material.phrasing import number, word
from kappa_data.tasks.wording import Wording

FILE = "data/seeds/tasks/write_settings.toml"
_CHECK = '''\
"""Checks a written document: headings in order, facts below the right one, length, silence."""
import json
import re
import sys

text = open(sys.argv[1], encoding="utf-8").read()
spec = json.load(open(sys.argv[2], encoding="utf-8"))
if len(text.split()) > spec["most"]:
    sys.exit(f"{len(text.split())} words, more than {spec['most']}")
for pattern in spec["lacks"]:
    if found := re.search(pattern, text, re.IGNORECASE):
        sys.exit(f"says {found[0]}")
rest = text
for heading, facts in spec["parts"]:
    if heading:
        found = re.search(rf"(?m)^#+ *\\**{heading}\\**:? *$", rest, re.IGNORECASE)
        if not found:
            sys.exit(f"no heading {heading} in its place")
        rest = rest[found.end():]
    part = re.split(r"(?m)^#+ ", rest)[0] if heading else rest
    for fact in facts:
        if not re.search(fact, part, re.IGNORECASE):
            sys.exit(f"{heading}: lacks {fact}")
'''


class Item(Struct, frozen=True, forbid_unknown_fields=True):
    """Something that was said, and its line in a document; `key` finds it, as a pattern."""

    under: str
    about: str
    key: str
    raw: str
    neat: str


class Secret(Struct, frozen=True, forbid_unknown_fields=True):
    """Something that was said and may not be written; `key` is a word of it."""

    raw: str
    key: str


class Setting(Struct, frozen=True, forbid_unknown_fields=True):
    """A project that people meet about."""

    name: str
    items: list[Item]


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    setting: list[Setting]
    secrets: list[Secret]


class Point(Struct, frozen=True):
    """An item with its figures; `old` was said first, where it was corrected."""

    item: Item
    n: int
    day: date
    person: str
    old: int = 0

    def raw(self) -> str:
        """As it was said, with the first figure."""
        return self._put(self.item.raw, self.old or self.n)

    def neat(self) -> str:
        """As it belongs into a document."""
        return self._put(self.item.neat, self.n)

    def facts(self) -> list[str]:
        """Regular expressions for what a document has to say about it."""
        key = self.item.key
        if "{n}" in self.item.raw:
            return [number(self.n)]  # the figure is said of nothing else
        found = [rf"(?<!\w){key.removesuffix('s')}"]
        if "{p}" in self.item.raw:
            found.append(word(self.person))
            found.append(day_fact(self.day))
        return found

    def _put(self, text: str, n: int) -> str:
        return text.format(n=n, d=said(self.day), p=self.person)


def said(day: date) -> str:
    """`12 March`."""
    return f"{day.day} {day:%B}"


def day_fact(day: date) -> str:
    """A regular expression for the day, in the usual spellings."""
    month, short = f"{day:%B}", f"{day:%b}"
    return (
        rf"(?<!\d){day.day}(?:st|nd|rd|th|\.)? (?:of )?(?:{month}|{short})|"
        rf"(?:{month}|{short})\.? {day.day}(?!\d)|-{day.month:02d}-{day.day:02d}(?!\d)|"
        rf"(?<!\d)0?{day.day}[./]0?{day.month}(?!\d)"
    )


@functools.cache
def material() -> tuple[tuple[Setting, ...], tuple[Secret, ...]]:
    """Settings and secrets. Loaded once: tasks are a function of seed and shipped material."""
    held = msgspec.convert(tomllib.loads(Resources(None).read(FILE)), _File)
    return tuple(held.setting), tuple(held.secrets)


def points(w: Wording, setting: Setting) -> list[Point]:
    """Six to nine items with figures, one or two of them corrected later; in order of talk."""
    figures = [item for item in setting.items if item.about]
    others = [item for item in setting.items if not item.about]
    chosen = [*w.some(figures, w.pick((2, 3, 3))), *w.some(others, w.pick((4, 5, 6)))]
    for under in ("todo", "open"):
        if all(item.under != under for item in chosen):
            chosen.append(next(item for item in others if item.under == under))
    numbers = iter(w.some(range(110, 990), 2 * len(chosen)))
    days = iter(w.some(range(1, 60), len(chosen)))
    first = date(w.rng.randint(2023, 2026), w.rng.randint(1, 10), 3)
    people = iter(w.some(FIRST, len(chosen)))
    wrong = w.pick((1, 1, 2))
    found = [
        Point(
            item,
            next(numbers),
            first + timedelta(days=next(days)),
            next(people),
            next(numbers) if at < wrong else 0,
        )
        for at, item in enumerate(chosen)
    ]
    w.rng.shuffle(found)
    return found


def document_check(
    path: str, parts: list[tuple[str, list[str]]], most: int, lacks: list[str]
) -> Check:
    """The document at `path`: facts by heading ("": anywhere), at most so many words."""
    spec = json.dumps({"parts": parts, "most": most, "lacks": lacks})
    hidden = f".check/{path.replace('/', '_')}.json"
    files = {".check/document.py": _CHECK, hidden: spec}
    return CommandCheck(f"python3 .check/document.py {path} {hidden}", files=files)
