"""`tasks write`: the teacher writes tasks of a family; what proves itself in boxes is kept.

In batches: what a request says depends on what was there when its batch began, and the file changes
when a batch is over, as a whole. So a run that was cut anywhere asks the same again, and finds the
answers in its journal.
"""

from __future__ import annotations

import asyncio
import functools
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from kappa_data import disk
from kappa_data.config import GenerateConfig, Settings
from kappa_data.conversation.asking import Asking
from kappa_data.conversation.pool import Drained, in_order
from kappa_data.conversation.run import Run
from kappa_data.conversation.shelf import Shelf
from kappa_data.errors import Stopped
from kappa_data.progress import Progress, Quiet
from kappa_data.records import Slot, Task, canonical_json
from kappa_data.resources import Resources
from kappa_data.sandbox.choose import try_out
from kappa_data.sandbox.toolset import tool_set
from kappa_data.stage import Context
from kappa_data.stages import generate
from kappa_data.task_check import BOXES, OWN_SEEDS, box_of
from kappa_data.tasks import brief, evaluation, files, seeds_file
from kappa_data.tasks.catalog import Family, select
from kappa_data.tasks.file_forms import Malformed, in_file
from kappa_data.tasks.gate import Gate
from kappa_data.tasks.likeness import Known
from kappa_data.tasks.written import Refused, Written
from kappa_data.teacher import prices
from kappa_data.teacher.api import ChatAnswer, ChatRequest, Role, TeacherError
from kappa_data.teacher.budget import CapReached
from kappa_data.teacher.draw import label
from kappa_data.teacher.embedded_tokens import encode
from kappa_data.teacher.journal import Journal
from kappa_data.teacher.meter import meter_of
from kappa_data.teacher.prices import PICO
from kappa_data.teacher.structured import NotInForm, structured

JOURNAL = Path("tasks") / "journal.jsonl"
"""in the dataset's folder; not generate's, whose entries belong to slots of a plan"""
BATCH = 8
"""requests at a time"""
FORM_REPAIRS = 2
"""times that an answer without the form is asked for again, each time anew"""
REPAIRS = 2
"""times that a refused task may be mended"""
GIVE_UP = 3
"""batches in a row without one task"""
ANSWER_TOKENS = 16_384
"""a task is longer than an answer in a conversation; more where writer.max_answer_tokens says so"""
ROLE: Role = "writer"


class Wanted(Struct, frozen=True):
    """What is to be written: the file `out` is to hold `count` tasks."""

    family: str
    count: int
    out: Path
    seeds: str = ""
    against: tuple[str, ...] = ()


@dataclass
class _Writing:
    """What all requests of a run share."""

    wanted: Wanted
    family: Family
    written: Written
    run: Run
    gate: Gate
    known: Known
    pieces: Sequence[brief.Piece]
    first_seed: int
    reasons: Counter[str] = field(default_factory=Counter)
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(BOXES))


def write(
    wanted: Wanted, settings: Settings, resources: Resources, root: Path, progress: Progress
) -> dict[str, Any]:
    """Writes until the file holds what is wanted; what was done and spent, as plain values.

    `exit_code` 1 where the teacher's tasks were refused until the run gave up. Stopped: a cap of
    the budget, an interrupt, answers that failed; all that was bought is kept. TeacherDown,
    SandboxDown, UsageError: see generate.
    """
    config = settings.generate
    (family,) = select([wanted.family], "tasks write")
    pieces = _pieces(wanted, progress)
    file = prices.load(config.prices)
    price = generate.price_of(config, file)
    against = evaluation.of_files(wanted.against, resources)
    gate = Gate(box_of(settings), tool_set(settings.sandbox.tools), against)
    with disk.disk_errors(root), disk.lock(root):
        (root / JOURNAL).parent.mkdir(parents=True, exist_ok=True)
        written = Written(wanted.out)
        ctx = Context(config, {}, resources, root, progress, (root / JOURNAL).parent)
        meter = meter_of(config, price)

        async def every() -> _Writing:
            await try_out(gate.sandbox)
            with Journal(root / JOURNAL) as journal:
                for line in journal.damaged:
                    progress.note(line)
                async with generate.teacher_of(ctx, journal, meter, {}) as teacher:
                    over = meter.over(teacher)
                    run = generate.run_of(ctx, over, journal, None, simulated=False)
                    first = max(settings.plan.tasks, OWN_SEEDS)
                    state = _Writing(
                        wanted, family, written, run, gate, _known(family), pieces, first
                    )

                    def drain() -> None:
                        run.draining = True
                        teacher.refuse(lambda: Drained("interrupted"))

                    await _batches(state, ctx, drain)
                    return state

        before = len(written.entries)
        try:
            state = asyncio.run(every())
        except CapReached as error:
            raise Stopped(
                f"tasks: a cap of the budget is reached ({error}); {len(written.entries)} of "
                f"{wanted.count} tasks are in {wanted.out}; the same command goes on"
            ) from None
    spent = meter.spending.total
    free = generate.is_embedded(config)
    return {
        "file": str(wanted.out),
        "family": family.name,
        "tasks": len(written.entries),
        "new": len(written.entries) - before,
        "refused": state.reasons.total(),
        "reasons": dict(state.reasons.most_common()),
        "spent": spent.as_json() | {"currency": None if free else file.currency or None},
        "exit_code": int(len(written.entries) < wanted.count),
    }


def dry_run(wanted: Wanted, settings: Settings, resources: Resources, root: Path) -> dict[str, Any]:
    """What `write` would ask of the teacher, and about what it takes; asks nothing.

    Prompts are counted as they will be, with the tokenizer of gpt-oss; an answer is taken to be as
    long as a task of the family itself; repairs are left out, since nobody knows how many.
    """
    config = settings.generate
    (family,) = select([wanted.family], "tasks write")
    pieces = _pieces(wanted, Quiet())
    file = prices.load(config.prices)
    price = generate.price_of(config, file)(config.asked(ROLE).model)
    written = Written(wanted.out)
    missing = max(wanted.count - len(written.entries), 0)
    number = len(written.entries) + written.refused
    asked = brief.messages(resources, family, number, _openings(written, family), _at(pieces, 0))
    prompt = sum(len(encode(each["content"])) for each in asked)
    own = [brief.bare(family.make(seed)) for seed in range(min(3, family.seeds))]
    answer = sum(len(encode(canonical_json(each))) for each in own) // len(own)
    free = generate.is_embedded(config)
    cost = None if price is None else price.of(prompt, answer) * missing / PICO
    return {
        "dry_run": True,
        "file": str(wanted.out),
        "family": family.name,
        "model": config.asked(ROLE).model,
        "requests": missing,
        "prompt_tokens": prompt * missing,
        "completion_tokens": answer * missing,
        "cost": cost,
        "currency": None if free else file.currency or None,
        "free": free,
        "example": asked,
    }


async def _batches(
    state: _Writing, ctx: Context[GenerateConfig], drain: Callable[[], None]
) -> None:
    written, wanted, vain = state.written, state.wanted, 0
    with (
        ctx.progress.task(f"write {state.family.name}", total=wanted.count) as bar,
        closing(Shelf[_Answer](ctx.folder)) as shelf,
    ):
        for entry in written.entries:
            state.known.add(entry.task)
        bar.advance(min(len(written.entries), wanted.count))
        while (missing := wanted.count - len(written.entries)) > 0 and vain < GIVE_UP:
            begin = len(written.entries) + written.refused
            numbers = range(begin, begin + min(BATCH, missing))
            work = functools.partial(_answer, state, _openings(written, state.family))
            answers: list[_Answer] = []
            outcomes = in_order(
                numbers,
                work,
                BATCH,
                drain,
                lambda: state.run.draining,
                shelf,
            )
            async with aclosing(outcomes):
                async for each in outcomes:
                    answers.append(each)
            done = _sift(state, answers)
            bar.advance(done)
            vain = 0 if done else vain + 1
            failed = Counter(each.failed for each in answers if each.failed)
            if failed:
                reasons = ", ".join(f"{count} x {kind}" for kind, count in failed.most_common())
                raise Stopped(
                    f"tasks: {failed.total()} answers failed: {reasons}; what was answered is "
                    "kept, run the same command to go on"
                )


class _Answer(Struct, frozen=True):
    """What became of one request: a task, or why there is none; `failed`: no answer, for now."""

    number: int
    task: Task | None = None
    reasons: tuple[str, ...] = ()
    value: Any = None
    failed: str = ""


async def _answer(state: _Writing, there: Sequence[str], number: int) -> _Answer:
    """Asks for task `number`, and has it mended where it is refused."""
    slot_id = f"write/{state.family.name}/{number}:none"
    slot = Slot(slot_id, slot_id.rpartition(":")[0], state.family.name, None, "train")
    asking = Asking(state.run, slot, state.run.digest_of((brief.PROMPT,)))
    piece = _at(state.pieces, number)
    first = brief.messages(state.run.resources, state.family, number, there, piece)
    messages, value, said = first, None, ["no answer"]
    for repair in range(REPAIRS + 1):
        told = {
            "write": state.family.name,
            "seed": str(state.first_seed + number),
            "repair": str(repair),
        }
        request = asking.request(ROLE, messages, schema=brief.schema(), told=told)
        most = max(request.max_tokens or 0, ANSWER_TOKENS)
        request = msgspec.structs.replace(request, max_tokens=most)

        async def ask(request: ChatRequest, attempt: int, step: int = repair) -> ChatAnswer:
            return await asking.send(request, step, attempt)

        try:
            value = await structured(
                ask, request, FORM_REPAIRS, lambda value: _fault(state, value, piece)
            )
        except NotInForm as error:
            return _Answer(number, reasons=(f"no task: {error.detail}",))
        except TeacherError as error:
            if error.passing:
                return _Answer(number, failed=error.kind)
            return _Answer(number, reasons=(f"no answer: {error.kind}",), value=value)
        task = _task(state, value, piece)
        said = await _refusals(state, task)
        if not said:
            return _Answer(number, task, value=value)
        messages = [
            *first,
            {"role": "assistant", "content": msgspec.json.encode(value).decode()},
            {"role": "user", "content": brief.complaint(said)},
        ]
    return _Answer(number, reasons=tuple(said), value=value)


async def _refusals(state: _Writing, task: Task) -> list[str]:
    if near := state.known.near(task):  # another task is wanted, whatever else this one lacks
        return [near]
    async with state.places:
        slow = await asyncio.to_thread(files.unsafe_patterns, [task])
        if slow:  # it is not to be searched with, and so cannot be played
            return [slow[task.id]]
        return await state.gate.refusals(task)


def _sift(state: _Writing, answers: Sequence[_Answer]) -> int:
    """Writes down a batch; how many tasks came of it. Two of one batch may be alike."""
    good: list[tuple[Task, str]] = []
    refused: list[Refused] = []
    ids = {entry.task.id for entry in state.written.entries}
    for each in answers:
        reasons = each.reasons
        if each.task is not None and each.task.id in ids:  # too few words to be held against others
            reasons = ("a near-duplicate of itself: it is there already",)
        elif each.task is not None and (near := state.known.near(each.task)):
            reasons = (near,)
        if reasons:
            kind = reasons[0].partition(":")[0].partition(" /")[0]  # a pattern may hold a colon
            state.reasons[kind] += 1
            refused.append(Refused(state.family.name, each.number, reasons, each.value))
        elif each.task is not None:
            state.known.add(each.task)
            ids.add(each.task.id)
            good.append((each.task, state.family.group))
    state.written.append(good, refused)
    return len(good)


def _task(state: _Writing, value: Any, piece: brief.Piece | None) -> Task:
    """The task of an answer, with the material's files, an id of its own content and the family's
    tools. Malformed."""
    told = {key: each for key, each in value.items() if key not in ("id", "seed", "group")}
    family = state.family
    told |= {"family": family.name, "tools": list(family.tools), "programs": list(family.programs)}
    if piece is not None and piece.files:
        told["fixture"] = piece.files | told.get("fixture", {})
    task, _ = files.from_value(told, family.name, 0)
    name = label(canonical_json(task))[:12]
    named = msgspec.structs.replace(task, id=f"{family.name}/written-{name}")
    if len(msgspec.json.encode(in_file(named, family.group))) > files.MAX_TASK:
        raise Malformed(f"a task of more than {files.MAX_TASK // 2**20} MB, which no file may hold")
    return named


def _fault(state: _Writing, value: Any, piece: brief.Piece | None) -> str:
    """What a schema cannot say."""
    try:
        _task(state, value, piece)
    except Malformed as error:
        return str(error)
    return ""


def _known(family: Family) -> Known:
    return Known(family.make(seed) for seed in range(min(OWN_SEEDS, family.seeds)))


def _openings(written: Written, family: Family) -> list[str]:
    """Of the tasks that are there, and of some of the family's own where these are few."""
    own = [family.make(seed).opening for seed in range(min(5, family.seeds))]
    return [*own, *(each.task.opening for each in written.entries)]


def _pieces(wanted: Wanted, progress: Progress) -> list[brief.Piece]:
    if not wanted.seeds:
        return []
    read = seeds_file.read(Path(wanted.seeds).expanduser(), wanted.seeds)
    if read.skipped:
        left_out = ", ".join(f"{count} {why}" for why, count in read.skipped.items())
        progress.note(f"tasks: files left out of {wanted.seeds}: {left_out}")
    return brief.pieces(read.material)


def _at(pieces: Sequence[brief.Piece], number: int) -> brief.Piece | None:
    return pieces[number % len(pieces)] if pieces else None
