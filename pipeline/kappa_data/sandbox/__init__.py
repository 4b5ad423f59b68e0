"""The sandbox that runs the teacher's tool calls, all of them hostile until proven otherwise.

`Sandbox` opens a `Box` for each conversation; `bubblewrap.Bubblewrap` is the one that ships.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from kappa_data.config import Limits
from kappa_data.errors import SandboxDown
from kappa_data.records import Grounding, Limit, canonical_json

if TYPE_CHECKING:
    from kappa_data.sandbox.toolset import ToolSet

__all__ = ["NO_FILES", "Box", "Limits", "NoRoom", "Sandbox", "ToolResult", "tree_digest"]

NO_FILES: Mapping[str, str] = MappingProxyType({})


class NoRoom(SandboxDown):
    """Files do not fit into a box's workspace: its fixture is too large, or the guest filled it."""


class ToolResult(Struct, frozen=True):
    """What the assistant is shown for one call.

    `error` means that the tool could not do what was asked: wrong arguments, a missing file, no
    time left. A command that ran and exited with a code other than 0, or was killed for its
    memory, is no error: its `exit_code` says it, and so does the last line of `content`. Only
    `bash` has an exit code. `limit` names the limit that ended the call, or that it ran into.
    `truncated`: the middle of the output was cut, `content` says how much.
    """

    content: str
    error: bool = False
    exit_code: int | None = None
    limit: Limit | None = None
    truncated: bool = False

    @property
    def timed_out(self) -> bool:
        """Whether time ran out."""
        return self.limit in ("call time", "box time")


def tree_digest(tree: Mapping[str, str]) -> str:
    """sha256 (hex) over what `Box.tree` gives."""
    return hashlib.sha256(canonical_json(dict(tree)).encode()).hexdigest()


class Box(Protocol):
    """One throw-away machine; its files live in the folder /workspace until it is closed.

    Every method raises SandboxDown when the box is dead or dies. A call that is cancelled kills
    its box, since nobody knows how far it came.
    """

    async def call(self, tool: str, arguments: Mapping[str, object]) -> ToolResult:
        """Run one tool call. A wrong tool name or argument gives a result with `error`."""
        ...

    async def put(self, files: Mapping[str, str]) -> None:
        """Write text files (relative path -> text), replacing whatever is in their way."""
        ...

    async def read(self, path: str) -> str | None:
        """The text of a regular file, whole; None where there is none."""
        ...

    async def tree(self) -> dict[str, str]:
        """Everything in the workspace by its path: "directory", "-> target" or a file's sha256.

        Git's index is left out: it holds the times of files.
        """
        ...

    async def close(self) -> None:
        """Kill everything in the box and forget its files; may be called twice."""
        ...


class Sandbox(Protocol):
    """Opens boxes. `toolchain` is a digest of the programs in them."""

    @property
    def toolchain(self) -> str: ...

    @property
    def programs(self) -> Mapping[str, str]:
        """sha256 (hex) of each declared program that there is, by name."""
        ...

    @property
    def grounding(self) -> Grounding: ...

    @property
    def tools(self) -> ToolSet:
        """The tools that its boxes have."""
        ...

    def has(self, program: str) -> bool:
        """Whether the boxes have this program."""
        ...

    async def self_test(self) -> None:
        """Try a few hostile calls. Raises SandboxDown, with the fix, if one succeeds."""
        ...

    async def open(self, files: Mapping[str, str] = NO_FILES) -> Box:
        """A fresh box whose workspace has these files (relative path -> text)."""
        ...
