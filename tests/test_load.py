"""kappa_data.load: what it gives equals a dumb reading of the files, and a stream loses no row."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kappa_data
from conftest import clean_environment
from kappa_data.config import PackConfig
from kappa_data.dataset import PackedRow, Split
from kappa_data.errors import UsageError
from kappa_data.progress import Quiet
from kappa_data.records import SPLITS, Row, Sample
from kappa_data.resources import Resources
from kappa_data.stage import Context, Outcome, Stage, build
from kappa_data.writers.rows import make_row
from test_docs import blocks
from test_release import foreign, release

SEQ = 64
COUNTS = {"train": 24, "validation": 5}


def sample(name: str, length: int) -> Sample:
    rng = np.random.default_rng(abs(hash_of(name)))
    mask = rng.integers(0, 2, length, dtype=np.int8)
    ids = rng.integers(0, 199_000, length, dtype=np.int32)
    persona = ("true_neutral", None)[length % 2]
    return Sample(f"{name}#0", name, persona, "train", 1, int(mask.sum()), ids, mask)


def hash_of(name: str) -> int:
    return int.from_bytes(name.encode(), "big")


def rows_of(split: str) -> list[Row]:
    rng = np.random.default_rng(len(split))
    made = []
    for number in range(COUNTS.get(split, 0)):
        lengths = rng.integers(1, 30, rng.integers(1, 5))
        lengths = lengths[np.cumsum(lengths) <= SEQ]
        if number % 5 == 0:
            lengths = np.array([20, SEQ - 20])  # full: no padding
        made.append(
            make_row(
                [sample(f"{split}{number}.{n}", each) for n, each in enumerate(lengths)],
                SEQ,
                199_999,
            )
        )
    return made


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a pack stage seals."""

    def run(ctx: Context[PackConfig]) -> Outcome:
        for split in SPLITS:
            with ctx.writer(split, Row) as writer:
                for row in rows_of(split):
                    writer.write(row)
        return Outcome()

    stage = Stage("pack", 1, run, SPLITS)
    root = tmp_path_factory.mktemp("sealed")
    return build(stage, PackConfig(seq_len=SEQ), {}, Resources(), root, Quiet())[0].dir


@pytest.fixture(scope="module")
def spread(sealed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same rows in several files of several row groups, without a manifest."""
    folder = tmp_path_factory.mktemp("spread")
    whole = pq.read_table(sealed / "train-00000.parquet")
    for number, start in enumerate(range(0, COUNTS["train"], 7)):
        file = folder / f"train-{number:05d}.parquet"
        pq.write_table(whole.slice(start, 7), file, row_group_size=2 + number)
    return folder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset's folder with a release, made by the stages."""
    root = tmp_path_factory.mktemp("dataset")
    folder, _ = release(root, lines=foreign("", "", "", "true_neutral"))
    (root / "release" / "current").symlink_to(f"{folder.parent.name}/dataset")
    return root


def naive(row: dict[str, Any]) -> tuple[list[int], list[int], list[int]]:
    """labels, shifted labels and positions, token by token."""
    labels, positions = [], []
    at = 0
    for length in row["seq_lengths"]:
        for n in range(length):
            trained = row["assistant_masks"][at] == 1 and n > 0
            labels.append(row["input_ids"][at] if trained else -100)
            positions.append(n)
            at += 1
    shifted = []
    for at in range(len(labels)):
        inside = at + 1 < len(labels) and positions[at + 1] > 0
        shifted.append(labels[at + 1] if inside else -100)
    return labels, shifted, positions


def same(view: PackedRow, row: dict[str, Any]) -> None:
    for name, kind in (
        ("input_ids", np.int32),
        ("assistant_masks", np.int8),
        ("seq_lengths", np.int32),
    ):
        array = getattr(view, name)
        assert array.dtype == kind and array.tolist() == row[name]
        assert array.flags.owndata and array.flags.writeable
    assert list(view.sample_ids) == row["sample_ids"] and list(view.personas) == row["personas"]
    assert view.n_loss_tokens == row["n_loss_tokens"]
    derived = (view.labels, view.shifted_labels, view.positions)
    assert all(each.dtype == np.int64 for each in derived)
    assert tuple(each.tolist() for each in derived) == naive(row)


@pytest.mark.parametrize("layout", ["sealed", "spread"])
def test_rows_are_those_of_a_dumb_reading(layout, request):
    folder = request.getfixturevalue(layout)
    ds = kappa_data.load(folder)
    for split in ds.splits:
        files = sorted(folder.glob(f"{split}-*.parquet"))
        dumb = [row for file in files for row in pq.read_table(file).to_pylist()]
        assert len(ds[split]) == len(dumb) == COUNTS[split]
        for number in np.random.default_rng(0).permutation(len(dumb)):
            same(ds[split][number], dumb[number])
        for view, row in zip(ds[split], dumb, strict=True):
            same(view, row)
        same(ds[split][-1], dumb[-1])
        assert [each.sample_ids for each in ds[split][1:4]] == [
            tuple(each["sample_ids"]) for each in dumb[1:4]
        ]
        for outside in (len(dumb), -len(dumb) - 1):
            with pytest.raises(IndexError):
                ds[split][outside]


def test_a_release_reads_as_load_dataset_reads_it(dataset, tmp_path):
    folder = dataset / "release" / "current"
    script = (
        "import json, sys\nfrom datasets import load_dataset\n"
        "view = load_dataset(sys.argv[1], 'packed')\n"
        "print(json.dumps({split: list(view[split]) for split in view}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=clean_environment(HF_HOME=str(tmp_path), HF_HUB_OFFLINE="1"),
    )
    dumb = json.loads(done.stdout.splitlines()[-1])
    places = [dataset, folder, folder.resolve(), folder.resolve().parent, folder / "packed"]
    for place in (*places, str(dataset)):
        ds = kappa_data.load(place)
        assert set(ds.splits) == set(dumb)
        for split in ds.splits:
            assert len(ds[split]) == len(dumb[split])
            for view, row in zip(ds[split], dumb[split], strict=True):
                same(view, row)


@st.composite
def any_rows(draw: st.DrawFn) -> PackedRow:
    lengths = draw(st.lists(st.integers(1, 9), min_size=1, max_size=8))
    total = sum(lengths)
    masks = draw(st.lists(st.integers(0, 1), min_size=total, max_size=total))
    return PackedRow(
        input_ids=np.arange(5, 5 + total, dtype=np.int32),
        assistant_masks=np.array(masks, dtype=np.int8),
        seq_lengths=np.array(lengths, dtype=np.int32),
        sample_ids=tuple(map(str, range(len(lengths)))),
        personas=("none",) * len(lengths),
        n_loss_tokens=sum(masks),
    )


@given(any_rows())
@settings(max_examples=300, deadline=None)
def test_labels_and_positions_are_those_of_a_loop(view):
    plain = {name: getattr(view, name) for name in ("input_ids", "assistant_masks", "seq_lengths")}
    derived = (view.labels, view.shifted_labels, view.positions)
    assert tuple(each.tolist() for each in derived) == naive(
        {name: each.tolist() for name, each in plain.items()}
    )


def test_samples_are_what_was_packed_without_padding(sealed):
    ds = kappa_data.load(sealed)
    found = list(ds["train"].samples())
    wanted = [
        pair for row in rows_of("train") for pair in zip(row.sample_ids, row.personas, strict=True)
    ]
    assert [(each.sample_id, each.persona) for each in found] == wanted
    for each in found:
        assert each.sample_id is not None
        made = sample(each.sample_id.removesuffix("#0"), len(each.ids))
        assert (each.ids == made.ids).all() and (each.mask[1:] == made.mask[1:]).all()
    padded = next(row for row in ds["train"] if len(row.seq_lengths) > len(row.sample_ids))
    *_, last = padded.documents()
    assert last[:2] == (None, None) and (last.ids == 199_999).all() and not last.mask.any()


# --- streams -----------------------------------------------------------------------------------


def name_of(row: PackedRow) -> str:
    return row.sample_ids[0]


@given(
    worlds=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    rounds=st.lists(st.integers(0, 9), min_size=4, max_size=4),
    seed=st.none() | st.integers(0, 3),
)
@settings(max_examples=40, deadline=None)
def test_no_row_is_lost_or_repeated_under_any_change_of_ranks(spread, worlds, rounds, seed):
    split = kappa_data.load(spread)["train"]
    alone = split.rows(seed=seed)
    state, seen = alone.state_dict(), []
    for world, count in zip(worlds, rounds, strict=False):
        ranks = [split.rows(rank=rank, world=world, seed=seed) for rank in range(world)]
        for each in ranks:
            each.load_state_dict(state)
        for _ in range(count):
            start = ranks[0].state_dict()
            position = start["epoch"] * COUNTS["train"] + start["cursor"]
            names = [name_of(next(each)) for each in ranks]
            # Row g goes to rank g % world, also where `world` is another one now.
            seen.append([names[(position + n) % world] for n in range(world)])
        assert len({json.dumps(each.state_dict()) for each in ranks}) == 1
        state = json.loads(json.dumps(ranks[0].state_dict()))
    assert state["epoch"] * COUNTS["train"] + state["cursor"] == sum(map(len, seen))
    for names in seen:  # each round holds the next rows of the one stream
        assert names == [name_of(next(alone)) for _ in names]


def test_a_row_goes_to_the_rank_of_its_position(spread):
    split = kappa_data.load(spread)["train"]
    order = [name_of(row) for row in split]
    for rank in range(4):
        assert [name_of(row) for row in split.rows(rank=rank, world=4, epochs=1)] == order[rank::4]


def test_an_epoch_is_a_permutation_drawn_from_seed_and_epoch(spread):
    split = kappa_data.load(spread)["train"]
    order = [name_of(row) for row in split]

    def epochs(seed: int) -> list[list[str]]:
        names = [name_of(row) for row in split.rows(seed=seed, epochs=3)]
        return [names[start : start + len(order)] for start in range(0, len(names), len(order))]

    drawn = epochs(1)
    assert all(Counter(each) == Counter(order) for each in drawn)
    assert drawn == epochs(1) and len({tuple(each) for each in (*drawn, *epochs(2), order)}) == 7
    # For good: an interrupted training goes on next year, with another numpy.
    assert [order.index(name) for name in drawn[0][:6]] == [9, 14, 6, 12, 0, 3]


def test_an_incomplete_last_round_is_refused_or_left_out_on_demand(spread):
    split = kappa_data.load(spread)["train"]
    with pytest.raises(UsageError, match=r"last 4 rows do not fill a round of 5 ranks"):
        split.rows(world=5, epochs=1)
    kept = [[*split.rows(rank=r, world=5, epochs=1, drop_last=True)] for r in range(5)]
    assert [len(each) for each in kept] == [4] * 5
    assert len([*split.rows(rank=4, world=5, epochs=5)]) == COUNTS["train"]
    stream = split.rows(world=4, epochs=1)
    next(stream)
    resumed = split.rows(world=8, epochs=1)
    with pytest.raises(UsageError, match="last 4 rows"):
        resumed.load_state_dict(stream.state_dict())


def test_a_finished_stream_stays_finished(spread):
    split = kappa_data.load(spread)["train"]
    stream = split.rows(epochs=2)
    assert len([*stream]) == 2 * COUNTS["train"]
    assert next(stream, None) is None
    assert stream.state_dict() == {
        "epoch": 2, "cursor": 0, "seed": None, "digest": split.digest()
    }  # fmt: skip
    again = split.rows(epochs=2)
    again.load_state_dict(stream.state_dict())
    assert next(again, None) is None


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda split: split.rows(rank=2, world=2), "ranks count from 0 to 1"),
        (lambda split: split.rows(epochs=0), "give 1 or more"),
        (lambda split: split.rows(seed=1).load_state_dict(split.rows().state_dict()), "seed None"),
        (
            lambda split: split.rows().load_state_dict(split.rows().state_dict() | {"cursor": 24}),
            "no state of a stream of 24 rows",
        ),
        (
            lambda split: split.rows().load_state_dict(
                split.rows().state_dict() | {"digest": "of other rows"}
            ),
            "other rows",
        ),
        (lambda split: split.rows().load_state_dict({}), "no state of a stream"),
    ],
)
def test_a_stream_that_cannot_be_is_refused(spread, ask, words):
    with pytest.raises(UsageError, match=words):
        ask(kappa_data.load(spread)["train"])


# --- processes ---------------------------------------------------------------------------------


def test_two_views_do_not_share_a_place(spread):
    split = kappa_data.load(spread)["train"]
    order = [name_of(row) for row in split]
    one, two = split.rows(), split.rows()
    names = [(name_of(next(one)), name_of(split[-1]), name_of(next(two))) for _ in order]
    assert names == [(name, order[-1], name) for name in order]


def test_a_pickled_split_and_stream_go_on(spread):
    split = kappa_data.load(spread)["train"]
    stream = split.rows(seed=5)
    skipped = [name_of(next(stream)) for _ in range(3)]
    copy: Split = pickle.loads(pickle.dumps(split))
    assert [name_of(row) for row in copy] == [name_of(row) for row in split]
    twin = pickle.loads(pickle.dumps(stream))
    assert [name_of(next(twin)) for _ in range(9)] == [name_of(next(stream)) for _ in range(9)]
    assert len(skipped) == 3


def names_of_share(split: Split, rank: int, world: int) -> list[str]:
    return [name_of(row) for row in split.rows(rank=rank, world=world, epochs=1)]


@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_processes_read_their_shares(spread, how):
    split = kappa_data.load(spread)["train"]
    order = [name_of(row) for row in split]  # its files are open now
    with multiprocessing.get_context(how).Pool(2) as pool:
        shares = pool.starmap(names_of_share, [(split, rank, 3) for rank in range(3)])
    assert shares == [order[rank::3] for rank in range(3)]


def test_a_forked_process_reads_beside_its_parent(spread):
    split = kappa_data.load(spread)["train"]
    wanted = [name_of(row) for row in split]
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, json.dumps([name_of(split[n]) for n in range(len(split))]).encode())
        os._exit(0)
    mine = [name_of(split[n]) for n in range(len(split))]
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader) as file:
        assert json.load(file) == mine == wanted


def test_importing_the_package_loads_nothing_and_loading_no_torch(sealed, tmp_path):
    script = (
        "import sys, kappa_data\n"
        "assert not {'numpy', 'pyarrow', 'msgspec'} & set(sys.modules)\n"
        "ds = kappa_data.load(sys.argv[1])\n"
        "print(len(ds['train']), int(ds['train'][3].labels.sum()))\n"
        "assert not {'torch', 'datasets', 'bpe_openai', 'gigatoken'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(sealed)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=clean_environment(),
    )
    assert done.returncode == 0, done.stderr
    row = pq.read_table(sealed / "train-00000.parquet").to_pylist()[3]
    assert done.stdout.split() == [str(COUNTS["train"]), str(sum(naive(row)[0]))]


@pytest.mark.extras
def test_torch_reads_with_workers(spread):
    data = pytest.importorskip("torch.utils.data")
    split = kappa_data.load(spread)["train"]
    loader = data.DataLoader(
        split, batch_size=4, num_workers=2, collate_fn=lambda rows: [name_of(row) for row in rows]
    )
    order = [name_of(row) for row in split]
    assert [name for batch in loader for name in batch] == order


# --- what is wrong -----------------------------------------------------------------------------


def without_column(folder: Path) -> None:
    file = folder / "train-00000.parquet"
    pq.write_table(pq.read_table(file).drop_columns(["seq_lengths"]), file)


def other_type(folder: Path) -> None:
    file = folder / "train-00000.parquet"
    table = pq.read_table(file)
    at = table.schema.get_field_index("input_ids")
    wide = table.column(at).cast(pa.list_(pa.int64()))
    pq.write_table(table.set_column(at, "input_ids", wide), file)


def fewer_rows(folder: Path) -> None:
    file = folder / "train-00000.parquet"
    pq.write_table(pq.read_table(file).slice(1), file)


def cut(folder: Path) -> None:
    file = folder / "train-00000.parquet"
    file.write_bytes(file.read_bytes()[:-100])


def nothing_left(folder: Path) -> None:
    for file in folder.glob("*.parquet"):
        file.unlink()


def gap(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    (folder / "train-00000.parquet").rename(folder / "train-00002.parquet")


def bad_manifest(folder: Path, text: str = "{") -> None:
    (folder / "manifest.json").write_text(text)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (without_column, "train-00000.parquet: not packed rows: it has no column seq_lengths"),
        (other_type, "not packed rows: input_ids is list<.*int64>, not list<.*int32>"),
        (fewer_rows, "23 rows in train, its manifest says 24"),
        (cut, "train-00000.parquet: cannot be read"),
        (lambda folder: (folder / "validation-00000.parquet").unlink(), "validation-00000.*miss"),
        (gap, "train-00000.parquet is missing"),
        (nothing_left, "no packed rows here"),
        (bad_manifest, "manifest.json: damaged"),
        (lambda folder: bad_manifest(folder, '{"sets": {"train": {}}}'), "manifest is damaged"),
    ],
)  # fmt: skip
def test_what_is_missing_or_damaged_is_one_line(sealed, tmp_path, spoil, words):
    folder = copied(sealed, tmp_path)
    spoil(folder)
    with pytest.raises(UsageError, match=words) as caught:
        kappa_data.load(folder)
    assert "\n" not in str(caught.value)


def copied(folder: Path, target: Path) -> Path:
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


def spoil_row(folder: Path, change: Callable[[Any], Any]) -> None:
    file = folder / "train-00000.parquet"
    table = pq.read_table(file)
    rows = table.to_pylist()
    change(rows[2])
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), file)


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row["input_ids"].pop(),
        lambda row: row["assistant_masks"].append(0),
        lambda row: row["seq_lengths"].append(1),
        lambda row: row.update(seq_lengths=[0, *row["seq_lengths"]]),
        lambda row: row.update(sample_ids=[]),
    ],
)
def test_a_row_that_does_not_fit_together_is_refused_where_it_is_read(sealed, tmp_path, change):
    folder = copied(sealed, tmp_path)
    spoil_row(folder, change)
    train = kappa_data.load(folder)["train"]
    assert len(train[1].input_ids) == SEQ
    with pytest.raises(UsageError, match=r"train-00000\.parquet, row 2: its lengths"):
        train[2]


def test_a_page_that_is_damaged_is_refused_where_it_is_read(sealed, tmp_path):
    folder = copied(sealed, tmp_path)
    file = folder / "train-00000.parquet"
    data = bytearray(file.read_bytes())
    data[100:3000] = bytes(2900)
    file.write_bytes(data)
    with pytest.raises(UsageError, match=r"row 0: cannot be read"):
        kappa_data.load(folder)["train"][0]


def test_a_missing_split_or_folder_is_named(sealed, tmp_path):
    ds = kappa_data.load(sealed)
    assert ds.splits == tuple(ds) == ("train", "validation")
    assert "train" in ds and "test" not in ds
    with pytest.raises(UsageError, match=r"no rows in 'test'; it has \['train', 'validation'\]"):
        ds["test"]
    with pytest.raises(UsageError, match="no such folder"):
        kappa_data.load(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="no packed rows here"):
        kappa_data.load(tmp_path)
    (tmp_path / "packed").mkdir()
    empty = pq.read_table(sealed / "train-00000.parquet").slice(0, 0)
    pq.write_table(empty, tmp_path / "packed" / "train-00000.parquet")
    with pytest.raises(UsageError, match="hold no rows"):
        kappa_data.load(tmp_path)


def test_a_release_without_one_of_its_files_is_refused(dataset, tmp_path):
    source = dataset / "release" / "current"
    (tmp_path / "packed").mkdir()
    copied(source / "packed", tmp_path / "packed")
    manifest = msgspec.json.decode((source / "manifest.json").read_bytes())
    (tmp_path / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    kappa_data.load(tmp_path)
    manifest["figures"]["rows"] += 1
    (tmp_path / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    with pytest.raises(UsageError, match="rows in all, its manifest says"):
        kappa_data.load(tmp_path)
    next((tmp_path / "packed").glob("train-*")).unlink()
    with pytest.raises(UsageError, match=r"train-00000\.parquet is missing"):
        kappa_data.load(tmp_path)


def test_the_examples_of_the_document_run(dataset, tmp_path):
    programs = blocks("load.md", "python")
    assert len(programs) >= 3
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "persona_kappa").symlink_to(dataset)
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(programs)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=clean_environment(),
    )
    assert done.returncode == 0, done.stderr
