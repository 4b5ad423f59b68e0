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

import pyarrow as pa
import pytest

from conftest import clean_environment
from kappa_data import engine
from kappa_data.engine import FEW_BYTES, kept_processes, map_ordered
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


def own_number(_: int) -> int:
    return os.getpid()


def processes(workers: int) -> set[int]:
    return set(map_ordered(own_number, range(40), workers=workers))


def test_processes_go_on_to_the_next_map_and_end_with_the_block() -> None:
    with kept_processes():
        first = processes(2)
        with kept_processes():
            assert processes(2) & first, "spawned again"
        assert all(map(alive, first)), "an inner block ended what the outer one keeps"
        third = processes(3)
        assert not third & first
        assert not any(map(alive, first))
        assert all(map(alive, third))
    assert not any(map(alive, third))
    alone = processes(2)
    assert not any(map(alive, alone))


def test_a_pool_of_another_size_is_ended_before_its_successor_begins() -> None:
    with kept_processes():
        first = processes(2)
        assert engine._keeper is not None
        pool = engine._keeper._idle[0]  # held, so that no garbage collection ends it
        running = map_ordered(own_number, range(40), workers=3)
        next(running)
        assert pool.executor._processes is None, "it was dropped, and not ended"
        assert not any(map(alive, first))
        running.close()


def test_after_a_killed_worker_the_next_map_has_fresh_processes() -> None:
    with kept_processes():
        with pytest.raises(EnvironmentLacks):
            list(map_ordered(killed_at_3, range(8), workers=2))
        assert processes(2)


def test_what_is_left_in_the_middle_ends_with_its_processes() -> None:
    with kept_processes():
        running = map_ordered(own_number, range(40), workers=2)
        first = next(running)
        assert alive(first)
        running.close()
        assert not alive(first)


def what_pandas_is(_: int) -> tuple[bool, str]:
    table = pa.table({"a": pa.array(["x", None])})
    return "pandas" in sys.modules, type(table.to_pandas()).__name__


def test_a_worker_converts_without_pandas_and_has_it_when_it_asks() -> None:
    pytest.importorskip("pandas")
    first, *_ = map_ordered(what_pandas_is, range(2), workers=2)
    assert first == (False, "DataFrame")


def test_a_table_of_records_is_made_without_pandas_in_the_first_process_too() -> None:
    pytest.importorskip("pandas")
    code = (
        "import sys; from kappa_data import arrow; from kappa_data.records import TaskText;"
        "made = arrow.table([TaskText('a', 'b', 'c')], TaskText);"
        "print(made.num_rows, 'pandas' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert said.stdout == "1 False\n"


def test_what_a_worker_imports_of_the_command_is_not_its_parser() -> None:
    code = "import sys, kappa_data.__main__; print({'typer', 'pyarrow'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert said.stdout == "set()\n"


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


def test_a_little_work_is_for_one_process_unless_somebody_says_otherwise(tmp_path: Path) -> None:
    little, much = tmp_path / "little", tmp_path / "much"
    little.write_bytes(bytes(FEW_BYTES // 2 + 1))
    much.write_bytes(bytes(FEW_BYTES // 2))
    assert engine.processes(0, [little, little]) == 1  # two parts of one file
    assert engine.processes(0, [little, much]) == 0
    assert engine.processes(3, [little]) == 3
