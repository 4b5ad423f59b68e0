"""The host's end of one box: requests to its supervisor, and results from what it replies.

What comes back is not trusted: frames are capped, headers typed, bytes made valid text. A box that
breaks the protocol, or is silent for too long, is dead.
"""

from __future__ import annotations

import asyncio
import marshal
import os
import struct
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import msgspec
from msgspec import Struct

from kappa_data.errors import SandboxDown
from kappa_data.records import Limit
from kappa_data.sandbox import Limits, NoRoom, ToolResult, appearance
from kappa_data.sandbox.child import Child
from kappa_data.sandbox.output import shown, visible, with_line, with_note
from kappa_data.sandbox.toolset import ToolSet

MARSHAL = 2  # a version of the format that every Python 3 reads
GRACE = 30.0  # seconds beyond a call's own limit: on a crowded machine a kill takes its time
END_SECONDS = 5.0  # for a box to end by itself once the host has hung up
FRAME_SLACK = 8 * 1024 * 1024  # above the workspace's size, the largest thing a reply can hold

STOPPED: dict[Limit, str] = {
    "call time": "timed out after {0.call_seconds:g} s; it and all that it started were stopped",
    "box time": "timed out: the {0.box_seconds:g} s for all calls of this conversation are used up",
    "memory": "stopped: out of memory, more than {0.memory_mb:,} MB were used",
    "processes": "stopped: more than {0.processes:,} processes",
    "files": "stopped: No space left on device: more than {0.files:,} files",
    "sockets": "stopped: too many open sockets",
    "output": "stopped: far too much output",
}
COMMAND = "bash"
KILLED = 128 + 9  # what a shell reports for a command that ran out of memory


class Reply(Struct, frozen=True):
    """Header of a supervisor's frame; see supervisor.py.

    `stopped`: the limit for which everything was killed, or the call not begun.
    `noticed`: a limit at which the kernel refused what the call asked for.
    """

    ready: bool = False
    found: bool = False
    failed: str | None = None
    stopped: Limit | None = None
    noticed: Limit | None = None
    exit_code: int | None = None
    error: bool = False
    bug: bool = False


class BubblewrapBox:
    """One running box; implements `Box`. Made by `Bubblewrap.open`."""

    def __init__(
        self,
        process: Child,
        complaints: int,
        limits: Limits,
        tools: ToolSet,
        slots: asyncio.Semaphore,
    ) -> None:
        """`complaints` is the descriptor of a memory file: standard error of the box's process."""
        self._process = process
        self._complaints = complaints
        self._limits = limits
        self._tools = tools
        self._slots = slots
        self._turn = asyncio.Lock()
        self._dead: str | None = None

    async def start(self, modules: list[tuple[str, str]], files: Mapping[str, str]) -> None:
        """Send the tools and write the files. SandboxDown if the supervisor does not come up; a box
        that does not start is closed."""
        try:
            await self._greet(modules)
            if files:
                await self.put(files)
        except BaseException:
            await self.close()
            raise

    async def _greet(self, modules: list[tuple[str, str]]) -> None:
        # The limits alone: other settings, such as paths of the operator, stay outside.
        hello = {
            "modules": modules,
            "tools": {each.name: (each.source, each.origin == "built-in") for each in self._tools},
            "limits": {name: getattr(self._limits, name) for name in Limits.__struct_fields__},
            "processors": appearance.processors(),
        }
        reply, _ = await self._exchange(hello)
        if not reply.ready:
            raise await self._fail("its supervisor did not start")

    async def call(self, tool: str, arguments: Mapping[str, object]) -> ToolResult:
        """Run one tool call; see `Box.call`. RuntimeError if a tool of ours has a bug."""
        wrong = self._tools.complaint(tool, arguments)
        too_long = None if wrong else self._too_long(arguments)
        wrong = wrong or too_long
        if wrong:
            text, truncated = shown(wrong.encode("utf-8", "replace"), self._limits.output_chars)
            return ToolResult(
                text, error=True, limit="command" if too_long else None, truncated=truncated
            )
        async with self._slots:
            request = {"op": "call", "tool": tool, "arguments": dict(arguments)}
            reply, body = await self._exchange(request)
        # A tool of others may run code of the assistant's, which then says what it likes.
        if reply.bug and self._tools[tool].origin == "built-in":
            raise RuntimeError(f"tool {tool}: {visible(body)}")
        return self._result(tool, reply, body)

    async def load(self, tool: str) -> str | None:
        """Why a tool's file cannot be loaded in this box; None where it can."""
        async with self._slots:
            reply, body = await self._exchange({"op": "load", "tool": tool})
        result = self._result(tool, reply, body)
        return result.content if result.error or result.exit_code else None

    async def put(self, files: Mapping[str, str]) -> None:
        """Write text files; see `Box.put`. ValueError for a path that leaves the workspace."""
        for path in files:
            parts = PurePosixPath(path)
            if parts.is_absolute() or ".." in parts.parts or str(parts) != path or path == ".":
                raise ValueError(f"not a plain path within the workspace: {path!r}")
        reply, _ = await self._exchange({"op": "put", "files": dict(files)})
        if reply.failed is not None:
            raise NoRoom(f"sandbox: the box has no room for {visible(reply.failed.encode())}")

    async def read(self, path: str) -> str | None:
        """The text of a regular file, relative to the workspace; see `Box.read`."""
        reply, body = await self._exchange({"op": "read", "path": path})
        return body.decode("utf-8", "replace") if reply.found else None

    async def tree(self) -> dict[str, str]:
        """The workspace's files; see `Box.tree`."""
        _, body = await self._exchange({"op": "tree"})
        try:
            return msgspec.json.decode(body, type=dict[str, str])
        except msgspec.DecodeError as error:
            raise await self._fail("it broke the protocol") from error

    async def close(self) -> None:
        """End the box and wait for its end; a second time does nothing."""
        self.end("it was closed")
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        if self._complaints >= 0:
            os.close(self._complaints)
            self._complaints = -1

    def end(self, reason: str) -> None:
        """Hang up: the supervisor exits at once, and with it every process of the box.

        Killing bwrap instead would leave the supervisor to the host's process 1, which in many
        containers never collects what has ended.
        """
        self._dead = self._dead or reason
        transport = self._process.stdin.transport
        if not transport.is_closing():  # abort must not come twice
            transport.abort()

    async def _exchange(self, request: Mapping[str, Any]) -> tuple[Reply, bytes]:
        """One request and its reply. Cancelled in between, the box is killed."""
        async with self._turn:
            if self._dead is not None:
                raise SandboxDown(f"sandbox: the box is dead: {self._dead}")
            try:
                async with asyncio.timeout(self._limits.call_seconds + GRACE):
                    return await self._send_and_receive(marshal.dumps(dict(request), MARSHAL))
            except TimeoutError as error:
                raise await self._fail("it does not answer") from error
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                raise await self._fail("it ended") from error
            except (msgspec.DecodeError, struct.error) as error:
                raise await self._fail("it broke the protocol") from error
            except asyncio.CancelledError:
                self.end("a call was cancelled")
                raise

    async def _send_and_receive(self, request: bytes) -> tuple[Reply, bytes]:
        """Raises IncompleteReadError or ConnectionError when the box ends, DecodeError (or its
        child ValidationError) for a frame that is too large or has no proper header."""
        stdin, stdout = self._process.stdin, self._process.stdout
        stdin.write(struct.pack(">I", len(request)) + request)
        await stdin.drain()
        (size,) = struct.unpack(">I", await stdout.readexactly(4))
        if size > self._limits.workspace_mb * 2**20 + FRAME_SLACK:
            raise msgspec.DecodeError(f"a frame of {size} bytes")
        header, _, body = (await stdout.readexactly(size)).partition(b"\n")
        return msgspec.json.decode(header, type=Reply), body

    async def _fail(self, reason: str) -> SandboxDown:
        """Bury the box; the error to raise, with what bwrap or the supervisor said last."""
        self.end(reason)
        said = visible(os.pread(self._complaints, 4000, 0)).strip() if self._complaints >= 0 else ""
        await self.close()
        last = f" ({said.splitlines()[-1]})" if said else ""
        return SandboxDown(f"sandbox: the box is dead: {reason}{last}")

    def _too_long(self, arguments: Mapping[str, object]) -> str | None:
        """What is wrong with the size of a call; None if nothing. A file may fill the workspace,
        a command has a limit of its own."""
        for key, value in arguments.items():
            size = len(value.encode() if isinstance(value, str) else msgspec.json.encode(value))
            cap = self._limits.command_bytes
            if key != "command":
                cap = self._limits.workspace_mb * 2**20
            if size > cap:
                return f'the argument "{key}" has {size:,} bytes; at most {cap:,} are allowed'
        return None

    def _result(self, tool: str, reply: Reply, body: bytes) -> ToolResult:
        """What the assistant is shown."""
        content, truncated = shown(body, self._limits.output_chars)
        code = reply.exit_code
        if code is not None and code < 0:
            code = 128 - code  # as a shell reports the end by a signal
        error = reply.error or reply.bug
        if reply.stopped == "memory" and tool == COMMAND:
            # As on a machine whose kernel kills what needs too much: the command's end, no error.
            content, code = with_line(content, "Killed"), KILLED
        elif reply.stopped is not None:
            content, code = with_note(content, STOPPED[reply.stopped].format(self._limits)), None
            error = True
        if code:
            content = with_note(content, f"exit code {code}")
        return ToolResult(
            content,
            error=error,
            exit_code=code,
            limit=reply.stopped or reply.noticed,
            truncated=truncated or reply.stopped == "output",
        )
