"""How many tasks per family fill the rows that were asked for, at the survival that was measured.

Of every family it is known what came out of its slots as tokens of train. More tasks of it are
expected to give as much each. Of a mix of so many slots more of the same is taken, since its shares
hold throughout. Earlier tasks stay as they are, so what was generated is kept.
"""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
from msgspec import Struct

from kappa_data import recipe, remembered
from kappa_data.config import Settings
from kappa_data.errors import UsageError
from kappa_data.records import SPLITS, Cut, Rejected, Slot
from kappa_data.resources import Resources
from kappa_data.stages.pack import TOO_LONG
from kappa_data.store import Sealed
from kappa_data.tasks.catalog import families

NOTHING = "plan --top-up: no slot gave tokens of train so far; generate some first"


class TopUp(Struct, frozen=True):
    """What is planned: `tasks` per family, which gave `tasks_before`, for so many rows of train."""

    tasks: int
    tasks_before: int
    rows: int
    rows_before: int
    tokens_missing: int
    slots: int = 0
    """of a mix; 0: `tasks` holds"""
    slots_before: int = 0

    @property
    def setting(self) -> dict[str, int]:
        """What is changed of the plan's settings."""
        return {"slots": self.slots} if self.slots else {"tasks": self.tasks}

    @property
    def line(self) -> str:
        """What is planned, for people."""
        planned = f"{self.tasks:,} tasks per family (before: {self.tasks_before:,})"
        if self.slots:
            planned = f"{self.slots:,} slots (before: {self.slots_before:,})"
        return (
            f"plan: {self.rows_before:,} of {self.rows:,} rows are there, "
            f"{self.tokens_missing:,} tokens are missing: {planned}"
        )


def top_up(root: Path, settings: Settings, resources: Resources) -> TopUp:
    """The plan that fills `pack.rows`. UsageError: nothing was asked for, nothing was measured, or
    the families hold too few tasks."""
    wanted = settings.pack.rows
    if not wanted:
        raise UsageError(
            "plan --top-up: nobody said how many rows are wanted; say `kappa-data pack --rows N`"
        )
    plan, tokenized, packed = (
        _sealed(root, settings, resources, name) for name in ("plan", "tokenize", "pack")
    )
    rows = packed.count(SPLITS[0])
    missing = int(packed.manifest.figures["tokens missing"])
    slots = list(plan.read("slots", Slot))
    played = slots[: settings.generate.limit] if settings.generate.limit else slots
    tasks_before, slots_before = settings.plan.tasks, settings.plan.slots
    if not slots_before:  # more tasks per family are no more tasks of files
        slots, played = ([each for each in some if _is_made(each)] for some in (slots, played))
    tokens = _tokens(tokenized, _shortened(packed), {slot.id: slot.family for slot in played})
    if rows >= wanted and missing < settings.pack.seq_len:  # all there: the rest is padding
        return TopUp(tasks_before, tasks_before, wanted, rows, 0, slots_before, slots_before)
    if slots_before:
        more = _slots(settings, slots, played, tokens)
        return TopUp(tasks_before, tasks_before, wanted, rows, missing, more, slots_before)
    per_task = _tokens_per_task(slots, played, tokens)
    if not any(per_task.values()):
        raise UsageError(NOTHING)
    seeds = {name: families()[name].seeds for name in per_task}
    needed = wanted * settings.pack.seq_len - tokens[""]
    most = max(seeds.values())
    low, high = tasks_before, most
    while low < high:
        middle = (low + high) // 2
        if _expected(middle, per_task, seeds) >= needed:
            high = middle
        else:
            low = middle + 1
    if _expected(low, per_task, seeds) < needed:
        reached = int((_expected(most, per_task, seeds) + tokens[""]) // settings.pack.seq_len)
        raise UsageError(
            f"plan --top-up: all tasks of the {len(seeds)} families fill about {reached:,} of "
            f"{wanted:,} rows; name more personas, import or add families, or ask for fewer rows"
        )
    return TopUp(low, tasks_before, wanted, rows, missing)


def _is_made(slot: Slot) -> bool:
    """Whether a family made the task, of a seed: no task of a file may have such an id."""
    name, _, seed = slot.task_id.rpartition("/")
    return name in families() and seed.isdecimal()


def _slots(settings: Settings, slots: list[Slot], played: list[Slot], tokens: Counter[str]) -> int:
    """How many slots of a mix fill the rows, each giving what one of those played gave."""
    wanted, size = settings.pack.rows, settings.pack.seq_len
    gave = tokens.total() - tokens[""]
    if not gave:
        raise UsageError(NOTHING)
    each = gave / len(played)
    task = len({slot.persona for slot in slots}) * max(one.together for one in families().values())
    if settings.plan.slots - len(slots) >= task:  # the mix would have had another task before
        reached = int((each * len(slots) + tokens[""]) // size)
        raise UsageError(
            f"plan --top-up: the families have tasks for {len(slots):,} slots, which fill about "
            f"{reached:,} of {wanted:,} rows; name more personas, import or add families, or ask "
            "for fewer rows"
        )
    return max(settings.plan.slots, math.ceil((wanted * size - tokens[""]) / each))


def _expected(tasks: int, per_task: dict[str, float], seeds: dict[str, int]) -> float:
    return sum(each * min(tasks, seeds[name]) for name, each in per_task.items())


def _tokens_per_task(
    slots: list[Slot], played: list[Slot], tokens: Counter[str]
) -> dict[str, float]:
    """Tokens of train that one more task of each family gives, over all its personas.

    A family that a pilot did not reach counts as the mean of the others.
    """
    conditions = len({slot.persona for slot in slots})
    count = Counter(slot.family for slot in played)
    mean = sum(tokens[name] for name in count) / max(1, len(played))
    return {
        name: conditions * (tokens[name] / count[name] if count[name] else mean)
        for name in sorted({slot.family for slot in slots})
    }


def _shortened(packed: Sealed) -> dict[str, int]:
    """What is left, in tokens, of samples that are longer than a row."""
    left = {each.sample_id: each.tokens for each in packed.read("cut", Cut)}
    for each in packed.read("quarantine", Rejected):
        if each.findings[0].rule == TOO_LONG:
            left[each.id] = 0
    return left


def _tokens(
    tokenized: Sealed, shortened: dict[str, int], family_of: dict[str, str]
) -> Counter[str]:
    """Tokens of train by family, as far as they can be packed; "" for what is of none of them."""
    tokens: Counter[str] = Counter()
    for shard in tokenized.shards("samples"):
        with pq.ParquetFile(shard) as file:
            columns = ["id", "conversation_id", "split", "mask"]
            for batch in file.iter_batches(columns=columns):
                lengths = pc.binary_length(batch["mask"]).to_pylist()
                rows = zip(*(batch[name].to_pylist() for name in columns[:3]), lengths, strict=True)
                for sample, conversation, split, length in rows:
                    if split == SPLITS[0]:
                        family = family_of.get(conversation, "")
                        tokens[family] += shortened.get(sample, length)
    return tokens


def _sealed(root: Path, settings: Settings, resources: Resources, name: str) -> Sealed:
    steps = {step.stage.name: step for step in recipe.status(settings, resources, root)}
    step = steps.get(name)
    if step is None or step.sealed is None:
        why = step.reason if step else "it only reads imports"
        again = remembered.command_of("pack", root)
        raise UsageError(f"plan --top-up: {name} is not up to date ({why}); run `{again}` first")
    return step.sealed
