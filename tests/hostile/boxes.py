"""Fresh boxes for tests."""

from __future__ import annotations

import asyncio
import os
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from kappa_data.sandbox import Limits, ToolResult
from kappa_data.sandbox.box import BubblewrapBox
from kappa_data.sandbox.bubblewrap import Bubblewrap

T = TypeVar("T")


def in_box(
    use: Callable[[BubblewrapBox], Awaitable[T]],
    fixture: Mapping[str, str] | None = None,
    **limits: float,
) -> T:
    """What `use` makes of a fresh box."""

    async def run() -> T:
        box = await Bubblewrap(Limits(**limits)).open(fixture or {})
        try:
            return await use(box)
        finally:
            await box.close()

    return asyncio.run(run())


def results(
    *calls: tuple[str, dict[str, Any]], fixture: Mapping[str, str] | None = None, **limits: float
) -> list[ToolResult]:
    """The results of these calls in one fresh box."""

    async def use(box: BubblewrapBox) -> list[ToolResult]:
        return [await box.call(tool, arguments) for tool, arguments in calls]

    return in_box(use, fixture, **limits)


def bash(command: str, fixture: Mapping[str, str] | None = None, **limits: float) -> ToolResult:
    return results(("bash", {"command": command}), fixture=fixture, **limits)[0]


def as_user(uid: int, work: Callable[[], str]) -> str:
    """What `work` returns in a child process that belongs to `uid`."""
    out, into = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            said = work()
        except BaseException:  # noqa: BLE001  (whatever it is, the test has to show it)
            said = traceback.format_exc()
        os.write(into, said.encode())
        os._exit(0)
    os.close(into)
    with os.fdopen(out) as file:
        said = file.read()
    os.waitpid(child, 0)
    return said
