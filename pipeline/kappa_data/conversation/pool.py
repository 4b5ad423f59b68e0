"""A bounded pool of coroutines whose results come out in the order of their jobs.

There is no barrier: each worker takes the next job when it is done with one, and a result that is
early waits for its turn on a shelf. An interrupt drains the pool: no job is begun any more, those
in flight end by themselves or give up with Drained.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from kappa_data.conversation.shelf import Shelf
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
    draining: Callable[[], bool],
    shelf: Shelf[R],
    starts: Iterable[int] | None = None,
) -> AsyncGenerator[R, None]:
    """`work` of every job, at most `concurrency` at a time; yields the results in order.

    `starts` are the numbers of all jobs in the order in which they begin; None: in that of `jobs`.
    The first SIGINT or SIGTERM calls `drain`, the second cancels what is in flight; both end in
    Stopped. Where `draining` says so no job is begun any more; then fewer results may come than
    there are jobs, and the caller knows why. What is early waits on `shelf`. The first error of a
    job cancels the others and is raised. Close it (aclosing): what is in flight is cancelled then.
    """
    queue = iter(range(len(jobs)) if starts is None else starts)
    changed = asyncio.Event()
    failed: list[BaseException] = []
    stopping, running = False, 0

    async def worker() -> None:
        for number in queue:
            if stopping or draining():
                return
            shelf.put(number, await work(jobs[number]))
            changed.set()

    def interrupt() -> None:
        nonlocal stopping
        if stopping:
            for each in workers:
                each.cancel()
        else:
            stopping = True
            drain()

    def ended(task: asyncio.Task[None]) -> None:
        nonlocal running
        running -= 1
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, Drained):
            failed.append(error)
        changed.set()

    workers = [asyncio.create_task(worker()) for _ in range(min(concurrency, len(jobs)))]
    running = len(workers)
    for each in workers:
        each.add_done_callback(ended)
    try:
        with _on_interrupt(interrupt):
            for number in range(len(jobs)):
                while number not in shelf:
                    if failed:
                        raise failed[0]
                    if not running:
                        if stopping:
                            raise _stopped()
                        return
                    changed.clear()
                    await changed.wait()
                yield shelf.take(number)
            if stopping:
                raise _stopped()
    finally:
        for each in workers:
            each.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


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
