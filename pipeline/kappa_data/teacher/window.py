"""How many requests are in flight: the configured number, fewer while the endpoint limits.

An endpoint that serves only so many at a time answers the rest with 429; sending fewer then loses
nothing. An endpoint that says 429 at random, or per minute, says it as often when fewer are in
flight; sending fewer then only costs time. So the window shrinks at most once a round trip and only
while limits are frequent, and where four steps down changed nothing it opens again as a whole.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

FREQUENT = 0.3
"""share of limited answers in a round trip above which the window shrinks"""
SHRINK, GROW = 0.7, 1.1
STEPS_DOWN = 4
ROUNDS_OPEN = 20
"""frequent rounds that leave the window open after shrinking proved useless"""


class Window:
    """Admits at most `allowed` of `most` requests at a time; an async context manager."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.floor = max(min(most, 4), most // 8)
        self._allowed = float(most)
        self._in_flight = 0
        self._room = asyncio.Condition()
        self._answers = self._limited = 0
        self._steps_down = self._rounds_open = 0

    @property
    def allowed(self) -> int:
        """Requests that may be in flight now."""
        return int(self._allowed)

    async def __aenter__(self) -> Window:
        async with self._room:
            await self._room.wait_for(lambda: self._in_flight < self.allowed)
            self._in_flight += 1
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._in_flight -= 1
        async with self._room:
            self._room.notify_all() if self._allowed < self.most else self._room.notify()

    def report(self, limited: bool) -> None:
        """Counts one answer of the endpoint; after a window full of them the size is reviewed."""
        self._answers += 1
        self._limited += limited
        if self._answers >= max(self.allowed, 8):
            self._review(self._limited / self._answers)
            self._answers = self._limited = 0

    def _review(self, share: float) -> None:
        if share <= FREQUENT:
            self._steps_down = 0
            self._allowed = min(float(self.most), self._allowed * GROW + 1)
        elif self._rounds_open:
            self._rounds_open -= 1
        elif self._steps_down == STEPS_DOWN:
            self._steps_down, self._rounds_open = 0, ROUNDS_OPEN
            self._allowed = float(self.most)
        else:
            self._steps_down += 1
            self._allowed = max(float(self.floor), self._allowed * SHRINK)
