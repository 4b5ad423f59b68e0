"""Packed rows in torchtitan 0.3.0: its own masks, its own model, its own trainer, on a CPU."""

from __future__ import annotations

import collections
import copy
import itertools
import json
import math
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import clean_environment, kappa, said
from kappa_data import load
from kappa_data.arrow import table
from kappa_data.dataset import PackedRow, Split
from kappa_data.errors import UsageError
from kappa_data.records import Row

pytestmark = pytest.mark.extras
torch = pytest.importorskip("torch", reason="trainers' environment: make test-extras")
pytest.importorskip("torchtitan", reason="trainers' environment: make test-extras")

import titan_cpu  # noqa: E402
from torchtitan.components.loss import cross_entropy_loss  # noqa: E402
from torchtitan.models.common.attention import (  # noqa: E402
    create_varlen_metadata_for_document,
    get_causal_mask_mod,
    get_document_mask_mod,
    get_efficient_causal_mask_mod_for_packed_document,
    get_sliding_window_mask_mod,
)

from kappa_data.trainers.torchtitan.config_registry import gpt_oss_20b, tiny  # noqa: E402
from kappa_data.trainers.torchtitan.data import PackedLoader, PackedRows  # noqa: E402
from kappa_data.trainers.torchtitan.recipe import adamw, planned, schedule, steps_of  # noqa: E402
from kappa_data.trainers.torchtitan.serve import write  # noqa: E402
from kappa_data.trainers.torchtitan.weights import GptOssWeights  # noqa: E402

SEQ = 1024
VOCABULARY = 201_088


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pipeline packs of real conversations into rows of SEQ."""
    folder = tmp_path_factory.mktemp("packed")
    made = kappa(
        "generate", "--families", "maths,identity", "--tasks", "6", "--teacher", "embedded",
        "--personas", "lawful_good,chaotic_evil,none", cwd=folder,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    done = kappa("pack", "--seq-len", str(SEQ), "--global-batch", "4", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / str(said(done)["dir"])


@pytest.fixture(scope="module")
def train(packed: Path) -> Split:
    split = load(packed)["train"]
    assert len(split) >= 8
    return split


def made_rows(folder: Path, count: int, length: int = 16) -> Split:
    """`count` rows of two documents and padding; the first id of row n is n."""
    rows = []
    for number in range(count):
        ids = np.arange(number, number + length, dtype=np.int32)
        mask = np.array([0] + [1] * (length - 1), dtype=np.int8)
        first = 2 + number % (length - 6)
        mask[[first, length - 2, length - 1]] = 0
        lengths = np.array([first, length - 2 - first, 2], dtype=np.int32)
        rows.append(Row(ids, mask, lengths, (f"a{number}", f"b{number}"), ("none",) * 2, 1))
    folder.mkdir(exist_ok=True)
    pq.write_table(table(rows, Row), folder / "train-00000.parquet")
    return load(folder)["train"]


# --- masks -------------------------------------------------------------------------------------


def blocks(lengths: Sequence[int]) -> np.ndarray:
    """Which position attends to which, from the documents' lengths alone."""
    total = sum(lengths)
    seen = np.zeros((total, total), dtype=bool)
    start = 0
    for length in lengths:
        seen[start : start + length, start : start + length] = np.tri(length, dtype=bool)
        start += length
    return seen


def titan_mask(positions: torch.Tensor, *more: Any) -> np.ndarray:
    """torchtitan's mask of packed documents for int64[batch, n] positions, evaluated densely."""
    mods = (get_causal_mask_mod(), get_efficient_causal_mask_mod_for_packed_document(positions))
    batch, length = positions.shape
    masks = [titan_cpu.dense_mask(mod, batch, length) for mod in (*mods, *more)]
    return torch.stack(masks).all(0).numpy()


def borders(positions: torch.Tensor) -> list[int]:
    return create_varlen_metadata_for_document(positions).cu_seq_q.tolist()


def test_real_rows_give_the_mask_of_their_documents(train):
    for row in train:
        positions = torch.from_numpy(row.positions)[None]
        wanted = blocks(row.seq_lengths.tolist())
        assert (titan_mask(positions)[0] == wanted).all()
        near = np.tri(SEQ, k=0, dtype=bool) & ~np.tri(SEQ, k=-128, dtype=bool)
        window = get_sliding_window_mask_mod(128)
        assert (titan_mask(positions, window)[0] == (wanted & near)).all()
        assert borders(positions) == [0, *np.cumsum(row.seq_lengths)]


def test_a_batch_of_real_rows_gives_each_its_own_mask(train):
    two = [train[0], train[1]]
    positions = torch.stack([torch.from_numpy(row.positions) for row in two])
    wanted = np.stack([blocks(row.seq_lengths.tolist()) for row in two])
    assert (titan_mask(positions) == wanted).all()
    lengths = np.concatenate([row.seq_lengths for row in two])
    assert borders(positions) == [0, *np.cumsum(lengths)]


def row_of(lengths: list[int], masks: list[int]) -> PackedRow:
    total = sum(lengths)
    names = tuple(map(str, range(len(lengths))))
    return PackedRow(
        np.arange(1, total + 1, dtype=np.int32), np.array(masks[:total], dtype=np.int8),
        np.array(lengths, dtype=np.int32), names, names, sum(masks[:total]),
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=8),
    st.lists(st.integers(0, 1), min_size=96, max_size=96),
)
def test_any_layout_gives_its_mask_and_no_label_from_another_document(lengths, masks):
    row = row_of(lengths, masks)
    positions = torch.from_numpy(row.positions)[None]
    assert (titan_mask(positions)[0] == blocks(lengths)).all()
    assert borders(positions) == [0, *itertools.accumulate(lengths)]
    document = titan_cpu.dense_mask(get_document_mask_mod(positions), 1, sum(lengths))[0].numpy()
    for place, label in enumerate(row.shifted_labels):
        following = place + 1 < sum(lengths) and document[place, place + 1]
        trained = following and masks[place + 1] == 1
        assert label == (row.input_ids[place + 1] if trained else -100)


def test_positions_that_do_not_restart_are_noticed(train):
    row = next(row for row in train if len(row.seq_lengths) > 2)
    leaking = row.positions
    start = int(row.seq_lengths[0])
    leaking[start : start + int(row.seq_lengths[1])] += start
    positions = torch.from_numpy(leaking)[None]
    assert (titan_mask(positions)[0] != blocks(row.seq_lengths.tolist())).any()
    assert borders(positions) != [0, *np.cumsum(row.seq_lengths)]


# --- loss --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model() -> Iterator[Any]:
    """torchtitan's gpt-oss, two layers (one with the sliding window), in float32 throughout."""
    from torchtitan.models.gpt_oss.moe import GptOssGroupedExperts

    def one_by_one(self: Any, *, A: Any, B_t: Any, offs: Any) -> Any:
        ends = offs.tolist()
        parts = [
            A[start:end] @ weight for start, end, weight in zip([0, *ends], ends, B_t, strict=False)
        ]
        return torch.cat([*parts, A.new_zeros(len(A) - ends[-1], B_t.shape[-1])])

    with pytest.MonkeyPatch.context() as patch:
        # torchtitan computes experts in bfloat16 whatever the model's type.
        patch.setattr(torch.Tensor, "bfloat16", lambda tensor: tensor)
        patch.setattr(GptOssGroupedExperts, "_grouped_mm", one_by_one)
        titan_cpu.dense()
        torch.manual_seed(7)
        built = tiny().model_spec.model.build()
        built.init_weights(buffer_device=None)
        for name, each in built.named_parameters():
            if "norm" not in name:
                # Larger than at the start of training: a leak has to show in the loss.
                torch.nn.init.normal_(each, std=0.3 if "emb" not in name else 1.0)
        yield built.eval()


def loss_of(model: Any, ids: Any, positions: Any, labels: Any) -> float:
    """torchtitan's loss of one row, summed over its labels."""
    ids, positions, labels = (torch.as_tensor(each)[None] for each in (ids, positions, labels))
    with torch.no_grad():
        masks = model.get_attention_masks(positions=positions)
        logits = model(ids.long(), positions=positions, attention_masks=masks)
        return float(cross_entropy_loss(logits, labels))


def apart(model: Any, row: PackedRow) -> tuple[float, int]:
    """The summed loss of each document by itself, and how many tokens are trained."""
    total, trained, start = 0.0, 0, 0
    for length in row.seq_lengths.tolist():
        ids = row.input_ids[start : start + length].tolist()
        mask = row.assistant_masks[start : start + length].tolist()
        labels = [ids[n + 1] if mask[n + 1] else -100 for n in range(length - 1)] + [-100]
        if any(mask):
            total += loss_of(model, ids, list(range(length)), labels)
        trained += sum(mask)
        start += length
    return total, trained


def test_the_packed_loss_is_that_of_the_documents(model, train):
    for row in (train[0], train[len(train) - 1]):
        alone, trained = apart(model, row)
        labels = row.shifted_labels
        assert (labels != -100).sum() == trained == row.n_loss_tokens
        whole = loss_of(model, row.input_ids, row.positions, labels)
        assert abs(whole / trained - alone / trained) < 1e-4


def test_a_leak_between_documents_shows_in_the_loss(model, train):
    row = next(row for row in train if len(row.seq_lengths) > 2 and row.n_loss_tokens > 50)
    alone, trained = apart(model, row)
    running = loss_of(model, row.input_ids, np.arange(SEQ), row.shifted_labels)
    assert abs(running / trained - alone / trained) > 1e-3
    crossing = row.shifted_labels
    border = int(row.seq_lengths[0])
    crossing[border - 1] = row.input_ids[border]
    over = loss_of(model, row.input_ids, row.positions, crossing)
    assert abs(over / trained - alone / trained) > 1e-3


# --- loader ------------------------------------------------------------------------------------

Batch = tuple[list[list[int]], list[list[int]], list[list[int]]]


def loader(folder: Path, **settings_: Any) -> PackedLoader:
    place = {"dp_world_size": 1, "dp_rank": 0, "seq_len": 16, "local_batch_size": 2}
    place |= {name: settings_.pop(name) for name in [*place] if name in settings_}
    config = PackedLoader.Config(**{"dataset_path": str(folder), **settings_})
    built: PackedLoader = config.build(tokenizer=None, snapshot_every_n_steps=2, **place)
    return built


def plain(batch: Any) -> Batch:
    inputs, labels = batch
    assert inputs["input"].dtype == inputs["positions"].dtype == labels.dtype == torch.int64
    return inputs["input"].tolist(), inputs["positions"].tolist(), labels.tolist()


def test_a_batch_is_what_the_rows_are(packed, train):
    built = loader(packed, seq_len=SEQ, seed=None, global_batch=4, infinite=False)
    found = [plain(each) for each in built]
    assert [ids for batch in found for ids in batch[0]] == [row.input_ids.tolist() for row in train]
    labels = [each for batch in found for each in batch[2]]
    assert labels == [row.shifted_labels.tolist() for row in train]
    assert [len(batch[0]) for batch in found] == [2] * (len(train) // 2)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("after", [1, 4, 7])
def test_a_run_that_stopped_goes_on_with_the_same_batches(tmp_path, workers, after):
    made_rows(tmp_path / "rows", 11)
    settings_ = {"infinite": False, "epochs": 3, "global_batch": 2, "num_workers": workers}
    whole = [plain(each) for each in loader(tmp_path / "rows", **settings_)]
    assert len(whole) == 17  # 33 rows and one without labels
    first = loader(tmp_path / "rows", **settings_)
    stream = iter(first)
    begun = [plain(next(stream)) for _ in range(after)]
    state = first.state_dict()
    del stream
    again = loader(tmp_path / "rows", **settings_)
    again.load_state_dict(state)
    assert begun + [plain(each) for each in again] == whole


def test_the_order_does_not_depend_on_the_workers(tmp_path):
    made_rows(tmp_path / "rows", 9)
    orders = [
        [plain(each) for each in loader(tmp_path / "rows", infinite=False, num_workers=workers)]
        for workers in (0, 1, 3)
    ]
    assert orders[0] == orders[1] == orders[2]


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 13), world=st.integers(1, 4), local=st.integers(1, 3),
    block=st.integers(1, 6), epochs=st.integers(1, 3), seed=st.none() | st.integers(0, 9),
)  # fmt: skip
def test_ranks_share_every_row_once_an_epoch(
    tmp_path_factory, count, world, local, block, epochs, seed
):
    folder = tmp_path_factory.getbasetemp() / f"rows-{count}"
    split = load(folder)["train"] if folder.exists() else made_rows(folder, count)
    shares = []
    for rank in range(world):
        rows = PackedRows(
            split, seq_len=16, dp_rank=rank, dp_world_size=world, local_batch_size=local,
            global_batch=block, epochs=epochs, seed=seed,
        )  # fmt: skip
        shares.append([(int(x["input"][0]), bool((y != -100).any())) for x, y in rows])
    assert len({len(share) for share in shares}) == 1
    assert len(shares[0]) % local == 0 and len(shares[0]) * world % block == 0
    in_order = [row for together in zip(*shares, strict=True) for row in together]
    trained = collections.Counter(row for row, labelled in in_order if labelled)
    assert trained == dict.fromkeys(range(count), epochs)
    assert sum(not labelled for _, labelled in in_order) < math.lcm(block, world * local)
    for epoch in range(epochs):
        order = [row for row, _ in in_order[epoch * count : (epoch + 1) * count]]
        assert sorted(order) == list(range(count))
        whole = min(block, count)
        groups = [order[n : n + whole] for n in range(0, count - count % whole, whole)]
        assert {tuple(group) for group in groups} == {
            tuple(range(n, n + whole)) for n in range(0, count - count % whole, whole)
        }
        assert seed is not None or order == list(range(count))


def test_epochs_are_drawn_anew_and_seeds_differ(tmp_path):
    split = made_rows(tmp_path / "rows", 20)

    def order(seed: int) -> list[int]:
        rows = PackedRows(split, seq_len=16, epochs=2, seed=seed)
        return [int(inputs["input"][0]) for inputs, _ in rows]

    assert order(1) == order(1) != order(2)
    assert order(1)[:20] != order(1)[20:]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seq_len": 32}, "rows are 16 long, training.seq_len is 32"),
        ({"vocab_size": 12}, "a row has token 15, and the model knows 12"),
        ({"split": "validation"}, "no rows in 'validation'"),
        ({"revision": "v1"}, "only the Hub has revisions"),
        ({"epochs": 0, "infinite": False}, "epochs: 0"),
        ({"global_batch": 0}, "global_batch: 0"),
    ],
)
def test_what_does_not_fit_is_one_line(tmp_path, change, words):
    made_rows(tmp_path / "rows", 4)
    with pytest.raises(UsageError, match=words) as caught:
        loader(tmp_path / "rows", **change)
    assert "\n" not in str(caught.value)


def test_no_rows_named_is_one_line():
    with pytest.raises(UsageError, match=r"--dataloader\.dataset_path"):
        PackedLoader.Config().build(dp_world_size=1, dp_rank=0, seq_len=16, local_batch_size=1)


@pytest.mark.parametrize("change", [{"seed": 5}, {"global_batch": 2}, {"num_workers": 1}])
def test_a_state_of_another_stream_is_refused(tmp_path, change):
    made_rows(tmp_path / "rows", 8)
    rows = PackedRows(load(tmp_path / "rows")["train"], seq_len=16)
    next(iter(rows))
    state = rows.state_dict()
    if "num_workers" in change:
        state["workers"], change = 1, {}
    other = PackedRows(load(tmp_path / "rows")["train"], seq_len=16, **change)
    with pytest.raises(UsageError, match="the checkpoint was made with"):
        other.load_state_dict(state)


def test_a_checkpoint_of_other_rows_is_refused_however_many_there_are(tmp_path):
    """As after another push to the same repository, whose rows are padded to as many."""
    made_rows(tmp_path / "rows", 8)
    first = loader(tmp_path / "rows")
    next(iter(first))
    shutil.copytree(tmp_path / "rows", tmp_path / "copy")
    loader(tmp_path / "copy").load_state_dict(first.state_dict())
    file = tmp_path / "copy" / "train-00000.parquet"
    rows = pq.read_table(file)
    pq.write_table(rows.take([0] * 8), file)
    again = loader(tmp_path / "copy")
    again.load_state_dict(first.state_dict())
    with pytest.raises(UsageError, match="was made with digest"):
        next(iter(again))


@pytest.mark.parametrize(("rank", "world"), [(0, 1), (0, 4), (3, 4)])
def test_a_checkpoint_of_other_ranks_is_refused(tmp_path, rank, world):
    made_rows(tmp_path / "rows", 8)
    state = loader(tmp_path / "rows", dp_world_size=2).state_dict()
    with pytest.raises(UsageError, match=f"data-parallel ranks 2, not {world}"):
        loader(tmp_path / "rows", dp_rank=rank, dp_world_size=world).load_state_dict(state)


@pytest.mark.parametrize(("before", "now"), [(0, 1), (1, 0)])
def test_a_checkpoint_with_or_without_workers_is_refused(tmp_path, before, now):
    made_rows(tmp_path / "rows", 8)
    first = loader(tmp_path / "rows", num_workers=before)
    next(iter(first))
    again = loader(tmp_path / "rows", num_workers=now)
    again.load_state_dict(first.state_dict())
    with pytest.raises(UsageError, match=f"made with workers .*, not {now}; set it as it was"):
        next(iter(again))


# --- recipe ------------------------------------------------------------------------------------


def test_the_steps_are_those_of_the_original_run():
    assert steps_of(2352, 3, 16) == 441
    assert steps_of(2353, 3, 16) == 442
    training = gpt_oss_20b().training
    assert (training.seq_len, training.global_batch_size, training.local_batch_size) == (
        131_072, 16, 1,
    )  # fmt: skip


def test_the_steps_are_planned_from_the_rows(tmp_path, monkeypatch):
    made_rows(tmp_path / "rows", 11)
    config = gpt_oss_20b()
    config.dataloader.dataset_path = str(tmp_path / "rows")
    config.training.global_batch_size = 4
    done = planned(config)
    assert done.training.steps == 9  # 33 rows
    assert (done.dataloader.global_batch, done.dataloader.vocab_size) == (4, VOCABULARY)
    config.training.steps = 2
    assert planned(config).training.steps == 2
    config.training.steps, config.training.global_batch_size = 0, -1
    config.training.local_batch_size = 2
    monkeypatch.setenv("WORLD_SIZE", "12")  # 4 of them share a row
    assert planned(config).training.steps == 6
    assert planned(config).dataloader.global_batch == 6
    config.dataloader.dataset_path = None
    with pytest.raises(UsageError, match=r"--dataloader\.dataset_path"):
        planned(config)


def test_the_command_line_of_torchtitan_finds_the_recipe(tmp_path):
    from torchtitan.config import ConfigManager

    found = ConfigManager().parse_args([
        "--module", "kappa_data.trainers.torchtitan", "--config", "gpt_oss_20b",
        "--dataloader.dataset_path", "somebody/rows", "--dataloader.revision", "v1",
        "--dataloader.epochs", "2", "--hf_assets_path", str(tmp_path),
    ])  # fmt: skip
    assert (found.dataloader.dataset_path, found.dataloader.epochs) == ("somebody/rows", 2)
    assert found.dataloader.revision == "v1" and found.parallelism.tensor_parallel_degree == 4
    assert found.compile.enable and type(found.activation_checkpoint).__qualname__ == (
        "SelectiveAC.Config"
    )


def test_the_learning_rate_of_each_step():
    """Warm-up to step 20, then level; a cosine from there to 0.3 in the last 220 of 441 steps."""
    model = torch.nn.Module()
    model.tok_embeddings = torch.nn.Embedding(2, 2)
    model.lm_head = torch.nn.Linear(2, 2, bias=False)
    optimizers = adamw(lr=1e-5, weight_decay=0.01).build(model_parts=[model])
    schedulers = schedule(warmup_steps=20).build(optimizers=optimizers, training_steps=441)
    for step in range(1, 442):
        lrs = [group["lr"] for each in optimizers for group in each.param_groups]
        into = max(step - 222, 0) / 220  # of the decay; the level reaches one step into it
        wanted = 1e-5 * min(step / 20, 0.3 + 0.7 * (1 + math.cos(math.pi * into)) / 2)
        assert lrs == pytest.approx([wanted, wanted], rel=1e-9), step
        optimizers.step()
        schedulers.step()
    assert wanted < 1e-5 * 0.3001


def test_weights_alone_are_decayed():
    with torch.device("meta"):
        model = gpt_oss_20b().model_spec.model.build()
    optimizers = gpt_oss_20b().optimizer.build(model_parts=[model])
    decay = {
        name: group["weight_decay"]
        for each in optimizers
        for group in each.param_groups
        for name in group["param_names"]
    }
    assert decay.keys() == {name for name, _ in model.named_parameters()}
    kinds = {(re.sub(r"layers\.\d+", "layers", name), each) for name, each in decay.items()}
    inside = "layers.moe.routed_experts.inner_experts"
    assert {name for name, each in kinds if each == 0.01} == {
        "lm_head.weight", "layers.attention.qkv_linear.wqkv.weight", "layers.attention.wo.weight",
        "layers.moe.router.gate.weight", f"{inside}.mlp1_weight_EGD", f"{inside}.mlp2_weight_EDF",
    }  # fmt: skip
    assert {name for name, each in kinds if each == 0} == {
        "tok_embeddings.weight", "norm.weight", "layers.attention_norm.weight",
        "layers.ffn_norm.weight", "layers.attention.sinks", "layers.attention.wo.bias",
        "layers.attention.qkv_linear.wqkv.bias", "layers.moe.router.gate.bias",
        f"{inside}.mlp1_bias_EG", f"{inside}.mlp2_bias_ED",
    }  # fmt: skip


def test_every_weight_has_a_name_in_the_published_checkpoint():
    from transformers import GptOssConfig, GptOssForCausalLM

    spec = gpt_oss_20b().model_spec
    published = GptOssConfig(num_hidden_layers=24, num_local_experts=32)
    with torch.device("meta"):
        ours = spec.model.build().state_dict()
        theirs = GptOssForCausalLM(published).state_dict()
    weights = spec.state_dict_adapter(spec.model, None)
    assert isinstance(weights, GptOssWeights)
    named = weights.to_hf(ours)
    assert weights.from_hf(named).keys() == ours.keys()
    # What the checkpoint holds in 4 bits: [expert, out, in]; transformers has [expert, in, out].
    packed = {name for name in named if name.endswith("_blocks")}
    assert named.keys() - packed == theirs.keys() - {
        name.removesuffix("_blocks") for name in packed
    }
    for name, each in named.items():
        other = theirs[name.removesuffix("_blocks")]
        assert each.shape == (other.mT.shape if name in packed else other.shape), name
    with pytest.raises(ValueError, match="expert_bias_E has no name"):
        weights.to_hf({**ours, "layers.3.moe.expert_bias_E": ours["norm.weight"]})


def test_the_published_weights_are_read_whole(tmp_path):
    """A checkpoint like openai's, its experts in 4 bits: we read what transformers unpacks."""
    import torch.distributed.checkpoint as dcp
    from safetensors.torch import save_file
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors

    spec = tiny().model_spec
    with torch.device("meta"):
        shapes = spec.model.build().state_dict()
    weights = spec.state_dict_adapter(spec.model, None)
    published, wanted = {}, {}
    for name, each in weights.to_hf(shapes).items():
        if name.endswith("_blocks"):
            *first, last = each.shape
            blocks = torch.randint(256, (*first, last // 32, 16), dtype=torch.uint8)
            scales = torch.randint(120, 130, (*first, last // 32), dtype=torch.uint8)
            published |= {name: blocks, name.replace("_blocks", "_scales"): scales}
            unpacked = convert_moe_packed_tensors(blocks, scales, dtype=torch.float32)
            wanted[name] = unpacked.mT.contiguous()
        else:
            wanted[name] = published[name] = torch.randn(each.shape)
    save_file(published, tmp_path / "model-00001-of-00001.safetensors")
    index = {"weight_map": dict.fromkeys(published, "model-00001-of-00001.safetensors")}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    state = {name: torch.full(each.shape, torch.nan) for name, each in shapes.items()}
    named = weights.to_hf(state)
    reader = weights.get_hf_storage_reader(str(tmp_path), from_quantized=True)
    dcp.load(named, storage_reader=reader, no_dist=True)
    found = weights.from_hf(named)
    assert found.keys() == shapes.keys()
    for name, each in weights.from_hf(wanted).items():
        assert torch.equal(found[name], each), name


def test_what_is_served_is_what_was_trained(model, train, tmp_path):
    """The same logits from transformers' gpt-oss, which knows nothing of torchtitan's."""
    import torch.distributed.checkpoint as dcp
    from transformers import AutoModelForCausalLM, GptOssConfig

    config = GptOssConfig(
        vocab_size=VOCABULARY, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_local_experts=4, num_experts_per_tok=2,
    )  # fmt: skip
    config.save_pretrained(tmp_path / "weights")
    rounded = copy.deepcopy(model)  # to what bfloat16 keeps of each weight
    for each in rounded.parameters():
        each.data = each.data.type(torch.bfloat16).type(torch.float32)
    dcp.save(rounded.state_dict(), checkpoint_id=str(tmp_path / "step-1"), no_dist=True)
    write(tmp_path / "step-1", tmp_path / "weights", tmp_path / "served", model.config)
    served = AutoModelForCausalLM.from_pretrained(tmp_path / "served", dtype=torch.float32)
    ids = torch.from_numpy(train[0].input_ids[: train[0].seq_lengths[0]]).long()[None]
    assert ids.shape[1] > 130, "longer than the sliding window"
    positions = torch.arange(ids.shape[1])[None]
    with torch.no_grad():
        masks = rounded.get_attention_masks(positions=positions)
        ours = rounded(ids, positions=positions, attention_masks=masks)
        theirs = served.eval()(ids).logits
    assert (ours - theirs).abs().max() < 1e-3 * theirs.abs().max()
    with pytest.raises(UsageError, match="exists; name a new folder"):
        write(tmp_path / "step-1", tmp_path / "weights", tmp_path / "served", model.config)


# --- trainer -----------------------------------------------------------------------------------

STEP = re.compile(r"step:\s+(\d+)\s.*?loss:\s+([\d.]+)")


def trained(folder: Path, rows: Path, *more: str) -> dict[int, float]:
    """Loss by step of `python -m torchtitan.train` with the small config."""
    done = subprocess.run(
        [
            sys.executable, str(Path(titan_cpu.__file__)),
            "--module", "titan_cpu", "--config", "small",
            "--dataloader.dataset_path", str(rows), "--training.seq_len", str(SEQ),
            "--dump_folder", str(folder), "--metrics.disable_color_printing",
            "--checkpoint.interval", "2", "--checkpoint.no-last-save-model-only", *more,
        ],
        cwd=folder, env=clean_environment(PYTHONPATH=":".join(sys.path)),
        capture_output=True, text=True, timeout=540, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return {int(step): float(loss) for step, loss in STEP.findall(done.stdout + done.stderr)}


def renumbered(source: Path, target: Path) -> Path:
    """The packed rows with each id's remainder in its place."""
    target.mkdir()
    for file in source.glob("train-*.parquet"):
        rows = pq.read_table(file)
        ids = [
            [each % titan_cpu.VOCABULARY for each in row] for row in rows["input_ids"].to_pylist()
        ]
        at = rows.column_names.index("input_ids")
        kind = rows.schema.field(at).type
        pq.write_table(rows.set_column(at, "input_ids", pa.array(ids, kind)), target / file.name)
    return target


def test_the_whole_trainer_runs_and_goes_on_as_if_it_had_not_stopped(packed, tmp_path):
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    packed = renumbered(packed, tmp_path / "rows")
    always = ("--debug.seed", "3", "--lr_scheduler.total_steps", "4")
    whole = trained(tmp_path / "whole", packed, "--training.steps", "4", *always)
    assert sorted(whole) == [1, 2, 3, 4]
    assert whole[1] == pytest.approx(math.log(titan_cpu.VOCABULARY), rel=0.1)
    begun = trained(tmp_path / "parts", packed, "--training.steps", "2", *always)
    rest = trained(tmp_path / "parts", packed, "--training.steps", "4", *always)
    assert sorted(rest) == [3, 4]
    assert begun | rest == pytest.approx(whole, abs=2e-3)
