"""Maps a function over the parts of a stage's input with local processes.

Each process reads its part from disk and writes its shard by itself, so that between processes only
names, counts and digests travel. Results come in the order of the items, and what is done with one
item depends on nothing else: the output is the same for any number of workers.

To start a process and what it imports takes half a second: within `kept_processes` those of one
stage go on to the next.
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
from pathlib import Path
from typing import NamedTuple, TypeVar

from kappa_data.errors import EnvironmentLacks

A = TypeVar("A")
B = TypeVar("B")

FEW_BYTES = 1_000_000
"""of files of conversations: some hundreds, with which one process is through before further ones
have started"""
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


def processes(workers: int, files: Iterable[Path]) -> int:
    """How many processes work on these files: as `workers` says; where it leaves that open (0),
    one for `FEW_BYTES` of them, in however many parts they lie."""
    return workers or int(sum(file.stat().st_size for file in set(files)) <= FEW_BYTES)


class _Pool(NamedTuple):
    workers: int
    executor: ProcessPoolExecutor

    def end(self) -> None:
        """Drops what was not begun, and waits for the rest."""
        self.executor.shutdown(wait=True, cancel_futures=True)


class _Keeper:
    """Holds the pool that nobody uses at the moment, one at most."""

    def __init__(self) -> None:
        self._idle: list[_Pool] = []

    def take(self, workers: int) -> _Pool:
        """The idle pool; a fresh one in its place where it has another number of processes."""
        if self._idle and self._idle[0].workers == workers:
            return self._idle.pop()
        self.end()
        return _fresh(workers)

    def put(self, pool: _Pool) -> None:
        """Takes back a pool whose work is all done."""
        self.end()
        self._idle.append(pool)

    def end(self) -> None:
        """Ends the idle pool."""
        while self._idle:
            self._idle.pop().end()


_keeper: _Keeper | None = None


@contextmanager
def kept_processes() -> Iterator[None]:
    """Within it a `map_ordered` with as many workers as the one before works with its processes.

    They end with the outermost such block, and at once where their work ended in an error.
    """
    global _keeper
    if _keeper is not None:
        yield
        return
    _keeper = _Keeper()
    try:
        yield
    finally:
        ended, _keeper = _keeper, None
        ended.end()


def _map_in_processes(fn: Callable[[A], B], items: Iterable[A], workers: int) -> Iterator[B]:
    pool = _keeper.take(workers) if _keeper is not None else _fresh(workers)
    flying: deque[Future[B]] = deque()
    done = False
    try:
        for item in items:
            with _interrupts_wait():
                flying.append(pool.executor.submit(fn, item))
            if len(flying) >= AHEAD * workers:
                yield flying.popleft().result()
        while flying:
            yield flying.popleft().result()
        done = True
    except BrokenProcessPool:
        raise EnvironmentLacks(
            "a worker process was killed, most often because memory ran out; run the same command "
            "with fewer of them (--set STAGE.workers=1)"
        ) from None
    finally:
        if done and _keeper is not None:
            _keeper.put(pool)
        else:
            pool.end()


def _fresh(workers: int) -> _Pool:
    # Spawned, not forked: a fork copies locks that threads of this process may hold.
    executor = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_prepare_process,
    )
    return _Pool(workers, executor)


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
    from kappa_data.arrow import convert_without_pandas

    convert_without_pandas()


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
