"""What is wrong with the arguments of a call, in words for the assistant."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from kappa_data.records import compact_json
from kappa_data.strict_json import MAX_INTEGER

SHOWN = 200
"""characters of a list of what is allowed"""

# JSON Schema takes 3.0 for an integer; a tool of Python would get a float.
_TYPES = Draft202012Validator.TYPE_CHECKER.redefine(
    "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
)
_Strict = extend(Draft202012Validator, type_checker=_TYPES)  # type: ignore[no-untyped-call]


def complaint(
    name: str, parameters: Mapping[str, Any], arguments: Mapping[str, object]
) -> str | None:
    """One sentence that names the argument; None if the call can be run.

    `parameters` is a tool's schema: an object that allows no other properties.
    """
    if not isinstance(arguments, Mapping):
        return f"{name}: the arguments must be a JSON object"
    properties = parameters["properties"]
    for key in parameters["required"]:
        if key not in arguments:
            return f'{name}: the argument "{key}" is missing'
    for key in arguments:
        if key not in properties:
            takes = f"it takes: {', '.join(properties)}" if properties else "it takes none"
            return f'{name} has no argument "{key}"; {takes}'
    for key, value in arguments.items():
        wrong = mismatch(properties[key], value) or _unsuited(value)
        if wrong:
            place, what = wrong
            return f'{name}: the argument "{key}{place}" {what}'
    return None


def mismatch(schema: Mapping[str, Any], value: Any) -> tuple[str, str] | None:
    """Where within `value` it breaks the schema ("" is all of it), and how; None if it fits."""
    error = next(_validator(compact_json(schema)).iter_errors(value), None)
    return None if error is None else (_place(error.absolute_path), _words(error))


@functools.lru_cache(maxsize=512)
def _validator(schema: str) -> Validator:
    made: Validator = _Strict(json.loads(schema))
    return made


def _place(path: Iterable[object]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def _words(error: ValidationError) -> str:
    """How a value breaks one keyword of its schema."""
    keyword: str
    wanted: Any
    value: Any
    within: Any
    keyword, wanted = str(error.validator), error.validator_value
    value, within = error.instance, error.schema
    if keyword == "type":
        return f"must be {_kinds({'type': wanted})}"
    if keyword == "anyOf":
        return f"must be {' or '.join(dict.fromkeys(map(_kinds, wanted)))}"
    if keyword == "enum":
        allowed = ", ".join(json.dumps(each, ensure_ascii=False) for each in wanted)
        return f"must be one of: {allowed[:SHOWN]}{'...' if len(allowed) > SHOWN else ''}"
    if keyword == "required":
        return f'lacks "{next(key for key in wanted if key not in value)}"'
    if keyword == "additionalProperties":
        known = within.get("properties", {})
        extra = next(key for key in value if key not in known)
        return f'has no "{extra}"; it takes: {", ".join(known)}'
    return _BOUNDS[keyword].format(wanted)


# The only other keywords that a tool's schema may have; see tool_types.py.
_BOUNDS = {
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "exclusiveMinimum": "must be more than {}",
    "exclusiveMaximum": "must be less than {}",
    "multipleOf": "must be a multiple of {}",
    "minLength": "is shorter than {} characters",
    "maxLength": "is longer than {} characters",
    "minItems": "has fewer than {} items",
    "maxItems": "has more than {} items",
}


def _kinds(schema: Mapping[str, Any]) -> str:
    """The types that a schema allows, in words."""
    types = schema.get("type", "anything")
    return " or ".join(map(_kind, [types] if isinstance(types, str) else types))


def _kind(name: str) -> str:
    if name in ("null", "anything"):
        return name
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _unsuited(value: object) -> tuple[str, str] | None:
    """Where a value holds what no tool can be given though its schema allows it, and what."""
    for path, leaf in _leaves(value, ()):
        what = _unsuited_leaf(leaf)
        if what:
            return _place(path), what
    return None


def _unsuited_leaf(leaf: object) -> str | None:
    if isinstance(leaf, str):
        if "\0" in leaf:
            return "has a NUL character, which no path and no text file can hold"
        if any("\ud800" <= character <= "\udfff" for character in leaf):
            return "has half of a surrogate pair, which is no text"
    elif isinstance(leaf, float) and not math.isfinite(leaf):
        return "must be a finite number"
    elif isinstance(leaf, int) and not -MAX_INTEGER <= leaf < MAX_INTEGER:
        return "is too large"
    return None


def _leaves(value: object, path: tuple[object, ...]) -> Iterator[tuple[tuple[object, ...], object]]:
    """Every string and number in `value` with its path; the keys of objects, too."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield path, key
            yield from _leaves(each, (*path, key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _leaves(each, (*path, number))
    else:
        yield path, value
