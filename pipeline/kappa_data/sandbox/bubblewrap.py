"""Boxes made with bubblewrap: namespaces without privileges, a seccomp filter, sized tmpfs mounts.

The program `bwrap` never runs as root, since root of the host could write to hundreds of files of
/proc even without capabilities. Nothing of the host but its programs is mounted; what else the box
needs (the supervisor, /etc/passwd, the filter) is passed by descriptor, which works whatever the
unprivileged user may read and leaves no path of the host in the box. docs/sandbox.md says what
this does and does not stop.
"""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from kappa_data.config import SandboxConfig
from kappa_data.errors import SandboxDown, UsageError
from kappa_data.records import Grounding
from kappa_data.sandbox import NO_FILES, Limits, appearance, programs, seccomp, selftest
from kappa_data.sandbox.box import BubblewrapBox
from kappa_data.sandbox.child import Child
from kappa_data.sandbox.toolset import tool_set

UNPRIVILEGED = 65433  # user and group of bwrap where we are root; owns nothing anywhere
GUEST = 1000  # user and group seen inside
SCRATCH_MB = 16  # size of /tmp and of /dev/shm
# A mount is one page larger than its limit: where it is full, more was wanted than the limit.
PAGE = os.sysconf("SC_PAGE_SIZE")
INSTALL = "sandbox: bubblewrap is not installed; run: apt-get install bubblewrap"

ENVIRONMENT = {
    "PATH": ":".join(programs.PATH),
    "HOME": "/workspace",
    "USER": "user",
    "LOGNAME": "user",
    "SHELL": "/bin/bash",
    "TERM": "dumb",
    "PAGER": "cat",
    "TZ": "UTC",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "GIT_AUTHOR_NAME": "user",
    "GIT_AUTHOR_EMAIL": "user@box",
    "GIT_COMMITTER_NAME": "user",
    "GIT_COMMITTER_EMAIL": "user@box",
}  # the supervisor adds GIT_*_DATE and SOURCE_DATE_EPOCH, one minute later for each call
ETC = {
    "/etc/passwd": f"root:x:0:0::/root:/bin/bash\nuser:x:{GUEST}:{GUEST}::/workspace:/bin/bash\n",
    "/etc/group": f"root:x:0:\nuser:x:{GUEST}:\n",
    "/etc/hosts": "127.0.0.1 localhost box\n::1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}


class Bubblewrap:
    """Implements `Sandbox`. Belongs to one event loop.

    `at_once`: how many boxes may start or run a call at a time, by default two for each core; a
    call's time limit runs while it runs, not while it waits for its turn.
    """

    grounding: Grounding = "executed"

    def __init__(self, limits: Limits | None = None, *, at_once: int | None = None) -> None:
        """Raises UsageError where the settings name a root that boxes cannot use."""
        self.limits = limits or Limits()
        given = limits if isinstance(limits, SandboxConfig) else SandboxConfig()
        self._given = programs.root_of(given)
        self.tools = tool_set(given.tools)
        self._slots = asyncio.Semaphore(at_once or 2 * (os.cpu_count() or 1))

    @cached_property
    def root(self) -> programs.Root:
        """Where the programs of the boxes are."""
        if self._given == programs.HOST:
            return programs.HOST
        return programs.Root(programs.copy_of_root(self._given.folder))

    @cached_property
    def python(self) -> programs.Interpreter:
        """The interpreter inside the boxes."""
        return programs.interpreter(self.root)

    @cached_property
    def programs(self) -> Mapping[str, str]:
        """sha256 (hex) of each declared program that the boxes have, by name."""
        return programs.digests(self.root, self.python)

    @cached_property
    def toolchain(self) -> str:
        """sha256 (hex) over the declared programs that the boxes have."""
        return programs.toolchain(self.programs)

    def has(self, program: str) -> bool:
        """Whether the boxes have this program."""
        return program == "python3" or programs.find(program, self.root) is not None

    async def self_test(self) -> None:
        """Try a few hostile calls. Raises SandboxDown with the fix."""
        await selftest.run(self)
        await self._load_tools()

    async def _load_tools(self) -> None:
        """Load every tool that does not ship. UsageError for one that does not run in a box."""
        others = [each for each in self.tools if each.origin != "built-in"]
        if not others:
            return
        box = await self.open()
        try:
            for tool in others:
                wrong = await box.load(tool.name)
                if wrong:
                    raise UsageError(
                        f"{tool.place}: does not load in a box, which has its own Python and no "
                        f"package of this one: {wrong.strip()}"
                    )
        finally:
            await box.close()

    async def open(self, files: Mapping[str, str] = NO_FILES) -> BubblewrapBox:
        """A fresh box with these files. Raises SandboxDown if it does not start."""
        bwrap = shutil.which("bwrap")
        if bwrap is None:
            raise SandboxDown(INSTALL)
        async with self._slots:
            box = await self._start(bwrap)
            await box.start(guest_modules(), files)
        return box

    async def _start(self, bwrap: str) -> BubblewrapBox:
        """The process of a box, its supervisor waiting for the first frame."""
        source = Path(__file__).with_name("supervisor.py").read_bytes()
        files = ETC | appearance.proc(self.limits)
        with descriptors(source, seccomp_filter(), *map(str.encode, files.values()), b"") as passed:
            supervisor, rules, *opened, complaints = passed
            fixed = dict(zip(files, opened, strict=True))
            # A cleared environment and "/" as folder: bwrap itself gets nothing of ours either.
            try:
                process = await Child.start(
                    [
                        bwrap,
                        *arguments(self.limits, self.root, self.python, rules, fixed),
                        *(self.python.inside, "-I", "-S", "-B", "-c"),
                        f"import os; exec(compile(os.fdopen({supervisor}).read(), 'box', 'exec'))",
                    ],
                    stderr=complaints,
                    pass_fds=passed[:-1],
                    env={},
                    cwd="/",
                    **unprivileged(),
                )
            except OSError as error:
                raise SandboxDown(f"sandbox: cannot start {bwrap}: {error.strerror}") from error
            return BubblewrapBox(process, os.dup(complaints), self.limits, self.tools, self._slots)


def guest_modules() -> list[tuple[str, str]]:
    """Name and source of what the supervisor loads beside itself; the last imports the first."""
    folder = Path(__file__).parent
    return [
        (f"kappa_data.sandbox.{name}", folder.joinpath(f"{name}.py").read_text())
        for name in ("workspace", "usage", "tool_run")
    ]


def unprivileged() -> dict[str, Any]:
    """What makes subprocess drop root; nothing where we are not root."""
    if os.geteuid():
        return {}
    return {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []}


def seccomp_filter() -> bytes:
    """The filter of this machine. SandboxDown where there is no table of its syscalls."""
    machine = platform.machine()
    if machine not in seccomp.AUDIT_ARCH:
        known = " or ".join(seccomp.AUDIT_ARCH)
        raise SandboxDown(f"sandbox: no syscall filter for {machine}; run on {known}")
    return seccomp.program(machine)


@contextmanager
def descriptors(*contents: bytes) -> Iterator[list[int]]:
    """Memory files with these contents, to be read from their start; closed at the end."""
    opened: list[int] = []
    try:
        for content in contents:
            opened.append(os.memfd_create("box"))
            os.write(opened[-1], content)
            os.lseek(opened[-1], 0, os.SEEK_SET)
        yield opened
    finally:
        for descriptor in opened:
            os.close(descriptor)


def arguments(
    limits: Limits,
    root: programs.Root,
    python: programs.Interpreter,
    rules: int,
    fixed: Mapping[str, int],
) -> list[str]:
    """The command line of bwrap up to the program. `rules` is the descriptor of the filter, `fixed`
    has those of the files that are the same in every box, by path."""
    line = ["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    line += ["--unshare-cgroup-try", "--as-pid-1", "--die-with-parent", "--new-session"]
    line += ["--cap-drop", "ALL", "--uid", str(GUEST), "--gid", str(GUEST), "--hostname", "box"]
    line += ["--seccomp", str(rules), "--ro-bind", str(root.folder / "usr"), "/usr"]
    for name in programs.TREES:
        tree = root.folder / name
        if tree.is_symlink():
            line += ["--symlink", str(tree.readlink()), f"/{name}"]
        elif tree.is_dir():
            line += ["--ro-bind", str(tree), f"/{name}"]
    line += ["--perms", "0755", "--dir", "/etc", "--perms", "0755", "--dir", "/var"]
    for shared in programs.SETTINGS:
        line += ["--ro-bind-try", str(root.folder / shared), f"/{shared}"]
    environment = dict(ENVIRONMENT)
    if python.folder is not None:
        line += ["--ro-bind", str(python.folder), programs.INSIDE]
        environment["PATH"] = f"{programs.INSIDE}/bin:{environment['PATH']}"
        environment["LD_LIBRARY_PATH"] = f"{programs.INSIDE}/lib"
    line += ["--proc", "/proc"]
    for path, descriptor in fixed.items():
        kind = "--ro-bind-data" if path.startswith("/proc/") else "--file"
        line += ["--perms", "0444", kind, str(descriptor), path]
    line += ["--remount-ro", "/proc", "--dev", "/dev"]
    # The same zeros to read; but mapped shared, /dev/zero gives memory that nobody accounts for.
    line += ["--dev-bind", "/dev/full", "/dev/zero"]
    scratch = SCRATCH_MB * 2**20
    for mount, size, mode in (
        ("/dev/shm", scratch, "1777"),
        ("/tmp", scratch, "1777"),
        ("/workspace", limits.workspace_mb * 2**20, "0755"),
    ):
        line += ["--perms", mode, "--size", str(size + PAGE), "--tmpfs", mount]
    line += ["--symlink", "../tmp", "/var/tmp", "--dir", "/run"]
    line += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/workspace", "--clearenv"]
    for key, value in environment.items():
        line += ["--setenv", key, value]
    return line
