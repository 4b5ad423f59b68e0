"""pack: samples into rows of exactly seq_len tokens, each split by itself.

The samples are laid out flat on disk first, so that memory holds of each only its id and a few
numbers. Then every split is planned, and its rows are written, shard by shard.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from msgspec import Struct

from kappa_data import packing
from kappa_data.config import PackConfig, nearest
from kappa_data.engine import map_ordered
from kappa_data.errors import StageError, UsageError
from kappa_data.records import SPLITS, Cut, Finding, Int8s, Int32s, Rejected, Row, Sample, Split
from kappa_data.stage import Context, Outcome
from kappa_data.store import Group, Part, Piece, ShardWriter
from kappa_data.writers import spool
from kappa_data.writers.rows import NO_PERSONA, make_row

TOO_LONG, NOT_WANTED = "longer than a row", "more than --rows"
VOCABULARY = ("format", "tokenizer", "vocabulary", "pad id", "stop ids")
SHARDS = 16  # at least so many where there are so many rows: ranks and workers share them
FEW_TOKENS = 2**22  # are written here before further processes have started
TOKENS_PER_SHARD = 2**28
FREED_BYTES = 31 * 2**20  # glibc adapts to blocks up to 32 MB

Numbers = np.ndarray[Any, np.dtype[np.int64]]


class Document(NamedTuple):
    """A sample as it goes into a row."""

    id: str
    persona: str | None
    ids: Int32s
    mask: Int8s


class LaidOut(Struct, frozen=True):
    """One part of the samples: what of it is packed, in columns; what was cut; what is left out."""

    ids: list[str]
    personas: list[str]
    splits: list[str]
    lengths: list[int]
    trained: list[int]
    cut: list[Cut]
    refused: list[Rejected]


class Shard(NamedTuple):
    """The rows of one shard: for each row its documents, as places in the spool."""

    split: Split
    number: int
    rows: list[list[tuple[str, str, int, int, int]]]  # id, persona, part, start, length


class Samples:
    """All samples that are packed, in columns; `persona` counts in `speakers`."""

    def __init__(self, parts: Sequence[LaidOut]) -> None:
        self.ids = [each for part in parts for each in part.ids]
        names = [each for part in parts for each in part.personas]
        self.speakers, self.persona = np.unique(names, return_inverse=True)
        self.split = np.array([each for part in parts for each in part.splits], dtype="U10")
        self.lengths = _numbers(each for part in parts for each in part.lengths)
        self.trained = _numbers(each for part in parts for each in part.trained)
        self.part = np.repeat(np.arange(len(parts)), [len(part.ids) for part in parts])
        starts = [np.cumsum([0, *part.lengths])[:-1] for part in parts]
        self.start = np.concatenate([_numbers([]), *starts])

    def documents(self, chosen: Numbers) -> packing.Documents:
        """What the planner has to know of the chosen ones."""
        return packing.Documents(self.lengths[chosen], self.trained[chosen], self.persona[chosen])

    def place(self, index: int) -> tuple[str, str, int, int, int]:
        """Id, persona, part, first token there and length of one sample."""
        part, start, length = (int(each[index]) for each in (self.part, self.start, self.lengths))
        return self.ids[index], self.speaker(index), part, start, length

    def speaker(self, index: int) -> str:
        """The persona of one sample, or "none"."""
        return str(self.speakers[self.persona[index]])


class Planned(NamedTuple):
    """The rows of one split, as indices of samples in the order of training."""

    rows: list[Numbers]
    not_wanted: Numbers
    figures: dict[str, Any]


class Written(Struct, frozen=True):
    """One shard on disk."""

    split: Split
    piece: Piece
    samples: int


def check(config: PackConfig) -> None:
    """UsageError for settings that cannot be used."""
    policies = ("drop", "split-turns", "error")
    if config.over_length not in policies:
        raise UsageError(
            f'pack.over_length: there is no "{config.over_length}"; '
            f"{nearest(config.over_length, policies)}"
        )
    if config.rows % config.global_batch:
        fewer = config.rows - config.rows % config.global_batch
        raise UsageError(
            f"pack: --rows {config.rows} is no multiple of --global-batch {config.global_batch}; "
            f"say --rows {fewer + config.global_batch}" + (f" or {fewer}" if fewer else "")
        )
    nothing = packing.Documents(_numbers([]), _numbers([]), _numbers([]))
    packing.plan(nothing, strategy=config.strategy, **_shape(config, SPLITS[0]))


def run(ctx: Context[PackConfig]) -> Outcome:
    """Seals one set of rows a split, "cut" (what --over-length shortened) and "quarantine"."""
    config, source = ctx.config, ctx.inputs["tokenize"]
    vocabulary = {name: source.manifest.figures[name] for name in VOCABULARY}
    parts = list(enumerate(source.parts("samples")))
    laid_out: list[LaidOut] = []
    pieces: dict[str, list[Piece]] = {split: [] for split in SPLITS}
    with ctx.progress.task("pack", total=2 * source.count("samples")) as bar:
        bar.say("laying out")
        work = functools.partial(lay_out, config.seq_len, config.over_length, ctx.folder)
        for each in map_ordered(work, parts, workers=config.workers):
            laid_out.append(each)
            bar.advance(len(each.ids) + len(each.refused))
        samples = Samples(laid_out)
        refused = [rejected for each in laid_out for rejected in each.refused]
        _check_samples(config, samples, refused)
        bar.say("planning")
        plans = {split: _plan(config, samples, split) for split in SPLITS}
        bar.say("writing")
        write = functools.partial(write_shard, ctx.folder, config.seq_len, vocabulary["pad id"])
        shards = _shards(plans, samples, config.seq_len)
        rows = sum(len(plan.rows) for plan in plans.values())
        workers = config.workers or int(rows * config.seq_len <= FEW_TOKENS)
        for written in map_ordered(write, shards, workers=workers):
            pieces[written.split].append(written.piece)
            bar.advance(written.samples)
    spool.remove(ctx.folder, len(parts))
    for split in SPLITS:
        ctx.gather(split, Row, pieces[split])
    cut = [each for part in laid_out for each in part.cut]
    refused += [
        _not_wanted(samples, at, config.rows) for plan in plans.values() for at in plan.not_wanted
    ]
    with ctx.writer("cut", Cut) as shortened, ctx.writer("quarantine", Rejected) as quarantine:
        for one in cut:
            shortened.write(one)
        for rejected in refused:
            quarantine.write(rejected)
    reasons = Counter(each.findings[0].rule for each in refused)
    return Outcome(
        rejected=dict(sorted(reasons.items())), figures=vocabulary | _figures(config, plans, cut)
    )


def lay_out(seq_len: int, over_length: str, folder: Path, numbered: tuple[int, Part]) -> LaidOut:
    """Writes one part of the samples into the spool."""
    number, part = numbered
    out = LaidOut([], [], [], [], [], [], [])

    def kept(group: Group[Sample]) -> Iterator[tuple[Int32s, Int8s]]:
        for sample in group.records:
            length, trained = len(sample.ids), sample.n_loss_tokens
            if length > seq_len:
                keep = over_length == "split-turns"
                length = packing.split_turns(sample.mask, seq_len) if keep else 0
                trained = int(sample.mask[:length].sum())
                if not length:
                    out.refused.append(_too_long(sample, seq_len))
                    continue
                out.cut.append(
                    Cut(sample.id, length, trained, len(sample.ids), sample.n_loss_tokens)
                )
            out.ids.append(sample.id)
            out.personas.append(sample.persona or NO_PERSONA)
            out.splits.append(sample.split)
            out.lengths.append(length)
            out.trained.append(trained)
            yield sample.ids[:length], sample.mask[:length]

    spool.write(folder, number, (list(kept(group)) for group in part.groups(Sample)))
    return out


def write_shard(folder: Path, seq_len: int, pad_id: int, shard: Shard) -> Written:
    """Writes the rows of one shard from the spool."""
    _keep_freed_memory()
    with (
        spool.opened(folder) as documents,
        ShardWriter(folder, shard.split, Row, shard.number, None) as rows,
    ):
        for row in shard.rows:
            members = [Document(id, name, *documents.read(*place)) for id, name, *place in row]
            rows.write(make_row(members, seq_len, pad_id))
    return Written(shard.split, rows.piece, sum(map(len, shard.rows)))


@functools.cache
def _keep_freed_memory() -> None:
    """Makes glibc keep what is freed: else every row's buffers cost 600 page faults anew.

    malloc takes blocks over 128 KB from the system and gives them back, until a larger block was
    freed once: from then on its size, here 31 MB, is the limit (mallopt(3), M_MMAP_THRESHOLD). The
    block is never touched; elsewhere this does nothing.
    """
    np.empty(FREED_BYTES, dtype=np.int8)


def _shape(config: PackConfig, split: Split) -> dict[str, Any]:
    """What the planner is told, beside the documents. Only train is read in global steps."""
    train = split == SPLITS[0]
    return {
        "seq_len": config.seq_len,
        "batch": config.global_batch if train else 1,
        "dp_ranks": config.dp_ranks if train else 1,
        "cost": packing.Cost(*config.cost),
    }


def _check_samples(config: PackConfig, samples: Samples, refused: Sequence[Rejected]) -> None:
    """StageError where nothing can be packed, or something is too long and must not be."""
    seq_len = config.seq_len
    if refused and config.over_length == "error":
        raise StageError(
            f"pack: {len(refused)} samples are longer than a row of {seq_len} tokens, for instance "
            f"{refused[0].id}; raise --seq-len, or say --over-length drop or split-turns"
        )
    if not samples.ids:
        raise StageError(
            f"pack: no sample is left: {len(refused)} of {len(refused)} are longer than a row of "
            f"{seq_len} tokens; raise --seq-len"
        )


def _plan(config: PackConfig, samples: Samples, split: Split) -> Planned:
    """The rows of one split; of train no more than --rows asks for, from samples drawn by seed."""
    shape = _shape(config, split)
    found = np.flatnonzero(samples.split == split)
    wanted = config.rows if split == SPLITS[0] else 0
    order = _in_turns(found, samples.persona[found], config.seed)
    reached = np.cumsum(samples.lengths[order])
    count = int(np.searchsorted(reached, wanted * config.seq_len, side="right"))
    while True:
        chosen = np.sort(order[:count]) if wanted else found
        documents = samples.documents(chosen)
        seed = f"{config.seed}:{split}"
        try:
            rows = packing.plan(documents, strategy=config.strategy, seed=seed, **shape)
        except StageError:  # more rows than documents
            if not wanted or count <= wanted:
                raise
        else:
            if not wanted or len(rows) <= wanted:
                break
        # So little goes that the wanted rows stay full: one sample, or more of them that together
        # are a small part of a row.
        less = reached[count - 1] - config.seq_len // 16
        count = min(count - 1, int(np.searchsorted(reached, less)) + 1)
    figures = {
        "samples": len(chosen),
        "tokens": int(documents.lengths.sum()),
        "trained tokens": int(documents.trained.sum()),
        **packing.figures(rows, documents, **shape),
    }
    shares = zip(samples.speakers.tolist(), figures.pop("shares", ()), strict=False)
    figures["shares"] = {name: share for name, share in shares if share}
    return Planned([chosen[row] for row in rows], np.setdiff1d(found, chosen), figures)


def _in_turns(found: Numbers, personas: Numbers, seed: int) -> Numbers:
    """Samples in an order drawn by seed, in which every persona keeps its share all along."""
    drawn = np.random.Generator(np.random.PCG64(seed)).permutation(len(found))
    place = np.zeros(len(found))
    for persona in np.unique(personas):
        own = drawn[personas[drawn] == persona]
        place[own] = (np.arange(len(own)) + 0.5) / len(own)
    return found[drawn[np.argsort(place[drawn], kind="stable")]]


def _shards(plans: Mapping[Split, Planned], samples: Samples, seq_len: int) -> Iterator[Shard]:
    """The rows of every split, cut into shards of equal size, in order."""
    for split, plan in plans.items():
        tokens = len(plan.rows) * seq_len
        count = min(len(plan.rows), max(SHARDS, -(-tokens // TOKENS_PER_SHARD)))
        for number in range(count):
            start, end = (len(plan.rows) * each // count for each in (number, number + 1))
            rows = [[samples.place(each) for each in row] for row in plan.rows[start:end]]
            yield Shard(split, number, rows)


def _figures(
    config: PackConfig, plans: Mapping[Split, Planned], cut: Sequence[Cut]
) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "samples": sum(plan.figures["samples"] for plan in plans.values()),
        "rows": sum(len(plan.rows) for plan in plans.values()),
        "cut samples": len(cut),
        "cut tokens": sum(each.of_tokens - each.tokens for each in cut),
        "cut trained tokens": sum(each.of_loss_tokens - each.n_loss_tokens for each in cut),
        "splits": {split: plan.figures for split, plan in plans.items()},
    }
    if config.rows:
        train = plans[SPLITS[0]].figures
        figures["rows wanted"] = config.rows
        figures["rows missing"] = config.rows - train["rows"]
        room = config.rows * config.seq_len
        figures["tokens missing"] = room - train["tokens"] if figures["rows missing"] else 0
    return figures


def _too_long(sample: Sample, seq_len: int) -> Rejected:
    evidence = f"{len(sample.ids)} tokens, a row has {seq_len}"
    return _refused(sample.id, sample.persona, TOO_LONG, evidence)


def _not_wanted(samples: Samples, index: int, rows: int) -> Rejected:
    name = samples.speaker(index)
    persona = None if name == NO_PERSONA else name
    return _refused(samples.ids[index], persona, NOT_WANTED, f"{rows} rows are full without it")


def _refused(id: str, persona: str | None, rule: str, evidence: str) -> Rejected:
    return Rejected(id, "pack", persona, (Finding(rule, "reject", -1, evidence),))


def _numbers(values: Iterable[int]) -> Numbers:
    return np.fromiter(values, dtype=np.int64)
