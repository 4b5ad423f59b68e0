"""The long text that something is hidden in: one of ours, or a user's own documents."""

from __future__ import annotations

import re
from collections.abc import Collection

from msgspec import Struct

from kappa_data.tasks.material.long_document import Document, Section
from kappa_data.tasks.material.long_names import FIRST, LAST
from kappa_data.tasks.material.long_prose import HEADINGS, Setting, Writer, genres, settings, size
from kappa_data.tasks.own_material import Material
from kappa_data.tasks.wording import Wording

LEAST = 4_000
"""characters of documents that a user has to bring along"""
_SECTION = 2_500
_NOUNS = {
    "minutes": "set of minutes",
    "interviews": "transcript",
    "correspondence": "collection of letters",
    "policy": "rule book",
}


class Haystack(Struct):
    """A document, what it is called in a request, what it speaks of, and the names in it."""

    document: Document
    noun: str
    setting: Setting
    cast: Collection[str]
    year: int


def haystack(w: Wording, seed: int) -> Haystack:
    """A made-up document; kinds and settings go round with the seed, and so do the lengths."""
    genre = genres()[seed % len(genres())]
    setting = settings()[(seed // len(genres()) + seed) % len(settings())]
    writer = Writer(w, setting, genre)
    noun = _NOUNS.get(genre.name, genre.name)
    made = writer.document(size(w, seed))
    return Haystack(made, noun, setting, writer.people, writer.year)


def own_haystack(w: Wording, seed: int, material: Material) -> Haystack:
    """A piece of the user's documents, in sections of some paragraphs.

    ValueError: they are too short.
    """
    total = sum(len(each.text) for each in material.documents)
    if total < LEAST:
        raise ValueError(
            f"documents: {total:,} characters in all; a long text needs {LEAST:,} or more"
        )
    sections = own_sections(material)
    wanted = size(w, seed)
    first = w.rng.randrange(len(sections))
    # As much as there is: the text goes on at its beginning, and never comes twice.
    chosen: list[Section] = []
    length = 0
    for section in (*sections[first:], *sections[:first]):
        if length >= wanted and len(chosen) >= 2:
            break
        chosen.append(section)
        length += section.characters()
    for number, section in enumerate(chosen, start=1):
        section.number = number
    document = Document("", "text", chosen, w.pick(HEADINGS), whole=True)
    return Haystack(document, "text", w.pick(settings()), (), w.rng.randint(1960, 2019))


def own_sections(material: Material) -> list[Section]:
    """The user's documents cut at blank lines into sections of about 2,500 characters."""
    found: list[Section] = []
    for each in material.documents:
        paragraphs = [part.strip("\n") for part in re.split(r"\n\s*\n", each.text) if part.strip()]
        start, length, part = 0, 0, 0
        for at, text in enumerate(paragraphs, start=1):
            length += len(text)
            if length >= _SECTION or at == len(paragraphs):
                part += 1
                kept = [[paragraph] for paragraph in paragraphs[start:at]]
                heading = each.name if part == 1 else f"{each.name}, part {part}"
                found.append(Section(0, heading, kept, [("", "")] * len(kept)))
                start, length = at, 0
    return found


def strangers(w: Wording, hay: Haystack, count: int) -> list[str]:
    """`count` names that are not in the document; first and last names are others, too, unless it
    has so many people that they run out: then one of the two is."""
    known = {part for name in hay.cast for part in name.split()}
    firsts, lasts = (
        ([each for each in names if each not in known], [each for each in names if each in known])
        for names in (FIRST, LAST)
    )
    new, worn = w.some(firsts[0], len(firsts[0])), w.some(firsts[1], len(firsts[1]))
    family, shared = w.some(lasts[0], len(lasts[0])), w.some(lasts[1], len(lasts[1]))
    need = max(0, count - len(new))
    if need > len(family):
        raise ValueError(f"{len(hay.cast)} people leave no {count} names for others")
    # A first name that somebody has goes with a last name that nobody has, and the other way round.
    return [
        f"{first} {last}"
        for first, last in zip(
            [*worn[:need], *new][:count], [*family, *shared][:count], strict=True
        )
    ]
