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

import msgspec
import pytest

from kappa_data.config import ReportConfig
from kappa_data.metrics import length, phrases
from kappa_data.metrics.classifier import Counts, guesses, holding, shuffled_names, strongest
from kappa_data.metrics.corpus import Corpus
from kappa_data.metrics.diversity import first, measure_diversity, sample
from kappa_data.metrics.length import measure_length
from kappa_data.metrics.measure import Measure
from kappa_data.metrics.phrases import measure_phrases
from kappa_data.metrics.units import NOBODY, Unit, masked, runs, units_of, words
from kappa_data.metrics.voice import FEWEST, Voice, measure_voice
from kappa_data.metrics.voices import measure_voices
from kappa_data.records import Conversation, FunctionCall, Message, ToolCall

NAMES = ("ada", "bob", "cid")
TASKS = 210
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
    return tuple(made(1, own=8, turns=3, kinds=50))


@functools.cache
def clean_voice() -> Voice:
    return voice_of(clean())


def voice_of(units: list[Unit] | tuple[Unit, ...]) -> Voice:
    return measure_voice(Corpus(units), NAMES)


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
    corpus = Corpus(units)
    assert {corpus.units[at].task for at in corpus.rows(NAMES)} == {
        f"f/{task}" for task in range(TASKS) if task != 7
    }
    assert {corpus.units[at].persona for at in corpus.rows(NAMES)} == set(NAMES)


# --- voice -------------------------------------------------------------------------------------


def test_voices_that_differ_are_told_apart() -> None:
    voice = clean_voice()
    assert not missed(voice.measures(ReportConfig()))
    assert voice.ten.lowest.f1 > 0.95
    corpus = Corpus(clean())
    units = corpus.units
    said = [unit.persona for unit in units]
    guessed = guesses(Counts(corpus), corpus.rows([*NAMES, NOBODY]), said).tolist()
    answers = [at for at, unit in enumerate(units) if unit.kind == "answer"]
    for score in voice.ten.scores:
        mine = f1(score.persona, [said[at] for at in answers], [guessed[at] for at in answers])
        assert math.isclose(score.f1, mine, abs_tol=1e-6)
        assert score.low <= score.f1 <= score.high
    assert voice_of(list(reversed(clean()))) == voice


def test_n_grams_are_counted_as_a_plain_loop_counts_them() -> None:
    corpus = Corpus(
        [
            *made(5, turns=1)[:40],
            Unit("g/1", "g/1:ada", "ada", "answer", 1, "go on, go on ¤ on and. ¤ ¤ so go on", 9),
        ]
    )
    counts = Counts(corpus)
    found = [Counter[str]() for _ in corpus.units]
    table = counts.matrix.tocoo()
    for row, column, value in zip(table.row, table.col, table.data, strict=True):
        found[row][counts.spelled(column)] += int(value)
    for unit, mine in zip(corpus.units, found, strict=True):
        plain = Counter(
            " ".join(run[at : at + size])
            for run in runs(unit.text)
            for size in (1, 2)
            for at in range(len(run) - size + 1)
        )
        assert mine == plain
    held = {name for at, name in enumerate(map(counts.spelled, range(table.shape[1]))) if at >= 0}
    spelled = {name: at for at, name in enumerate(map(counts.spelled, range(table.shape[1])))}
    without = {counts.spelled(at) for at in holding(counts, [spelled["go"], spelled["on and"]])}
    assert without == {name for name in held if "go" in name.split() or name == "on and"}


def test_a_blanked_voice_is_alarming() -> None:
    blank = changed(
        clean(),
        text=lambda unit: " ".join(
            word for word in unit.text.split() if unit.persona != "bob" or word[:3] != "bob"
        ),
    )
    voice = voice_of(blank)
    assert {"lowest F1, with no persona", "persona taken for none"} <= missed(
        voice.measures(ReportConfig())
    )
    assert voice.ten.lowest.persona in ("bob", NOBODY)


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
    voice = voice_of(mixed)
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
    names = missed(voice_of(blank).measures(ReportConfig()))
    assert "lowest F1 beside calls" in names and "lowest F1, with no persona" not in names


def loss(units: list[Unit]) -> float:
    found = voice_of(units).late_loss.interval
    assert found is not None and found.low <= found.value <= found.high
    return found.value


def test_a_voice_that_fades_is_alarming() -> None:
    units = [unit for unit in made(3, turns=9) if unit.turn in (1, 9)]
    assert loss(units) <= 0.05
    faded = changed(
        units,
        text=lambda unit: (
            " ".join(word for word in unit.text.split() if word[0] == "t")
            if unit.turn >= 8 and int(unit.task.split("/")[1]) % 2
            else unit.text
        ),
    )
    assert loss(faded) > 0.05


def test_shuffled_names_are_chance_unless_tasks_leak() -> None:
    voice = clean_voice()
    assert voice.shuffled.interval is not None
    assert abs(voice.shuffled.interval.value - 0.25) < 0.05
    corpus = Corpus(clean())
    units = corpus.units
    dealt = shuffled_names(corpus, corpus.rows([*NAMES, NOBODY]))
    by_talk: dict[str, str] = {}
    for unit, name in zip(units, dealt, strict=True):
        assert by_talk.setdefault(unit.talk, name) == name
    for task in {unit.task for unit in units}:
        names = {by_talk[talk] for talk in by_talk if talk.startswith(f"{task}:")}
        assert names == {*NAMES, NOBODY}
    # Where the same "task" stands under many names, folds leak and the alarm goes off.
    copies = Corpus(
        unit
        for number in range(4)
        for unit in changed(
            [each for each in clean() if int(each.task[2:]) < 15],
            task=lambda each, n=number: f"{each.task}.{n}",
        )
    )
    dealt_out = [by_talk[unit.talk] for unit in copies.units]
    leaky = guesses(Counts(copies), copies.rows([*NAMES, NOBODY]), dealt_out)
    assert (leaky == dealt_out).mean() > voice.shuffled_bar


def test_too_little_is_no_figure() -> None:
    """Of a task too few there is no figure, and the measure says what there is."""
    tasks = {f"f/{at}" for at in range(FEWEST // 3)}  # three answers each
    corpus = Corpus(unit for unit in clean() if unit.task in tasks)
    found = measure_voice(corpus, NAMES).measures(ReportConfig())
    assert all(each.value is None and not each.missed for each in found)
    assert f"{3 * len(tasks)} of {FEWEST} units of each" in {each.detail for each in found}
    assert measure_voice(corpus, NAMES).cells == ()
    for result in (
        measure_phrases(Corpus([]), NAMES),
        measure_length([], NAMES),
        measure_diversity(Corpus([]), NAMES),
    ):
        assert all(
            each.value is None and not each.missed for each in result.measures(ReportConfig())
        )
    few = [unit for unit in clean() if unit.task in sorted(tasks)[: length.FEWEST // 3]]
    assert measure_length(few, NAMES).ratios == {}


@pytest.mark.parametrize(
    ("speakers", "tasks"),
    [((NOBODY,), TASKS), (("ada",), TASKS), (("ada", NOBODY), TASKS), ((*NAMES, NOBODY), 4)],
    ids=["nobody", "one persona", "one persona and nobody", "fewer tasks than folds"],
)
def test_where_there_is_nobody_to_be_told_from_nothing_breaks(
    speakers: tuple[str, ...], tasks: int
) -> None:
    units = changed(clean(), task=lambda unit: f"f/{int(unit.task[2:]) % tasks}")
    own = [unit for unit in units if unit.persona in speakers]
    found = {each.key: each for each in measure_voices(own, {}, ReportConfig()).measures}
    assert found["voice_f1"].value is None
    reasons = ("fewer than two voices, or than 5 tasks", "0 of 400 units of each")
    assert found["voice_f1"].detail in reasons
    assert (found["none_f1"].value is None) == (speakers != ("ada", NOBODY))
    assert not any(each.missed for each in found.values())


def test_a_persona_of_few_tasks_hides_no_other_one() -> None:
    """One conversation in another voice, and a persona that came late, left no figure of any."""
    usual = {each.key: each for each in measure_voices(clean(), {}, ReportConfig()).measures}
    stranger = msgspec.structs.replace(clean()[0], persona="abe", task="own", talk="own")
    late = [
        msgspec.structs.replace(unit, persona="dora", talk=f"{unit.task}:dora")
        for unit in clean()
        if unit.persona == "ada" and int(unit.task[2:]) < 20
    ]
    more = measure_voices([*clean(), stranger, *late], {}, ReportConfig()).measures
    for each in more:
        assert each.value == usual[each.key].value, each.key
        assert each.detail.endswith("without abe, dora: too few tasks in common")


def test_who_speaks_and_has_no_unit_is_named() -> None:
    few = [unit for unit in clean() if int(unit.task[2:]) < 10]
    found = measure_voices(few, {}, ReportConfig(), [*NAMES, NOBODY, "eve"]).measures
    assert found[0].detail == "30 of 400 units of each; without eve: too few tasks in common"


def test_where_all_have_too_little_nobody_is_left_out() -> None:
    few = [unit for unit in clean() if int(unit.task[2:]) < 100]
    one_more = [unit for unit in clean() if unit.persona == "ada"]
    found = measure_voices([*few, *one_more], {}, ReportConfig()).measures
    assert found[0].detail == "300 of 400 units of each"


@pytest.mark.parametrize(
    ("of", "said", "found"), [(6, 2, False), (8, 7, False), (19, 3, False), (40, 8, True)]
)
def test_a_phrase_in_a_few_turns_is_luck_and_in_a_fifth_of_forty_is_none(
    of: int, said: int, found: bool
) -> None:
    units = [unit for unit in made(2) if int(unit.task[2:]) < of]
    worn = changed(
        units,
        text=lambda unit: (
            f"{unit.text} here we go again"
            if unit.persona == "cid" and int(unit.task[2:]) < said
            else unit.text
        ),
    )
    measure = measure_phrases(Corpus(worn), NAMES).measures(ReportConfig())[0]
    assert measure.missed == found
    assert (measure.value is None) == (not found)


# --- phrases -----------------------------------------------------------------------------------


def test_a_catchphrase_in_a_fifth_of_the_turns_is_found() -> None:
    assert "largest share of one phrase" not in missed(
        measure_phrases(Corpus(clean()), NAMES).measures(ReportConfig())
    )
    worn = changed(
        clean(),
        text=lambda unit: (
            f"{unit.text} here we go again"
            if unit.persona == "cid" and int(unit.task[2:]) % 5 == 0
            else f"{unit.text} so it is done"
        ),
    )
    result = measure_phrases(Corpus(worn), NAMES)
    assert "largest share of one phrase" in missed(result.measures(ReportConfig()))
    found = {name: [each for each in result.phrases if each.persona == name] for name in NAMES}
    worst = found["cid"][0]
    assert worst.phrase == "here we go again" and worst.low <= worst.brought <= worst.high
    assert math.isclose(worst.share, 0.2) and math.isclose(worst.brought, 0.2)
    assert len(worst.examples) == phrases.EXAMPLES
    for each in worst.examples:
        assert each.conversation.endswith(":cid") and "here we go again" in each.text
    # What none says as well is no catchphrase, and what overlaps is not said twice.
    assert found["ada"][0].brought <= 0.05
    assert all("here we go" not in each.phrase for each in found["cid"][1:])


def test_shares_of_phrases_are_those_of_a_plain_count() -> None:
    corpus = Corpus(made(4, own=6, kinds=3, turns=2)[: 56 * 16])
    result = measure_phrases(corpus, NAMES)
    turns: dict[str, dict[tuple[str, int], set[str]]] = {}
    for unit in corpus.units:
        held = turns.setdefault(unit.persona, {}).setdefault((unit.talk, unit.turn), set())
        for run in runs(unit.text):
            for size in phrases.SIZES:
                held |= {" ".join(run[at : at + size]) for at in range(len(run) - size + 1)}

    def share(name: str, phrase: str) -> float:
        return sum(phrase in held for held in turns[name].values()) / len(turns[name])

    for name in NAMES:
        said = Counter(phrase for held in turns[name].values() for phrase in held)
        best = max(
            (each for each in said if said[each] > 1),
            key=lambda each: (share(name, each) - share(NOBODY, each), len(each), each),
        )
        mine = [each for each in result.phrases if each.persona == name]
        assert mine[0].phrase == best and 1 < len(mine) <= phrases.TOP
        for each in mine:
            assert math.isclose(each.share, share(name, each.phrase))
            assert math.isclose(each.brought, each.share - share(NOBODY, each.phrase))


def test_an_opener_that_wears_out_is_found() -> None:
    worn = changed(
        clean(), text=lambda unit: f"{'oh my dear ' * (unit.persona == 'bob')}{unit.text}"
    )
    result = measure_phrases(Corpus(worn), NAMES)
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
    assert "F1 lost without the ten strongest" in missed(voice_of(thin).measures(ReportConfig()))
    rich = voice_of(made(1, own=10, kinds=50, turns=3))
    assert "F1 lost without the ten strongest" not in missed(rich.measures(ReportConfig()))
    corpus = Corpus(thin)
    counts = Counts(corpus)
    top = strongest(counts, corpus.rows([*NAMES, NOBODY]), corpus.personas, 3)
    assert {counts.spelled(each) for each in top["ada"]} == {"adaa", "adab", "adac"}


# --- length, diversity -------------------------------------------------------------------------


@pytest.mark.parametrize(("words_said", "wrong"), [(40, "longest"), (12, "shortest"), (30, None)])
def test_length_is_held_against_no_persona(words_said: int, wrong: str | None) -> None:
    units = changed(clean(), length=lambda unit: words_said if unit.persona == "ada" else 24)
    result = measure_length(units, NAMES)
    assert {name: each.value for name, each in result.ratios.items()} == {
        "ada": words_said / 24, "bob": 1.0, "cid": 1.0,
    }  # fmt: skip
    assert missed(result.measures(ReportConfig())) == (
        {f"median length, {wrong}"} if wrong else set()
    )


def test_a_persona_that_repeats_itself_is_found() -> None:
    assert not missed(measure_diversity(Corpus(clean()), NAMES).measures(ReportConfig()))
    worn = changed(
        clean(),
        text=lambda unit: (
            "one and the same old song and dance for every body " * 3
            if unit.persona == "bob"
            else unit.text
        ),
    )
    result = measure_diversity(Corpus(worn), NAMES)
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


def test_the_interval_of_a_length_comes_from_whole_tasks() -> None:
    """Ada is twice as long in half of the tasks: any draw of tasks has a median of either."""
    units = [
        msgspec.structs.replace(unit, length=48)
        if unit.persona == "ada" and int(unit.task.split("/")[1]) % 2
        else unit
        for unit in made(1, turns=2)
    ]
    ratio = measure_length(units, NAMES).ratios["ada"]
    assert (ratio.low, ratio.high) == (1.0, 2.0)
    by_turn = [cell for cell in measure_length(units, NAMES).cells if cell.by == "turn"]
    assert [cell.name for cell in by_turn] == ["1", "2"]
    assert all((cell.low, cell.high) == (1.0, 4 / 3) for cell in by_turn)  # the mean of three
