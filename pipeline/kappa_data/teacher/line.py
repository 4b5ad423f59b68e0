"""Who is let through next: those tried before, then by arrival, each as soon as there is room.

Requests for the same endpoints stand in one line; a line is a heap, and one that is let through is
woken alone, so that thousands may wait.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import math
import time
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from kappa_data.teacher.api import ChatRequest, TeacherError
from kappa_data.teacher.client import Channel, Ticket

Admission = tuple[Channel, Ticket]


class Seen(NamedTuple):
    """Answers of some endpoints, and how often they gave none in time."""

    answers: int
    timeouts: int


class Turn:
    """One request on its way: its place in the line, and where it has just failed.

    `before`: what its endpoints had done when it was last sent.
    """

    def __init__(self, request: ChatRequest, order: int) -> None:
        self.request = request
        self.order = order
        self.tries = 0
        self.failed_at: set[Channel] = set()
        self.last: Channel | None = None
        self.error: TeacherError | None = None
        self.sent = False
        self.before = Seen(0, 0)
        self.admitted: asyncio.Future[Admission] | None = None

    def __lt__(self, other: Turn) -> bool:
        return (-self.tries, self.order) < (-other.tries, other.order)


class Line:
    """The requests that wait for some of `channels`."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        self.channels = tuple(channels)
        self._heap: list[Turn] = []

    @property
    def seen(self) -> Seen:
        """What its endpoints have done so far."""
        channels = self.channels
        return Seen(
            sum(each.answers for each in channels),
            sum(each.failures["timeout"] for each in channels),
        )

    def head(self) -> Turn | None:
        """Who is next; those that left the line are forgotten here."""
        while self._heap:
            admitted = self._heap[0].admitted
            if admitted is not None and not admitted.done():
                return self._heap[0]
            heapq.heappop(self._heap)
        return None

    def push(self, turn: Turn) -> None:
        """Takes a place in the line."""
        heapq.heappush(self._heap, turn)

    def pop_all(self) -> list[Turn]:
        """Empties the line."""
        turns, self._heap = self._heap, []
        return [turn for turn in turns if turn.admitted is not None and not turn.admitted.done()]

    def free(self, turn: Turn, now: float) -> Channel | None:
        """The endpoint that takes the request now.

        Requests of one conversation go to the same one while they can, since servers cache the
        prefixes of prompts; what cannot, to the one with least in flight for its weight.
        """
        if len(self.channels) == 1:
            return self.channels[0] if self.channels[0].delay(now) == 0 else None
        free = [each for each in self.channels if each.delay(now) == 0]
        free = [each for each in free if each not in turn.failed_at] or free
        if not free:
            return None
        slot = turn.request.metadata.get("slot")
        if slot is not None:
            own = max(self.channels, key=lambda each: _score(slot, each))
            if own in free:
                return own
        return min(free, key=lambda each: (each.window.in_flight + 1) / each.weight)

    def wait(self, now: float) -> float | None:
        """Seconds until a rate limit lets somebody through; None: not by waiting alone."""
        delays = [delay for each in self.channels if (delay := each.delay(now)) is not None]
        return min(delays, default=None)


class Lines:
    """All lines of a run."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        self._channels = tuple(channels)
        self._lines: dict[tuple[Channel, ...], Line] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._waiting = 0

    def of(self, role: str) -> Line:
        """The line for a role; it has no channels where none serves the role."""
        channels = tuple(each for each in self._channels if role in each.roles)
        line = self._lines.get(channels)
        if line is None:
            line = self._lines[channels] = Line(channels)
        return line

    async def admit(self, line: Line, turn: Turn) -> Admission:
        """Waits for the turn; the endpoint that takes it, already entered."""
        if not self._waiting:
            now = time.monotonic()
            if channel := line.free(turn, now):
                return channel, channel.enter(now)
        future: asyncio.Future[Admission] = asyncio.get_running_loop().create_future()
        turn.admitted = future
        line.push(turn)
        self._waiting += 1
        self.dispatch()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                channel, ticket = future.result()  # let through, and cancelled before it ran
                channel.leave(ticket)
                self.dispatch()
            raise
        finally:
            self._waiting -= 1
            turn.admitted = None

    def dispatch(self) -> None:
        """Lets through all that there is room for: after each answer, change or pause."""
        if not self._waiting:
            return
        now = time.monotonic()
        while True:
            best: tuple[Turn, Channel] | None = None
            for line in self._lines.values():
                turn = line.head()
                if turn is not None and (best is None or turn < best[0]):
                    channel = line.free(turn, now)
                    best = (turn, channel) if channel is not None else best
            if best is None:
                break
            turn, channel = best
            assert turn.admitted is not None  # a head waits
            turn.admitted.set_result((channel, channel.enter(now)))
        self._wake_later(now)

    def refuse(self, error: Callable[[], Exception]) -> None:
        """Fails all who wait, each with an error of its own."""
        for line in self._lines.values():
            for turn in line.pop_all():
                assert turn.admitted is not None
                turn.admitted.set_exception(error())

    def give_up(self, down: Collection[Channel], error: Exception) -> None:
        """Fails who waits for nothing but endpoints that are down."""
        for line in self._lines.values():
            if all(each in down for each in line.channels):
                for turn in line.pop_all():
                    assert turn.admitted is not None
                    turn.admitted.set_exception(error)

    def close(self) -> None:
        """Forgets the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def _wake_later(self, now: float) -> None:
        waits = [wait for line in self._lines.values() if line.head() and (wait := line.wait(now))]
        if not waits:
            return
        loop = asyncio.get_running_loop()
        if self._timer is not None and not self._timer.cancelled():
            if loop.time() < self._timer.when() <= loop.time() + min(waits):
                return
            self._timer.cancel()
        self._timer = loop.call_later(min(waits), self.dispatch)


def _score(slot: str, channel: Channel) -> float:
    """Highest for the endpoint that a conversation belongs to: rendezvous hashing by weight."""
    seed = hashlib.blake2b(f"{slot}\n{channel.base_url}".encode(), digest_size=7).digest()
    return -channel.weight / math.log((int.from_bytes(seed) + 1) / (2**56 + 1))
