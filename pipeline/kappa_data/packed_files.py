"""Finds the parquet files of packed rows in a folder, and sees that all of them are there."""

from __future__ import annotations

import hashlib
import os
import re
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from kappa_data.arrow import schema
from kappa_data.errors import UsageError
from kappa_data.records import SPLITS, Row
from kappa_data.store import MANIFEST

PACKED = "packed"
# Under a dataset's folder, under a release, under its dataset folder; else the folder itself.
PLACES = (f"release/current/{PACKED}", f"dataset/{PACKED}", PACKED, ".")
NAME = re.compile(r"(train|validation|test)-(\d{5})\.parquet")
DIGITS = 16
AGAIN = "get the folder anew, or build it again"


class Shard(NamedTuple):
    """One parquet file, and the number of its rows."""

    path: Path
    rows: int


Shards = tuple[Shard, ...]


def find_shards(path: Path) -> tuple[Path, dict[str, Shards]]:
    """The folder of packed rows under `path`, and the files of each split that holds rows.

    UsageError where there are none, where one is missing or damaged, or where its columns are not
    those of a packed row. Numbers are checked against the manifest, where one lies there.
    """
    folder = packed_folder(path)
    found: dict[str, dict[int, Path]] = defaultdict(dict)
    for file in sorted(folder.iterdir()):
        if match := NAME.fullmatch(file.name):
            found[match[1]][int(match[2])] = file
    splits: dict[str, Shards] = {}
    for split in SPLITS:
        _check_numbers(folder, split, sorted(found[split]))
        splits[split] = tuple(Shard(file, _rows_of(file)) for file in found[split].values())
    _check_manifest(folder, splits)
    filled = {split: shards for split, shards in splits.items() if sum(n for _, n in shards)}
    if not filled:
        raise UsageError(f"{folder}: its files hold no rows")
    return folder, filled


def packed_folder(path: Path) -> Path:
    """The folder of packed rows under `path`, links resolved: a newer release changes nothing."""
    if not path.is_dir():
        raise UsageError(f"{path}: no such folder; give a dataset's folder or a release")
    for place in PLACES:
        folder = path / place
        if folder.is_dir() and any(NAME.fullmatch(each.name) for each in folder.iterdir()):
            return folder.resolve()
    raise UsageError(
        f"{path}: no packed rows here (train-00000.parquet, ...); give a dataset's folder with a "
        "release in it (`kappa-data release` makes one), a release, or its folder `packed`"
    )


def digest_of_rows(shards: Shards) -> str:
    """A digest of the rows that changes with them, without reading them: of the files' footers.

    A footer has the size of every column of every row group, and the bounds of its values. Copies
    have the same one, wherever they lie.
    """
    whole = hashlib.sha256()
    for shard in shards:
        with shard.path.open("rb") as file:
            file.seek(-8, os.SEEK_END)  # the footer's length, and `PAR1`
            length = int.from_bytes(file.read(4), "little")
            file.seek(-8 - length, os.SEEK_END)
            whole.update(file.read(length))
    return whole.hexdigest()[:DIGITS]


def read_manifest(file: Path) -> dict[str, Any] | None:
    """A manifest as plain values; None where there is none; UsageError where it is damaged."""
    try:
        read: dict[str, Any] = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"{file}: damaged ({error}); {AGAIN}") from error
    return read


def _check_numbers(folder: Path, split: str, numbers: list[int]) -> None:
    missing = sorted(set(range(max(numbers, default=-1) + 1)) - set(numbers))
    if missing:
        raise UsageError(f"{folder}: {split}-{missing[0]:05d}.parquet is missing; {AGAIN}")


def _rows_of(file: Path) -> int:
    """Number of rows, from the file's footer; UsageError where its columns are not a row's."""
    try:
        with pq.ParquetFile(file) as opened:
            found, rows = opened.schema_arrow, int(opened.metadata.num_rows)
    except (OSError, pa.ArrowException) as error:
        raise UsageError(f"{file}: cannot be read ({error}); {AGAIN}") from error
    for field in schema(Row):
        at = found.get_field_index(field.name)
        if at < 0:
            raise UsageError(f"{file}: not packed rows: it has no column {field.name}")
        if _kind(found.field(at).type) != _kind(field.type):
            wrong = f"{field.name} is {found.field(at).type}, not {field.type}"
            raise UsageError(f"{file}: not packed rows: {wrong}")
    return rows


def _kind(of: pa.DataType) -> str:
    """A type without the name that a list gives its values, which writers choose freely."""
    return f"list of {of.value_type}" if pa.types.is_list(of) else str(of)


def _check_manifest(folder: Path, splits: dict[str, Shards]) -> None:
    """Files and numbers of rows, as a release's manifest or a pack output's states them."""
    there = {shard.path.name for shards in splits.values() for shard in shards}
    counts = {str(split): sum(n for _, n in shards) for split, shards in splits.items()}
    release, sealed = read_manifest(folder.parent / MANIFEST), read_manifest(folder / MANIFEST)
    try:
        if sealed is not None:
            sets = sealed["sets"]
            stated = [shard for split in SPLITS if split in sets for shard in sets[split]["shards"]]
            numbers = {str(split): sets[split]["records"] for split in SPLITS if split in sets}
        elif release is not None and folder.name == PACKED and "files" in release:
            inside = (name.partition("/") for name in release["files"])
            stated = [name for place, _, name in inside if place == PACKED]
            counts, numbers = {"all": sum(counts.values())}, {"all": release["figures"]["rows"]}
        else:
            return
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{folder}: its manifest is damaged ({error!r}); {AGAIN}") from error
    for name in sorted(set(stated) - there):
        raise UsageError(f"{folder}: {name} is missing; {AGAIN}")
    for split, number in numbers.items():
        if counts[split] != number:
            raise UsageError(
                f"{folder}: {counts[split]} rows in {split}, its manifest says {number}; {AGAIN}"
            )
