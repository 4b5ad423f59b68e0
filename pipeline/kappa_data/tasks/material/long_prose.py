"""Long made-up documents: coherent prose of nine kinds about twelve settings, sentence by sentence.

The material is `data/seeds/tasks/long_settings_*.toml` (what is spoken of) and `long_genres.toml`
(how it is said). A document keeps its cast, a paragraph its subject, and no sentence with a filling
is said twice.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
import string
import tomllib
from collections.abc import Mapping, Sequence

from msgspec import Struct

from kappa_data.resources import Resources
from kappa_data.tasks.material.long_document import Document, Section
from kappa_data.tasks.material.long_names import ADJECTIVES, FEW, MONTHS, TOWNS, WEATHER, people
from kappa_data.tasks.wording import Wording, sentence

FOLDER = "data/seeds/tasks"
BANDS = ((2_200, 4_000), (4_000, 16_000), (16_000, 32_000), (32_000, 64_000), (64_000, 108_000))
"""lengths of the documents in tokens; the last leaves room below 120,000 for the conversation"""
CHARACTERS_A_TOKEN = 4.3
"""of this prose in the o200k vocabulary (tests/test_family_long.py)"""
_CHOICE = re.compile(r"<([^<>]*)>")
_PARAGRAPH = ("item", "part", "role", "matter")
_TRIES = 6

Line = tuple[tuple[str, str], ...]
"""pairs of literal text and the slot after it, "" for none"""


class Setting(Struct, frozen=True):
    """What a document speaks of; `words` are the phrases of each slot."""

    name: str
    org: tuple[str, ...]
    words: dict[str, tuple[str, ...]]


class Genre(Struct, frozen=True):
    """A kind of document: each sentence is a tuple of its variants."""

    name: str
    shape: str
    title: tuple[tuple[Line, ...], ...]
    heading: tuple[tuple[Line, ...], ...]
    lead: tuple[tuple[Line, ...], ...]
    body: tuple[tuple[Line, ...], ...]
    close: tuple[tuple[Line, ...], ...]


@functools.cache
def settings() -> tuple[Setting, ...]:
    """All settings, in the order of their files."""
    resources = Resources()
    found = []
    for name in resources.names(FOLDER, ".toml"):
        if name.startswith(f"{FOLDER}/long_settings_"):
            for each in tomllib.loads(resources.read(name))["setting"]:
                words = {key: tuple(text.split("\n")[:-1]) for key, text in each.items()}
                found.append(Setting(each["name"], words.pop("org"), words))
    return tuple(found)


@functools.cache
def genres() -> tuple[Genre, ...]:
    """All kinds of document."""
    rows = tomllib.loads(Resources().read(f"{FOLDER}/long_genres.toml"))["genre"]
    return tuple(
        Genre(
            each["name"],
            each["shape"],
            *(
                tuple(_variants(line) for line in each[part].split("\n")[:-1])
                for part in ("title", "heading", "lead", "body", "close")
            ),
        )
        for each in rows
    )


def _variants(template: str) -> tuple[Line, ...]:
    """The template with every choice made in every way, cut at its slots."""
    parts = _CHOICE.split(template)
    choices = [part.split("|") if at % 2 else [part] for at, part in enumerate(parts)]
    return tuple(
        tuple((literal, slot or "") for literal, slot, _, _ in string.Formatter().parse(text))
        for text in map("".join, itertools.product(*choices))
    )


def size(w: Wording, seed: int) -> int:
    """Characters of the document of `seed`: the bands go round, even on a log scale within one."""
    low, high = BANDS[seed % len(BANDS)]
    tokens = math.exp(w.rng.uniform(math.log(low), math.log(high)))
    return int(tokens * CHARACTERS_A_TOKEN)


class Writer:
    """Writes one document of `setting` and `genre`; `people` is its cast, `org` whose it is."""

    def __init__(self, w: Wording, setting: Setting, genre: Genre, org: str = "") -> None:
        self.w, self.setting, self.genre = w, setting, genre
        self.year = w.rng.randint(1948, 2019)
        self.people = people(w, 28)
        self.org = org or "the " + w.pick(setting.org).format(town=w.pick(TOWNS))
        self._random = w.rng.random
        self._said: set[str] = set()
        words: dict[str, Sequence[str]] = dict(setting.words)
        for key in ("did", "task", "item", "part", "matter"):
            # Each document has favourites, so that two of one kind share fewer phrases.
            words[key] = w.some(setting.words[key], len(setting.words[key]) * 4 // 5)
        numbers = [str(n) for n in range(7, 45)]
        words |= {
            "person": self.people,
            "other": words["item"],
            "month": MONTHS,
            "day": [str(n) for n in range(1, 29)],
            "time": [f"{h}.{m}" for h in range(6, 23) for m in ("05", "15", "30", "40", "50")],
            "n": numbers,
            "m": numbers,
            "few": FEW,
            "year": [str(self.year)],
            "weather": WEATHER,
            "adjective": ADJECTIVES,
            "org": [self.org],
        }
        self._words = words | {key.capitalize(): _capitals(words[key]) for key in words}

    def document(self, characters: int) -> Document:
        """A document of about so many characters, at least three sections."""
        rng, genre = self.w.rng, self.genre
        sections: list[Section] = []
        title = sentence(self._line(self.w.pick(genre.title), {}, fresh=True))
        length = 0
        while length < characters or len(sections) < 3:
            p, q = rng.sample(self.people, 2)
            fixed = {"p": p, "q": q, "P": p, "Q": q}
            head = sentence(self._line(self.w.pick(genre.heading), self._about(fixed), fresh=True))
            paragraphs = [self._paragraph(fixed) for _ in range(rng.randint(2, 5))]
            made = Section(len(sections) + 1, head, paragraphs, self._marks(paragraphs, p, q))
            sections.append(made)
            length += made.characters()
        return Document(title, genre.name, sections, self.w.pick(HEADINGS))

    def _about(self, fixed: Mapping[str, str]) -> dict[str, str]:
        chosen = {key: self.w.pick(self._words[key]) for key in _PARAGRAPH}
        others = [item for item in self._words["item"] if item != chosen["item"]]
        chosen["other"] = self.w.pick(others)
        return {**fixed, **chosen, **{key.capitalize(): sentence(chosen[key]) for key in chosen}}

    def _paragraph(self, section: Mapping[str, str]) -> list[str]:
        rng, genre = self.w.rng, self.genre
        fixed = self._about(section)
        lines = [self.w.pick(genre.lead), *rng.sample(genre.body, rng.randint(2, 6))]
        if rng.random() < 0.4:
            lines.append(self.w.pick(genre.close))
        return [self._line(line, fixed) for line in lines]

    def _line(
        self, variants: Sequence[Line], fixed: Mapping[str, str], *, fresh: bool = False
    ) -> str:
        """One sentence, another than all before it where its slots allow."""
        for _ in range(_TRIES):
            said = self._filled(variants, fixed)
            if fresh or said not in self._said:
                break
        self._said.add(said)
        return said

    def _filled(self, variants: Sequence[Line], fixed: Mapping[str, str]) -> str:
        rnd, words = self._random, self._words
        out: list[str] = []
        for literal, slot in variants[int(rnd() * len(variants))]:
            out.append(literal)
            if slot:
                value = fixed.get(slot)
                if value is None:
                    options = words[slot]
                    value = options[int(rnd() * len(options))]
                    while value in out and len(options) > 1:
                        value = options[int(rnd() * len(options))]
                out.append(value)
        return "".join(out)

    def _marks(self, paragraphs: Sequence[Sequence[str]], p: str, q: str) -> list[tuple[str, str]]:
        """What stands before and after each paragraph in this kind of document."""
        shape, count = self.genre.shape, len(paragraphs)
        if shape == "letter":
            marks = [("", "")] * count
            marks[0] = (f"Dear {q.split()[0]},\n", "")
            end = f"\n{self.w.pick(('Yours', 'With kind regards', 'Yours sincerely'))}, {p}"
            marks[-1] = (marks[-1][0], end)
            return marks
        if shape == "times":
            minutes = sorted(self.w.rng.sample(range(300, 1400), count))
            return [(f"{each // 60:02}:{each % 60:02}  ", "") for each in minutes]
        return [("", "")] * count


HEADINGS = (
    "## {n}. {heading}",
    "{n}. {heading}",
    "Section {n}: {heading}",
    "[{n}] {heading}",
    "=== {n}. {heading} ===",
    "SECTION {n}\n{heading}",
)
"""how a document marks its sections"""


def _capitals(words: Sequence[str]) -> list[str]:
    return [sentence(each) for each in words]
