"""Labels and positions of a packed row: the one definition for readers, adapters and exports.

A row has input_ids int32[n], assistant_masks int8[n] and seq_lengths int32[documents], which sum to
n; padding is one last document. Rows themselves are read by `kappa_data.load`, or from the Hub by
`source.open_split`; memory then holds one row group (a row of 131,072 tokens is one: 0.7 MB) and at
most 16 open files a reader, whatever the dataset's size.
"""

from __future__ import annotations

import numpy as np

from kappa_data.records import Int8s, Int32s

IGNORED = -100  # the label that losses leave out, as in torch and transformers
Int64s = np.ndarray[tuple[int], np.dtype[np.int64]]


def starts(seq_lengths: Int32s) -> Int64s:
    """int64[documents]: where each document begins."""
    return np.cumsum(seq_lengths, dtype=np.int64) - seq_lengths


def positions(seq_lengths: Int32s) -> Int64s:
    """int64[n]: counts from 0 in each document, in the padding too."""
    return np.arange(int(seq_lengths.sum())) - np.repeat(starts(seq_lengths), seq_lengths)


def labels(input_ids: Int32s, assistant_masks: Int8s, seq_lengths: Int32s) -> Int64s:
    """int64[n], unshifted: the id where it is trained, else -100.

    For transformers and TRL, which shift by themselves. The first token of a document is -100:
    nothing in its own document predicts it.
    """
    found = np.where(assistant_masks == 1, input_ids, IGNORED).astype(np.int64)
    found[starts(seq_lengths)] = IGNORED
    return found


def shifted_labels(input_ids: Int32s, assistant_masks: Int8s, seq_lengths: Int32s) -> Int64s:
    """int64[n]: at i the label of i + 1; -100 at the last token of each document.

    For torchtitan and Megatron, which compare the logits at i with the label at i.
    """
    # A document's first label is -100, so none is seen across a border.
    return np.append(labels(input_ids, assistant_masks, seq_lengths)[1:], IGNORED)
