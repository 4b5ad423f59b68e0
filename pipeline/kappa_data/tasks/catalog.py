"""Finds the task families: every module in `families/`, and other packages' by entry point.

An entry point of the group `kappa_data.families` names a module of the same form (see
`families/__init__.py`). Nothing is registered by hand.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable
from importlib.metadata import entry_points
from types import ModuleType

from msgspec import Struct

import kappa_data.tasks.families as folder
from kappa_data.errors import UsageError
from kappa_data.records import Task
from kappa_data.tasks.own_material import Material

GROUP = "kappa_data.families"
_WANTED = ("NAME", "GROUP", "TOOLS", "PROGRAMS", "SEEDS", "make")
GROUPS = {
    "agentic": "work with tools: code, data, the shell, documents",
    "chat": "technical and general conversation over several turns",
    "single_turn": "one question, one answer",
    "long_context": "long documents, in the message or read piece by piece",
    "reasoning": "logic and maths with an answer that can be checked",
    "sycophancy": "a user who is wrong and wants to hear otherwise, and controls who are right",
    "refusal": "delicate and harmless requests, and a small harmful part",
    "identity": "what the assistant is",
}
"""kinds of task that the mix is made of"""


class Family(Struct, frozen=True):
    """One kind of task. `make` is a pure function of the seed."""

    name: str
    about: str
    """one line: the module's docstring"""
    tools: tuple[str, ...]
    programs: tuple[str, ...]
    """programs that the box must have, beside bash, coreutils, grep, sed, awk and python3"""
    make: Callable[[int], Task]
    seeds: int
    """seeds 0 to seeds - 1 give tasks that differ enough not to be near-duplicates"""
    group: str
    """one of GROUPS"""
    together: int = 1
    """so many neighbouring seeds belong together, such as a trap and its control"""
    make_from: Callable[[int, Material], Task] | None = None
    """makes its tasks about a user's own material; where that has nothing for it, as `make` does"""


def families() -> dict[str, Family]:
    """Every family by name, sorted. UsageError: two of one name, or a module that is none."""
    return dict(_families())


def task(task_id: str) -> Task:
    """Makes the task `family/seed`. UsageError: malformed, or no such family."""
    name, _, seed = task_id.rpartition("/")
    if not name or not re.fullmatch(r"0|[1-9][0-9]{0,17}", seed):
        raise UsageError(
            f'task "{task_id}": write family/seed, such as log_forensics/7; a task of a file is '
            "shown by `kappa-data tasks show FILE#1`, and in a dataset once it is planned"
        )
    return _family(name, place=f'task "{task_id}"').make(int(seed))


def select(names: Iterable[str], place: str) -> tuple[Family, ...]:
    """The families of these names, in this order; `place` names the setting in an error."""
    return tuple(_family(name, place=place) for name in names)


def _family(name: str, place: str) -> Family:
    known = families()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(known)}"
    raise UsageError(f'{place}: no task family "{name}"; {hint}')


@functools.cache
def _families() -> tuple[tuple[str, Family], ...]:
    found: dict[str, Family] = {}
    for place, module in _modules():
        family = family_of(module, place)
        if family.name in found:
            raise UsageError(f'{place}: a second task family "{family.name}"; rename one of them')
        found[family.name] = family
    return tuple(sorted(found.items()))


def _modules() -> Iterable[tuple[str, ModuleType]]:
    for info in pkgutil.iter_modules(folder.__path__, f"{folder.__name__}."):
        if not info.name.rpartition(".")[2].startswith("_"):
            yield info.name, importlib.import_module(info.name)
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        place = f'entry point "{entry.name}" of {GROUP}'
        try:
            module = entry.load()
        except (ImportError, AttributeError) as error:
            raise UsageError(
                f"{place}: cannot be loaded ({error}); mend or uninstall it"
            ) from error
        yield place, module


def family_of(module: ModuleType, place: str) -> Family:
    """What the module declares; UsageError names what it lacks."""
    if lacks := [name for name in _WANTED if not hasattr(module, name)]:
        raise UsageError(f"{place}: no {', '.join(lacks)}; a task family module defines them all")
    if module.GROUP not in GROUPS:
        raise UsageError(f'{place}: GROUP = "{module.GROUP}"; there are: {", ".join(GROUPS)}')
    return Family(
        name=module.NAME,
        about=(module.__doc__ or "").strip().partition("\n")[0],
        tools=tuple(module.TOOLS),
        programs=tuple(module.PROGRAMS),
        make=module.make,
        seeds=module.SEEDS,
        group=module.GROUP,
        together=getattr(module, "TOGETHER", 1),
        make_from=getattr(module, "make_from", None),
    )
