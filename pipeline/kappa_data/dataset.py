"""Packed rows for Python: `kappa_data.load(path)`.

A row is read where it is asked for, with its row group (one row of 131,072 tokens is a group), so
memory holds a few rows whatever the size of the dataset. Labels and positions are derived here; on
disk are only ids, masks and lengths. Nothing imports torch: a split is a plain sequence, a reader
of it a plain iterator, and both can be pickled and forked.
"""

from __future__ import annotations

import bisect
import functools
import operator
import os
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple, SupportsIndex, TypedDict, overload

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kappa_data.arrow import array_fields, schema
from kappa_data.errors import UsageError
from kappa_data.packed_files import Shards, digest_of_rows, find_shards
from kappa_data.records import Int8s, Int32s, Row
from kappa_data.trainers import rows
from kappa_data.trainers.order import Order
from kappa_data.trainers.rows import Int64s
from kappa_data.writers.rows import documents

OPEN_FILES = 16


class Document(NamedTuple):
    """One document of a row; the padding has neither sample nor persona."""

    sample_id: str | None
    persona: str | None
    ids: Int32s
    mask: Int8s


class PackedRow(Row, frozen=True, eq=False):
    """A row as it is on disk, and what trainers derive from it. The arrays belong to the caller."""

    @property
    def labels(self) -> Int64s:
        """int64[seq_len], unshifted: the id where it is trained, else -100.

        For transformers and TRL, which shift by themselves. The first token of a document is -100.
        """
        return rows.labels(self.input_ids, self.assistant_masks, self.seq_lengths)

    @property
    def shifted_labels(self) -> Int64s:
        """int64[seq_len]: at i the label of i + 1; -100 at the end of each document.

        For torchtitan and Megatron, which compare the logits at i with the label at i.
        """
        return rows.shifted_labels(self.input_ids, self.assistant_masks, self.seq_lengths)

    @property
    def positions(self) -> Int64s:
        """int64[seq_len]: counts from 0 in each document, in the padding too."""
        return rows.positions(self.seq_lengths)

    def documents(self) -> Iterator[Document]:
        """The documents in order; padding, where there is any, is the last."""
        personas = [*self.personas, None]
        for persona, (name, ids, mask) in zip(personas, documents(self), strict=False):
            yield Document(name, persona, ids, mask)


class Split(Sequence[PackedRow]):
    """The rows of a split, in the order on disk, which is the order of training."""

    def __init__(self, name: str, shards: Shards) -> None:
        self.name = name
        self._shards = shards
        self._reader = _Reader(shards)

    def __len__(self) -> int:
        return self._reader.rows

    @overload
    def __getitem__(self, index: SupportsIndex) -> PackedRow: ...
    @overload
    def __getitem__(self, index: slice) -> list[PackedRow]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> PackedRow | list[PackedRow]:
        if isinstance(index, slice):
            return [self._reader.row(each) for each in range(*index.indices(len(self)))]
        number = operator.index(index)
        if not -len(self) <= number < len(self):
            raise IndexError(f"row {number} of {len(self)}")
        return self._reader.row(number % len(self))

    def __repr__(self) -> str:
        return f"<{self.name}: {len(self)} packed rows>"

    def digest(self) -> str:
        """Tells these rows from others, at the cost of opening the files."""
        return digest_of_rows(self._shards)

    def samples(self) -> Iterator[Document]:
        """Every document of the split once, without padding, for trainers that pack themselves."""
        for row in self.rows(epochs=1):
            yield from (each for each in row.documents() if each.sample_id is not None)

    def rows(
        self,
        *,
        rank: int = 0,
        world: int = 1,
        seed: int | None = None,
        epochs: int | None = None,
        drop_last: bool = False,
    ) -> Rows:
        """This rank's rows as an iterator that can be stopped and resumed; see Rows.

        `seed` shuffles, anew in every epoch; None keeps the order on disk. `epochs` None: endless.
        UsageError where the last round would leave ranks without a row, unless `drop_last`.
        """
        return Rows(self._shards, rank, world, seed, epochs, drop_last)


class State(TypedDict):
    """Where a stream of rows stands."""

    epoch: int
    cursor: int
    """rows of the epoch that all ranks took together"""
    seed: int | None
    digest: str
    """of the rows, as Split.digest tells it"""


class Rows(Iterator[PackedRow]):
    """One rank's share of a stream of rows: epoch after epoch, each row once an epoch.

    Row g of the stream (g = epoch · number of rows + cursor) goes to rank g % world. A round gives
    each rank one row; where the number of rows is no multiple of `world`, a round runs on into the
    next epoch, and nothing is lost or repeated. Only the end of the last epoch can be an incomplete
    round: it is refused, or left out with `drop_last`.

    The state counts rows of all ranks together, so that a state saved between two rounds is the
    same on every rank, and goes on under any other number of ranks.
    """

    def __init__(
        self,
        shards: Shards,
        rank: int,
        world: int,
        seed: int | None,
        epochs: int | None,
        drop_last: bool,
    ) -> None:
        if not 0 <= rank < world:
            raise UsageError(f"rank {rank} of {world}: ranks count from 0 to {world - 1}")
        if epochs is not None and epochs < 1:
            raise UsageError(f"epochs: {epochs}; give 1 or more, or None for an endless stream")
        self._reader = _Reader(shards)
        self._shards = shards
        self._rank, self._world, self._seed = rank, world, seed
        self._end = None if epochs is None else epochs * self._reader.rows
        self._drop_last = drop_last
        self._taken = 0  # rows of the stream, by all ranks
        self._order = Order(self._reader.rows, seed)
        self._check_end()

    def __next__(self) -> PackedRow:
        if self._end is not None and self._taken + self._world > self._end:
            raise StopIteration
        place = self._taken + (self._rank - self._taken) % self._world
        row = self._reader.row(self._order.at(place))
        self._taken += self._world
        return row

    def state_dict(self) -> State:
        """Where the stream stands, and of which rows and order; see State."""
        epoch, cursor = divmod(self._taken, self._reader.rows)
        return {"epoch": epoch, "cursor": cursor, "seed": self._seed, "digest": self._digest}

    def load_state_dict(self, state: State) -> None:
        """Goes on where `state` was taken; UsageError where it is of another seed or dataset."""
        rows = self._reader.rows
        if state.keys() != State.__required_keys__ or not (
            state["epoch"] >= 0 and 0 <= state["cursor"] < rows
        ):
            raise UsageError(f"{state}: no state of a stream of {rows} rows an epoch")
        if state["seed"] != self._seed:
            raise UsageError(f"the state was saved with seed {state['seed']}, not {self._seed}")
        if state["digest"] != self._digest:
            raise UsageError(
                "the state was saved with other rows; load those that it was trained on (of a "
                "dataset on the Hub: its tag)"
            )
        self._taken = state["epoch"] * rows + state["cursor"]
        self._check_end()

    @functools.cached_property
    def _digest(self) -> str:
        """Of all files: reckoned once, since a state may be asked for at every step."""
        return digest_of_rows(self._shards)

    def _check_end(self) -> None:
        left = 0 if self._end is None else max(self._end - self._taken, 0) % self._world
        if left and not self._drop_last:
            raise UsageError(
                f"the last {left} rows do not fill a round of {self._world} ranks; leave them out "
                "with drop_last=True, or take a number of ranks that divides the rows"
            )


class Dataset:
    """The splits of a packed dataset that hold rows: `ds.splits`, `ds["train"]`."""

    def __init__(self, folder: Path, splits: dict[str, Shards]) -> None:
        self.folder = folder
        self._splits = {name: Split(name, shards) for name, shards in splits.items()}

    @property
    def splits(self) -> tuple[str, ...]:
        """Names, of train, validation and test, in this order."""
        return tuple(self._splits)

    def __getitem__(self, split: str) -> Split:
        if split not in self._splits:
            raise UsageError(f"{self.folder}: no rows in {split!r}; it has {list(self._splits)}")
        return self._splits[split]

    def __contains__(self, split: object) -> bool:
        return split in self._splits

    def __iter__(self) -> Iterator[str]:
        return iter(self._splits)

    def __repr__(self) -> str:
        return f"<{self.folder}: {', '.join(f'{n} {len(s)}' for n, s in self._splits.items())}>"


def load(path: str | os.PathLike[str]) -> Dataset:
    """The packed rows in `path`: a dataset's folder, a release, its `packed`, or a pack output.

    Raises UsageError, here or where a row is read, that says which file is missing or damaged.
    """
    folder, splits = find_shards(Path(path))
    return Dataset(folder, splits)


class _Reader:
    """Rows by number. Holds its own open files: none is shared with another reader or process."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards
        self._firsts = [0, *accumulate(shard.rows for shard in shards)]
        self.rows = self._firsts[-1]
        self._forget()

    def __getstate__(self) -> Shards:
        return self._shards

    def __setstate__(self, shards: Shards) -> None:
        self.__init__(shards)  # type: ignore[misc]

    def _forget(self) -> None:
        self._process = os.getpid()
        self._files: dict[int, tuple[pq.ParquetFile, list[int]]] = {}
        self._group: tuple[tuple[int, int], pa.Table] | None = None

    def row(self, number: int) -> PackedRow:
        """Row `number`, 0 to rows - 1, in arrays of its own."""
        if self._process != os.getpid():  # forked
            self._forget()
        shard = bisect.bisect_right(self._firsts, number) - 1
        place = f"{self._shards[shard].path}, row {number - self._firsts[shard]}"
        try:
            table, at = self._find(shard, number - self._firsts[shard])
            values: dict[str, Any] = {name: _arrays(table, name, at) for name in array_fields(Row)}
            plain = [each for each in schema(Row).names if each not in values]
            (others,) = table.select(plain).slice(at, 1).to_pylist()
        except (OSError, pa.ArrowException) as error:
            raise UsageError(f"{place}: cannot be read ({error}); get the file anew") from error
        others = {k: tuple(v) if isinstance(v, list) else v for k, v in others.items()}
        row = PackedRow(**values, **others)
        lengths = row.seq_lengths
        if not (len(row.input_ids) == len(row.assistant_masks) == lengths.sum()) or (
            len(lengths) - len(row.sample_ids) not in (0, 1) or lengths.min(initial=1) < 1
        ):
            raise UsageError(f"{place}: its lengths do not fit together; see `kappa-data verify`")
        return row

    def _find(self, shard: int, number: int) -> tuple[pa.Table, int]:
        """The row group that holds a row of a shard, and the row's place in it."""
        if shard not in self._files:
            if len(self._files) == OPEN_FILES:
                self._files.pop(next(iter(self._files)))[0].close()
            file = pq.ParquetFile(self._shards[shard].path)
            counts = (file.metadata.row_group(n).num_rows for n in range(file.num_row_groups))
            self._files[shard] = file, [0, *accumulate(counts)]
        file, firsts = self._files[shard]
        group = bisect.bisect_right(firsts, number) - 1
        if self._group is None or self._group[0] != (shard, group):
            # No threads: a forked process has none of them.
            table = file.read_row_group(group, columns=schema(Row).names, use_threads=False)
            self._group = (shard, group), table.combine_chunks()
        return self._group[1], number - firsts[group]


def _arrays(table: pa.Table, name: str, at: int) -> np.ndarray[Any, Any]:
    """A copy of the list that a row has in a column."""
    column = table.column(name).chunk(0)
    start, end = column.offsets[at : at + 2].to_numpy()
    return np.array(column.values[start:end].to_numpy(zero_copy_only=True))
