"""plan: which tasks are given to whom.

Every task is made from its seed and its reference is run in the sandbox first: only what its own
verifier accepts becomes slots. Where tool results are to be simulated, tasks with tools are planned
unverified, whether a sandbox is there or not: the same question has the same answer. Splits are
drawn by task, before the fan-out over the personas, and so are strategy and special. Either every
persona plays each task (tasks/mix.py), or there is a mix of so many slots (tasks/mixture.py).
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import msgspec

from kappa_data.config import PlanConfig, nearest
from kappa_data.errors import UsageError
from kappa_data.personas import load_personas
from kappa_data.records import NOBODY, SPLITS, Finding, Rejected, Slot, Split, Task, TaskText
from kappa_data.resources import Resources
from kappa_data.sandbox import Sandbox
from kappa_data.sandbox.choose import choose, try_out, warning
from kappa_data.sandbox.toolset import ToolSet, tool_set
from kappa_data.stage import Context, Outcome
from kappa_data.tasks import mix_table, sources
from kappa_data.tasks.catalog import Family, families, select
from kappa_data.tasks.mix import Mix, check_shares
from kappa_data.tasks.mixed import Mixed
from kappa_data.tasks.mixture import check as check_mixture
from kappa_data.tasks.verify import play_reference, verify

ALL = "all"
NONE = "none"
BOXES = 4


def run(ctx: Context[PlanConfig]) -> Outcome:
    """Seals "slots", "tasks" and "quarantine" (tasks that their own verifier refused)."""
    conditions = chosen_personas(ctx.config.personas, ctx.resources)
    check_shares(ctx.config)
    chosen = chosen_families(ctx.config.families)
    if not (chosen or ctx.config.task_files):
        raise UsageError("--families: none, and no --task-files; one of them gives the tasks")
    sandbox = choose(ctx.sandbox)
    able, lacking = by_programs(chosen, sandbox)
    for name, programs in lacking.items():
        ctx.progress.note(f"plan: family {name} is left out: the sandbox has no {programs}")
    able = sources.with_material(able, ctx.config.seeds)
    brought = sources.of_files(ctx.config.task_files, sandbox)
    mixable = [*able, *sources.as_families(brought)]
    check_mixture(
        ctx.config,
        {*families(), *(each.name for each in mixable)},
        {each.task.family for each in brought},
    )
    known = list(load_personas(ctx.resources))
    mix: Mix | Mixed
    if ctx.config.slots:
        mix = Mixed(ctx.config, mixable, conditions, known)
        tasks = mix.tasks
    else:
        mix = Mix(ctx.config, conditions, known)
        tasks = [*_make_tasks(able, ctx.config), *(each.task for each in brought)]
        # An order that mixes the families, so that a pilot of the first few sees several.
        random.Random(f"plan:{ctx.config.seed}").shuffle(tasks)
    _check_tools(tasks, tool_set(ctx.sandbox.tools))
    calling = [task for task in tasks if task.tools]
    unverified = Counter(task.family for task in calling if sandbox is None)
    if calling and (said := warning(ctx.sandbox)):
        ctx.progress.note(said)
    if unverified:
        ctx.progress.note(
            f"plan: {unverified.total()} tasks with tools are planned unverified: without a "
            "sandbox no reference can be played"
        )
    with ctx.progress.task("plan", total=len(tasks)) as bar:
        refusals = asyncio.run(_verify_all(tasks, sandbox, bar.advance))
    good = [task for task in tasks if task.id not in refusals]
    splits = assign_splits(good, able, ctx.config)
    planned = [(task, mix.slots(task, splits[task.id])) for task in good]
    with ctx.writer("tasks", TaskText) as texts, ctx.writer("slots", Slot) as slots:
        for task, own in planned:
            text = msgspec.json.encode(task, order="deterministic").decode()
            texts.write(TaskText(task.id, task.family, text))
            for slot in own:
                slots.write(slot)
    table = mix_table.table(ctx.config, planned, mixable, conditions, sources.in_mix(brought))
    limits = [*mix.notes(), *(mix_table.notes(table) if ctx.config.slots else [])]
    for line in limits:
        ctx.progress.note(line)
    with ctx.writer("quarantine", Rejected) as quarantine:
        for task_id, detail in sorted(refusals.items()):
            finding = Finding("reference refused", "reject", -1, detail)
            quarantine.write(Rejected(task_id, "plan", None, (finding,)))
    return Outcome(
        rejected={"reference refused": len(refusals)} if refusals else {},
        figures={
            "tasks": len(good),
            "personas": [persona or NOBODY for persona in conditions],
            "families": dict(sorted(Counter(task.family for task in good).items())),
            "families without their programs": lacking,
            "families unverified": dict(sorted(unverified.items())),
            "splits": dict(sorted(Counter(splits.values()).items())),
            **{field: dict(sorted(counts.items())) for field, counts in mix.counts.items()},
            "shares not met": limits,
            "mix": mix_table.as_figures(table),
        },
    )


def chosen_personas(names: Iterable[str], resources: Resources) -> list[str | None]:
    """The conditions asked for, in a fixed order; None stands for no persona."""
    known = load_personas(resources)
    wanted = set(names)
    for name in wanted - {ALL, NOBODY} - set(known):
        raise UsageError(
            f'--personas: there is no "{name}"; {nearest(name, [*known, NOBODY, ALL])}'
        )
    if not wanted:
        raise UsageError("--personas: none is named; use all, or names separated by commas")
    everyone = ALL in wanted
    conditions: list[str | None] = [name for name in sorted(known) if everyone or name in wanted]
    return [*conditions, None] if everyone or NOBODY in wanted else conditions


def chosen_families(names: Iterable[str]) -> list[Family]:
    """The families asked for, by name; `none` alone stands for no family."""
    wanted = set(names)
    if wanted == {NONE}:
        return []
    named = select(sorted(wanted - {ALL}), "--families")
    if not wanted:
        raise UsageError("--families: none is named; use all, or names separated by commas")
    return list(families().values() if ALL in wanted else named)


def by_programs(
    chosen: list[Family], sandbox: Sandbox | None
) -> tuple[list[Family], dict[str, str]]:
    """The families that the box can serve, and for the others the programs that it lacks.

    Without a sandbox nothing runs, so nothing is lacking.
    """
    if sandbox is None:
        return chosen, {}
    able, lacking = [], {}
    for family in chosen:
        missing = [program for program in family.programs if not sandbox.has(program)]
        if missing:
            lacking[family.name] = ", ".join(missing)
        else:
            able.append(family)
    if lacking and not able:
        raise UsageError(f"no family can run here: programs are missing: {lacking}")
    return able, lacking


def assign_splits(
    tasks: Sequence[Task], chosen: Iterable[Family], config: PlanConfig
) -> dict[str, Split]:
    """The split of each task, by a hash of its id: more tasks never move a task to another split.

    Tasks that belong together (a trap and its control) are in one split: what is learnt from one
    would be asked by the other. Where so few tasks are planned that none fell into train, all go
    there.
    """
    together = {family.name: family.together for family in chosen if family.together > 1}

    def first_of(task: Task) -> str:
        size = together.get(task.family)
        if size and task.id == f"{task.family}/{task.seed}":  # one of a file may bear the name, too
            return f"{task.family}/{task.seed - task.seed % size}"
        return task.id

    splits = {task.id: _split(first_of(task), config) for task in tasks}
    if SPLITS[0] not in splits.values():
        return dict.fromkeys(splits, SPLITS[0])
    return splits


def _split(task_id: str, config: PlanConfig) -> Split:
    digest = hashlib.sha256(f"split:{config.seed}:{task_id}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    if place < config.test:
        return "test"
    return "validation" if place < config.test + config.validation else "train"


def _make_tasks(chosen: list[Family], config: PlanConfig) -> list[Task]:
    tasks = []
    for family in chosen:
        seeds = range(min(config.tasks, family.seeds))
        tasks += [family.make(seed) for seed in seeds]
    return tasks


def _check_tools(tasks: list[Task], known: ToolSet) -> None:
    """UsageError for a task that wants a tool which is not there."""
    for task in tasks:
        for name in task.tools:
            if name not in known:
                raise UsageError(
                    f'task family {task.family}: wants the tool "{name}"; '
                    f"{nearest(name, known.names)}; add its file to sandbox.tools, "
                    "or install its package"
                )


async def _verify_all(
    tasks: list[Task], sandbox: Sandbox | None, advance: Callable[[], None]
) -> dict[str, str]:
    """Runs every reference; the reason by task id for those that the verifier refused.

    Without a sandbox, only those of tasks without tools.
    """
    if sandbox is not None and any(task.tools for task in tasks):
        await try_out(sandbox)
    places = asyncio.Semaphore(BOXES)
    refusals: dict[str, str] = {}

    async def one(task: Task) -> None:
        if task.tools and sandbox is None:
            advance()
            return
        async with places:
            box = await sandbox.open(task.fixture) if task.tools and sandbox else None
            try:
                verdict = await verify(task, box, await play_reference(task, box))
            finally:
                if box is not None:
                    await box.close()
        if not verdict.passed:
            refusals[task.id] = verdict.detail
        advance()

    await asyncio.gather(*(one(task) for task in tasks))
    return refusals
