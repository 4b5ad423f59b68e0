"""Progress on standard error: bars in a terminal, plain lines elsewhere, nothing with --quiet."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from kappa_data.printable import plain

LINE_EVERY_SECONDS = 10.0
LINES_BACK = 12
"""lines over which the time that is left is reckoned: what was done lately"""
DRAWN_PER_SECOND = 5


class Task(Protocol):
    """One bar."""

    def advance(self, count: int = 1) -> None:
        """`count` more are done."""

    def say(self, text: str) -> None:
        """A word beside the bar: what is happening now."""


class Progress(Protocol):
    """Where a stage tells how far it is."""

    def task(self, label: str, total: int | None) -> AbstractContextManager[Task]:
        """A context manager that gives a Task; `total` None: unknown."""

    def note(self, text: str) -> None:
        """One line that stays."""


class _Silent:
    def advance(self, count: int = 1) -> None:
        pass

    def say(self, text: str) -> None:
        pass


class Quiet:
    """Says nothing; also what tests use."""

    @contextmanager
    def task(self, label: str, total: int | None) -> Iterator[Task]:
        yield _Silent()

    def note(self, text: str) -> None:
        pass


class _Bar:
    def __init__(self, bars: Bars, label: str, total: int | None) -> None:
        self._bars = bars
        self._id = bars.add_task(label, total=total, said="")

    def advance(self, count: int = 1) -> None:
        self._bars.advance(self._id, count)

    def say(self, text: str) -> None:
        self._bars.update(self._id, said=escape(plain(text)))


class Terminal:
    """Bars that redraw themselves."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def task(self, label: str, total: int | None) -> Iterator[Task]:
        bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description:<10}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[said]}"),
            console=self._console,
            refresh_per_second=DRAWN_PER_SECOND,
        )
        with bars:
            yield _Bar(bars, label, total)

    def note(self, text: str) -> None:
        self._console.print(plain(text), markup=False, highlight=False)


class _Lines:
    def __init__(self, console: Console, label: str, total: int | None) -> None:
        self._console, self._label, self._total = console, label, total
        self._done, self._said, self._last = 0, "", time.monotonic()
        self._lately: deque[tuple[float, int]] = deque([(self._last, 0)], LINES_BACK)

    def advance(self, count: int = 1) -> None:
        self._done += count
        self._flush_if_due()

    def say(self, text: str) -> None:
        self._said = plain(text)
        self._flush_if_due()

    def _flush_if_due(self) -> None:
        if time.monotonic() - self._last >= LINE_EVERY_SECONDS:
            self.flush()

    def flush(self) -> None:
        self._last = time.monotonic()
        self._lately.append((self._last, self._done))
        of = f"/{self._total}" if self._total is not None else ""
        line = f"{self._label}: {self._done}{of} {self._said}".rstrip()
        if left := self._left():
            line += f", about {duration(left)} left"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _left(self) -> float:
        """Seconds, at the speed of the last lines; 0: done, or nothing to reckon with."""
        (since, before), (now, done) = self._lately[0], self._lately[-1]
        if self._total is None or done <= before or now <= since:
            return 0.0
        return (self._total - done) * (now - since) / (done - before)


def duration(seconds: float) -> str:
    """A span of time in words, to two figures: `50 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


class Plain:
    """A line now and then, for logs."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def task(self, label: str, total: int | None) -> Iterator[Task]:
        lines = _Lines(self._console, label, total)
        yield lines
        lines.flush()

    def note(self, text: str) -> None:
        self._console.print(plain(text), markup=False, highlight=False, soft_wrap=True)


def for_stderr(quiet: bool) -> Progress:
    """What fits standard error now."""
    if quiet:
        return Quiet()
    console = Console(stderr=True)
    return Terminal(console) if console.is_terminal else Plain(console)
