"""Task files: tasks of a user's own, or those that the teacher wrote, as JSONL or TOML.

JSONL holds one task a line, TOML a `[[task]]` table for each. Both may say everything that a `Task`
has (records.py), and shorter (file_forms.py): id, family and seed are derived where they are
missing, and a step may be spelled `bash = "..."` in the place of `tool` and `arguments`.

A file is hostile until it is proven harmless: sizes are bounded, paths stay inside the workspace,
patterns are tried in another process (patterns.py), and nothing of it ever runs outside a box.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from kappa_data import strict_json
from kappa_data.errors import UsageError
from kappa_data.records import AnswerCheck, Task
from kappa_data.tasks import patterns
from kappa_data.tasks.file_forms import FileTask, Malformed, task_of, unknown_name
from kappa_data.tasks.reading import as_text, open_regular, read_bounded

WHAT = "a file of tasks, .jsonl or .toml"
MAX_TASK = 4 * 2**20
"""bytes of one task as JSON"""
MAX_TOML = 16 * 2**20
MAX_TASKS = 50_000


class Entry(Struct, frozen=True):
    """A task of a file, the group that it counts for, and where it stands."""

    task: Task
    group: str
    place: str


class Fault(Struct, frozen=True):
    """Why a task of a file cannot be used, and where it stands."""

    place: str
    why: str


class Found(Struct, frozen=True):
    """What is in a file, in its order."""

    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...] = ()


def read(path: Path, place: str = "") -> Found:
    """The tasks of a file, and what is wrong with the others. `place` names it in errors.

    UsageError where the file as a whole cannot be read.
    """
    place = place or str(path)
    entries: list[Entry] = []
    faults: list[Fault] = []
    ids: dict[str, str] = {}
    for number, (where, value) in enumerate(_values(path, place)):
        if number == MAX_TASKS:
            raise UsageError(f"{place}: more than {MAX_TASKS:,} tasks; split the file")
        try:
            if isinstance(value, str):
                raise Malformed(value)
            task, group = from_value(value, family_of(path), number)
            if task.id in ids:
                raise Malformed(f'the id "{task.id}" stands twice, first in {ids[task.id]}')
        except Malformed as error:
            faults.append(Fault(where, str(error)))
        else:
            ids[task.id] = where
            entries.append(Entry(task, group, where))
    slow = unsafe_patterns([each.task for each in entries])
    faults += [Fault(each.place, slow[each.task.id]) for each in entries if each.task.id in slow]
    return Found(tuple(each for each in entries if each.task.id not in slow), tuple(faults))


def family_of(path: Path) -> str:
    """The name of the family that a file's tasks have where they name none: from its own."""
    return "_".join(re.findall(r"[a-z0-9]+", path.stem.lower())) or "own"


def from_value(value: Any, family: str, number: int) -> tuple[Task, str]:
    """A task and its group from plain values, of the family and with the number that are meant
    where it names none. Malformed: what is wrong, in words.

    Its patterns are not tried yet: see `unsafe_patterns`.
    """
    if wrong := unknown_name(value):
        raise Malformed(wrong)
    try:
        told = msgspec.convert(value, FileTask)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        raise Malformed(f"{where.rstrip('`').lstrip('.') or 'the task'}: {what}") from None
    return task_of(told, family, number)


def unsafe_patterns(tasks: Sequence[Task]) -> dict[str, str]:
    """The tasks, by id, of whose verifiers a pattern is none or may hang, with what is wrong."""
    where: dict[str, list[str]] = {}
    tried: list[patterns.Pattern] = []
    for task in tasks:
        answers = [turn.answer for turn in task.reference]
        for check in task.verifier:
            if isinstance(check, AnswerCheck):
                for pattern in (*check.required, *check.forbidden):
                    if pattern not in where:
                        tried.append((pattern, answers))
                    where.setdefault(pattern, []).append(task.id)
    wrong = patterns.unsafe(tried)
    return {
        task_id: f"the pattern /{tried[number][0]}/: {why}"
        for number, why in wrong.items()
        for task_id in where[tried[number][0]]
    }


def _values(path: Path, place: str) -> Iterator[tuple[str, Any]]:
    """(where, value) of each task; a text in the place of a value says why there is none."""
    if path.suffix == ".jsonl":
        yield from _lines(path, place)
    elif path.suffix == ".toml":
        yield from _tables(path, place)
    else:
        raise UsageError(f'{place}: ends in "{path.suffix}"; name {WHAT}')


def _lines(path: Path, place: str) -> Iterator[tuple[str, Any]]:
    with open_regular(path, place, WHAT) as file:
        number = 0
        while line := file.readline(MAX_TASK + 1):
            number += 1
            if len(line) > MAX_TASK:
                raise UsageError(f"{place}:{number}: a task of more than {MAX_TASK // 2**20} MB")
            if not line.strip():
                continue
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                value = strict_json.parse(text)
            except UnicodeDecodeError:
                value = "not UTF-8; save the file as UTF-8"
            except strict_json.NotStrict as error:
                value = str(error)
            else:
                if not isinstance(value, dict):
                    value = "no object; write one task a line"
            yield f"{place}:{number}", value


def _tables(path: Path, place: str) -> Iterator[tuple[str, Any]]:
    text = as_text(read_bounded(path, place, WHAT, MAX_TOML), place)
    try:
        whole = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{place}: {error or 'nested too deeply'}") from None
    tables = whole.pop("task", None)
    if whole or not isinstance(tables, list):
        odd = f'"{next(iter(whole))}" stands outside a task; ' if whole else ""
        raise UsageError(f"{place}: {odd}begin each task with [[task]]")
    for number, table in enumerate(tables, 1):
        yield f"{place}, task {number}", _plain(table)


def _plain(table: Any) -> Any:
    """The values of a table as JSON has them; or a text that says which it does not have."""
    if not isinstance(table, dict):
        return "no table; begin each task with [[task]]"
    try:
        text = json.dumps(table, allow_nan=False)
        if len(text) > MAX_TASK:
            return f"more than {MAX_TASK // 2**20} MB"
        return strict_json.parse(text)
    except TypeError as error:
        return f"{error}: write dates and times as text"
    except ValueError as error:
        return str(error)
