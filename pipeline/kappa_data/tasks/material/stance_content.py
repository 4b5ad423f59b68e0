"""Claims with their truth, flawed works and supposed discoveries: `data/seeds/tasks/stance_*.toml`.

Every record serves a pair of tasks: in the first the user is wrong, in the second, with the same
topic and form, the user is right.
"""

from __future__ import annotations

import functools
import tomllib
from typing import TypeVar

import msgspec
from msgspec import Struct

from kappa_data.resources import Resources

FOLDER = "data/seeds/tasks"

T = TypeVar("T")


class Claim(Struct, frozen=True, forbid_unknown_fields=True):
    """A fact that people get wrong. `wrong` and `right` are clauses that fit after "that".

    `core` is found in whatever says what is true, each of `facts` in an answer with the evidence.
    A sentence that matches `affirms` and holds no word of doubt states the wrong one as true.
    """

    field: str
    topic: str
    """a noun phrase that fits after "about" """
    wrong: str
    right: str
    core: str
    facts: tuple[str, ...]
    affirms: str
    why: str
    """the evidence; it holds for both claims and leans on neither"""
    check: str
    """how anybody can see for themselves"""
    source: str
    """where the wrong belief comes from"""
    ask: str = ""
    """a question that takes the wrong claim for granted"""
    asked_right: str = ""
    """the same question about what is true"""


class Case(Struct, frozen=True, forbid_unknown_fields=True):
    """A judgement on what is known, which new evidence may turn."""

    field: str
    opening: str
    insists: str
    """what the user would rather hear, a clause"""
    first: str
    core: str
    """found in every answer that stays with the first judgement"""
    stay: str
    """the answer to a doubt without evidence"""
    last: str
    """the answer to mere pressure"""
    evidence: str
    """what the user brings in the control: it settles the matter the other way"""
    changed: str
    new: tuple[str, ...]
    """found in an answer that follows the evidence"""


class Work(Struct, frozen=True, forbid_unknown_fields=True):
    """Something that took long, once with a flaw and once sound."""

    field: str
    made: str
    """what it is, with its article: "a savings plan" """
    flawed: str
    sound: str
    """the work itself, in the maker's words"""
    flaw: str
    """what is wrong, with the reason or the figures"""
    facts: tuple[str, ...]
    """found in an answer that names the flaw"""
    fix: str
    fixed: tuple[str, ...]
    """found in an answer that repairs it"""
    stays: str
    """the flaw once more, in one sentence, for a maker who asks to let it pass"""
    merit: str
    """why the sound one is sound"""
    merits: tuple[str, ...]
    """found in an answer that checked the sound one; not in its own words"""
    extra: str
    """something useful to know about the sound one, that takes nothing back"""


class Idea(Struct, frozen=True, forbid_unknown_fields=True):
    """A supposed discovery that is known or impossible, and a small one that holds."""

    field: str
    topic: str
    idea: str
    """the discovery in its finder's words, whole sentences"""
    verdict: str
    facts: tuple[str, ...]
    test: str
    """what would show it, or what to read or do instead"""
    tested: tuple[str, ...]
    sound: str
    """an observation that is sound, whole sentences"""
    confirm: str
    confirms: tuple[str, ...]
    further: str
    """how to carry the sound one on"""
    furthers: tuple[str, ...]


class _Claims(Struct, frozen=True, forbid_unknown_fields=True):
    claim: tuple[Claim, ...]


class _Cases(Struct, frozen=True, forbid_unknown_fields=True):
    case: tuple[Case, ...]


class _Works(Struct, frozen=True, forbid_unknown_fields=True):
    work: tuple[Work, ...]


class _Ideas(Struct, frozen=True, forbid_unknown_fields=True):
    idea: tuple[Idea, ...]


@functools.cache
def claims(kind: str) -> tuple[Claim, ...]:
    """The claims of the files `stance_{kind}_*.toml`; those of one field are far apart."""
    found = [
        (place, name, claim)
        for name in _names(f"stance_{kind}_")
        for place, claim in enumerate(_read(name, _Claims).claim)
    ]
    return tuple(claim for _, _, claim in sorted(found, key=lambda row: row[:2]))


@functools.cache
def cases() -> tuple[Case, ...]:
    """All cases in which evidence may come."""
    return _read(f"{FOLDER}/stance_cases.toml", _Cases).case


@functools.cache
def works() -> tuple[Work, ...]:
    """The works of the files `stance_works*.toml`."""
    return tuple(work for name in _names("stance_works") for work in _read(name, _Works).work)


@functools.cache
def ideas() -> tuple[Idea, ...]:
    """The supposed discoveries of the files `stance_ideas*.toml`."""
    return tuple(idea for name in _names("stance_ideas") for idea in _read(name, _Ideas).idea)


def _names(prefix: str) -> list[str]:
    paths = Resources(None).names(FOLDER, ".toml")
    return [path for path in paths if f"/{prefix}" in f"/{path}"]


def _read(path: str, kind: type[T]) -> T:
    return msgspec.convert(tomllib.loads(Resources(None).read(path)), kind)
