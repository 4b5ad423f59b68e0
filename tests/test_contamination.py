"""Decontamination: planted prompts are found however they are written, and nothing else."""

from __future__ import annotations

import json
import random
import textwrap
from pathlib import Path

import pytest

from kappa_data.contamination import Contamination, Text, tables, texts_in
from kappa_data.records import Conversation, FunctionCall, Message, ToolCall
from kappa_data.resources import Resources
from kappa_data.stages.dedupe import contaminated_in
from kappa_data.tasks import evaluation
from kappa_data.tasks.evaluation import Evaluation

RESOURCES = Resources()
TRACES = Path(__file__).parent / "traces" / "openai.jsonl"
PROMPT = '''\
def largest_gap(values: List[int], floor: int) -> int:
    """ Return the largest gap between neighbours in the sorted list of values,
    leaving out every value that lies below the given floor.
    >>> largest_gap([1, 2, 3, 9], 2)
    6
    """
'''
SAID = (
    "def largest gap values list int floor int int return the largest gap between neighbours in"
    " the sorted list of values leaving out every value that lies below the given floor"
)
WORDS = SAID.split()
SHORT_PROMPT = "List the three rivers that leave lake Orla."


def known(*prompts: str, name: str = "own") -> Contamination:
    found = Evaluation()
    found.add(name, prompts)
    return Contamination(*tables(found))


def shipped() -> Contamination:
    return Contamination(*tables(evaluation.of_files([], RESOURCES)))


def said(text: str, of: Contamination, *, asked: bool) -> str:
    return next((each for _, each in of.found([Text(0, 0, asked, text)])), "")


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize(
    "write",
    [
        lambda prompt: prompt,
        lambda prompt: textwrap.fill(" ".join(prompt.split()), 30),
        str.upper,
        lambda prompt: textwrap.indent(prompt, "\t\t"),
        lambda prompt: prompt.replace(",", ";").replace(".", "!").replace("_", " - "),
        lambda prompt: f"Finish this for me:\n```python\n{prompt}```\nand explain it.\n" * 2,
        lambda prompt: "lorem " * 9_000 + prompt + " ipsum" * 9_000,
        lambda prompt: prompt.replace(" ", "\u00a0").replace('"', "“"),
    ],
)
def test_a_planted_prompt_is_found(write, asked):
    found = said(write(PROMPT), known(PROMPT), asked=asked)
    assert found.startswith('repeats a prompt of own: "')
    repeated = found.partition('"')[2].rstrip('"').lower().split()
    assert len(repeated) == (8 if asked else 13)
    assert " ".join(repeated) in SAID


def test_eight_words_are_too_many_for_a_user_alone():
    of = known(PROMPT)
    for count in range(4, 20):
        text = f"so {' '.join(WORDS[10 : 10 + count])} so"
        assert bool(said(text, of, asked=True)) == (count >= 8), count
        assert bool(said(text, of, asked=False)) == (count >= 13), count
    assert said(SHORT_PROMPT, known(SHORT_PROMPT), asked=True)
    assert not said(SHORT_PROMPT, known(SHORT_PROMPT), asked=False)


def test_what_many_prompts_share_and_rows_of_numbers_tell_nothing():
    phrase = "Answer with one of the letters below and with nothing else at all please:"
    prompts = [f"{phrase} where does the {n}. river of the old atlas end?" for n in "abcdefg"]
    row = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14"
    of = known(*prompts, f"Which number follows next after the row {row}?")
    assert not said(phrase, of, asked=True)
    assert not said(f"I count {row}", of, asked=True)
    assert said(prompts[3], of, asked=True)
    twice = known(*(["A prompt that is listed as often as can be is still a prompt"] * 9))
    assert said("a prompt that is listed as often as can be", twice, asked=True)


def test_a_prompt_that_is_all_phrase_is_still_found():
    phrase = "Tell me what the weather will be like tomorrow"
    of = known(phrase, *(f"{phrase} in {city}" for city in ("Orla", "Brund", "Vess", "Tarn")))
    assert said(phrase, of, asked=True)


def test_every_place_of_a_conversation_is_looked_at():
    call = ToolCall("c", FunctionCall("write_file", json.dumps({"files": [{"text": PROMPT}]})))
    plain = Message("assistant", "Yes.")
    places = {
        "system": (Message("system", PROMPT), Message("user", "Hi"), plain),
        "user": (Message("user", "Hi"), plain, Message("user", PROMPT), plain),
        "reasoning": (Message("user", "Hi"), Message("assistant", "Yes.", reasoning=PROMPT)),
        "arguments": (Message("user", "Hi"), Message("assistant", "", tool_calls=(call,))),
        "result": (Message("user", "Hi"), Message("tool", PROMPT, tool_call_id="c")),
        "nowhere": (Message("user", "Hi"), plain),
    }
    talks = [Conversation(name, messages) for name, messages in places.items()]
    found = contaminated_in(talks, known(PROMPT))
    assert {talks[at].id: each.message for at, each in found.items()} == {
        "system": 0, "user": 2, "reasoning": 1, "arguments": 1, "result": 1,
    }  # fmt: skip
    assert all(each.rule == "contaminated" and each.severity == "reject" for each in found.values())


def test_arguments_that_are_no_json_are_read_as_they_are():
    assert list(texts_in('{"a": ["x", {"b": "y\\nz"}], "n": 3}')) == ["x", "y\nz"]
    assert list(texts_in('{"a": oops')) == ['{"a": oops']
    deep = "[" * 100_000
    assert list(texts_in(deep)) == [deep]


def test_the_quick_look_loses_nothing():
    """Random texts with and without planted words, against sets of words."""
    draw = random.Random(4)
    vocabulary = [f"word{n}" for n in range(30)]  # few, so that rows of eight do meet

    def text(count: int) -> list[str]:
        return [draw.choice(vocabulary) for _ in range(count)]

    prompts = [text(40) for _ in range(3)]
    of = known(*(" ".join(each) for each in prompts))
    rows = {
        length: {
            tuple(each[at : at + length])
            for each in prompts
            for at in range(len(each) - length + 1)
        }
        for length in (8, 13)
    }
    given = []
    for number in range(400):
        planted = draw.choice(prompts)
        start = draw.randrange(25)
        piece = planted[start : start + draw.randrange(5, 16)]
        given.append((text(50) + piece + text(50), number % 2 == 0))
    expected = {
        at
        for at, (each, asked) in enumerate(given)
        for length in (8 if asked else 13,)
        if any(tuple(each[n : n + length]) in rows[length] for n in range(len(each)))
    }
    texts = [Text(at, 0, asked, " ".join(each)) for at, (each, asked) in enumerate(given)]
    found = [text.conversation for text, _ in of.found(texts)]
    assert sorted(found) == sorted(expected)
    assert 100 < len(expected) < 300


def test_what_ships_is_found_and_hand_made_traces_are_clean():
    of = shipped()
    text = "Check if in given list of numbers, are any two numbers closer to each other than"
    assert "HumanEval" in said(f"Please: {text} given threshold", of, asked=True)
    assert "HumanEval" in said(text, of, asked=False)
    talks = []
    for number, line in enumerate(TRACES.read_text().splitlines()):
        messages = [
            Message(each["role"], each.get("content") or "")
            for each in json.loads(line)["messages"]
            if each["role"] in ("user", "assistant", "tool", "system")
        ]
        talks.append(Conversation(f"{number}", tuple(messages)))
    assert len(talks) == 20
    assert contaminated_in(talks, of) == {}


def test_files_of_one_name_are_two_sets_wherever_they_lie(tmp_path):
    texts = {"a": PROMPT, "b": SHORT_PROMPT}
    for folder, text in texts.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "q.txt").write_text(text.replace("\n\n", "\n"))
    paths = [str(tmp_path / folder / "q.txt") for folder in texts]
    one, other = (evaluation.of_files(some, RESOURCES) for some in (paths, paths[::-1]))
    assert one.prompts == other.prompts
    assert set(one.prompts) >= {"q.txt", "q.txt (2)"}
    assert evaluation.digests(paths) == evaluation.digests(paths[::-1])
    assert list(evaluation.digests(paths)) == ["evaluation q.txt"]
    for left, right in zip(tables(one), tables(other), strict=True):
        assert list(map(str, left)) == list(map(str, right))
