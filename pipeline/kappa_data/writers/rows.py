"""Packed rows: the layout of input_ids, assistant_masks and seq_lengths, and its proof.

The padding at the end of a row is one last document of the vocabulary's padding id: a trainer that
finds documents by positions would otherwise see every pad as one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np

from kappa_data.formats.vocabulary import ENDOFTEXT
from kappa_data.records import Int8s, Int32s, Row

NO_PERSONA = "none"


class Document(Protocol):
    """What a row takes of a sample: ids int32[n] and mask int8[n]."""

    @property
    def id(self) -> str: ...
    @property
    def persona(self) -> str | None: ...
    @property
    def ids(self) -> Int32s: ...
    @property
    def mask(self) -> Int8s: ...


def make_row(samples: Sequence[Document], seq_len: int, pad_id: int) -> Row:
    """One row of `seq_len` tokens from samples that fit into it, in their order."""
    lengths = [len(sample.ids) for sample in samples]
    padding = seq_len - sum(lengths)
    if padding < 0:
        raise ValueError(f"{sum(lengths)} tokens do not fit into a row of {seq_len}")
    ids = np.full(seq_len, pad_id, dtype=np.int32)
    mask = np.zeros(seq_len, dtype=np.int8)
    start = 0
    for sample in samples:
        end = start + len(sample.ids)
        ids[start:end] = sample.ids
        mask[start:end] = sample.mask
        mask[start] = 0  # nothing in its own document predicts a first token
        start = end
    return Row(
        input_ids=ids,
        assistant_masks=mask,
        seq_lengths=np.array(lengths + [padding] * (padding > 0), dtype=np.int32),
        sample_ids=tuple(sample.id for sample in samples),
        personas=tuple(sample.persona or NO_PERSONA for sample in samples),
        n_loss_tokens=int(mask.sum()),
    )


def documents(row: Row) -> Iterator[tuple[str | None, np.ndarray, np.ndarray]]:
    """(sample id, ids, mask) of each document of a row; the padding has no sample id."""
    start = 0
    names: list[str | None] = [*row.sample_ids]
    names += [None] * (len(row.seq_lengths) - len(names))
    for name, length in zip(names, row.seq_lengths, strict=True):
        end = start + int(length)
        yield name, row.input_ids[start:end], row.assistant_masks[start:end]
        start = end


def fingerprint(ids: np.ndarray, mask: np.ndarray) -> bytes:
    """sha256 over the tokens and the mask of one document."""
    whole = hashlib.sha256(np.ascontiguousarray(ids, dtype=np.int32).tobytes())
    whole.update(np.ascontiguousarray(mask, dtype=np.int8).tobytes())
    return whole.digest()


def faults(row: Row, seq_len: int, samples: Mapping[str, bytes]) -> Iterator[str]:
    """What is wrong with a written row, in words; nothing where it is right.

    `samples` gives the fingerprint of every sample by its id: each document must be its sample.
    """
    if len(row.input_ids) != seq_len or len(row.assistant_masks) != seq_len:
        yield f"has {len(row.input_ids)} ids and {len(row.assistant_masks)} masks, not {seq_len}"
        return
    total = int(row.seq_lengths.sum())
    if total != seq_len or (row.seq_lengths <= 0).any():
        yield f"its documents sum to {total}, not {seq_len}, or one is empty"
        return
    if len(row.seq_lengths) - len(row.sample_ids) not in (0, 1):
        yield f"{len(row.seq_lengths)} documents for {len(row.sample_ids)} samples"
        return
    if len(row.personas) != len(row.sample_ids):
        yield f"{len(row.personas)} personas for {len(row.sample_ids)} samples"
    if not np.isin(row.assistant_masks, (0, 1)).all():
        yield "its mask holds something else than 0 and 1"
    if int(row.assistant_masks.sum()) != row.n_loss_tokens:
        yield f"n_loss_tokens is {row.n_loss_tokens}, the mask has {row.assistant_masks.sum()}"
    for name, ids, mask in documents(row):
        if mask[0]:
            yield f"document {name}: its first token is trained"
        if name is None:
            if mask.any() or (ids != ENDOFTEXT).any():
                yield "its padding is trained or holds something else than <|endoftext|>"
        elif name not in samples:
            yield f"document {name}: there is no such sample"
        elif fingerprint(ids, mask) != samples[name]:
            yield f"document {name}: differs from its sample"
