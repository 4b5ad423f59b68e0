"""The slow drills of generate, and what faults cost in time: prints a table.

    python benchmarks/drills.py [faults] [limit] [gone] [kills] [sloppy]

The embedded teacher answers in this process, the stage runs in another one (but for `sloppy`). The
quick forms of the same drills are tests: tests/test_drills.py and tests/test_sloppy_drill.py.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import drill
import test_drills
import test_sloppy_drill
from kappa_data.teacher.embedded import Embedded

FAULTS = test_drills.FAULTS | {"retry_after": 1.0}
WORDS = [f"{name}/{seed}" for name in ("maths", "identity", "logic_puzzle") for seed in range(27)]


def stage(server: Embedded, root: Path, tasks: list[str], **config: Any) -> tuple[float, str]:
    """Runs the stage in a process of its own: seconds from the first request on, and the slots
    that ended, by how. Raises RuntimeError where it does not end well."""
    personas = [None] if tasks[0].startswith("short") else list(drill.PERSONAS)
    sealed = drill.plan(root, tasks, personas)
    process = drill.child(root, server.base_url, **config)
    while process.is_alive() and not server.in_flight:
        time.sleep(0.005)
    began = time.monotonic()
    process.join()
    seconds = time.monotonic() - began
    if process.exitcode:
        raise RuntimeError(f"the stage ended with {process.exitcode}")
    ends = test_drills.ended(sealed, drill.sealed_in(root, "generate"))
    reasons = [f"{n} {rule}" for rule, n in sorted(_counted(ends).items()) if rule]
    return seconds, f"{len(ends)} slots, in quarantine: {', '.join(reasons) or 'none'}"


def _counted(ends: dict[str, str]) -> dict[str, int]:
    rules = list(ends.values())
    return {rule: rules.count(rule) for rule in set(rules)}


def faults(root: Path) -> str:
    """All faults at once against none."""
    found = {}
    for name, given in (("clean", {}), ("faulty", FAULTS)):
        with drill.serving(latency=0.3, faults={"jitter": 0.4, **given}, seed=1) as server:
            seconds, ends = stage(server, root / name, WORDS, concurrency=64)
            found[name] = seconds
            twice = server.answers.total() - len(server.answers)
    ratio = found["faulty"] / found["clean"]
    return (
        f"{found['clean']:.1f} s clean, {found['faulty']:.1f} s with faults: {ratio:.2f} times; "
        f"{ends}; bought twice: {twice}"
    )


def limit(root: Path) -> str:
    """A server that takes 64 at once, asked 256."""
    tasks = [f"short/{number}" for number in range(3_000)]
    given = {"max_in_flight": 64, "jitter": 0.3}
    samples: list[tuple[float, int]] = []
    with drill.serving(latency=0.2, faults=given) as server:
        drill.plan(root, tasks, [None])
        process = drill.child(root, server.base_url, concurrency=256)
        while process.is_alive():
            if server.in_flight or samples:
                samples.append((time.monotonic(), server.answers.total()))
            time.sleep(0.1)
        refused = sum(n for (_, status), n in server.requests.items() if status == 429)
        lost = 2 * len(tasks) - len(server.answers)
    began = samples[0][0]
    # The tail, with fewer than 256 conversations left, cannot fill the server.
    steady = [each for each in samples if each[0] > began + 10 and each[1] < 2 * len(tasks) - 512]
    if process.exitcode or len(steady) < 2:
        raise RuntimeError(f"the stage ended with {process.exitcode}, or before 10 seconds")
    (start, first), (end, last) = steady[0], steady[-1]
    rate, ideal = (last - first) / (end - start), 64 / 0.35
    return (
        f"{rate:.0f} answers a second of {ideal:.0f} ideal: {rate / ideal:.0%} after 10 s, over "
        f"{end - start:.0f} s; {refused} refused, {lost} lost"
    )


def gone(root: Path) -> str:
    """A server that is gone for 30 seconds."""
    given = {"down_from": 3.0, "down_for": 30.0, "jitter": 0.2}
    with drill.serving(latency=0.3, faults=given) as server:
        seconds, ends = stage(server, root, WORDS, concurrency=64)
        twice = server.answers.total() - len(server.answers)
        return (
            f"{seconds:.0f} s; {ends}; went away {server.planted['down']} x, bought twice: {twice}"
        )


def kills(root: Path) -> str:
    """kill -9 at a hundred random moments."""
    began = time.monotonic()
    tasks = [*test_drills.TALK, *test_drills.BOXED, "data_json/1"]
    test_drills.killed_and_resumed(root, 100, tasks)
    return f"the same rows, bought twice only what was in flight; {time.monotonic() - began:.0f} s"


def sloppy(root: Path) -> str:
    """Every kind of slip at 5 %."""
    tasks = [f"{name}/{seed}" for name in test_sloppy_drill.catalog.families() for seed in range(6)]
    data = test_sloppy_drill.made(root, tasks, 0.05, seed=4)
    table = test_sloppy_drill.endings(data)
    for kind, ends in sorted(table.items()):
        print(f"    {kind}: {', '.join(f'{n} {end}' for end, n in sorted(ends.items()))}")
    unnoticed = {kind: ends["unnoticed"] for kind, ends in table.items() if ends["unnoticed"]}
    return f"{len(data.slips)} slips, unnoticed: {unnoticed or 'none'}"


DRILLS: dict[str, Callable[[Path], str]] = {
    "faults": faults,
    "limit": limit,
    "gone": gone,
    "kills": kills,
    "sloppy": sloppy,
}


def main() -> int:
    chosen = sys.argv[1:] or list(DRILLS)
    if unknown := set(chosen) - DRILLS.keys():
        print(f"no drill {', '.join(unknown)}; there are {', '.join(DRILLS)}", file=sys.stderr)
        return 2
    failed = 0
    for name in chosen:
        load = os.getloadavg()[0]
        with tempfile.TemporaryDirectory() as folder:
            try:
                result = DRILLS[name](Path(folder))
            except (AssertionError, RuntimeError) as error:
                result, failed = f"failed: {error}", 1
        print(f"| {name}: {DRILLS[name].__doc__} | {result} | load {load:.1f} |", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
