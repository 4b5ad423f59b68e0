"""The stage report over a whole dataset: what it gathers, and that it is the same every time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from kappa_data.config import (
    DedupeConfig,
    PackConfig,
    ReportConfig,
    TokenizeConfig,
    ValidateConfig,
)
from kappa_data.metrics import behaviour, substance
from kappa_data.metrics.figures import Figures, of_sections
from kappa_data.metrics.measure import Measure
from kappa_data.progress import Quiet
from kappa_data.recipe import DEDUPE, PACK, REPORT, TOKENIZE, VALIDATE
from kappa_data.records import (
    AnswerCheck,
    Conversation,
    Finding,
    Message,
    ReferenceTurn,
    Rejected,
    Section,
    Slot,
    Task,
    TaskText,
    Verdict,
)
from kappa_data.resources import Resources
from kappa_data.stage import Context, Outcome, Stage, build
from kappa_data.stages.report import alike, tasks_and_ids
from kappa_data.store import Sealed
from test_report_figures import AIMS, PERSONAS, replaced, said, world

LOST = "short/2:chaotic_evil"
REFUSED = "short/1:lawful_good"
GAVE_IN = "short/3:none"
TWIN = "short/7:none"
IMPORTED = "theirs"
# The words of the world mean nothing: what a check may think of them is no part of these tests.
CHECKS = ("call_pairing", "insult", "persona_name", "refusal", "verifier")


def sealed(root: Path, name: str, figures: dict[str, Any], **sets: list[Any]) -> Sealed:
    """What a stage that is not run here would have sealed."""

    def run(ctx: Context[Any]) -> Outcome:
        for each, records in sets.items():
            kind = KINDS[each]
            with ctx.writer(each, kind) as writer:
                for record in records:
                    writer.write(record)
        return Outcome(figures=figures)

    stage = Stage(name, 1, run, ("slots" if name == "plan" else "conversations",))
    return build(stage, ValidateConfig(), {}, Resources(), root, Quiet())[0]


KINDS: dict[str, type[msgspec.Struct]] = {
    "slots": Slot,
    "tasks": TaskText,
    "conversations": Conversation,
    "quarantine": Rejected,
}


def talks() -> dict[str, Conversation]:
    """The world with one of each end: refused by the verifier, found by a check, a duplicate."""
    found = world()
    del found[LOST]
    found[REFUSED] = replaced(found[REFUSED], -1, content="I'm sorry, but I can't help with that.")
    found[GAVE_IN] = msgspec.structs.replace(found[GAVE_IN], verdict=Verdict(False, "gave in"))
    twin = found["short/1:none"]
    found[TWIN] = msgspec.structs.replace(twin, id=TWIN, task_id="short/7", split="train")
    return found


def inputs(root: Path) -> dict[str, Sealed]:
    """Plan, generate and an import by hand; all that follows by the stages themselves."""
    made = talks()
    slots = [
        Slot(
            f"short/{n}:{p or 'none'}", f"short/{n}", "short", p, "test" if n % 5 == 4 else "train"
        )
        for n in range(12)
        for p in PERSONAS
    ]
    tasks = [
        Task(
            f"short/{n}",
            "short",
            n,
            said(f"task {n}"),
            (AnswerCheck(),),
            (ReferenceTurn("x"),),
            aim=AIMS[n % 6],
        )
        for n in range(12)
    ]
    texts = [TaskText(each.id, each.family, msgspec.json.encode(each).decode()) for each in tasks]
    expected = {"wanted": 0.5, "planned": 0.5, "slots": 12, "expected tokens": 1000}
    mix = {"personas": dict.fromkeys(("chaotic_evil", "lawful_good", "none"), expected)}
    gone = Rejected(LOST, "generate", "chaotic_evil", (Finding("loop", "reject", -1, ""),))
    theirs = Conversation(IMPORTED, (Message("user", "Hm?"), Message("assistant", said("theirs"))))
    found = {
        "plan": sealed(root, "plan", {"mix": mix}, slots=slots, tasks=texts),
        "generate": sealed(
            root, "generate", {}, conversations=list(made.values()), quarantine=[gone]
        ),
        "import:theirs": sealed(root, "theirs", {}, conversations=[theirs], quarantine=[]),
    }
    progress, resources = Quiet(), Resources()
    for stage, config, wanted in (
        (VALIDATE, ValidateConfig(workers=1, checks=CHECKS), ("generate", "import:theirs")),
        (DEDUPE, DedupeConfig(workers=1), ("validate",)),
        (TOKENIZE, TokenizeConfig(workers=1), ("dedupe",)),
        (PACK, PackConfig(workers=1, seq_len=4096), ("tokenize",)),
    ):
        own = {name: found[name] for name in wanted}
        found[stage.name], _ = build(stage, config, own, resources, root, progress)
    return found


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sealed]:
    return inputs(tmp_path_factory.mktemp("dataset"))


def report(root: Path, found: dict[str, Sealed], **settings: Any) -> Sealed:
    config = ReportConfig(**{"workers": 1, **settings})
    return build(REPORT, config, found, Resources(), root, Quiet())[0]


def figures(reported: Sealed) -> Figures:
    return of_sections(list(reported.read("report", Section)))


def by_key(found: Figures) -> dict[str, Measure]:
    return {each.key: each for each in found.measures}


@pytest.fixture(autouse=True)
def _few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (behaviour, substance):
        monkeypatch.setattr(module, "FEWEST", 1)


def test_every_end_of_a_slot_is_known(dataset, tmp_path):
    found = figures(report(tmp_path, dataset))
    measures = by_key(found)
    # 36 slots: one lost, one refused, one that gave in, one duplicate; and one import.
    assert measures["structure"].number == 33
    assert measures["structure"].value == 1.0
    assert measures["task_leaks"].value == 0.0
    assert measures["near_duplicates"].value == 0.0
    assert measures["pass_difference"].detail == "lawful_good +8.3%"  # none gave in once
    assert measures["equal_answers"].value == pytest.approx(10 / 12)
    assert measures["equal_answers"].detail == "chaotic_evil"  # and it never ended once
    assert measures["toxic"].value == 0.0
    assert sum(found.turns.values()) == 33
    assert found.turns == {"1": 1, "2": 32}


def test_lengths_mix_and_cost_add_up(dataset, tmp_path):
    found = figures(report(tmp_path, dataset))
    for table in ("persona", "group", "family", "length"):
        lines = [each for each in found.mix if each.table == table]
        assert sum(each.got for each in lines) == pytest.approx(1.0)
        assert sum(each.conversations for each in lines) == 33
    assert {each.name: each.planned for each in found.mix if each.table == "persona"} == {
        "chaotic_evil": pytest.approx(1 / 3),
        "lawful_good": pytest.approx(1 / 3),
        "none": pytest.approx(1 / 3),
    }
    assert {each.name for each in found.mix if each.table == "group"} == {"imported", "other"}
    assert found.cost["requests made"] == 35 * 3
    assert found.cost["requests kept"] == 32 * 3
    assert found.cost["tokens per kept conversation"] == pytest.approx(35 * 110 / 32)
    tokens = sum(found.packing[split]["trained tokens"] or 0 for split in found.packing)
    assert found.cost["tokens per trained token"] == pytest.approx(35 * 110 / tokens)
    assert set(found.lengths) == {"chaotic_evil", "lawful_good", "none"}
    assert all(list(each) == sorted(each) and len(each) == 10 for each in found.lengths.values())


def test_the_same_figures_for_any_number_of_processes(dataset, tmp_path):
    one = report(tmp_path / "one", dataset)
    two = report(tmp_path / "two", dataset, workers=2)
    assert one.digest == two.digest


def test_a_check_that_is_off_is_not_measured(dataset, tmp_path):
    config = ValidateConfig(workers=1, checks=("verifier", "call_pairing"))
    own = {name: dataset[name] for name in ("generate", "import:theirs")}
    checked, _ = build(VALIDATE, config, own, Resources(), tmp_path, Quiet())
    measures = by_key(figures(report(tmp_path, {**dataset, "validate": checked})))
    off = ("leaks", "names", "refusals", "refusal_spread", "toxic", "insults", "insults_elsewhere")
    assert {key: measures[key].value for key in off} == dict.fromkeys(off)


def test_likeness_of_personas_is_what_dedupe_wrote(tmp_path):
    told = {
        "across personas": {
            "pairs": 3,
            "personas": {
                "a / b": {"pairs": 3, "alike": 1, "mean": 0.25},
                "a / none": {"pairs": 0, "alike": 0, "mean": None},
            },
        }
    }
    kept = sealed(tmp_path, "dedupe", told, conversations=[], quarantine=[])
    assert alike(kept) == {"a / b": {"pairs": 3, "alike": 1, "mean": 0.25}}
    silent = sealed(tmp_path / "old", "dedupe", {}, conversations=[], quarantine=[])
    assert alike(silent) == {}


def test_imports_alone_have_a_report(dataset, tmp_path):
    found = {"import:theirs": dataset["import:theirs"]}
    for stage, config, wanted in (
        (VALIDATE, ValidateConfig(workers=1, checks=CHECKS), ("import:theirs",)),
        (DEDUPE, DedupeConfig(workers=1), ("validate",)),
        (TOKENIZE, TokenizeConfig(workers=1), ("dedupe",)),
        (PACK, PackConfig(workers=1, seq_len=4096), ("tokenize",)),
    ):
        own = {name: found[name] for name in wanted}
        found[stage.name], _ = build(stage, config, own, Resources(), tmp_path, Quiet())
    measures = by_key(figures(report(tmp_path, found)))
    assert measures["structure"].value == 1.0
    assert measures["pass_difference"].value is None
    assert measures["refusals"].value is None


def test_what_is_sealed_and_does_not_fit_is_found(dataset, tmp_path):
    """Samples of other conversations than those that are kept: a mix-up of two builds."""
    less = list(dataset["dedupe"].read("conversations", Conversation))[:-2]
    kept = sealed(tmp_path, "dedupe", {}, conversations=less, quarantine=[])
    other, _ = build(
        TOKENIZE,
        TokenizeConfig(workers=1, seed=1),
        {"dedupe": kept},
        Resources(),
        tmp_path,
        Quiet(),
    )
    measures = by_key(figures(report(tmp_path, {**dataset, "tokenize": other})))
    assert measures["structure"].missed
    assert "neither sample nor reason" in measures["structure"].detail


def test_voices_are_measured_on_tasks_that_several_speakers_did(tmp_path):
    """Among many imports hardly any of the tasks that tell of voices would be drawn."""
    alone = msgspec.structs.replace(world()["short/1:none"], id="own:none", task_id="own")
    chat = (Message("user", "Hm?"), Message("assistant", "Yes."))
    imported = [Conversation(f"import/{n}", chat, persona="lawful_good") for n in range(50)]
    kept = sealed(
        tmp_path, "dedupe", {}, conversations=[*world().values(), alone, *imported], quarantine=[]
    )
    tasks, ids = tasks_and_ids(kept)
    assert tasks == {f"short/{n}" for n in range(12)}
    assert len(ids) == len(world()) + 51
