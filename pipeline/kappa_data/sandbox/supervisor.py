"""The first process of a box: runs one call at a time and ends what it leaves behind.

This file is sent into the box by descriptor and runs there on its own, so it imports the standard
library only; the tools come in its first frame. It talks over its standard input and output:

    frame    4 bytes, big-endian length, then that many bytes
    request  what Python's marshal makes of {"op": "call" | "load" | "put" | "read" | "tree", ...}
    reply    JSON of one line, a newline, then raw bytes (output of the tool, content of the file)

The host is trusted, so its requests may come by marshal; its replies to us never do. Every box
starts this anew: modules that take long to import (json, ctypes, signal, typing) are done without.

Being process 1 of its namespace it cannot be killed from inside, inherits every orphan and can kill
all others at once; not being dumpable, neither its memory nor its descriptors can be opened.
"""

# Plain os calls throughout: this is about descriptors and /proc.
# ruff: noqa: PTH101
from __future__ import annotations

import _ctypes
import _signal  # type: ignore[import-not-found]  # a built-in module without stubs
import marshal
import os
import resource
import select
import sys
import time
from _json import encode_basestring_ascii

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

PR_SET_DUMPABLE = 4
WORKSPACE = "/workspace"
TICK = 0.02  # seconds between two looks at what the box uses
LOOK_SHARE = 4  # a look is followed by a pause this many times as long as its CPU time
CAPTURE_CAP = 4 * 1024 * 1024  # bytes of output after which a command is stopped
TREE_SIZES = 4  # a tree's digest reads so many workspaces at most: sparse files are no larger
GRID_START = 1_735_689_600  # 2025-01-01T00:00:00Z; each call stands one minute later
MINUTE = 60
SIGNALS = 1024
# Files above the limit with which no call begins: each that is stopped for it leaves some more.
OVERSHOOT = 16_384
TOLD = ("disk", "memory")  # limits that a tool itself runs into
PATH_MAX = 4096

Limits = dict[str, float]


class Supervisor:
    """State of the box between calls."""

    def __init__(self, hello: dict[str, Any]) -> None:
        modules = {  # in this order: the last one imports the first
            name.rpartition(".")[2]: loaded(name, source) for name, source in hello["modules"]
        }
        self.workspace: Any = modules["workspace"]
        self.usage: Any = modules["usage"]
        self.perform: Any = modules["tool_run"].perform
        self.tools: dict[str, tuple[Any, bool]] = hello["tools"]  # text, whether it is ours
        self.limits: Limits = hello["limits"]
        self.processors: list[int] = hello["processors"]
        self.state = self.workspace.state
        self.state.output_chars = int(self.limits["output_chars"])
        self.calls = 0
        self.seconds = 0.0  # that all calls took so far
        self.born = time.time_ns()

    def answer(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Reply header and body of one request."""
        os.chmod(WORKSPACE, 0o755)  # a guest may have shut itself out of its own workspace
        if request["op"] == "call":
            self.calls += 1
            reply = self.call(request["tool"], request["arguments"])
            self.settle()
            return reply
        if request["op"] == "load":
            return self.call(request["tool"], None)
        reply = on_files(request, self.workspace, self.limits)
        if request["op"] == "put" and "failed" not in reply[0]:
            self.settle()
        return reply

    def call(self, tool: str, arguments: dict[str, Any] | None) -> tuple[dict[str, Any], bytes]:
        """Run one tool in a process of its own, then kill whatever is alive. Without arguments it
        is only loaded."""
        left = self.limits["box_seconds"] - self.seconds
        if left <= 0:
            return {"stopped": "box time"}, b""
        start = self.usage.Start()
        if start.inodes > self.limits["files"] + OVERSHOOT:
            return {"stopped": "files"}, b""
        text, ours = self.tools[tool]
        if ours and isinstance(text, str):  # once for all calls; another's may be no Python of ours
            self.tools[tool] = (compile(text, f"{tool}.py", "exec", dont_inherit=True), ours)
        main, pipes = begun(lambda out, report: self.become(tool, arguments, out, report))
        started = time.monotonic()
        stopped, noticed = self.watch(main, pipes, min(left, self.limits["call_seconds"]), start)
        self.seconds += time.monotonic() - started
        if stopped == "call time" and left < self.limits["call_seconds"]:
            stopped = "box time"
        status = kill_all(main)
        return ended(pipes, status, stopped, noticed, self.state.seen, int(self.limits["files"]))

    def watch(
        self, main: int, pipes: dict[int, bytearray], seconds: float, start: Any
    ) -> tuple[str | None, str | None]:
        """Collect what comes through the pipes until `main` ends. The name of the limit for which
        the call has to be stopped, and of one at which the kernel refused what the box wanted."""
        end = time.monotonic() + seconds
        look = time.monotonic() + TICK
        alive = os.pidfd_open(main)
        sources = [alive, *pipes, 0]
        noticed: str | None = None
        try:
            while True:
                ready, _, _ = select.select(sources, [], [], TICK)
                if 0 in ready:  # the host says nothing during a call: this is its end
                    os._exit(0)
                for pipe, came in pipes.items():
                    if pipe in ready and not drain(pipe, came, once=True):
                        sources.remove(pipe)
                    if len(came) > CAPTURE_CAP:
                        return "output", noticed
                now = time.monotonic()
                if alive in ready:
                    return None, noticed or start.refused()
                if now > look:
                    # CPU time: a box that starves us must not make us look less often.
                    used = time.process_time()
                    reap_orphans(main)
                    seen = self.usage.look(self.limits, start)
                    noticed = noticed or seen.refused
                    if seen.exceeded:
                        return seen.exceeded, noticed
                    look = time.monotonic() + max(TICK, LOOK_SHARE * (time.process_time() - used))
                if now > end:
                    return "call time", noticed
        finally:
            os.close(alive)

    def become(
        self, tool: str, arguments: dict[str, Any] | None, out: int, report: int
    ) -> NoReturn:
        """In the child: run the tool and report. No program that it starts can reach the report,
        this process being as undumpable as its parent."""

        def run() -> list[tuple[str, str]]:
            moment = str(GRID_START + self.calls * MINUTE)
            now = f"{moment} +0000"
            # The last of these keeps the time of a source out of Python's compiled files.
            os.environ.update(GIT_AUTHOR_DATE=now, GIT_COMMITTER_DATE=now, SOURCE_DATE_EPOCH=moment)
            os.chdir(WORKSPACE)
            os.sched_setaffinity(0, self.processors)
            confine(self.limits)
            said: list[tuple[str, str]] = self.perform(tool, *self.tools[tool], arguments, out)
            return said

        run_and_report(run, out, report)

    def settle(self) -> None:
        """Put the times of everything touched in this box's life on the grid, so that listings
        come out the same in every run. Times that a command set on purpose stay."""
        moment = (GRID_START + self.calls * MINUTE) * 10**9
        folders = list(self.usage.MOUNTS)
        seen = 0
        while folders and seen <= self.limits["files"] + 2 * OVERSHOOT:
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


def loaded(name: str, source: str) -> Any:
    """The module of this name and source."""
    module = sys.modules[name] = type(sys)(name)
    exec(compile(source, name, "exec", dont_inherit=True), module.__dict__)
    return module


def on_files(
    request: dict[str, Any], workspace: Any, limits: Limits
) -> tuple[dict[str, Any], bytes]:
    """Reply header and body of a request that runs no tool; `workspace` is the module."""
    if request["op"] == "put":
        for path, text in request["files"].items():
            try:
                workspace.place(path, text)
            except OSError as error:
                return {"failed": f"{path}: {error.strerror}"}, b""
        return {}, b""
    if request["op"] == "tree":
        budget = int(TREE_SIZES * limits["workspace_mb"] * 2**20)
        return {}, as_json(workspace.tree(budget)).encode()
    try:
        os.chdir(workspace.WORKSPACE)
        cap = int(limits["workspace_mb"]) * 2**20
        return {"found": True}, workspace.read_bytes(request["path"], cap)
    except workspace.ToolError:
        return {"found": False}, b""


def begun(become: Callable[[int, int], NoReturn]) -> tuple[int, dict[int, bytearray]]:
    """A child that does `become` with the ends of two pipes, for output and report; its process id,
    and our ends of the two, in this order, with what will come through them."""
    out, into = os.pipe()
    report, into_report = os.pipe()
    main = os.fork()
    if not main:
        os.close(out)  # shared with us: who has them could make our reads wait for ever
        os.close(report)
        become(into, into_report)
    os.close(into)
    os.close(into_report)
    for pipe in (out, report):
        os.set_blocking(pipe, False)
    return main, {out: bytearray(), report: bytearray()}


def ended(
    pipes: dict[int, bytearray],
    status: int,
    stopped: str | None,
    noticed: str | None,
    seen: set[str],
    files: int,
) -> tuple[dict[str, Any], bytes]:
    """Reply header and body of a call whose processes are gone. The files that the tool named come
    to `seen`, which never has more than a box can have."""
    for pipe, came in pipes.items():
        drain(pipe, came)
        os.close(pipe)
    output, words = map(bytes, pipes.values())
    said = reported(words)
    paths = [each for each in said.get("seen", []) if len(each) <= PATH_MAX]
    seen.update(paths[: max(0, files - len(seen))])
    header = {
        "stopped": stopped,
        "noticed": noticed or next((each for each in TOLD if each in said), None),
        "exit_code": None if said else os.waitstatus_to_exitcode(status),
        "error": "error" in said,
        "bug": "bug" in said,
    }
    return header, output


def run_and_report(run: Callable[[], list[tuple[str, str]]], out: int, report: int) -> NoReturn:
    """In the child: do `run`, which gives what `tool_run.perform` does, and report it. A tool that
    becomes a program reports nothing, since the report's descriptor closes on exec."""
    said: list[tuple[str, str]] = []
    try:
        os.setsid()
        null = os.open("/dev/null", os.O_RDONLY)
        for source, target in ((null, 0), (out, 1), (out, 2)):
            os.dup2(source, target)
        _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)
        _signal.signal(_signal.SIGXFSZ, _signal.SIG_DFL)
        said = run()
    finally:
        if not said:
            import traceback

            said = [("bug", ""), ("done", "")]
            write_all(out, traceback.format_exc().encode())
        write_all(report, b"".join(b"%s=%s\0" % tuple(map(os.fsencode, each)) for each in said))
        os._exit(0)


def reported(data: bytes) -> dict[str, list[str]]:
    """What a tool said of itself; nothing if it became a program or was killed on the way. A tool
    that runs code of the assistant's in its own process may say anything."""
    said: dict[str, list[str]] = {}
    for line in data.split(b"\0"):
        key, _, value = line.partition(b"=")
        said.setdefault(os.fsdecode(key), []).append(os.fsdecode(value))
    return said if "done" in said else {}


def as_json(value: object) -> str:
    """JSON of None, truth values, whole numbers, text, and of dicts of these."""
    if isinstance(value, dict):
        pairs = (f"{as_json(key)}:{as_json(each)}" for key, each in value.items())
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


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
        # Twice the disk: what is written runs into the end of the disk, as on a real machine, and
        # only holes can make a file longer.
        (resource.RLIMIT_FSIZE, 2 * int(limits["workspace_mb"]) * megabyte),
        # This process counts, and one above the limit may be had, so that it can be seen.
        (resource.RLIMIT_NPROC, int(limits["processes"]) + 2),
        # Queued signals and timers: the kernel counts them for the user, not for the box.
        (resource.RLIMIT_SIGPENDING, SIGNALS),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        resource.setrlimit(kind, (value, value))


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
            os.kill(-1, _signal.SIGKILL)
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
    body = read_exactly(int.from_bytes(head, "big"))
    return None if body is None else marshal.loads(body)


def read_exactly(size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        piece = os.read(0, size - len(data))
        if not piece:
            return None
        data += piece
    return bytes(data)


def send(header: dict[str, Any], body: bytes) -> None:
    frame = as_json(header).encode() + b"\n" + body
    write_all(1, len(frame).to_bytes(4, "big") + frame)


def reset_signals() -> None:
    """Signals as a fresh login has them. Who ignores or blocks some (nohup does) hands that down:
    with SIGCHLD ignored every exit code would be lost, and with it the failure of every command.
    Python's own handler of SIGINT would let a guest interrupt process 1."""
    for each in _signal.valid_signals():
        if each not in (_signal.SIGKILL, _signal.SIGSTOP, _signal.SIGPIPE, _signal.SIGXFSZ):
            _signal.signal(each, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def main() -> None:
    """Serve until the host closes the pipe."""
    reset_signals()
    prctl = _ctypes.dlsym(_ctypes.dlopen(None, 0), "prctl")  # type: ignore[arg-type]
    if _ctypes.call_function(prctl, (PR_SET_DUMPABLE, 0, 0, 0, 0)):
        raise OSError("prctl(PR_SET_DUMPABLE) failed")
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
