"""The mix of strategies and special conversations: drawn by task, alike for all its personas."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import msgspec
import pytest

from kappa_data import config_layers
from kappa_data.config import PlanConfig, SandboxConfig
from kappa_data.errors import UsageError
from kappa_data.personas import load_personas
from kappa_data.progress import Quiet
from kappa_data.records import Slot, Task
from kappa_data.resources import Resources
from kappa_data.stage import build
from kappa_data.tasks.catalog import families
from kappa_data.tasks.mix import LOOK_ALIKES, SPECIALS, Mix, check_shares

KNOWN = list(load_personas(Resources()))
CONDITIONS = [*KNOWN, None]
ALL = dict.fromkeys(SPECIALS, 0.2)


def tasks(seeds: int) -> list[Task]:
    return [family.make(seed) for family in families().values() for seed in range(seeds)]


def slots(mix: Mix, made: list[Task]) -> dict[str, list[Slot]]:
    found = defaultdict(list)
    for task in made:
        drawn = mix.of(task)
        for persona in CONDITIONS:
            plain = Slot(
                f"{task.id}:{persona or 'none'}",
                task.id,
                task.family,
                persona,
                "train",
                f"Persona: {persona}" if persona else None,
            )
            found[task.id].append(mix.slot(plain, task, *drawn))
    return found


def test_more_tasks_move_none_and_all_personas_share_what_is_drawn() -> None:
    config = PlanConfig(strategies={"live": 0.5, "revoice": 0.5}, specials=ALL)
    few, many = (slots(Mix(config, CONDITIONS, KNOWN), tasks(number)) for number in (3, 9))
    assert all(many[task] == made for task, made in few.items())
    other = msgspec.structs.replace(config, seed=1)
    assert slots(Mix(other, CONDITIONS, KNOWN), tasks(3)) != few
    made = {task.id: task for task in tasks(9)}
    seen: Counter[str] = Counter()
    switched: Counter[tuple[bool, bool]] = Counter()
    for task_id, group in many.items():
        task = made[task_id]
        seen.update({each.special for each in group if each.special})
        assert len({each.strategy for each in group}) == 1
        if any(each.special for each in group):
            assert {each.strategy for each in group} == {"live"}
        for each in group:
            own = f"Persona: {each.persona}" if each.persona else None
            if each.special == "look_alike":
                assert each.persona is None
                assert each.system in LOOK_ALIKES
                continue
            assert each.system == own
            if each.special == "switch":
                assert 1 <= each.at < len(task.reference)
                assert each.switch_to in {*KNOWN, "none"} - {each.persona or "none"}
                switched[each.persona is None, each.switch_to == "none"] += 1
            elif each.special in ("denied", "failing"):
                assert 0 <= each.at < min(3, sum(len(turn.steps) for turn in task.reference))
            elif each.special == "missing":
                assert task.withheld is not None
        kinds = {each.special for each in group}
        assert len(kinds) == 1 or kinds == {"look_alike", None}
    assert set(seen) == set(SPECIALS)
    # On, over and off; of those that begin with a persona a third goes off.
    assert set(switched) == {(True, False), (False, False), (False, True)}
    assert 0.2 < switched[False, True] / (switched[False, True] + switched[False, False]) < 0.47


def test_shares_come_out_among_the_tasks_that_can() -> None:
    config = PlanConfig(strategies={"revoice": 0.3}, specials={"denied": 0.25})
    mix = Mix(config, CONDITIONS, KNOWN)
    made = [families()["shell_text"].make(seed) for seed in range(300)]
    drawn = [mix.of(task) for task in made]
    denied = sum(special == "denied" for _, special in drawn)
    assert 45 <= denied <= 105
    again = Counter(strategy for strategy, special in drawn if special is None)
    assert 0.2 <= again["revoice"] / again.total() <= 0.4
    assert mix.notes() == []
    assert mix.counts["specials"] == {"denied": denied}
    talk = Mix(config, CONDITIONS, KNOWN)
    assert all(talk.of(families()["maths"].make(seed))[1] is None for seed in range(5))
    assert "denied: 0 of 5 tasks can" in talk.notes()[0]


def test_nobody_is_there_to_switch_to_or_to_be_taken_for_one() -> None:
    config = PlanConfig(specials={"switch": 0.5, "look_alike": 0.5})
    for conditions in ([None], ["lawful_good"]):
        mix = Mix(config, conditions, KNOWN)
        found = {mix.of(task)[1] for task in tasks(2)}
        assert found <= ({None, "look_alike"} if conditions == [None] else {None})


def test_a_persona_of_the_users_own_is_no_look_alike() -> None:
    mix = Mix(PlanConfig(specials={"look_alike": 1.0}), [None], [*KNOWN, "wizard"])
    lines = {slots(mix, [task])[task.id][-1].system for task in tasks(6)}
    assert len(lines) > 3
    assert "Persona: wizard" not in lines


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"strategies": {"revoise": 0.5}}, 'no "revoise"; did you mean "revoice"'),
        ({"specials": {"denied": 1.5}}, "share from 0 to 1"),
        ({"specials": {"denied": 0.6, "failing": 0.6}}, "sum to 1.2"),
        ({"strategies": {"live": float("nan")}}, "share from 0 to 1"),
    ],
)
def test_shares_that_cannot_be(given: dict[str, dict[str, float]], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check_shares(PlanConfig(**given))


def test_shares_as_a_flag() -> None:
    def read(text: str) -> dict[str, float]:
        value: dict[str, float] = config_layers.parse_value("plan", "strategies", text)
        return value

    assert read("live=0.7, revoice=0.3") == {"live": 0.7, "revoice": 0.3}
    assert read("revoice") == {"revoice": 1.0}
    assert read("none") == read("0") == {}
    assert read("{live = 0.5}") == {"live": 0.5}
    with pytest.raises(UsageError, match=r"a=0\.7,b=0\.3"):
        read("live=much")


def test_the_plan_says_what_it_drew(tmp_path: Path) -> None:
    from kappa_data.recipe import PLAN

    config = PlanConfig(
        families=("maths",), tasks=6, strategies={"revoice": 1.0}, specials={"denied": 0.5}
    )
    sealed, _ = build(PLAN, config, {}, Resources(), tmp_path, Quiet(), SandboxConfig())
    figures = sealed.manifest.figures
    assert (figures["strategies"], figures["specials"]) == ({"revoice": 6}, {})
    assert "0 of 6 tasks can" in figures["shares not met"][0]
    assert {each.strategy for each in sealed.read("slots", Slot)} == {"revoice"}
