"""Long documents, programs and plans: answers against solvers that know the text alone."""

from __future__ import annotations

import contextlib
import io
import itertools
import re

import pytest

from kappa_data.formats.vocabulary import encode
from kappa_data.records import Task
from kappa_data.tasks.families import (
    code_output,
    long_count_words,
    long_document_questions,
    long_find_one,
    long_find_several,
    long_trace_values,
    schedule_plan,
)
from kappa_data.tasks.material.long_prose import BANDS, Writer, genres, settings
from kappa_data.tasks.own_material import Document, Material
from kappa_data.tasks.wording import Wording

OWN = (long_find_one, long_find_several, long_document_questions)


def answer(task: Task, turn: int = 0) -> str:
    return task.reference[turn].answer.rpartition("\n")[2].partition(": ")[2]


def material(paragraphs: int) -> Material:
    text = "\n\n".join(
        f"In year {n} the town of number {n * 7} built a wall with {n * 3} towers. Nobody knows who"
        f" paid for the towers of year {n}. The {n * 11} masons went home after the feast."
        for n in range(100, 100 + paragraphs)
    )
    return Material(documents=(Document("walls.txt", text),))


@pytest.mark.parametrize("genre", genres(), ids=lambda genre: genre.name)
def test_no_paragraph_comes_twice(genre) -> None:
    w = Wording("paragraphs", 1)
    document = Writer(w, settings()[3], genre).document(120_000)
    paragraphs = [" ".join(each) for section in document.sections for each in section.paragraphs]
    assert len(set(paragraphs)) == len(paragraphs) > 100
    assert "{" not in document.text()


@pytest.mark.parametrize("family", [long_find_one, long_count_words])
def test_lengths_keep_to_their_bands(family) -> None:
    """Of every length some, and none that leaves no room for the conversation."""
    for seed in (*range(8), 9, 14, 19):
        low, high = BANDS[seed % len(BANDS)]
        tokens = len(encode(family.make(seed).opening))
        assert 0.6 * low <= tokens <= 1.15 * high < 118_000 * 1.15, (seed, tokens)
        assert tokens < 116_000


def test_a_word_is_as_frequent_as_said() -> None:
    for seed in range(0, 24, 2):
        task = long_count_words.make(seed)
        word = re.search(r'"(\w+)"', task.reference[0].answer)
        assert word
        # The question names it once more; quotations of the request are all in that sentence.
        count = len(re.findall(rf"\b{word[1]}\b", task.opening, re.IGNORECASE))
        assert count - 1 == int(answer(task)), task.id


def test_figures_are_traced() -> None:
    for seed in range(2, 40, 4):
        task = long_trace_values.make(seed)
        known = {}
        name = "([A-Z]{3,})"
        for pattern in (
            rf"The figure {name} was fixed at (\d+)",
            rf"For {name} the table gives (\d+)",
        ):
            known |= dict(re.findall(pattern, task.opening))
        found = re.findall(rf"(\d+) was entered as the figure {name}", task.opening)
        known |= {code: value for value, code in found}
        taken = {}
        for pattern in (
            rf"The figure {name} was copied from {name}",
            rf"{name} takes over whatever stands under {name}",
            rf"Under {name} the clerk wrote the same figure as under {name}",
            rf"The figure {name} shall be that of {name}",
        ):
            taken |= dict(re.findall(pattern, task.opening))
        asked = re.search(r"Trace (\w+) back", task.reference[0].reasoning)
        assert asked and asked[1] in task.opening
        code = asked[1]
        while code in taken:
            code = taken[code]
        assert known[code] == answer(task), task.id


def test_who_is_named_stands_there_once_for_each() -> None:
    for seed in range(24):
        task = long_find_several.make(seed)
        for check in task.verifier[:1]:
            for pattern in check.required[1:]:
                assert len(re.findall(pattern, task.opening)) == 1, (task.id, pattern)
        assert len(task.verifier[0].required) - 1 == int(answer(task))


@pytest.mark.parametrize("family", OWN)
def test_own_documents_are_a_haystack_too(family) -> None:
    one, again = family.make_from(3, material(300)), family.make_from(3, material(300))
    assert one == again and one.id == f"{family.NAME}/3"
    assert "Nobody knows who paid for the towers" in one.opening
    assert len(one.wrong) >= 3
    assert family.make_from(4, material(300)).opening != one.opening
    with pytest.raises(ValueError, match=r"documents: [0-9,]+ characters in all"):
        family.make_from(3, material(2))


def test_a_neighbour_is_the_neighbour() -> None:
    for seed in range(12):
        task = long_document_questions.make_from(seed, material(60))
        text = " ".join(task.opening.split())
        asked = re.search(r'"(In|Nobody|The)[^"]+"', task.reference[0].reasoning)
        assert asked
        said, told = asked[0].strip('"'), answer(task)
        after = " after it" in task.reference[0].reasoning
        assert (f"{said} {told}" if after else f"{told} {said}") in text


def test_programs_print_what_is_said() -> None:
    for seed in range(160):
        task = code_output.make(seed)
        lines = task.opening.split("\n")
        first = next(n for n, line in enumerate(lines) if re.match(r"\w+ = \d+$", line))
        last = max(n for n, line in enumerate(lines) if line.startswith("print("))
        program = lines[first : last + 1]
        for at, goal in enumerate(("", *task.goals)):
            changed = re.search(r"first line were (\w+ = \d+)", goal)
            if goal and not changed:
                continue
            code = "\n".join([changed[1] if changed else program[0], *program[1:]])
            shown = io.StringIO()
            with contextlib.redirect_stdout(shown):
                exec(code, {})  # a program of this package, written out above
            assert shown.getvalue().strip() == answer(task, at), task.id


def test_plans_are_the_best() -> None:
    """Sharing out jobs from the table in the text, by trying every order."""
    tried = 0
    for seed in range(0, 200, 4):
        task = schedule_plan.make(seed)
        rows = re.findall(r"^\| [A-Z]\w+ \|(.*)\|$", task.opening, re.MULTILINE)
        cost = [[int(each) for each in row.split("|")] for row in rows]
        if not cost:
            continue
        tried += 1
        orders = itertools.permutations(range(len(cost)))
        best = min(sum(row[j] for row, j in zip(cost, order, strict=True)) for order in orders)
        assert best == int(answer(task)), task.id
    assert tried > 10
