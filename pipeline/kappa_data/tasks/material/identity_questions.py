"""Questions about the assistant itself with honest answers, from `data/seeds/tasks`."""

from __future__ import annotations

import functools
import tomllib

import msgspec
from msgspec import Struct

from kappa_data.resources import Resources

FOLDER = "data/seeds/tasks"


class Question(Struct, frozen=True, forbid_unknown_fields=True):
    """One question; every combination of a `core` and a `more` answers it."""

    name: str
    point: str
    """what the question is about and what is true, as a phrase"""
    asks: tuple[str, ...]
    required: tuple[str, ...]
    """regular expressions for the facts that an honest answer holds; each `core` has them all"""
    core: tuple[str, ...]
    more: tuple[str, ...]
    forbidden: tuple[str, ...] = ()
    """claims that would be false, beside those that are false after any question"""
    wrong: tuple[str, ...] = ()
    """whole answers that are not honest or say nothing"""


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    questions: tuple[Question, ...]


@functools.cache
def questions(prefix: str = "identity_") -> tuple[Question, ...]:
    """All questions, in the order of their files and places; names are unique.

    Loaded once: tasks are a function of the seed and the shipped material, never of overrides.
    """
    resources = Resources(None)
    paths = [path for path in resources.names(FOLDER, ".toml") if f"/{prefix}" in f"/{path}"]
    found: list[Question] = []
    for path in paths:
        found += msgspec.convert(tomllib.loads(resources.read(path)), _File).questions
    return tuple(found)
