"""How the rows are trained on: steps planned from the rows, optimizer groups, schedule.

torchtitan takes a number of steps; what a user has is rows and epochs. `RowsTrainer` plans the one
from the other before anything is built, so that the schedule and the last checkpoint fall where the
rows end.
"""

from __future__ import annotations

import dataclasses
import math
import os
from dataclasses import dataclass
from typing import Any

from torchtitan.components.optimizer import (
    LRSchedulersContainer,
    OptimizersContainer,
    ParamGroupConfig,
)
from torchtitan.components.tokenizer import BaseTokenizer
from torchtitan.trainer import Trainer

from kappa_data.errors import UsageError
from kappa_data.trainers.source import open_split
from kappa_data.trainers.torchtitan.data import PackedLoader

# Embeddings, norms, biases (the experts' too) and attention sinks: nothing that only scales or
# shifts is pulled towards zero. The output matrix is a weight like others: gpt-oss does not tie it.
UNDECAYED = r"tok_embeddings\.|norm\.weight$|\.bias$|_bias_E|\.sinks$"


def steps_of(rows: int, epochs: int, global_batch: int) -> int:
    """Steps in which each row comes `epochs` times; the last may be filled up (see PackedRows)."""
    return math.ceil(rows * epochs / global_batch)


def global_batch_of(config: Trainer.Config) -> int:
    """Rows of a step. Where none is set, torchtitan takes one batch of each data-parallel rank."""
    training, parallel = config.training, config.parallelism
    if training.global_batch_size > 0:
        return int(training.global_batch_size)
    others = int(
        parallel.tensor_parallel_degree
        * parallel.pipeline_parallel_degree
        * parallel.context_parallel_degree
    )
    ranks = int(os.environ.get("WORLD_SIZE", "1")) // others
    return int(training.local_batch_size) * max(ranks, 1)


def planned(config: Trainer.Config) -> Trainer.Config:
    """The config with its steps, its batches and its vocabulary taken from rows and model.

    `training.steps` 0 stands for all rows, `dataloader.epochs` times; another number is kept.
    UsageError where the dataloader is none of ours or names no rows.
    """
    loader = config.dataloader
    if not isinstance(loader, PackedLoader.Config) or not loader.dataset_path:
        raise UsageError("say which rows: --dataloader.dataset_path FOLDER, or owner/name")
    training = config.training
    batch = global_batch_of(config)
    vocab_size = None if config.model_spec is None else config.model_spec.model.vocab_size
    loader = dataclasses.replace(loader, global_batch=batch, vocab_size=vocab_size)
    if not training.steps:
        rows = len(open_split(loader.dataset_path, loader.split, loader.revision))
        steps = steps_of(rows, loader.epochs, batch)
        training = dataclasses.replace(training, steps=steps)
    return dataclasses.replace(config, dataloader=loader, training=training)


class RowsTrainer(Trainer):
    """torchtitan's trainer on packed rows: everything but the plan is torchtitan's."""

    @dataclass(kw_only=True, slots=True)
    class Config(Trainer.Config):
        pass

    def __init__(self, config: Config) -> None:
        super().__init__(planned(config))


class NoTokenizer(BaseTokenizer):
    """Rows are tokens already: torchtitan builds a tokenizer, and nothing asks it."""

    @dataclass(kw_only=True, slots=True)
    class Config(BaseTokenizer.Config):
        pass

    def __init__(self, config: Config, *, tokenizer_path: str) -> None:
        super().__init__()

    def encode(self, *_: Any, **__: Any) -> list[int]:
        raise NotImplementedError("packed rows are not tokenized again")

    def decode(self, *_: Any, **__: Any) -> str:
        raise NotImplementedError("packed rows are not tokenized again")

    def get_vocab_size(self) -> int:
        raise NotImplementedError("packed rows are not tokenized again")


def adamw(lr: float, weight_decay: float) -> OptimizersContainer.Config:
    """AdamW with torchtitan's own betas and eps; weight decay on matrices alone."""
    given = {"lr": lr, "betas": (0.9, 0.95), "eps": 1e-8}
    return OptimizersContainer.Config(
        param_groups=[
            ParamGroupConfig(
                pattern=pattern,
                optimizer_name="AdamW",
                optimizer_kwargs={**given, "weight_decay": decay},
            )
            for pattern, decay in ((UNDECAYED, 0.0), (r".*", weight_decay))
        ]
    )


def schedule(warmup_steps: int) -> LRSchedulersContainer.Config:
    """Linear warm-up, level, then a cosine over the last half of the run down to 0.3."""
    return LRSchedulersContainer.Config(
        warmup_steps=warmup_steps, decay_ratio=0.5, decay_type="cosine", min_lr_factor=0.3
    )
