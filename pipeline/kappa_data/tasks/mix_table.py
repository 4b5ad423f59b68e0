"""What a plan is made of, beside what was wanted: counted from its slots and tasks alone.

A share is of slots for streams and personas, of tasks in their group for families, of expected
tokens for groups and lengths, and of the tasks that can for what is special.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from kappa_data.config import PlanConfig
from kappa_data.records import NOBODY, Slot, Task
from kappa_data.tasks.balance import proportions
from kappa_data.tasks.catalog import GROUPS, Family
from kappa_data.tasks.expected import BANDS, LONGER, Expected, band_of, parallel
from kappa_data.tasks.mixture import measure
from kappa_data.tasks.streams import IN_STREAMS, STREAMS, possible, streams_of

TABLES = ("streams", "personas", "groups", "families", "lengths", "specials", "references")
TOLERANCE = 0.01
WHY = {
    "streams": "a task for all personas is as many slots as there are personas",
    "personas": "the tasks of their streams ran out",
    "groups": "so few tasks are no finer, or the tasks of a group ran out",
    "lengths": "tasks are as long as their families make them, and a long one for all personas is "
    "larger than a small plan; more slots or other weights help",
    "specials": "so few tasks can that one is more than that",
}
"""why a share can be missed, by table"""
OTHER = "other"
"""the group of tasks whose family is not among those chosen"""

ALL_GROUPS = (*GROUPS, OTHER)
PARALLEL, NO_TOOL = "several independent calls", "a wish that needs no tool"
ORDERS: dict[str, tuple[str, ...]] = {
    "streams": STREAMS,
    "groups": ALL_GROUPS,
    "lengths": (*BANDS, LONGER),
    "references": (PARALLEL, NO_TOOL),
}


class Line(Struct, frozen=True):
    """One share. `wanted` None: nobody asked for one; `tokens` are expected, over its slots."""

    table: str
    name: str
    wanted: float | None
    planned: float
    slots: int
    tokens: float


class Measured(Struct, frozen=True):
    """A slot with what its task is expected to take."""

    slot: Slot
    task: Task
    family: str
    """as the mix calls it: tasks of files are families of their own"""
    group: str
    stream: str
    expected: Expected
    shows: tuple[str, ...]
    """of the lines of "references": what its solution does"""


Planned = Sequence[tuple[Task, Sequence[Slot]]]
Own = Mapping[str, tuple[str, str]]
"""of tasks of files, by id: the family's name in the mix, and the group"""


def measured(
    config: PlanConfig,
    planned: Planned,
    chosen: Iterable[Family],
    conditions: Sequence[str | None],
    own: Own,
) -> list[Measured]:
    """Every slot of a plan, with its stream and what is expected of it."""
    known = {family.name: family for family in chosen}
    stream = streams_of([slot for _, slots in planned for slot in slots], conditions)
    found = []
    for task, slots in planned:
        made = (task.family, known[task.family].group if task.family in known else OTHER)
        family, group = own.get(task.id, made)
        each = measure(task, config)
        shows = _references(task)
        found += [
            Measured(slot, task, family, group, stream[slot.id], each, shows) for slot in slots
        ]
    return found


def table(
    config: PlanConfig,
    planned: Planned,
    chosen: Collection[Family],
    conditions: Sequence[str | None],
    own: Own,
) -> list[Line]:
    """The lines of TABLES, in this order; `chosen` are the families that the plan could take, those
    of files too, and `conditions` its personas, None for nobody."""
    return lines(config, measured(config, planned, chosen, conditions, own), chosen, conditions)


def lines(
    config: PlanConfig,
    slots: Sequence[Measured],
    chosen: Iterable[Family],
    conditions: Sequence[str | None],
) -> list[Line]:
    """The same, of slots that are measured."""
    wanted = _wanted(config, chosen, conditions)
    found = []
    for name, of_table in shares(slots).items():
        of_group: dict[str, float] = defaultdict(float)
        for amount, own in of_table.values():
            of_group[own[0].group] += amount
        for line in _ordered(name, of_table, wanted.get(name, {})):
            amount, own = of_table.get(line, (0.0, []))
            whole: float
            if name in ("groups", "lengths"):
                whole = sum(of_group.values())
            elif name == "families":
                whole = of_group[own[0].group]
            else:
                whole = len(slots if name in ("streams", "personas") else _able(line, slots))
            tokens = sum(each.expected.tokens for each in own)
            share = amount / whole if whole else 0.0
            found.append(Line(name, line, wanted.get(name, {}).get(line), share, len(own), tokens))
    return found


def notes(of: Iterable[Line]) -> list[str]:
    """In words, the shares that the plan misses by more than `TOLERANCE`, and why."""
    said = []
    for name, why in WHY.items():
        off = [
            f"{each.name} {each.planned:.1%} of {each.wanted:.1%}"
            for each in of
            if each.table == name
            and each.wanted is not None
            and abs(each.planned - each.wanted) > TOLERANCE
        ]
        if off:
            said.append(f"plan: {name}: {', '.join(off)}: {why}")
    return said


def shares(slots: Sequence[Measured]) -> dict[str, dict[str, tuple[float, list[Measured]]]]:
    """By table and line: the amount that the share is of, and the slots."""
    parts: dict[str, dict[str, list[Measured]]] = {name: defaultdict(list) for name in TABLES}
    for each in slots:
        parts["streams"][each.stream].append(each)
        if each.stream not in IN_STREAMS:
            parts["personas"][each.slot.persona or NOBODY].append(each)
        parts["groups"][each.group].append(each)
        parts["families"][each.family].append(each)
        parts["lengths"][band_of(each.expected.longest)].append(each)
        if each.slot.special and each.stream not in IN_STREAMS:
            parts["specials"][each.slot.special].append(each)
        for name in each.shows:
            parts["references"][name].append(each)
    amounts = {"groups": _tokens, "lengths": _tokens, "families": _tasks}
    return {
        name: {line: (amounts.get(name, _slots)(own), own) for line, own in parts[name].items()}
        for name in TABLES
    }


def _ordered(
    name: str, own: Mapping[str, tuple[float, list[Measured]]], wanted: Mapping[str, float]
) -> list[str]:
    """The lines of a table: those there are, and those that were wanted."""
    if name == "families":
        return sorted(own, key=lambda each: (ALL_GROUPS.index(own[each][1][0].group), each))
    there = set(own) | {line for line, share in wanted.items() if share}
    order = ORDERS.get(name)
    return sorted(there) if order is None else [each for each in order if each in there]


def as_figures(of: Iterable[Line]) -> dict[str, Any]:
    """The lines for a manifest: by table and name, shares rounded."""
    figures: dict[str, Any] = defaultdict(dict)
    for line in of:
        figures[line.table][line.name] = {
            "wanted": None if line.wanted is None else round(line.wanted, 4),
            "planned": round(line.planned, 4),
            "slots": line.slots,
            "expected tokens": round(line.tokens),
        }
    return dict(figures)


def _wanted(
    config: PlanConfig, chosen: Iterable[Family], conditions: Sequence[str | None]
) -> dict[str, dict[str, float]]:
    """What was asked for, of what there is: what cannot be had leaves its share to the others."""
    specials = {kind: each for kind, each in config.specials.items() if kind not in IN_STREAMS}
    if not config.slots:
        return {"specials": specials}
    can = set(STREAMS) - set(possible(config.shares, conditions))
    streams = proportions(config.shares, can)
    if not any(conditions):  # a task for everyone and a task for nobody are the same
        streams["paired"] = streams.get("paired", 0.0) + streams.pop("none", 0.0)
    even = streams.get("paired", 0.0) / len(conditions)
    personas = {each or NOBODY: even for each in conditions}
    if None in conditions:
        personas[NOBODY] += streams.get("none", 0.0)
    by_group: dict[str, set[str]] = defaultdict(set)
    for family in chosen:
        by_group[family.group].add(family.name)
    of_families: dict[str, float] = {}
    for names in by_group.values():
        of_families |= proportions({name: config.weights.get(name, 1.0) for name in names})
    return {
        "streams": streams,
        "personas": personas,
        "groups": proportions(config.groups, by_group),
        "families": of_families,
        "lengths": proportions(config.lengths),
        "specials": specials,
    }


def _able(name: str, slots: Sequence[Measured]) -> list[Measured]:
    """The slots that a share of something special, or of a way to solve it, is of."""
    plain = [each for each in slots if each.stream not in IN_STREAMS]
    if name == "missing":
        return [each for each in plain if each.task.withheld is not None]
    if name in ("denied", "failing"):
        return [each for each in plain if _calls(each.task)]
    return [each for each in slots if each.task.tools]


def _references(task: Task) -> tuple[str, ...]:
    """What the reference of a task with tools shows that no setting asks for."""
    if not task.tools:
        return ()
    idle = any(not turn.steps for turn in task.reference)
    return (PARALLEL,) * parallel(task.reference) + (NO_TOOL,) * idle


def _calls(task: Task) -> bool:
    return any(turn.steps for turn in task.reference)


def _slots(of: Sequence[Measured]) -> float:
    return len(of)


def _tokens(of: Sequence[Measured]) -> float:
    return sum(each.expected.tokens for each in of)


def _tasks(of: Sequence[Measured]) -> float:
    return len({each.task.id for each in of})
