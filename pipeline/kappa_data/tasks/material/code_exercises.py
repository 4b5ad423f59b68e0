"""Exercises on small programs, from `data/seeds/tasks`: a start, the edits of an expert, checks.

Each `exercises_<set>.toml` is a collection of tools that share a folder; the one that the task is
about is in its first state, its neighbours are done. `@key@` stands for a word of the chosen name
set. What the tasks say around it is in `code_asking.py`.
"""

from __future__ import annotations

import functools
import tomllib

import msgspec
from msgspec import Struct

from kappa_data.records import CommandCheck
from kappa_data.resources import Resources
from kappa_data.tasks.material.codebase import apply

FOLDER = "data/seeds/tasks"


class Edit(Struct, frozen=True, forbid_unknown_fields=True):
    """`old` becomes `new` in `file` (empty: the exercise's `main`), for the reason `why`.

    An empty `old` writes the whole file, which may be new.
    """

    new: str
    why: tuple[str, ...]
    old: str = ""
    file: str = ""


class Hidden(Struct, frozen=True, forbid_unknown_fields=True):
    """A check of the end: `files` nobody saw before, and what `command` has to do with them."""

    command: str
    stdout: str | None = None
    exit_code: int = 0
    files: dict[str, str] = {}
    original: dict[str, str] = {}
    """hidden path -> path of the start: what the user had, to be compared with"""


class Slip(Struct, frozen=True, forbid_unknown_fields=True):
    """A wrong solution: `edits` (old, new) in the solved `file`, or the whole file anew."""

    mistake: str
    edits: tuple[tuple[str, str], ...] = ()
    text: str = ""
    file: str = ""


class Extra(Struct, frozen=True, forbid_unknown_fields=True):
    """A wish for afterwards. Its edits apply whichever of the extras before it were chosen."""

    ask: tuple[str, ...]
    answer: tuple[str, ...]
    edits: tuple[Edit, ...] = ()
    run: str = ""
    """what the reference runs to see that it works, or to find the answer"""
    why_run: tuple[str, ...] = ("<See|Check> that it works.",)
    checks: tuple[Hidden, ...] = ()
    required: tuple[str, ...] = ()
    """patterns of the answer; any right solution leads to them"""


class Exercise(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One program that is to be mended, extended, written or rebuilt."""

    id: str
    kind: str
    """what is done, as a noun: fix, extension, new script, speed-up, refactoring"""
    main: str
    about: str
    """a clause with a verb: what the program does"""
    names: tuple[dict[str, str], ...]
    files: dict[str, str]
    ask: tuple[str, ...]
    """whole sentences; `rules` are said after them"""
    rules: tuple[str, ...]
    """what the hidden checks rest on and the code does not tell, one sentence each"""
    edits: tuple[Edit, ...]
    checks: tuple[Hidden, ...]
    slips: tuple[Slip, ...]
    try_before: str = ""
    """shows the problem; may end with an error"""
    why_before: tuple[str, ...] = ("<Reproduce it|See the problem> first.",)
    try_after: str = ""
    why_after: tuple[str, ...] = ("<Now|Then> the same again, to see that it works.",)
    said: tuple[str, ...]
    """what was wrong or is new now, in whole sentences"""
    detail: tuple[str, ...]
    """one more thing that the user should know, in whole sentences"""
    extras: tuple[Extra, ...] = ()
    required: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()
    """files that have to stay as they are"""

    shared: dict[str, str] = {}
    """of the collection: hidden files for every check"""

    def check(self, hidden: Hidden) -> CommandCheck:
        """The check as the verifier runs it."""
        files = {**self.shared, **hidden.files}
        files |= {path: self.files[old] for path, old in hidden.original.items()}
        return CommandCheck(
            command=hidden.command, exit_code=hidden.exit_code, stdout=hidden.stdout, files=files
        )

    def solved(self) -> dict[str, str]:
        """The files after `edits`."""
        return edited(self.files, self.edits, self.main)


def edited(files: dict[str, str], edits: tuple[Edit, ...], main: str) -> dict[str, str]:
    """`files` after `edits`; ValueError unless each old occurs exactly once."""
    files = dict(files)
    for each in edits:
        path = each.file or main
        files[path] = apply(files[path], [(each.old, each.new)]) if each.old else each.new
    return files


@functools.cache
def _raw(collection: str) -> tuple[str, ...]:
    """The exercises of a collection, as JSON text in which no word is filled in."""
    found = tomllib.loads(Resources().read(f"{FOLDER}/exercises_{collection}.toml"))
    shared = {"shared": found.get("shared", {})}
    return tuple(msgspec.json.encode({**each, **shared}).decode() for each in found["exercise"])


@functools.cache
def _names(collection: str) -> tuple[int, ...]:
    """How many name sets each exercise of a collection has."""
    return tuple(len(msgspec.json.decode(text)["names"]) for text in _raw(collection))


def count(collection: str) -> int:
    """How many exercises a collection has."""
    return len(_raw(collection))


def variants(collection: str) -> int:
    """How many exercises and name sets."""
    return sum(_names(collection))


@functools.cache
def exercise(collection: str, number: int, variant: int) -> Exercise:
    """The exercise in the words of its name set `variant` (taken modulo their number)."""
    text = _raw(collection)[number]
    names = msgspec.json.decode(text)["names"]
    for key, word in names[variant % len(names)].items():
        text = text.replace(f"@{key}@", word)
    return msgspec.json.decode(text, type=Exercise)


def neighbours(
    collection: str, number: int, order: list[int], variant: int, most: int
) -> list[Exercise]:
    """Up to `most` other exercises that share no path with this one, nor with each other."""
    chosen = [exercise(collection, number, variant)]
    for other in order:
        if other == number or len(chosen) > most:
            continue
        candidate = exercise(collection, other, variant)
        taken = {path for each in chosen for path in each.solved()} | set(chosen[0].files)
        taken |= {path for hidden in chosen[0].checks for path in hidden.files}
        if not set(candidate.solved()) & taken:
            chosen.append(candidate)
    return chosen[1:]
