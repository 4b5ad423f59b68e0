"""Packed rows as torchtitan 0.3.0 reads data.

A batch is ({"input", "positions"}, labels), int64[rows, seq_len] each. torchtitan makes its
document mask from positions alone, and sums the loss over labels other than -100 and divides it by
their number over all ranks and accumulated batches: nothing is normalised here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.distributed.checkpoint.stateful import Stateful
from torch.utils.data import IterableDataset, get_worker_info
from torchtitan.components.dataloader import ParallelAwareDataloader
from torchtitan.tools.logging import logger

from kappa_data.dataset import PackedRow, Split
from kappa_data.errors import UsageError
from kappa_data.trainers.order import Order
from kappa_data.trainers.rows import IGNORED
from kappa_data.trainers.source import open_split

Example = tuple[dict[str, torch.Tensor], torch.Tensor]
OTHERS = (
    "the checkpoint was made with {0} {1}, not {2}; set it as it was, or start from the weights "
    "alone (--checkpoint.exclude_from_loading dataloader)"
)


class PackedRows(IterableDataset[Example], Stateful):
    """One data-parallel rank's rows, epoch after epoch, from where the last iteration stopped.

    Place i of the rank is place i * dp_world_size + dp_rank of the order, so row k of a step is
    that of rank k modulo the ranks, as pack deals them. Epochs follow each other without a gap: no
    row is left out or repeated at their borders. Only the last step of the last epoch may have to
    be filled up: with rows whose labels are all -100, so each is trained `epochs` times exactly.
    A loader's worker w of n takes the batches w, w + n, ...: their order does not depend on n.
    """

    def __init__(
        self,
        split: Split,
        *,
        seq_len: int,
        dp_rank: int = 0,
        dp_world_size: int = 1,
        local_batch_size: int = 1,
        global_batch: int = 1,
        epochs: int | None = None,
        seed: int | None = 0,
        vocab_size: int | None = None,
    ) -> None:
        """UsageError where the rows are not `seq_len` long; `epochs` None: endless."""
        self._split, self._seq_len, self._vocab_size = split, seq_len, vocab_size
        self._rank, self._world, self._batch = dp_rank, dp_world_size, local_batch_size
        if epochs is not None and epochs < 1:
            raise UsageError(f"dataloader.epochs: {epochs}; give 1 or more")
        if global_batch < 1:
            raise UsageError(f"dataloader.global_batch: {global_batch}; give 1 or more")
        self._order = Order(len(split), seed, min(global_batch, len(split)))
        self._real = None if epochs is None else epochs * len(split)
        step = math.lcm(global_batch, dp_world_size * local_batch_size)
        filled = None if self._real is None else math.ceil(self._real / step) * step
        self._end = None if filled is None else filled // dp_world_size
        self._taken = 0  # rows that this copy of the dataset (the rank's, or a worker's) gave out
        self._same = {
            "rows": len(split),
            "digest": split.digest(),  # another push may have as many
            "seed": seed,
            "global_batch": global_batch,
            "dp_world_size": dp_world_size,
            "local_batch_size": local_batch_size,
        }
        self._check(split[0])
        if dp_rank == 0:
            filling = 0 if self._real is None or filled is None else filled - self._real
            logger.info(
                f"{split.name}: {len(split)} rows of {seq_len} tokens, "
                f"{'endless' if epochs is None else f'{epochs} times'}; "
                f"none left out, none repeated, {filling} without labels fill up the last step"
            )

    def __iter__(self) -> Iterator[Example]:
        worker = get_worker_info()
        number, workers = (0, 1) if worker is None else (worker.id, worker.num_workers)
        while True:
            batch, within = divmod(self._taken, self._batch)
            place = (batch * workers + number) * self._batch + within  # of the rank
            if self._end is not None and place >= self._end:
                return
            self._taken += 1  # before it is given out: a state is taken while this waits
            yield self._example(place * self._world + self._rank)

    def state_dict(self) -> dict[str, Any]:
        """What was given out, and what must be the same for it to mean the same."""
        worker = get_worker_info()
        workers = 0 if worker is None else worker.num_workers
        return {"taken": self._taken, "workers": workers, **self._same}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on after the rows of `state`; UsageError where it counts other rows than these."""
        here = self.state_dict()
        for name in ("workers", *self._same):
            if state.get(name) != here[name]:
                raise UsageError(OTHERS.format(name, state.get(name), here[name]))
        self._taken = int(state["taken"])

    def _example(self, place: int) -> Example:
        row = self._split[self._order.at(place)]
        self._check(row)
        labels = row.shifted_labels
        if self._real is not None and place >= self._real:
            labels = np.full_like(labels, IGNORED)
        ids = torch.from_numpy(row.input_ids.astype(np.int64))
        return (
            {"input": ids, "positions": torch.from_numpy(row.positions)},
            torch.from_numpy(labels),
        )

    def _check(self, row: PackedRow) -> None:
        if len(row.input_ids) != self._seq_len:
            raise UsageError(
                f"{self._split.name}: its rows are {len(row.input_ids)} long, training.seq_len is "
                f"{self._seq_len}; set --training.seq_len {len(row.input_ids)}, or pack anew with "
                f"--seq-len {self._seq_len}"
            )
        if self._vocab_size is not None and row.input_ids.max() >= self._vocab_size:
            raise UsageError(
                f"{self._split.name}: a row has token {row.input_ids.max()}, and the model knows "
                f"{self._vocab_size}; take the model whose tokenizer the dataset names"
            )


class PackedLoader(ParallelAwareDataloader):
    """torchtitan's dataloader over `PackedRows`; it resumes with its checkpoints."""

    @dataclass(kw_only=True, slots=True)
    class Config(ParallelAwareDataloader.Config):
        """`dataset_path`: a dataset's folder, a release, or owner/name on the Hub."""

        split: str = "train"
        """train, validation or test"""

        revision: str | None = None
        """branch, tag or commit on the Hub"""

        seed: int | None = 0
        """draws the order of each epoch; None: the order on disk in all of them"""

        global_batch: int = 1
        """rows of a step: they stay together, and the last step is filled up to so many"""

        infinite: bool = True
        """never ends; otherwise it ends after `epochs`"""

        epochs: int = 1
        """how often each row comes, where it ends"""

        vocab_size: int | None = None
        """of the model; a token beyond it is an error. None: not looked at"""

    def __init__(
        self,
        config: Config,
        *,
        dp_world_size: int,
        dp_rank: int,
        seq_len: int,
        local_batch_size: int,
        snapshot_every_n_steps: int | None = 1,
        **_: Any,
    ) -> None:
        """As torchtitan builds it; the tokenizer is not needed, the rows are tokens.

        UsageError where the rows do not fit `seq_len` or the vocabulary, or are not there.
        """
        if not config.dataset_path:
            raise UsageError("say which rows: --dataloader.dataset_path FOLDER, or owner/name")
        rows = PackedRows(
            open_split(config.dataset_path, config.split, config.revision),
            seq_len=seq_len,
            dp_rank=dp_rank,
            dp_world_size=dp_world_size,
            local_batch_size=local_batch_size,
            global_batch=config.global_batch,
            epochs=None if config.infinite else config.epochs,
            seed=config.seed,
            vocab_size=config.vocab_size,
        )
        super().__init__(
            rows,
            dp_rank=dp_rank,
            dp_world_size=dp_world_size,
            num_workers=config.num_workers,
            persistent_workers=config.persistent_workers,
            pin_memory=config.pin_memory,
            prefetch_factor=config.prefetch_factor,
            snapshot_every_n_steps=snapshot_every_n_steps,
            batch_size=local_batch_size,
        )

    def __iter__(self) -> Iterator[Any]:
        """UsageError where a checkpoint was made with workers, and there are none now, or else."""
        try:
            return iter(super().__iter__())
        except AssertionError as error:  # torchdata's, of a state that has another form
            raise UsageError(
                OTHERS.format("workers", "in another number", self.num_workers)
            ) from error

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on after the rows of a checkpoint; UsageError where it is of other ranks.

        torchtitan asserts that of ranks that were there, and lets a further one begin anew.
        """
        world = state_dict.get("world_size", self.dp_world_size)
        if world != self.dp_world_size:
            raise UsageError(OTHERS.format("data-parallel ranks", world, self.dp_world_size))
        super().load_state_dict(state_dict)
