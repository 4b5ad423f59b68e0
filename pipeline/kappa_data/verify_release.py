"""Proves a release folder by itself, wherever it was sent: without the samples it was made of.

What cannot be proved without them: that the documents are what was tokenized, and that none of the
samples is missing. Everything else is, against the folder's own manifest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kappa_data.errors import UsageError
from kappa_data.packed_files import PACKED, read_manifest
from kappa_data.records import SPLITS
from kappa_data.resources import sha256_of
from kappa_data.store import MANIFEST
from kappa_data.verify import Document, Shape, Tally, batch_fault, differences, row_faults
from kappa_data.writers.rows import NO_PERSONA

PLACES = ("release/current", "dataset", ".")


def find_release(path: Path) -> tuple[Path, dict[str, Any]]:
    """The release folder under `path` and its manifest; UsageError where there is none."""
    for place in PLACES:
        manifest = read_manifest(path / place / MANIFEST)
        if manifest is not None and {"files", "figures", "stages"} <= set(manifest):
            return path / place, manifest
    raise UsageError(
        f"{path}: no release here: verify needs the manifest.json that `kappa-data release` wrote, "
        f"with conversations and {PACKED} beside it"
    )


def release_faults(path: Path, *, workers: int = 0) -> Iterator[str]:
    """What is wrong with a release, in words, in order; nothing where all is right.

    `workers` processes; 0: one a core. UsageError where `path` holds no release.
    """
    folder, manifest = find_release(path)
    try:
        files, figures = dict(manifest["files"]), dict(manifest["figures"])
        pack = manifest["stages"]["pack"]["config"]
        shape = Shape(int(pack["seq_len"]), int(figures["vocabulary"]), int(figures["pad id"]))
        seq_len, batch = shape.seq_len, int(pack["global_batch"])
        if seq_len < 1 or batch < 1:
            raise ValueError(f"seq_len {seq_len}, global_batch {batch}")
        sizes = {name: (int(each["bytes"]), str(each["sha256"])) for name, each in files.items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{folder / MANIFEST}: damaged ({error!r}); get it anew") from error
    yield from _file_faults(folder, sizes)
    conversations = Conversations()
    yield from conversations.read(folder, sizes)
    yield from differences("", {"conversations": conversations.count}, figures)
    shards = {
        split: [
            folder / name
            for name in sorted(sizes)
            if name.startswith(f"{PACKED}/{split}-") and (folder / name).is_file()
        ]
        for split in SPLITS
    }
    tallies = {split: Tally() for split in SPLITS}
    yield from row_faults(shards, shape, conversations.check, tallies, workers)
    yield from batch_fault(tallies, batch)
    found = [tally.figures(seq_len) for tally in tallies.values()]
    sums = {
        name: sum(each[name] for each in found)
        for name in ("rows", "samples", "tokens", "trained tokens")
    }
    yield from differences("", sums, figures)


class Conversations:
    """Split and persona of every conversation, and the samples of it that rows hold."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, str]] = {}
        self._held: set[str] = set()
        self.count = 0

    def read(self, folder: Path, files: Mapping[str, Any]) -> Iterator[str]:
        """Takes in the release's conversations; yields what cannot be read, or stands twice."""
        for name in sorted(files):
            place, _, file = name.partition("/")
            if place != "conversations" or not (folder / name).is_file():
                continue
            split = file.partition("-")[0]
            try:
                table = pq.read_table(folder / name, columns=["id", "persona", "split"])
            except (OSError, pa.ArrowException) as error:
                yield f"{name}: cannot be read ({error})"
                continue
            for each in table.to_pylist():
                if each["split"] != split or each["id"] in self._known:
                    yield f"{name}: {each['id']} stands twice, or belongs to another split"
                self._known[each["id"]] = split, each["persona"] or NO_PERSONA
                self.count += 1

    def check(self, document: Document) -> Iterator[str]:
        """Whether a document is of a conversation of its split, and stands in no other row."""
        name = document.sample_id
        if name in self._held:
            yield f"document {name}: it stands in a row for the second time"
        self._held.add(name)
        split, persona = self._known.get(name.rpartition("#")[0], ("", ""))
        if not split:
            yield f"document {name}: there is no such conversation"
            return
        if document.split != split:
            yield f"document {name}: its conversation belongs to {split}"
        if document.persona != persona:
            yield f"document {name}: persona {document.persona}, its conversation's is {persona}"


def _file_faults(folder: Path, files: Mapping[str, tuple[int, str]]) -> Iterator[str]:
    for name, (size, digest) in sorted(files.items()):
        file = folder / name
        if not file.is_file():
            yield f"{name}: missing"
        elif file.stat().st_size != size:
            yield f"{name}: {file.stat().st_size} bytes, the manifest says {size}"
        elif sha256_of(file) != digest:
            yield f"{name}: its sha256 is not the manifest's"
    # Hubs put files of their own beside these; only data can be read by mistake.
    for file in sorted(folder.rglob("*.parquet")):
        name = str(file.relative_to(folder))
        if name not in files:
            yield f"{name}: the manifest does not list this file"
