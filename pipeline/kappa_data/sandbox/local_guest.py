"""The process behind an unprotected box: runs one call at a time, as the user, on this machine.

Like supervisor.py it is sent to its process as text, together with that file, whose frames it
uses; see there. The supervisor ends a call by killing all that it can see, which in a namespace of
its own is the box. That is no base for this class: here the process is made the parent of whatever
its calls start, orphans included, and signals its own children alone, so that nothing else is hit.
"""

# Plain os calls, as in supervisor.py.
# ruff: noqa: PTH101, PTH103, PTH108, PTH109, PTH112, PTH114, PTH123, SIM105
from __future__ import annotations

import ctypes
import os
import resource
import select
import signal
import time

from kappa_data.sandbox.supervisor import (
    CAPTURE_CAP,
    begun,
    drain,
    ended,
    loaded,
    on_files,
    receive,
    reset_signals,
    run_and_report,
    send,
)

TYPE_CHECKING = False  # see supervisor.py
if TYPE_CHECKING:
    from typing import Any, NoReturn

PR_SET_CHILD_SUBREAPER = 36
NO_CORE = 1  # see child.py


class Guest:
    """State between calls; `folder` takes the place of /workspace."""

    def __init__(self, hello: dict[str, Any], folder: str) -> None:
        modules = {
            name.rpartition(".")[2]: loaded(name, source) for name, source in hello["modules"]
        }
        self.folder = folder
        self.limits: dict[str, float] = hello["limits"]
        self.workspace: Any = modules["workspace"]
        vars(self.workspace)["WORKSPACE"] = folder
        self.perform: Any = modules["tool_run"].perform
        self.tools: dict[str, tuple[Any, bool]] = hello["tools"]
        self.state = self.workspace.state
        self.state.output_chars = int(self.limits["output_chars"])
        self.seconds = 0.0  # that all calls took so far

    def answer(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Reply header and body of one request."""
        # A command may have removed it, put something else in its place, or shut itself out.
        if os.path.islink(self.folder) or not os.path.isdir(self.folder):
            try:
                os.unlink(self.folder)
            except FileNotFoundError:
                pass
        os.makedirs(self.folder, exist_ok=True)
        os.chmod(self.folder, 0o755)
        if request["op"] == "call":
            return self.call(request["tool"], request["arguments"])
        if request["op"] == "load":
            return self.call(request["tool"], None)
        return on_files(request, self.workspace, self.limits)

    def call(self, tool: str, arguments: dict[str, Any] | None) -> tuple[dict[str, Any], bytes]:
        """Run one tool in a process of its own, then end whatever it left."""
        left = self.limits["box_seconds"] - self.seconds
        if left <= 0:
            return {"stopped": "box time"}, b""
        main, pipes = begun(lambda out, report: self.become(tool, arguments, out, report))
        started = time.monotonic()
        stopped = self.watch(main, pipes, min(left, self.limits["call_seconds"]))
        self.seconds += time.monotonic() - started
        if stopped == "call time" and left < self.limits["call_seconds"]:
            stopped = "box time"
        status = end_children(main)
        return ended(pipes, status, stopped, None, self.state.seen, int(self.limits["files"]))

    def watch(self, main: int, pipes: dict[int, bytearray], seconds: float) -> str | None:
        """Collect what comes through the pipes until `main` ends; the name of the limit if one was
        reached first."""
        end = time.monotonic() + seconds
        alive = os.pidfd_open(main)
        sources = [alive, *pipes, 0]
        try:
            while (left := end - time.monotonic()) > 0:
                ready, _, _ = select.select(sources, [], [], left)
                if 0 in ready:  # the host says nothing during a call: this is its end
                    end_children(main)
                    os._exit(0)
                for pipe, came in pipes.items():
                    if pipe in ready and not drain(pipe, came, once=True):
                        sources.remove(pipe)
                    if len(came) > CAPTURE_CAP:
                        return "output"
                if alive in ready:
                    return None
            return "call time"
        finally:
            os.close(alive)

    def become(
        self, tool: str, arguments: dict[str, Any] | None, out: int, report: int
    ) -> NoReturn:
        """In the child: run the tool and report, as in a box."""

        def run() -> list[tuple[str, str]]:
            os.chdir(self.folder)
            confine(self.limits)
            said: list[tuple[str, str]] = self.perform(tool, *self.tools[tool], arguments, out)
            return said

        run_and_report(run, out, report)


def confine(limits: dict[str, float]) -> None:
    """Limits of the kernel for one process. None on processes: outside a namespace of its own the
    kernel would count all that the user has running."""
    megabyte = 2**20
    for kind, value in (
        (resource.RLIMIT_AS, int(limits["memory_mb"]) * megabyte),
        (resource.RLIMIT_FSIZE, int(limits["workspace_mb"]) * megabyte),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, NO_CORE),
    ):
        _, most = resource.getrlimit(kind)
        allowed = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(kind, (allowed, allowed))


def end_children(main: int) -> int:
    """Kill every child and wait for it, until there is none; the wait status of `main`.

    Orphans become children of this process (see `serve`), so what a child leaves behind has its
    turn after it. A child's id cannot have passed to another process before it was waited for.
    """
    status = 0
    try:
        os.killpg(main, signal.SIGKILL)  # at one blow, so that no bomb in the group outruns this
    except (ProcessLookupError, PermissionError):  # not yet a group, or all of it changed its user
        pass
    while True:
        for child in children():
            try:
                os.kill(child, signal.SIGKILL)
            except PermissionError:  # it became another user's: nothing more can be done to it
                return status
        try:
            pid, ended = os.waitpid(-1, 0)
        except ChildProcessError:
            return status
        if pid == main:
            status = ended


def children() -> list[int]:
    """Ids of the processes whose parent this one is."""
    me = os.getpid()
    with open(f"/proc/{me}/task/{me}/children", "rb") as file:
        return [int(each) for each in file.read().split()]


def serve() -> None:
    """Serve until the host closes the pipe. The folder is the process's own at its start."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")
    reset_signals()
    os.umask(0o022)
    hello = receive()
    if hello is None:
        return
    guest = Guest(hello, os.getcwd())
    send({"ready": True}, b"")
    while (request := receive()) is not None:
        send(*guest.answer(request))
