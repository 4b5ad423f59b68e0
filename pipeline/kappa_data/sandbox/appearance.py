"""What a box shows of the machine that it is on: the same everywhere, as far as that is no lie.

The files of /proc that tell of the host are covered by fixed ones: two processors, the box's own
memory, no load, no disks. What a file could not cover (`uname`, the sizes that `df` shows for the
read-only system, `uptime`, the clock) stays true.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path

from kappa_data.sandbox import Limits

PROCESSORS = 2  # that a box may use, where the host has as many
# Empty in a box: disks, modules and settings of the host.
BLANK = ("config.gz", "diskstats", "interrupts", "modules", "partitions", "swaps")

_turns = itertools.count()


def processors() -> list[int]:
    """The host's processors for one box, by turns: `nproc` says 2 in all of them, and a box that
    burns all that it has leaves the others."""
    able = sorted(os.sched_getaffinity(0))
    turn = next(_turns) * PROCESSORS
    return sorted({able[(turn + step) % len(able)] for step in range(PROCESSORS)})


def proc(limits: Limits) -> dict[str, str]:
    """Path and text of each file that is covered."""
    count = min(PROCESSORS, len(os.sched_getaffinity(0)))
    memory = limits.memory_mb * 1024
    amounts = {"MemTotal": memory, "MemFree": memory, "MemAvailable": memory}
    empty = ("Buffers", "Cached", "SwapCached", "Shmem", "SReclaimable", "SwapTotal", "SwapFree")
    amounts |= dict.fromkeys(empty, 0)
    idle = " 0" * 10
    blank = {f"/proc/{name}": "" for name in BLANK if Path("/proc", name).exists()}
    return blank | {
        "/proc/cpuinfo": "".join(
            f"processor\t: {number}\nmodel name\t: box\ncpu cores\t: {count}\n\n"
            for number in range(count)
        ),
        "/proc/meminfo": "".join(
            f"{name + ':':<16}{size:8} kB\n" for name, size in amounts.items()
        ),
        "/proc/loadavg": "0.00 0.00 0.00 1/1 1\n",
        "/proc/stat": "".join(f"cpu{number}{idle}\n" for number in (" ", *range(count)))
        + f"intr 0\nctxt 0\n{boot_time()}processes 1\nprocs_running 1\nprocs_blocked 0\n",
        "/proc/cmdline": "\n",
    }


def boot_time() -> str:
    """The true line with the time of the kernel's start: `ps` reckons with it."""
    lines = Path("/proc/stat").read_text().splitlines(keepends=True)
    return next((line for line in lines if line.startswith("btime ")), "")
