"""What the processes and files of a box use. Runs inside the box: standard library only.

No control group is at hand on most machines, so the supervisor looks for itself, many times a
second. Where a guest could make a figure come out too small, the bound that it cannot move stands
for the figure.
"""

# Plain os calls throughout: this is about descriptors and /proc.
# ruff: noqa: PTH123, PTH208
from __future__ import annotations

import os
import time

TYPE_CHECKING = False  # see supervisor.py
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOUNTS = ("/workspace", "/tmp", "/dev/shm")
# Kernel memory that no process owns, bounded by counts; see "What it does not stop" in the docs.
SOCKETS = 512
OF_TCP = 4  # sockets for which one of TCP counts: with both directions full it holds megabytes
TERMINALS = 64
LOCK_BYTES = 128 * 1024  # of /proc/locks: some 2,000 locks on ranges of files
OTHERS_LOCK_BYTES = 2**20  # of those that show in every box: some 16,000 locks of the host
MAPPING = 250  # bytes of kernel memory for one mapping of a process
FORKED = 64  # and for each process that it may have been handed down from
WORTH_COUNTING = 64 * 2**20  # bytes; what mappings could take at most, below which it is left out
COUNT_SECONDS = 0.01  # of a look, for counting mappings: a guest can make millions of them
MEMORY = (b"RssAnon:", b"VmSwap:", b"VmPTE:")


class Look:
    """What was seen at one moment. `exceeded` names the limit for which the call must be stopped,
    `refused` one at which the kernel refuses what the box asks for; None where there is none.

    Where the kernel refuses, its bound is one above the limit, so that a box that stands at the
    bound has certainly asked for more than the limit.
    """

    exceeded: str | None = None
    refused: str | None = None


def look(limits: Mapping[str, float], start: Start) -> Look:
    """What the whole box uses now, held against its limits."""
    seen = Look()
    memory, threads = processes(start)
    in_files, inodes, full = mounts()
    if full and not start.full:
        seen.refused = "disk"
    elif threads > limits["processes"]:
        seen.refused = "processes"
    if memory + in_files > limits["memory_mb"] * 2**20:
        seen.exceeded = "memory"
    elif threads > limits["processes"] + 1:  # an old kernel did not refuse them
        seen.exceeded = "processes"
    elif inodes > max(limits["files"], start.inodes) or terminals() > TERMINALS or start.locked():
        seen.exceeded = "files"
    elif sockets() > SOCKETS:
        seen.exceeded = "sockets"
    start.full = start.full and full
    return seen


class Start:
    """How it stood when a call began: a disk that was full already says nothing about the call, a
    box with too many files may still remove some, and some locks of the host show in every box."""

    def __init__(self) -> None:
        _, self.inodes, self.full = mounts()
        self.locks: int | None = None  # that may be, once it was looked
        self.counted: dict[str, int] = {}  # mappings of a process, the one counted last at the end

    def refused(self) -> str | None:
        """What can still be seen of refusals when a call has ended."""
        return "disk" if mounts()[2] and not self.full else None

    def locked(self) -> bool:
        """Whether the box has too many locks on files, beside those at the first look.

        The list waits for all processors (an RCU grace period, some 10 ms), which a short call need
        not: so it is not read when a call begins. What a guest locks before the first look, 20 ms
        of it, is too little to matter. Each page of the list walks it from its head and waits anew,
        while the guest goes on: the first look has an end of its own, else it took up to 12 s.
        """
        if self.locks is None:
            self.locks = locks(OTHERS_LOCK_BYTES) + LOCK_BYTES
            return False
        return locks(self.locks) > self.locks

    def mappings(self, names: Sequence[str]) -> int:
        """Mappings of these processes together, as far as they were counted yet: each look counts
        some more, so that none of them takes long."""
        alive = dict.fromkeys(names)
        new = [name for name in names if name not in self.counted]
        old = [name for name in self.counted if name in alive]
        self.counted = {name: self.counted[name] for name in old}
        end = time.monotonic() + COUNT_SECONDS
        for name in (*new, *old):
            self.counted.pop(name, None)
            self.counted[name] = mappings_of(name)
            if time.monotonic() > end:
                break
        return sum(self.counted.values())


def processes(start: Start) -> tuple[int, int]:
    """Bytes of memory and number of threads of all processes but this one.

    Files mapped from a mount are counted with the mount, and other shared memory is refused by the
    filter of system calls. Processes that ended unburied count, as they do for the kernel.
    """
    memory = number = possible = 0
    names = others()
    for name in names:
        said = status(f"/proc/{name}/status")
        count = said.get(b"Threads:", 0)
        number += count
        if count > 1 and b"RssAnon:" not in said:
            said = of_any_thread(name)  # the first thread has ended: it has no memory to show
        memory += 1024 * sum(said.get(kind, 0) for kind in MEMORY)
        possible += said.get(b"VmSize:", 0) // 4  # a mapping has a page at least
    each = MAPPING + FORKED * len(names)
    if possible * each > WORTH_COUNTING:
        memory += each * start.mappings(names)
    return memory, number


def others() -> list[str]:
    """The process ids of the box but this process's own."""
    return [name for name in os.listdir("/proc") if name.isdigit() and name != "1"]


def status(path: str) -> dict[bytes, int]:
    """The lines with a number of a status file; empty if the process has just ended."""
    try:
        with open(path, "rb") as file:
            lines = file.read().splitlines()
    except OSError:
        return {}
    fields = (line.split() for line in lines if line.startswith((b"Rss", b"Vm", b"Threads:")))
    return {field[0]: int(field[1]) for field in fields}


def of_any_thread(process: str) -> dict[bytes, int]:
    """The status of a thread that still has the process's memory; empty if none has."""
    try:
        names = os.listdir(f"/proc/{process}/task")
    except OSError:
        return {}
    for name in names:
        said = status(f"/proc/{process}/task/{name}/status")
        if b"RssAnon:" in said:
            return said
    return {}


def mappings_of(process: str) -> int:
    """How many mappings a process has; the kernel's own limit if it does not let us look."""
    try:
        with open(f"/proc/{process}/maps", "rb", buffering=0) as file:
            count = 0
            while piece := file.read(65536):
                count += piece.count(b"\n")
            return count
    except PermissionError:
        return 65_530
    except OSError:
        return 0


def mounts() -> tuple[int, int, bool]:
    """Bytes and inodes in use in everything that a guest can write to; whether one is full."""
    size = inodes = 0
    full = False
    for mount in MOUNTS:
        info = os.statvfs(mount)
        size += (info.f_blocks - info.f_bfree) * info.f_frsize
        inodes += info.f_files - info.f_ffree
        full = full or not info.f_bfree
    return size, inodes, full


def sockets() -> int:
    """Sockets open in the box, those in flight between processes included; see OF_TCP."""
    found = 0
    for path, mark in (("/proc/net/sockstat", b"TCP:"), ("/proc/net/sockstat6", b"TCP6:")):
        try:
            with open(path, "rb") as file:
                for line in file:
                    fields = line.split()
                    if fields[0] == b"sockets:":
                        found += int(fields[2])
                    elif fields[0] == mark:
                        found += (OF_TCP - 1) * int(fields[2])
        except FileNotFoundError:  # a kernel without the file has no such sockets to count
            continue
    return found


def terminals() -> int:
    """Pseudo-terminals open in the box: all machines and containers of a host share one count."""
    return len(os.listdir("/dev/pts"))


def locks(cap: int) -> int:
    """Size of the list of file locks of the box, in bytes, looked at up to a little above `cap`:
    each lock holds memory of the kernel, and no limit of its own bounds them."""
    size = 0
    with open("/proc/locks", "rb", buffering=0) as file:
        while size <= cap and (piece := file.read(65536)):
            size += len(piece)
    return size
