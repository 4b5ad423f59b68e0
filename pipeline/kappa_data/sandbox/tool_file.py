"""Reads a tool from its file: one public function, whose types and docstring give the JSON Schema.

The file is parsed and never run here; it runs in the box alone, so what it imports need not be on
the host, and nothing that it does can reach the host.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import os
import re
import stat
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from kappa_data import strict_json
from kappa_data.errors import UsageError
from kappa_data.sandbox.tool_calls import mismatch
from kappa_data.sandbox.tool_types import Types, literal, without_null

MAX_BYTES = 256 * 1024
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
"""what servers take for a tool's name; from the API reference of OpenAI"""
SECTION = re.compile(r"(Args|Arguments|Parameters|Returns?|Raises|Yields|Examples?|Notes?):\s*")
ENTRY = re.compile(r"(\w+)\s*(?:\([^)]*\))?:\s*(.*)")

Origin = Literal["built-in", "installed", "file"]


class Tool(Struct, frozen=True):
    """One tool. `place` says where it comes from, `parameters` is the schema of its arguments.

    What is recorded, what the teacher is shown and what arguments are checked against are this one
    schema.
    """

    name: str
    description: str
    parameters: dict[str, Any]
    source: str
    place: str
    origin: Origin

    @property
    def definition(self) -> dict[str, Any]:
        """The tool in OpenAI form."""
        function = {
            "name": self.name,
            "description": self.description,
            "parameters": self.parameters,
        }
        return {"type": "function", "function": function}

    @property
    def digest(self) -> str:
        """sha256 (hex) of the file."""
        return hashlib.sha256(self.source.encode()).hexdigest()


def read_tool(path: Path, origin: Origin, place: str = "") -> Tool:
    """The tool in a file. Raises UsageError with file, line and what to write instead.

    `place` names the file in errors, by default with its path.
    """
    place = place or str(path)
    return parse_tool(_text(path, place), place, origin)


def parse_tool(source: str, place: str, origin: Origin) -> Tool:
    """The tool in a file's text. Raises UsageError."""
    try:
        module = ast.parse(source)
    except SyntaxError as error:
        raise UsageError(f"{place}:{error.lineno or 1}: no Python: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise UsageError(f"{place}: no Python: {error or 'nested too deeply'}") from None
    try:
        tool = _tool(module, source, place, origin)
    except RecursionError:
        raise UsageError(f"{place}: its types or defaults are nested too deeply") from None
    try:
        strict_json.parse(json.dumps(tool.definition, allow_nan=False))
    except ValueError as error:
        raise UsageError(f"{place}: its schema would be no plain JSON: {error}") from None
    return tool


def _tool(module: ast.Module, source: str, place: str, origin: Origin) -> Tool:
    types = Types(place, module)
    function = _only_function(module, types, place)
    if not NAME.fullmatch(function.name):
        raise types.wrong(
            function,
            f'"{function.name}" is no name for a tool; take up to 64 letters of A to Z, digits '
            "and underscores",
        )
    doc = ast.get_docstring(function)
    if not doc or not (description := _first_paragraph(doc)):
        raise types.wrong(
            function,
            f"{function.name} has no docstring; its first paragraph tells the model what the tool "
            "does",
        )
    parameters = _parameters(function, types, _described(doc, function, types))
    return Tool(function.name, description, parameters, source, place, origin)


def _text(path: Path, place: str) -> str:
    """The text of a file that may be anything at all."""
    try:
        # Without blocking: a FIFO would wait for its writer.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UsageError(f"{place}: no regular file; name a Python file with one tool")
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"{place}: {error.strerror}; name a Python file with one tool, here or in sandbox.tools"
        ) from None
    if len(data) > MAX_BYTES:
        raise UsageError(f"{place}: larger than {MAX_BYTES // 1024} kB; a tool is one small file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{place}:{line}: not UTF-8; save the file as UTF-8") from None


def _only_function(module: ast.Module, types: Types, place: str) -> ast.FunctionDef:
    public = [
        each
        for each in module.body
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.name[:1] != "_"
    ]
    if not public:
        raise UsageError(f"{place}: no function; a tool is one, such as def weather(city: str)")
    first = public[0]
    if len(public) > 1:
        names = ", ".join(each.name for each in public)
        raise types.wrong(
            public[1], f"{len(public)} functions: {names}; begin the names of all but one with _"
        )
    if isinstance(first, ast.AsyncFunctionDef):
        raise types.wrong(first, f"{first.name} is async; write def, calls run one at a time")
    return first


def _first_paragraph(doc: str) -> str:
    """As one line; empty where the docstring begins with a section."""
    lines: list[str] = []
    for line in doc.strip().splitlines():
        if not line.strip() or SECTION.fullmatch(line):
            break
        lines.append(line.strip())
    return " ".join(lines)


def _described(doc: str, function: ast.FunctionDef, types: Types) -> dict[str, str]:
    """What the docstring's section `Args:` says of each argument, each as one line."""
    found: dict[str, str] = {}
    for line in _args_section(doc):
        entry = ENTRY.fullmatch(line)
        if entry:
            name, text = entry.groups()
            if name in found:
                raise types.wrong(function, f'Args: describes "{name}" twice')
            found[name] = text.strip()
        elif line[:1] in ("", " ") and found:
            last = next(reversed(found))
            found[last] = f"{found[last]} {line.strip()}".strip()
        else:
            raise types.wrong(function, f'Args: "{line.strip()}" is no entry; write name: text')
    return found


def _args_section(doc: str) -> list[str]:
    """The lines of `Args:` up to the next section, with the indentation of its entries removed."""
    lines = doc.splitlines()
    starts = [n for n, line in enumerate(lines) if line.rstrip() in ("Args:", "Arguments:")]
    if not starts:
        return []
    section: list[str] = []
    for line in lines[starts[0] + 1 :]:
        if line.strip() and not line.startswith((" ", "\t")):
            break
        section.append(line)
    return inspect.cleandoc("\n" + "\n".join(section)).splitlines()


def _parameters(
    function: ast.FunctionDef, types: Types, described: dict[str, str]
) -> dict[str, Any]:
    """The schema of all arguments."""
    taken = function.args
    odd = [
        (taken.vararg, f"*{taken.vararg.arg if taken.vararg else ''}"),
        (taken.kwarg, f"**{taken.kwarg.arg if taken.kwarg else ''}"),
        (next(iter(taken.posonlyargs), None), "/"),
    ]
    for node, sign in odd:
        if node is not None:
            raise types.wrong(
                node,
                f"{function.name} takes {sign}; a tool's arguments are given by name, each"
                " with its own type",
            )
    defaults = [None] * (len(taken.args) - len(taken.defaults)) + list(taken.defaults)
    pairs = [
        *zip(taken.args, defaults, strict=True),
        *zip(taken.kwonlyargs, taken.kw_defaults, strict=True),
    ]
    names = [argument.arg for argument, _ in pairs]
    for name in described:
        if name not in names:
            raise types.wrong(
                function, f'Args: describes "{name}", which {function.name} does not take'
            )
    properties = {
        argument.arg: _property(argument, default, types, described.get(argument.arg, ""))
        for argument, default in pairs
    }
    return {
        "type": "object",
        "properties": properties,
        "required": [argument.arg for argument, default in pairs if default is None],
        "additionalProperties": False,
    }


def _property(
    argument: ast.arg, default: ast.expr | None, types: Types, text: str
) -> dict[str, Any]:
    """The schema of one argument; its default stands in its description."""
    name = argument.arg
    if argument.annotation is None:
        raise types.wrong(argument, f'"{name}" has no type; write {name}: str, for instance')
    schema = types.schema(argument.annotation)
    said = schema.pop("description", "")
    if said and text:
        raise types.wrong(argument, f'"{name}" is described twice, by Args: and by Annotated')
    description = said or text
    if not description:
        raise types.wrong(
            argument, f'"{name}" is not described; add "{name}: what it is" under Args:'
        )
    if default is not None:
        value = _default(default, name, types)
        if wrong := mismatch(schema, value):
            kind = ast.unparse(argument.annotation)
            hint = f"; write {name}: {kind} | None = None" if value is None else ""
            raise types.wrong(default, f'the default of "{name}"{wrong[0]} {wrong[1]}{hint}')
        if value is not None:
            end = "" if description.endswith((".", "!", "?")) else "."
            description += f"{end} Default {json.dumps(value, ensure_ascii=False)}."
        else:
            schema = without_null(schema)  # leaving it out says the same, in a plainer schema
    return {**schema, "description": description}


def _default(node: ast.expr, name: str, types: Types) -> Any:
    """The value of a default; only what cannot change, written as it is."""
    value = literal(node)
    if value is not None and not isinstance(value, str | int | float):
        raise types.wrong(
            node,
            f'the default of "{name}", {ast.unparse(node)}, is no text, number, True, False or '
            "None; write None and put it in place within the function",
        )
    return value
