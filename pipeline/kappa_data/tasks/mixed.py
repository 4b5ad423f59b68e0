"""The slots of a mix: what is special in its tasks, and by which strategy they are played.

Both are given out by count along the sequence of a stream (balance.py), over the tasks that can, so
that the shares hold in a small plan too and an earlier task keeps what it was given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from kappa_data.config import PlanConfig
from kappa_data.errors import UsageError
from kappa_data.records import Slot, Special, Split, Strategy, Task
from kappa_data.tasks.balance import Balance
from kappa_data.tasks.catalog import Family
from kappa_data.tasks.mix import STRATEGIES, Mix, plain_slot
from kappa_data.tasks.mixture import Mixture, Picked
from kappa_data.tasks.streams import IN_STREAMS, Stream

Drawn = tuple[Strategy, Special | None]


class Mixed:
    """`tasks` fill `plan.slots`, in order; `slots` gives those of each. `counts` is of tasks."""

    def __init__(
        self,
        config: PlanConfig,
        chosen: Sequence[Family],
        conditions: Sequence[str | None],
        known: Sequence[str],
    ) -> None:
        self._config, self._conditions = config, conditions
        # Who speaks first where the persona changes: it takes another one to change to.
        self._first = [one for one in conditions if set(conditions) - {None, one}]
        self._mix = Mix(config, conditions, known)
        self._mixture = Mixture(config, chosen, conditions)
        picked = self._mixture.picked(config.slots)
        if not picked:
            raise UsageError(
                f"plan.slots: {config.slots} hold no task; one for every persona takes "
                f"{len(conditions)}, and as many again where its family has tasks together"
            )
        self._picked = {each.task.id: each for each in picked}
        self.tasks = [each.task for each in picked]
        streams: dict[Stream, _Drawing] = {}
        self._drawn = {
            each.task.id: streams.setdefault(each.stream, _Drawing(config, each.stream)).of(
                each.task, self._mix.able(each.task)
            )
            for each in picked
        }
        self.counts: dict[str, Counter[str]] = {
            "strategies": Counter(strategy for strategy, _ in self._drawn.values()),
            "specials": Counter(special for _, special in self._drawn.values() if special),
        }
        self._unable = [
            f"plan: special {kind}: no task of the mix can"
            for kind, share in config.specials.items()
            if share
            and kind not in IN_STREAMS
            and not any(drawing.able[kind] for drawing in streams.values())
        ]

    def slots(self, task: Task, split: Split) -> list[Slot]:
        """The slots of one of `tasks`."""
        picked = self._picked[task.id]
        strategy, special = self._drawn[task.id]
        return [
            self._mix.slot(plain_slot(task, persona, split), task, strategy, special)
            for persona in self._speakers(picked)
        ]

    def notes(self) -> list[str]:
        """In words, what the mix could not have, and why."""
        planned = sum(len(self._speakers(each)) for each in self._picked.values())
        return [*self._mixture.notes(self._config.slots, planned), *self._unable]

    def _speakers(self, picked: Picked) -> Sequence[str | None]:
        if picked.stream == "paired":
            return self._conditions
        if picked.stream == "switch":  # each in its turn is who speaks first
            return [self._first[picked.number % len(self._first)]]
        return [None]


class _Drawing:
    """What the tasks of one stream are given, one after the other."""

    def __init__(self, config: PlanConfig, stream: Stream) -> None:
        self._stream = stream
        self._shares = {kind: config.specials.get(kind, 0.0) for kind in config.specials}
        live = 1 - sum(config.strategies.get(kind, 0.0) for kind in STRATEGIES[1:])
        self._strategies = Balance({**config.strategies, STRATEGIES[0]: live})
        self.able: Counter[str] = Counter()
        self._given: Counter[str] = Counter()

    def of(self, task: Task, able: Sequence[Special]) -> Drawn:
        """The task's strategy and special; `able` are the kinds that it could have."""
        if self._stream in IN_STREAMS:
            special: Special = "switch" if self._stream == "switch" else "look_alike"
            return STRATEGIES[0], special
        kinds = [kind for kind in able if kind not in IN_STREAMS and self._shares.get(kind)]
        self.able.update(kinds)
        behind = {kind: self._shares[kind] * self.able[kind] - self._given[kind] for kind in kinds}
        most = max(kinds, key=lambda kind: behind[kind], default=None)
        if most is not None and behind[most] >= 0.5:
            self._given[most] += 1
            return STRATEGIES[0], most
        if self._stream == "none":  # its slot is itself what a voice would start from
            return STRATEGIES[0], None
        name = self._strategies.first(STRATEGIES)
        strategy = next(kind for kind in STRATEGIES if kind == name)
        self._strategies.give(strategy)
        return strategy, None
