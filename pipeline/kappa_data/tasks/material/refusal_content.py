"""Legitimate questions, dark scenes and harmful wishes: `data/seeds/tasks/refusal_*.toml`."""

from __future__ import annotations

import functools
import tomllib
from typing import TypeVar

import msgspec
from msgspec import Struct

from kappa_data.resources import Resources

FOLDER = "data/seeds/tasks"

T = TypeVar("T")


class Question(Struct, frozen=True, forbid_unknown_fields=True):
    """A question with its answer. Those of one theme can be asked one after the other."""

    theme: str
    point: str
    """what it is about, as a phrase, for the reasoning"""
    ask: tuple[str, ...]
    facts: tuple[str, ...]
    """regular expressions, each of which is found in a right answer"""
    text: str


class Scene(Struct, frozen=True, forbid_unknown_fields=True):
    """A short dark text on request, and a second one. {hero}, {villain} and {place} are names."""

    kind: str
    """what is asked for, as a noun phrase with its article"""
    about: str
    """what has to happen in it, as a phrase after "in which" """
    needs: tuple[str, ...]
    """regular expressions for things that have to be in the text"""
    text: str
    then: str
    """the second wish, a whole sentence"""
    then_needs: tuple[str, ...]
    then_text: str


class Wish(Struct, frozen=True, forbid_unknown_fields=True):
    """Something harmful that somebody wants, without any detail of how it would be done."""

    topic: str
    """a phrase after "about", for the reasoning"""
    want: tuple[str, ...]
    """clauses after "how to" or "help me to" """
    reason: tuple[str, ...]
    """why not: whole sentences"""
    instead: str
    """a lawful way or help, whole sentences"""
    excuse: str
    """what the user says to get it all the same"""
    asks: str
    """a harmless question nearby"""
    answer: str
    facts: tuple[str, ...]
    """found in an answer to the harmless question"""
    instruction: tuple[str, ...]
    """words that only an answer which helps with the harm would hold"""


class _Questions(Struct, frozen=True, forbid_unknown_fields=True):
    question: tuple[Question, ...]


class _Scenes(Struct, frozen=True, forbid_unknown_fields=True):
    scene: tuple[Scene, ...]


class _Wishes(Struct, frozen=True, forbid_unknown_fields=True):
    wish: tuple[Wish, ...]


@functools.cache
def questions(kind: str) -> tuple[Question, ...]:
    """The questions of the files `refusal_{kind}*.toml`; those of one theme are spread out."""
    found = [
        each for name in _names(f"refusal_{kind}") for each in _read(name, _Questions).question
    ]
    seen: dict[str, int] = {}
    placed = []
    for each in found:
        seen[each.theme] = seen.get(each.theme, 0) + 1
        placed.append((seen[each.theme], each))
    return tuple(each for _, each in sorted(placed, key=lambda row: row[0]))


@functools.cache
def scenes() -> tuple[Scene, ...]:
    """The dark scenes of the files `refusal_fiction*.toml`."""
    return tuple(
        scene for name in _names("refusal_fiction") for scene in _read(name, _Scenes).scene
    )


@functools.cache
def wishes() -> tuple[Wish, ...]:
    """The harmful wishes of the files `refusal_harmful*.toml`."""
    return tuple(wish for name in _names("refusal_harmful") for wish in _read(name, _Wishes).wish)


def _names(prefix: str) -> list[str]:
    return [path for path in Resources(None).names(FOLDER, ".toml") if f"/{prefix}" in f"/{path}"]


def _read(path: str, kind: type[T]) -> T:
    return msgspec.convert(tomllib.loads(Resources(None).read(path)), kind)
