"""The chat families: every turn of their material tells right from wrong, other right wordings
pass, what can be computed is right, and SEEDS says what the material holds."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import pytest

from kappa_data.near_duplicates import near_duplicates
from kappa_data.records import AnswerCheck, Message, Task
from kappa_data.tasks.admit import refusals
from kappa_data.tasks.catalog import families
from kappa_data.tasks.material.identity_questions import questions
from kappa_data.tasks.material.pieces import pieces
from kappa_data.tasks.material.short_facts import Fact, facts
from kappa_data.tasks.material.talks import First, Turn, cases, check, courses, rounds, topics
from kappa_data.tasks.verify import verify

SHORT = {fact.ask: fact for fact in facts()}


def turns() -> Iterator[Turn | First]:
    for prefix in ("talk_advice_", "talk_howto_"):
        for case in cases(prefix):
            yield case.first
            yield from (turn for path in case.paths for turn in path)
            yield from case.asides
    for topic in topics("talk_general_"):
        yield from topic.questions


def passes(found: AnswerCheck, text: str) -> bool:
    made = Task("x/0", "x", 0, "asked", (found,), ())
    messages = (Message("user", "asked"), Message("assistant", text))
    return asyncio.run(verify(made, None, messages)).passed


def test_every_turn_tells_right_from_wrong() -> None:
    every = list(turns())
    assert len(every) > 200
    for turn in every:
        wanted = check(turn, 0)
        assert passes(wanted, turn.answer), turn.answer
        assert not passes(wanted, turn.wrong), turn.wrong


def test_every_short_fact_tells_right_from_wrong() -> None:
    assert len(SHORT) == len(facts()), "a question is asked twice"
    for fact in facts():
        wanted = AnswerCheck(required=fact.sought)
        assert len(fact.wrong) >= 2, fact.ask
        assert passes(wanted, fact.answer), fact.ask
        assert not any(passes(wanted, fact.saying(value)) for value in fact.wrong), fact.ask


@pytest.mark.parametrize(
    ("ask", "value"),
    [
        ("Convert 180 °C to Fahrenheit, please.", 180 * 9 / 5 + 32),
        ("How many kilometres are 5 miles?", round(5 * 1.609344, 2)),
        ("How many grams is half a pound in the imperial system?", round(453.59237 / 2)),
        ("If a shirt costs 40 after a discount of 20 %, what did it cost before?", 40 / 0.8),
        ("How much is 15 % of 240?", 240 * 15 / 100),
        ("What is the square root of 289?", 289**0.5),
        ("What is 255 in hexadecimal?", f"{255:X}"),
        ("What is the decimal value of binary 101101?", int("101101", 2)),
        ("What does 0.1 + 0.2 give in most programming languages, and why?", repr(0.1 + 0.2)),
        ("What is the tip if I want to give 12 % on 85 euros?", f"{85 * 0.12:.2f}"),
        ("How many seconds does a day have?", f"{24 * 60 * 60:,}"),
    ],
)
def test_what_can_be_computed_is_right(ask: str, value: float | str) -> None:
    said = value if isinstance(value, str) else f"{value:g}"
    assert said in re.findall(r"[\w.,]*\w", SHORT[ask].answer)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        ("What is the capital of Australia?", "Canberra. Not Sydney, whatever people think."),
        (
            "How many chambers does a human heart have?",
            "4, as if one broken chamber weren't enough.",
        ),
        ("Which key combination stops a running program in a Linux terminal?", "Press Control-C."),
        ("How long does light take from the Sun to the Earth?", "Roughly 8.3 minutes."),
        ("What is the time complexity of binary search?", "Logarithmic: the range halves."),
        ("Do bats lay eggs?", "They don't. They nurse live pups."),
        ("Is a hash the same as encryption?", "They are not: a hash is one-way."),
        ("How do I reverse a string in Python?", "''.join(reversed(s)) does it"),
    ],
)
def test_another_wording_passes(ask: str, said: str) -> None:
    fact: Fact = SHORT[ask]
    assert passes(AnswerCheck(required=fact.sought), said)


def test_seeds_are_what_the_material_holds() -> None:
    made = {
        "technical_advice": len(courses("talk_advice_")),
        "how_to": len(courses("talk_howto_")),
        "general_talk": len(rounds("talk_general_")),
        "single_question": 3 * len(facts()),
        "single_rewrite": sum(len(piece.jobs) for piece in pieces()),
        "meta_questions": 9 * len(questions("meta_")),
    }
    assert {name: families()[name].seeds for name in made} == made


@pytest.mark.parametrize("name", ["technical_advice", "how_to", "general_talk", "single_rewrite"])
def test_every_seed_is_admitted_and_its_own(name: str) -> None:
    family = families()[name]
    tasks = [family.make(seed) for seed in range(family.seeds)]
    said = ["\n".join(turn.answer for turn in task.reference) for task in tasks]
    found = {task.id: wrong for task in tasks[::3] if (wrong := asyncio.run(refusals(task, None)))}
    assert found == {}
    assert not list(near_duplicates(said, threshold=0.8, ngram=5, seed=0))


def test_a_text_that_is_too_long_or_outside_a_block_fails() -> None:
    task = families()["single_rewrite"].make(0)
    (wanted,) = task.verifier
    assert isinstance(wanted, AnswerCheck)
    right = task.reference[0].answer
    assert passes(wanted, f"Fine, here you go, not that anyone thanks me.\n\n{right}\n\nNext.")
    assert not passes(wanted, right.replace("```", ""))
    assert not passes(wanted, right.replace("\n```", " and so on" * 100 + "\n```"))
