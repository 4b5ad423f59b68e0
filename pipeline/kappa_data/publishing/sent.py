"""Every text that a release holds, with the place where it stands.

Conversations are read from their parquet, field by field; packed rows are decoded, so that nothing
is taken on trust that they were rendered from; every other file is read as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from kappa_data.arrow import records
from kappa_data.checks._text import APART
from kappa_data.errors import UsageError
from kappa_data.formats.vocabulary import decode_bytes
from kappa_data.publishing.release import Release
from kappa_data.records import Conversation, Row
from kappa_data.store import MANIFEST

CONVERSATIONS, PACKED = "conversations/", "packed/"
CONVERSATIONS_AT_ONCE, ROWS_AT_ONCE = 64, 4
"""records in memory: a row of 131,072 tokens is half a megabyte of text"""
DECODED = "o200k_harmony"
"""the tokenizer whose rows can be decoded by what is installed with the package"""
PARQUET = ".parquet"


class Piece(Struct, dict=True):
    """Texts that stand together: a conversation, a packed row or a file.

    `fields`: (where in it, text). `conversation`: what they belong to, if they are one's.
    """

    file: str
    id: str
    fields: list[tuple[str, str]]
    conversation: Conversation | None = None

    @cached_property
    def whole(self) -> str:
        """All texts, with something in between over which no finder reaches."""
        return APART.join(text for _, text in self.fields)

    def place(self, field: str) -> str:
        """Where a field stands, in words."""
        return ", ".join(each for each in (self.file, self.id, field) if each)


def pieces(release: Release, name: str) -> Iterator[Piece]:
    """The pieces of one file of the release; none of a file that holds no text.

    UsageError where a parquet file is not what a release holds under its name.
    """
    if name == MANIFEST:
        yield Piece(name, "", lines(release.sealed.decode(errors="replace")))
    elif name.startswith(CONVERSATIONS):
        for each in _records(release.folder / name, Conversation, CONVERSATIONS_AT_ONCE):
            yield Piece(name, each.id, list(texts(each)), each)
    elif name.startswith(PACKED):
        decoded = not unread(release)
        for number, row in enumerate(_records(release.folder / name, Row, ROWS_AT_ONCE)):
            yield Piece(name, "", list(_of_row(row, number, decoded)))
    else:
        data = (release.folder / name).read_bytes()
        if b"\0" not in data:
            yield Piece(name, "", lines(data.decode(errors="replace")))


def unread(release: Release) -> str:
    """What of the release nobody read, in words; "" where all of it is."""
    tokenizer = release.manifest.figures.get("tokenizer", "unknown")
    if tokenizer == DECODED or not any(name.startswith(PACKED) for name in release.files):
        return ""
    return (
        f"packed rows of the tokenizer {tokenizer} are not decoded: of them only the names were "
        "read, and the conversations that they were rendered from"
    )


def count(release: Release, name: str) -> int:
    """How many pieces a file has."""
    if not name.endswith(PARQUET):
        return 1
    with _open(release.folder / name) as file:
        return int(file.metadata.num_rows)


def lines(text: str) -> list[tuple[str, str]]:
    """Each line, and its number in words."""
    return [(f"line {number}", line) for number, line in enumerate(text.split("\n"), start=1)]


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text within a record, with its path: `messages[3].tool_calls[0].function.arguments`."""
    if isinstance(value, str):
        if value:
            yield path, value
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            yield from texts(getattr(value, name), f"{path}.{name}" if path else name)
    elif isinstance(value, tuple):
        for at, each in enumerate(value):
            yield from texts(each, f"{path}[{at}]")


def _of_row(row: Row, number: int, decoded: bool) -> Iterator[tuple[str, str]]:
    """The names that a row holds, and the text of each of its documents."""
    yield f"row {number}, sample_ids", "\n".join(row.sample_ids)
    yield f"row {number}, personas", "\n".join(row.personas)
    if not decoded:
        return
    lengths = row.seq_lengths.tolist()
    ids = row.input_ids
    if len(lengths) > len(row.sample_ids) and (ids[-lengths[-1] :] == ids[-1]).all():
        ids = ids[: -lengths.pop()]  # one id throughout: padding
    try:
        text, ends = decode_bytes(ids)
    except KeyError as error:
        raise UsageError(
            f"push: {PACKED}, row {number}: {error} is the id of no token; build the release again"
        ) from error
    token = begin = 0
    for at, length in enumerate(lengths):
        token += length
        end = int(ends[token - 1])
        name = f"sample {row.sample_ids[at]}" if at < len(row.sample_ids) else "padding"
        yield f"row {number}, {name}", text[begin:end].decode(errors="replace")
        begin = end


def _records(path: Path, kind: type[Any], at_once: int) -> Iterator[Any]:
    with _open(path) as file:
        try:
            for batch in file.iter_batches(batch_size=at_once):
                yield from records(batch, kind)
        except (ValueError, OSError) as error:
            raise UsageError(f"push: {path}: {error}; build the release again") from error


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise UsageError(f"push: {path} cannot be read ({error}); build it again") from error
