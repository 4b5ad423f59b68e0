"""The tools, one file each, found by this folder.

A tool file has `DESCRIPTION`, `PARAMETERS` (a JSON Schema of one flat object) and
`run(arguments, state) -> str`. `run` works inside the box, in a process of its own: the file's
source is sent there, so it may import the standard library and `kappa_data.sandbox.workspace` only.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache
from types import ModuleType
from typing import Any

from kappa_data.errors import UsageError

JSON_TYPES = {"string": str, "integer": int}
LARGEST = 2**31  # of an integer; what JSON allows above it fits no line number


@cache
def modules() -> Mapping[str, ModuleType]:
    """Every tool's module by the tool's name, sorted."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f"{__name__}.{name}") for name in names}


def definitions(names: Iterable[str]) -> tuple[dict[str, Any], ...]:
    """OpenAI tool definitions in the given order. Raises UsageError for an unknown name."""
    return tuple(definition(name) for name in names)


def definition(name: str) -> dict[str, Any]:
    """The OpenAI definition of one tool. Raises UsageError for an unknown name."""
    if name not in modules():
        raise UsageError(unknown(name))
    tool = modules()[name]
    function = {"name": name, "description": tool.DESCRIPTION, "parameters": tool.PARAMETERS}
    return {"type": "function", "function": function}


def unknown(name: str) -> str:
    """The sentence that answers a name that is no tool."""
    nearest = difflib.get_close_matches(name, modules(), n=1)
    hint = f'did you mean "{nearest[0]}"?' if nearest else f"there are: {', '.join(modules())}"
    return f'there is no tool "{name}"; {hint}'


def complaint(name: str, arguments: Mapping[str, object]) -> str | None:
    """What is wrong with a call, in words for the assistant; None if it can be run."""
    if name not in modules():
        return unknown(name)
    if not isinstance(arguments, Mapping):
        return f"{name}: the arguments must be a JSON object"
    schema = modules()[name].PARAMETERS
    properties = schema["properties"]
    for key in schema["required"]:
        if key not in arguments:
            return f'{name}: the argument "{key}" is missing'
    for key, value in arguments.items():
        if key not in properties:
            return f'{name} has no argument "{key}"; it takes: {", ".join(properties)}'
        wrong = mismatch(properties[key], value)
        if wrong:
            return f'{name}: the argument "{key}" {wrong}'
    return None


def mismatch(schema: Mapping[str, Any], value: object) -> str | None:
    """How `value` breaks the schema of one argument; None if it does not."""
    kind = schema["type"]
    if not isinstance(value, JSON_TYPES[kind]) or isinstance(value, bool):
        article = "an" if kind[0] in "aeiou" else "a"
        return f"must be {article} {kind}"
    if isinstance(value, int):
        if value < schema.get("minimum", -LARGEST):
            return f"must be at least {schema.get('minimum', -LARGEST)}"
        return "is too large" if value > LARGEST else None
    if isinstance(value, str):
        if "\0" in value:
            return "has a NUL character, which no path and no text file can hold"
        if any("\ud800" <= character <= "\udfff" for character in value):
            return "has half of a surrogate pair, which is no text"
    return None
