"""Packed rows: the layout of input_ids, assistant_masks and seq_lengths, and its proof.

The padding at the end of a row is one last document of the vocabulary's padding id: a trainer that
finds documents by positions would otherwise see every pad as one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

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
    ids = np.empty(seq_len, dtype=np.int32)
    mask = np.empty(seq_len, dtype=np.int8)
    start = 0
    for sample in samples:
        end = start + len(sample.ids)
        ids[start:end] = sample.ids
        mask[start:end] = sample.mask
        mask[start] = 0  # nothing in its own document predicts a first token
        start = end
    ids[start:] = pad_id
    mask[start:] = 0
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


def layout_fault(row: Row, seq_len: int) -> str:
    """Why a row has no documents that can be told apart; '' where it has."""
    if len(row.input_ids) != seq_len or len(row.assistant_masks) != seq_len:
        return f"has {len(row.input_ids)} ids and {len(row.assistant_masks)} masks, not {seq_len}"
    total = int(row.seq_lengths.sum())
    if total != seq_len or (row.seq_lengths <= 0).any():
        return f"its documents sum to {total}, not {seq_len}, or one is empty"
    if len(row.seq_lengths) - len(row.sample_ids) not in (0, 1):
        return f"{len(row.seq_lengths)} documents for {len(row.sample_ids)} samples"
    if len(row.personas) != len(row.sample_ids):
        return f"{len(row.personas)} personas for {len(row.sample_ids)} samples"
    return ""


def faults(
    row: Row, seq_len: int, vocabulary: int | None, pad_id: int | None = None
) -> Iterator[str]:
    """What is wrong with a row by itself, in words; nothing where it is right.

    `vocabulary` is the number of ids (None: unknown), `pad_id` what fills up rows (None: any one).
    """
    if fault := layout_fault(row, seq_len):
        yield fault
        return
    ids, masks = row.input_ids, row.assistant_masks
    if ids.min() < 0 or (vocabulary is not None and ids.max() >= vocabulary):
        yield f"its ids go from {ids.min()} to {ids.max()}, the vocabulary has {vocabulary}"
    if not np.isin(masks, (0, 1)).all():
        yield "its mask holds something else than 0 and 1"
    if int(masks.sum()) != row.n_loss_tokens:
        yield f"n_loss_tokens is {row.n_loss_tokens}, the mask has {masks.sum()}"
    for name, of_document, mask in documents(row):
        if mask[0]:
            yield f"document {name}: its first token is trained"
        if name is None and (
            mask.any() or (of_document != (of_document[0] if pad_id is None else pad_id)).any()
        ):
            yield "its padding is trained or holds something else than the padding id"
