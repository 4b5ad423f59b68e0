"""unsafe-local: tool calls as plain processes of this machine, with the rights of whoever runs it.

There is no isolation. A call may read, change and delete whatever the user may, and reach the
network. What is kept of a box: a temporary folder as workspace, a cleared environment, one process
tree a call that is ended after it, limits on time, output and commands, kernel limits for each
process. The tools are those of the boxes, in a process of their own (local_guest.py).
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import msgspec

from kappa_data.config import SandboxConfig
from kappa_data.errors import SandboxDown
from kappa_data.records import Grounding
from kappa_data.sandbox import NO_FILES, Limits, ToolResult, programs
from kappa_data.sandbox.box import BubblewrapBox
from kappa_data.sandbox.bubblewrap import ENVIRONMENT, descriptors, guest_modules
from kappa_data.sandbox.child import Child
from kappa_data.sandbox.toolset import ToolSet, tool_set

WORKSPACE = "/workspace"
# The arguments that name places; in others, such as a file's new content, nothing is changed.
PLACES = ("path", "command")
PLACE = re.compile(r"(?<![\w./~-])/workspace(?![\w.-])")

# A module before the guest, since it imports it; both come by descriptor, as in a box.
BOOTSTRAP = """
import os, sys, types
name = "kappa_data.sandbox.supervisor"
sys.modules[name] = types.ModuleType(name)
exec(compile(os.fdopen({supervisor}).read(), "supervisor", "exec"), sys.modules[name].__dict__)
guest = {{"__name__": "guest"}}
exec(compile(os.fdopen({guest}).read(), "guest", "exec"), guest)
guest["serve"]()
"""


class LocalBox(BubblewrapBox):
    """A folder and a process tree. The host's end is that of a box: same frames, same words.

    In `path` and `command`, /workspace stands for the folder, and in results the folder is shown as
    /workspace. Text of files is left alone: a script that names /workspace finds no such place.
    """

    def __init__(
        self,
        process: Child,
        complaints: int,
        limits: Limits,
        tools: ToolSet,
        slots: asyncio.Semaphore,
        folder: str,
    ) -> None:
        super().__init__(process, complaints, limits, tools, slots)
        self._folder = folder

    async def call(self, tool: str, arguments: Mapping[str, object]) -> ToolResult:
        """Run one tool call; see `Box.call`."""
        placed = {
            key: PLACE.sub(lambda _: self._folder, value)
            if key in PLACES and isinstance(value, str)
            else value
            for key, value in arguments.items()
        }
        result = await super().call(tool, placed)
        return msgspec.structs.replace(result, content=self._shown(result.content))

    async def tree(self) -> dict[str, str]:
        """The folder's files; see `Box.tree`."""
        return {path: self._shown(what) for path, what in (await super().tree()).items()}

    async def close(self) -> None:
        """End what runs, and remove the folder."""
        try:
            await super().close()
        finally:
            remove(self._folder)

    def _shown(self, text: str) -> str:
        return text.replace(self._folder, WORKSPACE)


class Local:
    """Implements `Sandbox` without any protection. Belongs to one event loop.

    Only choose.py makes one for a dataset. `at_once`: see `Bubblewrap`.
    """

    grounding: Grounding = "unsafe-local"

    def __init__(self, limits: Limits | None = None, *, at_once: int | None = None) -> None:
        self.limits = limits or Limits()
        self.tools = tool_set(limits.tools if isinstance(limits, SandboxConfig) else ())
        self._slots = asyncio.Semaphore(at_once or 2 * (os.cpu_count() or 1))

    @cached_property
    def python(self) -> programs.Interpreter:
        """The interpreter that commands find as python3."""
        return programs.interpreter()

    @cached_property
    def toolchain(self) -> str:
        """sha256 (hex) over the declared programs that there are, as for boxes."""
        return programs.toolchain(self.programs)

    @cached_property
    def programs(self) -> Mapping[str, str]:
        """sha256 (hex) of each declared program that there is, by name."""
        return programs.digests(programs.HOST, self.python)

    def has(self, program: str) -> bool:
        """Whether commands find this program."""
        return program == "python3" or programs.find(program) is not None

    async def self_test(self) -> None:
        """Run one command. SandboxDown where that cannot be done."""
        box = await self.open({"here.txt": "ok\n"})
        try:
            said = await box.call("bash", {"command": "cat here.txt && python3 -c 'import json'"})
        finally:
            await box.close()
        if said.content != "ok\n":
            raise SandboxDown(f"unsafe-local: a command does not run: {said.content[:300]!r}")

    async def open(self, files: Mapping[str, str] = NO_FILES) -> LocalBox:
        """A fresh folder with these files. SandboxDown if its process does not start."""
        async with self._slots:
            folder = os.path.realpath(tempfile.mkdtemp(prefix="box-"))
            try:
                box = await self._start(folder)
            except BaseException:
                remove(folder)
                raise
            await box.start(guest_modules(), files)
        return box

    async def _start(self, folder: str) -> LocalBox:
        here = Path(__file__).parent
        sources = [(here / name).read_bytes() for name in ("supervisor.py", "local_guest.py")]
        with descriptors(*sources, b"") as (supervisor, guest, complaints):
            program = BOOTSTRAP.format(supervisor=supervisor, guest=guest)
            try:
                process = await Child.start(
                    [str(self.python.executable), "-I", "-S", "-B", "-c", program],
                    stderr=complaints,
                    pass_fds=[supervisor, guest],
                    env=environment(self.python, folder),
                    cwd=folder,
                )
            except OSError as error:
                raise SandboxDown(f"unsafe-local: no process starts: {error.strerror}") from error
            return LocalBox(
                process, os.dup(complaints), self.limits, self.tools, self._slots, folder
            )


def environment(python: programs.Interpreter, folder: str) -> dict[str, str]:
    """That of a box: nothing of ours, so no key, reaches a call by it."""
    cleared = ENVIRONMENT | {"HOME": folder}
    if python.folder is not None:
        cleared["PATH"] = f"{python.folder}/bin:{cleared['PATH']}"
        cleared["LD_LIBRARY_PATH"] = f"{python.folder}/lib"
    return cleared


def remove(folder: str) -> None:
    """Remove a box's folder, locked parts of it too.

    What something that escaped still writes there stays: nothing of a call may stop the run.
    """
    if Path(folder).is_symlink() or not Path(folder).is_dir():
        with suppress(OSError):
            Path(folder).unlink()  # a command put it there; what a link leads to is none of ours
        return
    # Programs that go to any depth; shutil and os.walk end where recursion or a path does. Neither
    # follows a link within.
    for command in (["chmod", "-R", "u+rwx"], ["rm", "-rf"]):
        subprocess.run(
            [*command, "--", folder],
            env={"PATH": ENVIRONMENT["PATH"]},
            stderr=subprocess.DEVNULL,
            check=False,
        )
