"""JSON Schemas of every record on disk, written out from the types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from kappa_data import records
from kappa_data.store import Manifest
from kappa_data.tasks.file_forms import FileTask
from kappa_data.tasks.seeds_file import SeedsFile

PUBLISHED: tuple[type[Struct], ...] = (
    records.Task,
    FileTask,
    SeedsFile,
    records.Slot,
    records.Conversation,
    records.Finding,
    records.ConversationFinding,
    records.Rejected,
    records.Sample,
    records.Row,
    Manifest,
)
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(record: type[Struct]) -> dict[str, Any]:
    """The JSON Schema of a record."""
    schema = msgspec.json.schema(record)
    return {"$schema": DIALECT, "title": record.__name__, **schema}


def write(folder: Path) -> list[Path]:
    """Writes `<record>.json` for every published record; gives the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for record in PUBLISHED:
        path = folder / f"{record.__name__.lower()}.json"
        text = msgspec.json.format(msgspec.json.encode(schema_of(record)), indent=2)
        path.write_bytes(text + b"\n")
        written.append(path)
    return written
