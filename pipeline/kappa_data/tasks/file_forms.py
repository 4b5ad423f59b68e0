"""The form of a task in a file, and the task that it stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from kappa_data.config import nearest
from kappa_data.records import (
    Aim,
    AnswerCheck,
    Attempt,
    Check,
    ReferenceStep,
    ReferenceTurn,
    Task,
    Withheld,
)
from kappa_data.tasks import steps as short
from kappa_data.tasks.catalog import GROUPS, families

MAX_FILES = 1_000
MAX_PATTERN = 2_000
MAX_GOALS = 50
MAX_STEPS = 200
"""tool calls of one turn"""
MAX_CHECKS = 100
MAX_PATTERNS = 200
"""of all checks of a task: each is tried in long texts before it is used"""
MAX_ATTEMPTS = 50
"""wrong ones, each of which is played in a box of its own"""
_ID = re.compile(r"[A-Za-z0-9_-]+(?:[./][A-Za-z0-9_-]+)*")
_FAMILY = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*")
_PROGRAM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,99}")
MAX_ID = 120


class Malformed(Exception):
    """A task that cannot be used; the message says why, in words."""


class FileStep(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One tool call: `tool` and `arguments`, or one of `bash`, `read`, `write` with `content`, and
    `edit` with `old` and `new`."""

    reasoning: Annotated[str, Meta(description="what is thought before it")] = ""
    tool: str = ""
    arguments: dict[str, Any] = {}
    bash: Annotated[str | None, Meta(description="a command")] = None
    read: Annotated[str | None, Meta(description="the path of a file")] = None
    write: Annotated[str | None, Meta(description="the path of a file")] = None
    content: str | None = None
    edit: Annotated[str | None, Meta(description="the path of a file, which was read")] = None
    old: str | None = None
    new: str | None = None


class FileTurn(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The reply to one user message: tool calls, then a plain answer without any voice."""

    answer: str
    steps: tuple[FileStep, ...] = ()
    reasoning: str = ""


class FileAttempt(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A wrong attempt: its `turns`, or the reference with other `answers`, one for each turn."""

    mistake: Annotated[str, Meta(description="what is wrong with it, in words")]
    turns: tuple[FileTurn, ...] = ()
    answers: tuple[str, ...] = ()


class FileTask(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A task as files have it. `reference` has one turn for the opening and one for each goal."""

    opening: Annotated[str, Meta(description="the user's first message")]
    verifier: Annotated[tuple[Check, ...], Meta(min_length=1, description="all must hold")]
    reference: Annotated[tuple[FileTurn, ...], Meta(min_length=1)]
    goals: Annotated[
        tuple[str, ...], Meta(description="what the user asks for after the opening, in order")
    ] = ()
    fixture: Annotated[
        dict[str, str], Meta(description="files of the workspace: relative path -> text")
    ] = {}
    tools: tuple[str, ...] = ()
    programs: Annotated[
        tuple[str, ...], Meta(description="programs that the box must have, beside bash")
    ] = ()
    withheld: Withheld | None = None
    wrong: Annotated[
        tuple[FileAttempt, ...], Meta(description="attempts that the verifier has to refuse")
    ] = ()
    aim: Aim = "help"
    id: Annotated[str, Meta(description="'': family/number")] = ""
    family: Annotated[str, Meta(description="'': from the file's name")] = ""
    seed: Annotated[int, Meta(ge=0, description="the number of the task")] | None = None
    group: Annotated[
        str, Meta(description="part of the mix; '': agentic with tools, else chat")
    ] = ""


def task_of(told: FileTask, family: str, number: int) -> tuple[Task, str]:
    """The task and its group; `family` and `number` (from 0) are its own where it names none.

    Malformed: it can never be played, or its id is one that a family makes.
    """
    family = told.family or family
    seed = number if told.seed is None else told.seed
    # Counted from 1 and not as a seed: family/7 is what the family of that name makes of seed 7.
    task_id = told.id or f"{family}/file-{number + 1}"
    _check_names(task_id, family)
    group = told.group or ("agentic" if told.tools else "chat")
    if group not in GROUPS:
        raise Malformed(f'group: there is no "{group}"; {nearest(group, GROUPS)}')
    reference = tuple(_turn(each, f"reference[{at}]") for at, each in enumerate(told.reference))
    task = Task(
        id=task_id,
        family=family,
        seed=seed,
        opening=told.opening,
        goals=told.goals,
        fixture=told.fixture,
        tools=told.tools,
        programs=told.programs,
        verifier=told.verifier,
        reference=reference,
        withheld=told.withheld,
        wrong=tuple(
            _attempt(each, reference, f"wrong[{at}]") for at, each in enumerate(told.wrong)
        ),
        aim=told.aim,
    )
    _check(task)
    return task, group


def in_file(task: Task, group: str) -> FileTask:
    """The task as a file has it: `task_of` gives it back."""

    def turn(each: ReferenceTurn) -> FileTurn:
        steps = tuple(
            FileStep(tool=step.tool, arguments=step.arguments, reasoning=step.reasoning)
            for step in each.steps
        )
        return FileTurn(answer=each.answer, steps=steps, reasoning=each.reasoning)

    def attempt(each: Attempt) -> FileAttempt:
        answers = tuple(one.answer for one in each.turns)
        pairs = zip(task.reference, answers, strict=False)
        if each.turns == tuple(msgspec.structs.replace(one, answer=said) for one, said in pairs):
            return FileAttempt(each.mistake, answers=answers)
        return FileAttempt(each.mistake, turns=tuple(map(turn, each.turns)))

    same = {
        name: getattr(task, name)
        for name in Task.__struct_fields__
        if name not in ("reference", "wrong")
    }
    return FileTask(
        **same,
        group=group,
        reference=tuple(map(turn, task.reference)),
        wrong=tuple(map(attempt, task.wrong)),
    )


def unknown_name(value: Any) -> str:
    """The first key that no task has, or word where only some are known (the type of a check, an
    aim), with where it stands and the nearest name; '' if none."""
    return _unknown(value, msgspec.inspect.type_info(FileTask), "")


def _unknown(value: Any, kind: msgspec.inspect.Type, path: str) -> str:
    if isinstance(kind, msgspec.inspect.Metadata):
        return _unknown(value, kind.type, path)
    if isinstance(kind, msgspec.inspect.UnionType):
        tags = {each.tag: each for each in kind.types if isinstance(each, _STRUCT) and each.tag}
        tag = value.get("type") if isinstance(value, dict) else None
        plain = [each for each in kind.types if isinstance(each, _STRUCT) and not each.tag]
        if tags and isinstance(tag, str) and tag not in tags:
            return _no_such(f"{path}.type", tag, map(str, tags))
        chosen = tags.get(tag) if isinstance(tag, str) else next(iter(plain), None)
        return _unknown(value, chosen, path) if chosen is not None else ""
    if isinstance(kind, msgspec.inspect.VarTupleType) and isinstance(value, list):
        found = (_unknown(each, kind.item_type, f"{path}[{at}]") for at, each in enumerate(value))
        return next((each for each in found if each), "")
    if isinstance(kind, msgspec.inspect.LiteralType) and isinstance(value, str):
        return "" if value in kind.values else _no_such(path, value, map(str, kind.values))
    if isinstance(kind, _STRUCT) and isinstance(value, dict):
        fields = {each.encode_name: each.type for each in kind.fields}
        known = [*fields, *([kind.tag_field] if kind.tag_field else [])]
        for name, inner in value.items():
            if name not in known:
                return f'{path or "the task"} has no "{name[:60]}"; {nearest(name, known)}'
            if name in fields and (
                wrong := _unknown(inner, fields[name], f"{path}.{name}".lstrip("."))
            ):
                return wrong
    return ""


_STRUCT = msgspec.inspect.StructType


def _no_such(path: str, value: str, known: Iterable[str]) -> str:
    return f'{path}: there is no "{value[:60]}"; known: {", ".join(sorted(known))}'


def _check_names(task_id: str, family: str) -> None:
    if len(family) > MAX_ID or not _FAMILY.fullmatch(family):
        raise Malformed(f'family "{family[:80]}": take small letters, digits and _')
    if len(task_id) > MAX_ID or not _ID.fullmatch(task_id):
        raise Malformed(
            f'id "{task_id[:80]}": take up to {MAX_ID} letters, digits, _, -, with . and / between'
        )
    name, _, number = task_id.rpartition("/")
    if name in families() and number.isdecimal():
        raise Malformed(f'id "{task_id}": that is what the family {name} makes; choose another')


def _turn(told: FileTurn, place: str) -> ReferenceTurn:
    if len(told.steps) > MAX_STEPS:
        raise Malformed(f"{place}: {len(told.steps)} steps; at most {MAX_STEPS}")
    steps = tuple(_step(each, f"{place}.steps[{at}]") for at, each in enumerate(told.steps))
    return ReferenceTurn(answer=told.answer, steps=steps, reasoning=told.reasoning)


def _step(told: FileStep, place: str) -> ReferenceStep:
    forms = {
        "tool": bool(told.tool),
        **{name: getattr(told, name) is not None for name in ("bash", "read", "write", "edit")},
    }
    named = [name for name, there in forms.items() if there]
    needs = {"write": ("content",), "edit": ("old", "new")}
    if len(named) != 1:
        raise Malformed(f"{place}: name one of {', '.join(forms)}, and not {len(named)} of them")
    extra = [name for name in ("content", "old", "new") if getattr(told, name) is not None]
    if sorted(extra) != sorted(needs.get(named[0], ())):
        wanted = " and ".join(needs.get(named[0], ())) or "none of content, old and new"
        raise Malformed(f"{place}: {named[0]} goes with {wanted}")
    if told.arguments and named != ["tool"]:
        raise Malformed(f"{place}: arguments go with tool")
    why = told.reasoning
    if told.bash is not None:
        return short.bash(told.bash, why)
    if told.read is not None:
        return short.read(told.read, why)
    if told.write is not None and told.content is not None:
        return short.write(told.write, told.content, why)
    if told.edit is not None and told.old is not None and told.new is not None:
        return short.edit(told.edit, told.old, told.new, why)
    return ReferenceStep(tool=told.tool, arguments=told.arguments, reasoning=why)


def _attempt(told: FileAttempt, reference: tuple[ReferenceTurn, ...], place: str) -> Attempt:
    if bool(told.turns) == bool(told.answers):
        raise Malformed(f"{place}: give turns or answers")
    count = len(told.turns or told.answers)
    if count != len(reference):
        raise Malformed(f"{place}: {count} turns; the reference has {len(reference)}")
    if told.turns:
        turns = tuple(_turn(each, f"{place}.turns[{at}]") for at, each in enumerate(told.turns))
        return Attempt(told.mistake, turns)
    pairs = zip(reference, told.answers, strict=True)
    return Attempt(
        told.mistake,
        tuple(msgspec.structs.replace(turn, answer=answer) for turn, answer in pairs),
    )


def _check(task: Task) -> None:
    """Malformed: what no box and no teacher could ever play."""
    if not task.opening.strip() or not all(goal.strip() for goal in task.goals):
        raise Malformed("the opening and each goal need words")
    if len(task.goals) > MAX_GOALS:
        raise Malformed(f"{len(task.goals)} goals; at most {MAX_GOALS}")
    if len(task.reference) != len(task.goals) + 1:
        raise Malformed(
            f"the reference has {len(task.reference)} turns; it needs one for the opening and one "
            f"for each goal, {len(task.goals) + 1}"
        )
    for place, count, most in (
        ("verifier", len(task.verifier), MAX_CHECKS),
        ("verifier: patterns", sum(map(_patterns, task.verifier)), MAX_PATTERNS),
        ("wrong", len(task.wrong), MAX_ATTEMPTS),
    ):
        if count > most:
            raise Malformed(f"{place}: {count}; at most {most}")
    for place, names in (("tools", task.tools), ("programs", task.programs)):
        if odd := [each for each in names if not _PROGRAM.fullmatch(each)]:
            raise Malformed(f'{place}: "{odd[0][:80]}" is no name of one')
    _check_files(task.fixture, "fixture")
    for at, check in enumerate(task.verifier):
        _check_check(check, len(task.reference), bool(task.tools), f"verifier[{at}]")
    for turns in (task.reference, *(each.turns for each in task.wrong)):
        for step in (step for turn in turns for step in turn.steps):
            if step.tool not in task.tools:
                hint = nearest(step.tool, task.tools) if task.tools else "it offers none"
                raise Malformed(f'a step calls "{step.tool}", which tools does not offer; {hint}')


def _patterns(check: Check) -> int:
    return len(check.required) + len(check.forbidden) if isinstance(check, AnswerCheck) else 0


def _check_check(check: Check, turns: int, tools: bool, place: str) -> None:
    if not isinstance(check, AnswerCheck):
        if not tools:
            raise Malformed(f"{place}: looks into the box, and without tools there is none")
        if hasattr(check, "files"):
            _check_files(check.files, f"{place}.files")
        else:
            _check_path(check.path, place)
        return
    if check.turn is not None and not -turns <= check.turn < turns:
        raise Malformed(f"{place}: turn {check.turn}; the reference has {turns}, from 0")
    if not (check.required or check.forbidden):
        raise Malformed(f"{place}: neither required nor forbidden has a pattern")
    _check_backspaces((*check.required, *check.forbidden), place)
    longest = max(map(len, (*check.required, *check.forbidden)))
    if longest > MAX_PATTERN:
        raise Malformed(f"{place}: a pattern of {longest} characters; at most {MAX_PATTERN}")


def _check_backspaces(found: Iterable[str], place: str) -> None:
    # What "\b" is in a file where a word boundary is meant: the pattern would match nothing at all.
    if any("\b" in pattern for pattern in found):
        raise Malformed(
            f'{place}: a pattern holds a backspace, which is what "\\b" says; for the end of a '
            "word write '\\b' (TOML) or \"\\\\b\" (JSON)"
        )


def _check_files(files: Mapping[str, str], place: str) -> None:
    if len(files) > MAX_FILES:
        raise Malformed(f"{place}: {len(files)} files; at most {MAX_FILES}")
    for path in files:
        _check_path(path, place)
    folders = {str(folder) for path in files for folder in PurePosixPath(path).parents}
    if both := sorted(folders & set(files)):
        raise Malformed(f'{place}: "{both[0]}" is a file and a folder too')


def _check_path(path: str, place: str) -> None:
    pure = PurePosixPath(path)
    odd = not path.isprintable() or len(path) > 400
    if odd or pure.is_absolute() or ".." in pure.parts or str(pure) != path or path == ".":
        raise Malformed(f'{place}: "{path[:80]}" is no plain path inside the workspace')
