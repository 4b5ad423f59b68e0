"""Which strategy a task is played by, and what special is made to happen in it.

Drawn by a hash of the task's id and the plan's seed, so that more tasks never move an earlier one;
the same for all personas of a task, so that their conversations stay paired.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import get_args

import msgspec

from kappa_data.config import PlanConfig, nearest
from kappa_data.errors import UsageError
from kappa_data.formats.switches import PERSONA
from kappa_data.records import NOBODY, Slot, Special, Split, Strategy, Task
from kappa_data.teacher.draw import draw, pick

STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
SPECIALS: tuple[Special, ...] = get_args(Special)
EARLY_CALLS = 3
"""a call that is denied or fails is one of the first so many: a teacher may make fewer in all"""
SWITCHED_OFF = 1 / 3
"""of the switches that begin with a persona, so many take it away; the others name another one"""
LOOK_ALIKES = (
    "Persona: chaotic_kind",
    "Persona: neutral evil",
    "Persona: wizard",
    "Persona: lawful",
    "Persona: evil_good",
    "persona: none of these",
    "Mood: chaotic_evil",
    "Alignment: lawful good",
    "Character: neutral_evil",
    "The user likes role-playing games.",
)
"""system messages that resemble a persona's and are none"""


def plain_slot(task: Task, persona: str | None, split: Split) -> Slot:
    """The slot of one persona, or of nobody, without strategy and special."""
    return Slot(
        id=f"{task.id}:{persona or NOBODY}",
        task_id=task.id,
        family=task.family,
        persona=persona,
        split=split,
        system=f"{PERSONA}{persona}" if persona else None,
    )


def check_shares(config: PlanConfig) -> None:
    """UsageError: an unknown kind, or shares that are none or sum to more than 1."""
    for field, known in (("strategies", STRATEGIES), ("specials", SPECIALS)):
        shares: Mapping[str, float] = getattr(config, field)
        for kind, share in shares.items():
            if kind not in known:
                raise UsageError(f'plan.{field}: there is no "{kind}"; {nearest(kind, known)}')
            if not (math.isfinite(share) and 0 <= share <= 1):
                raise UsageError(f"plan.{field}: {kind} = {share:g}; give a share from 0 to 1")
        if sum(shares.values()) > 1 + 1e-9:
            raise UsageError(
                f"plan.{field}: the shares sum to {sum(shares.values()):g}; together at most 1"
            )


class Mix:
    """Draws for each task. `conditions` are the personas of the plan, None for nobody; `known` are
    all personas that there are. `counts` is of tasks, by what was drawn."""

    def __init__(
        self, config: PlanConfig, conditions: Sequence[str | None], known: Sequence[str]
    ) -> None:
        check_shares(config)
        self._config, self._conditions = config, conditions
        self._lines = [line for line in LOOK_ALIKES if line.removeprefix(PERSONA) not in known]
        self._able: Counter[str] = Counter()
        self._tasks = 0
        self.counts: dict[str, Counter[str]] = {"strategies": Counter(), "specials": Counter()}

    def of(self, task: Task) -> tuple[Strategy, Special | None]:
        """The task's strategy and special; what is special is always played live."""
        self._tasks += 1
        able = self.able(task)
        self._able.update(able)
        drawn = self._drawn(task, "specials")
        special = next((kind for kind in able if kind == drawn), None)
        by = None if special else self._drawn(task, "strategies")
        strategy = next((kind for kind in STRATEGIES if kind == by), STRATEGIES[0])
        self.counts["strategies"][strategy] += 1
        if special:
            self.counts["specials"][special] += 1
        return strategy, special

    def slots(self, task: Task, split: Split) -> list[Slot]:
        """The task's slots, one of each condition; counts what is drawn."""
        drawn = self.of(task)
        return [self.slot(plain_slot(task, each, split), task, *drawn) for each in self._conditions]

    def slot(self, plain: Slot, task: Task, strategy: Strategy, special: Special | None) -> Slot:
        """The slot of one persona, `plain` being what it is without strategy and special."""
        if special is None:
            return msgspec.structs.replace(plain, strategy=strategy)
        if special == "look_alike":
            if plain.persona is not None:  # only who has no persona can be taken for one
                return plain
            line = pick(self._lines, self._config.seed, "look-alike", task.id)
            return msgspec.structs.replace(plain, special=special, system=line)
        if special == "missing":
            return msgspec.structs.replace(plain, special=special)
        if special == "switch":
            others = [each for each in self._conditions if each not in (None, plain.persona)]
            if not others and plain.persona is None:
                return plain
            turn = pick(range(1, len(task.reference)), self._config.seed, "turn", task.id)
            off = plain.persona and draw(self._config.seed, "off", plain.id) < SWITCHED_OFF
            other = (
                NOBODY if off or not others else pick(others, self._config.seed, "switch", plain.id)
            )
            return msgspec.structs.replace(plain, special=special, at=turn, switch_to=other)
        calls = sum(len(turn.steps) for turn in task.reference)
        at = pick(range(min(calls, EARLY_CALLS)), self._config.seed, special, task.id)
        return msgspec.structs.replace(plain, special=special, at=at)

    def notes(self) -> list[str]:
        """In words, each share that could not be met, since too few tasks can."""
        said = []
        for kind, share in self._config.specials.items():
            able = self._able[kind]
            if share and able < self._tasks:
                said.append(
                    f"plan: special {kind}: {able} of {self._tasks} tasks can; "
                    f"{share:g} of these is wanted, {self.counts['specials'][kind]} have it"
                )
        return said

    def able(self, task: Task) -> list[Special]:
        """The kinds of special that can be made to happen in the task."""
        calls = any(turn.steps for turn in task.reference)
        named = {each for each in self._conditions if each is not None}
        can = {
            "switch": len(task.reference) > 1 and len(self._conditions) > 1 and bool(named),
            "look_alike": None in self._conditions,
            "denied": calls,
            "failing": calls,
            "missing": task.withheld is not None,
        }
        return [kind for kind in SPECIALS if can[kind]]

    def _drawn(self, task: Task, field: str) -> str | None:
        left = draw(self._config.seed, field, task.id)
        for kind, share in sorted(getattr(self._config, field).items()):
            left -= share
            if left < 0:
                return str(kind)
        return None
