"""The box of one conversation, opened when something must really run in it.

Calls whose results are in the journal are only noted. Where a later call has to run, or the
verifier has to look, a box is opened and the noted calls run again, to bring its files to where
they were; what they print this time is dropped, since the journalled results stand.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from kappa_data.config import Limits, SandboxConfig, identity
from kappa_data.errors import SandboxDown
from kappa_data.records import Task, compact_json
from kappa_data.sandbox import Box, Sandbox, ToolResult

T = TypeVar("T")


class Workbench:
    """At most one box for `task`. `gate` bounds what runs in all boxes at the same time.

    `state` is a digest of the box's state: its limits, those of its tools that do not ship with
    this program, its fixture and all calls so far. The version of the box's programs is not in it:
    after an upgrade the journalled results still stand, since other ones would change the next
    request, and answers would be bought again. A root that the settings name is a wish, and counts.
    """

    def __init__(
        self, sandbox: Sandbox, limits: Limits, task: Task, gate: asyncio.Semaphore
    ) -> None:
        self._sandbox, self._fixture, self._gate = sandbox, task.fixture, gate
        self._box: Box | None = None
        self._calls: list[tuple[str, Mapping[str, Any]]] = []
        others = sandbox.tools.offered(task.tools).digests()
        chosen = isinstance(limits, SandboxConfig) and limits.rootfs != ""
        root = sandbox.toolchain if chosen else ""
        self.state = _digest(identity(limits), others, root, task.fixture)

    def after(self, tool: str, arguments: Mapping[str, Any]) -> str:
        """What `state` will be after one more call."""
        return _digest(self.state, tool, arguments)

    def note(self, tool: str, arguments: Mapping[str, Any]) -> None:
        """Counts a call as made, without running it."""
        self.state = self.after(tool, arguments)
        self._calls.append((tool, arguments))

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> tuple[ToolResult, float]:
        """Runs a call: its result, and the seconds that it took in its box alone.

        SandboxDown where that failed in a fresh box too.
        """

        async def timed(box: Box) -> tuple[ToolResult, float]:
            started = time.monotonic()
            return await box.call(tool, arguments), round(time.monotonic() - started, 3)

        result = await self.use(timed)
        self.note(tool, arguments)
        return result

    async def use(self, work: Callable[[Box], Awaitable[T]]) -> T:
        """`work` on the box as all calls so far left it, once more in a fresh box if one dies."""
        async with self._gate:
            try:
                return await work(await self._restored())
            except SandboxDown:
                await self.close()
                return await work(await self._restored())

    async def close(self) -> None:
        """Closes the box, if there is one."""
        if self._box is not None:
            box, self._box = self._box, None
            await box.close()

    async def _restored(self) -> Box:
        if self._box is None:
            self._box = await self._sandbox.open(self._fixture)
            for tool, arguments in self._calls:
                await self._box.call(tool, arguments)
        return self._box


def _digest(*parts: object) -> str:
    return hashlib.sha256(compact_json(parts).encode()).hexdigest()
