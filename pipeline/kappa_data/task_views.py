"""What `tasks list`, `tasks show` and `tasks check` say, as plain values and as lines."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from kappa_data.config import Settings
from kappa_data.errors import UsageError
from kappa_data.records import (
    AnswerCheck,
    Check,
    CommandCheck,
    FileCheck,
    ReferenceTurn,
    Task,
    compact_json,
)
from kappa_data.tasks import catalog, files, sources
from kappa_data.terminal import cost

WIDTH = 100
SHOWN_CHARS = 2_000
"""characters of a file or an argument that are shown; --json has all of it"""


def listed(paths: Sequence[str]) -> dict[str, Any]:
    """Every family by group, and the tasks of the files."""
    return {
        "families": [
            {
                "name": each.name,
                "group": each.group,
                "seeds": each.seeds,
                "tools": list(each.tools),
                "programs": list(each.programs),
                "about": each.about,
                "own_material": each.make_from is not None,
            }
            for each in sorted(
                catalog.families().values(), key=lambda one: (order(one.group), one.name)
            )
        ],
        "files": [_file(each) for each in paths],
    }


def order(group: str) -> int:
    """The place of a group among all."""
    return list(catalog.GROUPS).index(group)


def list_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """A paragraph for each group and each file."""
    group = ""
    for each in found["families"]:
        if each["group"] != group:
            group = each["group"]
            yield f"{group}: {catalog.GROUPS[group]}"
        marks = ["with tools"] if each["tools"] else []
        marks += [f"needs {name}" for name in each["programs"]]
        marks += ["own material"] if each["own_material"] else []
        noted = f"   ({', '.join(marks)})" if marks else ""
        yield f"  {each['name']:<24} {each['seeds']:>6,} seeds   {each['about']}{noted}"
    for file in found["files"]:
        unread = f", {len(file['faults'])} that cannot be read" if file["faults"] else ""
        yield f"{file['file']}: {counted(len(file['tasks']))}{unread}"
        for number, task in enumerate(file["tasks"], 1):
            opening = textwrap.shorten(task["opening"], 60, placeholder=" ...")
            yield f"  #{number:<4} {task['id']:<32} {task['group']:<12} {opening}"
        yield from (f"  {each['place']}: {each['why']}" for each in file["faults"])


def counted(tasks: int) -> str:
    """So many tasks, in words."""
    return "1 task" if tasks == 1 else f"{tasks:,} tasks"


def shown(name: str, settings: Settings) -> dict[str, Any]:
    """The task FAMILY/SEED, or FILE#N: the N-th of a file, from 1. UsageError: there is none."""
    path, hash_sign, number = name.rpartition("#")
    if not hash_sign and Path(name).suffix in {".jsonl", ".toml"}:
        raise UsageError(f"tasks show: {name} may hold several; name one of them: {name}#1")
    if not hash_sign:
        return {"task": _made(name, settings), "group": _group(name), "place": ""}
    found = files.read(Path(path).expanduser(), path)
    if not number.isdecimal() or not 0 < int(number) <= len(found.entries):
        raise UsageError(f"tasks show: {path} has tasks 1 to {len(found.entries)}, no {number}")
    entry = found.entries[int(number) - 1]
    return {"task": entry.task, "group": entry.group, "place": entry.place}


def show_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """A task as a person reads it."""
    task: Task = found["task"]
    place = f", {found['place']}" if found["place"] else ""
    yield f"{task.id}   (family {task.family}, group {found['group']}, aim {task.aim}{place})"
    if task.tools:
        programs = f"; programs: {', '.join(task.programs)}" if task.programs else ""
        yield f"tools: {', '.join(task.tools)}{programs}"
    yield from _block("opening", task.opening)
    for number, goal in enumerate(task.goals, 1):
        yield from _block(f"goal {number}", goal)
    if task.withheld is not None:
        yield from _block("opening where information is missing", task.withheld.opening)
        yield from _block("what is told when it is asked for", task.withheld.detail)
    for path, text in task.fixture.items():
        yield from _block(f"file {path}", text)
    yield from ("", "verifier")
    yield from (f"  - {in_words(check)}" for check in task.verifier)
    yield from ("", "reference")
    yield from _turns(task.reference)
    for attempt in task.wrong:
        yield from ("", f"wrong attempt: {attempt.mistake}")
        yield from _turns(attempt.turns)


def in_words(check: Check) -> str:
    """What a check asks for."""
    if isinstance(check, CommandCheck):
        files_added = f", after adding {', '.join(check.files)}" if check.files else ""
        prints = "" if check.stdout is None else f' and prints "{_short(check.stdout.strip())}"'
        return f"`{check.command}` ends with {check.exit_code}{prints}{files_added}"
    if isinstance(check, FileCheck):
        if not check.exists:
            return f"there is no file {check.path}"
        said = ["is there"]
        if check.content is not None:
            said.append("has exactly the expected content")
        said += [f'holds "{_short(each)}"' for each in check.contains]
        said += [f'does not hold "{_short(each)}"' for each in check.lacks]
        return f"the file {check.path} {', '.join(said)}"
    return _answer_in_words(check)


def check_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """A line for each family or file, and one for each task that is refused."""
    for each in found["checked"]:
        near = len(each["near_duplicates"])
        yield (
            f"{each['name']}: {counted(each['tasks'])}, {each['played']:,} played in boxes, "
            f"{len(each['refused'])} refused; near-duplicates: {near}, "
            f"distinct openings: {each['distinct_openings']:.1%}"
        )
        for one in each["refused"]:
            name = " ".join(part for part in (one["place"], one["id"]) if part)
            yield f"  {name}: {'; '.join(one['reasons'])}"
        told = {one["id"] for one in each["refused"]}
        for task_id, other, score in each["near_duplicates"][:5]:
            if task_id in told:  # said among its reasons
                continue
            yield f"  near-duplicate: {task_id} of {other} ({score:.2f})"
        if near > 5:
            yield f"  and {near - 5} more near-duplicates (--json names all)"


def written_lines(found: Mapping[str, Any], where: str) -> Iterator[str]:
    """What `tasks write` did or would do, and the next step."""
    if found.get("dry_run"):
        price = cost(found["cost"], "free" if found["free"] else found["currency"] or "")
        yield (
            f"{found['model']} would be asked for {counted(found['requests'])} of "
            f"{found['family']}: about {found['prompt_tokens']:,} prompt tokens and "
            f"{found['completion_tokens']:,} of answers, cost: {price}; repairs come on top"
        )
        return
    spent = found["spent"]
    beside = " (see .refused.jsonl beside it)" if found["refused"] else ""
    yield (
        f"{found['file']}: {counted(found['tasks'])}, {found['new']:,} of them new; "
        f"{found['refused']:,} refused{beside}"
    )
    yield from (f"  refused {count} x: {why}" for why, count in found["reasons"].items())
    yield f"{spent['requests']:,} requests, {spent['prompt_tokens']:,} prompt tokens"
    if found["exit_code"]:
        yield "stopped, since one batch after the other was refused; look at what was said of them"
    elif found["tasks"]:
        yield f"next: kappa-data plan --task-files {shlex.quote(found['file'])}{where}"


def as_json(found: Mapping[str, Any]) -> dict[str, Any]:
    """What --json prints of a task that is shown."""
    task: Task = found["task"]
    return {
        "task": msgspec.to_builtins(task),
        "group": found["group"],
        "place": found["place"],
        "verifier_in_words": [in_words(check) for check in task.verifier],
    }


def _file(name: str) -> dict[str, Any]:
    found = files.read(Path(name).expanduser(), name)
    return {
        "file": name,
        "tasks": [
            {
                "id": each.task.id,
                "family": each.task.family,
                "group": each.group,
                "tools": list(each.task.tools),
                "opening": each.task.opening,
            }
            for each in found.entries
        ],
        "faults": [{"place": each.place, "why": each.why} for each in found.faults],
    }


def _made(name: str, settings: Settings) -> Task:
    made = catalog.task(name)  # names what is wrong with the name
    family = catalog.families()[made.family]
    return sources.with_material([family], settings.plan.seeds)[0].make(made.seed)


def _group(name: str) -> str:
    return catalog.families()[name.rpartition("/")[0]].group


def _answer_in_words(check: AnswerCheck) -> str:
    place = {None: "everything that is said", -1: "the last answer"}.get(
        check.turn, f"the answer to message {(check.turn or 0) + 1}"
    )
    said = [f"matches /{each}/" for each in check.required]
    said += [f"does not match /{each}/" for each in check.forbidden]
    return f"{place} {' and '.join(said)}"


def _turns(turns: Sequence[ReferenceTurn]) -> Iterator[str]:
    for number, turn in enumerate(turns, 1):
        for step in turn.steps:
            if step.reasoning:
                yield from _said(number, f"thinks: {step.reasoning}")
            yield f"  {number}  {step.tool} {_short(compact_json(step.arguments))}"
        if turn.reasoning:
            yield from _said(number, f"thinks: {turn.reasoning}")
        yield from _said(number, f"says: {_short(turn.answer)}")


def _said(number: int, text: str) -> Iterator[str]:
    first, *more = _wrapped(text, "     ")
    yield from (f"  {number}  {first[5:]}", *more)


def _block(title: str, text: str) -> Iterator[str]:
    yield from ("", title)
    yield from _wrapped(_short(text), "  ")


def _wrapped(text: str, indent: str) -> Iterator[str]:
    for line in text.splitlines():
        yield from textwrap.wrap(
            line, WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  "
        ) or [""]


def _short(text: str) -> str:
    if len(text) <= SHOWN_CHARS:
        return text
    return f"{text[:SHOWN_CHARS]} ... ({len(text):,} characters)"
