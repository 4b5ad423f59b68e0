"""The dry run: it buys and keeps nothing, and what it says is what then happens."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from conftest import kappa, said
from kappa_data import config_layers, session
from kappa_data.config import Settings
from kappa_data.dry_run import dry_run, spread
from kappa_data.errors import Stopped
from kappa_data.progress import Quiet
from kappa_data.projection import Sample, Took, Wanted, project
from kappa_data.records import Slot
from kappa_data.resources import Resources
from kappa_data.teacher.journal import JOURNAL

# Without tools, so that no box is needed; conversations of very different lengths.
PLAN = {"families": ("identity", "maths", "explain_concept"), "tasks": 4}
PERSONAS = ("lawful_good", "none")


def settings_of(**generate: Any) -> Settings:
    plan = PLAN | {"personas": PERSONAS}
    return config_layers.load(None, {"plan": plan, "generate": {"concurrency": 4} | generate})


def made(root: Path, **generate: Any) -> dict[str, Any]:
    """What generate says of itself."""
    built = session.build("generate", settings_of(**generate), {}, Resources(), root, Quiet())
    return [session.summary(*each) for each in built][-1]


def tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else ""
        for path in folder.rglob("*")
    }


def test_a_rendered_pilot_tells_what_then_happens(tmp_path: Path) -> None:
    root = tmp_path / "data"
    found = dry_run(settings_of(), Resources(), root, Quiet(), pilot=3)
    assert not root.exists()
    assert (found["basis"], found["free"], found["conversations_measured"]) == ("rendered", True, 6)
    total = found["total"]
    assert (total["conversations"], total["done"], total["new"]) == (24, 0, 24)
    assert total["seconds"] is None  # no latency was ever measured
    assert found["example"]["slot"].endswith(":lawful_good")
    assert "# Who speaks" in found["example"]["system"]
    spent = made(root)["run"]["spent"]
    for name in ("requests", "prompt_tokens", "completion_tokens"):
        assert total[name] == pytest.approx(spent[name], rel=0.25), name
        for persona, row in found["personas"].items():
            assert row[name] == pytest.approx(spent["personas"][persona][name], rel=0.35), name
    rows = found["personas"]
    assert rows["lawful_good"]["prompt_tokens"] > 1.5 * rows["none"]["prompt_tokens"]


def test_what_was_measured_is_reckoned_with_and_nothing_is_touched(tmp_path: Path) -> None:
    root = tmp_path / "data"
    made(root, limit=8)
    with pytest.raises(Stopped) as caught:
        made(root, max_requests=9, concurrency=2)
    before = tree(root)
    found = dry_run(settings_of(max_requests=20), Resources(), root, Quiet(), pilot=3)
    assert tree(root) == before
    total = found["total"]
    done = caught.value.figures["conversations"]
    assert (found["basis"], found["conversations_measured"], total["done"]) == (
        "measured",
        done,
        done,
    )
    assert total["go_on"] > 0
    assert total["done"] + total["go_on"] + total["new"] == 24
    assert total["seconds"] > 0
    assert total["quarantined_share"] == 0.0
    spent = made(root)["run"]["spent"]
    assert total["requests"] == pytest.approx(spent["requests"], rel=0.35)
    assert found["caps"]["max_requests"] == pytest.approx(20 / total["requests"], rel=0.05)
    nothing = dry_run(settings_of(), Resources(), root, Quiet(), pilot=3)
    assert (nothing["total"]["done"], nothing["total"]["requests"]) == (24, 0)
    assert nothing["basis"] is None


def test_what_is_revoiced_is_done_where_its_base_failed_and_goes_on_by_its_own_answers(
    tmp_path: Path,
) -> None:
    plan = PLAN | {"personas": PERSONAS, "strategies": {"revoice": 1.0}, "tasks": 8}

    def sloppy(**changes: Any) -> Settings:
        generate = {"concurrency": 4, "sloppy": 0.25} | changes
        return config_layers.load(None, {"plan": plan, "generate": generate})

    def make(**changes: Any) -> dict[str, Any]:
        settings = sloppy(**changes)
        built = session.build("generate", settings, {}, Resources(), tmp_path, Quiet())
        return [session.summary(*each) for each in built][-1]

    with pytest.raises(Stopped):
        make(max_requests=20, concurrency=1)
    found = dry_run(sloppy(), Resources(), tmp_path, Quiet(), pilot=1)
    journal = [json.loads(line)["slot"] for line in (tmp_path / JOURNAL).open()]
    begun = {slot for slot in journal if slot.endswith(":lawful_good")}
    own = found["personas"]["lawful_good"]
    assert own["go_on"] <= len(begun)
    assert own["go_on"] + own["new"] > 0
    assert make()["run"]["quarantined"]["base failed"] > 0
    total = dry_run(sloppy(), Resources(), tmp_path, Quiet(), pilot=1)["total"]
    assert (total["done"], total["requests"]) == (total["conversations"], 0)


def test_a_model_that_was_never_asked_is_not_asked_now(tmp_path: Path) -> None:
    """Nothing listens at its address; only a price that is known makes a cost."""
    prices = tmp_path / "prices.toml"
    config = {"model": "big", "base_url": "http://127.0.0.1:1/v1", "prices": str(prices)}
    prices.write_text('currency = "EUR"\n[models.other]\ninput = 1\noutput = 1\n')
    root = tmp_path / "data"
    unknown = dry_run(settings_of(**config), Resources(), root, Quiet(), pilot=1)
    assert unknown["total"]["cost"] is None
    prices.write_text('currency = "EUR"\n[models.big]\ninput = 2\noutput = 8\n')
    known = dry_run(settings_of(**config), Resources(), root, Quiet(), pilot=1)
    total = known["total"]
    assert total["cost"] == pytest.approx(
        (2 * total["prompt_tokens"] + 8 * total["completion_tokens"]) / 10**6, rel=1e-3
    )
    assert known["total"] | {"cost": None} == unknown["total"]
    assert (known["currency"], known["example"]["model"]) == ("EUR", "big")


def test_the_command_prints_a_table_and_keeps_no_settings(tmp_path: Path) -> None:
    arguments = ("--families", "identity", "--tasks", "2", "--personas", "none,lawful_good")
    done = kappa("generate", "--dry-run", "--pilot", "1", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "data").exists()
    lines = done.stdout.splitlines()
    assert lines[0].split()[:2] == ["persona", "conversations"]
    assert [line.split()[0] for line in lines[1:4]] == ["lawful_good", "none", "all"]
    assert "the embedded teacher played" in done.stdout
    assert "# Who speaks" in done.stdout
    both = kappa("generate", "--dry-run", "--fresh", "--json", cwd=tmp_path)
    assert (both.returncode, "--fresh" in said(both)["error"]) == (2, True)


def test_families_and_personas_are_told_apart() -> None:
    """Where a conversation takes its family's number times its persona's, few tell all."""
    families, personas = {"a": 2.0, "b": 10.0, "c": 6.0}, {"x": 1.0, "y": 3.0}

    def took(persona: str, family: str) -> Took:
        return Took(
            *[families[family] * personas[persona] * each for each in (1, 100, 10, 5, 2, 7)]
        )

    every = [(persona, family) for persona in personas for family in families]
    samples = [Sample(*each, took(*each)) for each in every]
    found = project(samples, [Wanted("x", "a")] * 3 + [Wanted("y", "b"), Wanted("new", "new")])
    assert found["x"] == pytest.approx(Took(*[3 * each for each in took("x", "a")]))
    assert found["y"] == pytest.approx(took("y", "b"))
    assert found["new"].requests == pytest.approx(12.0)  # the mean of all
    (half,) = project(samples, [Wanted("x", "b", answers=5)]).values()
    assert half == pytest.approx(Took(*[each / 2 for each in took("x", "b")]))
    (last,) = project(samples, [Wanted("x", "b", answers=50)]).values()
    assert last.requests == pytest.approx(1.0)
    with pytest.raises(ValueError, match="nothing"):
        project([], [Wanted("x", "a")])


def test_a_pilot_has_the_same_families_for_every_persona_and_one_of_each() -> None:
    def slot(family: str, number: int, persona: str | None) -> Slot:
        task = f"{family}/{number}"
        return Slot(f"{task}:{persona or 'none'}", task, family, persona, "train")

    families = ("a", "b", "c", "d")
    slots = [
        slot(family, number, persona)
        for number in range(3)
        for family in families
        for persona in ("x", "y", None)
    ]
    chosen = spread(slots, 2)
    assert len(chosen) == 2 * 3 + 2
    for persona in ("x", "y", None):
        own = {each.family for each in chosen if each.persona == persona}
        assert own >= {"a", "b"}
    assert {each.family for each in chosen} == set(families)
    assert spread([], 2) == []
    assert msgspec.json.encode(spread(slots, 2)) == msgspec.json.encode(chosen)
