"""generate: every slot becomes a conversation, played by a teacher, or goes to quarantine.

In: plan's `slots` and `tasks`. Out: `conversations` and `quarantine`, in the order of the slots
whatever finished first. The journal beside the stage's keys holds every answer; see journal.py.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from itertools import islice

import msgspec

from kappa_data.config import GenerateConfig
from kappa_data.conversation.outages import Outages, Unfinished
from kappa_data.conversation.play import Run, play
from kappa_data.conversation.pool import in_order
from kappa_data.errors import StageError, TeacherDown
from kappa_data.personas import load_personas
from kappa_data.records import Conversation, Rejected, Slot, Task, TaskText
from kappa_data.sandbox import Sandbox
from kappa_data.sandbox.choose import choose, try_out, warning
from kappa_data.sandbox.toolset import tool_set
from kappa_data.stage import Context, Outcome
from kappa_data.teacher.api import Teacher
from kappa_data.teacher.client import (
    DEFAULT_BASE_URL,
    NO_KEY,
    OpenAITeacher,
    check_base_url,
)
from kappa_data.teacher.journal import JOURNAL, Journal
from kappa_data.teacher.wire import OPENAI_HOST

EMBEDDED = "embedded"
NOTE = (
    "teacher: the embedded one, which plays the reference solutions by rules; "
    "--model NAME asks a real model"
)

Made = Conversation | Rejected


def run(ctx: Context[GenerateConfig]) -> Outcome:
    """Plays the slots. See Context and Outcome.

    TeacherDown, SandboxDown: they cannot be used; Stopped: interrupted, the disk is full, or some
    slots are unfinished (see outages.py), and all that was answered is kept; StageError: not one
    conversation came out.
    """
    return asyncio.run(_generate(ctx))


async def _generate(ctx: Context[GenerateConfig]) -> Outcome:
    limit = ctx.config.limit or None
    slots = list(islice(ctx.inputs["plan"].read("slots", Slot), limit))
    wanted = {slot.task_id for slot in slots}
    tasks = {
        each.id: msgspec.json.decode(each.text, type=Task)
        for each in ctx.inputs["plan"].read("tasks", TaskText)
        if each.id in wanted
    }
    calling = any(task.tools for task in tasks.values())
    sandbox = await _sandbox(ctx) if calling else None
    simulated = calling and sandbox is None
    with Journal(ctx.root / JOURNAL) as journal:
        for line in journal.damaged:
            ctx.progress.note(line)
        async with _teacher(ctx, journal) as teacher:
            embedded = is_embedded(ctx.config)
            state = Run(
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
            tally = await _play_all(ctx, state, slots, tasks)
    if slots and not tally.conversations:
        reasons = ", ".join(f"{count} x {rule}" for rule, count in tally.rejected.most_common(5))
        raise StageError(f"generate: no conversation came out of {len(slots)} slots: {reasons}")
    # Which programs gave the results: each record has their digest, this says what it is made of.
    programs = {"programs": dict(sandbox.programs)} if sandbox is not None else {}
    return Outcome(rejected=dict(tally.rejected), figures=tally.figures(state) | programs)


def is_embedded(config: GenerateConfig) -> bool:
    """Whether the embedded teacher answers: it does where no other model is named."""
    return config.model in ("", EMBEDDED)


async def _sandbox(ctx: Context[GenerateConfig]) -> Sandbox | None:
    """The sandbox, tried out; None where tool results are simulated."""
    sandbox = choose(ctx.sandbox)
    if said := warning(ctx.sandbox):
        ctx.progress.note(said)
    if sandbox is not None:
        await try_out(sandbox)
    return sandbox


@asynccontextmanager
async def _teacher(ctx: Context[GenerateConfig], journal: Journal) -> AsyncIterator[Teacher]:
    config = ctx.config
    if is_embedded(config):
        # Its tokenizer takes seconds to load, which a run with a real model need not wait for.
        from kappa_data.teacher.embedded import Embedded

        ctx.progress.note(NOTE)
        async with (
            Embedded(sloppy=config.sloppy, resources=ctx.resources) as server,
            OpenAITeacher(
                server.base_url,
                timeout=config.timeout,
                retries=config.retries,
                concurrency=config.concurrency,
                metadata=True,
            ) as teacher,
        ):
            yield teacher
        return
    base_url = config.base_url or DEFAULT_BASE_URL
    key = os.environ.get(config.api_key_env, "")
    if not key and check_base_url(base_url) == OPENAI_HOST:
        raise TeacherDown(f"{base_url}: needs a key; set {config.api_key_env} and run again")
    async with OpenAITeacher(
        base_url,
        key or NO_KEY,
        timeout=config.timeout,
        retries=config.retries,
        concurrency=config.concurrency,
        proven=any(entry.model == config.model for entry in journal.entries()),
    ) as teacher:
        ctx.progress.note(f"teacher: {config.model} at {base_url}")
        yield teacher


async def _play_all(
    ctx: Context[GenerateConfig], state: Run, slots: Sequence[Slot], tasks: Mapping[str, Task]
) -> Tally:
    tally = Tally()
    address = ctx.config.base_url or DEFAULT_BASE_URL
    place = "the embedded teacher" if is_embedded(ctx.config) else address
    outages = Outages(place, ctx.config.concurrency)

    def drain() -> None:
        state.draining = True
        ctx.progress.note("stopping at the next step of each conversation; again: stop at once")

    async def one(slot: Slot) -> Made | None:
        made = None
        try:
            made = await play(state, slot, tasks[slot.task_id])
            tally.count(made)
        except Unfinished as error:
            outages.count(error, state.counts.asked, state.counts.ran)
        bar.advance(1)
        bar.say(tally.summary(state, outages))
        return made

    with (
        ctx.writer("conversations", Conversation) as conversations,
        ctx.writer("quarantine", Rejected) as quarantine,
        ctx.progress.task("generate", total=len(slots)) as bar,
    ):
        async with aclosing(in_order(slots, one, ctx.config.concurrency, drain)) as outcomes:
            async for made in outcomes:
                if made is not None:
                    (quarantine if isinstance(made, Rejected) else conversations).write(made)
    outages.stop_if_any()
    return tally


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
        counts = state.counts
        tokens = counts.prompt_tokens + counts.completion_tokens
        unfinished = f"{outages.counts.total()} unfinished, " if outages.counts else ""
        return (
            f"{unfinished}{self.rejected.total()} quarantined, {counts.asked} requests, "
            f"{counts.reused} from the journal, {tokens:,} tokens"
        )
