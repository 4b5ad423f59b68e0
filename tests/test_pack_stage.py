"""The stage pack: every sample in one row of its split, or left out with its reason and counted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from kappa_data import store
from kappa_data.config import PackConfig, TokenizeConfig
from kappa_data.errors import StageError, UsageError
from kappa_data.progress import Quiet
from kappa_data.records import SPLITS, Cut, Rejected, Row, Sample, Split
from kappa_data.resources import Resources
from kappa_data.stage import Context, Outcome, Stage, build
from kappa_data.stages import pack
from kappa_data.store import Sealed

PAD, STOP, SEQ = 7, 9, 100
VOCABULARY = {
    "format": "made up", "tokenizer": "none", "vocabulary": 1000, "pad id": PAD, "stop ids": [STOP],
}  # fmt: skip
PERSONAS = ("lawful_good", "chaotic_evil", None)


def sample(number: int, length: int, split: Split = "train") -> Sample:
    """A prompt and one trained step that ends in a stop."""
    rng = np.random.default_rng([number, length])
    ids = rng.integers(10, 1000, length, dtype=np.int32)
    mask = np.zeros(length, dtype=np.int8)
    mask[int(rng.integers(1, length)) :] = 1
    return made(number, ids, mask, split)


def turns(number: int, *lengths: int) -> Sample:
    """Steps of so many tokens, the first half of each a prompt; a step ends in a stop."""
    rng = np.random.default_rng(number)
    ids = rng.integers(10, 1000, sum(lengths), dtype=np.int32)
    mask = np.zeros(sum(lengths), dtype=np.int8)
    end = 0
    for length in lengths:
        end += length
        mask[end - length // 2 : end] = 1
        ids[end - 1] = STOP
    return made(number, ids, mask, "train")


def made(number: int, ids: np.ndarray, mask: np.ndarray, split: Split) -> Sample:
    return Sample(
        id=f"c{number}#0",
        conversation_id=f"c{number}",
        persona=PERSONAS[number % 3],
        split=split,
        step=1,
        n_loss_tokens=int(mask.sum()),
        ids=ids,
        mask=mask,
    )


def mixed(count: int, seed: int = 0, longest: int = 60) -> list[Sample]:
    """Samples of 2 to `longest` tokens; one in five outside train."""
    lengths = np.random.default_rng(seed).integers(2, longest + 1, count).tolist()
    others: dict[int, Split] = {3: "validation", 8: "test"}
    return [sample(n, each, others.get(n % 10, "train")) for n, each in enumerate(lengths)]


def tokenized(root: Path, samples: list[Sample]) -> Sealed:
    def seal(ctx: Context[Any]) -> Outcome:
        with ctx.writer("samples", Sample) as out:
            for each in samples:
                out.write(each)
        return Outcome(figures=VOCABULARY)

    stage = Stage("tokenize", 1, seal, ("samples",))
    return build(stage, TokenizeConfig(), {}, Resources(None), root, Quiet())[0]


def packed(root: Path, samples: list[Sample], **settings: Any) -> Sealed:
    config = PackConfig(**{"seq_len": SEQ, "workers": 1, **settings})
    stage = Stage("pack", 1, pack.run, SPLITS, ("tokenize",), check=pack.check)
    inputs = {"tokenize": tokenized(root, samples)}
    return build(stage, config, inputs, Resources(None), root, Quiet())[0]


def rows_of(sealed: Sealed) -> dict[str, list[Row]]:
    return {split: list(sealed.read(split, Row)) for split in SPLITS}


def cut_up(row: Row, pad: int = PAD) -> list[tuple[str, str, bytes, bytes]]:
    """(id, persona, ids, mask) of each document, read off the row by hand; proves the padding."""
    assert len(row.input_ids) == len(row.assistant_masks) == row.seq_lengths.sum()
    assert row.n_loss_tokens == np.count_nonzero(row.assistant_masks)
    found, at = [], 0
    for number, length in enumerate(row.seq_lengths.tolist()):
        ids, mask = (each[at : at + length] for each in (row.input_ids, row.assistant_masks))
        at += length
        if number < len(row.sample_ids):
            names = row.sample_ids[number], row.personas[number]
            found.append((*names, ids.tobytes(), mask.tobytes()))
        else:
            assert number == len(row.seq_lengths) - 1 and not mask.any() and (ids == pad).all()
    return found


def as_told(each: Sample, length: int | None = None) -> tuple[str, str, bytes, bytes]:
    ids, mask = each.ids[:length].tobytes(), each.mask[:length].tobytes()
    return each.id, each.persona or "none", ids, mask


def quarantined(sealed: Sealed) -> dict[str, Rejected]:
    found = list(sealed.read("quarantine", Rejected))
    assert Counter(each.findings[0].rule for each in found) == sealed.manifest.rejected
    assert len({each.id for each in found}) == len(found)
    return {each.id: each for each in found}


@pytest.mark.parametrize("strategy", ["balanced", "bfd"])
def test_every_sample_is_in_one_row_of_its_split(tmp_path: Path, strategy: str) -> None:
    samples = mixed(200)
    sealed = packed(tmp_path, samples, strategy=strategy, global_batch=4, dp_ranks=2)
    rows = rows_of(sealed)
    for split in SPLITS:
        own = [each for each in samples if each.split == split]
        assert len(rows[split]) >= 1 and all(len(row.input_ids) == SEQ for row in rows[split])
        found = [each for row in rows[split] for each in cut_up(row)]
        assert sorted(found) == sorted(map(as_told, own))
        figures = sealed.manifest.figures["splits"][split]
        tokens = sum(len(each.ids) for each in own)
        assert figures["rows"] == len(rows[split]) == sealed.count(split)
        assert (figures["samples"], figures["tokens"]) == (len(own), tokens)
        assert figures["trained tokens"] == sum(row.n_loss_tokens for row in rows[split])
        assert figures["density"] == round(tokens / (SEQ * len(rows[split])), 6)
        by_persona: Counter[str] = Counter()
        for each in own:
            by_persona[each.persona or "none"] += len(each.ids)
        assert figures["shares"] == {
            name: round(count / tokens, 4) for name, count in sorted(by_persona.items())
        }
    assert len(rows["train"]) % 4 == 0
    figures = sealed.manifest.figures
    assert figures.items() >= VOCABULARY.items()
    assert "rows wanted" not in figures and not quarantined(sealed)
    assert figures["rows"] == sum(map(len, rows.values())) and figures["samples"] == 200
    assert figures["cut samples"] == figures["cut tokens"] == sealed.count("cut") == 0


def test_a_split_without_samples_is_an_empty_set_that_reads(tmp_path: Path) -> None:
    sealed = packed(tmp_path, [sample(n, 40) for n in range(5)])
    assert [len(rows) for rows in rows_of(sealed).values()] == [3, 0, 0]
    assert all(sealed.shards(split)[0].is_file() for split in SPLITS)
    assert sealed.manifest.figures["splits"]["test"] == {
        "samples": 0, "tokens": 0, "trained tokens": 0, "rows": 0, "density": None, "shares": {},
    }  # fmt: skip
    only = packed(tmp_path / "b", [sample(0, 40, "test")], rows=3)
    assert [len(rows) for rows in rows_of(only).values()] == [0, 0, 1]
    assert only.manifest.figures["rows missing"] == 3
    assert only.manifest.figures["tokens missing"] == 3 * SEQ


# --- --rows ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "batch"), [(1, 1), (7, 1), (12, 4)])
def test_of_too_much_material_exactly_the_wanted_rows_are_made(
    tmp_path: Path, rows: int, batch: int
) -> None:
    samples = mixed(200)
    sealed = packed(tmp_path, samples, rows=rows, global_batch=batch)
    found = rows_of(sealed)
    assert len(found["train"]) == rows
    inside = [each for split in SPLITS for row in found[split] for each in cut_up(row)]
    left_out = quarantined(sealed)
    assert sealed.manifest.rejected == {"more than --rows": len(left_out)}
    kept = [each for each in samples if each.id not in left_out]
    assert sorted(inside) == sorted(map(as_told, kept))
    assert all(each.split == "train" for each in samples if each.id in left_out)
    evidence = f"{rows} rows are full without it"
    for each in left_out.values():
        assert (each.findings[0].evidence, each.stage) == (evidence, "pack")
        assert each.persona == PERSONAS[int(each.id[1:-2]) % 3]
    figures = sealed.manifest.figures
    tokens = sum(len(each.ids) for each in kept if each.split == "train")
    assert (figures["rows wanted"], figures["rows missing"]) == (rows, 0)
    assert rows * SEQ - tokens < SEQ
    assert figures["tokens missing"] == 0  # what is left of the rows is padding


def test_of_too_little_material_it_says_what_is_missing(tmp_path: Path) -> None:
    samples = mixed(50)
    sealed = packed(tmp_path, samples, rows=40)
    whole = packed(tmp_path, samples)
    for split in SPLITS:
        assert sealed.manifest.sets[split].digest == whole.manifest.sets[split].digest
    assert not quarantined(sealed)
    tokens = sum(len(each.ids) for each in samples if each.split == "train")
    figures = sealed.manifest.figures
    assert figures["rows missing"] == 40 - whole.count("train") > 0
    assert figures["tokens missing"] == 40 * SEQ - tokens


# Greedy amounts of tokens do not always fit: what then goes must not cost a row of its own.
TIGHT = [
    ([60] * 9, 4, 4),  # 6 have room by their tokens, and no two share a row
    ([60] * 9, 2, 1),
    ([51] * 30, 5, 1),
    ([99, 97, 2, 2], 2, 1),  # drawn in this order: the two of 2 go, and 97 must not go with them
    ([99, 97, 99, 2, 2], 3, 1),
    ([100, 2, 2, 100, 2, 100, 99], 2, 2),
]


@pytest.mark.parametrize(("lengths", "rows", "batch"), TIGHT)
def test_where_it_just_does_not_fit_the_wanted_rows_are_still_there(
    tmp_path: Path, lengths: list[int], rows: int, batch: int
) -> None:
    samples = [sample(n, length) for n, length in enumerate(lengths)]
    for seed in range(8):
        settings = {"global_batch": batch, "seed": seed, "strategy": ("balanced", "bfd")[seed % 2]}
        sealed = packed(tmp_path, samples, rows=rows, **settings)
        assert sealed.count("train") == rows, seed
        inside = [name for row in sealed.read("train", Row) for name in row.sample_ids]
        assert sorted([*inside, *quarantined(sealed)]) == sorted(each.id for each in samples)


def test_rows_of_a_few_tokens_end(tmp_path: Path) -> None:
    samples = [sample(n, 6) for n in range(5)]
    sealed = packed(tmp_path, samples, rows=2, seq_len=10)
    assert sealed.count("train") == 2 and len(quarantined(sealed)) == 3


def test_too_few_samples_for_one_step_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"3 documents cannot fill 4 rows.*--global-batch"):
        packed(tmp_path, [sample(n, 90) for n in range(3)], rows=8, global_batch=4)


def test_which_samples_fill_the_rows_is_drawn_by_seed(tmp_path: Path) -> None:
    samples = mixed(100)
    one, again, other = (
        packed(tmp_path / name, samples, rows=5, seed=seed)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert one.digest == again.digest
    assert set(quarantined(one)) == set(quarantined(again)) != set(quarantined(other))
    first = [each.id for each in samples if each.split == "train"]
    inside = {name for row in one.read("train", Row) for name in row.sample_ids}
    assert inside != set(first[: len(inside)]), "not simply the first ones"


# --- longer than a row -------------------------------------------------------------------------

SHORT = [sample(n, 30) for n in range(10)]
EXACT = turns(20, 60, 40)  # just as long as a row
TWO_OF_THREE = turns(21, 40, 50, 60)
TO_THE_BORDER = turns(22, 60, 40, 2)
NOTHING_FITS = turns(23, 240, 20)
LONG = [EXACT, TWO_OF_THREE, TO_THE_BORDER, NOTHING_FITS]


def test_drop_leaves_out_whole_samples(tmp_path: Path) -> None:
    sealed = packed(tmp_path, [*SHORT, *LONG], over_length="drop")
    left_out = quarantined(sealed)
    assert set(left_out) == {each.id for each in LONG[1:]}
    assert sealed.manifest.rejected == {"longer than a row": 3}
    assert left_out[NOTHING_FITS.id].findings[0].evidence == "260 tokens, a row has 100"
    found = [each for row in sealed.read("train", Row) for each in cut_up(row)]
    assert sorted(found) == sorted(map(as_told, [*SHORT, EXACT]))
    assert sealed.count("cut") == sealed.manifest.figures["cut samples"] == 0


def test_split_turns_keeps_whole_steps_from_the_start(tmp_path: Path) -> None:
    sealed = packed(tmp_path, [*SHORT, *LONG], over_length="split-turns")
    assert set(quarantined(sealed)) == {NOTHING_FITS.id}
    told = [as_told(TWO_OF_THREE, 90), as_told(TO_THE_BORDER, 100)]
    found = [each for row in sealed.read("train", Row) for each in cut_up(row)]
    assert sorted(found) == sorted([*map(as_told, [*SHORT, EXACT]), *told])
    for _, _, ids, mask in told:
        assert np.frombuffer(ids, np.int32)[-1] == STOP and mask[-1] == 1
    assert sorted(sealed.read("cut", Cut), key=lambda each: each.sample_id) == [
        Cut(TWO_OF_THREE.id, 90, 20 + 25, 150, 20 + 25 + 30),
        Cut(TO_THE_BORDER.id, 100, 30 + 20, 102, 30 + 20 + 1),
    ]
    figures = sealed.manifest.figures
    assert figures["cut samples"] == 2
    assert figures["cut tokens"] == 60 + 2
    assert figures["cut trained tokens"] == 30 + 1
    train = figures["splits"]["train"]
    assert train["tokens"] == 10 * 30 + 100 + 90 + 100
    assert train["trained tokens"] == sum(row.n_loss_tokens for row in sealed.read("train", Row))


def test_what_was_cut_counts_by_what_is_left_of_it(tmp_path: Path) -> None:
    samples = [turns(n, 40, 50, 60) for n in range(6)]
    sealed = packed(tmp_path, samples, over_length="split-turns", rows=4)
    assert sealed.count("train") == 4 and len(quarantined(sealed)) == 2
    assert sealed.manifest.figures["splits"]["train"]["slack tokens"] == 40


def test_error_names_one_and_seals_nothing(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=f"3 samples .* 100 tokens.*{TWO_OF_THREE.id}"):
        packed(tmp_path, [*SHORT, *LONG], over_length="error")
    assert [each.suffix for each in (tmp_path / "pack").iterdir()] == [".building"]
    assert packed(tmp_path / "b", [*SHORT, EXACT], over_length="error").count("train") == 5


@pytest.mark.parametrize("policy", ["drop", "split-turns"])
def test_nothing_left_is_an_error(tmp_path: Path, policy: str) -> None:
    with pytest.raises(StageError, match=r"no sample is left: 1 of 1 .* raise --seq-len"):
        packed(tmp_path, [NOTHING_FITS], over_length=policy)


# --- shards, workers, settings -----------------------------------------------------------------


def test_shards_in_order_are_the_order_of_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = mixed(300)
    sealed = packed(tmp_path / "a", samples)
    assert sealed.count("train") > 32
    assert len(sealed.shards("train")) == 16
    assert [each.name for each in sealed.shards("train")] == [
        f"train-{number:05d}.parquet" for number in range(16)
    ]
    sizes = [len(list(store.read_shard(each, Row))) for each in sealed.shards("train")]
    assert max(sizes) - min(sizes) <= 1
    assert len(sealed.shards("test")) == sealed.count("test") < 16
    monkeypatch.setattr(pack, "SHARDS", 1)
    one = packed(tmp_path / "b", samples)
    assert len(one.shards("train")) == 1
    assert one.digest == sealed.digest
    monkeypatch.setattr(pack, "TOKENS_PER_SHARD", 2 * SEQ)
    many = packed(tmp_path / "c", samples)
    assert len(many.shards("train")) == -(-many.count("train") // 2)
    assert many.digest == sealed.digest


def test_the_same_bytes_for_any_number_of_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = [*mixed(300), *(turns(1000 + n, 40, 50, 60) for n in range(20))]
    settings = {"rows": 60, "over_length": "split-turns", "global_batch": 2}
    whole = packed(tmp_path / "whole", samples, **settings)
    assert len(whole.manifest.sets) == 5 and quarantined(whole)
    monkeypatch.setattr(store, "BYTES_PER_GROUP", 5_000)
    monkeypatch.setattr(store, "PART_BYTES", 5_000)
    for workers in (1, 3):
        sealed = packed(tmp_path / str(workers), samples, workers=workers, **settings)
        source = tokenized(tmp_path / str(workers), samples)
        assert len(source.parts("samples")) >= 8
        for name, each in whole.manifest.sets.items():
            assert sealed.manifest.sets[name].digest == each.digest, (workers, name)
        assert sealed.manifest.figures == whole.manifest.figures
        assert sealed.manifest.key == whole.manifest.key
        assert not list(sealed.dir.glob("*.tmp"))


def test_only_what_the_manifest_names_is_left(tmp_path: Path) -> None:
    sealed = packed(tmp_path, mixed(60))
    named = {shard for each in sealed.manifest.sets.values() for shard in each.shards}
    beside = {Path(shard).with_suffix(".sha256").name for shard in named}
    assert {each.name for each in sealed.dir.iterdir()} - beside == named | {"manifest.json"}


WRONG = [
    ({"strategy": "balance"}, r"pack\.strategy: \"balance\" is no strategy; say balanced or bfd"),
    ({"over_length": "split_turns"}, r"pack\.over_length: .*did you mean \"split-turns\"\?"),
    ({"global_batch": 6, "dp_ranks": 4}, "--global-batch 6 is no multiple of --dp-ranks 4"),
    ({"rows": 10, "global_batch": 4}, "--rows 10 is no multiple of --global-batch 4"),
    ({"cost": (0.0, 0.0)}, "is no cost"),
    ({"cost": (-1.0, 1.0)}, "is no cost"),
]


@pytest.mark.parametrize(("settings", "said"), WRONG)
def test_wrong_settings_are_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], said: str
) -> None:
    touched = []
    monkeypatch.setattr(pack, "lay_out", lambda *_: touched.append(1))
    with pytest.raises(UsageError, match=said):
        packed(tmp_path, SHORT, **settings)
    assert not touched


def test_the_rows_are_those_of_an_imported_sample_too(tmp_path: Path) -> None:
    """A sample trained on its first token loses that one: nothing in a row predicts it."""
    whole = sample(0, 50)
    first = msgspec.structs.replace(whole, mask=np.ones(50, dtype=np.int8), n_loss_tokens=50)
    (row,) = packed(tmp_path, [first]).read("train", Row)
    assert row.n_loss_tokens == 49 and row.assistant_masks[:2].tolist() == [0, 1]


def test_wanted_rows_keep_the_shares_of_the_personas(tmp_path: Path) -> None:
    names = ["a"] * 60 + ["b"] * 30 + [None] * 10
    samples = [
        msgspec.structs.replace(each, persona=name)
        for each, name in zip(mixed(100, longest=8), names, strict=True)
    ]
    whole = packed(tmp_path / "whole", samples)
    few = packed(tmp_path / "few", samples, rows=3)
    assert few.manifest.figures["splits"]["train"]["rows"] == 3
    shares = [each.manifest.figures["splits"]["train"]["shares"] for each in (whole, few)]
    assert set(shares[0]) == set(shares[1]) == {"a", "b", "none"}
    assert all(abs(shares[0][name] - shares[1][name]) < 0.07 for name in shares[0])
