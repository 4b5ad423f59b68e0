"""What `kappa-data doctor` says about the sandbox."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import Iterable

from kappa_data.errors import SandboxDown
from kappa_data.sandbox.bubblewrap import Bubblewrap
from kappa_data.tasks.catalog import Family, families

OLDEST = (0, 8)  # bubblewrap's first version with sizes for tmpfs

Finding = tuple[str, bool, str]


def findings() -> list[Finding]:
    """(what was looked at, whether it is well, how to mend it or '' ) for each point.

    Starts a box; not to be called within a running event loop.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        missing = ("bubblewrap", False, "apt-get install bubblewrap")
        return [missing, ("sandbox self-test", False, "needs bubblewrap")]
    found = [version(bwrap)]
    try:
        sandbox = asyncio.run(tested())
    except SandboxDown as error:
        return [*found, ("sandbox self-test", False, str(error))]
    found.append(("sandbox self-test", True, ""))
    return found + programs(sandbox, families().values())


def version(bwrap: str) -> Finding:
    """Whether this bubblewrap is recent enough."""
    said = subprocess.run([bwrap, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"(\d+)\.(\d+)\S*", said)
    number = match.group() if match else "of unknown version"
    recent = match is not None and tuple(map(int, match.groups())) >= OLDEST
    fix = "" if recent else "install bubblewrap 0.8 or newer"
    return f"bubblewrap {number}", recent, fix


def programs(sandbox: Bubblewrap, known: Iterable[Family]) -> list[Finding]:
    """One finding for each program that task families need beside those of every box; without it
    those families are left out, the rest works."""
    needing: dict[str, list[str]] = {}
    for family in known:
        for program in family.programs:
            needing.setdefault(program, []).append(family.name)
    found: list[Finding] = []
    for program, names in sorted(needing.items()):
        fix = f"apt-get install {program} (until then left out: {', '.join(sorted(names))})"
        there = sandbox.has(program)
        found.append((f"{program} in the sandbox", there, "" if there else fix))
    return found


async def tested() -> Bubblewrap:
    """A sandbox that passed its self-test."""
    sandbox = Bubblewrap()
    await sandbox.self_test()
    return sandbox
