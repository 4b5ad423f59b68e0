"""What a run is doing, in a line beside the bar, written anew a few times a second.

Nothing happens per request but the counting that is done anyway: with thousands in flight, watching
costs what it costs with one.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from kappa_data.progress import Task
from kappa_data.teacher.meter import Meter
from kappa_data.teacher.spending import Spent

TICK_SECONDS = 0.25
WINDOW_SECONDS = 10.0
FREE = "free"


class Watch:
    """Makes the line. `currency`: FREE for the embedded teacher; `more` says what comes first in
    it, and `waiting` how many requests the client holds back.

    The tokens per second are those that were written (answers, not prompts), of late.
    """

    def __init__(
        self,
        meter: Meter,
        currency: str,
        more: Callable[[], str],
        waiting: Callable[[], int] = lambda: 0,
    ) -> None:
        self._meter, self._currency, self._more = meter, currency, more
        self._waiting = waiting
        self._seen: deque[tuple[float, int]] = deque()

    def line(self, now: float) -> str:
        """The line as it is at the moment `now` (of time.monotonic)."""
        spent, meter, waiting = self._meter.spending.total, self._meter, self._waiting()
        parts = [
            self._more(),
            f"{spent.requests - spent.failed:,} answers",
            f"{self._speed(now, spent.completion_tokens):,.0f} tokens/s",
            money(spent, self._currency),
            f"{meter.in_flight - waiting:,} in flight",
        ]
        if held := meter.budget.waiting + waiting:
            parts.append(f"{held:,} waiting")
        if failures := Counter(meter.spending.failures):
            told = ", ".join(f"{count:,} x {kind}" for kind, count in failures.most_common())
            parts.append(f"failed tries: {told}")
        return ", ".join(part for part in parts if part)

    def _speed(self, now: float, tokens: int) -> float:
        self._seen.append((now, tokens))
        while self._seen[0][0] < now - WINDOW_SECONDS:
            self._seen.popleft()
        since, before = self._seen[0]
        return (tokens - before) / (now - since) if now > since else 0.0


def money(spent: Spent, currency: str) -> str:
    """What was spent, for people: with its currency, free, or that its price is not known."""
    if currency == FREE:
        return FREE
    if spent.cost is None:
        return "price unknown"
    return f"{spent.cost:,.4f} {currency}".rstrip() if spent.parts else f"0 {currency}".rstrip()


@asynccontextmanager
async def told(watch: Watch, bar: Task) -> AsyncIterator[None]:
    """Says the line beside the bar, every TICK_SECONDS and at the end."""

    async def tick() -> None:
        while True:
            bar.say(watch.line(time.monotonic()))
            await asyncio.sleep(TICK_SECONDS)

    ticking = asyncio.create_task(tick())
    try:
        yield
    finally:
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking
        bar.say(watch.line(time.monotonic()))
