"""Maps a function over records with local processes.

Results come in the order of the items, so what a stage makes does not depend on the number of
workers. A few batches per worker are in flight, so memory does not grow with the input.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain, islice
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

BATCH = 16  # items that travel together: pickling one by one costs more than the work
AHEAD = 3  # batches in flight per worker, so that none waits for the slowest
FEW = 256  # fewer items are done before a second process has loaded its tokenizer


def map_ordered(fn: Callable[[A], B], items: Iterable[A], *, workers: int) -> Iterator[B]:
    """fn(item) for each item, in order; an exception of `fn` flies where its result would stand.

    `workers` processes; 1: in this process; 0: one per core, but none for few items. `fn`, items
    and results must pickle: processes are spawned, so `fn` is a module's function or a partial.
    """
    source = iter(items)
    if workers == 0:
        head = list(islice(source, FEW))
        workers = len(os.sched_getaffinity(0)) if len(head) == FEW else 1
        source = chain(head, source)
    batches = iter(lambda: list(islice(source, BATCH)), [])
    if workers == 1:
        for batch in batches:
            yield from _apply(fn, batch)
        return
    yield from _map_in_processes(fn, batches, workers)


def _map_in_processes(
    fn: Callable[[A], B], batches: Iterator[list[A]], workers: int
) -> Iterator[B]:
    # Spawned, not forked: a fork copies locks that threads of this process may hold.
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    flying: deque[Future[list[B]]] = deque()
    try:
        for batch in batches:
            flying.append(pool.submit(_apply, fn, batch))
            if len(flying) >= AHEAD * workers:
                yield from flying.popleft().result()
        while flying:
            yield from flying.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _apply(fn: Callable[[A], B], batch: list[A]) -> list[B]:
    return [fn(item) for item in batch]
