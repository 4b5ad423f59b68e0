"""Processes that end before their time: one clear line, and nothing that works on unseen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from conftest import clean_environment
from kappa_data.engine import map_ordered
from kappa_data.errors import EnvironmentLacks

PROGRAM = """
import os, sys, time
from pathlib import Path
from kappa_data.engine import map_ordered

def work(item):
    Path(sys.argv[1], str(item)).write_text(str(os.getpid()))
    time.sleep(60)

if __name__ == "__main__":
    for _ in map_ordered(work, range(4), workers=2):
        pass
"""


def killed_at_3(item: int) -> int:
    if item == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def test_a_worker_that_is_killed_is_one_clear_line() -> None:
    with pytest.raises(EnvironmentLacks, match=r"worker process was killed.*memory.*workers=1"):
        list(map_ordered(killed_at_3, range(8), workers=2))


@contextmanager
def at_work(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """A program whose two processes are at work; its process, and theirs by number."""
    program = folder / "program.py"
    program.write_text(PROGRAM)
    started = folder / "started"
    started.mkdir()
    process = subprocess.Popen(
        [sys.executable, str(program), str(started)],
        env=clean_environment(),
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        wait_until(lambda: len([each for each in started.iterdir() if each.read_text()]) == 2)
        yield process, [int(each.read_text()) for each in started.iterdir()]
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)


def alive(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_workers_end_with_a_run_that_is_killed(tmp_path: Path) -> None:
    with at_work(tmp_path) as (process, workers):
        process.kill()
        wait_until(lambda: not any(map(alive, workers)))


def test_at_ctrl_c_only_the_run_itself_speaks(tmp_path: Path) -> None:
    with at_work(tmp_path) as (process, workers):
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert said.count(b"Traceback") == said.count(b"KeyboardInterrupt\n") == 1
        assert not any(map(alive, workers))
