"""The process behind an unprotected box: runs one call at a time, as the user, on this machine.

Like supervisor.py it is sent to its process as text, together with that file, whose frames it
uses; see there. The supervisor ends a call by killing all that it can see, which in a namespace of
its own is the box. That is no base for this class: here the process is made the parent of whatever
its calls start, orphans included, and signals its own children alone, so that nothing else is hit.
"""

# Plain os calls, as in supervisor.py.
# ruff: noqa: PTH101, PTH103, PTH109, PTH123, SIM105
from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from types import ModuleType

from kappa_data.sandbox.supervisor import CAPTURE_CAP, drain, receive, reported, send, write_all

TYPE_CHECKING = False  # see supervisor.py
if TYPE_CHECKING:
    from typing import Any, NoReturn

PR_SET_CHILD_SUBREAPER = 36


class Guest:
    """State between calls; `folder` takes the place of /workspace."""

    def __init__(self, hello: dict[str, Any], folder: str) -> None:
        self.tools: dict[str, ModuleType] = {}
        for name, source in hello["modules"]:  # workspace first: the tools import it
            module = ModuleType(name)
            sys.modules[name] = module
            exec(compile(source, name, "exec"), module.__dict__)
            self.tools[name.rpartition(".")[2]] = module
        self.folder = folder
        self.limits: dict[str, float] = hello["limits"]
        self.workspace: Any = self.tools.pop("workspace")
        vars(self.workspace)["WORKSPACE"] = folder
        self.state = self.workspace.State(int(self.limits["output_chars"]))
        self.seconds = 0.0  # that all calls took so far

    def answer(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Reply header and body of one request."""
        os.makedirs(self.folder, exist_ok=True)  # a command may have removed it, or shut itself out
        os.chmod(self.folder, 0o755)
        if request["op"] == "call":
            return self.call(request["tool"], request["arguments"])
        if request["op"] == "put":
            for path, text in request["files"].items():
                try:
                    self.workspace.place(path, text)
                except OSError as error:
                    return {"failed": f"{path}: {error.strerror}"}, b""
            return {}, b""
        if request["op"] == "tree":
            return {}, json.dumps(self.workspace.tree()).encode()
        try:
            os.chdir(self.folder)
            cap = int(self.limits["workspace_mb"]) * 2**20
            return {"found": True}, self.workspace.read_bytes(request["path"], cap)
        except self.workspace.ToolError:
            return {"found": False}, b""

    def call(self, tool: str, arguments: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Run one tool in a process of its own, then end whatever it left."""
        left = self.limits["box_seconds"] - self.seconds
        if left <= 0:
            return {"stopped": "box time"}, b""
        out, into = os.pipe()
        report, into_report = os.pipe()
        main = os.fork()
        if not main:
            self.become(tool, arguments, into, into_report)
        os.close(into)
        os.close(into_report)
        os.set_blocking(out, False)
        output = bytearray()
        started = time.monotonic()
        stopped = self.watch(main, out, output, min(left, self.limits["call_seconds"]))
        self.seconds += time.monotonic() - started
        if stopped == "call time" and left < self.limits["call_seconds"]:
            stopped = "box time"
        status = end_children(main)
        drain(out, output)
        with os.fdopen(report, "rb") as file:
            said = reported(file.read())
        os.close(out)
        self.state.seen.update(said.get("seen", ()))
        header = {
            "stopped": stopped,
            "exit_code": None if said else os.waitstatus_to_exitcode(status),
            "error": bool(said.get("error")),
            "bug": bool(said.get("bug")),
        }
        return header, bytes(output)

    def watch(self, main: int, out: int, output: bytearray, seconds: float) -> str | None:
        """Collect output until `main` ends; the name of the limit if one was reached first."""
        end = time.monotonic() + seconds
        alive = os.pidfd_open(main)
        sources = [alive, out, 0]
        try:
            while (left := end - time.monotonic()) > 0:
                ready, _, _ = select.select(sources, [], [], left)
                if 0 in ready:  # the host says nothing during a call: this is its end
                    end_children(main)
                    os._exit(0)
                if out in ready and not drain(out, output, once=True):
                    sources.remove(out)
                if len(output) > CAPTURE_CAP:
                    return "output"
                if alive in ready:
                    return None
            return "call time"
        finally:
            os.close(alive)

    def become(self, tool: str, arguments: dict[str, Any], out: int, report: int) -> NoReturn:
        """In the child: run the tool and report, as in a box."""
        said: dict[str, Any] = {"bug": True}
        try:
            os.setsid()
            null = os.open("/dev/null", os.O_RDONLY)
            for source, target in ((null, 0), (out, 1), (out, 2)):
                os.dup2(source, target)
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            os.chdir(self.folder)
            confine(self.limits)
            before = set(self.state.seen)
            text = self.tools[tool].run(arguments, self.state)
            said = {"seen": sorted(self.state.seen - before)}
            write_all(out, text.encode())
        except self.workspace.ToolError as error:
            said = {"error": True}
            write_all(out, f"{tool}: {error}".encode())
        except OSError as error:
            said = {"error": True}
            write_all(out, f"{tool}: {error.strerror}".encode())
        finally:
            if said.get("bug"):
                import traceback

                write_all(out, traceback.format_exc().encode())
            write_all(report, json.dumps(said).encode())
            os._exit(0)


def confine(limits: dict[str, float]) -> None:
    """Limits of the kernel for one process. None on processes: outside a namespace of its own the
    kernel would count all that the user has running."""
    megabyte = 2**20
    for kind, value in (
        (resource.RLIMIT_AS, int(limits["memory_mb"]) * megabyte),
        (resource.RLIMIT_FSIZE, int(limits["workspace_mb"]) * megabyte),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 0),
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
    os.umask(0o022)
    hello = receive()
    if hello is None:
        return
    guest = Guest(hello, os.getcwd())
    send({"ready": True}, b"")
    while (request := receive()) is not None:
        send(*guest.answer(request))
