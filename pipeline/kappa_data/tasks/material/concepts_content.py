"""Technical concepts, explained, with checkable facts: `data/seeds/tasks/concepts_*.toml`.

Each concept has eight angles, one answer for each question that a person may ask about it. A file
holds the concepts of one field.
"""

from __future__ import annotations

import functools
import tomllib

import msgspec
from msgspec import Struct

from kappa_data.resources import Resources

FOLDER = "data/seeds/tasks"

ANGLES = ("define", "beginner", "example", "compare", "myth", "limits", "detail", "further")


class Angle(Struct, frozen=True, forbid_unknown_fields=True):
    """One question about a concept with its answer.

    Every regular expression of `facts` is found in a right answer to it. `note` is what has to be
    right, for the reasoning. `ask` are whole questions; without them the wording is a general one.
    """

    note: str
    facts: tuple[str, ...]
    text: str
    ask: tuple[str, ...] = ()


class Concept(Struct, frozen=True, forbid_unknown_fields=True):
    """A concept; `name` is a singular noun phrase that fits into "What is ...?".

    `claim` is a clause with a common misconception. A sentence that matches `affirms` and holds no
    word of doubt or negation states it as true.
    """

    name: str
    other: str
    claim: str
    affirms: str
    define: Angle
    beginner: Angle
    example: Angle
    compare: Angle
    myth: Angle
    limits: Angle
    detail: Angle
    further: Angle

    def angle(self, kind: str) -> Angle:
        """The angle of that name, one of `ANGLES`."""
        found: Angle = getattr(self, kind)
        return found


class Field(Struct, frozen=True, forbid_unknown_fields=True):
    """One file: `field` is what its concepts belong to, in the words of a learner."""

    field: str
    concept: tuple[Concept, ...]


@functools.cache
def concepts() -> tuple[tuple[str, Concept], ...]:
    """(field, concept) for all concepts; those of one field are far apart from each other."""
    resources = Resources()
    fields = [
        msgspec.convert(tomllib.loads(resources.read(name)), Field)
        for name in resources.names(FOLDER, ".toml")
        if name.startswith(f"{FOLDER}/concepts_")
    ]
    found = [
        (place, each.field, concept)
        for each in fields
        for place, concept in enumerate(each.concept)
    ]
    return tuple((field, concept) for _, field, concept in sorted(found, key=lambda row: row[0]))
