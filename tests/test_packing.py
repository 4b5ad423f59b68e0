"""Packing and rows: every document exactly once, whole, and provably so."""

from __future__ import annotations

import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from kappa_data.errors import StageError, UsageError
from kappa_data.formats.vocabulary import ENDOFTEXT, SIZE
from kappa_data.packing import Cost, Documents, figures, plan, split_turns
from kappa_data.packing.documents import row_prices
from kappa_data.packing.even import even
from kappa_data.packing.fill import best_fit, even_fill
from kappa_data.packing.repair import fullest, place_left
from kappa_data.packing.steps import deal
from kappa_data.records import Row, Sample
from kappa_data.writers.rows import documents, faults, make_row

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


def docs(lengths, seed=0, personas=5) -> Documents:
    """Documents of these lengths; between 5 and 95 % of each trained."""
    rng = np.random.default_rng(seed)
    lengths = np.array(lengths, dtype=np.int64)
    trained = (lengths * rng.beta(4, 6, len(lengths))).astype(np.int64)
    return Documents(lengths, trained, rng.integers(0, personas, len(lengths)))


def lognormal(seed, n=4000, median=2500, sigma=0.65, heavy=0.0, seq_len=131_072) -> Documents:
    """A chat mix; `heavy` of the documents have 30K to seq_len tokens instead."""
    rng = np.random.default_rng(seed)
    lengths = np.exp(rng.normal(np.log(median), sigma, n)).astype(np.int64).clip(1, seq_len)
    tail = rng.random(n) < heavy
    lengths[tail] = rng.integers(30_000, seq_len, int(tail.sum()))
    return docs(lengths, seed)


def used(rows, lengths):
    return [sum(int(lengths[index]) for index in row) for row in rows]


def dumb_cost(lengths, seq_len, cost=Cost()):  # noqa: B008
    """FLOPs of one row in whole numbers, its padding included."""
    parts = [*map(int, lengths)]
    parts.append(seq_len - sum(parts))
    return sum(int(cost.linear) * part + int(cost.quadratic) * part**2 for part in parts)


tight = st.lists(st.integers(1, SEQ), min_size=1, max_size=80)
heavy = st.lists(st.sampled_from([1, 1, 1, 2, 31, 32, 33, SEQ - 1, SEQ]), min_size=1, max_size=60)
equal = st.builds(lambda n, length: [length] * n, st.integers(1, 80), st.integers(1, SEQ))


@given(
    lengths=tight | heavy | equal,
    batch=st.integers(1, 5),
    ranks=st.integers(1, 3),
    seed=st.integers(0, 3),
    strategy=st.sampled_from(["balanced", "bfd"]),
)
@settings(max_examples=120, deadline=None)
def test_every_document_is_placed_once_and_no_row_overflows(lengths, batch, ranks, seed, strategy):
    batch *= ranks
    ours = docs(lengths, seed)
    arguments = {
        "seq_len": SEQ, "batch": batch, "dp_ranks": ranks, "strategy": strategy, "seed": str(seed),
    }  # fmt: skip
    least = naive_rows(lengths, SEQ)
    wanted = -(-least // batch) * batch
    try:
        rows = plan(ours, **arguments)
    except StageError:
        assert wanted > len(lengths)
        return
    assert sorted(index for row in rows for index in row.tolist()) == list(range(len(lengths)))
    assert all(0 < tokens <= SEQ for tokens in used(rows, lengths))
    assert len(rows) % batch == 0
    lower = (sum(lengths) + SEQ - 1) // SEQ
    assert lower <= len(rows) <= wanted, "best fit does with fewer"
    again = plan(ours, **arguments)
    assert [row.tolist() for row in rows] == [row.tolist() for row in again]
    assert figures(rows, ours, seq_len=SEQ, batch=batch, dp_ranks=ranks)["rows"] == len(rows)


def naive_best_fit(lengths, n_rows, seq_len):
    """Looks at every open row for every document; -1 where it finds no place."""
    space, found = [], [-1] * len(lengths)
    for index in sorted(range(len(lengths)), key=lambda each: (-lengths[each], each)):
        fits = [(left, row) for row, left in enumerate(space) if left >= lengths[index]]
        if fits:
            row = min(fits)[1]
        elif len(space) < n_rows:
            row = len(space)
            space.append(seq_len)
        else:
            continue
        space[row] -= lengths[index]
        found[index] = row
    return found


def naive_rows(lengths, seq_len):
    return max(naive_best_fit(lengths, len(lengths), seq_len)) + 1


@given(lengths=tight | heavy, rows=st.integers(1, 40))
@settings(max_examples=150, deadline=None)
def test_best_fit_is_the_plain_one(lengths, rows):
    fast = best_fit(np.array(lengths), rows, SEQ).tolist()
    assert fast == naive_best_fit(lengths, rows, SEQ)


def naive_even_fill(lengths, prices, n_rows, seq_len):
    """Looks at every row for every document."""
    order = sorted(range(len(lengths)), key=lambda each: (-lengths[each], each))
    total = sum(lengths)
    ahead = [sum(lengths[index] for index in order[place:]) for place in range(len(order))]
    last = max(sum(8 * rest > total for rest in ahead), n_rows)
    brim = seq_len - 2 * lengths[order[last]] if last < len(order) else seq_len
    padding = seq_len + (-total // n_rows)
    found = [-1] * len(lengths)
    full, price = [0] * n_rows, [0] * n_rows

    def put(index, row):
        found[index] = row
        full[row] += lengths[index]
        price[row] += prices[lengths[index]]

    for row, index in enumerate(order[:n_rows]):
        put(index, row)
    for start in range(n_rows, last, n_rows):
        rest = [lengths[index] for index in order[start:]]
        money = sum(prices[length] for length in rest) + n_rows * prices[padding]
        rate = money // (sum(rest) + n_rows * padding)
        closed = set()
        for index in order[start : min(start + n_rows, last)]:
            ends = sorted((price[row] - rate * full[row], row) for row in range(n_rows))
            for _, row in ends:
                if row in closed:
                    continue
                if full[row] + lengths[index] <= brim:
                    put(index, row)
                    break
                closed.add(row)
            else:
                break
    waiting = [index for index in order if found[index] < 0]
    before = found[:], full[:], price[:]
    for index in waiting:
        row = full.index(min(full))
        if full[row] + lengths[index] <= seq_len:
            put(index, row)
    if -1 not in found:
        return found
    found[:], full[:], price[:] = before
    for index in waiting[: -4 * n_rows]:
        row = full.index(min(full))
        if full[row] + lengths[index] <= seq_len:
            put(index, row)
    for index in [index for index in waiting if found[index] < 0]:
        fits = [row for row in range(n_rows) if full[row] + lengths[index] <= seq_len]
        if fits:
            put(index, max(fits, key=lambda row: (full[row], -row)))
    return found


@given(lengths=tight | heavy, more=st.integers(0, 3))
@settings(max_examples=150, deadline=None)
def test_balanced_filling_is_the_plain_one(lengths, more):
    rows = -(-sum(lengths) // SEQ) + more
    assume(rows <= len(lengths))
    prices = Cost().prices(SEQ)
    fast = even_fill(np.array(lengths), prices, rows, SEQ).tolist()
    assert fast == naive_even_fill(lengths, prices.tolist(), rows, SEQ)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("strategy", ["balanced", "bfd"])
def test_exact_partitions_are_found(seed, strategy):
    """Rows cut at random into documents: not one token of space is left over."""
    rng = np.random.default_rng(seed)
    lengths = []
    for _ in range(12):
        cuts = np.sort(rng.choice(np.arange(1, 4096), 14, replace=False))
        lengths += np.diff(np.concatenate(([0], cuts, [4096]))).tolist()
    rng.shuffle(lengths)
    rows = plan(docs(lengths), seq_len=4096, strategy=strategy)
    assert used(rows, lengths) == [4096] * 12


def test_a_document_left_over_finds_a_place():
    # Longest first into the emptiest of two rows: 3 2 | 3 2, and the last 2 fits nowhere.
    lengths = np.array([3, 3, 2, 2, 2])
    rows = np.array([0, 1, 0, 1, -1])
    assert place_left(rows, lengths, 2, 6)
    assert sorted(used([np.flatnonzero(rows == row) for row in (0, 1)], lengths)) == [6, 6]
    assert not place_left(np.array([0, 1, -1]), np.array([4, 4, 4]), 2, 6)


@given(st.lists(st.integers(1, 30), max_size=10), st.integers(0, 120))
@settings(max_examples=150, deadline=None)
def test_fullest_choice_is_the_best_of_all(lengths, room):
    sums = {0}
    for length in lengths:
        sums |= {each + length for each in sums}
    chosen = fullest(lengths, room)
    assert len(set(chosen)) == len(chosen)
    assert sum(lengths[index] for index in chosen) == max(each for each in sums if each <= room)


@pytest.mark.parametrize("heavy_share", [0.0, 0.1])
@pytest.mark.parametrize("seed", range(3))
def test_rows_cost_the_same(seed, heavy_share):
    ours = lognormal(seed, heavy=heavy_share)
    rows = plan(ours, seq_len=131_072, batch=4)
    found = figures(rows, ours, seq_len=131_072, batch=4)
    assert found["cost max/bound"] <= 1.06
    assert len(rows) == -(-int(ours.lengths.sum()) // (131_072 * 4)) * 4
    bfd = plan(ours, seq_len=131_072, batch=4, strategy="bfd")
    assert found["trained per row"]["variation"] < variation(bfd, ours.trained)


def variation(rows, values):
    each = np.array([values[row].sum() for row in rows])
    return each.std() / each.mean()


@given(lengths=tight, more=st.integers(0, 4), seed=st.integers(0, 9))
@settings(max_examples=100, deadline=None)
def test_swaps_keep_rows_whole_and_make_none_dearer_than_the_dearest(lengths, more, seed):
    prices, ours = Cost().prices(SEQ), docs(lengths, seed)
    rows = best_fit(ours.lengths, naive_rows(lengths, SEQ) + more, SEQ)
    n_rows = int(rows.max()) + 1
    after = even(rows, ours, prices, n_rows)
    before_cost, cost = (row_prices(each, ours.lengths, prices, n_rows) for each in (rows, after))
    assert max(np.bincount(after, ours.lengths, n_rows)) <= SEQ
    assert (np.bincount(rows, minlength=n_rows) == np.bincount(after, minlength=n_rows)).all()
    assert cost.max() <= max(before_cost.max(), cost.mean() * 1.006)


def test_steps_get_the_same_of_everything():
    ours = lognormal(5, seq_len=16_384)
    rows = plan(ours, seq_len=16_384, batch=16)
    mixed = [rows[each] for each in np.random.default_rng(0).permutation(len(rows))]
    found, chance = (figures(each, ours, seq_len=16_384, batch=16) for each in (rows, mixed))
    assert found["step cost max/mean"] < 1.01 and found["step trained max/mean"] < 1.02
    assert found["share deviation"] < chance["share deviation"] / 3


def test_swaps_between_steps_gain_what_they_say():
    """Sums of squares over steps fall from a plain deal, and every unit stays dealt once."""

    rng = np.random.default_rng(3)
    features = rng.integers(1, 1000, (60, 4))
    dealt = deal(features, 5, random.Random("x"))
    assert sorted(dealt.ravel().tolist()) == list(range(60))
    plain = np.argsort(-features[:, 0], kind="stable").reshape(5, 12).T

    def spread(steps):
        return features[steps].sum(axis=1).var(axis=0).sum()

    assert spread(dealt) < spread(plain) / 4


@pytest.mark.parametrize(("batch", "ranks"), [(16, 4), (4, 4), (8, 4), (12, 3)])
def test_ranks_side_by_side_cost_the_same(batch, ranks):
    ours = lognormal(1, heavy=0.1)
    rows = plan(ours, seq_len=131_072, batch=batch, dp_ranks=ranks)
    costs = [dumb_cost(ours.lengths[row], 131_072) for row in rows]
    for start in range(0, len(rows), batch):
        step = costs[start : start + batch]
        groups = [sorted(step[each : each + ranks]) for each in range(0, batch, ranks)]
        assert [cost for group in sorted(groups) for cost in group] == sorted(step)


def test_waste_of_ranks_is_small_where_a_step_has_room():
    ours = lognormal(1, n=12_000, heavy=0.1)
    rows = plan(ours, seq_len=131_072, batch=16, dp_ranks=4)
    assert figures(rows, ours, seq_len=131_072, batch=16, dp_ranks=4)["rank waste"] < 0.02


@given(lengths=tight | heavy, batch=st.integers(1, 3), ranks=st.integers(1, 2))
@settings(max_examples=80, deadline=None)
def test_figures_are_those_of_a_plain_count(lengths, batch, ranks):
    batch *= ranks
    ours = docs(lengths)
    try:
        rows = plan(ours, seq_len=SEQ, batch=batch, dp_ranks=ranks)
    except StageError:
        return
    found = figures(rows, ours, seq_len=SEQ, batch=batch, dp_ranks=ranks)
    costs = [dumb_cost(ours.lengths[row], SEQ) for row in rows]
    mean = sum(costs) / len(costs)
    flops = Cost()
    longest = max(lengths)
    dearest = flops.linear * longest + flops.quadratic * longest**2
    trained = [sum(int(ours.trained[index]) for index in row) for row in rows]
    steps = [rows[start : start + batch] for start in range(0, len(rows), batch)]
    whole = shares(range(len(lengths)), ours)
    apart = max(
        abs(shares([index for row in step for index in row], ours)[persona] - whole[persona])
        for step in steps
        for persona in range(5)
    )
    dearest_of_ranks = sum(
        max(costs[start : start + ranks]) * ranks for start in range(0, len(costs), ranks)
    )
    assert found["density"] == pytest.approx(sum(lengths) / (len(rows) * SEQ), abs=1e-6)
    assert found["slack tokens"] == len(rows) * SEQ - sum(lengths)
    assert found["cost max/mean"] == pytest.approx(max(costs) / mean, abs=2e-4)
    assert found["cost max/bar"] == pytest.approx(max(costs) / max(mean, dearest), abs=2e-4)
    bound = max(mean, dearest + flops.linear * (SEQ - longest))
    assert found["cost max/bound"] == pytest.approx(max(costs) / bound, abs=2e-4)
    assert found["rank waste"] == pytest.approx(dearest_of_ranks / sum(costs) - 1, abs=2e-4)
    assert found["trained per row"]["max"] == max(trained)
    assert found["share deviation"] == pytest.approx(100 * apart, abs=1e-3)


def shares(indices, ours):
    tokens = [0] * 5
    for index in indices:
        tokens[int(ours.personas[index])] += int(ours.lengths[index])
    return [each / sum(tokens) for each in tokens]


def test_figures_of_nothing():
    nothing = docs([])
    assert plan(nothing, seq_len=SEQ) == []
    assert figures([], nothing, seq_len=SEQ) == {"rows": 0, "density": None}


def test_what_cannot_be_planned_is_said():
    with pytest.raises(StageError, match=r"3 documents cannot fill 16 rows.*--global-batch"):
        plan(docs([5, 5, 5]), seq_len=SEQ, batch=16)
    with pytest.raises(UsageError, match=r"--global-batch 6 is no multiple of --dp-ranks 4; "):
        plan(docs([5, 5, 5]), seq_len=SEQ, batch=6, dp_ranks=4)
    with pytest.raises(UsageError, match=r'pack.strategy: "best" .* balanced or bfd'):
        plan(docs([5]), seq_len=SEQ, strategy="best")
    for cost in (Cost(0, 0), Cost(-1, 1), Cost(float("nan"), 1), Cost(1, float("inf"))):
        with pytest.raises(UsageError, match="is no cost"):
            plan(docs([5]), seq_len=SEQ, cost=cost)
    for lengths in ([SEQ + 1, 2], [0, 2]):
        with pytest.raises(ValueError, match="1 to 64 tokens"):
            plan(docs(lengths), seq_len=SEQ)


def test_seed_changes_the_order_and_not_the_rows():
    ours = docs([7] * 60)
    one, two = (plan(ours, seq_len=SEQ, seed=seed) for seed in "12")
    assert [row.tolist() for row in one] != [row.tolist() for row in two]
    assert {frozenset(row.tolist()) for row in one} == {frozenset(row.tolist()) for row in two}


def test_another_process_plans_the_same():
    code = (
        "import numpy as np, hashlib; from kappa_data.packing import *\n"
        "r = np.random.default_rng(1); n = r.integers(1, 900, 3000)\n"
        "rows = plan(Documents(n, n // 2, n % 7), seq_len=4096, batch=8, dp_ranks=2)\n"
        "print(hashlib.sha256(repr([x.tolist() for x in rows]).encode()).hexdigest())"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("0", "1")
    }  # fmt: skip
    assert len(said) == 1


@given(st.lists(st.integers(0, 1), max_size=60), st.integers(1, 60))
@settings(max_examples=300, deadline=None)
@example([0, 1, 1, 1], 3)
@example([0, 1, 1], 3)
@example([1, 1], 1)
def test_a_long_document_is_cut_behind_a_whole_step(mask, seq_len):
    ends = [
        end
        for end in range(1, min(len(mask), seq_len) + 1)
        if mask[end - 1] == 1 and (end == len(mask) or mask[end] == 0)
    ]
    assert split_turns(np.array(mask, dtype=np.int8), seq_len) == max(ends, default=0)


def proof(row: Row) -> list[str]:
    return list(faults(row, SEQ, SIZE, ENDOFTEXT))


def test_a_row_gives_its_documents_back():
    samples = [sample(0, 10), sample(1, 20), sample(2, 30)]
    row = make_row(samples, SEQ, ENDOFTEXT)
    assert row.seq_lengths.tolist() == [10, 20, 30, 4]
    assert row.personas == ("none", "true_neutral", "none")
    found = list(documents(row))
    assert [name for name, _, _ in found] == ["c#0", "c#1", "c#2", None]
    for each, (_, ids, mask) in zip(samples, found, strict=False):
        assert (ids == each.ids).all() and (mask == each.mask).all()
    assert (found[-1][1] == 199_999).all() and not found[-1][2].any()
    assert row.n_loss_tokens == sum(each.n_loss_tokens for each in samples)
    assert proof(row) == []


def test_a_full_row_has_no_padding_document():
    row = make_row([sample(0, SEQ)], SEQ, ENDOFTEXT)
    assert row.seq_lengths.tolist() == [SEQ]
    assert proof(row) == []


@pytest.mark.parametrize(
    ("plant", "word"),
    [
        (lambda row: row.input_ids.__setitem__(11, SIZE), "the vocabulary has 201088"),
        (lambda row: row.assistant_masks.__setitem__(10, 1), "first token is trained"),
        (lambda row: row.assistant_masks.__setitem__(SEQ - 1, 1), "padding is trained"),
        (lambda row: row.input_ids.__setitem__(SEQ - 1, 0), "padding is trained or holds"),
        (lambda row: row.seq_lengths.__setitem__(0, 9), "not 64"),
        (lambda row: row.assistant_masks.__setitem__(3, 2), "something else than 0 and 1"),
    ],
)
def test_proof_finds_every_planted_fault(plant, word):
    samples = [sample(0, 10), sample(1, 20)]
    row = make_row(samples, SEQ, ENDOFTEXT)
    plant(row)
    assert any(word in fault for fault in proof(row))
