"""Which sandbox: decided here alone, by the settings, and never by what happens to work.

Where boxes cannot be had the answer is an error with the fix. To go on without them is the user's
word: a teacher that writes the results, or no protection at all, which takes two words.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec

from kappa_data.config import Limits, SandboxConfig
from kappa_data.errors import SandboxDown, UsageError
from kappa_data.sandbox import Sandbox

VARIABLE = "KAPPA_UNSAFE_LOCAL"
MEANING = (
    "it lets the teacher's tool calls run on this machine without any protection: they may read, "
    "change and delete whatever you may, and reach the network"
)
WARNING = (
    "WARNING: unsafe-local: tool calls run on this machine without any protection, with your "
    "rights; every record says so"
)
WITHOUT = (
    "; without boxes: --simulate-tools (the teacher writes the results), or --unsafe-local "
    f"with {VARIABLE}=1 (no protection at all)"
)
SIMULATED = (
    "tool results are simulated: the teacher writes them, nothing runs; every record says so"
)


def choose(config: SandboxConfig, environ: Mapping[str, str] | None = None) -> Sandbox | None:
    """The sandbox that the settings ask for, not yet tried out; None: tool results are simulated.

    UsageError where unsafe-local is asked for by one of flag and environment variable alone.
    """
    unsafe = (os.environ if environ is None else environ).get(VARIABLE) == "1"
    if config.grounding == "simulated":
        return None
    if config.grounding == "unsafe-local":
        if not unsafe:
            raise UsageError(f"--unsafe-local needs {VARIABLE}=1 in the environment too: {MEANING}")
        from kappa_data.sandbox.local import Local

        return Local(config)
    if unsafe:
        raise UsageError(
            f"{VARIABLE}=1 needs --unsafe-local too: {MEANING}; to use boxes, unset it"
        )
    from kappa_data.sandbox.bubblewrap import Bubblewrap

    return Bubblewrap(config)


def warning(config: SandboxConfig) -> str:
    """What to say before anything runs; "" where calls run in boxes."""
    return {"unsafe-local": WARNING, "simulated": SIMULATED}.get(config.grounding, "")


async def try_out(sandbox: Sandbox) -> None:
    """The sandbox's self-test. SandboxDown with the fix and what else could be done; UsageError
    where limits that the settings lowered are the reason."""
    try:
        await sandbox.self_test()
    except SandboxDown as error:
        if sandbox.grounding != "executed":
            raise
        if low := await _too_low(sandbox):
            raise UsageError(f"sandbox: no box can work within {low}; raise it") from error
        raise SandboxDown(f"{error}{WITHOUT}") from error


async def _too_low(sandbox: Sandbox) -> str:
    """The limits below their defaults, where a box works that has the defaults; "" elsewhere."""
    from kappa_data.sandbox.bubblewrap import Bubblewrap

    if not isinstance(sandbox, Bubblewrap):
        return ""
    usual = Limits()
    lowered = [
        name
        for name in Limits.__struct_fields__
        if getattr(sandbox.limits, name) < getattr(usual, name)
    ]
    if not lowered:
        return ""
    defaults = {name: getattr(usual, name) for name in lowered}
    try:
        await Bubblewrap(msgspec.structs.replace(sandbox.limits, **defaults)).self_test()
    except SandboxDown:
        return ""
    return ", ".join(
        f"sandbox.{name} = {getattr(sandbox.limits, name)} (default {defaults[name]})"
        for name in lowered
    )
