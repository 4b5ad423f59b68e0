"""generate: every slot becomes a conversation, played by a teacher, or goes to quarantine.

In: plan's `slots` and `tasks`. Out: `conversations` and `quarantine`, in the order of the slots
whatever finished first. The journal beside the stage's keys holds every answer; see journal.py.
What is asked is metered and kept within the run's budget; see meter.py.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, closing
from itertools import groupby, islice
from typing import Any

import msgspec

from kappa_data import open_files
from kappa_data.config import GenerateConfig
from kappa_data.conversation.outages import Outages, Unfinished
from kappa_data.conversation.play import Run, play
from kappa_data.conversation.pool import Drained, in_order
from kappa_data.conversation.shelf import Shelf
from kappa_data.conversation.watch import FREE, Watch, money, told
from kappa_data.errors import KappaError, StageError, Stopped, UsageError
from kappa_data.personas import load_personas
from kappa_data.records import Conversation, Rejected, Slot, Task, TaskText
from kappa_data.sandbox import Sandbox
from kappa_data.sandbox.choose import choose, try_out, warning
from kappa_data.sandbox.toolset import tool_set
from kappa_data.stage import Context, Outcome
from kappa_data.store import Sealed
from kappa_data.tasks import catalog
from kappa_data.teacher import prices
from kappa_data.teacher.api import ROLES, Teacher
from kappa_data.teacher.budget import RUN, CapReached
from kappa_data.teacher.client import DEFAULT_BASE_URL
from kappa_data.teacher.journal import JOURNAL, Journal
from kappa_data.teacher.meter import Meter, caps_reached, meter_of, reached
from kappa_data.teacher.teachers import Teachers

EMBEDDED = "embedded"
FILES_PER_BOX = 4
"""of a conversation's open box: its pipes and its process, and a share of what opening takes"""
NOTE = (
    "teacher: the embedded one, which plays the reference solutions by rules; "
    "--model NAME asks a real model"
)

Made = Conversation | Rejected


def check(config: GenerateConfig) -> None:
    """UsageError for prices that cannot be read, or that a cap on money wants and are not there."""
    price_of(config, prices.load(config.prices))


def run(ctx: Context[GenerateConfig]) -> Outcome:
    """Plays the slots. See Context and Outcome.

    TeacherDown, SandboxDown: they cannot be used; Stopped: interrupted, a cap of the budget is
    reached, the disk is full, or some slots are unfinished (see outages.py), and all that was
    answered is kept; StageError: not one conversation came out; UsageError: the price of a model is
    unknown that money is to be counted for, or so many connections are not allowed.
    The errors' figures say what was spent.
    """
    config = ctx.config
    file = prices.load(config.prices)
    price = price_of(config, file)
    making = Making(meter_of(config, price), FREE if is_embedded(config) else file.currency)
    try:
        return asyncio.run(_generate(ctx, making))
    except KappaError as error:
        error.figures |= {"stage": "generate", **making.facts()}
        raise


def price_of(config: GenerateConfig, file: prices.Prices) -> Callable[[str], prices.Price | None]:
    """The price of each model that the run may ask; the embedded teacher is free.

    UsageError where money has a cap and the price of a role's model is unknown.
    """
    if is_embedded(config):
        return lambda model: prices.FREE
    models = {config.asked(role).model for role in ROLES}
    urls = {model: prices.base_urls(config, DEFAULT_BASE_URL, model) for model in models}
    known = {model: file.of(model, urls[model]) for model in models}
    unknown = sorted(model for model, price in known.items() if price is None)
    cap = next((each for each in ("max_cost", "persona_max_cost") if getattr(config, each)), "")
    if unknown and cap:
        currency = "" if file.currency else ' and currency = "..."'
        raise UsageError(
            f'generate.{cap}: the price of {unknown[0]} is unknown; write [models."{unknown[0]}"] '
            f"with input and output (per million tokens){currency} into {file.place}"
            f"{_elsewhere(file, unknown[0], urls[unknown[0]])}"
        )
    return known.get


def _files(config: GenerateConfig, calling: bool) -> int:
    """How many files may be open at a time for connections and, where tools are called, boxes."""
    asked = config.concurrency
    if is_embedded(config):
        connections = 2 * asked  # both ends are here
    else:
        connections = sum(each.concurrency or asked for each in config.endpoints) or asked
    return connections + (FILES_PER_BOX * asked if calling else 0)


def _elsewhere(file: prices.Prices, model: str, urls: Sequence[str]) -> str:
    others = [url for url, models in file.endpoints.items() if model in models and url not in urls]
    return f"; what it says of {others[0]} is of another address than {urls[0]}" if others else ""


async def _generate(ctx: Context[GenerateConfig], making: Making) -> Outcome:
    slots, tasks = slots_of(ctx.inputs["plan"], ctx.config.limit)
    making.slots = len(slots)
    calling = any(task.tools for task in tasks.values())
    concurrency = f"generate.concurrency {ctx.config.concurrency}"
    open_files.allow(_files(ctx.config, calling), concurrency)
    sandbox = await _sandbox(ctx) if calling else None
    simulated = calling and sandbox is None
    with Journal(ctx.root / JOURNAL) as journal:
        for line in journal.damaged:
            ctx.progress.note(line)
        async with teacher_of(ctx, journal, making.meter, tasks) as teacher:
            metered = making.meter.over(teacher)
            state = run_of(ctx, metered, journal, sandbox, simulated=simulated)
            await _play_all(ctx, state, slots, tasks, making, teacher)
    tally = making.tally
    if slots and not tally.conversations:
        reasons = ", ".join(f"{count} x {rule}" for rule, count in tally.rejected.most_common(5))
        raise StageError(f"generate: no conversation came out of {len(slots)} slots: {reasons}")
    # Which programs gave the results: each record has their digest, this says what it is made of.
    programs = {"programs": dict(sandbox.programs)} if sandbox is not None else {}
    figures = tally.figures(state) | programs | {"run": making.facts()}
    return Outcome(rejected=dict(tally.rejected), figures=figures)


def slots_of(plan: Sealed, limit: int = 0) -> tuple[list[Slot], dict[str, Task]]:
    """The first `limit` slots of a plan (0: all of them), and their tasks by id."""
    slots = list(islice(plan.read("slots", Slot), limit or None))
    wanted = {slot.task_id for slot in slots}
    tasks = {
        each.id: msgspec.json.decode(each.text, type=Task)
        for each in plan.read("tasks", TaskText)
        if each.id in wanted
    }
    return slots, tasks


def starts(slots: Sequence[Slot], concurrency: int) -> Iterator[int]:
    """The numbers of the slots in the order in which they begin.

    In windows of `concurrency` tasks: the first slot of each task that is re-voiced, which plays
    its base, then all others. One after the other, the slots of one task would take the places of
    nine conversations to wait for the one that is played.
    """
    numbered = groupby(enumerate(slots), key=lambda each: each[1].task_id)
    tasks = (list(of_task) for _, of_task in numbered)
    while window := list(islice(tasks, concurrency)):
        first = {
            next((number for number, slot in of_task if slot.strategy == "revoice"), -1)
            for of_task in window
        }
        yield from sorted(first - {-1})
        yield from (number for task in window for number, _ in task if number not in first)


def run_of(
    ctx: Context[GenerateConfig],
    teacher: Teacher,
    journal: Journal,
    sandbox: Sandbox | None,
    *,
    simulated: bool,
) -> Run:
    """What all conversations of the run share."""
    embedded = is_embedded(ctx.config)
    return Run(
        config=ctx.config,
        teacher=teacher,
        kind="embedded" if embedded else "openai-compatible",
        model=EMBEDDED if embedded else ctx.config.model,
        journal=journal,
        resources=ctx.resources,
        personas=load_personas(ctx.resources),
        sandbox=sandbox,
        tools=tool_set(ctx.sandbox.tools),
        limits=ctx.sandbox,
        # Its slips are in no request.
        variant=f"sloppy {ctx.config.sloppy}" if embedded else "",
        echo_reasoning=embedded,
        simulated=simulated,
    )


def is_embedded(config: GenerateConfig) -> bool:
    """Whether the embedded teacher answers: it does where no other model is named."""
    return config.model in ("", EMBEDDED)


def _place(config: GenerateConfig) -> str:
    """Who is asked, for messages."""
    if is_embedded(config):
        return "the embedded teacher"
    several = ", ".join(each.base_url for each in config.endpoints)
    return several or config.base_url or DEFAULT_BASE_URL


async def _sandbox(ctx: Context[GenerateConfig]) -> Sandbox | None:
    """The sandbox, tried out; None where tool results are simulated."""
    sandbox = choose(ctx.sandbox)
    if said := warning(ctx.sandbox):
        ctx.progress.note(said)
    if sandbox is not None:
        await try_out(sandbox)
    return sandbox


@asynccontextmanager
async def teacher_of(
    ctx: Context[GenerateConfig],
    journal: Journal,
    meter: Meter,
    tasks: Mapping[str, Task],
) -> AsyncIterator[Teachers]:
    """Who is asked, by the settings; the embedded one knows `tasks` and what the families make."""
    config = ctx.config
    if is_embedded(config):
        # Its tokenizer takes seconds to load, which a run with a real model need not wait for.
        from kappa_data.teacher.embedded import Embedded

        def known(task_id: str) -> Task:
            return tasks[task_id] if task_id in tasks else catalog.task(task_id)

        ctx.progress.note(NOTE)
        async with (
            Embedded(sloppy=config.sloppy, tasks=known, resources=ctx.resources) as server,
            Teachers.at(
                server.base_url,
                timeout=config.timeout,
                retries=config.retries,
                concurrency=config.concurrency,
                metadata=True,
                note=ctx.progress.note,
                retrying=meter.retrying,
                unsent=meter.unsent,
            ) as teacher,
        ):
            yield teacher
        return
    proven = frozenset(entry.model for entry in journal.entries() if entry.model)
    note = ctx.progress.note
    async with Teachers.of(
        config,
        os.environ,
        proven=proven,
        note=note,
        retrying=meter.retrying,
        unsent=meter.unsent,
    ) as teacher:
        note(f"teacher: {config.model} at {_place(config)}")
        yield teacher


async def _play_all(
    ctx: Context[GenerateConfig],
    state: Run,
    slots: Sequence[Slot],
    tasks: Mapping[str, Task],
    making: Making,
    teacher: Teachers,
) -> None:
    tally, budget = making.tally, making.meter.budget
    outages = Outages(_place(ctx.config), ctx.config.concurrency)

    def drain() -> None:
        state.draining = True
        teacher.refuse(lambda: Drained("interrupted"))
        ctx.progress.note("stopping at the next step of each conversation; again: stop at once")

    async def one(slot: Slot) -> Made | None:
        made = None
        try:
            made = await play(state, slot, tasks[slot.task_id])
            tally.count(made)
            bar.advance(1)  # what ends without an outcome is not done
        except Unfinished as error:
            outages.count(error, state.counts.asked, state.counts.ran)
        except CapReached:
            # A persona's slots alone may end so; where the run does, nobody asks any more.
            state.draining = state.draining or RUN in budget.reached
        return made

    watch = Watch(
        making.meter,
        making.currency,
        lambda: tally.summary(state, outages),
        lambda: teacher.state().waiting,
    )
    with (
        ctx.writer("conversations", Conversation) as conversations,
        ctx.writer("quarantine", Rejected) as quarantine,
        ctx.progress.task("generate", total=len(slots)) as bar,
        closing(Shelf[Made | None](ctx.folder)) as shelf,
    ):
        outcomes = in_order(
            slots,
            one,
            ctx.config.concurrency,
            drain,
            lambda: state.draining,
            shelf,
            starts(slots, ctx.config.concurrency),
        )
        async with told(watch, bar), aclosing(outcomes):
            async for made in outcomes:
                if made is not None:
                    (quarantine if isinstance(made, Rejected) else conversations).write(made)
    making.unfinished = outages.counts
    if budget.reached:
        raise Stopped(making.stopped_by_budget(ctx.config))
    outages.stop_if_any()


class Making:
    """What one run of the stage has made so far and what it spent, for people.

    `currency`: that of the prices, '': none is known, FREE for the embedded teacher.
    """

    def __init__(self, meter: Meter, currency: str) -> None:
        self.meter, self.currency = meter, currency
        self.slots = 0
        self.tally = Tally()
        self.unfinished: Counter[str] = Counter()

    def facts(self) -> dict[str, Any]:
        """What belongs to this run alone, and not to the rows: a replay of the journal is free."""
        spending, tally = self.meter.spending, self.tally
        return {
            "slots": self.slots,
            "conversations": tally.conversations,
            "quarantined": dict(sorted(tally.rejected.items())),
            "unfinished": dict(sorted(self.unfinished.items())),
            "caps_reached": caps_reached(self.meter.budget),
            "spent": spending.total.as_json()
            | {
                "currency": self.currency or None,
                "failures": dict(sorted(spending.failures.items())),
                "personas": {
                    name: each.as_json() for name, each in sorted(spending.personas.items())
                },
            },
        }

    def stopped_by_budget(self, config: GenerateConfig) -> str:
        """Which cap, what was spent, how much is done and how it goes on."""
        spent, done = self.meter.spending.total, self.tally.conversations
        done += self.tally.rejected.total()
        unfinished = ", ".join(f"{count} x {why}" for why, count in self.unfinished.most_common())
        return (
            f"generate: {reached(self.meter.budget, config)}; this run took "
            f"{spent.requests:,} requests, {spent.tokens:,} tokens, {money(spent, self.currency)}; "
            f"{done:,} of {self.slots:,} conversations are done"
            f"{f' (unfinished: {unfinished})' if unfinished else ''}; "
            "the same command goes on, with a fresh budget"
        )


class Tally:
    """What came out so far."""

    def __init__(self) -> None:
        self.conversations = 0
        self.rejected: Counter[str] = Counter()
        self._judged: Counter[str] = Counter()
        self._verified: Counter[str] = Counter()
        self._grounding: Counter[str] = Counter()

    def count(self, made: Made) -> None:
        """Counts one slot's outcome."""
        if isinstance(made, Rejected):
            self.rejected[made.findings[0].rule] += 1
            return
        self.conversations += 1
        persona = made.persona or "none"
        self._grounding[made.provenance.grounding] += 1
        if made.verdict is not None:
            self._judged[persona] += 1
            self._verified[persona] += made.verdict.passed

    def figures(self, state: Run) -> dict[str, object]:
        """For people: how much was asked, how much was right."""
        counts = state.counts
        return {
            "conversations": self.conversations,
            "grounding": dict(sorted(self._grounding.items())),
            "unverified": self.conversations - self._judged.total(),
            "quarantined": dict(sorted(self.rejected.items())),
            "requests_asked": counts.asked,
            "requests_from_journal": counts.reused,
            "prompt_tokens": counts.prompt_tokens,
            "completion_tokens": counts.completion_tokens,
            "verified_share": {
                persona: round(self._verified[persona] / total, 4)
                for persona, total in sorted(self._judged.items())
            },
        }

    def summary(self, state: Run, outages: Outages) -> str:
        """The words beside the progress bar."""
        unfinished = f"{outages.counts.total()} unfinished, " if outages.counts else ""
        reused = (
            f", {state.counts.reused:,} answers from the journal" if state.counts.reused else ""
        )
        return f"{unfinished}{self.rejected.total()} quarantined{reused}"
