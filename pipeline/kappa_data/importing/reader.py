"""Reads a file, folder or data set of conversations in a foreign format."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from types import ModuleType
from typing import Any

import msgspec

from kappa_data.config import nearest
from kappa_data.errors import UsageError
from kappa_data.importing import openai, sharegpt
from kappa_data.importing.files import raw_records
from kappa_data.importing.place import Draft, LineError, NotAConversation, Place, UnknownRole
from kappa_data.records import (
    NOBODY,
    Conversation,
    Finding,
    Message,
    Provenance,
    Rejected,
    Split,
    canonical_json,
)

AUTO = "auto"
MODULES: dict[str, ModuleType] = {"openai": openai, "sharegpt": sharegpt}
FORMATS = (AUTO, *MODULES)
VALIDATION_SHARE = TEST_SHARE = 0.1  # PlanConfig's defaults
PERSONA_LINE = re.compile(r"Persona: ([A-Za-z0-9_-]+)")
MAX_ID_CHARS = 200


def read_conversations(
    source: str, format: str = AUTO, revision: str | None = None
) -> Iterator[Conversation | Rejected | LineError]:
    """Every record of `source`, in order: a conversation, or what is wrong with it.

    `source` is a file (JSON Lines, gzipped or not, or parquet), a folder of such files, a folder
    that `datasets` saved, or the name of a data set of the hub, read at the commit `revision`
    (None: the newest). `format` is a name of FORMATS, or "auto": then the first record of each file
    that has one of their keys decides for the file. A line that is no conversation is a LineError;
    a conversation that our records cannot hold is Rejected. Other defects stay in the conversation,
    for validate to find.

    Raises UsageError for an unknown format or an unreadable source, EnvironmentLacks where the hub
    cannot be reached, StageError where a data set of the hub cannot be decoded.
    """
    if format not in FORMATS:
        raise UsageError(f"--format {format}: unknown; {nearest(format, FORMATS)}")
    return _read(source, format, revision)


def _read(
    source: str, format: str, revision: str | None
) -> Iterator[Conversation | Rejected | LineError]:
    detected: dict[str, ModuleType] = {}
    seen: set[str] = set()
    for place, raw in raw_records(source, revision):
        if isinstance(raw, LineError):
            yield raw
            continue
        module = MODULES.get(format) or detected.get(place.file) or _detect(raw)
        if module is None:
            keys = ", ".join(f'"{each.KEY}"' for each in MODULES.values())
            yield LineError(place.file, place.line, f"no conversation: has none of {keys}")
            continue
        detected.setdefault(place.file, module)
        yield _one(module, raw, place, seen)


def _detect(raw: dict[str, Any]) -> ModuleType | None:
    return next((module for module in MODULES.values() if module.KEY in raw), None)


def _one(
    module: ModuleType, raw: dict[str, Any], place: Place, seen: set[str]
) -> Conversation | Rejected | LineError:
    try:
        draft: Draft = module.convert(raw)
    except NotAConversation as error:
        return LineError(place.file, place.line, str(error))
    except UnknownRole as error:
        evidence = f'"{error.role[:100]}" in {place}'
        found = Finding("unknown role", "reject", error.message, evidence)
        return Rejected(_id(raw, repr(raw[module.KEY]), place, seen), "import", None, (found,))
    content = canonical_json(msgspec.to_builtins(draft))
    name = _id(raw, content, place, seen)
    persona, messages = _personas(draft.messages)
    return Conversation(
        id=name,
        messages=messages,
        tools=draft.tools,
        persona=persona,
        split=split_of(name),
        provenance=Provenance("import", "imported", "imported", origin=str(place)),
    )


def _id(raw: dict[str, Any], content: str, place: Place, seen: set[str]) -> str:
    """The record's own id where it is usable and new, else one of its place and its content."""
    own = raw.get("id")
    name = str(own) if isinstance(own, str | int) and not isinstance(own, bool) else ""
    if not _sane(name) or name in seen:
        stem = re.sub(r"[^\w.-]", "_", PurePosixPath(place.file).name.partition(".")[0])
        digest = hashlib.sha256(content.encode()).hexdigest()[:12]
        name = f"{stem}:{place.line}:{digest}"
    seen.add(name)
    return name


def _sane(name: str) -> bool:
    """Whether an id can stand on a terminal and between spaces: no controls, no bidi marks."""
    return 0 < len(name) <= MAX_ID_CHARS and name.isprintable() and " " not in name


def split_of(name: str) -> Split:
    """The split of an imported conversation: a hash of its id, in the shares that plan uses."""
    draw = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64
    if draw < TEST_SHARE:
        return "test"
    return "validation" if draw < TEST_SHARE + VALIDATION_SHARE else "train"


def _personas(messages: tuple[Message, ...]) -> tuple[str | None, tuple[Message, ...]]:
    """The first system message's persona; assistant messages after a switch carry the new one."""
    first = _persona_of(messages[0])
    current = first
    marked = []
    for message in messages:
        if message.role == "system":
            # An empty one takes a persona away (formats/switches.py).
            current = _persona_of(message) or (current if message.content else None)
        elif message.role == "assistant" and current != first:
            message = msgspec.structs.replace(message, persona=current or NOBODY)
        marked.append(message)
    return first, tuple(marked)


def _persona_of(message: Message) -> str | None:
    line = PERSONA_LINE.fullmatch(message.content) if message.role == "system" else None
    return line[1] if line else None
