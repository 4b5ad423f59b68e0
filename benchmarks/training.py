"""Trains a small gpt-oss-shaped model on packed rows, on one GPU: loss, tokens a second, memory.

    python benchmarks/training.py --rows FOLDER [--steps 20] [--json FILE]

torchtitan's own trainer takes four runs of --steps steps one after the other: rows, synthetic,
synthetic, rows. Synthetic batches are random ids with the documents of a real row, all of them
trained, made beforehand: what is compared is what reading rows costs. The speed of a run is that
from its fifth step on. Needs torchtitan 0.3.0; torch may be older than what it asks for, then
`older_torch` stands in for what lacks (one GPU only).
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.distributed
import torch.distributed.fsdp

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pipeline"))

FIRST_TIMED = 5
ORDER = ("rows", "synthetic", "synthetic", "rows")


def older_torch() -> list[str]:
    """Puts stand-ins where torchtitan 0.3.0 needs a newer torch than this; their names."""
    found = []
    if not hasattr(torch.distributed, "set_timeout"):
        torch.distributed.set_timeout = lambda *_: None
        found.append("torch.distributed.set_timeout")
    if hasattr(torch.distributed.fsdp, "DataParallelMeshDims"):
        return found

    @dataclasses.dataclass
    class DataParallelMeshDims:
        shard: Any = None
        replicate: Any = None

    torch.distributed.fsdp.DataParallelMeshDims = DataParallelMeshDims
    from torch.nn.attention.flex_attention import create_block_mask
    from torchtitan.models.common import decoder
    from torchtitan.models.gpt_oss import parallelize

    compiled = torch.compile(create_block_mask)

    def without_new_argument(*given: Any, separate_full_blocks: bool, **named: Any) -> Any:
        return compiled(*given, **named)

    decoder.create_attention_mask = without_new_argument
    # One GPU has nothing to shard; the parameters are bfloat16 from the start.
    parallelize.apply_fsdp_to_decoder = lambda *_, **__: None
    return [*found, "DataParallelMeshDims", "create_block_mask", "apply_fsdp_to_decoder"]


def build(rows: Path, steps: int, seq_len: int, chunks: int, lr: float, folder: str) -> Any:
    """torchtitan's trainer over the rows, by the debug config of the recipe."""
    from torch.nn.attention.flex_attention import flex_attention
    from torchtitan.config import TrainingConfig
    from torchtitan.distributed.activation_checkpoint import FullAC
    from torchtitan.models.common.attention import FlexAttention

    from kappa_data.trainers.torchtitan.config_registry import debug
    from kappa_data.trainers.torchtitan.recipe import adamw

    # torchtitan's options try kernels for minutes at this length before the first step.
    FlexAttention._compiled_flex_attn = torch.compile(flex_attention)
    config = debug()
    config.dump_folder = folder
    config.dataloader = dataclasses.replace(
        config.dataloader, dataset_path=str(rows), infinite=True, num_workers=1, pin_memory=True
    )
    config.loss = dataclasses.replace(config.loss, num_chunks=chunks)
    config.optimizer = adamw(lr=lr, weight_decay=0.01)
    config.training = TrainingConfig(
        local_batch_size=1,
        seq_len=seq_len,
        steps=steps * len(ORDER),
        dtype="bfloat16",
        disable_cuda_graphs=True,
    )
    config.activation_checkpoint = FullAC.Config()
    config.checkpoint.enable = False
    return config.build()


def synthetic(rows: Any, vocab_size: int, count: int) -> Iterator[Any]:
    """Endless batches of random ids with the documents of `count` real rows, all trained."""
    random = torch.Generator().manual_seed(0)
    made = []
    for number in range(min(count, len(rows))):
        positions = torch.from_numpy(rows[number].positions)
        ids = torch.randint(vocab_size - 1000, (len(positions),), generator=random)
        labels = torch.roll(ids, -1)
        labels[torch.roll(positions, -1) == 0] = -100
        made.append((ids[None], positions[None], labels[None]))
    for ids, positions, labels in itertools.cycle(made):
        yield {"input": ids, "positions": positions}, labels


class Steps:
    """What the trainer says of each step, in the place of its own log."""

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer
        self.losses: list[float] = []
        self.gradients: list[float] = []
        self.data_seconds: list[float] = []
        trainer.metrics_processor.log = self._log

    def _log(self, _step: int, loss: float, _most: float, gradient: float, **_: Any) -> None:
        waited = self._trainer.metrics_processor.data_loading_times
        self.losses.append(loss)
        self.gradients.append(gradient)
        self.data_seconds.append(sum(waited))
        waited.clear()


def run(trainer: Any, said: Steps, batches: Iterator[Any], steps: int) -> dict[str, Any]:
    """`steps` steps on the batches: losses, seconds, what was in them."""
    seconds, documents, padding, tokens = [], [], [], 0

    def counted() -> Iterator[Any]:
        nonlocal tokens
        for inputs, labels in batches:
            starts = (inputs["positions"][0] == 0).nonzero().ravel()
            last = inputs["input"][0, int(starts[-1]) :]
            documents.append(len(starts))
            padding.append(len(last) if bool((last == last[0]).all()) else 0)
            tokens = labels.numel()
            yield inputs, labels

    first = len(said.losses)
    iterator = trainer.batch_generator(counted())
    for _ in range(steps):
        trainer.step += 1
        before = time.perf_counter()
        trainer.train_step(iterator)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - before)
        print(
            f"  step {trainer.step}: loss {said.losses[-1]:.4f}, "
            f"gradient {said.gradients[-1]:.3f}, {seconds[-1]:.3f} s, "
            f"data {1000 * said.data_seconds[-1]:.2f} ms",
            flush=True,
        )
    timed = seconds[FIRST_TIMED - 1 :] or seconds
    return {
        "loss": [round(each, 4) for each in said.losses[first:]],
        "seconds": [round(each, 4) for each in seconds],
        "data ms": [round(1000 * each, 3) for each in said.data_seconds[first:]],
        "documents": documents[:steps],
        "padding": padding[:steps],
        "tokens per second": round(tokens * len(timed) / sum(timed)),
        "median ms": round(1000 * statistics.median(timed), 1),
    }


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--rows", type=Path, required=True, help="a release, or its folder packed")
    asked.add_argument("--steps", type=int, default=20, help="of each of the four runs")
    asked.add_argument("--lr", type=float, default=1e-3)
    asked.add_argument("--chunks", type=int, default=32, help="of a row, in which the loss is made")
    asked.add_argument("--json", type=Path, help="the figures go here too")
    args = asked.parse_args()
    os.environ |= {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1"}
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": os.environ.get("MASTER_PORT", "29517"),
    }
    stand_ins = older_torch()

    from kappa_data import load

    split = load(args.rows)["train"]
    seq_len = len(split[0].input_ids)
    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU"
    print(f"{device}, torch {torch.__version__}, stand-ins {stand_ins}", flush=True)
    print(f"{len(split)} rows of {seq_len}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        trainer = build(args.rows, args.steps, seq_len, args.chunks, args.lr, folder)
        said = Steps(trainer)
        parameters = sum(each.numel() for each in trainer.model_parts[0].parameters())
        print(f"{parameters / 1e6:.0f} M parameters", flush=True)
        sources = {
            "rows": iter(trainer.dataloader),
            "synthetic": synthetic(split, 201_088, args.steps),
        }
        runs: list[tuple[str, dict[str, Any]]] = []
        for name in ORDER:
            print(f"{name}:", flush=True)
            runs.append((name, run(trainer, said, sources[name], args.steps)))
        trainer.close()
    speeds = {
        name: statistics.mean(each["tokens per second"] for kind, each in runs if kind == name)
        for name in sources
    }
    peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    figures = {
        "device": device,
        "torch": torch.__version__,
        "stand-ins": stand_ins,
        "parameters": parameters,
        "seq_len": seq_len,
        "first loss": runs[0][1]["loss"][0],
        "last loss": runs[0][1]["loss"][-1],
        "tokens per second": speeds,
        "rows by synthetic": round(speeds["rows"] / speeds["synthetic"], 4),
        "peak GiB": round(peak / 2**30, 1),
        "runs": runs,
    }
    if args.json:
        args.json.write_text(json.dumps(figures))
    print(json.dumps({name: value for name, value in figures.items() if name != "runs"}))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
