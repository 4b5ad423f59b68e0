"""The first process of a box: runs one call at a time and ends what it leaves behind.

This file is sent into the box by descriptor and runs there on its own, so it imports the standard
library only; the tools come in its first frame, as text that only the process of a call runs. It
talks over its standard input and output:

    frame    4 bytes, big-endian length, then that many bytes
    request  JSON: {"op": "call" | "load" | "put" | "read" | "tree", ...}
    reply    JSON of one line, a newline, then raw bytes (output of the tool, content of the file)

Being process 1 of its namespace it cannot be killed from inside, inherits every orphan and can kill
all others at once; not being dumpable, neither its memory nor its descriptors can be opened.
"""

# Plain os calls throughout: this is about descriptors and /proc.
# ruff: noqa: PTH101, PTH123, PTH208
from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import struct
import sys
import time
from types import ModuleType

TYPE_CHECKING = False  # importing typing, contextlib or traceback here would slow every box's start
if TYPE_CHECKING:
    from typing import Any, NoReturn

PR_SET_DUMPABLE = 4
MOUNTS = ("/workspace", "/tmp", "/dev/shm")
TICK = 0.02  # seconds between two looks at what the box uses
CAPTURE_CAP = 4 * 1024 * 1024  # bytes of output after which a command is stopped
SOCKET_CAP = 512  # bounds the kernel memory in socket buffers, which no process owns
GRID_START = 1_735_689_600  # 2025-01-01T00:00:00Z; each call stands one minute later
MINUTE = 60
PATH_MAX = 4096

Limits = dict[str, float]


class Supervisor:
    """State of the box between calls."""

    def __init__(self, hello: dict[str, Any]) -> None:
        modules: dict[str, Any] = {}
        for name, source in hello["modules"]:  # workspace first: the other one imports it
            module = ModuleType(name)
            sys.modules[name] = module
            exec(compile(source, name, "exec"), module.__dict__)
            modules[name.rpartition(".")[2]] = module
        self.workspace: Any = modules["workspace"]
        self.perform: Any = modules["tool_run"].perform
        self.tools: dict[str, tuple[Any, bool]] = hello["tools"]  # text, whether it is ours
        self.limits: Limits = hello["limits"]
        self.state = self.workspace.state
        self.state.output_chars = int(self.limits["output_chars"])
        self.calls = 0
        self.born = time.time_ns()

    def answer(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Reply header and body of one request."""
        os.chmod(MOUNTS[0], 0o755)  # a guest may have shut itself out of its own workspace
        if request["op"] == "call":
            self.calls += 1
            reply = self.call(request["tool"], request["arguments"])
            self.settle()
            return reply
        if request["op"] == "load":
            return self.call(request["tool"], None)
        if request["op"] == "put":
            for path, text in request["files"].items():
                try:
                    self.workspace.place(path, text)
                except OSError as error:
                    return {"failed": f"{path}: {error.strerror}"}, b""
            self.settle()
            return {}, b""
        if request["op"] == "tree":
            return {}, json.dumps(self.workspace.tree()).encode()
        try:
            os.chdir(MOUNTS[0])
            cap = int(self.limits["workspace_mb"]) * 2**20
            return {"found": True}, self.workspace.read_bytes(request["path"], cap)
        except self.workspace.ToolError:
            return {"found": False}, b""

    def call(self, tool: str, arguments: dict[str, Any] | None) -> tuple[dict[str, Any], bytes]:
        """Run one tool in a process of its own, then kill whatever is alive. Without arguments it
        is only loaded."""
        text, ours = self.tools[tool]
        if ours and isinstance(text, str):  # once for all calls; another's may be no Python of ours
            self.tools[tool] = (compile(text, f"{tool}.py", "exec", dont_inherit=True), ours)
        out, into = os.pipe()
        report, into_report = os.pipe()
        main = os.fork()
        if not main:
            self.become(tool, arguments, into, into_report)
        os.close(into)
        os.close(into_report)
        output, words = bytearray(), bytearray()
        pipes = {out: output, report: words}
        for pipe in pipes:
            os.set_blocking(pipe, False)
        stopped = self.watch(main, pipes)
        status = kill_all(main)
        for pipe, came in pipes.items():
            drain(pipe, came)
            os.close(pipe)
        said = reported(words)
        self.see(said)
        header = {
            "stopped": stopped,
            "exit_code": None if said else os.waitstatus_to_exitcode(status),
            "error": bool(said.get("error")),
            "bug": bool(said.get("bug")),
        }
        return header, bytes(output)

    def see(self, said: dict[str, Any]) -> None:
        """Remember the files that a tool named, no more of them than a box can have."""
        seen = said.get("seen")
        room = int(self.limits["files"]) - len(self.state.seen)
        if isinstance(seen, list):
            paths = [each for each in seen if isinstance(each, str) and len(each) <= PATH_MAX]
            self.state.seen.update(paths[: max(0, room)])

    def watch(self, main: int, pipes: dict[int, bytearray]) -> str | None:
        """Collect what comes through the pipes until `main` ends; the name of the limit if one was
        reached first."""
        end = time.monotonic() + self.limits["call_seconds"]
        look = time.monotonic() + TICK
        start_inodes = usage_of_mounts()[1]
        alive = os.pidfd_open(main)
        sources = [alive, *pipes, 0]
        try:
            while True:
                ready, _, _ = select.select(sources, [], [], TICK)
                if 0 in ready:  # the host says nothing during a call: this is its end
                    os._exit(0)
                for pipe, came in pipes.items():
                    if pipe in ready and not drain(pipe, came, once=True):
                        sources.remove(pipe)
                    if len(came) > CAPTURE_CAP:
                        return "output"
                if alive in ready:
                    return None
                now = time.monotonic()
                if now > end:
                    return "call time"
                if now > look:
                    reap_orphans(main)
                    excess = self.excess(start_inodes)
                    if excess:
                        return excess
                    look = time.monotonic() + TICK
        finally:
            os.close(alive)

    def excess(self, start_inodes: int) -> str | None:
        """The name of a limit that the whole box exceeds now. A box that begins a call with too
        many files may still remove some."""
        memory, threads = usage_of_processes()
        in_files, inodes = usage_of_mounts()
        if memory + in_files > self.limits["memory_mb"] * 2**20:
            return "memory"
        if threads > self.limits["processes"]:
            return "processes"
        if inodes > max(self.limits["files"], start_inodes):
            return "files"
        return "sockets" if sockets() > SOCKET_CAP else None

    def become(
        self, tool: str, arguments: dict[str, Any] | None, out: int, report: int
    ) -> NoReturn:
        """In the child: run the tool and report. A tool that becomes a program reports nothing,
        since the report's descriptor closes on exec; no program that it starts can reach it
        either, this process being as undumpable as its parent."""
        said: dict[str, Any] = {}
        try:
            os.setsid()
            null = os.open("/dev/null", os.O_RDONLY)
            for source, target in ((null, 0), (out, 1), (out, 2)):
                os.dup2(source, target)
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            now = f"{GRID_START + self.calls * MINUTE} +0000"
            os.environ.update(GIT_AUTHOR_DATE=now, GIT_COMMITTER_DATE=now)
            os.chdir(MOUNTS[0])
            confine(self.limits)
            said = self.perform(tool, *self.tools[tool], arguments, out)
        finally:
            if not said:
                import traceback

                said = {"bug": True}
                write_all(out, traceback.format_exc().encode())
            write_all(report, json.dumps(said).encode())
            os._exit(0)

    def settle(self) -> None:
        """Put the times of everything touched in this box's life on the grid, so that listings
        come out the same in every run. Times that a command set on purpose stay."""
        moment = (GRID_START + self.calls * MINUTE) * 10**9
        folders = list(MOUNTS)
        seen = 0
        while folders and seen <= 4 * self.limits["files"]:
            folder = folders.pop()
            try:
                with os.scandir(folder) as entries:
                    found = list(entries)
                for entry in found:
                    seen += 1
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    self.on_grid(entry.path, moment)
                self.on_grid(folder, moment)
            except OSError:  # a folder made unreadable, or deeper than a path can be
                continue

    def on_grid(self, path: str, moment: int) -> None:
        """Set the access and change times of one file if they are this box's own."""
        info = os.lstat(path)
        times = (info.st_atime_ns, info.st_mtime_ns)
        wanted = tuple(moment if time_ns >= self.born - 10**9 else time_ns for time_ns in times)
        if wanted != times:
            os.utime(path, ns=(wanted[0], wanted[1]), follow_symlinks=False)


def reported(data: bytearray) -> dict[str, Any]:
    """What a tool said of itself; nothing if it became a program or was killed on the way. A tool
    that runs code of the assistant's in its own process may say anything."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def confine(limits: Limits) -> None:
    """Limits of the kernel for one process, under those that the supervisor keeps for the box."""
    megabyte = 2**20
    release = os.uname().release.split(".")
    if (int(release[0]), int(release[1])) < (5, 14):
        # Older kernels count all processes of the host's user, not those of this namespace: the
        # limit would strike down innocent boxes. There the supervisor alone counts.
        limits = {**limits, "processes": resource.RLIM_INFINITY - 1}
    for kind, value in (
        (resource.RLIMIT_AS, int(limits["memory_mb"]) * megabyte),
        (resource.RLIMIT_FSIZE, int(limits["workspace_mb"]) * megabyte),
        (resource.RLIMIT_NPROC, int(limits["processes"]) + 1),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        resource.setrlimit(kind, (value, value))


def usage_of_processes() -> tuple[int, int]:
    """Bytes of memory and number of threads of all processes but this one.

    Shared memory counts in each process that maps it: too much rather than too little.
    """
    memory = threads = 0
    for name in os.listdir("/proc"):
        if not name.isdigit() or name == "1":
            continue
        try:
            with open(f"/proc/{name}/status", "rb") as file:
                lines = file.read().splitlines()
        except OSError:  # it has just ended
            continue
        for line in lines:
            if line.startswith((b"RssAnon:", b"RssShmem:")):
                memory += int(line.split()[1]) * 1024
            elif line.startswith(b"Threads:"):
                threads += int(line.split()[1])
    return memory, threads


def usage_of_mounts() -> tuple[int, int]:
    """Bytes and inodes in use in everything that a guest can write to."""
    size = inodes = 0
    for mount in MOUNTS:
        info = os.statvfs(mount)
        size += (info.f_blocks - info.f_bfree) * info.f_frsize
        inodes += info.f_files - info.f_ffree
    return size, inodes


def sockets() -> int:
    """Sockets open in the box, those in flight between processes included."""
    try:
        with open("/proc/net/sockstat", "rb") as file:
            return int(file.readline().split()[2])
    except FileNotFoundError:  # a kernel without the file has no sockets to count
        return 0


def reap_orphans(main: int) -> None:
    """Bury what has ended, so that it does not count; `main` is left for its wait status."""
    while True:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None or ended.si_pid == main:
            return
        os.waitpid(ended.si_pid, 0)


def kill_all(main: int) -> int:
    """Kill every other process of the box and wait for each; the wait status of `main`."""
    status = 0
    while True:
        try:  # noqa: SIM105
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            pass
        try:
            pid, ended = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == main:
            status = ended
        elif not pid:
            time.sleep(0.0005)


def drain(source: int, output: bytearray, once: bool = False) -> bool:
    """Move what is in the pipe to `output`, which stops growing past the cap; False at its end."""
    while True:
        try:
            piece = os.read(source, 65536)
        except BlockingIOError:
            return True
        if not piece:
            return False
        if len(output) <= CAPTURE_CAP:
            output += piece
        if once:
            return True


def write_all(target: int, data: bytes) -> None:
    while data:
        data = data[os.write(target, data) :]


def receive() -> dict[str, Any] | None:
    """The next request; None when the host has gone."""
    head = read_exactly(4)
    if head is None:
        return None
    body = read_exactly(struct.unpack(">I", head)[0])
    return None if body is None else json.loads(body)


def read_exactly(size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        piece = os.read(0, size - len(data))
        if not piece:
            return None
        data += piece
    return bytes(data)


def send(header: dict[str, Any], body: bytes) -> None:
    frame = json.dumps(header).encode() + b"\n" + body
    write_all(1, struct.pack(">I", len(frame)) + frame)


def main() -> None:
    """Serve until the host closes the pipe."""
    # Python's own handler of SIGINT would let a guest interrupt process 1.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE) failed")
    os.umask(0o022)
    hello = receive()
    if hello is None:
        return
    supervisor = Supervisor(hello)
    supervisor.settle()
    send({"ready": True}, b"")
    while (request := receive()) is not None:
        send(*supervisor.answer(request))


if __name__ == "__main__":
    main()
