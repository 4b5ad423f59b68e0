"""A mix of so many slots: which tasks, in which stream, so that the shares of the settings hold.

One sequence without an end, of which a plan is the beginning: more slots never change an earlier
one. At each place the stream most behind its share of slots is next; in it the group most behind
its share of expected tokens; in that the family most behind its weight, by tasks; and of that
family's next tasks the one whose length band is most behind. Each stream keeps accounts of its own,
so that who speaks says nothing about what is asked. No task is in two streams.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct

from kappa_data.config import PlanConfig, nearest
from kappa_data.errors import UsageError
from kappa_data.records import Task
from kappa_data.tasks.balance import Balance, proportions
from kappa_data.tasks.catalog import GROUPS, Family
from kappa_data.tasks.expected import BANDS, Expected, band_of, expected
from kappa_data.tasks.streams import STREAMS, Stream, fits, possible, size

WINDOW = 12
"""so many next units of a family are there to choose from by length"""


class Unit(Struct, frozen=True):
    """Tasks that are planned together: one, or `together` of the family's neighbouring seeds."""

    family: str
    group: str
    tasks: tuple[Task, ...]
    tokens: float
    """expected, of one conversation of each task"""
    band: str


class Picked(Struct, frozen=True):
    """A task and its stream; `number` counts the stream's tasks from 0."""

    task: Task
    stream: Stream
    number: int


def check(config: PlanConfig, known: Collection[str], played: Collection[str] = ()) -> None:
    """UsageError: an unknown name, a number that is no share, or shares that are all 0.

    `known` are the families of the mix; `played` the names that tasks of files have beside them.
    """
    for field, names in (
        ("shares", STREAMS),
        ("groups", tuple(GROUPS)),
        ("lengths", tuple(BANDS)),
        ("weights", tuple(known)),
        ("lengthen", (*known, *played)),
    ):
        shares: Mapping[str, float] = getattr(config, field)
        for name, share in shares.items():
            if name not in names:
                raise UsageError(f'plan.{field}: there is no "{name}"; {nearest(name, names)}')
            if not (math.isfinite(share) and share >= 0):
                raise UsageError(f"plan.{field}: {name} = {share:g}; give a number of 0 or more")
            if field == "lengthen" and not share:
                raise UsageError(f"plan.{field}: {name} = 0; give a factor above 0")
        if field in ("shares", "groups", "lengths") and not any(shares.values()):
            raise UsageError(f"plan.{field}: nothing has a share; give one, such as {names[0]}=1")


def measure(task: Task, config: PlanConfig) -> Expected:
    """What one conversation of the task is expected to take, with what was measured of it."""
    return expected(task).times(config.lengthen.get(task.family, 1.0))


class _Source:
    """The units of one family, in the order of their seeds; made when they are looked at."""

    def __init__(self, family: Family, config: PlanConfig) -> None:
        self.family, self._config = family, config
        self._seed = 0
        self._waiting: list[Unit] = []
        self.taken = 0

    def units(self) -> list[Unit]:
        """The next ones, the first first; [] where there are no more."""
        together = self.family.together
        while len(self._waiting) < WINDOW and self._seed + together <= self.family.seeds:
            self._waiting.append(self._unit(range(self._seed, self._seed + together)))
            self._seed += together
        return self._waiting

    def take(self, unit: Unit) -> None:
        """It is planned, and is nobody else's."""
        self._waiting.remove(unit)
        self.taken += len(unit.tasks)

    def _unit(self, seeds: range) -> Unit:
        tasks = tuple(self.family.make(seed) for seed in seeds)
        each = [measure(task, self._config) for task in tasks]
        longest = max(one.longest for one in each)
        tokens = sum(one.tokens for one in each)
        return Unit(self.family.name, self.family.group, tasks, tokens, band_of(longest))


class _Accounts:
    """What one stream has been given, by group, by family in each group, and by length band."""

    def __init__(self, config: PlanConfig, by_group: Mapping[str, Sequence[str]]) -> None:
        self.groups = Balance(config.groups)
        self.families = {
            group: Balance({name: config.weights.get(name, 1.0) for name in names})
            for group, names in by_group.items()
        }
        self.bands = Balance(config.lengths)
        self.tasks = 0

    def give(self, unit: Unit) -> None:
        self.groups.give(unit.group, unit.tokens)
        self.families[unit.group].give(unit.family, len(unit.tasks))
        self.bands.give(unit.band, unit.tokens)
        self.tasks += len(unit.tasks)


class Mixture:
    """The sequence of the settings over these families, for these personas (None for nobody)."""

    def __init__(
        self, config: PlanConfig, chosen: Sequence[Family], conditions: Sequence[str | None]
    ) -> None:
        self._config, self._conditions = config, conditions
        self.impossible = possible(config.shares, conditions)
        self._streams = Balance(proportions(config.shares, set(STREAMS) - set(self.impossible)))
        if not self._streams.shares:
            reasons = "; ".join(f"{name}: {why}" for name, why in self.impossible.items())
            raise UsageError(f"plan.shares: none of the streams can be had: {reasons}")
        self._sources = {family.name: _Source(family, config) for family in chosen}
        self._by_group = {
            group: [family.name for family in chosen if family.group == group] for group in GROUPS
        }
        if not any(names for group, names in self._by_group.items() if config.groups.get(group)):
            raise UsageError(
                "plan.groups: none of the chosen families is in a group that has a share; "
                f"they are in {', '.join(sorted({family.group for family in chosen}))}"
            )
        self._accounts = {name: _Accounts(config, self._by_group) for name in self._streams.shares}
        self.dry: list[str] = []
        """streams for which there was no task when the last place was given"""

    def picked(self, slots: int) -> list[Picked]:
        """The sequence's tasks that fill `slots`; what would not fit whole is left out."""
        found: list[Picked] = []
        left = slots
        for units, stream in self._sequence():
            left -= size(stream, self._conditions) * len(units.tasks)
            if left < 0:
                break
            first = self._accounts[stream].tasks
            found += [Picked(task, stream, first + n) for n, task in enumerate(units.tasks)]
        return found

    def notes(self, slots: int, planned: int) -> list[str]:
        """In words, what cannot be had and why: streams, groups, families that ran out."""
        said = [f"stream {name}: {why}" for name, why in self.impossible.items()]
        for group, share in self._config.groups.items():
            if share and not self._by_group[group]:
                said.append(f"group {group}: no chosen family is of it; the others take its share")
        ran_out = [
            f"{name} ({source.taken:,})"
            for name, source in self._sources.items()
            if source.taken and not source.units()
        ]
        if ran_out:
            said.append(
                f"families of which all tasks are planned, others of their group take their share: "
                f"{', '.join(ran_out)}"
            )
        for group, names in self._by_group.items():
            sources = [self._sources[name] for name in names]
            if sources and self._config.groups.get(group) and not any(s.units() for s in sources):
                said.append(f"group {group}: all its tasks are planned; the others go on without")
        said += [f"stream {name}: no task is left that it could have" for name in self.dry]
        if len(self.dry) == len(self._streams.shares):
            said.append(
                f"the chosen families have tasks for {planned:,} of {slots:,} slots; "
                "name more families or personas, or ask for fewer slots"
            )
        return [f"plan: {line}" for line in said]

    def _sequence(self) -> Iterator[tuple[Unit, Stream]]:
        while True:
            self.dry, found = [], None
            waiting = [each for each in STREAMS if each in self._streams.shares]
            while waiting and found is None:
                sizes: dict[str, float] = {name: size(name, self._conditions) for name in waiting}
                stream = next(each for each in waiting if each == self._streams.first(sizes, sizes))
                found = self._next(stream)
                if found is None:
                    waiting.remove(stream)
                    self.dry.append(stream)
            if found is None:
                return
            yield found, stream  # first: what is not asked for any more was not given
            self._sources[found.family].take(found)
            self._accounts[stream].give(found)
            self._streams.give(stream, sizes[stream] * len(found.tasks))

    def _next(self, stream: Stream) -> Unit | None:
        """The stream's next unit; None where there is none that it could have."""
        accounts = self._accounts[stream]
        of_group = {}
        for group in accounts.groups.shares:
            if unit := self._of_group(stream, group):
                of_group[group] = unit
        amounts = {group: unit.tokens for group, unit in of_group.items()}
        chosen = accounts.groups.first(of_group, amounts)
        return None if chosen is None else of_group[chosen]

    def _of_group(self, stream: Stream, group: str) -> Unit | None:
        accounts = self._accounts[stream]
        balance = accounts.families[group]
        able = dict.fromkeys(balance.shares, True)
        while name := balance.first(each for each, still in able.items() if still):
            units = [
                unit
                for unit in self._sources[name].units()
                if all(fits(stream, task) for task in unit.tasks)
            ]
            if units:  # min: of equally wanted lengths the first seed
                return min(units, key=lambda unit: accounts.bands.lag(unit.band, unit.tokens))
            able[name] = False
        return None
