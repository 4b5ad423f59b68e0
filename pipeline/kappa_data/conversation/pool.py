"""A bounded pool of coroutines whose results come out in the order of their jobs.

There is no barrier: each worker takes the next job when it is done with one, and a result that is
early waits for its turn. An interrupt drains the pool: no job is begun any more, those in flight
end by themselves or give up with Drained.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from kappa_data.errors import Stopped

J = TypeVar("J")
R = TypeVar("R")


class Drained(Exception):
    """Raised by a job that gives up since the pool is being drained; its work so far is saved."""


async def in_order(
    jobs: Sequence[J],
    work: Callable[[J], Awaitable[R]],
    concurrency: int,
    drain: Callable[[], None],
) -> AsyncGenerator[R, None]:
    """`work` of every job, at most `concurrency` at a time; yields the results in order.

    The first SIGINT or SIGTERM calls `drain`, the second cancels what is in flight; both end in
    Stopped. The first error of a job cancels the others and is raised. Close it (aclosing): what
    is in flight is cancelled then.
    """
    queue = iter(enumerate(jobs))
    finished: dict[int, R] = {}
    changed = asyncio.Event()
    stopping = False

    async def worker() -> None:
        for number, job in queue:
            if stopping:
                return
            finished[number] = await work(job)
            changed.set()

    def interrupt() -> None:
        nonlocal stopping
        if stopping:
            for each in workers:
                each.cancel()
        else:
            stopping = True
            drain()

    workers = [asyncio.create_task(worker()) for _ in range(min(concurrency, len(jobs)))]
    for each in workers:
        each.add_done_callback(lambda _: changed.set())
    try:
        with _on_interrupt(interrupt):
            for number in range(len(jobs)):
                while number not in finished:
                    if _ended(workers):
                        raise _stopped()
                    changed.clear()
                    await changed.wait()
                yield finished.pop(number)
            if stopping:
                raise _stopped()
    finally:
        for each in workers:
            each.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


def _ended(workers: Sequence[asyncio.Task[None]]) -> bool:
    """Whether no worker runs any more; raises the first error that is not the drain's."""
    done = [each for each in workers if each.done()]
    for each in done:
        error = None if each.cancelled() else each.exception()
        if error is not None and not isinstance(error, Drained):
            raise error
    return len(done) == len(workers)


def _stopped() -> Stopped:
    return Stopped("interrupted; all that was answered is in the journal: run the same command")


@contextmanager
def _on_interrupt(interrupt: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    handled: list[signal.Signals] = []
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, interrupt)
            handled.append(number)
    except (ValueError, RuntimeError):
        pass  # not the main thread: whoever has it gets the signals
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
