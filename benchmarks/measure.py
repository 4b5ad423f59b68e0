"""Runs a command and measures it: wall, CPU of all its processes, and their memory together."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

EVERY = 0.5  # seconds between two looks at the memory


class Failed(Exception):
    """The command ended in an error; the message has what it said."""


def measured(
    command: Sequence[str], *, cwd: Path, environment: Mapping[str, str] | None = None
) -> tuple[str, dict[str, Any]]:
    """Standard output, and seconds of wall and CPU with the peak of memory in bytes.

    CPU counts every process below that was waited for. Memory is the sum of the proportional set
    sizes (PSS) of the whole tree, looked at every EVERY seconds: a peak between two looks is
    missed. Raises Failed.
    """
    started = time.monotonic()
    output = cwd / ".output"
    with output.open("wb") as out, (cwd / ".errors").open("wb") as errors:
        process = subprocess.Popen(
            command, cwd=cwd, stdout=out, stderr=errors, env={**os.environ, **(environment or {})}
        )
        ended = threading.Event()
        peaks: list[int] = [0]
        watcher = threading.Thread(target=_watch, args=(process.pid, ended, peaks), daemon=True)
        watcher.start()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        ended.set()
        watcher.join()
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        said = (cwd / ".errors").read_text(errors="replace")[-2000:]
        raise Failed(f"{' '.join(command)}: exit code {process.returncode}\n{said}")
    figures = {
        "wall": round(wall, 3),
        "cpu": round(used.ru_utime + used.ru_stime, 3),
        "peak memory": peaks[0],
    }
    return output.read_text(errors="replace"), figures


def _watch(pid: int, ended: threading.Event, peaks: list[int]) -> None:
    while not ended.wait(EVERY):
        peaks[0] = max(peaks[0], sum(map(_pss, _tree(pid))))


def _tree(pid: int) -> list[int]:
    """The process and all below it that live."""
    found, new = [], [pid]
    while new:
        found += new
        new = [child for each in new for child in _children(each)]
    return found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += map(int, (task / "children").read_text().split())
    except OSError:  # it has ended meanwhile
        return []
    return children


def _pss(pid: int) -> int:
    try:
        with Path(f"/proc/{pid}/smaps_rollup").open() as file:
            return next(
                (int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:")), 0
            )
    except OSError:
        return 0
