"""The tools of a sandbox: those that ship, those of other packages, and files that a user names.

What holds for every call stands here too, wherever it runs: which arguments a tool takes, and what
the assistant is told of a call that is not run.
"""

from __future__ import annotations

import difflib
import functools
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kappa_data.errors import UsageError
from kappa_data.sandbox import ToolResult, tool_calls
from kappa_data.sandbox.output import clip, visible
from kappa_data.sandbox.tool_file import Tool, read_tool

GROUP = "kappa_data.tools"
COMPLAINT = 1_000
"""characters of what is said of a wrong call"""
DENIED = "The user denied this call. It was not run."
"""how the result of a denied call begins"""
FOLDER = Path(__file__).with_name("tools")


class ToolSet:
    """Some tools of different names; never changes.

    A file that a user names is offered wherever a task offers tools at all; a tool of a package
    only where the task names it, since being installed is no wish to use it.
    """

    def __init__(self, tools: Iterable[Tool]) -> None:
        """Raises UsageError where two tools have one name."""
        self._tools: dict[str, Tool] = {}
        for tool in tools:
            other = self._tools.setdefault(tool.name, tool)
            if other is not tool:
                raise UsageError(
                    f'{tool.place}: there is a tool "{tool.name}" already, from {other.place}; '
                    "rename one of the functions"
                )

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._tools.values())

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def __getitem__(self, name: str) -> Tool:
        """The tool of this name. Raises UsageError where there is none."""
        if name not in self._tools:
            raise UsageError(self._unknown(name))
        return self._tools[name]

    @property
    def names(self) -> tuple[str, ...]:
        """What they are called, in their order."""
        return tuple(self._tools)

    def only(self, names: Iterable[str]) -> ToolSet:
        """These tools, in this order. Raises UsageError for an unknown name."""
        return ToolSet(self[name] for name in names)

    def offered(self, wanted: Iterable[str]) -> ToolSet:
        """What a conversation is offered whose task wants these; UsageError for an unknown name."""
        named = self.only(wanted)
        files = [each for each in self if each.origin == "file" and each.name not in named]
        return ToolSet([*named, *files]) if named.names else named

    def definitions(self) -> tuple[dict[str, Any], ...]:
        """Their OpenAI definitions."""
        return tuple(each.definition for each in self)

    def digests(self) -> dict[str, str]:
        """By name the digest of each tool that does not ship with this program: what may change
        without a new version of it."""
        return {each.name: each.digest for each in self if each.origin != "built-in"}

    def complaint(self, name: str, arguments: Mapping[str, object]) -> str | None:
        """What is wrong with a call, in words for the assistant; None if it can be run."""
        if name in self._tools:
            wrong = tool_calls.complaint(name, self._tools[name].parameters, arguments)
        else:
            wrong = self._unknown(name)
        # It quotes what the assistant wrote, which may be anything at all.
        return wrong and clip(visible(wrong.encode("utf-8", "replace")), COMPLAINT)[0]

    def _unknown(self, name: str) -> str:
        nearest = difflib.get_close_matches(name, self._tools, n=1)
        hint = (
            f'did you mean "{nearest[0]}"?' if nearest else f"there are: {', '.join(self._tools)}"
        )
        return f'there is no tool "{name}"; {hint}'


def tool_set(files: Iterable[str] = ()) -> ToolSet:
    """Every tool that ships or is installed, and those in `files`.

    Raises UsageError for a file that is no tool and for a name that stands twice.
    """
    named = [read_tool(Path(each).expanduser(), "file", each) for each in files]
    # By name, so that the order in which files are named changes no prompt: no key would tell.
    return ToolSet([*_found(), *sorted(named, key=lambda tool: tool.name)])


def denied(words: str, limit: int) -> ToolResult:
    """The result of a call that the user did not allow; `words` is what they said of it, if
    anything, of which `limit` characters are shown."""
    said, truncated = clip(visible(words.strip().encode("utf-8", "surrogatepass")), limit)
    if not said:
        return ToolResult(DENIED, error=True)
    content = f"{DENIED} The user said:\n{said}"
    return ToolResult(content, error=True, truncated=truncated)


@functools.cache
def _found() -> tuple[Tool, ...]:
    """The tools that need not be named: ours by name, then those of other packages by name."""
    ours = [
        read_tool(path, "built-in", f"kappa_data/sandbox/tools/{path.name}")
        for path in sorted(FOLDER.glob("[!_]*.py"))
    ]
    entries = sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value))
    return (*ours, *map(_installed, entries))


def _installed(entry: EntryPoint) -> Tool:
    """The tool of an entry point, whose module is found but never imported."""
    place = f'entry point "{entry.name}" of {GROUP}'
    path = _file_of(entry, place)
    tool = read_tool(path, "installed", f"{place} ({path.name})")
    if tool.name != entry.name:
        raise UsageError(f'{place}: its function is called "{tool.name}"; give both one name')
    return tool


def _file_of(entry: EntryPoint, place: str) -> Path:
    if entry.attr:
        raise UsageError(f"{place}: names {entry.value}; name the module alone")
    spec = _spec(entry.module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise UsageError(
            f"{place}: there is no Python file of the module {entry.module}; "
            "mend or uninstall the package"
        )
    return Path(spec.origin)


def _spec(module: str) -> ModuleSpec | None:
    """Where a module is. Only `find_spec` of a top-level name imports nothing; that of a module
    in a package would import the package."""
    top, *inner = module.split(".")
    if top in sys.modules:
        spec = sys.modules[top].__spec__
    else:
        try:
            spec = find_spec(top)
        except (ImportError, ValueError):
            return None
    name = top
    for part in inner:
        if spec is None or spec.submodule_search_locations is None:
            return None
        name = f"{name}.{part}"
        spec = PathFinder.find_spec(name, spec.submodule_search_locations)
    return spec
