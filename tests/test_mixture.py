"""A mix of so many slots: its shares, that it only ever grows, and that it says what it cannot."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import kappa, said
from kappa_data.config import PlanConfig
from kappa_data.errors import UsageError
from kappa_data.personas import load_personas
from kappa_data.records import (
    AnswerCheck,
    ReferenceStep,
    ReferenceTurn,
    Slot,
    Task,
    Withheld,
)
from kappa_data.resources import Resources
from kappa_data.stages.plan import assign_splits
from kappa_data.store import read_shard
from kappa_data.tasks import mix_table
from kappa_data.tasks.balance import Balance
from kappa_data.tasks.catalog import GROUPS, Family, families
from kappa_data.tasks.expected import BANDS, band_of, count, expected
from kappa_data.tasks.mixed import Mixed
from kappa_data.tasks.mixture import Mixture, check
from test_cli import one_line

KNOWN = sorted(load_personas(Resources()))
EVERYONE = [*KNOWN, None]
WORDS = "one more word of it and then another, "


def fake(
    name: str,
    group: str,
    *,
    seeds: int = 5_000,
    turns: int = 2,
    tools: bool = False,
    words: Callable[[int], int] = lambda seed: 200,
    together: int = 1,
) -> Family:
    """A family whose tasks have wishes of about so many tokens."""

    def make(seed: int) -> Task:
        steps = (ReferenceStep("bash", {"command": "date"}, "Look."),) if tools else ()
        opening = WORDS * (words(seed) // count(WORDS))
        return Task(
            id=f"{name}/{seed}",
            family=name,
            seed=seed,
            opening=opening,
            goals=("Go on.",) * (turns - 1),
            verifier=(AnswerCheck(required=("done",)),),
            reference=(ReferenceTurn("Done.", steps),) * turns,
            tools=("bash",) if tools else (),
            withheld=Withheld("It.", "That.") if seed % 2 else None,
        )

    return Family(name, "", ("bash",) if tools else (), (), make, seeds, group, together)


def long(seed: int) -> int:
    """Every length band in turn."""
    return (1_000, 8_000, 24_000, 48_000, 100_000)[seed % 5]


WORLD = [
    fake("code", "agentic", turns=3, tools=True, words=lambda seed: 900 + 40 * (seed % 7)),
    fake("shell", "agentic", tools=True),
    fake("talk", "chat", turns=4),
    fake("ask", "single_turn", turns=1),
    fake("report", "long_context", words=long),
    fake("sums", "reasoning"),
    fake("trap", "sycophancy", together=2),
    fake("kind", "refusal"),
    fake("harm", "refusal", turns=1),
    fake("who", "identity"),
]


def mixed(
    slots: int,
    chosen: Iterable[Family] = WORLD,
    conditions: list[str | None] | None = None,
    **settings: Any,
) -> Mixed:
    config = PlanConfig(slots=slots, **settings)
    return Mixed(config, list(chosen), conditions or EVERYONE, KNOWN)


def slots_of(mix: Mixed) -> list[Slot]:
    return [slot for task in mix.tasks for slot in mix.slots(task, "train")]


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0.01, 1), min_size=1),
    st.integers(1, 400),
)
def test_after_any_number_of_places_each_has_about_its_share(
    shares: dict[str, float], places: int
) -> None:
    balance, whole = Balance(shares), sum(shares.values())
    got: Counter[str] = Counter()
    for _ in range(places):
        name = balance.first(shares)
        assert name is not None
        balance.give(name)
        got[name] += 1
    # What Webster and Sainte-Lague's divisors promise: no two could gain by passing one place on.
    for one in shares:
        for other in shares:
            if got[other]:
                assert (got[one] + 0.5) / shares[one] >= (got[other] - 0.5) / shares[other] - 1e-9
    if len(shares) < 4:  # and for so few nobody is a place off
        for name, share in shares.items():
            assert abs(got[name] - places * share / whole) < 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.1, 50)), min_size=1, max_size=300))
def test_amounts_of_any_size_keep_to_the_shares(amounts: list[tuple[str, float]]) -> None:
    shares = {"a": 0.6, "b": 0.3, "c": 0.1}
    queues: dict[str, list[float]] = defaultdict(list)
    for name, amount in amounts:
        queues[name].append(amount)
    balance = Balance(shares)
    biggest = max(amount for _, amount in amounts)
    while all(queues[name] for name in shares):
        name = balance.first(shares, {each: queues[each][-1] for each in shares})
        assert name is not None
        balance.give(name, queues[name].pop())
        whole = sum(balance.given.values())
        for each, share in shares.items():
            assert abs(balance.given[each] - share * whole) <= 2 * biggest


def test_who_has_nothing_left_leaves_its_share_to_the_others_in_proportion() -> None:
    balance = Balance({"a": 0.5, "b": 0.3, "c": 0.2, "never": 0.0})
    for _ in range(500):
        name = balance.first(["b", "c", "never"])
        assert name is not None
        balance.give(name)
    assert balance.given == {"a": 0, "b": 300, "c": 200}
    assert balance.first(["never", "stranger"]) is None


def test_the_countable_shares_hold_to_a_percent_at_two_thousand_slots() -> None:
    mix = mixed(2_000)
    made = slots_of(mix)
    assert len(made) in range(1_980, 2_001)
    assert len({slot.id for slot in made}) == len(made)
    of_task: dict[str, list[Slot]] = defaultdict(list)
    for slot in made:
        of_task[slot.task_id].append(slot)
    got: Counter[str] = Counter()
    speakers: Counter[str | None] = Counter()
    for own in of_task.values():
        kinds = {slot.special for slot in own}
        if len(own) > 1:
            assert [slot.persona for slot in own] == EVERYONE
            assert len(kinds) == 1 and kinds <= {None, "denied", "failing", "missing"}
            got["paired"] += len(own)
        elif kinds <= {"switch", "look_alike"}:
            got[f"{own[0].special}"] += 1
            continue
        else:
            assert own[0].persona is None
            got["none"] += 1
        speakers.update(slot.persona for slot in own)
    wanted = {"paired": 0.8, "none": 0.16, "switch": 0.025, "look_alike": 0.015}
    for stream, share in wanted.items():
        assert abs(got[stream] / len(made) - share) < 0.01, stream
    for persona in EVERYONE:
        share = 0.08 if persona else 0.24
        assert abs(speakers[persona] / len(made) - share) < 0.01, persona
    tasks = {task.id: task for task in mix.tasks}
    plain = [slot for slot in made if slot.special not in ("switch", "look_alike")]
    for kind, share in {"denied": 0.05, "failing": 0.25, "missing": 0.05}.items():
        able = [
            slot
            for slot in plain
            if (tasks[slot.task_id].withheld if kind == "missing" else tasks[slot.task_id].tools)
        ]
        off = sum(slot.special == kind for slot in able) - share * len(able)
        # Half a task of all personas, and half a task of none, are the finest that there is.
        assert abs(off) <= len(EVERYONE) / 2 + 1 < 0.01 * len(made), kind
    for slot in made:
        if slot.special == "switch":
            assert 1 <= slot.at < len(tasks[slot.task_id].reference)
            assert slot.switch_to not in (None, slot.persona)


def test_groups_come_near_by_expected_tokens() -> None:
    mix = mixed(6_000)
    group = {family.name: family.group for family in WORLD}
    tokens: Counter[str] = Counter()
    for task in mix.tasks:
        own = expected(task).tokens * len(mix.slots(task, "train"))
        tokens[group[task.family]] += own
    whole = sum(PlanConfig().groups.values())
    for name, share in PlanConfig().groups.items():
        assert abs(tokens[name] / tokens.total() - share / whole) < 0.02, name


def off_by_length(tasks: list[Task]) -> float:
    """How far the tokens by length band are from the shares of the settings, in sum."""
    tokens: Counter[str] = Counter()
    for task in tasks:
        tokens[band_of(expected(task).longest)] += expected(task).tokens
    wanted = PlanConfig().lengths
    return sum(abs(tokens[name] / tokens.total() - share) for name, share in wanted.items())


def test_of_a_familys_next_tasks_the_length_that_is_missing_comes_first() -> None:
    family = fake("report", "long_context", words=long)
    made = mixed(12, [family], shares={"none": 1.0}).tasks
    in_order = [family.make(seed) for seed in range(12)]
    assert len(made) == 12 and {task.id for task in made} != {task.id for task in in_order}
    assert off_by_length(made) < 0.8 * off_by_length(in_order)


def test_a_familys_weight_is_of_the_tasks_of_its_group() -> None:
    shares = {"groups": {"refusal": 1.0}, "shares": {"paired": 1.0}}
    mix = mixed(1_000, weights={"harm": 2, "kind": 8}, **shares)
    assert Counter(task.family for task in mix.tasks) == {"kind": 80, "harm": 20}


def digest(mix: Mixed) -> list[tuple[Task, list[Slot]]]:
    return [(task, mix.slots(task, "train")) for task in mix.tasks]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"strategies": {"live": 0.7, "revoice": 0.3}, "seed": 4},
        {"shares": {"paired": 0.5, "none": 0.3, "switch": 0.2}, "lengthen": {"code": 3.0}},
    ],
)
def test_more_slots_only_add_to_a_mix(settings: dict[str, Any]) -> None:
    small = [family for family in WORLD if family.name != "report"]
    small.append(fake("brief", "long_context", seeds=9))  # and one runs out on the way
    few, many = (digest(mixed(slots, small, **settings)) for slots in (700, 1_000))
    assert len(few) < len(many)
    assert many[: len(few)] == few
    assert digest(mixed(700, small, **settings)) == few


def test_neighbours_stay_together_and_seeds_come_once_and_in_order() -> None:
    picked = Mixture(PlanConfig(), WORLD, EVERYONE).picked(3_000)
    streams: dict[str, set[str]] = defaultdict(set)
    seeds: dict[str, list[int]] = defaultdict(list)
    for each in picked:
        streams[f"{each.task.family}/{each.task.seed // 2}"].add(each.stream)
        seeds[each.task.family].append(each.task.seed)
    traps = [kinds for name, kinds in streams.items() if name.startswith("trap/")]
    assert len(traps) > 10 and all(len(kinds) == 1 for kinds in traps)
    assert len(set(map(tuple, traps))) > 1
    assert seeds["trap"] == list(range(len(seeds["trap"])))
    assert all(len(set(own)) == len(own) for own in seeds.values())


def test_a_subset_of_personas_shares_evenly() -> None:
    conditions = ["chaotic_evil", "lawful_good", None]
    made = slots_of(mixed(600, conditions=conditions))
    speakers = Counter(s.persona for s in made if s.special not in ("switch", "look_alike"))
    assert speakers["chaotic_evil"] == speakers["lawful_good"] == 160
    assert abs(speakers[None] - (160 + 96)) <= 2


LIMITS: Mapping[str, tuple[dict[str, Any], str]] = {
    "no family of a group": ({"chosen": WORLD[:4]}, "group refusal: no chosen family is of it"),
    "a family runs out": (
        {"chosen": [fake("few", "chat", seeds=3), fake("lots", "chat", turns=2)]},
        "families of which all tasks are planned, others of their group take their share: few (3)",
    ),
    "a group runs out": (
        {"chosen": [fake("few", "chat", seeds=3), fake("sums", "reasoning")]},
        "group chat: all its tasks are planned",
    ),
    "all run out": (
        {"chosen": [fake("few", "chat", seeds=3)]},
        "have tasks for 12 of 200 slots",
    ),
    "nobody without persona": (
        {"conditions": ["lawful_good", "chaotic_evil"]},
        "stream none: the plan's personas do not include none",
    ),
    "nobody to switch to": ({"conditions": [None]}, "stream switch: there is nobody to switch to"),
    "nothing to switch in": (
        {"chosen": [fake("ask", "single_turn", turns=1)]},
        "stream switch: no task is left that it could have",
    ),
    "no calls": ({"chosen": [fake("talk", "chat")]}, "special denied: no task of the mix can"),
}


@pytest.mark.parametrize("name", LIMITS)
def test_what_cannot_be_had_is_said(name: str) -> None:
    settings, words = LIMITS[name]
    mix = mixed(200, **settings)
    assert any(words in note for note in mix.notes()), mix.notes()
    made = slots_of(mix)
    assert len({slot.id for slot in made}) == len(made)
    if name != "all run out":
        assert len(made) > 150


def test_a_full_mix_has_nothing_to_say_and_its_table_counts_what_its_slots_do() -> None:
    mix = mixed(2_000)
    assert mix.notes() == []
    lines = mix_table.table(PlanConfig(slots=2_000), digest(mix), WORLD, EVERYONE, {})
    made = slots_of(mix)
    for table, whole in (("streams", 1.0), ("groups", 1.0), ("lengths", 1.0), ("personas", 0.96)):
        own = [line for line in lines if line.table == table]
        assert sum(line.planned for line in own) == pytest.approx(whole, abs=0.01), table
        assert sum(line.wanted or 0 for line in own) == pytest.approx(whole), table
        assert sum(line.slots for line in own) == pytest.approx(whole * len(made), rel=0.01), table
    counted = Counter(slot.special for slot in made)
    assert {line.name: line.slots for line in lines if line.table == "specials"} == {
        kind: counted[kind] for kind in ("denied", "failing", "missing")
    }
    by_family = {line.name: line.planned for line in lines if line.table == "families"}
    assert by_family["kind"] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("conditions", "shares"),
    [
        (["lawful_good", "chaotic_evil", None], {"none": 1.0, "switch": 1.0}),
        (["lawful_good", "chaotic_evil"], {"switch": 1.0}),
        ([None], {"paired": 0.5, "none": 0.5}),
    ],
)
def test_what_was_wanted_of_the_streams_is_what_they_can_have(
    conditions: list[str | None], shares: dict[str, float]
) -> None:
    mix = mixed(200, conditions=conditions, shares=shares)
    lines = mix_table.table(
        PlanConfig(slots=200, shares=shares), digest(mix), WORLD, conditions, {}
    )
    streams = [line for line in lines if line.table == "streams"]
    assert sum(line.wanted or 0 for line in streams) == pytest.approx(1)
    for line in streams:
        assert line.planned == pytest.approx(line.wanted, abs=0.01), line


def test_what_did_not_fit_is_not_said_to_be_planned() -> None:
    chosen = [fake("few", "chat", seeds=2)]
    mix = mixed(15, chosen, EVERYONE, shares={"paired": 1.0})
    assert len(mix.tasks) == 1
    assert not [note for note in mix.notes() if "all" in note]


def test_shares_that_are_missed_are_named() -> None:
    chosen = [fake("sums", "reasoning"), fake("who", "identity")]
    table = mix_table.table(PlanConfig(slots=300), digest(mixed(300, chosen)), chosen, EVERYONE, {})
    (note,) = (line for line in mix_table.notes(table) if "lengths" in line)
    assert "4k 100.0% of 20.0%" in note and "128k 0.0% of 13.0%" in note


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"shares": {"pared": 1.0}}, 'plan.shares: there is no "pared"; did you mean "paired"'),
        ({"groups": {"agentik": 1.0}}, 'did you mean "agentic"'),
        ({"lengths": {"5k": 1.0}}, "plan.lengths"),
        ({"weights": {"codes": 1.0}}, 'did you mean "code"'),
        ({"weights": {"code": float("nan")}}, "number of 0 or more"),
        ({"groups": {"chat": 0.0}}, "nothing has a share"),
        ({"lengthen": {"code": 0.0}}, "factor above 0"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        check(
            PlanConfig(slots=10, **{"weights": {}, **settings}),
            {family.name: family for family in WORLD},
        )
    assert words in str(caught.value)


def test_nothing_to_mix() -> None:
    with pytest.raises(UsageError, match="hold no task"):
        mixed(9, shares={"paired": 1.0})
    with pytest.raises(UsageError, match="none of the streams"):
        mixed(10, conditions=["lawful_good"], shares={"none": 1.0})
    with pytest.raises(UsageError, match="none of the chosen families"):
        mixed(10, WORLD[:2], groups={"identity": 1.0})


def test_expected_tokens_follow_the_words() -> None:
    """Twice the words are twice the tokens, and each turn repeats what came before."""
    lengths = [
        expected(fake("a", "chat", turns=1, words=lambda _, n=n: n).make(0)).longest
        for n in (1_000, 2_000, 3_000)
    ]
    assert lengths[2] - lengths[1] == pytest.approx(lengths[1] - lengths[0], rel=0.02)
    assert lengths[1] - lengths[0] == pytest.approx(1_000, rel=0.15)
    one, four = (
        expected(fake("a", "chat", turns=n, words=lambda _: 1_000).make(0)) for n in (1, 4)
    )
    assert 3.9 < four.tokens / one.tokens < 4.5  # documents of 4 turns, the long wish in each
    assert four.requests == 4 * one.requests
    assert list(BANDS) == [band_of(limit) for limit in BANDS.values()]


# --- the command -------------------------------------------------------------------------------

TALK = ("--families", "explain_concept,maths,logic_puzzle,identity", "--personas")
MIX = ("--slots", "30", *TALK, "lawful_good,chaotic_evil,none", "--specials", "missing=0.1")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mix")
    done = kappa("generate", *MIX, "--teacher", "embedded", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert kappa("pack", "--seq-len", "4096", "--rows", "20", "--json", cwd=folder).returncode == 0
    return folder


def test_explain_counts_what_is_planned_and_what_came_of_it(played: Path) -> None:
    plan = said(kappa("plan", "--explain", "--json", *MIX, cwd=played))
    assert plan["stage"] == "plan" and plan["status"] == "up-to-date"
    found = plan["explain"]
    (shard,) = (played / plan["dir"]).glob("slots-*.parquet")
    made = list(read_shard(shard, Slot))
    assert found["totals"]["slots"] == len(made) == plan["records"]
    lines = {(line["table"], line["name"]): line for line in found["lines"]}
    by_persona = Counter(
        slot.persona or "none" for slot in made if slot.special not in ("switch", "look_alike")
    )
    for name, number in by_persona.items():
        assert lines["personas", name]["slots"] == number
        assert lines["personas", name]["planned"] == pytest.approx(number / len(made))
    assert found["survival"]["plan"] == found["survival"]["generate"] == len(made)
    # Independently: the tokens of all samples by group, from the shards.
    folder = played / "data/persona_kappa"
    tokens: Counter[str] = Counter()
    group = {family.name: family.group for family in families().values()}
    family = {slot.id: slot.family for slot in made}
    from kappa_data.records import Sample

    for path in folder.glob("tokenize/*/samples-*.parquet"):
        for each in read_shard(path, Sample):
            tokens[group[family[each.conversation_id]]] += len(each.ids)
    assert set(tokens) == {name for table, name in lines if table == "groups"} <= set(GROUPS)
    for name, amount in tokens.items():
        line = lines["groups", name]
        assert line["realised"] == pytest.approx(amount / tokens.total())
        assert 0.7 < amount / line["tokens"] < 1.4  # expected before anything was played
    assert set(found["lengthen"]) == set(family.values())
    assert found["totals"]["free"] is True
    shown = kappa("plan", "--explain", *MIX, cwd=played)
    assert shown.returncode == 0
    for words in ("realised", "look_alike", "slots of", "lengthen = {", "group agentic"):
        assert words in shown.stdout


def test_a_mix_is_topped_up_by_slots(played: Path) -> None:
    folder = played / "data/persona_kappa"
    before = (folder / "generate/journal.jsonl").read_text()
    first = json.loads(next(folder.glob("plan/*/manifest.json")).read_text())
    topped = said(kappa("plan", "--top-up", "--json", cwd=played))
    found = topped["top_up"]
    packed = next(folder.glob("pack/*/manifest.json"))
    tokens = json.loads(packed.read_text())["figures"]["splits"]["train"]["tokens"]
    slots = first["sets"]["slots"]["records"]
    assert found["slots"] == pytest.approx(20 * 4096 / (tokens / slots), abs=1)
    assert found["slots_before"] == 30 and topped["records"] > slots
    one_line(kappa("plan", "--top-up", "--slots", "9", cwd=played), 2, "keeps the plan's settings")
    assert (folder / "generate/journal.jsonl").read_text() == before


def test_a_price_gives_the_cost(played: Path) -> None:
    (played / "prices.toml").write_text(
        'currency = "EUR"\n[models."big"]\ninput = 2.0\noutput = 10.0\n'
    )
    priced = ("--set", "generate.model=big")
    found = said(kappa("plan", "--explain", "--json", *MIX, *priced, cwd=played))["explain"]
    totals = found["totals"]
    cost = (2 * totals["prompt_tokens"] + 10 * totals["completion_tokens"]) / 1e6
    assert totals["cost"] == pytest.approx(cost) and totals["currency"] == "EUR"
    assert found["survival"] == {"plan": totals["slots"]}  # no conversation of that model


def test_a_file_s_tasks_do_not_all_follow_one_seed_of_a_family_with_controls() -> None:
    (family,) = [each for each in WORLD if each.name == "trap"]
    tasks = [
        msgspec.structs.replace(family.make(0), id=f"trap/written-{number}") for number in range(60)
    ]
    splits = assign_splits(tasks, [family], PlanConfig(validation=0.4, test=0.3))
    assert set(splits.values()) == {"train", "validation", "test"}


def test_a_trap_and_its_control_are_in_one_split() -> None:
    pair = fake("pair", "sycophancy", seeds=400, together=2)
    config = PlanConfig(validation=0.3, test=0.3)
    splits = assign_splits([pair.make(seed) for seed in range(400)], [pair], config)
    assert all(splits[f"pair/{n}"] == splits[f"pair/{n + 1}"] for n in range(0, 400, 2))
    assert min(Counter(splits.values()).values()) > 80
