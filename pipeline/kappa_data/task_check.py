"""`tasks check`: tasks of a user's files, or of families, held against all that they must show."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kappa_data.config import Settings
from kappa_data.errors import UsageError
from kappa_data.progress import Progress
from kappa_data.records import Task
from kappa_data.resources import Resources
from kappa_data.sandbox import Sandbox
from kappa_data.sandbox.choose import choose, try_out
from kappa_data.sandbox.toolset import tool_set
from kappa_data.tasks import evaluation, files, sources
from kappa_data.tasks.catalog import Family, families, select
from kappa_data.tasks.gate import Gate
from kappa_data.tasks.likeness import Alike, alike

BOXES = 4
OWN_SEEDS = 100
"""so many of a family's own tasks are what a file's of the same family must differ from"""


@dataclass(frozen=True)
class Chosen:
    """What is to be checked: names of files or families; of a family so many seeds are `measured`
    and so many `admitted` in boxes; the prompts of `against` may not be repeated."""

    names: Sequence[str]
    measured: int
    admitted: int
    against: Sequence[str]


def check(
    chosen: Chosen, settings: Settings, resources: Resources, progress: Progress
) -> dict[str, Any]:
    """What was found, as plain values; `exit_code` 1 where something is refused.

    UsageError: no such file or family. SandboxDown: no box can be had.
    """
    if not chosen.names:
        raise UsageError("tasks check: name files with tasks, or task families")
    named = [name for name in chosen.names if not _is_file(name)]
    made = sources.with_material(select(named, "tasks check"), settings.plan.seeds)
    known = evaluation.of_files(chosen.against, resources)
    if known.too_short:
        progress.note(f"tasks: {known.too_short} prompts of under 8 words are not compared")
    sandbox = box_of(settings)
    gate = Gate(sandbox, tool_set(settings.sandbox.tools), known)
    asyncio.run(try_out(sandbox))
    found = [
        *(_family(each, chosen, gate, progress) for each in made),
        *(_file(each, gate, progress) for each in chosen.names if _is_file(each)),
    ]
    refused = any(each["refused"] for each in found)
    return {"checked": found, "against": known.prompts, "exit_code": int(refused)}


def box_of(settings: Settings) -> Sandbox:
    """The sandbox that tasks of unknown origin run in. UsageError where there is to be none."""
    sandbox = choose(settings.sandbox)
    if sandbox is None or sandbox.grounding != "executed":
        raise UsageError(
            "tasks: a task of unknown origin runs in boxes alone; leave out --simulate-tools and "
            "--unsafe-local"
        )
    return sandbox


def _is_file(name: str) -> bool:
    return name not in families() and ("." in name or "/" in name)


def _family(family: Family, chosen: Chosen, gate: Gate, progress: Progress) -> dict[str, Any]:
    tasks = [family.make(seed) for seed in range(min(chosen.measured, family.seeds))]
    first = tasks[: chosen.admitted]
    refused = _refused(first, gate, progress, family.name)
    for task in tasks[chosen.admitted :]:
        if overlap := gate.evaluation.overlap(task):
            refused[task.id] = [overlap]
    report = _report(family.name, len(tasks), len(first), alike(tasks))
    return report | {"refused": [_told(name, "", why) for name, why in sorted(refused.items())]}


def _file(name: str, gate: Gate, progress: Progress) -> dict[str, Any]:
    read = files.read(Path(name).expanduser(), name)
    tasks = [each.task for each in read.entries]
    places = {each.task.id: each.place for each in read.entries}
    refused = _refused(tasks, gate, progress, name)
    found = alike([*_own(tasks), *tasks])
    for task_id, other, score in found.near:
        if task_id in places:
            refused.setdefault(task_id, []).append(f"a near-duplicate of {other} ({score:.2f})")
    report = _report(name, len(tasks) + len(read.faults), len(tasks), alike(tasks))
    told = [_told("", fault.place, [fault.why]) for fault in read.faults]
    return report | {
        "refused": [*told, *(_told(each, places[each], refused[each]) for each in sorted(refused))]
    }


def _own(tasks: Sequence[Task]) -> list[Task]:
    """The first tasks of the families whose names these have."""
    there = families()
    named = sorted({task.family for task in tasks} & set(there))
    return [
        there[name].make(seed)
        for name in named
        for seed in range(min(OWN_SEEDS, there[name].seeds))
    ]


def _refused(
    tasks: Sequence[Task], gate: Gate, progress: Progress, label: str
) -> dict[str, list[str]]:
    """Why tasks are not admitted, by id."""

    async def every() -> list[list[str]]:
        places = asyncio.Semaphore(BOXES)

        async def one(task: Task) -> list[str]:
            async with places:
                said = await gate.refusals(task)
            bar.advance()
            return said

        return await asyncio.gather(*map(one, tasks))

    with progress.task(f"check {label}", total=len(tasks)) as bar:
        found = asyncio.run(every())
    return {task.id: said for task, said in zip(tasks, found, strict=True) if said}


def _report(name: str, count: int, played: int, found: Alike) -> dict[str, Any]:
    return {
        "name": name,
        "tasks": count,
        "played": played,
        "near_duplicates": [list(each) for each in found.near],
        "distinct_openings": round(found.distinct_openings, 4),
    }


def _told(task_id: str, place: str, reasons: Sequence[str]) -> dict[str, Any]:
    return {"id": task_id, "place": place, "reasons": list(reasons)}
