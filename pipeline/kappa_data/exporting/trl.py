"""TRL's SFTTrainer: packed rows as they are, with labels and the lengths of their documents.

The names are those that TRL 1.16 reads (`trl/trainer/sft_trainer.py`): its collator makes the
positions out of `seq_lengths`, and with `padding_free` gives them to the model in place of an
attention mask. Labels are unshifted: the trainer shifts.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from msgspec import Struct

from kappa_data.dataset import PackedRow
from kappa_data.records import Int32s

VERSION = 2


class TrlRow(Struct, frozen=True, eq=False):
    """`input_ids` and `labels` int32[seq_len]; `seq_lengths` int32, the padding as the last one.

    `sample_ids` names the documents but the padding; the trainer drops it.
    """

    input_ids: Int32s
    labels: Int32s
    seq_lengths: Int32s
    sample_ids: tuple[str, ...]


TABLES = {"default": TrlRow}
USE = """Packed rows for TRL's SFTTrainer (written for TRL 1.16):

```python
from datasets import load_dataset
from trl import SFTConfig, SFTTrainer

folder = "."  # where this README lies
rows = load_dataset(folder, split="train")
config = SFTConfig(
    dataset_kwargs={"skip_prepare_dataset": True},  # already tokenized, masked and packed
    padding_free=True,  # positions that begin anew in every document, and no attention mask
    max_length=None,  # nothing is cut
    train_sampling_strategy="sequential",  # the order on disk is the order of training
    router_aux_loss_coef=0.0,  # of MoE models alone: else TRL adds the checkpoint's own
    per_device_train_batch_size=1,  # TRL warns of it; a row is a full batch
)
trainer = SFTTrainer(model, config, train_dataset=rows, processing_class=tokenizer)
trainer.train()
```

- `input_ids`, `labels`: int32, all of one length; labels are not shifted, -100 is not trained
- `seq_lengths`: the documents in order, the padding as one last document
- `sample_ids`: of each document but the padding

Attention must keep documents apart by their positions. For most models transformers does so with
any `attn_implementation`. For gpt-oss it does so with FlashAttention alone: up to transformers 5.23
its masks for `eager` and `flex_attention` do not look at positions, and documents see each other.
Leave `packing` off: it would pack the rows again. More: docs/training.md of kappa-data.
"""


def records(row: PackedRow) -> Iterator[tuple[str, Struct]]:
    """The row as one record."""
    labels = row.labels.astype(np.int32)
    yield "default", TrlRow(row.input_ids, labels, row.seq_lengths, row.sample_ids)
