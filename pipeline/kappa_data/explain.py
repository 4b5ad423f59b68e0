"""plan --explain: what was wanted of the mix, what is planned, and what became of it.

Planned tokens are expected (tasks/expected.py). Where later stages are up to date, the same shares
are counted again over the conversations that came through, with the tokens that these have.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.compute as pc
import pyarrow.parquet as pq
from msgspec import Struct

from kappa_data import recipe
from kappa_data.config import Settings
from kappa_data.records import Conversation, Message, Slot, Task
from kappa_data.resources import Resources
from kappa_data.stages import generate
from kappa_data.stages.plan import chosen_families, chosen_personas
from kappa_data.store import Sealed
from kappa_data.tasks import mix_table, sources
from kappa_data.tasks.expected import Expected
from kappa_data.tasks.mix_table import Line, Measured
from kappa_data.teacher import prices
from kappa_data.teacher.prices import PICO

SURVIVAL = ("generate", "validate", "dedupe", "tokenize")


class Explained(Struct, frozen=True):
    """The lines with what is left of each, by table and name; sums over all slots; notes."""

    lines: tuple[Line, ...]
    realised: Mapping[str, Mapping[str, float]]
    totals: Mapping[str, Any]
    survival: Mapping[str, int]
    lengthen: Mapping[str, float]
    notes: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        for line in plain["lines"]:
            line["realised"] = self.realised.get(line["table"], {}).get(line["name"])
        del plain["realised"]
        return plain


def explain(root: Path, settings: Settings, resources: Resources, plan: Sealed) -> Explained:
    """The sealed plan, and what is up to date of the stages that follow.

    UsageError: a cap on money, and a price that is unknown.
    """
    planned = planned_of(plan)
    lacking = plan.manifest.figures["families without their programs"]
    made = [each for each in chosen_families(settings.plan.families) if each.name not in lacking]
    brought = sources.of_files(settings.plan.task_files)
    chosen = [*made, *sources.as_families(brought)]
    conditions = chosen_personas(settings.plan.personas, resources)
    slots = mix_table.measured(settings.plan, planned, chosen, conditions, sources.in_mix(brought))
    sealed = {
        step.stage.name: step.sealed
        for step in recipe.status(settings, resources, root)
        if step.sealed is not None
    }
    left = _left(slots, sealed)
    realised: dict[str, dict[str, float]] = defaultdict(dict)
    for line in mix_table.lines(settings.plan, left, chosen, conditions) if left else ():
        realised[line.table][line.name] = line.planned
    return Explained(
        lines=tuple(mix_table.lines(settings.plan, slots, chosen, conditions)),
        realised=realised,
        totals=_totals(slots, settings),
        survival={"plan": len(slots)} | _survival(sealed, {each.slot.id for each in slots}),
        lengthen=_lengthen(slots, left, settings.plan.lengthen),
        notes=plan.manifest.figures["shares not met"],
    )


def planned_of(plan: Sealed) -> list[tuple[Task, list[Slot]]]:
    """Every task of a plan with its slots, in their order."""
    slots, tasks = generate.slots_of(plan)
    of_task: dict[str, list[Slot]] = defaultdict(list)
    for slot in slots:
        of_task[slot.task_id].append(slot)
    return [(tasks[task_id], own) for task_id, own in of_task.items()]


def _totals(slots: Sequence[Measured], settings: Settings) -> dict[str, Any]:
    """Sums of what is expected of all slots, and what that costs at the assistant's price."""
    whole = Expected(
        *(
            sum(getattr(each.expected, name) for each in slots)
            for name in Expected.__struct_fields__
        )
    )
    config = settings.generate
    file = prices.load(config.prices)
    price = generate.price_of(config, file)(config.asked("assistant").model)
    free = generate.is_embedded(config)
    asked = round(whole.prompt_tokens), round(whole.completion_tokens)
    return {
        "slots": len(slots),
        "tasks": len({each.task.id for each in slots}),
        "tokens": round(whole.tokens),
        "requests": round(whole.requests),
        "prompt_tokens": round(whole.prompt_tokens),
        "completion_tokens": round(whole.completion_tokens),
        "repeated_prompt_tokens": round(whole.repeated),
        "cost": price and price.of(*asked) / PICO,
        "cost_if_cached": price and price.of(*asked, round(whole.repeated)) / PICO,
        "currency": None if free else file.currency or None,
        "free": free,
    }


def _left(slots: Sequence[Measured], sealed: Mapping[str, Sealed]) -> list[Measured]:
    """The slots whose conversations have samples, with what these are in place of what was
    expected; [] where tokenize is not up to date."""
    if "tokenize" not in sealed or "dedupe" not in sealed:
        return []
    tokens, longest = _tokens(sealed["tokenize"])
    of_slot = {each.slot.id: each for each in slots}
    left = []
    for talk in sealed["dedupe"].read("conversations", Conversation):
        each = of_slot.get(talk.id)
        if each is None or talk.id not in tokens:  # an import, or nothing in it can be trained
            continue
        usage = talk.provenance.usage
        took = Expected(
            tokens[talk.id],
            longest[talk.id],
            usage.requests,
            usage.prompt_tokens,
            usage.completion_tokens,
        )
        slot = msgspec.structs.replace(each.slot, special=talk.special)
        shows = _shows(talk.messages) if each.task.tools else ()
        left.append(msgspec.structs.replace(each, slot=slot, expected=took, shows=shows))
    return left


def _tokens(tokenized: Sealed) -> tuple[Counter[str], dict[str, int]]:
    """By conversation: the tokens of all its samples, and of the longest."""
    tokens: Counter[str] = Counter()
    longest: dict[str, int] = defaultdict(int)
    for shard in tokenized.shards("samples"):
        with pq.ParquetFile(shard) as file:
            for batch in file.iter_batches(columns=["conversation_id", "mask"]):
                lengths = pc.binary_length(batch["mask"]).to_pylist()
                ids = batch["conversation_id"].to_pylist()
                for conversation, length in zip(ids, lengths, strict=True):
                    tokens[conversation] += length
                    longest[conversation] = max(longest[conversation], length)
    return tokens, longest


def _shows(messages: Sequence[Message]) -> tuple[str, ...]:
    """What a conversation with tools shows, as mix_table's references."""
    several = any(len(message.tool_calls) > 1 for message in messages)
    idle, calls = False, True
    for message in messages:
        if message.role == "user":
            idle, calls = idle or not calls, False
        calls = calls or bool(message.tool_calls)
    idle = idle or not calls
    return (mix_table.PARALLEL,) * several + (mix_table.NO_TOOL,) * idle


def _survival(sealed: Mapping[str, Sealed], slots: set[str]) -> dict[str, int]:
    """How many of the slots' conversations each stage that is up to date let through."""
    found = {}
    for name in SURVIVAL:
        if name not in sealed:
            break
        record, column = "conversations", "id"
        if name == "tokenize":
            record, column = "samples", "conversation_id"
        ids: set[str] = set()
        for shard in sealed[name].shards(record):
            ids.update(pq.read_table(shard, columns=[column])[column].to_pylist())
        found[name] = len(ids & slots)
    return found


def _lengthen(
    slots: Sequence[Measured], left: Sequence[Measured], now: Mapping[str, float]
) -> dict[str, float]:
    """By family, measured tokens over what is expected without `plan.lengthen`."""
    expected = {each.slot.id: each.expected.tokens for each in slots}
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for each in left:
        sums[each.task.family][0] += each.expected.tokens
        sums[each.task.family][1] += expected[each.slot.id] / now.get(each.task.family, 1.0)
    return {name: round(real / guess, 3) for name, (real, guess) in sorted(sums.items()) if guess}
