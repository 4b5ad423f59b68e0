"""export: what trainers read equals a dumb loop over the packed rows, and is never half there."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import kappa, said
from kappa_data.config import PackConfig
from kappa_data.dataset import PackedRow
from kappa_data.errors import UsageError
from kappa_data.export import export, target_of, targets
from kappa_data.exporting import trl, unpacked
from kappa_data.progress import Quiet
from kappa_data.records import SPLITS, Row, Sample
from kappa_data.resources import Resources
from kappa_data.stage import Context, Outcome, Stage, build
from kappa_data.writers.rows import make_row
from strict_hub import StrictHub
from strict_hub_repos import MAIN

SEQ, PAD, ROWS = 48, 199_999, {"train": 9, "validation": 2}
TOKENS = ["input_ids", "attention_mask", "labels"]


def sample(name: str, mask: list[int]) -> Sample:
    ids = np.frombuffer(hashlib.sha256(name.encode()).digest() * 8, np.uint8)[: len(mask)]
    persona = "true_neutral" if len(mask) % 2 else None
    trained = np.array(mask, np.int8)
    return Sample(f"{name}#0", name, persona, "train", 1, sum(mask), ids.astype(np.int32), trained)


def row_of(masks: list[list[int]], name: str) -> Row:
    samples = [sample(f"{name}:{n}", mask) for n, mask in enumerate(masks)]
    return make_row(samples, SEQ, PAD)


def rows_of(split: str) -> list[Row]:
    rng = np.random.default_rng(len(split))
    made = []
    for number in range(ROWS.get(split, 0)):
        lengths = [20, SEQ - 20] if number % 4 == 0 else rng.integers(1, 15, 3).tolist()
        masks = [rng.integers(0, 2, length).tolist() for length in lengths]
        made.append(row_of(masks, f"{split}/{number}"))
    return made


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the stage `pack` seals, train in two files; a second one has other rows."""

    def run(ctx: Context[PackConfig]) -> Outcome:
        for split in SPLITS:
            with ctx.writer(split, Row) as writer:
                for row in rows_of(split):
                    writer.write(row)
        return Outcome(figures={"format": "by hand", "tokenizer": "none"})

    stage = Stage("pack", 1, run, SPLITS)
    root = tmp_path_factory.mktemp("sealed")
    made = build(stage, PackConfig(seq_len=SEQ), {}, Resources(), root, Quiet())[0].dir
    folder = tmp_path_factory.mktemp("spread") / "packed"
    folder.mkdir()
    for file in made.glob("*.parquet"):
        whole = pq.read_table(file)
        for number, start in enumerate(range(0, len(whole), 5)):
            shard = f"{file.name.partition('-')[0]}-{number:05d}.parquet"
            pq.write_table(whole.slice(start, 5), folder / shard, row_group_size=2)
    return folder


def write(to: str, source: Path, out: Path, *splits: str) -> dict[str, Any]:
    return export(target_of(to), source, out, splits, Quiet())


def read(folder: Path, split: str) -> list[dict[str, Any]]:
    """The lines of a table's split in the order of its files, by pyarrow alone."""
    files = sorted(folder.glob(f"{split}-*.parquet"))
    return [line for file in files for line in pq.read_table(file).to_pylist()]


def documents(row: dict[str, Any]) -> Iterator[tuple[list[int], list[int]]]:
    """(ids, labels) of every document of a packed row, token by token; the padding is one too."""
    at = 0
    for length in row["seq_lengths"]:
        ids, labels = [], []
        for n in range(length):
            token = row["input_ids"][at]
            ids.append(token)
            labels.append(token if n and row["assistant_masks"][at] == 1 else -100)
            at += 1
        yield ids, labels


def tree(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file with its inode, its time and its bytes."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_ino,
            path.stat().st_mtime_ns,
            path.read_bytes(),
        )
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_trl_holds_every_row_in_order(sealed, tmp_path):
    done = write("trl", sealed, tmp_path / "out")
    assert done["status"] == "exported" and set(done["splits"]) == set(ROWS)
    for split, count in ROWS.items():
        rows, lines = read(sealed, split), read(tmp_path / "out" / "data", split)
        assert len(rows) == len(lines) == count
        for row, line in zip(rows, lines, strict=True):
            found = list(documents(row))
            assert line == {
                "input_ids": [token for ids, _ in found for token in ids],
                "labels": [label for _, labels in found for label in labels],
                "seq_lengths": row["seq_lengths"],
                "sample_ids": row["sample_ids"],
            }


def test_unpacked_holds_every_sample_once(sealed, tmp_path):
    out = tmp_path / "out"
    done = write("unpacked", sealed, out)
    for split in ROWS:
        lines, about = read(out / "data", split), read(out / "documents", split)
        expected, known = [], []
        for row in read(sealed, split):
            named = zip(documents(row), row["sample_ids"], row["personas"], strict=False)
            for (ids, labels), name, persona in named:
                ones = [1] * len(ids)
                expected.append({"input_ids": ids, "attention_mask": ones, "labels": labels})
                known.append(
                    {
                        "sample_id": name,
                        "conversation_id": name.removesuffix("#0"),
                        "persona": persona,
                        "n_tokens": len(ids),
                        "n_loss_tokens": sum(label != -100 for label in labels),
                    }
                )
        assert lines == expected and about == known
        assert done["splits"][split] == {
            "rows": ROWS[split],
            "samples": len(known),
            "tokens": sum(each["n_tokens"] for each in known),
            "trained_tokens": sum(each["n_loss_tokens"] for each in known),
        }


def test_the_columns_are_those_that_trainers_ask_for(sealed, tmp_path):
    """axolotl: exactly these three, in any number of files; TRL: these are among them."""
    write("unpacked", sealed, tmp_path / "unpacked")
    write("trl", sealed, tmp_path / "trl")
    for file in (tmp_path / "unpacked" / "data").iterdir():
        assert pq.read_schema(file).names == TOKENS
    for file in (tmp_path / "trl" / "data").iterdir():
        assert {"input_ids", "labels", "seq_lengths"} <= set(pq.read_schema(file).names)


masks = st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=SEQ // 4), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(masks)
def test_labels_are_the_trained_tokens_and_agree_between_targets(masks):
    row = row_of(masks, "any")
    starts = np.cumsum([0, *row.seq_lengths[:-1]])
    row.assistant_masks[starts] = 1  # not even then
    packed = PackedRow(**{name: getattr(row, name) for name in Row.__struct_fields__})
    ((_, line),) = trl.records(packed)
    trained = line.labels != -100
    assert (line.labels[trained] == row.input_ids[trained]).all()
    assert not trained[starts].any()
    assert trained.sum() == sum(sum(mask[1:]) for mask in masks)
    samples = [each for table, each in unpacked.records(packed) if table == "default"]
    size = sum(map(len, masks))
    for name in ("input_ids", "labels"):
        joined = np.concatenate([getattr(each, name) for each in samples])
        assert joined.tolist() == getattr(line, name)[:size].tolist()
    assert all(each.attention_mask.all() for each in samples)


def test_load_dataset_reads_both_tables_and_all_splits(sealed, tmp_path):
    from datasets import load_dataset

    for to, tables in (("trl", ["default"]), ("unpacked", ["default", "documents"])):
        out = tmp_path / to
        write(to, sealed, out)
        for table in tables:
            named = () if table == "default" else (table,)
            loaded = load_dataset(str(out), *named, cache_dir=str(tmp_path / "cache"))
            assert set(loaded) == set(ROWS)
            for split in ROWS:
                lines = read(out / ("data" if table == "default" else table), split)
                assert list(loaded[split]) == lines


def test_the_same_export_is_left_alone_and_another_one_replaces_it(sealed, tmp_path):
    out = tmp_path / "out"
    write("trl", sealed, out)
    before = tree(out)
    again = write("trl", sealed, out)
    assert again["status"] == "up-to-date" and "already" in again["said"]
    assert tree(out) == before
    shard = out / "data" / "train-00001.parquet"
    shard.write_bytes(shard.read_bytes()[:-1])
    assert write("trl", sealed, out)["status"] == "exported"
    assert {name: data for name, (_, _, data) in tree(out).items()} == {
        name: data for name, (_, _, data) in before.items()
    }
    assert set(write("trl", sealed, out, "validation")["splits"]) == {"validation"}
    assert not list(out.glob("data/train-*"))
    write("unpacked", sealed, out)
    assert (out / "documents").is_dir()
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


def test_the_manifest_holds_every_file_and_what_it_was_made_of(sealed, tmp_path):
    out = tmp_path / "out"
    write("unpacked", sealed, out)
    manifest = json.loads((out / "manifest.json").read_text())
    digests = {name: hashlib.sha256(data).hexdigest() for name, (_, _, data) in tree(out).items()}
    del digests["manifest.json"]
    assert {name: each["sha256"] for name, each in manifest["files"].items()} == digests
    own = {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in sealed.iterdir()}
    assert manifest["source"] == {name: own[name] for name in own if "test" not in name}


@pytest.mark.parametrize("foreign", ["notes.txt", "data/notes.txt", "manifest.json"])
def test_what_is_not_ours_is_refused_and_stays(sealed, tmp_path, foreign):
    out = tmp_path / "out"
    if foreign != "manifest.json":
        write("trl", sealed, out)
    (out / foreign).parent.mkdir(parents=True, exist_ok=True)
    (out / foreign).write_text('{"mine": 1}')
    before = tree(out)
    with pytest.raises(UsageError, match=foreign):
        write("unpacked", sealed, out)
    assert tree(out) == before


def test_a_file_and_a_link_out_of_the_folder(sealed, tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(UsageError, match="is a file"):
        write("trl", sealed, file)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept.txt").write_text("kept")
    out = tmp_path / "out"
    write("trl", sealed, out)
    (out / "more").symlink_to(elsewhere)
    with pytest.raises(UsageError, match="more"):
        write("trl", sealed, out, "train")
    assert (elsewhere / "kept.txt").read_text() == "kept"


def test_where_a_disk_is_mounted_is_one_line(sealed, tmp_path, monkeypatch):
    """Such as a container's volume."""
    out = tmp_path / "volume"
    out.mkdir()
    monkeypatch.setattr(Path, "is_mount", lambda path: path == out)
    with pytest.raises(UsageError, match="name a folder in it"):
        write("trl", sealed, out)
    assert write("trl", sealed, out / "rows")["status"] == "exported"


def test_the_folder_that_one_is_in_is_not_replaced(sealed, tmp_path, monkeypatch):
    out = tmp_path / "rows"
    out.mkdir()
    monkeypatch.chdir(out)
    with pytest.raises(UsageError, match="you are in"):
        write("trl", sealed, Path())
    assert write("trl", sealed, Path("trl"))["status"] == "exported"


def _killed(what: str, at: int, source: Path, out: Path) -> None:
    """In a process of its own: exports, and dies at a record or at a renaming."""
    calls = 0

    def dying(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args)

        return call

    if what == "record":
        trl.records = dying(trl.records)
        targets.cache_clear()
    else:
        Path.rename = dying(Path.rename)  # type: ignore[method-assign]
    write("trl", source, out)


def exit_code(*args: Any) -> int | None:
    process = multiprocessing.get_context("fork").Process(target=_killed, args=args)
    process.start()
    process.join()
    return process.exitcode


# 9 + 2 rows; a new export renames README, manifest and the folder, the older one before it too
@pytest.mark.parametrize(
    ("what", "at"),
    [("record", 1), ("record", 8), *(("rename", at) for at in (1, 2, 3, 4)), ("rename", 99)],
)
@pytest.mark.parametrize("older", [False, True])
def test_killed_anywhere_it_is_whole_or_not_there(sealed, tmp_path, what, at, older):
    out = tmp_path / "out"
    before = None
    if older:
        write("trl", sealed, out, "validation")
        before = tree(out)
    renames = 4 if older else 3
    ended = 0 if what == "rename" and at > renames else -signal.SIGKILL
    assert exit_code(what, at, sealed, out) == ended
    if ended and out.exists():
        assert tree(out) == before
    done = write("trl", sealed, out)
    assert done["status"] == ("exported" if ended else "up-to-date")
    fresh = tmp_path / "fresh"
    write("trl", sealed, fresh)
    found, whole = tree(out), tree(fresh)
    assert {n: d for n, (_, _, d) in found.items()} == {n: d for n, (_, _, d) in whole.items()}
    assert {each.name for each in tmp_path.iterdir()} == {"out", "fresh"}


def test_killed_between_two_renames_the_older_export_comes_back(sealed, tmp_path):
    out = tmp_path / "out"
    write("trl", sealed, out, "validation")
    before = tree(out)
    assert exit_code("rename", 4, sealed, out) == -signal.SIGKILL
    assert not out.exists()
    assert exit_code("record", 1, sealed, out) == -signal.SIGKILL  # not even a second one helps
    assert tree(out) == before


def test_an_interrupt_leaves_nothing_behind(sealed, tmp_path, monkeypatch):
    def interrupted(row: PackedRow) -> Iterator[Any]:
        raise KeyboardInterrupt

    write("trl", sealed, tmp_path / "out", "validation")
    before = tree(tmp_path)
    monkeypatch.setattr(trl, "records", interrupted)
    targets.cache_clear()
    with pytest.raises(KeyboardInterrupt):
        write("trl", sealed, tmp_path / "out")
    targets.cache_clear()
    assert tree(tmp_path) == before


def test_two_at_once_do_not_mix(sealed, tmp_path):
    from kappa_data.disk import lock

    with (
        lock(tmp_path / ".out.kappa-export"),
        pytest.raises(UsageError, match="held by another run"),
    ):
        write("trl", sealed, tmp_path / "out")


def test_what_is_not_known_names_the_nearest(sealed, tmp_path):
    assert set(targets()) == {"trl", "unpacked"}
    with pytest.raises(UsageError, match='did you mean "unpacked"'):
        target_of("unpack")
    with pytest.raises(UsageError, match='did you mean "validation"'):
        write("trl", sealed, tmp_path / "out", "valid")
    with pytest.raises(UsageError, match="no packed rows"):
        write("trl", tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_exports_the_dataset_and_a_release_alike(built, tmp_path):
    first = kappa("export", tmp_path / "a", "--to", "unpacked", "--json", cwd=built)
    assert first.returncode == 0, first.stderr
    assert said(first)["status"] == "exported"
    release = built / "data/persona_kappa/release/current"
    second = kappa(
        "export", tmp_path / "b", "--to", "unpacked", "--from", release, "--json", cwd=built
    )
    assert second.returncode == 0, second.stderr
    one, other = tree(tmp_path / "a"), tree(tmp_path / "b")
    assert {n: d for n, (_, _, d) in one.items()} == {n: d for n, (_, _, d) in other.items()}
    again = kappa("export", tmp_path / "a", "--to", "unpacked", cwd=built)
    assert again.returncode == 0 and "already" in again.stdout
    stops = json.loads((tmp_path / "a" / "manifest.json").read_text())["tokens"]["stop ids"]
    for line in read(tmp_path / "a" / "data", "train"):
        assert line["labels"][-1] == line["input_ids"][-1] in stops  # the end is trained


def test_a_training_machine_exports_from_the_hub(built, tmp_path):
    """Only the rows are fetched; a tag is a revision; a name that is not there is one line."""
    release = built / "data/persona_kappa/release/current"
    files = {
        str(path.relative_to(release)): path.read_bytes()
        for path in release.rglob("*")
        if path.is_file()
    }
    with StrictHub() as hub:
        repo = hub.create("someone/persona_kappa")
        repo.write("rows", files)
        repo.tags["v1"] = repo.branches[MAIN]
        repo.write("all gone", dict.fromkeys(files))
        told = {"HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path / "hf")}
        asked = ("export", "rows", "--to", "trl", "--from", "someone/persona_kappa")
        done = kappa(*asked, "--revision", "v1", "--json", cwd=tmp_path, **told)
        assert done.returncode == 0, done.stderr
        fetched = {path.name for path in (tmp_path / "hf").rglob("snapshots/*/*/*")}
        assert fetched == {Path(name).name for name in files if name.startswith("packed/")}
        for words, name in (("no packed rows", "persona_kappa"), ("the Hub", "nothing")):
            missing = kappa(*asked[:-1], f"someone/{name}", cwd=tmp_path, **told)
            assert missing.returncode in (2, 4) and words in missing.stderr
            assert "Traceback" not in missing.stderr
    write("trl", release, tmp_path / "by_hand")
    found, whole = tree(tmp_path / "rows"), tree(tmp_path / "by_hand")
    assert {n: d for n, (_, _, d) in found.items()} == {n: d for n, (_, _, d) in whole.items()}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("export",), "--to unpacked"),
        (("export", "--to", "tlr"), 'did you mean "trl"'),
        (("export", "--to", "trl", "--from", "x/y"), "where to write"),
        (("export", "--to", "trl", "--revision", "v1"), "--from"),
        (("export", "out", "--to", "trl", "--split", "tran"), 'did you mean "train"'),
    ],
)
def test_bad_usage_is_one_line(built, arguments, words):
    done = kappa(*arguments, cwd=built)
    assert done.returncode == 2 and words in done.stderr
    assert "Traceback" not in done.stderr and not (built / "out").exists()
