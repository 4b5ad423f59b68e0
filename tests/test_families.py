"""Every task family, whoever wrote it: its tasks are whole, varied, and its verifier tells."""

from __future__ import annotations

import asyncio
import re
from itertools import combinations

import msgspec
import pytest
from msgspec import structs

from kappa_data.personas import load_personas
from kappa_data.records import AnswerCheck, Message, Task, Verdict
from kappa_data.resources import Resources
from kappa_data.sandbox import Limits
from kappa_data.sandbox.bubblewrap import Bubblewrap
from kappa_data.tasks.catalog import families
from kappa_data.tasks.verify import play_reference, verify

NAMES = sorted(families())
SEEDS = range(5)
MANY = 50
NEAR = 0.7
"""word 5-gram Jaccard of the assistant's texts from which two tasks count as near-duplicates"""


@pytest.fixture
def sandbox() -> Bubblewrap:
    return Bubblewrap(Limits())


def task(name: str, seed: int) -> Task:
    return families()[name].make(seed)


def reasoning_and_answers(made: Task) -> str:
    texts = []
    for turn in made.reference:
        texts += [*(step.reasoning for step in turn.steps), turn.reasoning, turn.answer]
    return "\n".join(texts)


def grams(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[at : at + 5]) for at in range(len(words) - 4)}


async def verdict(sandbox: Bubblewrap, made: Task, played: Task | None) -> Verdict:
    """The verdict of `made` on the reference of `played`, or on an attempt without substance."""
    box = await sandbox.open(made.fixture) if made.tools else None
    try:
        if played is None:
            asked = (made.opening, *made.goals)
            pairs = [(Message("user", text), Message("assistant", "Done.")) for text in asked]
            messages = tuple(message for pair in pairs for message in pair)
        else:
            messages = await play_reference(played, box)
        return await verify(made, box, messages)
    finally:
        if box is not None:
            await box.close()


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_task(name: str) -> None:
    for seed in SEEDS:
        made = task(name, seed)
        assert made == task(name, seed)
        assert (made.id, made.family, made.seed) == (f"{name}/{seed}", name, seed)
        assert len(made.reference) == 1 + len(made.goals) <= 6
        assert {step.tool for turn in made.reference for step in turn.steps} <= set(made.tools)
        assert set(made.tools) <= set(families()[name].tools)
        assert made.verifier, "a task without a check verifies nothing"
        assert msgspec.json.decode(msgspec.json.encode(made), type=Task) == made


@pytest.mark.parametrize("name", NAMES)
def test_the_verifier_accepts_the_reference_alone(name: str) -> None:
    async def one(sandbox: Bubblewrap, seed: int) -> list[str]:
        made = task(name, seed)
        own = await verdict(sandbox, made, made)
        wrong = [] if own.passed else [f"{made.id}: own reference: {own.detail}"]
        if (await verdict(sandbox, made, None)).passed:
            wrong.append(f"{made.id}: accepts an attempt without substance")
        other = task(name, seed + 1)
        # Two tasks may ask for one thing in other words; then the other's answer is right.
        if seed == 0 and other.verifier != made.verifier:
            played = structs.replace(other, tools=made.tools)
            if (await verdict(sandbox, made, played)).passed:
                wrong.append(f"{made.id}: accepts the reference of {other.id}")
        return wrong

    async def every() -> list[str]:
        sandbox = Bubblewrap(Limits())
        found = await asyncio.gather(*(one(sandbox, seed) for seed in SEEDS))
        return [text for texts in found for text in texts]

    assert asyncio.run(every()) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_opening_does_not_give_the_answer_away(name: str) -> None:
    for seed in SEEDS:
        made = task(name, seed)
        wanted = [check for check in made.verifier if isinstance(check, AnswerCheck)]
        patterns = [pattern for check in wanted for pattern in check.required]
        if wanted == list(made.verifier):
            found = [re.search(pattern, made.opening, re.IGNORECASE) for pattern in patterns]
            assert not patterns or not all(found), made.opening


@pytest.mark.parametrize("name", NAMES)
def test_seeds_differ(name: str) -> None:
    seeds = range(min(MANY, families()[name].seeds))
    made = [task(name, seed) for seed in seeds]
    assert len({each.opening for each in made}) >= 0.9 * len(made)
    texts = [grams(reasoning_and_answers(each)) for each in made]
    for one, other in combinations(seeds, 2):
        shared = len(texts[one] & texts[other])
        assert shared <= NEAR * len(texts[one] | texts[other]), (made[one].id, made[other].id)


@pytest.mark.parametrize("name", NAMES)
def test_no_word_of_the_machinery(name: str) -> None:
    words = "|".join([*load_personas(Resources()), "persona", "system prompt", "brief says"])
    for seed in SEEDS:
        made = task(name, seed)
        said = "\n".join([made.opening, *made.goals, reasoning_and_answers(made)])
        if families()[name].group != "identity":
            assert not re.search(rf"\b({words})\b", said, re.IGNORECASE)
        assert not re.search(r"[{]\w+[}]|@\w+@|<[^<>]*\|[^<>]*>", said), "a template shows"
