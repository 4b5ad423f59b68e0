"""Maps a function over the parts of a stage's input with local processes.

Each process reads its part from disk and writes its shard by itself, so that between processes only
names, counts and digests travel. Results come in the order of the items, and what is done with one
item depends on nothing else: the output is the same for any number of workers.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import chain, islice
from typing import TypeVar

from kappa_data.errors import EnvironmentLacks

A = TypeVar("A")
B = TypeVar("B")

AHEAD = 2  # items in flight per worker, so that none waits for the slowest
# Records are many and never part of a cycle: looking for cycles among them costs half the time.
OBJECTS_PER_COLLECTION = 200_000


def map_ordered(fn: Callable[[A], B], items: Iterable[A], *, workers: int) -> Iterator[B]:
    """fn(item) for each item, in order; an exception of `fn` flies where its result would stand.

    `workers` processes; 0: one per core. One item, or one worker: in this process. `fn`, items and
    results must pickle: processes are spawned, so `fn` is a module's function or a partial. Items
    are taken only a few ahead. EnvironmentLacks: a process was ended from outside.
    """
    source = iter(items)
    head = list(islice(source, 2))
    workers = workers or len(os.sched_getaffinity(0))
    if workers > 1 and len(head) > 1:
        yield from _map_in_processes(fn, chain(head, source), workers)
        return
    with _fewer_collections():
        for item in chain(head, source):
            yield fn(item)


def _map_in_processes(fn: Callable[[A], B], items: Iterable[A], workers: int) -> Iterator[B]:
    # Spawned, not forked: a fork copies locks that threads of this process may hold.
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_prepare_process,
    )
    flying: deque[Future[B]] = deque()
    try:
        for item in items:
            with _interrupts_wait():
                flying.append(pool.submit(fn, item))
            if len(flying) >= AHEAD * workers:
                yield flying.popleft().result()
        while flying:
            yield flying.popleft().result()
    except BrokenProcessPool:
        raise EnvironmentLacks(
            "a worker process was killed, most often because memory ran out; run the same command "
            "with fewer of them (--set STAGE.workers=1)"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """A process that is spawned within is deaf to ctrl-c until it is ready for it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare_process() -> None:
    gc.set_threshold(OBJECTS_PER_COLLECTION)
    # Ctrl-c reaches every process: the first one tells of it, the others just end.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed run must not leave processes that write where the next run builds."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _fewer_collections() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(OBJECTS_PER_COLLECTION)
    try:
        yield
    finally:
        gc.set_threshold(*before)
