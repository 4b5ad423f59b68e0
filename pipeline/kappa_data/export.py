"""export: the packed rows of a dataset or a release, written as another trainer reads them.

    OUT/README.md                       how to use it; what load_dataset reads where
    OUT/manifest.json                   sha256 of every file, and of the files it was made from
    OUT/data/train-00000.parquet        one file for each file of packed rows
    OUT/<table>/train-00000.parquet     of a target with further tables

It is written beside OUT, in a hidden folder, and takes OUT's place by renaming: OUT is an export as
a whole or is not there. Memory holds a row group of rows and one of what is written.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

import kappa_data.exporting as folder_of_targets
from kappa_data.config import nearest
from kappa_data.dataset import PackedRow, Split
from kappa_data.disk import disk_errors, in_the_way, lock, sync, write_durably
from kappa_data.errors import UsageError
from kappa_data.packed_files import Shards, find_shards, read_manifest
from kappa_data.progress import Progress
from kappa_data.resources import files_of, sha256_of
from kappa_data.stage import package_version
from kappa_data.store import MANIFEST, ShardWriter

README = "README.md"
DATA = "data"  # the folder of a target's first table
TOKENS_OF = ("format", "tokenizer", "vocabulary", "pad id", "stop ids")
ONE_SHARD = 2**62


class Target(Struct, frozen=True):
    """For whom rows are written, and how: see `exporting/__init__.py`."""

    name: str
    about: str
    version: int
    tables: Mapping[str, type[Struct]]
    records: Callable[[PackedRow], Iterator[tuple[str, Struct]]]
    use: str

    def folder(self, table: str) -> str:
        """Where the files of a table lie in an export."""
        return DATA if table == next(iter(self.tables)) else table


class Figures(Struct):
    """What a split holds; tokens are without padding."""

    rows: int = 0
    samples: int = 0
    tokens: int = 0
    trained_tokens: int = 0


class Exported(Struct, frozen=True):
    """The manifest of an export."""

    target: str
    version: int
    source: dict[str, str]
    """sha256 of each file of packed rows, by its name"""
    tokens: dict[str, Any]
    """whose tokens they are, as the source's manifest says it"""
    splits: dict[str, Figures]
    files: dict[str, dict[str, Any]]
    """bytes and sha256 of every file of the export but this one"""
    kappa_data: str


@functools.cache
def targets() -> Mapping[str, Target]:
    """Every target by name: the modules in `exporting/`."""
    found = {}
    for info in pkgutil.iter_modules(folder_of_targets.__path__):
        if not info.name.startswith("_"):
            module = importlib.import_module(f"{folder_of_targets.__name__}.{info.name}")
            about = (module.__doc__ or "").partition("\n")[0].rstrip(".")
            found[info.name] = Target(
                info.name, about, module.VERSION, module.TABLES, module.records, module.USE
            )
    return found


def target_of(name: str) -> Target:
    """The target of this name; UsageError that names the nearest where there is none."""
    if name not in targets():
        raise UsageError(f'export: there is no target "{name}"; {nearest(name, targets())}')
    return targets()[name]


def export(
    target: Target, source: Path, out: Path, splits: Sequence[str], progress: Progress
) -> dict[str, Any]:
    """Writes the rows of `source` (whatever `kappa_data.load` takes) to `out`; a summary.

    `splits`: only these, all that hold rows where it is empty. An older export in `out` is
    replaced; the same one stays as it is. Raises UsageError where `source` holds no such rows or is
    damaged, and where `out` holds anything but an export.
    """
    packed, shards = find_shards(source)
    chosen = _chosen(shards, splits, packed)
    out = out.expanduser().resolve()
    digests = _digests(chosen, progress)
    with disk_errors(out, target=True):
        older = exported_in(out)
    if older is not None and (older.target, older.version, older.source) == (
        target.name,
        target.version,
        digests,
    ):
        if _whole(out, older):
            return _summary(out, older, "up-to-date")
        progress.note(f"export: a file in {out} is missing or changed; all are written again")
    _refuse_foreign(out, older)
    work = out.with_name(f".{out.name}.kappa-export")
    with disk_errors(out, target=True), lock(work):
        new, replaced = work / "new", work / "replaced"
        if replaced.exists() and not out.exists():  # a run was killed between two renames
            replaced.rename(out)
        for each in (new, replaced):
            shutil.rmtree(each, ignore_errors=True)
        new.mkdir()
        try:
            made = _write(target, chosen, digests, packed, new, progress)
        except BaseException:
            shutil.rmtree(work)  # half an export helps nobody, and the disk may be full of it
            raise
        if out.exists():
            out.rename(replaced)
        new.rename(out)
        sync(out.parent)
        shutil.rmtree(work)
    return _summary(out, made, "exported")


def exported_in(folder: Path) -> Exported | None:
    """The manifest of the export in `folder`; None where there is none that can be read."""
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Exported)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None


def _chosen(
    shards: Mapping[str, Shards], splits: Sequence[str], packed: Path
) -> Mapping[str, Shards]:
    for split in splits:
        if split not in shards:
            raise UsageError(f'export: no rows in "{split}" of {packed}; {nearest(split, shards)}')
    return {name: each for name, each in shards.items() if not splits or name in splits}


def _digests(shards: Mapping[str, Shards], progress: Progress) -> dict[str, str]:
    """sha256 of every file that is read, by its name."""
    paths = [shard.path for each in shards.values() for shard in each]
    found = {}
    with progress.task("hashing", total=len(paths)) as bar:
        for path in paths:
            found[path.name] = sha256_of(path)
            bar.advance()
    return found


def _whole(out: Path, exported: Exported) -> bool:
    """Whether every file lies in `out` with its sha256."""
    return all(
        (out / name).is_file() and sha256_of(out / name) == each["sha256"]
        for name, each in exported.files.items()
    )


def _refuse_foreign(out: Path, older: Exported | None) -> None:
    """UsageError where `out` holds what no export of ours wrote: nobody else's file is removed."""
    if (file := in_the_way(out)) is not None:
        raise UsageError(f"export: {file} is a file; name a folder")
    if not out.exists():
        return
    if out.is_mount():  # which cannot be renamed, and lies on another disk than what is beside it
        raise UsageError(f"export: {out} is where a disk is mounted; name a folder in it")
    if Path.cwd().is_relative_to(out):  # which would go on in a folder that is removed
        raise UsageError(f"export: you are in {out}, which is replaced as a whole; name another")
    own = {MANIFEST, *older.files} if older is not None else set()
    there = (each for each in out.rglob("*") if each.is_symlink() or not each.is_dir())
    foreign = sorted(name for each in there if (name := str(each.relative_to(out))) not in own)
    if foreign:
        raise UsageError(
            f"export: {out} holds something else ({foreign[0]}); name another folder, or remove it"
        )


def _write(
    target: Target,
    shards: Mapping[str, Shards],
    digests: Mapping[str, str],
    packed: Path,
    new: Path,
    progress: Progress,
) -> Exported:
    """Writes the whole export into `new`; its manifest."""
    for table in target.tables:
        (new / target.folder(table)).mkdir()
    figures = {}
    total = sum(shard.rows for each in shards.values() for shard in each)
    with progress.task("export", total=total) as bar:
        for split, own in shards.items():
            figures[split] = Figures()
            for number, shard in enumerate(own):
                with ExitStack() as stack:
                    writers = {
                        table: stack.enter_context(
                            ShardWriter(
                                new / target.folder(table), split, record, number, ONE_SHARD
                            )
                        )
                        for table, record in target.tables.items()
                    }
                    for row in Split(split, (shard,)).rows(epochs=1):
                        for table, record in target.records(row):
                            writers[table].write(record)
                        _count(figures[split], row)
                        bar.advance()
    tokens = _tokens_of(packed)
    write_durably(new / README, _readme(target, figures, tokens).encode())
    made = Exported(
        target=target.name,
        version=target.version,
        source=dict(digests),
        tokens=tokens,
        splits=figures,
        files=files_of(new),
        kappa_data=package_version(),
    )
    write_durably(new / MANIFEST, msgspec.json.format(msgspec.json.encode(made)))
    for each in {new, *(new / target.folder(table) for table in target.tables)}:
        sync(each)
    return made


def _count(figures: Figures, row: PackedRow) -> None:
    figures.rows += 1
    figures.samples += len(row.sample_ids)
    figures.tokens += int(row.seq_lengths[: len(row.sample_ids)].sum())
    figures.trained_tokens += row.n_loss_tokens


def _tokens_of(packed: Path) -> dict[str, Any]:
    """Whose tokens the rows hold, by the manifest of the release or of the stage `pack`."""
    for place in (packed, packed.parent):
        figures = (read_manifest(place / MANIFEST) or {}).get("figures", {})
        if TOKENS_OF[0] in figures:
            return {name: figures[name] for name in TOKENS_OF if name in figures}
    return {}


def _readme(target: Target, figures: Mapping[str, Figures], tokens: Mapping[str, Any]) -> str:
    """The page of an export; its YAML tells load_dataset which files belong to what."""
    lines = ["---", "configs:"]
    for table in target.tables:
        lines += [f"- config_name: {table}", "  data_files:"]
        for split in figures:
            path = f"{target.folder(table)}/{split}-*.parquet"
            lines += [f"  - split: {split}", f"    path: {path}"]
    lines += ["---", "", f"# Export for {target.name}", "", target.use]
    lines += ["| split | rows packed | samples | tokens | trained |", "|---|---:|---:|---:|---:|"]
    for split, each in figures.items():
        counts = (each.rows, each.samples, each.tokens, each.trained_tokens)
        lines.append(f"| {split} | {' | '.join(f'{count:,}' for count in counts)} |")
    lines += ["", "Made by `kappa-data export`; `manifest.json` holds the sha256 of every file."]
    if tokens:
        lines.append(f"Tokens of the format {tokens['format']}, tokenizer {tokens['tokenizer']}.")
    return "\n".join([*lines, ""])


def _summary(out: Path, made: Exported, status: str) -> dict[str, Any]:
    size = sum(each["bytes"] for each in made.files.values())
    counts = ", ".join(f"{split} {each.samples:,}" for split, each in made.splits.items())
    said = f"{out}: samples {counts}; {size / 1e6:.1f} MB for {made.target}"
    if status == "up-to-date":
        said = f"{out} holds this export already: samples {counts}"
    return {
        "target": made.target,
        "dir": str(out),
        "status": status,
        "splits": msgspec.to_builtins(made.splits),
        "files": len(made.files) + 1,
        "bytes": size,
        "said": said,
    }
