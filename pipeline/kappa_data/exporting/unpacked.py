"""Trainers that pack by themselves, or not at all (axolotl, LLaMA-Factory): one record a sample.

`default` has exactly the three columns that axolotl's page "Custom Pre-Tokenized Dataset" asks for:
its packing joins every column that it finds. What a sample is stands in `documents`, line by line.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from msgspec import Struct

from kappa_data.dataset import PackedRow
from kappa_data.records import Int8s, Int32s
from kappa_data.trainers.rows import IGNORED
from kappa_data.writers.rows import NO_PERSONA

VERSION = 2


class Tokens(Struct, frozen=True, eq=False):
    """One sample without padding: int32[n], ones int8[n], int32[n]; labels are not shifted."""

    input_ids: Int32s
    attention_mask: Int8s
    labels: Int32s


class About(Struct, frozen=True):
    """What the sample on the same line of `default` is."""

    sample_id: str
    conversation_id: str
    persona: str
    n_tokens: int
    n_loss_tokens: int


TABLES = {"default": Tokens, "documents": About}
USE = """One sample a line, not packed and not padded:

```python
from datasets import load_dataset

folder = "."  # where this README lies
samples = load_dataset(folder, split="train")
about = load_dataset(folder, "documents", split="train")  # line by line the same samples
```

- `input_ids`: int32; every sample fits into a row of the packed dataset that it was taken from
- `attention_mask`: int8, all ones
- `labels`: int32, not shifted; -100 is not trained
- `documents`: `sample_id`, `conversation_id`, `persona`, `n_tokens`, `n_loss_tokens`

A sample holds all that its trained steps need: keep it whole, shuffle and pack as you like, and see
that attention does not cross from one sample into the next. One conversation may make several.
"""


def records(row: PackedRow) -> Iterator[tuple[str, Struct]]:
    """Each document of the row but the padding, as tokens and as what is known of it."""
    labels = np.split(row.labels.astype(np.int32), np.cumsum(row.seq_lengths)[:-1])
    for document, own in zip(row.documents(), labels, strict=True):
        if document.sample_id is None:
            continue
        size = len(document.ids)
        yield "default", Tokens(document.ids, np.ones(size, np.int8), own)
        yield (
            "documents",
            About(
                sample_id=document.sample_id,
                conversation_id=document.sample_id.rpartition("#")[0],
                persona=document.persona or NO_PERSONA,
                n_tokens=size,
                n_loss_tokens=int((own != IGNORED).sum()),
            ),
        )
