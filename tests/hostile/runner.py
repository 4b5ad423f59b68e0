"""Runs the hostile calls of the two lists of cases against a box: which expectations failed?"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from kappa_data.errors import SandboxDown
from kappa_data.sandbox import Limits, ToolResult
from kappa_data.sandbox.bubblewrap import Bubblewrap
from kappa_data.sandbox.local import Local

CASES = [
    case
    for name in ("cases.json", "own_cases.json")
    for case in json.loads(Path(__file__).with_name(name).read_text())["cases"]
]
DEEP = "a/" * 1500
HANGS = 120  # seconds for a whole case: that something ended by itself is seen by its result
CANARY = "KAPPA_CANARY_5f1e"


def own_name(text: str) -> str:
    """The names of planted things made this process's own: several test runs may share a host."""
    return text.replace("kappa_", f"kappa_{os.getpid()}_")


def lab() -> Path:
    return Path(own_name("/tmp/kappa_lab"))


class Tools(Protocol):
    async def call(self, tool: str, arguments: Mapping[str, object]) -> ToolResult: ...


@contextmanager
def planted() -> Iterator[int]:
    """Canaries on the host, one in the environment of a process that goes on beside the calls; the
    port of a listener on its loopback."""
    os.environ["KAPPA_CANARY"] = CANARY
    beside = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE)
    canary = Path(own_name("/tmp/kappa_host_canary"))
    canary.write_text(CANARY)
    lab().mkdir()
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(own_name("\0kappa_abs"))
        unix.listen()
        try:
            yield tcp.getsockname()[1]
        finally:
            del os.environ["KAPPA_CANARY"]
            beside.communicate()
            canary.unlink()
            shutil.rmtree(lab())
            Path(own_name("/tmp/kappa_pwned_h05")).unlink(missing_ok=True)


def descendants(root: int) -> set[int]:
    """Processes of the host that descend from `root`, itself included while it lives."""
    found: set[int] = set()
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        with suppress(FileNotFoundError, ProcessLookupError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
            found.add(pid)
    return found


def resident_mb(pids: set[int]) -> float:
    """Resident memory of these processes together."""
    pages = 0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def peak_of(root: int, peak: list[float]) -> None:
    """Raise peak[0] to the resident memory of the tree below `root`, until cancelled."""
    while True:
        peak[0] = max(peak[0], resident_mb(descendants(root)))
        await asyncio.sleep(0.02)


async def play(box: Tools, case: dict[str, Any], port: int) -> list[ToolResult]:
    """The results of all calls of a case, its canaries filled in."""
    results = []
    for call in case["calls"]:
        text = own_name(json.dumps(call["args"])).replace("{HOSTPORT}", str(port))
        text = text.replace("{DEEP}", DEEP)
        results.append(await box.call(call["tool"], json.loads(text)))
    return results


async def failures_in_box(case: dict[str, Any]) -> list[str]:
    """What of a case's expectations does not hold in a fresh box; none if it is safe."""
    expect = case["expect"]
    seconds = max((c["timeout"] for c in case["calls"] if "timeout" in c), default=10)
    failed: list[str] = []
    peak = [0.0]
    disk = shutil.disk_usage("/tmp").used
    with planted() as port:
        box = await Bubblewrap(Limits(call_seconds=seconds)).open()
        root = box._process.pid
        sampler = asyncio.create_task(peak_of(root, peak))
        try:
            async with asyncio.timeout(HANGS):
                results = await play(box, case, port)
            failed += broken(expect, results)
            await box.put({"put": "by the verifier"})
            assert await box.read("put") == "by the verifier"
            assert (await box.tree())["put"]
            left = descendants(root)
            if len(left) > 2:  # bwrap and the supervisor
                failed.append(f"{len(left) - 2} stragglers after the last call")
        except TimeoutError:
            return ["took too long"]
        except SandboxDown as error:
            left = set()
            if not expect.get("or_dead"):
                failed.append(str(error))
        finally:
            sampler.cancel()
            await box.close()
        failed += on_host(expect)
    await asyncio.sleep(0.2)
    if any(Path(f"/proc/{pid}").exists() for pid in left):
        failed.append("a process outlived its box")
    if peak[0] > expect.get("host_peak_rss_mb", 10_000):
        failed.append(f"{peak[0]:.0f} MB resident")
    growth = (shutil.disk_usage("/tmp").used - disk) / 2**20
    if growth > expect.get("host_disk_growth_mb", 10_000):
        failed.append(f"{growth:.0f} MB written to the host's disk")
    return failed


async def failures_bare(case: dict[str, Any]) -> list[str]:
    """The same without isolation, to prove that the suite can fail; for cases marked bare_safe."""
    failed: list[str] = []
    with planted() as port:
        box = await Local(Limits()).open()
        try:
            failed += broken(case["expect"], await play(box, case, port))
        finally:
            await box.close()
        failed += on_host(case["expect"])
    return failed


def on_host(expect: Mapping[str, Any]) -> list[str]:
    """What a case made on the host and must not have made."""
    paths = [Path(own_name(path)) for path in expect.get("host_absent", ())]
    made = [path for path in paths if path.exists()] + list(lab().iterdir())
    return [f"{path} was made on the host" for path in made]


def broken(expect: Mapping[str, Any], results: list[ToolResult]) -> list[str]:
    """The expectations on results that do not hold; see expect_legend in cases.json."""
    last = results[-1]
    everything = "\n".join(result.content for result in results)
    failed = [f"lacks {t!r}" for t in expect.get("contains", ()) if t not in last.content]
    failed += [f"has {t!r}" for t in expect.get("not_contains", ()) if t in last.content]
    failed += [f"has {t!r}" for t in expect.get("all_not_contains", ()) if t in everything]
    for key, holds in {
        "exit_code": last.exit_code == expect.get("exit_code"),
        "error": last.error == expect.get("error"),
        "truncated": last.truncated == expect.get("truncated"),
        "any_error": any(result.error for result in results),
        "any_timed_out": any(result.timed_out for result in results),
        "none_timed_out": not any(result.timed_out for result in results),
        "any_limit": any(result.limit == expect.get("any_limit") for result in results),
        "max_output": len(last.content) <= expect.get("max_output", 0),
        "valid_text": valid(last.content),
    }.items():
        if key in expect and not holds:
            failed.append(f"{key}: {last!r:.300}")
    return failed


def valid(text: str) -> bool:
    """Valid Unicode without control characters but newline and tab."""
    return all(c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs") for c in text)
