"""Reads packed rows again, from disk, and proves that they are what they claim to be.

For every row: the lengths add up, each document is its sample to the last token and mask, nothing
is trained on a first token or on padding. Over all rows: every sample that was not refused appears
exactly once, in its own split.
"""

from __future__ import annotations

from collections.abc import Iterator

from kappa_data.records import SPLITS, Rejected, Row, Sample
from kappa_data.store import Sealed
from kappa_data.writers.rows import faults, fingerprint


def packed_faults(packed: Sealed, tokenized: Sealed, *, prefix: str = "") -> Iterator[str]:
    """What is wrong with the rows of `packed`, in words, in order; nothing where all is right.

    `prefix` stands before the split in the set's name (a release keeps its rows in a folder).
    """
    seq_len = int(packed.manifest.config["seq_len"])
    prints: dict[str, bytes] = {}
    wanted: dict[str, str] = {}
    for sample in tokenized.read("samples", Sample):
        prints[sample.id] = fingerprint(sample.ids, sample.mask)
        wanted[sample.id] = sample.split
    for rejected in packed.read("quarantine", Rejected):
        wanted.pop(rejected.id, None)
    for split in SPLITS:
        for number, row in enumerate(packed.read(prefix + split, Row)):
            place = f"{split} row {number}"
            for fault in faults(row, seq_len, prints):
                yield f"{place}: {fault}"
            for sample_id in row.sample_ids:
                if wanted.pop(sample_id, None) != split:
                    yield f"{place}: {sample_id} stands twice, or belongs to another split"
    for sample_id in sorted(wanted):
        yield f"{wanted[sample_id]}: {sample_id} is in no row"
