"""Logic puzzles: answers are compared with those of a reader that knows only the text."""

from __future__ import annotations

import asyncio
import functools
import re

import pytest

from kappa_data.personas import load_personas
from kappa_data.records import Message, Task
from kappa_data.resources import Resources
from kappa_data.tasks import verify
from kappa_data.tasks.families import logic_puzzle
from kappa_data.tasks.material.logic_puzzle_parts import answer_line, other_answer_line
from kappa_data.teacher.voice import Voices
from logic_reader import READERS, clues_of, read, solutions

KINDS = [kind.__name__ for kind in logic_puzzle.KINDS]
SEEDS = range(140)
make = functools.cache(logic_puzzle.make)
table_of = functools.cache(read)


def kind_of(task: Task) -> str:
    return KINDS[task.seed % len(KINDS)]


def answers_of(task: Task) -> list[str]:
    return [turn.answer.rpartition("\nAnswer: ")[2] for turn in task.reference]


def passes(task: Task, answers: list[str]) -> bool:
    messages = []
    for asked, answer in zip((task.opening, *task.goals), answers, strict=True):
        messages += [Message("user", asked), Message("assistant", answer)]
    return asyncio.run(verify.verify(task, None, messages)).passed


def numbers(text: str) -> list[int]:
    return [int(each) for each in re.findall(r"\d+", text)]


def expected(goal: str, table: dict[str, list[bool]]) -> str:
    """The answer to a follow-up about clues, from its text."""
    goal = goal.partition("Put the number")[0].partition("End with")[0]
    count = len(next(iter(table.values())))
    word = re.findall(r"clue|statement|condition|weighing", goal)[-1] if table else ""
    if found := re.search(r"(?:instead|attempt was|book says): (.*?)\. Which", goal):
        broken = [i + 1 for i, value in enumerate(table[found[1]]) if not value]
        return f"{word}{'s' * (len(broken) > 1)} {', '.join(map(str, broken))}"
    if re.search("needed|redundant|delete", goal):
        spare = [i for i in range(count) if len(solutions(table, without=i)) == 1]
        assert len(spare) == 1
        return f"{word} {spare[0] + 1}"
    alone = [sum(truth[i] for truth in table.values()) for i in range(count)]
    if re.search("strongest|furthest|rules out the most", goal):
        assert alone.count(min(alone)) == 1
        return f"{word} {alone.index(min(alone)) + 1}"
    named = numbers(goal)
    if re.search("dropped|strike|without", goal):
        return str(len(solutions(table, without=named[0] - 1)))
    assert re.search("only knew|nothing else|just", goal), goal
    return str(sum(all(truth[i - 1] for i in named) for truth in table.values()))


def test_every_kind_has_a_reader():
    assert len(KINDS) >= 5
    assert set(KINDS) == set(READERS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_is_the_only_solution(kind: str):
    for seed in SEEDS:
        task = make(seed)
        if kind_of(task) == kind:
            assert solutions(table_of(kind, task.opening)) == [answers_of(task)[0]], task.opening


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "culprit"])
def test_follow_ups_about_clues(kind: str):
    seen = 0
    for seed in SEEDS:
        task = make(seed)
        if kind_of(task) == kind and task.goals:
            table = table_of(kind, task.opening)
            for goal, answer in zip(task.goals, answers_of(task)[1:], strict=True):
                assert answer == expected(goal, table), (task.opening, goal)
                seen += 1
    assert seen > 10


def test_follow_ups_about_culprits():
    seen = 0
    for seed in range(KINDS.index("culprit"), 700, len(KINDS)):
        task = make(seed)
        cases, _ = READERS["culprit"](task.opening)
        for goal, answer in zip(task.goals, answers_of(task)[1:], strict=True):
            if "who lied" in goal:
                guilty = answers_of(task)[0]
                assert answer.split(", ") == sorted(set(cases) - set(cases[guilty]["right"]))
            else:
                word = re.search(r"exactly (\w+) of", goal)
                assert word
                wanted = ["none", "one", "two", "three", "four", "five", "six"].index(word[1])
                assert int(answer) == [len(c["right"]) for c in cases.values()].count(wanted)
            seen += 1
    assert seen > 50


def test_explanations_use_every_clue_that_is_needed():
    for seed in SEEDS:
        task = make(seed)
        kind = kind_of(task)
        if kind == "culprit":
            continue
        table = table_of(kind, task.opening)
        said = task.reference[0].answer
        cited = {
            number
            for group in re.findall(r"(?:clue|statement|condition|weighing)s? (\d.*)", said, re.I)
            for number in numbers(re.sub(r"\([^()]*\)", "", group))
        }
        needed = {
            i + 1
            for i in range(len(clues_of(task.opening)))
            if len(solutions(table, without=i)) > 1
        }
        assert needed <= cited, said


def test_references_pass_and_others_do_not():
    for seed in SEEDS:
        task = make(seed)
        own = [turn.answer for turn in task.reference]
        other = [turn.answer for turn in make(seed + len(KINDS)).reference]
        assert passes(task, own), seed
        assert not passes(task, ["Done."] * len(own))
        assert not passes(task, ["\n\n".join(other), *own[1:]])
        # Naming the right result without the line that was asked for is not enough.
        assert not passes(task, [own[0].replace("Answer:", "Result:"), *own[1:]])


def test_near_misses_fail():
    """Another candidate in the right form, alone or beside the right one."""
    for seed in SEEDS:
        task = make(seed)
        own = [turn.answer for turn in task.reference]
        right = answers_of(task)[0]
        taken = set(answers_of(task))
        wrong = [each for each in table_of(kind_of(task), task.opening) if each not in taken]
        for each in wrong[:: max(1, len(wrong) // 5)]:
            assert not passes(
                task, [own[0].replace(f"Answer: {right}", f"Answer: {each}"), *own[1:]]
            )
            assert not passes(task, [f"{own[0]}\nAnswer: {each}", *own[1:]])


def test_references_pass_in_every_voice():
    resources = Resources(None)
    voices = Voices(resources)
    for number, persona in enumerate(load_personas(resources)):
        for seed in range(number, 400, 31):
            task = make(seed)
            said = [
                voices.speak(persona, turn.answer, kind="final", seed=f"{seed}/{i}")
                for i, turn in enumerate(task.reference)
            ]
            assert passes(task, said), (persona, seed, said)


@pytest.mark.parametrize(
    "line",
    [
        "Answer: Ana, Bruno, Chidi",
        "answer: ana, bruno and chidi",
        "**Answer:** Ana, Bruno, Chidi.",
        "Answer: Ana > Bruno > Chidi",
        "`Answer: Ana, Bruno, Chidi`",
    ],
)
def test_the_answer_line_may_be_decorated(line: str):
    said = f"Because of clue 1.\n\n{line}\n"
    assert re.search(answer_line(["Ana, Bruno, Chidi"]), said, re.I)
    assert not re.search(other_answer_line(["Ana, Bruno, Chidi"]), said, re.I)


@pytest.mark.parametrize(
    "line",
    [
        "Answer: Bruno, Ana, Chidi",
        "Answer: Ana, Bruno, Chidi, Dalia",
        "Answer: Ana, Bruno, Chidi or Bruno, Ana, Chidi",
        "Answer: Ana",
    ],
)
def test_another_answer_line_is_found(line: str):
    assert not re.search(answer_line(["Ana, Bruno, Chidi"]), line, re.I)
    assert re.search(other_answer_line(["Ana, Bruno, Chidi"]), line, re.I)


def test_references_have_substance():
    lengths = []
    for seed in SEEDS:
        task = make(seed)
        for turn in task.reference:
            lengths.append(len(turn.answer.split()))
            assert turn.reasoning
            assert not re.search(r"[{}]", turn.answer + turn.reasoning)
        assert len(clues_of(task.opening)) >= 1
    assert sorted(lengths)[len(lengths) // 20] >= 30
    assert max(lengths) <= 190


def test_the_same_seed_gives_the_same_task():
    assert [logic_puzzle.make(s) for s in range(14)] == [make(s) for s in range(14)]
