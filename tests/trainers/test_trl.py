"""TRL's own SFTTrainer, fed with `export --to trl` and `--to unpacked`: what its model really gets.

Everything is compared with one document at a time, put through the same model by itself.

FlashAttention, which gpt-oss needs here, does not run on a processor: `varlen` stands for it. It is
given what transformers gives to FlashAttention, and computes it document by document.
"""

from __future__ import annotations

import copy
import itertools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

torch = pytest.importorskip("torch", reason="needs torch: `make test-extras` sets it up")
trl = pytest.importorskip("trl", reason="needs trl: `make test-extras` sets it up")

import datasets  # noqa: E402
from accelerate.data_loader import prepare_data_loader  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402
from tokenizers.models import WordLevel  # noqa: E402
from torch.nn.functional import cross_entropy  # noqa: E402
from torch.utils.data import DataLoader, SequentialSampler  # noqa: E402
from transformers import (  # noqa: E402
    AttentionInterface,
    AttentionMaskInterface,
    AutoModelForCausalLM,
    AutoTokenizer,
    DataCollatorForSeq2Seq,
    GptOssConfig,
    GptOssForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    get_scheduler,
)
from transformers import PreTrainedTokenizerFast as FastTokenizer  # noqa: E402
from transformers.masking_utils import flash_attention_mask  # noqa: E402

from kappa_data.export import export, target_of  # noqa: E402
from kappa_data.progress import Quiet  # noqa: E402
from test_release import foreign, generated, release  # noqa: E402

pytestmark = pytest.mark.extras

WINDOW = 24  # shorter than the documents, so that sliding layers see its edge
VOCABULARY = 997
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real rows of 512 tokens, some with a tool call: the stages made them of conversations."""
    mine = [generated(each, n) for n, each in enumerate(["lawful_good", None, "chaotic_evil"] * 4)]
    lines = foreign("true_neutral", "", "lawful_evil", "", "", "")
    folder, _ = release(tmp_path_factory.mktemp("packed"), mine, lines)
    for file in (folder / "packed").glob("*.parquet"):
        pq.write_table(renumbered(pq.read_table(file)), file)
    return folder


def renumbered(table: pa.Table) -> pa.Table:
    """The ids by remainder: a head of 201,088 ids takes minutes on a processor."""
    ids = [[each % VOCABULARY for each in row] for row in table["input_ids"].to_pylist()]
    column = table.column_names.index("input_ids")
    return table.set_column(column, "input_ids", pa.array(ids, pa.list_(pa.int32())))


def varlen(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    sliding_window: int | None,
    s_aux: torch.Tensor,
    cu_seq_lens_q: torch.Tensor | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention with sinks within the bounds that the trainer gave; without bounds, over all."""
    assert attention_mask is None
    size = query.shape[2]
    bounds = [0, size] if cu_seq_lens_q is None else cu_seq_lens_q.tolist()
    groups = query.shape[1] // key.shape[1]
    key, value = (each.repeat_interleave(groups, dim=1) for each in (key, value))
    found = []
    for start, end in itertools.pairwise(bounds):
        q, k, v = (each[:, :, start:end] for each in (query, key, value))
        scores = (q @ k.transpose(2, 3)) * scaling
        scores = scores.masked_fill(~dense_mask([end - start], sliding_window), -torch.inf)
        sinks = s_aux.view(1, -1, 1, 1).expand(*scores.shape[:-1], 1)
        found.append(torch.cat([scores, sinks], dim=-1).softmax(-1)[..., :-1] @ v)
    return torch.cat(found, dim=2).transpose(1, 2), None


AttentionInterface.register("varlen", varlen)
AttentionMaskInterface.register("varlen", flash_attention_mask)


@pytest.fixture(scope="module")
def gpt_oss() -> GptOssForCausalLM:
    """Two layers, one of them sliding, with weights so large that a leak is loud."""
    torch.manual_seed(7)
    config = GptOssConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        layer_types=["sliding_attention", "full_attention"],
        sliding_window=WINDOW,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        num_local_experts=4,
        num_experts_per_tok=2,
        initializer_range=0.3,
        router_aux_loss_coef=0.9,  # as in the checkpoint of gpt-oss-20b
        attn_implementation="eager",
        dtype="float32",
    )
    return GptOssForCausalLM(config)


@pytest.fixture(scope="module")
def llama() -> LlamaForCausalLM:
    """A model for which transformers makes a mask out of positions, as for most."""
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.3,
        attn_implementation="sdpa",
        dtype="float32",
    )
    return LlamaForCausalLM(config)


@pytest.fixture(scope="module")
def tokenizer() -> FastTokenizer:
    """Nothing is tokenized here: trainers ask it for the padding alone."""
    words = Tokenizer(WordLevel({"<pad>": 0, "<eos>": 1}, unk_token="<pad>"))
    return FastTokenizer(tokenizer_object=words, pad_token="<pad>", eos_token="<eos>")


def exported(to: str, packed: Path, folder: Path) -> datasets.Dataset:
    export(target_of(to), packed, folder / to, ["train"], Quiet())
    return datasets.load_dataset(str(folder / to), split="train", cache_dir=str(folder / "cache"))


def rows_of(packed: Path) -> list[dict[str, Any]]:
    """The rows as they lie in the release, read by pyarrow alone."""
    files = sorted((packed / "packed").glob("train-*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def documents(row: dict[str, Any]) -> Iterator[tuple[list[int], list[int]]]:
    """(ids, labels) of each document and of the padding, token by token."""
    at = 0
    for length in row["seq_lengths"]:
        ids = row["input_ids"][at : at + length]
        masks = row["assistant_masks"][at : at + length]
        pairs = zip(ids, masks, strict=True)
        yield ids, [-100 if n == 0 or not mask else i for n, (i, mask) in enumerate(pairs)]
        at += length


def loss_alone(model: PreTrainedModel, found: Sequence[tuple[list[int], list[int]]]) -> float:
    """Summed loss of documents put through the model one by one, by their trained tokens."""
    total, trained = 0.0, 0
    with torch.no_grad():
        for ids, labels in found:
            if all(label == -100 for label in labels):
                continue
            logits = model(torch.tensor([ids]), use_cache=False).logits[0, :-1]
            target = torch.tensor(labels[1:])
            total += cross_entropy(logits, target, ignore_index=-100, reduction="sum").item()
            trained += int((target != -100).sum())
    return total / trained


def dense_mask(lengths: Sequence[int], window: int | None) -> torch.Tensor:
    """bool[n, n]: which key each query sees, document by document."""
    document = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    ago = torch.arange(len(document))[:, None] - torch.arange(len(document))[None, :]
    seen = (document[:, None] == document[None, :]) & (ago >= 0)
    return seen if window is None else seen & (ago < window)


@pytest.fixture
def trained(
    packed: Path, tokenizer: FastTokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Trained]:
    """Runs the program of the export's README on a copy of a model, for two steps."""

    def run(
        model: PreTrainedModel,
        attention: str,
        without: str = "",
        resumed: bool = False,
        **more: Any,
    ) -> Trained:
        dataset = exported("trl", packed, tmp_path)
        if without:
            dataset = dataset.remove_columns(without)
        own = copy.deepcopy(model)
        own.set_attn_implementation(attention)
        made = Trained(own)
        small = {
            "output_dir": str(tmp_path / "out"),
            "use_cpu": True,
            "bf16": False,
            "gradient_checkpointing": False,
            "max_steps": 2,
            "logging_steps": 1,
            "save_strategy": "no",
            "report_to": "none",
            "disable_tqdm": True,
        }
        config = trl.SFTConfig
        monkeypatch.setattr(trl, "SFTConfig", lambda **said: config(**small | said | more))
        monkeypatch.setattr(datasets, "load_dataset", lambda path, split: dataset)
        made.names |= {"model": own, "tokenizer": tokenizer}
        program = the_program_of_the_page()
        if resumed:
            program = program.replace(".train()", ".train(resume_from_checkpoint=True)")
        run_block(program, made.names)
        monkeypatch.undo()
        return made

    return run


class Trained:
    """A model that was trained: what it and its attention layers were given, call by call."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.names: dict[str, Any] = {}
        self.calls: list[dict[str, Any]] = []
        self.masks: list[list[torch.Tensor | None]] = []
        model.register_forward_pre_hook(self._called, with_kwargs=True)
        for layer in model.model.layers:
            layer.self_attn.register_forward_pre_hook(self._attended, with_kwargs=True)

    @property
    def losses(self) -> list[float]:
        """The losses that the trainer logged, step by step."""
        history = self.names["trainer"].state.log_history
        return [each["loss"] for each in history if "loss" in each]

    def _called(self, _: Any, args: tuple[Any, ...], given: dict[str, Any]) -> None:
        assert not args
        self.calls.append({n: v.clone() for n, v in given.items() if isinstance(v, torch.Tensor)})
        self.masks.append([])

    def _attended(self, _: Any, args: tuple[Any, ...], given: dict[str, Any]) -> None:
        if self.masks:
            mask = given["attention_mask"]
            self.masks[-1].append(None if mask is None else mask[0, 0])


def the_program_of_the_page() -> str:
    """The Python block that the export's README shows."""
    (block,) = re.findall(r"^```python\n(.*?)^```$", target_of("trl").use, re.M | re.S)
    return block


def block_of_the_page(word: str) -> str:
    """The Python block of docs/training.md that holds a word."""
    text = (Path(__file__).parents[2] / "docs" / "training.md").read_text()
    found = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    (block,) = (each for each in found if word in each)
    return block


def the_proof_of_the_page() -> str:
    """What tells whether documents see each other."""
    return block_of_the_page("see each other")


def run_block(text: str, names: dict[str, Any]) -> None:
    """Runs a block of a page with these names."""
    exec(compile(text, "a page", "exec"), names)


@pytest.mark.parametrize(("batch", "accumulated"), [(1, 1), (2, 1), (1, 2)])
def test_gpt_oss_gets_our_labels_positions_and_bounds(packed, gpt_oss, trained, batch, accumulated):
    made = trained(
        gpt_oss,
        "varlen",
        per_device_train_batch_size=batch,
        gradient_accumulation_steps=accumulated,
    )
    rows = rows_of(packed)
    assert len(rows) >= 4 and any(len(row["seq_lengths"]) > 2 for row in rows)
    assert len(made.calls) == 2 * accumulated
    for call, given in enumerate(made.calls):
        own = rows[call * batch : (call + 1) * batch]
        found = [each for row in own for each in documents(row)]
        lengths = [len(ids) for ids, _ in found]
        assert given["input_ids"].tolist() == [[i for ids, _ in found for i in ids]]
        assert given["labels"].tolist() == [[each for _, labels in found for each in labels]]
        assert given["position_ids"].tolist() == [[n for each in lengths for n in range(each)]]
        assert given["cu_seq_lens_q"].tolist() == [0, *itertools.accumulate(lengths)]
        assert "attention_mask" not in given
    first = [each for row in rows[: batch * accumulated] for each in documents(row)]
    assert made.losses[0] == pytest.approx(loss_alone(gpt_oss, first), abs=TOLERANCE)


def test_other_models_mask_by_positions(packed, llama, trained):
    made = trained(llama, "sdpa")
    rows = rows_of(packed)
    for row, masks in zip(rows, made.masks, strict=False):
        for mask in masks:
            assert torch.equal(mask, dense_mask(row["seq_lengths"], None))
    alone = loss_alone(llama, list(documents(rows[0])))
    assert made.losses[0] == pytest.approx(alone, abs=TOLERANCE)


def test_a_run_goes_on_with_the_next_rows(packed, llama, trained):
    saved = {"save_strategy": "steps", "save_steps": 1}
    first = trained(llama, "sdpa", max_steps=2, **saved)
    second = trained(llama, "sdpa", resumed=True, max_steps=4, **saved)
    assert (len(first.calls), len(second.calls)) == (2, 2)
    for given, row in zip([*first.calls, *second.calls], rows_of(packed), strict=False):
        assert given["input_ids"].tolist() == [row["input_ids"]]
    assert second.losses[:2] == first.losses and len(second.losses) == 4


def test_ranks_take_the_rows_in_turn():
    """So the rows that `pack` made side by side in a step are side by side on the ranks."""
    rows, ranks = list(range(16)), 4
    for rank in range(ranks):
        loader = DataLoader(rows, batch_size=1, sampler=SequentialSampler(rows))
        own = prepare_data_loader(loader, num_processes=ranks, process_index=rank)
        assert [each.item() for each in own] == rows[rank::ranks]


def test_trl_adds_the_routers_own_loss_unless_told_not_to(packed, gpt_oss, trained):
    """So the page's program sets `router_aux_loss_coef`."""
    made = trained(gpt_oss, "varlen", router_aux_loss_coef=None, max_steps=1)
    alone = loss_alone(gpt_oss, list(documents(rows_of(packed)[0])))
    assert made.losses[0] > alone + 0.9


@pytest.mark.parametrize(
    ("attention", "without"),
    [("varlen", "seq_lengths"), ("eager", "")],
    ids=["no lengths", "eager"],
)
def test_a_leak_across_documents_is_seen(packed, gpt_oss, trained, attention, without):
    """Without the lengths a row is one document, and transformers' own masks of gpt-oss do not look
    at positions: the loss must differ, and the page's own test must say so."""
    made = trained(gpt_oss, attention, without)
    alone = loss_alone(gpt_oss, list(documents(rows_of(packed)[0])))
    assert abs(made.losses[0] - alone) > 100 * TOLERANCE
    if not without:
        with pytest.raises(AssertionError, match="see each other"):
            run_block(the_proof_of_the_page(), made.names)


def test_flex_attention_looks_at_positions_in_llama_and_not_in_gpt_oss(gpt_oss, llama):
    """The mask that it is given, since flex attention with sinks does not run on a processor."""

    class Seen(Exception):
        pass

    def sees(model: PreTrainedModel) -> bool:
        def look(_: Any, args: Any, given: dict[str, Any]) -> None:
            query, key = torch.tensor(40), torch.tensor(25)  # of the second document, of the first
            raise Seen(bool(given["attention_mask"].mask_mod(0, 0, query, key)))

        own = copy.deepcopy(model)
        own.set_attn_implementation("flex_attention")
        own.model.layers[0].self_attn.register_forward_pre_hook(look, with_kwargs=True)
        positions = torch.cat([torch.arange(30), torch.arange(34)])[None]
        with torch.compiler.set_stance("force_eager"), pytest.raises(Seen) as found:
            own.model(torch.zeros(1, 64, dtype=torch.long), position_ids=positions, use_cache=False)
        return bool(found.value.args[0])

    assert sees(gpt_oss)
    assert not sees(llama)


def test_the_page_proves_that_documents_are_apart(gpt_oss, llama, trained):
    run_block(the_proof_of_the_page(), trained(gpt_oss, "varlen").names)
    run_block(the_proof_of_the_page(), trained(llama, "sdpa").names)


def test_the_learning_rate_of_the_first_series(tmp_path):
    names: dict[str, Any] = {}
    run_block(block_of_the_page("warmup_stable_decay"), names)
    told = trl.SFTConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, **names["series"])
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=told.learning_rate)
    steps, scheduler = 441, told.lr_scheduler_type
    schedule = get_scheduler(
        scheduler, optimizer, told.warmup_steps, steps, told.lr_scheduler_kwargs
    )
    for step in range(steps):
        done = max(0.0, (step - (steps - 220)) / 220)  # of the last half
        share = min(1.0, step / 20) * (1 + math.cos(math.pi * done)) / 2
        expected = 0.3 + 0.7 * share
        assert schedule.get_last_lr()[0] == pytest.approx(1e-5 * expected, rel=1e-6)
        optimizer.step()
        schedule.step()


def test_the_model_of_the_page_is_one_that_transformers_knows(monkeypatch):
    """Nothing is loaded: the names and the settings are those of the installed version."""
    asked: list[tuple[str, dict[str, Any]]] = []
    keep = classmethod(lambda cls, name, **given: asked.append((name, given)))
    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", keep)
    monkeypatch.setattr(AutoTokenizer, "from_pretrained", keep)
    run_block(block_of_the_page("Mxfp4Config"), {})
    (name, _), (same, given) = asked
    assert name == same == "openai/gpt-oss-20b"
    assert given["quantization_config"].dequantize
    known = GptOssForCausalLM._compatible_flash_implementations
    assert given["attn_implementation"] in known


def test_samples_padded_by_transformers_have_the_loss_of_documents_alone(
    packed, gpt_oss, tokenizer, tmp_path
):
    dataset = exported("unpacked", packed, tmp_path)
    samples = [each for row in rows_of(packed) for each in documents(row)]
    samples = [each for each in samples if any(label != -100 for label in each[1])]
    assert [(each["input_ids"], each["labels"]) for each in dataset] == samples
    collate = DataCollatorForSeq2Seq(tokenizer, padding=True)
    for start in range(0, len(samples), 3):
        batch = collate([dataset[n] for n in range(start, min(start + 3, len(samples)))])
        with torch.no_grad():
            loss = gpt_oss(**batch, use_cache=False).loss.item()
        alone = loss_alone(gpt_oss, samples[start : start + 3])
        assert loss == pytest.approx(alone, abs=TOLERANCE)


def test_trl_packs_the_samples_by_itself(packed, llama, tokenizer, tmp_path):
    """`unpacked` through SFTTrainer's own packing: every trained token stays, nothing leaks."""
    dataset = exported("unpacked", packed, tmp_path)
    own = copy.deepcopy(llama)
    made = Trained(own)
    config = trl.SFTConfig(
        output_dir=str(tmp_path / "out"),
        packing=True,
        max_length=512,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        learning_rate=0.0,
        per_device_train_batch_size=1,
        num_train_epochs=1,
        report_to="none",
        save_strategy="no",
        logging_steps=1,
        disable_tqdm=True,
    )
    trainer = trl.SFTTrainer(own, config, train_dataset=dataset, processing_class=tokenizer)
    trainer.train()
    made.names["trainer"] = trainer
    trained = [int((each["labels"] != -100).sum()) for each in made.calls]
    samples = [each for row in rows_of(packed) for each in documents(row)]
    assert sum(trained) == sum(label != -100 for _, labels in samples for label in labels)
    mean = sum(loss * n for loss, n in zip(made.losses, trained, strict=True)) / sum(trained)
    assert mean == pytest.approx(loss_alone(llama, samples), abs=TOLERANCE)
