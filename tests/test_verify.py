"""verify: right rows are proved, and a defect planted in any of the files is found and named."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import kappa, said
from kappa_data import recipe, verify
from kappa_data.config import PackConfig
from kappa_data.errors import StageError, UsageError
from kappa_data.formats.vocabulary import ENDOFTEXT, SIZE
from kappa_data.progress import Quiet
from kappa_data.records import Sample
from kappa_data.resources import Resources
from kappa_data.stage import Context, Outcome, Stage, build
from kappa_data.store import Sealed, open_sealed
from kappa_data.verify import packed_faults
from kappa_data.verify_release import release_faults
from test_release import generated, release

SEQ = 64
BATCH = 3
CONFIG = PackConfig(seq_len=SEQ, global_batch=BATCH, over_length="split-turns")
VOCABULARY = {
    "format": "harmony", "tokenizer": "o200k_harmony", "vocabulary": SIZE, "pad id": ENDOFTEXT,
    "stop ids": [],
}  # fmt: skip


def sample(number: int, length: int, split: str) -> Sample:
    rng = np.random.default_rng(number)
    mask = np.zeros(length, dtype=np.int8)
    mask[length // 3 : length // 2] = mask[-(length // 4) :] = 1
    persona = (None, "true_neutral", "lawful_evil")[number % 3]
    ids = rng.integers(0, 199_000, length, dtype=np.int32)
    return Sample(f"c{number}#0", f"c{number}", persona, split, 1, int(mask.sum()), ids, mask)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sealed, Sealed]:
    """What pack and tokenize sealed: samples of every split, three too long, one refused."""

    def run(ctx: Context[Any]) -> Outcome:
        rng = np.random.default_rng(0)
        with ctx.writer("samples", Sample) as writer:
            for number in range(90):
                split = ("train", "train", "train", "validation", "test")[number % 5]
                writer.write(sample(number, int(rng.integers(4, 40)), split))
            for number in (90, 91):
                writer.write(sample(number, 100, "train"))
            whole = sample(92, 100, "train")
            whole.mask[:] = 0
            whole.mask[1:] = 1  # one step that does not fit: nothing of it can be kept
            writer.write(whole)
        return Outcome(figures=VOCABULARY)

    root = tmp_path_factory.mktemp("sealed")
    stage = Stage("tokenize", 1, run, ("samples",))
    tokenized, _ = build(stage, PackConfig(), {}, Resources(), root, Quiet())
    packed, _ = build(recipe.PACK, CONFIG, {"tokenize": tokenized}, Resources(), root, Quiet())
    assert packed.count("quarantine") == 1 and packed.count("cut") == 2
    return packed, tokenized


def copied(folder: Path, target: Path) -> Path:
    shutil.copytree(folder, target)
    return target


def opened(folder: Path) -> Sealed:
    found = open_sealed(folder)
    assert found is not None
    return found


def shards(folder: Path, split: str) -> list[Path]:
    return sorted(folder.glob(f"{split}-*.parquet"))


Rows = list[dict[str, Any]]


def change(file: Path, how: Callable[[Rows], Any]) -> None:
    """Rewrites a file with its rows changed in place, as plain lists."""
    table = pq.read_table(file)
    rows = table.to_pylist()
    how(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), file)


def padded(folder: Path) -> Path:
    """A file of train whose first row has a document of padding, longer than two tokens."""
    for file in shards(folder, "train"):
        row = pq.read_table(file).to_pylist()[0]
        if len(row["seq_lengths"]) > len(row["sample_ids"]) > 1 and row["seq_lengths"][-1] > 2:
            return file
    raise AssertionError("no row has padding")


def test_right_rows_have_no_fault(sealed):
    assert list(packed_faults(*sealed)) == []


def test_processes_find_the_same(sealed, tmp_path, monkeypatch):
    packed, tokenized = sealed
    folder = copied(packed.dir, tmp_path / "packed")
    for file in shards(folder, "train")[:3]:
        change(file, lambda rows: rows[0]["assistant_masks"].__setitem__(0, 1))
    alone = list(packed_faults(opened(folder), tokenized))
    monkeypatch.setattr(verify, "FEW_BYTES", 0)
    assert list(packed_faults(opened(folder), tokenized, workers=2)) == alone
    assert sum("first token is trained" in fault for fault in alone) == 3


def test_memory_holds_no_tokens(sealed):
    samples = verify.Samples()
    assert list(samples.read(sealed[1], {}, 1)) == []
    for each in samples._known.values():
        assert each is not None and len(each.print) == 32
        assert not any(isinstance(part, np.ndarray | list) for part in each)


def item(name: str, at: int, value: Any) -> Callable[[Rows], None]:
    return lambda rows: rows[0][name].__setitem__(at, value)


def lengthen(row: dict[str, Any]) -> None:
    row["input_ids"].append(ENDOFTEXT)
    row["assistant_masks"].append(0)
    row["seq_lengths"][-1] += 1


def two_paddings(row: dict[str, Any]) -> None:
    row["seq_lengths"][-1] -= 1
    row["seq_lengths"].append(1)


def shift_border(row: dict[str, Any]) -> None:
    row["seq_lengths"][0] -= 1
    row["seq_lengths"][1] += 1


def untrain_one(row: dict[str, Any]) -> None:
    row["assistant_masks"][row["assistant_masks"].index(1)] = 0
    row["n_loss_tokens"] -= 1


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (lambda rows: rows[0]["input_ids"].pop(), "has 63 ids and 64 masks, not 64"),
        (lambda rows: lengthen(rows[0]), "has 65 ids and 65 masks, not 64"),
        (item("seq_lengths", 0, 999), ", not 64, or one is empty"),
        (lambda rows: rows[0]["seq_lengths"].insert(1, 0), "or one is empty"),
        (lambda rows: two_paddings(rows[0]), " documents for "),
        (lambda rows: rows[0]["sample_ids"].pop(), " documents for "),
        (lambda rows: rows[0]["personas"].pop(), " personas for "),
        (item("input_ids", 2, SIZE), f"to {SIZE}, the vocabulary has {SIZE}"),
        (item("input_ids", 2, -1), "its ids go from -1 to"),
        (item("assistant_masks", 2, 2), "its mask holds something else than 0 and 1"),
        (item("assistant_masks", 0, 1), "its first token is trained"),
        (lambda rows: rows[0].update(n_loss_tokens=1000), "n_loss_tokens is 1000, the mask has"),
        (item("assistant_masks", -1, 1), "its padding is trained"),
        (item("input_ids", -1, 7), "its padding is trained or holds something else"),
        (item("input_ids", 1, 7), "differs from its sample"),
        (lambda rows: untrain_one(rows[0]), "differs from its sample"),
        (lambda rows: shift_border(rows[0]), "differs from its sample"),
        (item("sample_ids", 0, "c1000#0"), "c1000#0: there is no such sample"),
        (item("sample_ids", 0, "c92#0"), "c92#0: there is no such sample, or it was left out"),
        (item("sample_ids", 0, "c3#0"), "c3#0: its sample belongs to validation"),
        (item("personas", 0, "chaotic_evil"), "persona chaotic_evil, its sample's is"),
        (lambda rows: rows.append(rows[0]), "it stands in a row for the second time"),
        (lambda rows: rows.append(rows[0]), "1 rows are left over, a global batch has 3"),
        (lambda rows: rows.pop(0), " is in no row"),
        (lambda rows: rows.pop(0), "records, the manifest says"),
        (lambda rows: rows.pop(0), "train: rows is "),
        (lambda rows: rows[0]["sample_ids"].reverse(), "digest of its records is not"),
    ],
)
def test_a_defect_of_a_row_is_found(sealed, tmp_path, how, words):
    packed, tokenized = sealed
    folder = copied(packed.dir, tmp_path / "packed")
    change(padded(folder), how)
    found = list(packed_faults(opened(folder), tokenized))
    assert any(words in fault for fault in found), found
    assert all("\n" not in fault for fault in found)


def test_the_order_of_rows_is_proved(sealed, tmp_path):
    packed, tokenized = sealed
    folder = copied(packed.dir, tmp_path / "packed")
    one, two, *_ = shards(folder, "train")
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    found = list(packed_faults(opened(folder), tokenized))
    assert found == ["train: the digest of its records is not the manifest's"]


def stated(*path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def plant(manifest: dict[str, Any]) -> None:
        for name in path[:-1]:
            manifest = manifest[name]
        assert manifest[path[-1]] != value
        manifest[path[-1]] = value

    return plant


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (stated("sets", "train", "records", value=1), "records, the manifest says 1"),
        (stated("sets", "test", "digest", value="0"), "test: the digest of its records"),
        (stated("sets", "quarantine", "records", value=0), "quarantine: 1 records"),
        (stated("sets", "cut", "digest", value="0"), "cut: the digest of its records"),
        (stated("figures", "splits", "train", "rows", value=1), "train: rows is"),
        (stated("figures", "splits", "train", "density", value=0.5), "train: density is"),
        (stated("figures", "splits", "test", "tokens", value=1), "test: tokens is"),
        (stated("figures", "splits", "test", "samples", value=1), "test: samples is 18"),
        (stated("figures", "splits", "train", "trained tokens", value=1), "train: trained tokens"),
        (stated("figures", "splits", "train", "shares", value={"none": 1}), "train: shares is"),
        (stated("figures", "rows", value=1), "rows is"),
        (stated("figures", "samples", value=1), "samples is 92, the manifest says 1"),
        (stated("figures", "vocabulary", value=1000), "the vocabulary has 1000"),
        (stated("figures", "pad id", value=5), "something else than the padding id"),
        (stated("config", "global_batch", value=1000), "a global batch has 1000"),
        (stated("config", "seq_len", value=32), "64 ids and 64 masks, not 32"),
        (stated("inputs", "tokenize", value="0"), "were packed from other samples"),
    ],
)
def test_a_manifest_that_says_other_things_is_found(sealed, tmp_path, plant, words):
    packed, tokenized = sealed
    folder = copied(packed.dir, tmp_path / "packed")
    manifest = json.loads((folder / "manifest.json").read_text())
    plant(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    found = list(packed_faults(opened(folder), tokenized))
    assert any(words in fault for fault in found), found


def test_files_that_are_missing_stray_or_damaged_are_found(sealed, tmp_path):
    packed, tokenized = sealed
    folder = copied(packed.dir, tmp_path / "packed")
    gone, cut, *_ = shards(folder, "train")
    gone.unlink()
    data = cut.read_bytes()
    cut.write_bytes(data[:-10])
    shutil.copy(shards(folder, "test")[0], folder / "train-00077.parquet")
    damaged = shards(folder, "validation")[0]
    damaged.write_bytes(damaged.read_bytes()[:4] + bytes(300) + damaged.read_bytes()[304:])
    found = list(packed_faults(opened(folder), tokenized))
    assert "train-00077.parquet: the manifest does not list this file" in found
    for file in (gone, cut, damaged):
        assert any(file.name in fault and "cannot be read" in fault for fault in found), found
    assert any("is in no row" in fault for fault in found)


def test_samples_that_are_damaged_are_an_error_and_not_a_fault(sealed, tmp_path):
    packed, tokenized = sealed
    folder = copied(tokenized.dir, tmp_path / "tokenized")
    (file,) = folder.glob("samples-*.parquet")
    file.write_bytes(file.read_bytes()[:4] + bytes(3000) + file.read_bytes()[3004:])
    with pytest.raises(StageError, match=r"samples-00000\.parquet: cannot be read"):
        list(packed_faults(packed, opened(folder)))


# --- a release, without the samples ------------------------------------------------------------


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    personas = ["lawful_good", "chaotic_evil", None, "true_neutral"]
    mine = [generated(each, n) for n, each in enumerate(personas)]
    mine += [generated("lawful_good", 9, split="test"), generated(None, 8, split="test")]
    return release(tmp_path_factory.mktemp("released"), mine)[0]


def reseal(folder: Path) -> None:
    """Makes the manifest's list of files true again."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in manifest["files"]:
        data = (folder / name).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        manifest["files"][name] = {"bytes": len(data), "sha256": digest}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_release_is_proved_wherever_it_lies(released, tmp_path):
    folder = copied(released, tmp_path / "elsewhere")
    (folder / ".gitattributes").write_text("*.parquet lfs\n")  # as hubs add
    assert list(release_faults(folder)) == []
    done = kappa("verify", folder, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert said(done)["faults"] == [] and said(done)["compared with samples"] is False
    shown = kappa("verify", "elsewhere", cwd=tmp_path)
    assert "rows proved" in shown.stdout and "the samples are not here" in shown.stdout


def first_of(folder: Path, split: str = "train", view: str = "packed") -> Path:
    return folder / view / f"{split}-00000.parquet"


def move_row(folder: Path) -> None:
    """A row of test comes to stand in train, too."""
    rows = pq.read_table(first_of(folder, "test")).to_pylist()
    change(first_of(folder), lambda into: into.append(rows[0]))


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (
            lambda folder: change(first_of(folder), item("assistant_masks", 0, 1)),
            "first token is trained",
        ),
        (lambda folder: change(first_of(folder), item("input_ids", 0, SIZE)), "the vocabulary has"),
        (lambda folder: change(first_of(folder), item("personas", 0, "x")), "persona x, its conv"),
        (
            lambda folder: change(first_of(folder), item("sample_ids", 0, "x#0")),
            "there is no such conversation",
        ),
        (lambda folder: change(first_of(folder), lambda rows: rows.append(rows[0])), "second time"),
        (move_row, "its conversation belongs to test"),
        (lambda folder: change(first_of(folder), lambda rows: rows.pop()), "rows is"),
        (
            lambda folder: change(first_of(folder, "train", "conversations"), lambda r: r.pop()),
            "conversations is 5, the manifest says 6",
        ),
        (
            lambda folder: change(
                first_of(folder, "train", "conversations"), lambda rows: rows.append(rows[0])
            ),
            "stands twice, or belongs to another split",
        ),
    ],
)
def test_a_defect_of_a_release_is_found_behind_a_true_list_of_files(
    released, tmp_path, plant, words
):
    folder = copied(released, tmp_path / "release")
    plant(folder)
    reseal(folder)
    found = list(release_faults(folder))
    assert any(words in fault for fault in found), found


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (lambda folder: flip(folder / "README.md"), "README.md: its sha256 is not the manifest's"),
        (lambda folder: flip(first_of(folder)), "train-00000.parquet: its sha256"),
        (lambda folder: first_of(folder, "test").unlink(), "packed/test-00000.parquet: missing"),
        (lambda folder: (folder / "README.md").write_text("x"), "1 bytes, the manifest says"),
        (
            lambda folder: shutil.copy(first_of(folder), folder / "packed" / "train-00009.parquet"),
            "train-00009.parquet: the manifest does not list this file",
        ),
    ],
)
def test_files_of_a_release_are_those_of_its_manifest(released, tmp_path, plant, words):
    folder = copied(released, tmp_path / "release")
    plant(folder)
    found = list(release_faults(folder))
    assert any(words in fault for fault in found), found


def test_what_is_no_release_is_said(released, tmp_path):
    for place in (tmp_path, tmp_path / "nowhere", released / "packed"):
        with pytest.raises(UsageError, match="no release here"):
            list(release_faults(place))
    assert kappa("verify", tmp_path, cwd=tmp_path).returncode == 2


@pytest.mark.parametrize(
    "plant",
    [
        lambda manifest: manifest["stages"].pop("pack"),
        lambda manifest: manifest["stages"]["pack"]["config"].update(seq_len=0),
        lambda manifest: manifest["stages"]["pack"]["config"].update(global_batch=0),
        lambda manifest: manifest.update(figures=None),
    ],
)
def test_a_release_with_a_damaged_manifest_is_said(released, tmp_path, plant):
    folder = copied(released, tmp_path / "release")
    manifest = json.loads((folder / "manifest.json").read_text())
    plant(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match=r"manifest\.json: damaged"):
        list(release_faults(folder))
