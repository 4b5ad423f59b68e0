"""What `kappa-data tools` says of each tool."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kappa_data.config import SandboxConfig
from kappa_data.records import compact_json
from kappa_data.sandbox.tool_file import Tool
from kappa_data.sandbox.toolset import tool_set


def found(files: Sequence[str], config: SandboxConfig) -> list[Tool]:
    """The tools in `files`, which must go with all others; without any, every tool there is.

    Raises UsageError as `tool_set` does.
    """
    named = [each for each in config.tools if each not in files]
    return [each for each in tool_set((*named, *files)) if not files or each.place in files]


def as_json(tool: Tool) -> dict[str, Any]:
    """The tool with its definition, as the teacher is shown it."""
    return {
        "name": tool.name,
        "origin": tool.origin,
        "place": tool.place,
        "digest": tool.digest,
        "definition": tool.definition,
    }


def lines(tools: Iterable[Tool]) -> Iterator[str]:
    """A paragraph for each tool: its name and place, its description, its arguments."""
    for tool in tools:
        yield f"{tool.name}   ({tool.origin}: {tool.place})"
        yield f"  {tool.description}"
        for name, schema in tool.parameters["properties"].items():
            needed = "" if name in tool.parameters["required"] else ", may be left out"
            kind = {key: value for key, value in schema.items() if key != "description"}
            yield f"  - {name} {compact_json(kind)}{needed}: {schema['description']}"
        yield ""
