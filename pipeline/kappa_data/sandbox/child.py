"""The process of a box, with its pipes in the event loop.

asyncio's own subprocesses will not do here: where a start is cancelled they kill the process that
they started and then wait for its pipes to close; but a child of bwrap that still waits for bwrap's
word outlives it, holds the pipes, and the loop never ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

END_SECONDS = 5.0
NO_CORE = 1


@contextlib.contextmanager
def no_core_dumps() -> Iterator[None]:
    """What starts meanwhile never has its memory written or passed on when it crashes.

    Where the kernel pipes dumps to a program of root (core_pattern "|..."), a limit of 0 does not
    hold it back: a box that crashes without end would feed it. 1 does; do_coredump in fs/coredump.c
    gives up there before the program is started. Stays 0 where the operator's own bound is 0.
    """
    before, most = resource.getrlimit(resource.RLIMIT_CORE)
    if most != 0:
        resource.setrlimit(resource.RLIMIT_CORE, (NO_CORE, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (before, most))


class Child:
    """A process in a session of its own; `stdin` and `stdout` are streams of the running loop."""

    stdin: asyncio.StreamWriter
    stdout: asyncio.StreamReader

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.pid = process.pid

    @classmethod
    async def start(cls, command: Sequence[str], **options: Any) -> Child:
        """Starts `command`; `options` are those of Popen. OSError where it cannot be started."""
        with no_core_dumps():
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # so that its first children can be killed along with it
                **options,
            )
        child = cls(process)
        try:
            await child._connect()
        except BaseException:
            child.kill()
            child._process.wait(END_SECONDS)
            raise
        return child

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        self.stdout = asyncio.StreamReader()
        await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(self.stdout), self._process.stdout
        )
        transport, protocol = await loop.connect_write_pipe(
            asyncio.streams.FlowControlMixin, self._process.stdin
        )
        self.stdin = asyncio.StreamWriter(transport, protocol, None, loop)

    async def wait(self) -> None:
        """Waits until the process has ended, and collects it."""
        if self._process.poll() is not None:
            return
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        descriptor = os.pidfd_open(self.pid)
        loop.add_reader(descriptor, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        self._process.wait()

    def kill(self) -> None:
        """Ends the process and what is still in its session; the rest follows (die-with-parent)."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
