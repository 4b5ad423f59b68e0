"""Where a plan's tasks come from beside the families: a user's files, and a user's material."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from kappa_data.config import PlanConfig
from kappa_data.errors import UsageError
from kappa_data.records import Task
from kappa_data.sandbox import Sandbox
from kappa_data.tasks import files, seeds_file
from kappa_data.tasks.catalog import Family
from kappa_data.tasks.own_material import Material
from kappa_data.tasks.reading import digest_of_file


def of_files(paths: Iterable[str], sandbox: Sandbox | None = None) -> tuple[files.Entry, ...]:
    """All tasks of these files, in order of the files' names.

    UsageError for the first that cannot be used, for an id that stands in two files, and where
    `sandbox` lacks a program that a task needs.
    """
    found: dict[str, files.Entry] = {}
    # By what is in them, where two have one name: the plan's key holds no more than that.
    for each in sorted(paths, key=lambda path: (Path(path).name, _digest(path))):
        read = files.read(Path(each).expanduser(), each)
        if read.faults:
            first = read.faults[0]
            more = f" (and {len(read.faults) - 1} more)" if read.faults[1:] else ""
            raise UsageError(f"{first.place}: {first.why}{more}; see `kappa-data tasks check`")
        for entry in read.entries:
            if entry.task.id in found:
                other = found[entry.task.id].place
                raise UsageError(f'{entry.place}: the id "{entry.task.id}" is also in {other}')
            missing = [name for name in entry.task.programs if sandbox and not sandbox.has(name)]
            if missing:
                raise UsageError(f"{entry.place}: the sandbox has no {', '.join(missing)}")
            found[entry.task.id] = entry
    return tuple(found.values())


def as_families(entries: Iterable[files.Entry]) -> list[Family]:
    """The tasks of files as families, so that they take part in a mix like any other: one for each
    family that the files name, in each group."""
    tasks: dict[tuple[str, str], list[Task]] = defaultdict(list)
    for entry in entries:
        tasks[entry.task.family, entry.group].append(entry.task)
    return [
        Family(
            name=name_in_mix(name, group),
            about="",
            tools=(),
            programs=(),
            make=found.__getitem__,
            seeds=len(found),
            group=group,
        )
        for (name, group), found in tasks.items()
    ]


def name_in_mix(family: str, group: str) -> str:
    """What tasks of files are called as a family of a mix: a shipped one may have the same name,
    and in one file there may be tasks of several groups."""
    return f"{family} of task files ({group})"


def in_mix(entries: Iterable[files.Entry]) -> dict[str, tuple[str, str]]:
    """By task id, which of `as_families` has the task, and its group."""
    return {
        each.task.id: (name_in_mix(each.task.family, each.group), each.group) for each in entries
    }


def with_material(families: Sequence[Family], seeds: str) -> list[Family]:
    """The families; those that can make their tasks from the material that `seeds` names do so."""
    if not seeds:
        return list(families)
    material = seeds_file.read(Path(seeds).expanduser(), seeds).material

    def made_from(family: Family) -> Family:
        if family.make_from is None:
            return family
        make = functools.partial(_make, family, material)
        return msgspec.structs.replace(family, make=make)

    return [made_from(family) for family in families]


def digests(config: PlanConfig) -> dict[str, str]:
    """What the files of a plan's settings hold, by a name that says nothing of their place.

    A file's own name counts: its tasks' ids may come from it.
    """
    found: dict[str, list[str]] = {}
    for each in config.task_files:
        found.setdefault(f"task file {Path(each).expanduser().name}", []).append(_digest(each))
    told = {name: ",".join(sorted(each)) for name, each in found.items()}
    if config.seeds:
        material = seeds_file.read(Path(config.seeds).expanduser(), config.seeds).material
        told["material of the seeds"] = seeds_file.digest(material)
    return told


def _digest(path: str) -> str:
    return digest_of_file(Path(path).expanduser(), path, files.WHAT)


def _make(family: Family, material: Material, seed: int) -> Task:
    assert family.make_from is not None  # only such families are made so
    return family.make_from(seed, material)
