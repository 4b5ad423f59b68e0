"""`judge`: pairs are drawn, a model is asked about each in both orders, and its opinions counted.

Every answer is in a journal before it is used: a run that was cut anywhere, or another one that
draws some of the same pairs, buys nothing twice.
"""

from __future__ import annotations

import asyncio
import datetime
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from kappa_data import disk, judge_result
from kappa_data.config import GenerateConfig, Settings
from kappa_data.conversation.asking import Asking
from kappa_data.conversation.pool import Drained, in_order
from kappa_data.conversation.run import Run
from kappa_data.conversation.shelf import Shelf
from kappa_data.errors import KappaError, Stopped, UsageError
from kappa_data.judge_result import Result
from kappa_data.judging import figures
from kappa_data.judging.material import Material, gather, latest
from kappa_data.judging.pairs import Pair, draw_pairs, draw_rejected
from kappa_data.judging.questions import (
    FORMS,
    ORDERS,
    Question,
    Replies,
    files,
    messages,
    opinion,
    questions,
)
from kappa_data.metrics.classifier import FOLDS, Counts, guesses
from kappa_data.metrics.corpus import Corpus
from kappa_data.personas import Persona, load_personas
from kappa_data.progress import Progress
from kappa_data.records import Slot
from kappa_data.resources import Resources
from kappa_data.stage import Context
from kappa_data.stages import generate
from kappa_data.teacher import prices
from kappa_data.teacher.api import ChatAnswer, ChatRequest, Role, TeacherError
from kappa_data.teacher.budget import RUN, CapReached
from kappa_data.teacher.embedded_tokens import encode
from kappa_data.teacher.journal import Journal
from kappa_data.teacher.meter import Meter, meter_of, reached
from kappa_data.teacher.prices import PICO
from kappa_data.teacher.structured import NotInForm, structured

JOURNAL = Path("judge") / "journal.jsonl"
"""in the dataset's folder; not generate's, whose entries belong to slots of a plan"""
REPAIRS = 1
"""times that an answer without the form is asked for again"""
ANSWER_TOKENS = 80
"""of an answer that nobody has given yet, for a dry run; a model that reasons takes more"""
ROLE: Role = "judge"


class Wanted(Struct, frozen=True):
    """So many pairs of each persona, drawn by `seed`, and as many of what was rejected."""

    pairs: int = 20
    seed: int = 0


class Data(Struct, frozen=True):
    """Where the conversations are: a dataset's folder, and the settings that it was built with."""

    root: Path
    settings: Settings
    resources: Resources


@dataclass
class _Drawn:
    """What is asked about, and the offline checks' side of it."""

    material: Material
    pairs: Sequence[Pair]
    personas: Mapping[str, Persona]


def judge(
    wanted: Wanted, data: Data, config: GenerateConfig, progress: Progress
) -> tuple[Result, dict[str, Any]]:
    """Asks what is not in the journal and writes the result; the result, and what was spent.

    `config` says who is asked (the role "judge") and how much it may take. Stopped: a cap of the
    budget, an interrupt, answers that failed for now; all that was bought is kept. UsageError:
    there is nothing to compare. TeacherDown: see generate.
    """
    file = prices.load(config.prices)
    meter = meter_of(config, generate.price_of(config, file))
    free = generate.is_embedded(config)
    root = data.root
    try:
        with disk.disk_errors(root), disk.lock(root):
            drawn = _draw(wanted, data)
            asked = questions(drawn.pairs)
            ctx = _context(data, config, progress)
            replies = asyncio.run(_ask_all(asked, drawn.personas, ctx, meter))
            found = _result(wanted, drawn, list(zip(asked, replies, strict=True)), config)
            judge_result.save(root, found)
    except KappaError as error:
        error.figures |= {"spent": meter.spending.total.as_json()}
        raise
    spent = meter.spending.total.as_json()
    return found, spent | {"currency": None if free else file.currency or None}


def dry_run(
    wanted: Wanted, data: Data, config: GenerateConfig, progress: Progress
) -> dict[str, Any]:
    """How many questions `judge` would ask, and about what they take; asks nothing, keeps nothing.

    Prompts are counted as they are, with the tokenizer of gpt-oss. Answers are taken to be as long
    as those in the journal; complaints about answers without the form come on top.
    """
    drawn = _draw(wanted, data)
    file = prices.load(config.prices)
    price = generate.price_of(config, file)(config.asked(ROLE).model)
    asked = questions(drawn.pairs)
    missing: list[ChatRequest] = []
    with Journal(data.root / JOURNAL, read_only=True) as journal:
        lengths = [each.answer.usage.completion_tokens for each in journal.entries() if each.answer]
        ctx = _context(data, config, progress)
        run = generate.run_of(ctx, _Nobody(missing), journal, None, simulated=False)
        asyncio.run(_known(asked, drawn.personas, run))
    prompt = sum(len(encode(each["content"])) for one in missing for each in one.messages)
    answer = sum(lengths) // len(lengths) if lengths else ANSWER_TOKENS
    free = generate.is_embedded(config)
    cost = None if price is None else price.of(prompt, answer * len(missing)) / PICO
    return {
        "dry_run": True,
        "model": config.asked(ROLE).model,
        "pairs": len(drawn.pairs),
        "questions": len(ORDERS) * len(asked),
        "requests": len(missing),
        "prompt_tokens": prompt,
        "completion_tokens": answer * len(missing),
        "cost": cost,
        "currency": None if free else file.currency or None,
        "free": free,
        "example": list(missing[0].messages) if missing else [],
    }


def _draw(wanted: Wanted, data: Data) -> _Drawn:
    """The pairs; UsageError where there are none."""
    judged, validated = latest(data.settings, data.resources, data.root)
    personas = load_personas(data.resources)
    material = gather(judged, validated, personas, wanted.pairs, wanted.seed)
    chosen = draw_pairs(material.accepted, personas, wanted.pairs, wanted.seed)
    chosen += draw_rejected(material.rejected, material.accepted, wanted.pairs, wanted.seed)
    if not chosen:
        raise UsageError(
            f"{data.root}: no two voices answered the same words in the same task, so there is "
            "nothing to compare; plan several personas, or none beside one"
        )
    return _Drawn(material, chosen, personas)


def _context(data: Data, config: GenerateConfig, progress: Progress) -> Context[GenerateConfig]:
    folder = (data.root / JOURNAL).parent
    return Context(config, {}, data.resources, data.root, progress, folder)


async def _ask_all(
    asked: Sequence[Question],
    personas: Mapping[str, Persona],
    ctx: Context[GenerateConfig],
    meter: Meter,
) -> list[Replies]:
    """The replies to every question, in order. Stopped where some are missing."""
    found: list[Replies] = []
    ctx.folder.mkdir(parents=True, exist_ok=True)
    with Journal(ctx.root / JOURNAL) as journal:
        for line in journal.damaged:
            ctx.progress.note(line)
        async with generate.teacher_of(ctx, journal, meter, {}) as teacher:
            run = generate.run_of(ctx, meter.over(teacher), journal, None, simulated=False)

            def drain() -> None:
                run.draining = True
                teacher.refuse(lambda: Drained("interrupted"))

            async def one(question: Question) -> Replies:
                try:
                    replies = await ask(run, question, personas)
                except CapReached as error:
                    run.draining = run.draining or RUN in meter.budget.reached
                    return Replies((None,) * len(ORDERS), failed=str(error))
                if not replies.failed:
                    bar.advance(1)
                return replies

            with (
                ctx.progress.task("judge", total=len(asked)) as bar,
                closing(Shelf[Replies](ctx.folder)) as shelf,
            ):
                outcomes = in_order(
                    asked, one, ctx.config.concurrency, drain, lambda: run.draining, shelf
                )
                async with aclosing(outcomes):
                    async for each in outcomes:
                        found.append(each)
    done = sum(not each.failed for each in found)
    kept = f"{done:,} of {len(asked):,} questions are answered; the same command goes on"
    if meter.budget.reached:
        raise Stopped(f"judge: {reached(meter.budget, ctx.config)}; {kept}, with a fresh budget")
    if done < len(asked):
        failed = Counter(each.failed for each in found if each.failed)
        reasons = ", ".join(f"{count} x {kind}" for kind, count in failed.most_common())
        raise Stopped(f"judge: answers failed: {reasons}; {kept}")
    return found


async def ask(run: Run, question: Question, personas: Mapping[str, Persona]) -> Replies:
    """Both orders of one question, from the journal where they are there. Drained, CapReached."""
    task = question.slot.rpartition(":")[0]
    slot = Slot(question.slot, task, "judge", question.persona, "train")
    asking = Asking(run, slot, run.digest_of(files(question)))
    values: list[dict[str, str] | None] = []
    malformed = refused = 0
    for order in ORDERS:
        request = asking.request(
            ROLE,
            messages(question, order, run.resources, personas),
            schema=FORMS[question.kind],
            told={"judge": question.kind},
        )

        async def send(request: ChatRequest, attempt: int, step: int = order) -> ChatAnswer:
            return await asking.send(request, step, attempt)

        try:
            values.append(await structured(send, request, REPAIRS))
            continue
        except NotInForm:
            malformed += 1
        except TeacherError as error:
            if error.passing:
                return Replies((None,) * len(ORDERS), failed=error.kind)
            refused += 1
        values.append(None)
    return Replies(tuple(values), malformed, refused)


class _Nobody:
    """In the place of a teacher where nothing is bought: notes what it is asked, answers nothing.

    The caller gets a TeacherError that lets it go on with the next question.
    """

    def __init__(self, asked: list[ChatRequest]) -> None:
        self._asked = asked

    async def complete(self, request: ChatRequest) -> ChatAnswer:
        self._asked.append(request)
        raise TeacherError("refused", "a dry run", passing=False)


async def _known(asked: Sequence[Question], personas: Mapping[str, Persona], run: Run) -> None:
    for question in asked:
        await ask(run, question, personas)


def _result(
    wanted: Wanted,
    drawn: _Drawn,
    replies: Sequence[tuple[Question, Replies]],
    config: GenerateConfig,
) -> Result:
    said = {
        (question.kind, question.pair.id, question.pair.persona): opinion(question.kind, each)
        for question, each in replies
    }
    asked = [
        figures.Asked(
            pair,
            said.get(("voice", pair.id, pair.persona)),
            said.get(("substance", pair.id, pair.persona)),
        )
        for pair in drawn.pairs
    ]
    embedded = generate.is_embedded(config)
    return Result(
        form=judge_result.FORM,
        model=generate.EMBEDDED if embedded else config.asked(ROLE).model,
        teacher="embedded" if embedded else "openai-compatible",
        stage=drawn.material.stage,
        judged=drawn.material.digest,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        seed=wanted.seed,
        pairs_wanted=wanted.pairs,
        tasks=drawn.material.tasks,
        too_long=drawn.material.too_long,
        questions=len(ORDERS) * len(replies),
        malformed=sum(each.malformed for _, each in replies),
        refused=sum(each.refused for _, each in replies),
        voice=figures.voices(asked),
        substance=figures.substances(asked),
        bias=figures.biases(asked),
        voice_and_classifier=figures.with_classifier(asked, _guessed(drawn)),
        wrong_and_verifier=figures.with_verifier(asked),
        preferred_over_rejected=figures.over_rejected(asked),
        preferred_over_flagged=figures.over_flagged(asked),
        pairs=tuple(figures.judged(each) for each in asked),
    )


def _guessed(drawn: _Drawn) -> dict[tuple[str, int], str]:
    """Whom the classifier of the metric of voice takes for the speaker, on the whole sample."""
    corpus = Corpus(drawn.material.units)
    if len(set(corpus.tasks.tolist())) < FOLDS or len(set(corpus.personas.tolist())) < 2:
        return {}
    names = guesses(Counts(corpus), np.arange(len(corpus.units)), corpus.personas)
    return {
        (unit.talk, unit.turn): str(name) for unit, name in zip(corpus.units, names, strict=True)
    }
