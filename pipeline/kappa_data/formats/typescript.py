"""Tool definitions as the TypeScript text that a harmony server puts into the prompt.

The model was trained on this text, oddities included, so it is written byte for byte as vLLM 0.33
writes it (through oss-harmony; the tests compare with it on random schemas). The oddities: only the
first line of a property's description is commented; the description of a nested object is written
twice; `anyOf`, `allOf`, `const`, `$ref` and enums that are no strings become `any` or the bare
type; array items lose their parentheses (`string | null[]`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

Schema = Any  # a JSON Schema as imported data holds it: an object, but also true, or nonsense


class Function(Struct, frozen=True):
    """What a tool is called, what it is for, and the JSON Schema of its arguments."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class Tool(Struct, frozen=True):
    """One tool definition in OpenAI form; tools that are not functions are not known."""

    function: Function


def parse_tools(text: str | None) -> tuple[Tool, ...]:
    """The tools of a conversation from their JSON text; None and `null` are no tools.

    Raises msgspec.MsgspecError where the text is not a list of OpenAI function definitions.
    """
    if text is None:
        return ()
    return msgspec.json.decode(text, type=tuple[Tool, ...] | None) or ()


def namespace(tools: Sequence[Tool]) -> str:
    """The `# Tools` section of the developer message: one namespace, `functions`."""
    types = "\n\n".join(_function(tool.function) for tool in tools)
    return (
        f"# Tools\n\n## functions\n\nnamespace functions {{\n\n{types}\n\n}} // namespace functions"
    )


def _function(function: Function) -> str:
    comment = "".join(f"// {line}\n" for line in _lines(function.description or ""))
    if function.parameters is None:
        return f"{comment}type {function.name} = () => any;"
    return f"{comment}type {function.name} = (_: {_type(function.parameters, '')}) => any;"


def _lines(text: str) -> list[str]:
    """Lines ended by `\\n` or `\\r\\n` alone; str.splitlines() knows more line ends."""
    *lines, last = text.split("\n")
    return [line.removesuffix("\r") for line in lines] + ([last] if last else [])


def _type(schema: Schema, indent: str) -> str:
    """The type of one schema; `indent` is where its closing brace stands."""
    if not isinstance(schema, dict):
        return "any"
    variants, kind = schema.get("oneOf"), schema.get("type")
    if isinstance(variants, list):
        return "".join(f"\n{indent} | {_variant(each, indent)}" for each in variants)
    if isinstance(kind, list):
        names = [_SCALARS.get(name, name) for name in kind if isinstance(name, str)]
        return " | ".join(names) or "any"
    if kind == "object":
        return _object(schema, indent)
    if kind == "array":
        return f"{_type(schema['items'], indent)}[]" if "items" in schema else "Array<any>"
    if kind == "string":
        return " | ".join(f'"{word}"' for word in _words(schema, "enum")) or "string"
    return {"number": "number", "integer": "number", "boolean": "boolean"}.get(str(kind), "any")


_SCALARS = {"integer": "number"}


def _words(schema: Schema, key: str) -> list[str]:
    """The strings of a list in a schema; what is not a string is not written."""
    found = schema.get(key)
    return [word for word in found if isinstance(word, str)] if isinstance(found, list) else []


def _variant(schema: Schema, indent: str) -> str:
    """One alternative of a oneOf that is no property's; its comments stand behind it."""
    description, default = _text(schema, "description"), _default(schema, bare=False)
    comments = [] if description is None else [description]
    return _alternative(schema, indent, comments, default)


def _alternative(schema: Schema, indent: str, comments: list[str], default: str | None) -> str:
    written = [*comments, *([] if default is None else [f"default: {default}"])]
    ending = f" // {' '.join(written)}" if written else ""
    return _nullable(schema, _type(schema, indent + "   ")) + ending


def _object(schema: Schema, indent: str) -> str:
    required = _words(schema, "required")
    properties = schema.get("properties")
    lines = [
        _property(name, each, name in required, indent)
        for name, each in (properties.items() if isinstance(properties, dict) else ())
    ]
    description = _text(schema, "description")
    comment = "" if description is None else f"{indent}// {description}\n"
    return f"{comment}{{\n{''.join(lines)}{indent}}}"


def _property(name: str, schema: Schema, required: bool, indent: str) -> str:
    """One property with its comments, line end included."""
    title, description = _text(schema, "title"), _text(schema, "description")
    default = _default(schema, bare=True)
    label = name if required else f"{name}?"
    titled = [] if title is None else [f"// {title}", "//"]
    if isinstance(schema, dict) and isinstance(schema.get("oneOf"), list):
        comments = titled + _examples(schema) + _one_of_comment(schema, description)
        comments += [] if default is None else [f"// default: {default}"]
        lines = [f"{indent}{comment}\n" for comment in comments]
        alternatives = _alternatives(schema["oneOf"], description, indent)
        return "".join(lines) + f"{indent}{label}:\n{alternatives}{indent},\n"
    comments = titled + ([] if description is None else [f"// {description}"]) + _examples(schema)
    lead = "".join(f"{indent}{comment}\n" for comment in comments)
    kind = _nullable(schema, _type(schema, indent + "    "))
    ending = "" if default is None else f" // default: {default}"
    return f"{lead}{indent}{label}: {kind},{ending}\n"


def _one_of_comment(schema: Schema, description: str | None) -> list[str]:
    """A property's description, unless its first alternative says the same."""
    first = _text(schema["oneOf"][0], "description") if schema["oneOf"] else None
    return [] if description in (None, first) else [f"// {description}"]


def _alternatives(schemas: list[Schema], description: str | None, indent: str) -> str:
    """The alternatives of a property; beside the property's own description the first loses its
    description, and so does each that repeats it."""
    lines = []
    for number, each in enumerate(schemas):
        said = _text(each, "description")
        silent = said is None or (description is not None and (not number or said == description))
        comments = [] if said is None or silent else [said]
        written = _alternative(each, indent, comments, _default(each, bare=True))
        lines.append(f"{indent} | {written}\n")
    return "".join(lines)


def _examples(schema: Schema) -> list[str]:
    """Comment lines for a schema's examples, of which only strings are written."""
    if not (isinstance(schema, dict) and isinstance(schema.get("examples"), list)):
        return []
    lines = [f'// - "{example}"' for example in _words(schema, "examples")]
    return ["// Examples:", *lines] if schema["examples"] else []


def _nullable(schema: Schema, written: str) -> str:
    nullable = isinstance(schema, dict) and schema.get("nullable") is True
    return f"{written} | null" if nullable and "null" not in written else written


def _text(schema: Schema, key: str) -> str | None:
    value = schema.get(key) if isinstance(schema, dict) else None
    return value if isinstance(value, str) else None


def _default(schema: Schema, *, bare: bool) -> str | None:
    """A default as JSON, but strings unescaped; where an enum stands without quotes, if `bare`."""
    if not isinstance(schema, dict) or "default" not in schema:
        return None
    value = schema["default"]
    if not isinstance(value, str):
        return _json(value)
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return value if bare else _json(value)
    return f'"{value}"'


def _json(value: Any) -> str:
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, list):
        return f"[{','.join(_json(each) for each in value)}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{_json(key)}:{_json(each)}' for key, each in value.items())}}}"
    return json.dumps(value, ensure_ascii=False)


def _float(value: float) -> str:
    """A float as serde_json (through which vLLM's tools go) reads and writes it.

    It reads the digits as one integer and then multiplies or divides by a power of ten, so a number
    of many digits may become a neighbour. It writes 1e-7 for Python's 1e-07, and 0.00001 in full.
    """
    _, digits, exponent = Decimal(repr(value)).as_tuple()
    read, power = float(int("".join(map(str, digits)))), int(exponent)
    if power < -308:
        read, power = read / 1e308, power + 308
    read = read * float(f"1e{power}") if power >= 0 else read / float(f"1e{-power}")
    read = math.copysign(read, value)
    mantissa, _, tens = repr(read).partition("e")
    if tens == "-05":
        return f"{read:.{4 + sum(map(str.isdigit, mantissa))}f}"
    return f"{mantissa}e{int(tens):+d}" if tens else mantissa
