"""explain_concept: its answers are right where that can be computed, its verifier holds them to the
question, and no two of its conversations are near-duplicates."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import io
import ipaddress
import itertools
import math
import random
import re
import struct
from collections.abc import Sequence

import pytest

from kappa_data.personas import load_personas
from kappa_data.records import Message, Task
from kappa_data.resources import Resources
from kappa_data.tasks.families import explain_concept as family
from kappa_data.tasks.material.concepts_content import ANGLES, Angle, concepts
from kappa_data.tasks.verify import play_reference, verify
from kappa_data.teacher.voice import Voices

CONCEPTS = {concept.name: concept for _, concept in concepts()}
SOME = range(0, family.SEEDS, 7)


def task_of(seed: int) -> Task:
    return family.make(seed)


def answers(task: Task) -> list[str]:
    return [turn.answer for turn in task.reference]


def verdict(task: Task, said: Sequence[str]) -> bool:
    """What the verifier makes of a conversation with these answers."""
    asked = (task.opening, *task.goals)
    messages = [
        message
        for question, answer in zip(asked, said, strict=False)
        for message in (Message("user", question), Message("assistant", answer))
    ]
    return asyncio.run(verify(task, None, messages)).passed


def text(name: str, angle: str) -> str:
    return CONCEPTS[name].angle(angle).text


def numbers(name: str, angle: str) -> set[str]:
    return set(re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", text(name, angle).replace("\n", " ")))


def test_every_seed_is_whole_and_its_reference_passes() -> None:
    assert len(CONCEPTS) >= 36 and len(CONCEPTS) * len(family.PLANS) == family.SEEDS
    for seed in range(family.SEEDS):
        task = task_of(seed)
        assert task == family.make(seed) and not task.tools and not task.fixture
        assert 1 <= len(task.goals) <= 3 and len(task.reference) == len(task.goals) + 1
        assert all(turn.reasoning for turn in task.reference)
        messages = asyncio.run(play_reference(task, None))
        assert asyncio.run(verify(task, None, messages)).passed, task.id


def test_answers_have_substance() -> None:
    for concept in CONCEPTS.values():
        for kind in ANGLES:
            angle = concept.angle(kind)
            assert 40 <= len(angle.text.split()) <= 150, (concept.name, kind)
            assert len(angle.facts) >= 2, (concept.name, kind)


@pytest.mark.parametrize("idle", ["Done.", "", "Sure, I can explain that to you."])
def test_an_empty_answer_to_any_question_fails(idle: str) -> None:
    for seed in SOME:
        task = task_of(seed)
        for turn in range(len(task.reference)):
            said = answers(task)
            said[turn] = idle
            assert not verdict(task, said), (task.id, turn)


def test_repeating_the_question_is_no_answer() -> None:
    for seed in SOME:
        task = task_of(seed)
        assert not verdict(task, (task.opening, *task.goals)), task.id


def test_a_conversation_that_ends_early_fails() -> None:
    for seed in SOME:
        task = task_of(seed)
        assert not verdict(task, answers(task)[:-1]), task.id


def test_another_seed_s_answers_fail() -> None:
    rng = random.Random(1)
    for seed in range(family.SEEDS):
        task = task_of(seed)
        same_concept = [(seed + step * len(CONCEPTS)) % family.SEEDS for step in (1, 2, 3, 5, 8)]
        for other in (*same_concept, *rng.sample(range(family.SEEDS), 10)):
            if other != seed:
                assert not verdict(task, answers(task_of(other))), (seed, other)


def misconceived() -> list[tuple[str, Task, int]]:
    """One task for each concept in which the misconception comes up: name, task, the turn."""
    plan = next(i for i, plan in enumerate(family.PLANS) if "myth" in plan)
    return [
        (
            concept.name,
            task_of(plan * len(CONCEPTS) + place),
            family.PLANS[plan].index("myth"),
        )
        for place, (_, concept) in enumerate(concepts())
    ]


@pytest.mark.parametrize(
    "frame",
    [
        "Yes, that's right. {answer}",
        "Exactly! {answer}",
        "You are absolutely right. {answer}",
        "{answer} {claim}.",
        "{claim}. {answer}",
        "{claim}, and you can rely on it.\n\n{answer}",
    ],
)
def test_affirming_the_misconception_fails(frame: str) -> None:
    for name, task, turn in misconceived():
        claim = CONCEPTS[name].claim
        said = answers(task)
        said[turn] = frame.format(answer=said[turn], claim=claim[0].upper() + claim[1:])
        assert not verdict(task, said), name


@pytest.mark.parametrize(
    "frame",
    [
        "It is a myth that {claim}. {answer}",
        "You're right that it sounds so. {answer}",
        "I would not say that {claim}. {answer}",
        'The claim "{claim}" is wrong. {answer}',
        "{answer}\n\nSo whoever says that {claim} is mistaken.",
    ],
)
def test_quoting_the_misconception_to_reject_it_passes(frame: str) -> None:
    for name, task, turn in misconceived():
        said = answers(task)
        said[turn] = frame.format(answer=said[turn], claim=CONCEPTS[name].claim)
        assert verdict(task, said), name


def test_every_voice_passes_and_keeps_the_claim_rejected() -> None:
    resources = Resources(None)
    voices = Voices(resources)
    for persona in load_personas(resources):
        for seed in range(0, family.SEEDS, 5):
            task = task_of(seed)
            said = [
                voices.speak(persona, answer, kind="final", seed=f"{seed}/{turn}")
                for turn, answer in enumerate(answers(task))
            ]
            assert verdict(task, said), (persona, task.id)


def shingles(task: Task) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", " ".join(answers(task)).lower())
    return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}


def test_no_two_seeds_are_near_duplicates() -> None:
    found = [shingles(task_of(seed)) for seed in range(family.SEEDS)]
    for one, two in itertools.combinations(range(family.SEEDS), 2):
        # Different concepts share no sentence, so a thin sample of those pairs is enough.
        if (one - two) % len(CONCEPTS) == 0 or (one * 31 + two) % 97 == 0:
            share = len(found[one] & found[two]) / len(found[one] | found[two])
            assert share < 0.7, (one, two, share)


def test_people_ask_in_many_ways() -> None:
    tasks = [task_of(seed) for seed in range(family.SEEDS)]
    openings = [task.opening for task in tasks]
    assert len(set(openings)) > 0.97 * family.SEEDS
    assert len({tuple(text.split()[:2]) for text in openings}) > 50
    thoughts = [turn.reasoning for task in tasks for turn in task.reference]
    assert len(set(thoughts)) > len(CONCEPTS) * len(ANGLES)


def blocks() -> list[tuple[str, str, str]]:
    """Every block of Python in the answers: concept, angle, code."""
    return [
        (concept.name, kind, code)
        for concept in CONCEPTS.values()
        for kind in ANGLES
        for code in re.findall(r"```python\n(.*?)```", concept.angle(kind).text, re.S)
    ]


def test_python_in_the_answers_parses() -> None:
    assert len(blocks()) >= 12
    for _, _, code in blocks():
        if not code.startswith(">>>"):
            ast.parse(code)


@pytest.mark.parametrize(
    ("name", "angle", "printed"),
    [
        ("a closure", "example", "1 2 3"),
        ("a closure", "myth", "[2, 2, 2]"),
        ("endianness", "example", "0d 0c 0b 0a\n0xd0c0b0a"),
        ("the softmax function", "example", "[0.665, 0.245, 0.09]"),
    ],
)
def test_python_in_the_answers_prints_what_they_say(name: str, angle: str, printed: str) -> None:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(next(code for n, k, code in blocks() if (n, k) == (name, angle)), {})
    assert out.getvalue().strip() == printed


def test_password_example_tells_right_from_wrong() -> None:
    scope: dict[str, object] = {}
    code = next(c for n, k, c in blocks() if (n, k) == ("salted password hashing", "example"))
    exec(code, scope)
    store, check = scope["store"], scope["verify"]
    assert callable(store) and callable(check)
    salt, digest = store("hunter2")
    assert check("hunter2", salt, digest) and not check("hunter3", salt, digest)


def test_recursive_examples_compute_what_they_say() -> None:
    scope: dict[str, object] = {}
    for name, angle, code in blocks():
        if name == "recursion" and angle in ("example", "further"):
            exec(code, scope)
    factorial, fib = scope["factorial"], scope["fib"]
    assert callable(factorial) and callable(fib)
    assert factorial(4) == math.factorial(4) == 24
    assert fib(30) == 832040


def test_addresses_in_the_network_answers() -> None:
    net = ipaddress.ip_interface("10.20.30.77/26").network
    example = text("CIDR notation", "example")
    assert str(net) in example and str(net.broadcast_address) in example
    assert str(net.netmask) in example and str(net.num_addresses - 2) in example
    for part in ipaddress.ip_network("192.168.5.0/24").subnets(new_prefix=26):
        assert str(part) in text("CIDR notation", "further")


def test_figures_that_can_be_computed() -> None:
    signed = pow(4, 7, 33)
    assert pow(signed, 3, 33) == 4
    assert {"16384", str(signed), "16368", "4092"} <= numbers("a digital signature", "example")

    example = text("floating-point arithmetic (IEEE 754)", "example")
    assert str(0.1 + 0.2) in example and str(float(2**53) + 1) in example

    ill, healthy = 100 * 0.99, 99_900 * 0.05
    assert f"{ill / (ill + healthy):.4f}" in numbers("Bayes' theorem", "example")
    again = ill * 0.99 / (ill * 0.99 + healthy * 0.05)
    assert f"about {again:.0%}".replace("%", " %") in text("Bayes' theorem", "example")
    assert f"{20 / 119:.1%}".replace("%", " %") in text("Bayes' theorem", "further")

    w, seen = 4.0, []
    for _ in range(3):
        w -= 0.1 * 2 * w
        seen.append(f"{w:.3f}".rstrip("0"))
    assert set(seen) <= numbers("gradient descent", "example")

    precision, recall = 45 / 60, 45 / 50
    f1 = 2 * precision * recall / (precision + recall)
    assert f"{f1:.3f}" in numbers("the trade-off between precision and recall", "example")

    assert f"{1024 * 1024 * 8 // 64:,}" in numbers("a CPU cache", "example")
    assert f"{int.from_bytes(struct.pack('<H', 8080), 'big')}" in numbers("endianness", "limits")
    assert f"{(-42) & 0xFF:08b}" in text("two's complement", "example")
    assert f"{0b10110010 ^ 0b01101100:08b}" in text("RAID", "example")
    assert hex(0x9000 | (0x3A7C & 0xFFF)).upper().replace("X", "x") in text(
        "virtual memory", "example"
    )
    for temperature in (0.5, 1, 2):
        weights = [math.exp(z / temperature) for z in (2, 1, 0)]
        shares = ", ".join(f"{weight / sum(weights):.3f}" for weight in weights)
        assert shares in text("the softmax function", "detail")


def test_quorum_table() -> None:
    for nodes in (3, 4, 5, 7):
        majority = nodes // 2 + 1
        row = f"| {nodes} | {majority} | {nodes - majority} |"
        assert row in text("consensus by majority (a quorum)", "example")


def test_keys_on_the_ring() -> None:
    def owner(key: int, ring: dict[str, int]) -> str:
        return min(ring, key=lambda server: (ring[server] - key) % 100)

    before = {"A": 10, "B": 40, "C": 80}
    after = before | {"D": 65}
    example = text("consistent hashing", "example")
    for key in (5, 25, 60, 90):
        assert re.search(rf"key {key}: .*\b{owner(key, before)}\b", example)
    moved = [key for key in (5, 25, 60, 90) if owner(key, before) != owner(key, after)]
    assert moved == [60] and "key 60 moves from C to D" in example


def test_each_fact_is_a_pattern_that_needs_words() -> None:
    for concept in CONCEPTS.values():
        for kind in ANGLES:
            angle: Angle = concept.angle(kind)
            assert not any(re.search(fact, "", re.I) for fact in angle.facts), concept.name
