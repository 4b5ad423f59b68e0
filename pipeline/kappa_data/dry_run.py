"""generate --dry-run: what would be asked, what it would take; nothing is bought and nothing kept.

The plan is made in a temporary folder, unless it is there. Every slot is replayed from the journal,
as far as that goes: what is done is measured. Where nothing is, a few slots of each persona are
played by the embedded teacher, in real boxes, beside a journal that is thrown away: prompts are
then as they will be, and its answers stand for those of the model that is to be asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from kappa_data.config import GenerateConfig, PlanConfig, Settings
from kappa_data.conversation.outages import Unfinished
from kappa_data.conversation.play import play
from kappa_data.conversation.pool import Drained
from kappa_data.progress import Progress, Quiet
from kappa_data.projection import Sample, Took, Wanted, cost, project
from kappa_data.recipe import GENERATE, PLAN
from kappa_data.records import Rejected, Slot, Task, TaskText
from kappa_data.resources import Resources
from kappa_data.sandbox import Sandbox
from kappa_data.sandbox.choose import choose
from kappa_data.stage import Context, Outcome, Stage, build, key_of, key_parts
from kappa_data.stages import generate
from kappa_data.store import Sealed, open_sealed
from kappa_data.teacher import prices
from kappa_data.teacher.api import ROLES, ChatAnswer, ChatRequest
from kappa_data.teacher.journal import JOURNAL, Entry, Journal
from kappa_data.teacher.prices import PICO, Price

NONE = "none"
PILOT_CONCURRENCY = 16
MEASURED, RENDERED = "measured", "rendered"


@dataclass
class Found:
    """What the journal holds: the slots that are done with what each took, and the answers there
    are of the others. `silent`: some answers came without their usage."""

    done: dict[str, Took] = field(default_factory=dict)
    rejected: set[str] = field(default_factory=set)
    answers: dict[str, int] = field(default_factory=dict)
    silent: bool = False


@dataclass
class _Asked:
    """The models of the roles that a journal's answers are of, and what they cost by role."""

    model: Callable[[str], str]
    price: Callable[[str], Price | None]


class _Capture:
    """A teacher that only looks at what it is asked."""

    def __init__(self) -> None:
        self.request: ChatRequest | None = None

    async def complete(self, request: ChatRequest) -> ChatAnswer:
        self.request = request
        raise Drained("nothing is asked in a dry run")


def dry_run(
    settings: Settings, resources: Resources, root: Path, progress: Progress, pilot: int
) -> dict[str, Any]:
    """What `generate` with these settings would still ask and take, as plain values.

    `pilot`: the conversations of each persona that are played where nothing was measured yet.
    Raises what plan and generate raise; the dataset's folder is left as it is, without a lock.
    """
    config = settings.generate
    file = prices.load(config.prices)
    price = generate.price_of(config, file)
    asked = _Asked(lambda role: _model(config, role), lambda role: price(config.asked(role).model))
    with tempfile.TemporaryDirectory(prefix="kappa-data-") as name:
        folder = Path(name)
        plan = _plan(settings, resources, root, folder, progress)
        slots, tasks = generate.slots_of(plan, config.limit)
        slots = _with_bases(slots)
        sandbox = choose(settings.sandbox) if any(task.tools for task in tasks.values()) else None
        ctx = Context(config, {"plan": plan}, resources, root, progress, folder, settings.sandbox)
        found = asyncio.run(_replayed(ctx, slots, tasks, sandbox, asked))
        example = asyncio.run(_example(ctx, slots, tasks, sandbox))
        samples, basis = _samples(slots, found.done), MEASURED
        left = [slot for slot in slots if slot.id not in found.done]
        if left and not samples:
            chosen = spread(left, pilot)
            progress.note(
                f"dry run: the embedded teacher plays {len(chosen)} conversations, to measure them"
            )
            played = _played(settings, resources, folder / "pilot", chosen, tasks, asked)
            samples, basis = _samples(slots, played), RENDERED
    sums = project(samples, [_wanted(slot, found) for slot in left]) if left else {}
    report = _Report(config, file.currency, asked, found, basis, samples)
    return report.as_json(slots, sums) | {"example": example}


def _plan(
    settings: Settings, resources: Resources, root: Path, folder: Path, progress: Progress
) -> Sealed:
    parts = key_parts(PLAN, settings.plan, {}, resources, settings.sandbox)
    sealed = open_sealed(root / PLAN.name / key_of(parts))
    if sealed is not None:
        return sealed
    return build(PLAN, settings.plan, {}, resources, folder, progress, settings.sandbox)[0]


def _with_bases(slots: Sequence[Slot]) -> list[Slot]:
    """The slots, and the solutions without a persona that are re-voiced and no slots themselves."""
    bases = {}
    for slot in slots:
        if slot.strategy == "revoice":
            base = f"{slot.task_id}:{NONE}"
            bases[base] = Slot(base, slot.task_id, slot.family, None, slot.split)
    for slot in slots:
        bases.pop(slot.id, None)
    return [*slots, *bases.values()]


async def _replayed(
    ctx: Context[GenerateConfig],
    slots: Sequence[Slot],
    tasks: Mapping[str, Task],
    sandbox: Sandbox | None,
    asked: _Asked,
) -> Found:
    """Plays every slot as far as its journal goes."""
    found = Found()
    simulated = sandbox is None and any(task.tools for task in tasks.values())
    with (
        Journal(ctx.root / JOURNAL, read_only=True) as journal,
        ctx.progress.task("journal", total=len(slots)) as bar,
    ):
        run = generate.run_of(ctx, _Capture(), journal, sandbox, simulated=simulated)
        run.draining = True  # nobody is asked and nothing runs: what is not there ends the slot
        of_base: dict[str, int] = {}
        for slot in sorted(slots, key=lambda each: each.persona is not None):  # the bases first
            entries = list(journal.slot(slot.id).values())
            revoiced = slot.strategy == "revoice" and slot.persona is not None
            base = of_base.get(slot.task_id) if revoiced else 0
            # A slot whose base failed has no entries of its own, and is done all the same.
            if base is not None and (entries or revoiced):
                before = run.counts.reused + base
                try:
                    made = await play(run, slot, tasks[slot.task_id])
                except (Drained, Unfinished):
                    found.answers[slot.id] = run.counts.reused - before
                else:
                    found.done[slot.id], silent = _took(entries, asked)
                    found.silent = found.silent or silent
                    if isinstance(made, Rejected):
                        found.rejected.add(slot.id)
                    if slot.persona is None:
                        of_base[slot.task_id] = run.counts.reused - before
            bar.advance()
    return found


def _took(entries: Sequence[Entry], asked: _Asked) -> tuple[Took, bool]:
    """What a conversation's answers and calls took, of the models asked; whether one is silent.

    Where other settings were tried, the last answer at a place counts.
    """
    answers = {
        entry.key: entry.answer
        for entry in entries
        if entry.answer is not None and entry.model == asked.model(entry.key.role)
    }
    took = Took(seconds=sum(entry.seconds for entry in entries))
    silent = False
    for key, answer in answers.items():
        used, price = answer.usage, asked.price(key.role)
        silent = silent or not used.prompt_tokens
        # The price of cached tokens is left out: how many will be is not known.
        took = Took(
            took.requests + 1,
            took.prompt_tokens + used.prompt_tokens,
            took.completion_tokens + used.completion_tokens,
            took.prompt_parts + (price.of(used.prompt_tokens, 0) if price else 0),
            took.completion_parts + (price.of(0, used.completion_tokens) if price else 0),
            took.seconds + answer.seconds,
        )
    return took, silent


def _samples(slots: Sequence[Slot], took: Mapping[str, Took]) -> list[Sample]:
    return [
        Sample(slot.persona or NONE, slot.family, took[slot.id])
        for slot in slots
        if slot.id in took
    ]


def _wanted(slot: Slot, found: Found) -> Wanted:
    return Wanted(slot.persona or NONE, slot.family, found.answers.get(slot.id, 0))


def spread(slots: Sequence[Slot], count: int) -> list[Slot]:
    """`count` slots of each persona, of the same families as far as can be, so that the personas
    can be compared; and one of every other family."""
    of_persona: dict[str | None, dict[str, Slot]] = defaultdict(dict)
    of_family: dict[str, Slot] = {}
    for slot in slots:
        own = of_persona[slot.persona]
        if len(own) < count:
            own.setdefault(slot.family, slot)
        of_family.setdefault(slot.family, slot)
    chosen = {slot.id: slot for own in of_persona.values() for slot in own.values()}
    seen = {slot.family for slot in chosen.values()}
    rest = {slot.id: slot for family, slot in of_family.items() if family not in seen}
    return [*(chosen | rest).values()]


def _played(
    settings: Settings,
    resources: Resources,
    folder: Path,
    slots: Sequence[Slot],
    tasks: Mapping[str, Task],
    asked: _Asked,
) -> dict[str, Took]:
    """What the embedded teacher's conversations took, at the price of the model that is meant."""

    def write(ctx: Context[PlanConfig]) -> Outcome:
        with ctx.writer("tasks", TaskText) as texts, ctx.writer("slots", Slot) as out:
            for task in {slot.task_id: tasks[slot.task_id] for slot in slots}.values():
                text = msgspec.json.encode(task, order="deterministic").decode()
                texts.write(TaskText(task.id, task.family, text))
            for slot in slots:
                out.write(slot)
        return Outcome()

    few = Stage(PLAN.name, PLAN.version, write, PLAN.records)
    plan, _ = build(few, settings.plan, {}, resources, folder, Quiet())
    embedded = GenerateConfig(
        max_turns=settings.generate.max_turns,
        max_steps=settings.generate.max_steps,
        concurrency=min(settings.generate.concurrency, PILOT_CONCURRENCY),
        boxes=settings.generate.boxes,
    )
    build(GENERATE, embedded, {"plan": plan}, resources, folder, Quiet(), settings.sandbox)
    played = _Asked(lambda role: generate.EMBEDDED, asked.price)
    with Journal(folder / JOURNAL, read_only=True) as journal:
        slot_ids = {slot.id for slot in _with_bases(slots)}
        return {each: _took(list(journal.slot(each).values()), played)[0] for each in slot_ids}


async def _example(
    ctx: Context[GenerateConfig],
    slots: Sequence[Slot],
    tasks: Mapping[str, Task],
    sandbox: Sandbox | None,
) -> dict[str, Any]:
    """The first request of a persona's slot: who is asked, and its system message."""
    plain = [slot for slot in slots if slot.strategy == "live" and slot.special is None]
    chosen = next((slot for slot in plain if slot.persona), next(iter([*plain, *slots]), None))
    if chosen is None:
        return {}
    task, teacher = tasks[chosen.task_id], _Capture()
    simulated = bool(task.tools) and sandbox is None
    with Journal(ctx.folder / "example.jsonl") as journal:
        run = generate.run_of(ctx, teacher, journal, sandbox, simulated=simulated)
        with contextlib.suppress(Drained):
            await play(run, chosen, task)
    if teacher.request is None:
        return {}
    messages = teacher.request.messages
    system = [each["content"] for each in messages if each["role"] == "system"]
    return {
        "slot": chosen.id,
        "model": teacher.request.model,
        "system": "\n\n".join(system),
        "user": next((each["content"] for each in messages if each["role"] == "user"), ""),
    }


def _model(config: GenerateConfig, role: str) -> str:
    return config.asked(role).model


@dataclass
class _Report:
    config: GenerateConfig
    currency: str
    asked: _Asked
    found: Found
    basis: str
    samples: Sequence[Sample]

    def as_json(self, slots: Sequence[Slot], sums: Mapping[str, Took]) -> dict[str, Any]:
        personas: dict[str, list[Slot]] = defaultdict(list)
        for slot in slots:
            personas[slot.persona or NONE].append(slot)
        total = Took(*map(sum, zip(Took(), *sums.values(), strict=True)))
        free = generate.is_embedded(self.config)
        return {
            "dry_run": True,
            "model": self.config.model,
            "basis": self.basis if len(self.found.done) < len(slots) else None,
            "conversations_measured": len(self.samples),
            "currency": None if free else self.currency or None,
            "free": free,
            "concurrency": self.config.concurrency,
            "personas": {
                name: self._row(own, sums.get(name, Took())) for name, own in personas.items()
            },
            "total": self._row(slots, total),
            "caps": self._caps(total),
        }

    def _row(self, slots: Sequence[Slot], took: Took) -> dict[str, Any]:
        done = sum(slot.id in self.found.done for slot in slots)
        rejected = sum(slot.id in self.found.rejected for slot in slots)
        goes_on = sum(self.found.answers.get(slot.id, 0) > 0 for slot in slots)
        silent = self.found.silent and self.basis == MEASURED
        left = len(slots) - done
        return {
            "conversations": len(slots),
            "done": done,
            "go_on": goes_on,
            "new": left - goes_on,
            "requests": round(took.requests),
            "prompt_tokens": None if silent else round(took.prompt_tokens),
            "completion_tokens": None if silent else round(took.completion_tokens),
            "cost": None if silent or not self._priced() else cost(took, self.samples) / PICO,
            "seconds": self._seconds(left, took),
            "quarantined_share": round(rejected / done, 4) if done else None,
        }

    def _priced(self) -> bool:
        return all(self.asked.price(role) is not None for role in ROLES)

    def _seconds(self, left: int, took: Took) -> float | None:
        """At this concurrency; None: how long an answer takes was never measured."""
        if not left:
            return 0.0
        if self.basis != MEASURED:
            return None
        return round(took.seconds / min(self.config.concurrency, left), 1)

    def _caps(self, total: Took) -> dict[str, Any]:
        """The share of what is missing that each of the run's caps lets through, up to 1."""
        needs = {
            "max_requests": total.requests,
            "max_tokens": total.prompt_tokens + total.completion_tokens,
            "max_cost": cost(total, self.samples) / PICO,
        }
        return {
            name: round(min(getattr(self.config, name) / need, 1.0), 4)
            for name, need in needs.items()
            if getattr(self.config, name) and need
        }
