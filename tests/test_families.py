"""Every task family, whoever wrote it: its tasks are whole and varied."""

from __future__ import annotations

import re
from itertools import combinations

import msgspec
import pytest

from kappa_data.personas import load_personas
from kappa_data.records import AnswerCheck, Task
from kappa_data.resources import Resources
from kappa_data.tasks.catalog import families

NAMES = sorted(families())
SEEDS = range(4)
MANY = 30
NEAR = 0.7
"""word 5-gram Jaccard of the assistant's texts from which two tasks count as near-duplicates"""


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
