"""Runs a command and measures it: wall, CPU of all its processes, and their memory together."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

EVERY = 0.5  # seconds between two looks at the processes
TICKS = os.sysconf("SC_CLK_TCK")


class Look(NamedTuple):
    """What a command and all below it had used at one moment."""

    at: float
    """seconds since the epoch"""
    cpu: float
    """seconds, those of processes that have ended counted in"""
    memory: int
    """bytes, proportional set size"""


class Failed(Exception):
    """The command ended in an error; the message has what it said."""


def measured(
    command: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    looks: list[Look] | None = None,
) -> tuple[str, dict[str, Any]]:
    """Standard output, and seconds of wall and CPU with the peak of memory in bytes.

    CPU counts every process below that was waited for. Memory is the sum of the proportional set
    sizes (PSS) of the whole tree, looked at every EVERY seconds: a peak between two looks is
    missed. `looks` is filled with all of them, with the start and the end. Raises Failed.
    """
    looks = [] if looks is None else looks
    looks.append(Look(time.time(), 0.0, 0))
    started = time.monotonic()
    output = cwd / ".output"
    with output.open("wb") as out, (cwd / ".errors").open("wb") as errors:
        process = subprocess.Popen(
            command, cwd=cwd, stdout=out, stderr=errors, env={**os.environ, **(environment or {})}
        )
        ended = threading.Event()
        watcher = threading.Thread(target=_watch, args=(process.pid, ended, looks), daemon=True)
        watcher.start()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        ended.set()
        watcher.join()
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        said = (cwd / ".errors").read_text(errors="replace")[-2000:]
        raise Failed(f"{' '.join(command)}: exit code {process.returncode}\n{said}")
    cpu = used.ru_utime + used.ru_stime
    looks.append(Look(time.time(), cpu, 0))
    peak = max(each.memory for each in looks)
    figures = {"wall": round(wall, 3), "cpu": round(cpu, 3), "peak memory": peak}
    return output.read_text(errors="replace"), figures


def between(looks: Sequence[Look], start: float, end: float) -> dict[str, Any]:
    """The measures of the time from `start` to `end`, in seconds since the epoch.

    CPU is interpolated between looks: it may be off by EVERY times the number of cores.
    """
    at, cpu, _ = zip(*looks, strict=True)
    first, last = np.interp([start, end], at, cpu).tolist()
    peak = max((each.memory for each in looks if start <= each.at <= end), default=0)
    return {"wall": round(end - start, 3), "cpu": round(last - first, 3), "peak memory": peak}


def _watch(pid: int, ended: threading.Event, looks: list[Look]) -> None:
    while not ended.wait(EVERY):
        tree = _tree(pid)
        looks.append(Look(time.time(), sum(map(_cpu, tree)), sum(map(_pss, tree))))


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


def _cpu(pid: int) -> float:
    """Seconds of a process and of all its children that have ended and were waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS  # utime, stime, cutime, cstime


def _pss(pid: int) -> int:
    try:
        with Path(f"/proc/{pid}/smaps_rollup").open() as file:
            return next(
                (int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:")), 0
            )
    except OSError:
        return 0
