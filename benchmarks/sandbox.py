"""Times the sandbox against bare subprocesses, in pairs, in the same run.

    python benchmarks/sandbox.py [--rounds 30] [--conversations 40] [--at-once 4]

A call is one `bash -c` that runs `true` and reads a file. A conversation opens a box, runs six
calls (bash, write_file, read_file, edit_file, bash, bash) and closes it. Wall time is what a user
waits; CPU, that of the host's process and of all processes below it, does not feel what else runs
on the machine. Prints a markdown table of medians.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from statistics import median

from kappa_data.sandbox.bubblewrap import Bubblewrap

COMMAND = "true; cat f"
FILES = {"f": "one\ntwo\nthree\n"}
CALLS = (
    ("bash", {"command": "ls; wc -l f"}),
    ("write_file", {"path": "g", "content": "x\n"}),
    ("read_file", {"path": "f"}),
    ("edit_file", {"path": "f", "old_string": "two", "new_string": "2"}),
    ("bash", {"command": "cat f g | sort | uniq -c"}),
    ("bash", {"command": "python3 -c 'print(len(open(\"f\").read()))'"}),
)

Figures = tuple[float, float]


def cpu() -> float:
    """Seconds of CPU of this process and of its children that were waited for."""
    own, below = resource.getrusage(resource.RUSAGE_SELF), os.times()
    return own.ru_utime + own.ru_stime + below.children_user + below.children_system


async def timed(work: Callable[[], Awaitable[object]]) -> Figures:
    """Milliseconds of wall time and of CPU; the latter only of processes that ended meanwhile."""
    wall, used = time.perf_counter(), cpu()
    await work()
    return 1000 * (time.perf_counter() - wall), 1000 * (cpu() - used)


async def conversation(sandbox: Bubblewrap) -> None:
    """Opens a box, runs the six calls in it and closes it."""
    box = await sandbox.open(FILES)
    try:
        for tool, arguments in CALLS:
            result = await box.call(tool, arguments)
            if result.error or result.exit_code:
                raise ValueError(f"{tool}: {result.content}")
    finally:
        await box.close()


async def measure(rounds: int, conversations: int, at_once: int) -> list[tuple[str, ...]]:
    """The rows of the table."""
    sandbox = Bubblewrap(at_once=at_once)
    await sandbox.self_test()
    opened: list[Figures] = []
    first: list[Figures] = []
    calls: list[Figures] = []
    files: list[Figures] = []
    bare: list[Figures] = []
    whole: list[Figures] = []
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "f").write_text(FILES["f"])

        async def run_bare() -> None:
            await asyncio.to_thread(
                subprocess.run,
                ["bash", "--noprofile", "--norc", "-c", COMMAND],
                cwd=folder,
                capture_output=True,
                check=True,
            )

        for _ in range(rounds):
            started = time.perf_counter()
            box = await sandbox.open(FILES)
            opened.append((1000 * (time.perf_counter() - started), 0.0))
            first.append(await timed(partial(box.call, "bash", {"command": COMMAND})))
            for _ in range(3):
                bare.append(await timed(run_bare))
                calls.append(await timed(partial(box.call, "bash", {"command": COMMAND})))
            files.append(await timed(partial(box.call, "read_file", {"path": "f"})))
            await box.close()
            whole.append(await timed(partial(conversation, sandbox)))
    started = time.perf_counter()
    await asyncio.gather(*(conversation(sandbox) for _ in range(conversations)))
    rate = conversations / (time.perf_counter() - started)
    floor = median(each[0] for each in bare)

    def row(name: str, wall: float) -> tuple[str, ...]:
        return name, f"{wall:.1f}", f"{wall / floor:.2f}"

    return [
        row("bare `bash -c`", floor),
        row("first `bash` call in a box", median(each[0] for each in first)),
        row("later `bash` call", median(each[0] for each in calls)),
        row("`read_file` call", median(each[0] for each in files)),
        row("opening a box", median(each[0] for each in opened)),
        row("conversation of six calls, alone", median(each[0] for each in whole)),
        ("CPU of such a conversation", f"{median(each[1] for each in whole):.1f}", ""),
        (f"conversations a second, {at_once} at a time", f"{rate:.1f}", ""),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--conversations", type=int, default=40)
    parser.add_argument("--at-once", type=int, default=2 * (os.cpu_count() or 1))
    chosen = parser.parse_args()
    rows = asyncio.run(measure(chosen.rounds, chosen.conversations, chosen.at_once))
    print(f"| {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} | ms | times bare |")
    print("|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
