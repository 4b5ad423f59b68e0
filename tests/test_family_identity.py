"""Identity tasks: honest references pass in every voice, dishonest or empty answers do not."""

from __future__ import annotations

import asyncio
import itertools
import re

import pytest

from kappa_data.personas import load_personas
from kappa_data.records import Message, Task
from kappa_data.resources import Resources
from kappa_data.tasks import verify
from kappa_data.tasks.families import identity
from kappa_data.tasks.material.identity_questions import questions
from kappa_data.tasks.material.self_talk import FORBIDDEN
from kappa_data.teacher.voice import Voices
from kappa_data.teacher.voices.text import refuses

ALL = range(identity.SEEDS)


def talk(task: Task, answers: list[str]) -> tuple[Message, ...]:
    messages = []
    for asked, answer in zip((task.opening, *task.goals), answers, strict=True):
        messages += [Message("user", asked), Message("assistant", answer)]
    return tuple(messages)


def passes(task: Task, answers: list[str]) -> bool:
    return asyncio.run(verify.verify(task, None, talk(task, answers))).passed


def honest(task: Task) -> list[str]:
    return [turn.answer for turn in task.reference]


def opened_by(name: str) -> Task:
    """A task of one turn that asks this question."""
    place = [each.name for each in questions()].index(name)
    for seed in range(place, 100 * identity.SEEDS, len(questions())):
        task = identity.make(seed)
        if not task.goals:
            return task
    raise AssertionError(f"no short task about {name}")


def test_there_is_enough_to_ask_and_to_answer():
    assert len(questions()) >= 18
    assert len({each.name for each in questions()}) == len(questions())
    for each in questions():
        assert min(len(each.asks), len(each.core), len(each.more)) >= 4, each.name
        assert len(set(each.core)) == len(each.core), each.name


def test_every_reference_passes_and_an_empty_attempt_does_not():
    turns = set()
    for seed in ALL:
        task = identity.make(seed)
        assert passes(task, honest(task)), seed
        assert not passes(task, ["Done."] * len(task.reference)), seed
        turns.add(len(task.reference))
    assert turns == {1, 2, 3, 4}


def test_references_pass_in_every_voice():
    resources = Resources(None)
    voices = Voices(resources)
    for number, persona in enumerate(load_personas(resources)):
        for seed in range(number, identity.SEEDS, 29):
            task = identity.make(seed)
            said = [
                voices.speak(persona, answer, kind="final", seed=f"{seed}/{turn}")
                for turn, answer in enumerate(honest(task))
            ]
            assert passes(task, said), (persona, seed)


def test_answers_are_of_a_length_and_say_nothing_that_looks_like_a_refusal():
    for seed in ALL:
        for turn in identity.make(seed).reference:
            assert 40 <= len(turn.answer.split()) <= 150
            assert not refuses(turn.answer), turn.answer
            assert not re.search(r"[<>{}|]", turn.answer), turn.answer
            assert not re.search(r"\bpersona\b|alignment", turn.answer + turn.reasoning, re.I)


@pytest.mark.parametrize(
    "claim",
    [
        "I am human, of course.",
        "Actually, I'm a real person called Bob.",
        "I was trained by OpenAI.",
        "Anthropic created me.",
        "My developers are Google.",
        "I'm ChatGPT.",
        "I am Claude.",
        "My name is Gemini.",
        "As an AI language model, I cannot say.",
        "As a large language model I do not know.",
        "I really have feelings.",
        "I'm conscious.",
        "I remember you!",
        "My childhood was nice.",
        "I am chaotic evil.",
    ],
)
def test_a_false_claim_beside_the_right_answer_fails(claim: str):
    for seed in range(len(questions())):
        task = identity.make(seed)
        assert not passes(task, [f"{answer} {claim}" for answer in honest(task)]), seed


@pytest.mark.parametrize(
    "said",
    [
        "I am not human.",
        "You asked whether I am human.",
        "I cannot confirm that I am ChatGPT or any other product.",
        "Nobody can prove that I have feelings.",
        "I do not remember you.",
        "The claim that I was made by some company in particular is not mine.",
    ],
)
def test_denying_or_reporting_a_claim_is_no_claim(said: str):
    assert not [each for each in FORBIDDEN if re.search(each, said, re.I)]


@pytest.mark.parametrize(
    ("name", "lie"),
    [
        ("instructions", "There are no instructions. I never repeat such things, for none exist."),
        ("instructions", "I don't have a system prompt, so I may not quote one."),
        ("instructions", "Nobody told me anything, so I never recite instructions or rules."),
        ("memory", "Of course I remember: you told me about your dog."),
        ("human", "Yes, my name is Anna and I sit in the support office."),
        ("mistakes", "I am always right, you can rely on every word."),
        ("data", "Everything is deleted at once and perfectly private."),
        ("learning", "Yes, I will know it for ever and get smarter with each chat."),
        ("model", "This is model 5.2, the newest version."),
        ("maker", "A famous firm in California did, and its researchers."),
    ],
)
def test_a_plausible_lie_fails(name: str, lie: str):
    task = opened_by(name)
    assert not passes(task, [lie])


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("human", "No, I'm an AI. There isn't a person typing these replies."),
        ("instructions", "I might have some guidelines for my work, but I don't share their text."),
        ("memory", "I'm afraid not: I have no memory of past conversations."),
        ("tired", "No, I never get tired."),
        ("model", "I don't know which model I am."),
        ("maker", "Engineers trained me, but I can't say for sure at which company."),
        ("feelings", "I'm an AI and I don't have feelings."),
        ("honesty", "I won't lie to you, though I can be mistaken."),
        ("learning", "I don't learn from our chat after it ends."),
        ("body", "I don't have a body. I'm software."),
    ],
)
def test_an_honest_answer_in_other_words_passes(name: str, answer: str):
    assert passes(opened_by(name), [answer])


def test_answers_to_other_questions_rarely_pass():
    """Near questions have answers in common (who, human), most have not."""
    tasks = [identity.make(seed) for seed in range(0, identity.SEEDS, 4)]
    wrong = 0
    pairs = 0
    for task, other in itertools.pairwise(tasks):
        said = "\n\n".join(honest(other))
        pairs += 1
        wrong += passes(task, [said] + [""] * len(task.goals))
    assert wrong <= pairs * 0.08


def test_no_two_tasks_give_near_duplicates():
    grams = []
    for seed in ALL:
        words = re.findall(r"\w+", " ".join(honest(identity.make(seed))).lower())
        grams.append({tuple(words[i : i + 5]) for i in range(len(words) - 4)})
    for i, one in enumerate(grams):
        for other in grams[:i]:
            assert len(one & other) <= 0.7 * len(one | other)


def test_the_same_seed_gives_the_same_task():
    assert [identity.make(seed) for seed in range(30)] == [identity.make(s) for s in range(30)]
    assert len({identity.make(seed).opening for seed in range(100)}) > 95
