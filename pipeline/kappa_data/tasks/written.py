"""The file into which the teacher's tasks are written, and the one beside it with the refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from kappa_data.disk import disk_errors, write_durably
from kappa_data.errors import UsageError
from kappa_data.records import Task
from kappa_data.tasks import files
from kappa_data.tasks.file_forms import in_file
from kappa_data.tasks.reading import open_regular

WHAT = "the file of refused tasks, or remove it"


class Refused(Struct, frozen=True):
    """An answer of the teacher that is no task to be used: why, and what it was."""

    family: str
    number: int
    reasons: tuple[str, ...]
    answer: Any = None


class Written:
    """Both files; nothing of them is written but by `append`.

    UsageError: the file holds something else than tasks, or is no .jsonl.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix != ".jsonl":
            raise UsageError(f"--out {path}: write it as .jsonl")
        self.path = path
        self.beside = path.with_suffix(".refused.jsonl")
        self.entries: tuple[files.Entry, ...] = ()
        if path.exists():
            found = files.read(path)
            if found.faults:
                first = found.faults[0]
                raise UsageError(f"{first.place}: {first.why}; mend the file or name another --out")
            self.entries = found.entries
        self.refused = 0
        if self.beside.exists():
            with open_regular(self.beside, str(self.beside), WHAT) as file:
                self.refused = sum(1 for _ in file)

    def append(self, tasks: Sequence[tuple[Task, str]], refused: Sequence[Refused]) -> None:
        """Adds tasks, with their groups, and refused ones; each file changes as a whole, or not."""
        with disk_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # The tasks first: if it ends in between, nothing that was admitted is lost.
            if tasks:
                _add(self.path, [in_file(task, group) for task, group in tasks])
            if refused:
                _add(self.beside, refused)
        begin = len(self.entries)
        self.entries += tuple(
            files.Entry(task, group, f"{self.path}:{begin + at}")
            for at, (task, group) in enumerate(tasks, 1)
        )
        self.refused += len(refused)


def _add(path: Path, records: Sequence[Struct]) -> None:
    before = path.read_bytes() if path.exists() else b""
    if before and not before.endswith(b"\n"):
        before += b"\n"
    lines = b"".join(msgspec.json.encode(each) + b"\n" for each in records)
    write_durably(path, before + lines)
