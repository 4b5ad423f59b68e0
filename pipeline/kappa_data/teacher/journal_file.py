"""The journal as a file: what is in it, whether it is whole, and how it is made smaller.

Looking needs no lock: lines are only ever appended, or the whole file is replaced by a rename.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from kappa_data.disk import disk_errors, sync
from kappa_data.errors import UsageError
from kappa_data.teacher.journal import Entry, Line, lines_of

WRITE_BYTES = 1 << 20
BY = ("persona", "model", "slot")


@dataclass
class Group:
    """What one persona, model or slot has in the journal. Tokens are those that answers took;
    `superseded` entries have a later one to the same question."""

    slots: set[str] = field(default_factory=set)
    answers: int = 0
    tool_results: int = 0
    verdicts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    bytes: int = 0
    superseded: int = 0

    def as_json(self) -> dict[str, Any]:
        """Plain values; the slots are counted."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return values | {"slots": len(self.slots)}


@dataclass
class Chosen:
    """Which entries are looked at: those of one persona, of slots whose id begins so, of answers by
    one model (tool results and verdicts have none). None: any."""

    persona: str | None = None
    slot: str | None = None
    model: str | None = None

    def takes(self, entry: Entry) -> bool:
        """Whether this entry is meant."""
        return (
            (self.persona is None or persona_of(entry.slot) == self.persona)
            and (self.slot is None or entry.slot.startswith(self.slot))
            and (self.model is None or entry.model == self.model)
        )


@dataclass
class Found:
    """A journal read once. `damaged` are lines in words, `torn` the bytes of a last line without an
    end, `duplicates` those of the superseded entries that stand there again as they were."""

    groups: dict[str, Group] = field(default_factory=dict)
    lines: int = 0
    bytes: int = 0
    damaged: list[str] = field(default_factory=list)
    torn: int = 0
    superseded: int = 0
    duplicates: int = 0

    def total(self) -> Group:
        """All groups as one."""
        whole = Group()
        for each in self.groups.values():
            whole.slots |= each.slots
            for name in each.__dataclass_fields__:
                if name != "slots":
                    setattr(whole, name, getattr(whole, name) + getattr(each, name))
        return whole


def look(path: Path, chosen: Chosen, by: str = "persona") -> Found:
    """Reads the journal; groups of what is chosen, by persona, model or slot.

    Memory: 32 bytes an entry and a little. UsageError where there is no journal.
    """
    found = Found()
    last: dict[bytes, tuple[str, bytes]] = {}
    for line in _read(path):
        found.bytes += len(line.data)
        if line.torn:
            found.torn = len(line.data)
            break
        found.lines += 1
        if line.entry is None:
            found.damaged.append(f"line {line.number}: {line.damage}")
            continue
        question, said = _question(line.entry), _digest(line.data)
        name = _group(line.entry, by)
        before = last.get(question)
        last[question] = (name, said)
        if before is not None:
            found.superseded += 1
            found.duplicates += before[1] == said
        if chosen.takes(line.entry):
            _count(found.groups.setdefault(name, Group()), line, again=before is not None)
    return found


def _count(group: Group, line: Line, *, again: bool) -> None:
    entry = line.entry
    assert entry is not None  # damaged lines belong to no group
    group.slots.add(entry.slot)
    group.bytes += len(line.data)
    group.superseded += again
    group.verdicts += entry.verdict is not None
    group.tool_results += entry.result is not None
    if entry.answer is not None:
        group.answers += 1
        group.prompt_tokens += entry.answer.usage.prompt_tokens
        group.completion_tokens += entry.answer.usage.completion_tokens


@dataclass
class Compacted:
    """What a rewriting took away; `unused` counts the dropped entries by slot."""

    bytes_before: int = 0
    bytes_after: int = 0
    lines: int = 0
    damaged: int = 0
    superseded: int = 0
    unused: Counter[str] = field(default_factory=Counter)


def compact(path: Path, used: Callable[[str], bool] = lambda slot: True) -> Compacted:
    """Rewrites the journal without damaged lines, superseded entries and those of slots that are
    not `used`. The caller holds the dataset's lock, and has not opened the journal.

    The new file is whole on the disk before it takes the old one's name: who is killed meanwhile
    has the old one. UsageError where there is no journal; Stopped where the disk is full.
    """
    last: dict[bytes, int] = {}
    for line in _read(path):
        if line.entry is not None:
            last[_question(line.entry)] = line.number
    done = Compacted(bytes_before=path.stat().st_size)
    part = path.with_name(path.name + ".part")
    with disk_errors(path), _written(part) as write:
        for line in _read(path):
            if line.entry is None:
                done.damaged += not line.torn
            elif last[_question(line.entry)] != line.number:
                done.superseded += 1
            elif not used(line.entry.slot):
                done.unused[line.entry.slot] += 1
            else:
                done.lines += 1
                done.bytes_after += len(line.data)
                write(line.data)
    with disk_errors(path):
        part.rename(path)
        sync(path.parent)
    return done


@contextmanager
def _written(part: Path) -> Iterator[Callable[[bytes], object]]:
    """A new file, synced at the end and gone where it could not be finished."""
    try:
        with part.open("wb", buffering=WRITE_BYTES) as file:
            yield file.write
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _read(path: Path) -> Iterator[Line]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no journal yet; generate begins it") from None
    try:
        yield from lines_of(descriptor)
    finally:
        os.close(descriptor)


def persona_of(slot: str) -> str:
    """The persona in a slot's id, 'none' among them."""
    return slot.rpartition(":")[2]


def _group(entry: Entry, by: str) -> str:
    if by == "slot":
        return entry.slot
    return (entry.model or "-") if by == "model" else persona_of(entry.slot)


def _question(entry: Entry) -> bytes:
    key = entry.key
    return _digest(msgspec.json.encode((entry.slot, key.role, key.step, key.attempt, entry.digest)))


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
