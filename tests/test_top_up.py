"""plan --top-up: as many tasks as fill the rows that are missing, and not one more."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from conftest import kappa, said
from kappa_data import top_up
from kappa_data.config import GenerateConfig, PackConfig, PlanConfig, Settings
from kappa_data.errors import UsageError
from kappa_data.progress import Quiet
from kappa_data.recipe import Step
from kappa_data.records import SPLITS, Sample, Slot, Split
from kappa_data.resources import Resources
from kappa_data.stage import Context, Outcome, Stage, build
from kappa_data.stages import pack
from kappa_data.store import read_shard
from kappa_data.tasks.catalog import families
from test_cli import one_line

SEQ = 100
FIGURES = {"format": "f", "tokenizer": "t", "vocabulary": 9, "pad id": 7, "stop ids": [9]}
OURS = {"maths": 1000, "identity": 352}  # families with so many seeds


class Case(msgspec.Struct):
    """Slots of `tasks` per family for 2 personas; of each slot samples of these lengths."""

    tasks: int
    lengths: dict[str, tuple[int, ...]]  # by family
    rows: int
    limit: int = 0
    imported: tuple[int, ...] = ()
    own: tuple[int, ...] = ()  # tasks of a file, one slot each
    over_length: str = "drop"
    seeds: dict[str, int] = msgspec.field(default_factory=lambda: OURS)

    def slots(self) -> list[Slot]:
        """Task by task over the families; every fifth task is for validation."""
        return [
            Slot(f"{family}/{task}:{persona}", f"{family}/{task}", family, persona, split_of(task))
            for task in range(self.tasks)
            for family in self.lengths
            for persona in ("lawful_good", "none")
        ] + [
            Slot(f"own/file-{n}:none", f"own/file-{n}", "own", "none", "train")
            for n in range(len(self.own))
        ]

    def played(self) -> list[Slot]:
        return self.slots()[: self.limit or None]

    def samples(self) -> list[Sample]:
        lengths = self.lengths | {"own": ()}
        talks = [(slot.id, slot.split, lengths[slot.family]) for slot in self.played()]
        talks += [(f"own/file-{n}:none", "train", (each,)) for n, each in enumerate(self.own)]
        talks += [(f"import/{n}", "train", (each,)) for n, each in enumerate(self.imported)]
        return [
            sample(id, number, length, split)
            for id, split, lengths in talks
            for number, length in enumerate(lengths)
        ]


def split_of(task: int) -> Split:
    return "validation" if task % 5 == 4 else "train"


def sample(id: str, number: int, length: int, split: Split) -> Sample:
    """Steps of 40 tokens, the last 10 of each trained."""
    mask = np.arange(length, dtype=np.int64) % 40 >= 30
    mask[-1] = True
    ids = np.full(length, 5, dtype=np.int32)
    trained = int(mask.sum())
    return Sample(f"{id}#{number}", id, None, split, 1, trained, ids, mask.astype(np.int8))


def asked(case: Case, root: Path, monkeypatch: pytest.MonkeyPatch) -> top_up.TopUp:
    """`top_up` of stages that are sealed as the case says, packed by the real stage."""
    settings = Settings(
        plan=PlanConfig(tasks=case.tasks),
        generate=GenerateConfig(limit=case.limit),
        pack=PackConfig(SEQ, case.rows, over_length=case.over_length, workers=1),
    )
    contents: dict[str, tuple[str, type, list[Any]]] = {
        "plan": ("slots", Slot, case.slots()),
        "tokenize": ("samples", Sample, case.samples()),
    }
    sealed = {}
    for name, (of, kind, records) in contents.items():

        def seal(ctx: Context[Any], of=of, kind=kind, records=records) -> Outcome:
            with ctx.writer(of, kind) as out:
                for each in records:
                    out.write(each)
            return Outcome(figures=FIGURES)

        stage = Stage(name, 1, seal, (of,))
        sealed[name] = build(stage, PlanConfig(), {}, Resources(None), root, Quiet())[0]
    stage = Stage("pack", 1, pack.run, SPLITS, ("tokenize",))
    source = {"tokenize": sealed["tokenize"]}
    sealed["pack"] = build(stage, settings.pack, source, Resources(None), root, Quiet())[0]
    steps = [
        Step(Stage(name, 1, pack.run, ()), each, "up to date") for name, each in sealed.items()
    ]
    monkeypatch.setattr(top_up.recipe, "status", lambda *_: steps)
    known = {
        name: msgspec.structs.replace(families()[name], seeds=count)
        for name, count in case.seeds.items()
    }
    monkeypatch.setattr(top_up, "families", lambda: known)
    return top_up.top_up(root, settings, Resources(None))


def by_counting(case: Case) -> int | None:
    """One more task at a time, each giving what a slot of its family gave on the mean."""

    def room(length: int) -> int:
        if length <= SEQ:
            return length
        # Steps end at 40 and 80; what is longer than a row loses all, or all but those.
        return 80 if case.over_length == "split-turns" else 0

    gave: Counter[str] = Counter()
    for slot in case.played():
        if slot.split == "train":
            gave[slot.family] += sum(map(room, case.lengths[slot.family]))
    count = Counter(slot.family for slot in case.played())
    mean = sum(gave.values()) / len(case.played())
    a_slot = {name: gave[name] / count[name] if count[name] else mean for name in case.lengths}
    missing = case.rows * SEQ - sum(map(room, case.imported))
    for tasks in range(case.tasks, max(case.seeds.values()) + 1):
        given = 0.0
        for family, each in a_slot.items():
            for _ in range(min(tasks, case.seeds[family])):
                given += 2 * each
        if given >= missing - 1e-6:
            return tasks
    return None


CASES = {
    "two families": Case(5, {"maths": (30,), "identity": (50, 20)}, rows=60),
    "what is tried is train only by four fifths": Case(10, {"maths": (50,)}, rows=50),
    "imports count once": Case(5, {"maths": (40,)}, rows=40, imported=(90, 30) * 8),
    "a pilot": Case(20, {"maths": (30,), "identity": (50,)}, rows=300, limit=16),
    "a pilot that saw one family": Case(5, {"maths": (30,), "identity": (70,)}, 60, limit=2),
    "too long for a row": Case(5, {"maths": (30, 150), "identity": (20, 300)}, rows=40),
    "cut to the turns that fit": Case(
        5, {"maths": (30, 150), "identity": (20, 300)}, rows=90, over_length="split-turns"
    ),
    "one family runs out": Case(
        5, {"maths": (50,), "identity": (50,)}, 100, seeds={"maths": 1000, "identity": 7}
    ),
    "a pilot was enough": Case(50, {"maths": (50,)}, rows=20, limit=20),
}


@pytest.mark.parametrize("name", CASES)
def test_the_number_of_tasks_is_what_counting_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    case = CASES[name]
    found = asked(case, tmp_path, monkeypatch)
    assert found.tasks == by_counting(case)
    assert found.tasks_before == case.tasks and found.rows == case.rows
    lengths = [len(each.ids) for each in case.samples() if each.split == "train"]
    if max(lengths) <= SEQ:
        assert found.tokens_missing == case.rows * SEQ - sum(lengths)
        assert math.ceil(sum(lengths) / SEQ) <= found.rows_before < case.rows


def test_full_rows_need_no_more_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(20, {"maths": (50,)}, rows=10)
    found = asked(case, tmp_path, monkeypatch)
    assert (found.tasks, found.rows_before) == (20, 10)
    # 8 of 90 tokens stand alone in their rows, 8 of 30 by threes: padded, but all there.
    for number, case in enumerate((Case(4, {"maths": (90,)}, 8), Case(4, {"maths": (30,)}, 3))):
        found = asked(case, tmp_path / str(number), monkeypatch)
        assert (found.tasks, found.rows_before, found.tokens_missing) == (4, case.rows, 0)


def test_too_many_rows_for_all_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(5, {"maths": (50,), "identity": (50,)}, 3_000)
    assert by_counting(case) is None
    # 1,352 tasks for 2 personas, of which 4 in 5 give 50 tokens of train.
    with pytest.raises(UsageError, match=r"the 2 families fill about 1,081 of 3,000 rows"):
        asked(case, tmp_path, monkeypatch)


def test_what_gave_nothing_measures_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(5, {"maths": ()}, 10, imported=(50,))
    with pytest.raises(UsageError, match="no slot gave tokens of train"):
        asked(case, tmp_path, monkeypatch)


# --- the command -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    stages = ("validate", "dedupe", "tokenize", "pack")
    (folder / "kappa.toml").write_text("".join(f"[{each}]\nworkers = 1\n" for each in stages))
    few = ("--families", "identity", "--tasks", "1", "--personas", "lawful_good,none")
    done = kappa("generate", *few, "--teacher", "embedded", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def asked_so_far(folder: Path) -> list[dict[str, Any]]:
    journal = folder / "data/persona_kappa/generate/journal.jsonl"
    return [json.loads(line) for line in journal.read_text().splitlines()]


def slots(folder: Path, plan: dict[str, Any]) -> set[str]:
    (shard,) = (folder / plan["dir"]).glob("slots-*.parquet")
    return {each.id for each in read_shard(shard, Slot)}


def test_a_small_dataset_is_topped_up_to_its_rows(small: Path) -> None:
    top = ("plan", "--top-up", "--json")
    one_line(kappa(*top, cwd=small), 2, "how many rows", "pack --rows N")
    packed = said(kappa("pack", "--seq-len", "1024", "--rows", "5", "--json", cwd=small))
    first, plan = packed["figures"], packed["stages"][0]
    assert packed["records"] == first["rows"] < 5
    assert first["rows missing"] == 5 - first["splits"]["train"]["rows"] > 0
    assert first["tokens missing"] == 5 * 1024 - first["splits"]["train"]["tokens"] > 0
    before, planned = asked_so_far(small), slots(small, plan)

    for wrong in (("--tasks", "9"), ("--set", "plan.tasks=9", "--fresh")):
        one_line(kappa(*top, *wrong, cwd=small), 2, "plan --top-up keeps the plan's settings")

    for _ in range(3):  # which tasks are for training shows only when they are planned
        done = kappa(*top, cwd=small)
        assert done.returncode == 0, done.stderr
        topped = said(done)
        assert topped["stage"] == "plan" and topped["top_up"]["rows"] == 5
        assert topped["top_up"]["tasks"] > topped["top_up"]["tasks_before"]
        assert topped["figures"]["families"] == {"identity": topped["top_up"]["tasks"]}
        more = slots(small, topped)
        assert planned < more and len(more) == 2 * topped["top_up"]["tasks"]
        planned = more
        packed = said(kappa("pack", "--json", "--seq-len", "1024", "--rows", "5", cwd=small))
        if not packed["figures"]["rows missing"]:
            break
    assert packed["figures"]["splits"]["train"]["rows"] == 5
    after = asked_so_far(small)
    assert after[: len(before)] == before
    old = {each["slot"] for each in before}
    assert len(old) == 2 and not old & {each["slot"] for each in after[len(before) :]}


def test_tasks_of_files_fill_rows_and_are_not_multiplied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They count as what was imported does: more tasks per family are no more of them."""
    lengths = {"maths": (120, 60), "identity": (50,)}
    found = []
    for name in ("imported", "own"):
        case = Case(3, lengths, 40, **{name: (300, 250, 90)})
        (tmp_path / name).mkdir()
        found.append(asked(case, tmp_path / name, monkeypatch))
    assert found[0] == found[1]
    assert found[0].tasks > 3
