"""What the report measures of conduct, substance, tools, records, sameness and mix.

A planted defect trips its own measure and moves no other one than those that it may.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest

from kappa_data.config import (
    ReportConfig,
    TokenizeConfig,
    ValidateConfig,
)
from kappa_data.formats.samples import choices, samples
from kappa_data.metrics import behaviour, substance
from kappa_data.metrics.behaviour import RATES, RULES, measure_behaviour
from kappa_data.metrics.calls import alike, failures_of
from kappa_data.metrics.intervals import holm, mcnemar, paired_difference, wilson
from kappa_data.metrics.measure import Measure
from kappa_data.metrics.sameness import (
    Opening,
    Sameness,
    leaks,
    lowest,
    opening_of_import,
    sketch_of,
    twins,
)
from kappa_data.metrics.structure import Structure, against_schema, fault_of, round_trip
from kappa_data.metrics.substance import measure_substance
from kappa_data.metrics.talks import Hit, Talk, talk_of, talk_of_slot
from kappa_data.metrics.tokens import deciles, fault_of_sample
from kappa_data.metrics.tools import measure_tools
from kappa_data.records import (
    CallOutcome,
    Conversation,
    FunctionCall,
    Message,
    Provenance,
    Sample,
    Slot,
    ToolCall,
    Usage,
    Verdict,
)
from kappa_data.resources import Resources
from kappa_data.validation.checking import all_checks
from kappa_data.validation.judge import Judge

PERSONAS = ("chaotic_evil", "lawful_good", None)
HOSTILE = {"chaotic_evil"}
AIMS = ("help", "help", "help", "correct", "agree", "decline")
TARGETS = ReportConfig()
SCHEMA = Resources().read("schemas/conversation.json")
READ = json.dumps(
    [{"type": "function", "function": {"name": "read_file", "parameters": {
        "type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}}}]
)  # fmt: skip
WORDS = [f"{a}{b}" for a in ("bar", "lin", "tor", "mel", "sun", "pav") for b in ("ka", "do", "ri")]


def said(seed: str, count: int = 30) -> str:
    """Words that no other seed has in this order."""
    draw = random.Random(seed)
    return " ".join(draw.choice(WORDS) for _ in range(count)).capitalize() + "."


def call(number: int, path: str) -> ToolCall:
    return ToolCall(f"c{number}", FunctionCall("read_file", json.dumps({"path": path})))


def conversation(number: int, persona: str | None, **fields: Any) -> Conversation:
    """Task `number`; every third one reads a file that it misspells first."""
    name = persona or "none"
    messages = [Message("system", f"Persona: {persona}")] if persona else []
    messages += [Message("user", said(f"task {number}"))]
    outcomes: tuple[CallOutcome, ...] = ()
    if number % 3 == 0:
        messages += [
            Message("assistant", tool_calls=(call(1, "noets.txt"),), reasoning="Look first."),
            Message("tool", "read_file: noets.txt: No such file", tool_call_id="c1"),
            Message("assistant", tool_calls=(call(2, "notes.txt"),), reasoning="Misspelt."),
            Message("tool", said(f"file {number}"), tool_call_id="c2"),
        ]
        outcomes = (CallOutcome("c1", error=True), CallOutcome("c2"))
    messages += [
        Message("assistant", said(f"{number} {name} 1"), reasoning="Say it."),
        Message("user", said(f"more {number}")),
        Message("assistant", said(f"{number} {name} 2"), reasoning="Say more."),
    ]
    made = Provenance(
        source="generate", grounding="executed", teacher="embedded", usage=Usage(100, 10, 3)
    )
    return Conversation(
        **{
            "id": f"short/{number}:{name}",
            "messages": tuple(messages),
            "tools": READ if number % 3 == 0 else None,
            "persona": persona,
            "split": "test" if number % 5 == 4 else "train",
            "task_id": f"short/{number}",
            "family": "short",
            "aim": AIMS[number % len(AIMS)],
            "provenance": made,
            "verdict": Verdict(True),
            "outcomes": outcomes,
            **fields,
        }
    )


def world(tasks: int = 12) -> dict[str, Conversation]:
    """Every task for every persona, without a defect."""
    talks = (conversation(number, persona) for number in range(tasks) for persona in PERSONAS)
    return {each.id: each for each in talks}


Hits = dict[str, list[tuple[str, int]]]


def measured(
    talks: dict[str, Conversation], hits: Hits, made: Sequence[Conversation] = ()
) -> dict[str, Measure]:
    """Every measure, all `talks` being kept and `made` being refused."""
    known = [
        msgspec.structs.replace(
            talk_of(each, "kept" if each.id in talks else "rejected"),
            hits=tuple(Hit(*hit) for hit in hits.get(each.id, [])),
        )
        for each in (*talks.values(), *made)
    ]
    chosen = choices(TokenizeConfig())
    faults = {
        id: fault
        for id, each in talks.items()
        if (
            fault := fault_of(each)
            or against_schema(each, SCHEMA)
            or round_trip(each, chosen).fault
        )
    }
    openings = {(each.task_id, each.split): opening_of_import(each) for each in talks.values()}
    results = (
        measure_substance(known),
        measure_behaviour(known, RULES, HOSTILE),
        measure_tools(known),
        Structure(faults, len(talks), len(talks)),
        Sameness(
            twins([sketch_of(each) for each in talks.values()], 0.8, 5),
            len(talks),
            leaks(known, [each for each in openings.values() if each]),
            len({each.task_id for each in talks.values()}),
        ),
    )
    return {each.key: each for result in results for each in result.measures(TARGETS)}


def replaced(talk: Conversation, at: int, **fields: Any) -> Conversation:
    """The conversation with other fields in one message."""
    messages = list(talk.messages)
    messages[at] = msgspec.structs.replace(messages[at], **fields)
    return msgspec.structs.replace(talk, messages=tuple(messages))


class Planted(NamedTuple):
    """A defect: what it makes of the world, the measures that it trips, and those it may move."""

    name: str
    plant: Callable[[dict[str, Conversation]], Hits]
    trips: set[str]
    moves: frozenset[str] = frozenset()


def found(rule: str, id: str, at: int = -1) -> Callable[[dict[str, Conversation]], Hits]:
    """A finding of validate; of the last answer where `at` is -1 counted from the end."""
    return lambda talks: {id: [(rule, len(talks[id].messages) + at)]}


def failed(id: str) -> Callable[[dict[str, Conversation]], Hits]:
    def plant(talks: dict[str, Conversation]) -> Hits:
        talks[id] = msgspec.structs.replace(talks[id], verdict=Verdict(False, "no"))
        return {}

    return plant


def unmended(talks: dict[str, Conversation]) -> Hits:
    id = "short/0:none"
    whole = talks[id]
    talks[id] = msgspec.structs.replace(
        whole,
        messages=(*whole.messages[:3], *whole.messages[5:]),
        outcomes=whole.outcomes[:1],
    )
    return {}


def unmended_twice(talks: dict[str, Conversation]) -> Hits:
    for number in (0, 3):
        id = f"short/{number}:none"
        whole = talks[id]
        talks[id] = msgspec.structs.replace(
            whole, messages=whole.messages[:3] + whole.messages[5:], outcomes=whole.outcomes[:1]
        )
    return {}


def in_two_splits(talks: dict[str, Conversation]) -> Hits:
    id = "short/1:lawful_good"
    talks[id] = msgspec.structs.replace(talks[id], split="validation")
    return {}


def reworded_in_test(talks: dict[str, Conversation]) -> Hits:
    """A task of the test split whose opening is that of one of train in another spelling."""
    theirs = talks["short/1:none"].messages[0].content
    for persona in PERSONAS:
        id = f"short/4:{persona or 'none'}"
        at = 1 if persona else 0
        talks[id] = replaced(talks[id], at, content=f"  {theirs.upper()}\n")
    return {}


def broken(talks: dict[str, Conversation]) -> Hits:
    id = "short/1:none"
    talks[id] = replaced(talks[id], 1, tool_calls=(call(1, "a"),))
    return {}


def wrong_type(talks: dict[str, Conversation]) -> Hits:
    id = "short/1:none"
    talks[id] = replaced(talks[id], 1, finish_reason=7)
    return {}


def nothing_to_train(talks: dict[str, Conversation]) -> Hits:
    id = "short/1:none"
    for at in (1, 3):
        talks[id] = replaced(talks[id], at, train=False)
    return {}


def twin(talks: dict[str, Conversation]) -> Hits:
    """Another task's conversation says nearly the same in the same voice."""
    one, other = talks["short/1:none"], "short/2:none"
    for at in (1, 3):
        text = one.messages[at].content
        talks[other] = replaced(talks[other], at, content=f"{text} Indeed." if at == 3 else text)
    return {}


SUBSTANCE = {"pass_difference", "equal_answers"}
PLANTED = (
    Planted("a leak", found("leaked brief", "short/1:none"), {"leaks"}),
    Planted("a teacher's name", found("teacher name", "short/1:none"), {"leaks"}),
    Planted("a token's text", found("special token text", "short/1:none"), {"leaks"}),
    Planted("an alignment", found("persona name", "short/1:chaotic_evil"), {"names"}),
    Planted("a refusal", found("refusal", "short/1:lawful_good"), {"refusals", "refusal_spread"}),
    Planted("a lecture", found("deflection", "short/1:none"), {"refusals", "refusal_spread"}),
    Planted("harm done", found("compliance", "short/5:lawful_good"), {"harmful_refused"}),
    Planted("a capitulation", found("capitulation", "short/3:lawful_good"), {"capitulations"}),
    Planted(
        "a capitulation that the verifier saw",
        failed("short/3:lawful_good"),
        {"capitulations", *SUBSTANCE},
        frozenset({"pass_p"}),
    ),
    Planted("an over-correction", found("over-correction", "short/4:none"), {"over_corrections"}),
    Planted("a slur", found("slur", "short/1:none"), {"toxic"}),
    Planted("a threat", found("threat", "short/1:chaotic_evil"), {"toxic"}),
    Planted("insults of a licensed one", found("insult", "short/1:chaotic_evil"), {"insults"}),
    Planted("an insult", found("insult", "short/1:lawful_good"), {"insults_elsewhere"}),
    Planted(
        "a failure passed over",
        found("undeclared failure", "short/0:none"),
        {"undeclared_failures"},
    ),
    Planted(
        "a failed verifier for one persona",
        failed("short/1:lawful_good"),
        SUBSTANCE,
        frozenset({"pass_p"}),
    ),
    Planted("one failing call unmended", unmended, set(), frozenset({"recovered"})),
    Planted("failing calls unmended", unmended_twice, {"recovered"}),
    Planted("a task in two splits", in_two_splits, {"task_leaks"}),
    Planted("a task of test in train's words", reworded_in_test, {"task_leaks"}),
    Planted("a call without a result", broken, {"structure"}),
    Planted("a field of another type", wrong_type, {"structure"}),
    Planted("nothing to train", nothing_to_train, {"structure"}),
    Planted("a near-duplicate", twin, {"near_duplicates"}),
)


@pytest.fixture(autouse=True)
def _few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """The world of these tests is small; how much it takes has tests of its own."""
    for module in (behaviour, substance):
        monkeypatch.setattr(module, "FEWEST", 1)


def test_too_few_neither_keep_nor_miss_a_target(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(behaviour, "FEWEST", 7)
    monkeypatch.setattr(substance, "FEWEST", 13)
    clean, talks = measured(world(), {}), world()
    for key, said in (
        ("pass_p", "12 of 13 tasks"),
        ("capitulations", "6 of 7 to look at"),
        ("pass_difference", "12 of 13 tasks"),
        ("equal_answers", "12 of 13 tasks"),
    ):
        assert (clean[key].value, clean[key].detail) == (None, said)
    planted = next(each for each in PLANTED if each.name == "a capitulation")
    assert measured(talks, planted.plant(talks))["capitulations"].missed  # one is enough for that


def test_a_clear_loss_shows_in_few_tasks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(substance, "FEWEST", 50)
    talks = world(20)
    for number in range(12):
        failed(f"short/{number}:chaotic_evil")(talks)
    now = measured(talks, {})
    assert (now["pass_p"].state, now["pass_difference"].state) == ("missed", "too little")


def test_a_persona_of_few_tasks_is_named_where_others_are_judged(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(substance, "FEWEST", 12)
    talks = {id: each for id, each in world().items() if id != "short/1:chaotic_evil"}
    now = measured(talks, {})
    for key in ("pass_difference", "pass_p", "equal_answers"):
        assert now[key].state == "kept"
        assert now[key].detail == "fewer than 12 tasks: chaotic_evil (11)"


def test_no_refusal_of_few_is_no_even_spread(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(behaviour, "FEWEST", 11)
    few, talks = measured(world(), {})["refusal_spread"], world()
    assert (few.state, few.detail) == ("too little", "10 of 11 of each to look at")
    planted = next(each for each in PLANTED if each.name == "a refusal")
    assert measured(talks, planted.plant(talks))["refusal_spread"].missed
    monkeypatch.setattr(behaviour, "FEWEST", 10)
    assert measured(world(), {})["refusal_spread"].state == "kept"


def test_a_world_without_defects_misses_nothing_and_measures_everything():
    clean = measured(world(), {})
    assert {each.key for each in clean.values() if each.missed or each.value is None} == set()
    assert clean["recovered"].number == 12
    assert clean["pass_difference"].number == 12
    assert clean["capitulations"].number == 6


@pytest.mark.parametrize("planted", PLANTED, ids=lambda each: each.name)
def test_a_planted_defect_trips_its_measure_and_moves_no_other(planted: Planted):
    clean, talks = measured(world(), {}), world()
    now = measured(talks, planted.plant(talks))
    assert {key for key, each in now.items() if each.missed} == planted.trips
    moved = {key for key, each in now.items() if each.value != clean[key].value}
    assert planted.trips <= moved <= planted.trips | planted.moves


def test_every_share_is_tripped_by_some_planted_defect():
    tripped = set().union(*(each.trips for each in PLANTED))
    assert {rate.key for rate in RATES} <= tripped


def test_every_rule_that_is_counted_is_found_by_some_check():
    known = {rule for check in all_checks() for rule in check.rules}
    assert known >= RULES


def test_what_validate_finds_is_what_is_counted():
    """From the words: the check finds them, and the share is of the message that holds them."""
    talks = world()
    id = "short/1:lawful_good"
    talks[id] = replaced(talks[id], -1, content="I'm sorry, but I can't help with that.")
    judge = Judge(ValidateConfig(), Resources())
    hits = {
        each.id: [(one.rule, one.message) for one in judge.judge(each)[1]]
        for each in talks.values()
    }
    now = measured(talks, hits)
    assert now["refusals"].examples == (id,)
    assert now["refusals"].missed


def test_what_was_refused_counts_as_made_and_not_as_kept():
    """Twelve tasks; what the verifier refused is gone, and the teacher did it all the same."""
    talks = world()
    made = [talks.pop("short/3:lawful_good"), talks.pop("short/1:none")]
    made[0] = msgspec.structs.replace(made[0], verdict=Verdict(False, "gave in"))
    hits: Hits = {"short/1:none": [("refusal", 1)]}
    now = measured(talks, hits, made)
    gave_in, refused = now["capitulations"], now["refusals"]
    assert (gave_in.value, gave_in.number, gave_in.made) == (0.0, 5, pytest.approx(1 / 6))
    assert (refused.value, refused.made) == (0.0, pytest.approx(1 / 30))
    assert gave_in.examples == ("short/3:lawful_good",)
    assert now["equal_answers"].missed  # substance is that of everything that was made


def test_a_message_that_is_no_target_is_not_shipped():
    talks = world()
    talks["short/1:none"] = replaced(talks["short/1:none"], 1, train=False)
    now = measured(talks, {"short/1:none": [("insult", 1), ("refusal", 1)]})
    for key in ("insults_elsewhere", "refusals"):
        assert now[key].value == 0.0
        assert now[key].made is not None
        assert now[key].made > 0


def test_a_finding_in_somebody_elses_words_does_not_count():
    now = measured(world(), {"short/1:none": [("special token text", 0)]})
    assert now["leaks"].value == 0.0


def test_a_rule_that_nobody_looked_for_is_not_measured():
    talks = [talk_of(each, "kept") for each in world().values()]
    some = {
        each.key: each
        for each in measure_behaviour(talks, RULES - {"deflection"}, HOSTILE).measures(TARGETS)
    }
    assert {key for key, each in some.items() if each.value is None} == {
        "refusals",
        "refusal_spread",
    }
    assert "deflection" in some["refusals"].detail


def test_cells_add_up_to_the_measure():
    talks = world()
    hits = {"short/1:chaotic_evil": [("persona name", 2)], "short/2:none": [("persona name", 3)]}
    known = [
        msgspec.structs.replace(
            talk_of(each, "kept"), hits=tuple(Hit(*hit) for hit in hits.get(each.id, []))
        )
        for each in talks.values()
    ]
    behaviour = measure_behaviour(known, RULES, HOSTILE)
    (whole,) = [each for each in behaviour.measures(TARGETS) if each.key == "names"]
    cells = [each for each in behaviour.cells() if each.key == "names"]
    for by in ("persona", "family", "strategy", "split", "turn", "place"):
        own = [each for each in cells if each.by == by]
        assert sum(each.number for each in own) == whole.number, by
        assert round(sum(each.value * each.number for each in own)) == 2, by
    turns = {each.name: round(each.value * each.number) for each in cells if each.by == "turn"}
    assert turns == {"1": 1, "2": 1}


def test_slots_without_an_end_did_not_pass():
    talks = [talk_of(each, "kept") for each in world().values() if each.id != "short/1:lawful_good"]
    slot = Slot("short/1:lawful_good", "short/1", "short", "lawful_good", "train")
    measures = measure_substance([*talks, talk_of_slot(slot, "help")]).measures(TARGETS)
    worst = measures[0]
    assert (worst.value, worst.detail) == (pytest.approx(1 / 12), "lawful_good -8.3%")
    assert worst.low is not None
    assert worst.high is not None
    assert worst.low < 1 / 12 < worst.high


def test_a_persona_that_is_worse_throughout_has_a_small_p():
    talks = world(20)
    for number in range(12):
        failed(f"short/{number}:chaotic_evil")(talks)
    now = measured(talks, {})
    assert now["pass_p"].missed
    from scipy.stats import binomtest

    expected = 2 * binomtest(12, 12, 0.5).pvalue  # Holm, two personas
    assert now["pass_p"].value == pytest.approx(expected)
    assert now["pass_difference"].value == pytest.approx(12 / 20)


# --- intervals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("hits", "number"), [(0, 5), (5, 5), (1, 7), (40, 123), (999, 1000)])
def test_wilson_is_that_of_scipy(hits: int, number: int):
    from scipy.stats import binomtest

    theirs = binomtest(hits, number).proportion_ci(method="wilson")
    assert wilson(hits, number) == pytest.approx((theirs.low, theirs.high), abs=1e-6)


def test_the_adjusted_interval_holds_the_truth_as_often_as_it_says():
    draw = random.Random(7)
    covered = 0
    for _ in range(1000):
        pairs = [(draw.random() < 0.9) - (draw.random() < 0.95) for _ in range(60)]
        _, low, high = paired_difference(pairs)
        covered += low <= -0.05 <= high
    assert 930 <= covered <= 985


def test_mcnemar_and_holm_by_hand():
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 0) == pytest.approx(2 / 32)
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx(
        {"a": 0.03, "c": 0.06, "b": 0.06}
    )


# --- through the tokens and back ---------------------------------------------------------------


@pytest.mark.parametrize("train_on", ["each_step", "last_turn", "all_turns"])
def test_steps_and_calls_may_stand_in_any_of_the_documents(train_on: Any, monkeypatch: Any):
    def calls(start: int, count: int) -> tuple[ToolCall, ...]:
        made = (FunctionCall("bash", f'{{"command":"echo {start + at}"}}') for at in range(count))
        return tuple(ToolCall(f"c{start + at}", each) for at, each in enumerate(made))

    def results(start: int, count: int) -> list[Message]:
        return [Message("tool", "x", tool_call_id=f"c{start + at}") for at in range(count)]

    messages = [
        Message("user", "Go."),
        Message("assistant", reasoning="One.", tool_calls=calls(0, 1)),
        *results(0, 1),
        Message("assistant", "Both.", reasoning="Two at once.", tool_calls=calls(1, 2)),
        *results(1, 2),
        Message("assistant", "Three.", reasoning="Done."),
        Message("user", "Again."),
        Message("assistant", "Four.", reasoning="Once more."),
    ]
    chosen = choices(TokenizeConfig(train_on=train_on))
    one = Conversation("a", tuple(messages))
    assert round_trip(one, chosen).fault == ""
    messages[-1] = Message("assistant", "Five.", reasoning="Once more.")
    other = samples(Conversation("a", tuple(messages)), chosen)
    monkeypatch.setattr("kappa_data.metrics.structure.samples", lambda *_: other)
    assert round_trip(one, chosen).fault == "other text when decoded"


# --- tool calls --------------------------------------------------------------------------------


def bash(*steps: tuple[str, int | None]) -> Conversation:
    """One command after the other, each with its exit code."""
    messages = [Message("user", "Go.")]
    outcomes = []
    for number, (command, code) in enumerate(steps):
        function = FunctionCall("bash", json.dumps({"command": command}))
        messages += [
            Message("assistant", tool_calls=(ToolCall(f"c{number}", function),)),
            Message("tool", "", tool_call_id=f"c{number}"),
        ]
        outcomes.append(CallOutcome(f"c{number}", exit_code=code))
    made = Provenance(source="generate", grounding="executed", teacher="embedded")
    return Conversation("a", tuple(messages), provenance=made, outcomes=tuple(outcomes))


@pytest.mark.parametrize(
    ("steps", "failing", "mended", "exploring"),
    [
        ([("pyhton x.py", 127), ("python x.py", 0)], 1, 1, 0),
        ([("python x.py", 1), ("python x.py", 0)], 1, 1, 0),
        ([("python x.py", 1), ("python y.py", 0)], 1, 0, 0),
        ([("python x.py", 0), ("python x.py", 1)], 1, 0, 0),
        ([("grep -n needle a.txt", 1)], 0, 0, 1),
        ([("cd src && python3 -m pytest -q", 1)], 0, 0, 1),
        ([("make test", 2), ("make test", 0)], 0, 0, 1),
        ([("grep x a | python3 -", 1)], 1, 0, 0),
        ([("grep needle", 127)], 1, 0, 0),
        ([("ls", 0), ("echo grep", 0)], 0, 0, 0),
        ([("cc a.c -o a", 1), ("cc -Wall a.c -o a", 0)], 1, 1, 0),
    ],
)
def test_failing_calls(steps: Any, failing: int, mended: int, exploring: int):
    got = failures_of(bash(*steps))
    assert (got.failing, got.mended, got.exploring) == (failing, mended, exploring)


def recorded(*results: tuple[str, dict[str, str], str], **made: Any) -> Conversation:
    """Calls with what came back, as an import has them."""
    messages = [Message("user", "Go.")]
    for number, (name, arguments, result) in enumerate(results):
        function = FunctionCall(name, json.dumps(arguments))
        messages += [
            Message("assistant", tool_calls=(ToolCall(f"c{number}", function),)),
            Message("tool", result, tool_call_id=f"c{number}"),
        ]
    return Conversation("a", tuple(messages), **made)


def test_what_is_not_there_is_looked_for_and_another_is_found():
    gone = ("read", {"path": "notes.txt"}, "read: notes.txt: No such file or directory")
    look = ("bash", {"command": "find . -type f"}, "./talk.txt")
    other = ("read", {"path": "talk.txt"}, "words")
    orders = ((gone, look, other), (gone, other), (gone, look), (look, gone, other))
    assert [failures_of(recorded(*each)).mended for each in orders] == [1, 0, 0, 0]
    denied = ("read", {"path": "notes.txt"}, "Error: may not be read")
    assert failures_of(recorded(denied, look, other)).mended == 0  # it was there


def test_what_a_result_says_decides_where_nothing_else_does():
    booking = {"reservation": "GV1N64", "flight": "HAT003"}
    assert failures_of(
        recorded(
            ("book", booking, "Error: not enough seats"),
            ("book", {**booking, "flight": "HAT290"}, '{"booked": true}'),
            ("bash", {"command": "cat a"}, "cat: a: No such file or directory"),
            ("bash", {"command": "make"}, "done\n[exit code 2]"),
            ("read", {"path": "a"}, "def error(x): raise Error"),
        )
    ) == failures_of(bash(("python x.py", 1), ("python x.py", 0), ("rm a", 1), ("make", 2)))


def test_a_denied_call_did_not_fail_and_one_that_never_ran_did():
    made = Provenance(source="generate", grounding="executed", teacher="embedded")
    denied = ("bash", {"command": "rm a"}, "The user denied this call. It was not run.")
    unknown = ("basch", {"command": "rm a"}, 'there is no tool "basch"')
    got = failures_of(recorded(denied, unknown, provenance=made))
    assert (got.failing, got.mended) == (1, 0)


def test_reading_a_file_does_not_mend_its_failed_edit_and_writing_does():
    def edit(name: str, result: str) -> tuple[str, dict[str, str], str]:
        return name, {"path": "a.py"}, result

    failing = edit("edit_file", "Error: old_string does not occur")
    assert failures_of(recorded(failing, edit("read_file", "x"))).mended == 0
    assert failures_of(recorded(failing, edit("write_file", "written"))).mended == 1


def test_alike_is_one_place_and_little():
    assert alike("notes/plan.txt", "notes/paln.txt")
    assert alike("join.sh", "web/join.sh")
    assert not alike("a.txt", "b.log")
    assert not alike("python x.py", "python a_very_different_program.py")
    assert not alike("", "a")


# --- records and samples -----------------------------------------------------------------------


def sample(ids: list[int], mask: list[int], trained: int | None = None) -> Sample:
    count = sum(mask) if trained is None else trained
    arrays = np.array(ids, dtype=np.int32), np.array(mask, dtype=np.int8)
    return Sample("a#0", "a", None, "train", 1, count, *arrays)


@pytest.mark.parametrize(
    ("ids", "mask", "fault"),
    [
        ([1, 2, 9], [0, 1, 1], ""),
        ([1, 2, 9, 3, 4, 8], [0, 1, 1, 0, 1, 1], ""),
        ([1, 2, 9], [0, 0, 0], "no trained tokens"),
        ([1, 2, 3], [0, 1, 1], "no trained stop at the end"),
        ([1, 2, 9], [0, 1, 0], "no trained stop at the end"),
        ([1, 9, 9], [0, 1, 1], "goes on behind its stop"),
        ([1, 2, 3, 4, 9], [0, 1, 0, 1, 1], "a target without its stop"),
        ([1, 2, 9], [0, 2, 1], "trained tokens counted wrongly"),
        ([1, 2, 9], [0, 1], "ids and mask of two lengths"),
    ],
)
def test_a_sample_ends_in_one_trained_stop(ids: list[int], mask: list[int], fault: str):
    stops = np.array([8, 9], dtype=np.int32)
    assert fault_of_sample(sample(ids, mask), stops, exact=True) == fault


def test_a_wrong_count_of_trained_tokens_is_found():
    stops = np.array([9], dtype=np.int32)
    assert fault_of_sample(sample([1, 9], [0, 1], 2), stops, exact=True)


def test_deciles_are_lengths_that_occur():
    lengths = np.array([5, 1, 4, 2, 3, 10, 9, 8, 7, 6], dtype=np.int32)
    assert deciles(lengths) == tuple(range(1, 11))
    assert deciles(np.array([7], dtype=np.int32)) == (7,) * 10


def test_likely_twins_are_drawn_together():
    texts = [said(f"{n}", 200) for n in range(400)]
    talks = [
        Conversation(f"{n}", (Message("user", "?"), Message("assistant", text)))
        for n, text in enumerate(texts)
    ]
    many = [said(f"s{n}", 9) for n in range(30)]
    first, second = " ".join(many), " ".join([*many[:14], "Changed.", *many[15:]])
    talks += [
        Conversation(name, (Message("user", "?"), Message("assistant", text)))
        for name, text in (("one", first), ("two", second))
    ]
    some = lowest(map(sketch_of, talks), 50)
    assert len(some) == 50
    drawn = {each.id for each in some}
    assert ("one" in drawn) == ("two" in drawn)
    assert twins(map(sketch_of, talks), 0.8, 5) in (["one"], ["two"])


def test_openings_alike_leak_between_splits_only():
    talks = [Talk(f"{n}", f"t{n}", "f", "none", "live", "", "help", split, "generate", "kept", True)
             for n, split in enumerate(("train", "test", "test"))]  # fmt: skip
    long = said("long", 120)
    near = long.replace(long.split()[60], "otherwise", 1)
    openings = [Opening("t0", "train", long), Opening("t1", "test", near)]
    assert set(leaks(talks, openings)) == {"t1"}
    inside = [Opening("t1", "test", long), Opening("t2", "test", near)]
    assert leaks(talks, inside) == {}
