"""A sandbox that runs nothing, for timings of all that is not the sandbox.

Its boxes are dictionaries; `bash` knows the one command of the model server's talks.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from kappa_data.config import Limits
from kappa_data.records import Grounding
from kappa_data.sandbox import NO_FILES, ToolResult
from kappa_data.sandbox.toolset import ToolSet, tool_set

_APPEND = re.compile(r"echo (?P<line>[\w ]+) >> (?P<file>\S+); wc -l (?P=file)")


class StubBox:
    """A Box whose files are a dictionary."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = dict(files)

    async def call(self, tool: str, arguments: Mapping[str, object]) -> ToolResult:
        """Appends a line to a file and counts its lines; an error for any other call."""
        match = _APPEND.fullmatch(str(arguments.get("command"))) if tool == "bash" else None
        if match is None:
            return ToolResult("the stub does not know this call", error=True)
        name = match["file"]
        self._files[name] = self._files.get(name, "") + match["line"] + "\n"
        lines = self._files[name].count("\n")
        return ToolResult(f"{lines} {name}\n", exit_code=0)

    async def put(self, files: Mapping[str, str]) -> None:
        """See Box."""
        self._files |= files

    async def read(self, path: str) -> str | None:
        """See Box."""
        return self._files.get(path)

    async def tree(self) -> dict[str, str]:
        """See Box."""
        return {
            name: hashlib.sha256(text.encode()).hexdigest() for name, text in self._files.items()
        }

    async def close(self) -> None:
        """See Box."""


class StubSandbox:
    """A Sandbox of StubBoxes, made with the settings that the real one takes."""

    toolchain = "stub"
    programs: Mapping[str, str] = {}
    grounding: Grounding = "executed"

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.tools: ToolSet = tool_set()

    def has(self, program: str) -> bool:
        """See Sandbox: none is needed."""
        return True

    async def self_test(self) -> None:
        """See Sandbox: nothing runs that could do harm."""

    async def open(self, files: Mapping[str, str] = NO_FILES) -> StubBox:
        """See Sandbox."""
        return StubBox(files)
