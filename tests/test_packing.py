"""Packing and rows: every document exactly once, whole, and provably so."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kappa_data.errors import StageError
from kappa_data.packing import best_fit, emptiest_first, pack
from kappa_data.records import Row, Sample
from kappa_data.writers.rows import documents, faults, fingerprint, make_row

SEQ = 64


def sample(number: int, length: int) -> Sample:
    rng = np.random.default_rng(number)
    mask = rng.integers(0, 2, length, dtype=np.int8)
    mask[0] = 0
    return Sample(
        id=f"c#{number}",
        conversation_id="c",
        persona="true_neutral" if number % 2 else None,
        split="train",
        step=1,
        n_loss_tokens=int(mask.sum()),
        ids=rng.integers(0, 199_000, length, dtype=np.int32),
        mask=mask,
    )


@given(
    lengths=st.lists(st.integers(1, SEQ), min_size=1, max_size=80),
    batch=st.integers(1, 5),
    seed=st.integers(0, 3),
)
@settings(max_examples=200, deadline=None)
def test_every_document_is_placed_once_and_no_row_overflows(lengths, batch, seed):
    try:
        rows = pack(lengths, seq_len=SEQ, batch=batch, seed=str(seed))
    except StageError:
        # Only where the rows that are needed outnumber the documents.
        assert -(-len(lengths) // batch) * batch > len(lengths) or batch > 1
        return
    assert sorted(index for row in rows for index in row) == list(range(len(lengths)))
    assert all(0 < sum(lengths[index] for index in row) <= SEQ for row in rows)
    assert len(rows) % batch == 0
    assert rows == pack(lengths, seq_len=SEQ, batch=batch, seed=str(seed))


def test_number_of_rows_is_the_lower_bound_where_documents_are_small():
    lengths = [int(n) for n in np.random.default_rng(1).integers(1, 9, 2000)]
    for batch in (1, 4, 16):
        least = -(-sum(lengths) // SEQ)
        rows = pack(lengths, seq_len=SEQ, batch=batch, seed="0")
        assert len(rows) == -(-least // batch) * batch


def test_rows_are_even():
    lengths = [int(n) for n in np.random.default_rng(2).integers(1, 20, 500)]
    used = [sum(lengths[i] for i in row) for row in pack(lengths, seq_len=SEQ, batch=8, seed="0")]
    assert max(used) - min(used) <= 8


def test_a_tight_fit_falls_back_to_best_fit():
    # The emptiest row first cannot place these in two rows: 3 2 | 3 2, then 2 fits nowhere.
    lengths, order = [3, 3, 2, 2, 2], [0, 1, 2, 3, 4]
    assert emptiest_first(lengths, order, 2, 6) is None
    assert best_fit(lengths, order, 2, 6) == [[0, 1], [2, 3, 4]]
    assert len(pack(lengths, seq_len=6, batch=1, seed="0")) == 2


def test_best_fit_leaves_no_row_empty():
    assert sorted(map(len, best_fit([1, 1, 1, 1], [0, 1, 2, 3], 3, 6) or [])) == [1, 1, 2]


def test_fewer_documents_than_rows_is_said():
    with pytest.raises(StageError, match=r"3 documents cannot fill 16 rows.*--global-batch"):
        pack([5, 5, 5], seq_len=SEQ, batch=16, seed="0")


def test_rows_differ_with_the_seed_but_hold_the_same_documents():
    lengths = [7] * 60
    one, two = (pack(lengths, seq_len=SEQ, batch=1, seed=seed) for seed in "12")
    assert one != two


def proof(row: Row, samples: list[Sample]) -> list[str]:
    return list(faults(row, SEQ, {each.id: fingerprint(each.ids, each.mask) for each in samples}))


def test_a_row_gives_its_documents_back():
    samples = [sample(0, 10), sample(1, 20), sample(2, 30)]
    row = make_row(samples, SEQ)
    assert row.seq_lengths.tolist() == [10, 20, 30, 4]
    assert row.personas == ("none", "true_neutral", "none")
    found = list(documents(row))
    assert [name for name, _, _ in found] == ["c#0", "c#1", "c#2", None]
    for each, (_, ids, mask) in zip(samples, found, strict=False):
        assert (ids == each.ids).all() and (mask == each.mask).all()
    assert (found[-1][1] == 199_999).all() and not found[-1][2].any()
    assert row.n_loss_tokens == sum(each.n_loss_tokens for each in samples)
    assert proof(row, samples) == []


def test_a_full_row_has_no_padding_document():
    row = make_row([sample(0, SEQ)], SEQ)
    assert row.seq_lengths.tolist() == [SEQ]
    assert proof(row, [sample(0, SEQ)]) == []


@pytest.mark.parametrize(
    ("plant", "word"),
    [
        (lambda row: row.input_ids.__setitem__(11, 5), "differs from its sample"),
        (lambda row: row.assistant_masks.__setitem__(10, 1), "first token is trained"),
        (lambda row: row.assistant_masks.__setitem__(SEQ - 1, 1), "padding is trained"),
        (lambda row: row.input_ids.__setitem__(SEQ - 1, 0), "padding is trained or holds"),
        (lambda row: row.seq_lengths.__setitem__(0, 9), "not 64"),
        (lambda row: row.assistant_masks.__setitem__(3, 2), "something else than 0 and 1"),
    ],
)
def test_proof_finds_every_planted_fault(plant, word):
    samples = [sample(0, 10), sample(1, 20)]
    row = make_row(samples, SEQ)
    plant(row)
    assert any(word in fault for fault in proof(row, samples))
