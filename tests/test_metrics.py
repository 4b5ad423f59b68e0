"""Measures of voice: each is tripped by a planted defect and by nothing else, and agrees with a
small reference of its own where there is one."""

from __future__ import annotations

import functools
import itertools
import math
import random
import subprocess
import sys
import zlib
from collections import Counter

import pytest

from kappa_data.config import ReportConfig
from kappa_data.metrics.diversity import first, measure_diversity, sample
from kappa_data.metrics.length import measure_length
from kappa_data.metrics.measure import Measure
from kappa_data.metrics.phrases import measure_phrases
from kappa_data.metrics.units import NOBODY, Unit, masked, paired, runs, units_of, words
from kappa_data.metrics.voice import Voice, guesses, measure_voice, shuffled_names, strongest
from kappa_data.records import Conversation, FunctionCall, Message, ToolCall

NAMES = ("ada", "bob", "cid")
TASKS = 60
ENDS = ["".join(pair) for pair in itertools.product("abcdefghij", repeat=2)]


def made(seed: int, own: int = 4, turns: int = 1, kinds: int = 20) -> list[Unit]:
    """Units of three personas and none: words of the task, and `own` words of each persona's, who
    has `kinds` of them."""
    dice = random.Random(seed)
    found = []
    for task in range(TASKS):
        topic = [f"t{''.join(dice.choices('abcdefgh', k=6))}" for _ in range(25)]
        for name in (*NAMES, NOBODY):
            for turn in range(1, turns + 1):
                text = dice.sample(topic, 20)
                if name != NOBODY:
                    text += [f"{name}{dice.choice(ENDS[:kinds])}" for _ in range(own)]
                    dice.shuffle(text)
                for kind, said in (("answer", text), ("beside calls", text[::2])):
                    found.append(
                        Unit(f"f/{task}", f"f/{task}:{name}", name, kind, turn, " ".join(said), 24)  # type: ignore[arg-type]
                    )
    return found


@functools.cache
def clean() -> tuple[Unit, ...]:
    return tuple(made(1))


@functools.cache
def clean_voice() -> Voice:
    return measure_voice(clean(), NAMES)


def changed(units: list[Unit] | tuple[Unit, ...], **by: object) -> list[Unit]:
    import msgspec

    return [
        msgspec.structs.replace(unit, **{key: make(unit) for key, make in by.items()})  # type: ignore[operator]
        for unit in units
    ]


def missed(measures: tuple[Measure, ...]) -> set[str]:
    return {each.name for each in measures if each.missed}


def f1(name: str, said: list[str], guessed: list[str]) -> float:
    """F1 once more, from its definition."""
    hits = sum(a == b == name for a, b in zip(said, guessed, strict=True))
    precision = hits / max(guessed.count(name), 1)
    recall = hits / max(said.count(name), 1)
    return 2 * precision * recall / max(precision + recall, 1e-9)


# --- units -------------------------------------------------------------------------------------


def test_the_substance_is_masked() -> None:
    text = (
        'Set `limit` in src/app/main.py to 1,250 (see README.md), he said "not now".\n\n'
        "```python\nsecret = 1\n```\n\n> quoted line\n"
        "As Lawful-Good would; it's 5 % of retry_count."
    )
    plain = masked(text, ("lawful_good",))
    assert words(plain) == (["set", "in", "to", "see", "he", "said", "as", "would", "it's", "of"])
    assert ["set"] in runs(plain) and ["he", "said"] in runs(plain)
    assert "fully" in masked("fully masked? no.")


def test_units_of_a_conversation() -> None:
    call = ToolCall("1", FunctionCall("bash", "{}"))
    long = " ".join(["word"] * 20)
    talk = Conversation(
        id="c",
        task_id="f/1",
        persona="ada",
        messages=(
            Message(role="user", content="go"),
            Message(role="assistant", content="looking there", tool_calls=(call,)),
            Message(role="tool", content=long, tool_call_id="1"),
            Message(role="assistant", content="and here", tool_calls=(call,)),
            Message(role="tool", content=long, tool_call_id="1"),
            Message(role="assistant", content=long),
            Message(role="user", content="more"),
            Message(role="assistant", content="too short", persona="bob"),
            Message(role="user", content="more"),
            Message(role="assistant", content=f"{long} `code here`", persona="bob"),
        ),
    )
    found = [(unit.persona, unit.kind, unit.turn, unit.length) for unit in units_of(talk)]
    assert found == [
        ("ada", "answer", 1, 20),
        ("ada", "beside calls", 1, 4),
        ("bob", "answer", 3, 22),
    ]


def test_only_whole_tasks_are_paired() -> None:
    units = [unit for unit in clean() if (unit.task, unit.persona) != ("f/7", "bob")]
    assert {unit.task for unit in paired(units, NAMES)} == {
        f"f/{task}" for task in range(TASKS) if task != 7
    }


# --- voice -------------------------------------------------------------------------------------


def test_voices_that_differ_are_told_apart() -> None:
    voice = clean_voice()
    assert not missed(voice.measures(ReportConfig()))
    assert voice.ten is not None and voice.ten.lowest.f1 > 0.95
    units = paired(clean(), [*NAMES, NOBODY])
    said = [unit.persona for unit in units]
    guessed = guesses(units, said)
    answers = [at for at, unit in enumerate(units) if unit.kind == "answer"]
    for score in voice.ten.scores:
        mine = f1(score.persona, [said[at] for at in answers], [guessed[at] for at in answers])
        assert math.isclose(score.f1, mine, abs_tol=1e-6)
        assert score.low <= score.f1 <= score.high
    assert paired(list(reversed(clean())), [*NAMES, NOBODY]) == units


def test_a_blanked_voice_is_alarming() -> None:
    blank = changed(
        clean(),
        text=lambda unit: " ".join(
            word for word in unit.text.split() if unit.persona != "bob" or word[:3] != "bob"
        ),
    )
    voice = measure_voice(blank, NAMES)
    assert {"lowest F1, with no persona", "persona taken for none"} <= missed(
        voice.measures(ReportConfig())
    )
    assert voice.ten is not None and voice.ten.lowest.persona in ("bob", NOBODY)


def test_voices_that_swap_in_half_of_the_data_are_alarming() -> None:
    swap = {"ada": "bob", "bob": "ada"}
    mixed = changed(
        clean(),
        persona=lambda unit: (
            swap.get(unit.persona, unit.persona)
            if int(unit.task.split("/")[1]) % 2
            else unit.persona
        ),
    )
    voice = measure_voice(mixed, NAMES)
    assert voice.nine is not None
    scores = {score.persona: score.f1 for score in voice.nine.scores}
    assert scores["cid"] > 0.95 and scores["ada"] < 0.8 and scores["bob"] < 0.8


def test_a_voice_lost_in_tool_loops_is_alarming() -> None:
    blank = changed(
        clean(),
        text=lambda unit: (
            " ".join(word for word in unit.text.split() if word[0] == "t")
            if unit.kind == "beside calls"
            else unit.text
        ),
    )
    names = missed(measure_voice(blank, NAMES).measures(ReportConfig()))
    assert "lowest F1 beside calls" in names and "lowest F1, with no persona" not in names


def test_a_voice_that_fades_is_alarming() -> None:
    units = [unit for unit in made(3, turns=9) if unit.turn in (1, 9)]
    assert (measure_voice(units, NAMES).late_loss or 0.0) <= 0.05
    faded = changed(
        units,
        text=lambda unit: (
            " ".join(word for word in unit.text.split() if word[0] == "t")
            if unit.turn >= 8 and int(unit.task.split("/")[1]) % 2
            else unit.text
        ),
    )
    assert (measure_voice(faded, NAMES).late_loss or 0.0) > 0.05


def test_shuffled_names_are_chance_unless_tasks_leak() -> None:
    voice = clean_voice()
    assert voice.shuffled is not None and abs(voice.shuffled - 0.25) < 0.09
    units = paired(clean(), [*NAMES, NOBODY])
    dealt = shuffled_names(units)
    by_talk = {}
    for unit, name in zip(units, dealt, strict=True):
        assert by_talk.setdefault(unit.talk, name) == name
    for task in {unit.task for unit in units}:
        names = {by_talk[talk] for talk in by_talk if talk.startswith(f"{task}:")}
        assert names == {*NAMES, NOBODY}
    # Where the same "task" stands under many names, folds leak and the alarm goes off.
    copies = [
        unit
        for number in range(4)
        for unit in changed(
            [each for each in clean() if int(each.task[2:]) < 15],
            task=lambda each, n=number: f"{each.task}.{n}",
        )
    ]
    seen = {unit.talk: name for unit, name in zip(units, dealt, strict=True)}
    leaky = guesses(copies, [seen[unit.talk] for unit in copies])
    right = sum(seen[unit.talk] == name for unit, name in zip(copies, leaky, strict=True))
    assert right / len(copies) > voice.shuffled_bar


def test_too_little_is_no_figure() -> None:
    few = [unit for unit in clean() if unit.task in ("f/1", "f/2")]
    for result in (
        measure_voice(few, NAMES),
        measure_phrases([], NAMES),
        measure_length([], NAMES),
    ):
        assert all(
            each.value is None and not each.missed for each in result.measures(ReportConfig())
        )
    assert measure_diversity([], NAMES).samples == {}


# --- phrases -----------------------------------------------------------------------------------


def test_a_catchphrase_in_a_fifth_of_the_turns_is_found() -> None:
    assert "largest share of one phrase" not in missed(
        measure_phrases(clean(), NAMES).measures(ReportConfig())
    )
    worn = changed(
        clean(),
        text=lambda unit: (
            f"{unit.text} here we go again"
            if unit.persona == "cid" and int(unit.task[2:]) % 5 == 0
            else f"{unit.text} so it is done"
        ),
    )
    result = measure_phrases(worn, NAMES)
    assert "largest share of one phrase" in missed(result.measures(ReportConfig()))
    found = {each.persona: each for each in result.phrases}
    assert found["cid"].phrase == "here we go again"
    assert math.isclose(found["cid"].share, 0.2) and math.isclose(found["cid"].brought, 0.2)
    # What none says as well is no catchphrase.
    assert found["ada"].brought <= 0.05


def test_an_opener_that_wears_out_is_found() -> None:
    worn = changed(
        clean(), text=lambda unit: f"{'oh my dear ' * (unit.persona == 'bob')}{unit.text}"
    )
    result = measure_phrases(worn, NAMES)
    assert "top opener" in missed(result.measures(ReportConfig()))
    opener = next(each for each in result.openers if each.persona == "bob")
    assert (opener.phrase, opener.share) == ("oh my dear", 1.0)


def test_a_voice_of_few_words_does_not_survive_without_them() -> None:
    dice = random.Random(5)
    thin = changed(
        clean(),
        text=lambda unit: " ".join(
            f"{word[:3]}{dice.choice('abc')}" if word[:3] in NAMES else word
            for word in unit.text.split()
        ),
    )
    assert "F1 lost without the ten strongest" in missed(
        measure_phrases(thin, NAMES).measures(ReportConfig())
    )
    rich = measure_phrases(made(1, own=10, kinds=50), NAMES)
    assert "F1 lost without the ten strongest" not in missed(rich.measures(ReportConfig()))
    top = strongest(paired(thin, [*NAMES, NOBODY]), 3)
    assert set(top["ada"]) == {"adaa", "adab", "adac"}


# --- length, diversity -------------------------------------------------------------------------


@pytest.mark.parametrize(("words_said", "wrong"), [(40, "longest"), (12, "shortest"), (30, None)])
def test_length_is_held_against_no_persona(words_said: int, wrong: str | None) -> None:
    units = changed(clean(), length=lambda unit: words_said if unit.persona == "ada" else 24)
    result = measure_length(units, NAMES)
    assert result.ratios == {"ada": words_said / 24, "bob": 1.0, "cid": 1.0}
    assert missed(result.measures(ReportConfig())) == (
        {f"median length, {wrong}"} if wrong else set()
    )


def test_a_persona_that_repeats_itself_is_found() -> None:
    assert not missed(measure_diversity(clean(), NAMES).measures(ReportConfig()))
    worn = changed(
        clean(),
        text=lambda unit: (
            "one and the same old song and dance for every body " * 3
            if unit.persona == "bob"
            else unit.text
        ),
    )
    result = measure_diversity(worn, NAMES)
    assert {"zlib over none's", "distinct-2 over none's"} <= missed(result.measures(ReportConfig()))
    assert result.samples["bob"].repeated == 1.0


def test_one_sample_by_hand() -> None:
    said = [["a", "b", "c", "d", "e"], ["x", "a", "b", "c", "d"], ["a", "b"]]
    found = sample(said)
    text = b"a b c d e\nx a b c d\na b"
    assert found.zlib == len(text) / len(zlib.compress(text, 9))
    # abcd twice, bcde and xabc once each
    assert found.repeated == 2 / 4
    pairs = Counter(["ab", "bc", "cd", "de", "xa", "ab", "bc", "cd", "ab"])
    assert found.distinct == len(pairs) / pairs.total()
    assert first(said, 7) == [said[0], ["x", "a"]]


def test_the_package_loads_no_learner() -> None:
    code = (
        "import sys, kappa_data.metrics.phrases, kappa_data.metrics.voice\n"
        "print('sklearn' in sys.modules, 'scipy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
