"""Facts to hide in a long document: `data/seeds/tasks/long_needles.toml`, and their values."""

from __future__ import annotations

import functools
import re
import tomllib

import msgspec
from msgspec import Struct

from kappa_data.resources import Resources
from kappa_data.tasks.material.long_names import MONTHS, people
from kappa_data.tasks.material.phrasing import number
from kappa_data.tasks.wording import Wording, sentence

KINDS = {
    "number": "the number",
    "code": "the code",
    "money": "the amount",
    "person": "the full name",
    "date": "the date",
    "words": "the words",
    "phone": "the extension",
}
"""what a user calls a value of each kind"""
_COLOURS = [
    "amber",
    "azure",
    "bronze",
    "copper",
    "coral",
    "crimson",
    "ebony",
    "emerald",
    "golden",
    "hazel",
    "indigo",
    "ivory",
    "jade",
    "lilac",
    "maroon",
    "ochre",
    "olive",
    "pearl",
    "rusty",
    "saffron",
    "scarlet",
    "silver",
    "tawny",
    "velvet",
    "violet",
]
_BEASTS = [
    "badger",
    "bittern",
    "condor",
    "dormouse",
    "falcon",
    "ferret",
    "gannet",
    "heron",
    "ibex",
    "jackdaw",
    "kestrel",
    "lapwing",
    "lynx",
    "magpie",
    "marten",
    "newt",
    "otter",
    "pelican",
    "plover",
    "puffin",
    "raven",
    "stoat",
    "swift",
    "teal",
    "walrus",
    "weasel",
    "wren",
]
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXZ"


class Needle(Struct, frozen=True, forbid_unknown_fields=True):
    """A fact with its wordings; long_needles.toml says what the fields are."""

    subject: str
    value: str
    key: str
    what: str
    now: tuple[str, ...]
    was: tuple[str, ...]
    plain: tuple[str, ...]
    ask: tuple[str, ...]
    ask_was: tuple[str, ...]
    unit: str = ""

    def of(self, bare: str) -> dict[str, str]:
        """How the subject is put into a wording."""
        full = bare if bare.startswith("the ") else f"the {bare}"
        return {
            "s": full,
            "S": sentence(full),
            "bare": bare.removeprefix("the "),
        }


@functools.cache
def needles() -> tuple[Needle, ...]:
    """All facts, in the order of their file."""
    rows = tomllib.loads(Resources().read("data/seeds/tasks/long_needles.toml"))["needle"]
    return tuple(msgspec.convert(each, Needle) for each in rows)


def values(w: Wording, kind: str, count: int) -> list[str]:
    """`count` different values of a kind, such as "14 March 1987" for date."""
    if kind == "person":
        return people(w, count)
    found: list[str] = []
    while len(found) < count:
        made = _value(w, kind)
        if made not in found:
            found.append(made)
    return found


def _value(w: Wording, kind: str) -> str:
    rng = w.rng
    if kind == "number":
        return str(rng.randint(101, 989))
    if kind == "code":
        return f"{w.pick(_LETTERS)}{w.pick(_LETTERS)}-{rng.randint(1000, 9899)}"
    if kind == "money":
        return f"£{rng.randint(11, 989) * 10 + 1000 * rng.randint(1, 40):,}"
    if kind == "date":
        return f"{rng.randint(1, 28)} {w.pick(MONTHS)} {rng.randint(1961, 2027)}"
    if kind == "words":
        return f"{w.pick(_COLOURS)} {w.pick(_BEASTS)}"
    return f"{rng.randint(2, 9)}{rng.randint(100, 998)}"


def pattern(kind: str, value: str) -> str:
    """A regular expression for the value in other spellings too, as a whole."""
    if kind in ("number", "phone"):
        return number(value)
    if kind == "money":
        return rf"£?[^\S\n]?{number(value.strip('£').replace(',', ''))}"
    if kind == "code":
        return rf"(?<!\w){value[:2]}[-\s\u2010\u2011\u2013]?{value[3:]}(?!\w)"
    if kind == "date":
        day, month, year = value.split()
        at = MONTHS.index(month) + 1
        return (
            rf"(?<!\d)(?:0?{day}(?:st|nd|rd|th)?\W{{1,3}}(?:of )?{month[:3]}[a-z.]*\W{{1,3}}{year}"
            rf"|{year}-0?{at}-0?{day}(?!\d))"
            rf"|{month[:3]}[a-z.]*\W{{1,3}}0?{day}(?:st|nd|rd|th)?\W{{1,3}}{year}"
        )
    words = r"\W{1,3}".join(re.escape(word) for word in value.split())
    return rf"(?<!\w){words}(?!\w)"
