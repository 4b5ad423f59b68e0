"""What `kappa-data doctor` says about the sandbox."""

from __future__ import annotations

import asyncio
import shutil

from kappa_data.errors import SandboxDown
from kappa_data.sandbox.bubblewrap import Bubblewrap

# Programs of single task families: without them those families are left out, the rest works.
OPTIONAL = ("git", "jq", "sqlite3")

Finding = tuple[str, bool, str]


def findings() -> list[Finding]:
    """(what was looked at, whether it is well, how to mend it or '' ) for each point.

    Starts a box; not to be called within a running event loop.
    """
    found: list[Finding] = []
    installed = shutil.which("bwrap") is not None
    found.append(("bubblewrap", installed, "" if installed else "apt-get install bubblewrap"))
    try:
        sandbox = asyncio.run(tested())
    except SandboxDown as error:
        return [*found, ("sandbox self-test", False, str(error))]
    found.append(("sandbox self-test", True, ""))
    for program in OPTIONAL:
        there = sandbox.has(program)
        found.append(
            (f"{program} in the sandbox", there, "" if there else f"apt-get install {program}")
        )
    return found


async def tested() -> Bubblewrap:
    """A sandbox that passed its self-test."""
    sandbox = Bubblewrap()
    await sandbox.self_test()
    return sandbox
