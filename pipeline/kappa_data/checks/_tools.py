"""The tools that a conversation declares, ready to check arguments against.

Imported schemas are hostile until shown otherwise: none of their regular expressions is run,
nothing is fetched for them, and what it costs to read or apply one is bounded.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from msgspec import Struct
from referencing import Registry
from referencing.exceptions import Unresolvable

MOST_PARTS = 2_000
"""objects, lists and values of one tool's schema"""
MOST_REFERENCES = 2_000
"""`$ref` that are followed for one call"""

_Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError]]


class Flat(Struct, frozen=True):
    """A schema of the usual kind: an object whose properties have a type and no other condition.

    `kinds` are the Python types that each property may have, None for any.
    """

    kinds: dict[str, frozenset[type] | None]
    required: frozenset[str]
    closed: bool

    def fits(self, arguments: dict[str, Any]) -> bool:
        """True only where the arguments fit; the library decides about the rest."""
        if not self.required <= arguments.keys():
            return False
        for name, value in arguments.items():
            kinds = self.kinds.get(name)
            if kinds is None:
                if self.closed and name not in self.kinds:
                    return False
            elif type(value) not in kinds:
                return False
        return True


class Declared(Struct, frozen=True):
    """`validators` by tool name, None where the schema is `broken`, with the reason; `flat` where
    the schema is of the usual kind, since the library takes fifty times longer."""

    validators: dict[str, Validator | None]
    broken: dict[str, str]
    flat: dict[str, Flat]

    def mismatch(self, name: str, arguments: dict[str, Any]) -> str | None:
        """Why the arguments do not fit the tool `name`; None where they do."""
        validator, flat = self.validators[name], self.flat.get(name)
        if validator is None or (flat is not None and flat.fits(arguments)):
            return None
        return mismatch(validator, arguments)


class _TooManyReferences(Exception):
    """References that multiply: following them all could take for ever."""


_left: ContextVar[Iterator[int]] = ContextVar("_left")


def _nothing(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """A keyword that is not looked at."""
    return iter(())


def _additional(
    validator: Any, value: Any, instance: Any, schema: Any
) -> Iterator[ValidationError]:
    """Which properties are additional to `patternProperties` only their patterns could tell."""
    if "patternProperties" not in schema:
        yield from Draft202012Validator.VALIDATORS["additionalProperties"](
            validator, value, instance, schema
        )


def _unique(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """As the library's, which compares every two items; 1 and 1.0 count as different here."""
    if not value or not isinstance(instance, list):
        return
    if len({json.dumps(item, sort_keys=True) for item in instance}) < len(instance):
        yield ValidationError("has non-unique elements")


def _counted(keyword: str) -> _Keyword:
    """The reference keyword, as often as `MOST_REFERENCES` allows."""
    follow = Draft202012Validator.VALIDATORS[keyword]

    def followed(
        validator: Any, value: Any, instance: Any, schema: Any
    ) -> Iterator[ValidationError]:
        if next(_left.get(), None) is None:
            raise _TooManyReferences
        yield from follow(validator, value, instance, schema)

    return followed


# The `unevaluated` keywords run patterns and try every subschema again at each level.
_Bounded = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        "pattern": _nothing,
        "patternProperties": _nothing,
        "unevaluatedItems": _nothing,
        "unevaluatedProperties": _nothing,
        "additionalProperties": _additional,
        "uniqueItems": _unique,
        "$ref": _counted("$ref"),
        "$dynamicRef": _counted("$dynamicRef"),
    },
)


@functools.lru_cache(maxsize=256)
def declared(tools: str) -> Declared:
    """The tools of a conversation's `tools` text.

    Schemas are read as JSON Schema draft 2020-12. A `$ref` is followed only within its own schema:
    an imported file must not make us fetch from the network.
    """
    validators: dict[str, Validator | None] = {}
    broken: dict[str, str] = {}
    flat: dict[str, Flat] = {}
    for tool in json.loads(tools):
        function = tool["function"]
        name, schema = function["name"], function.get("parameters")
        if schema is None:
            schema = {"type": "object"}
        if isinstance(schema, dict) and isinstance(schema.get("$schema"), str):
            schema = {key: value for key, value in schema.items() if key != "$schema"}
        reason = _unusable(schema)
        flat.pop(name, None)  # of a name that stands twice the last tool counts
        if reason is None:
            validators[name] = _Bounded(schema, registry=Registry())
            if known := _flat(schema):
                flat[name] = known
        else:
            validators[name], broken[name] = None, reason
    return Declared(validators, broken, flat)


def _unusable(schema: Any) -> str | None:
    """Why the schema is not applied; None if it is."""
    parts, count = [schema], 0
    while parts:
        part = parts.pop()
        count += 1
        if isinstance(part, dict):
            if isinstance(part.get("$schema"), str):
                # The library would go on with that draft's own validator, which runs patterns.
                return "a part of it has a $schema of its own"
            parts += part.values()
        elif isinstance(part, list):
            parts += part
        if count + len(parts) > MOST_PARTS:
            return f"more than {MOST_PARTS} parts"
    try:
        # No formats: a pattern that is never run need not be compiled either.
        Draft202012Validator.check_schema(schema, format_checker=FormatChecker(()))
    except SchemaError as error:
        return error.message
    except RecursionError:
        return "nested too deeply"
    return None


_SAYS_NOTHING = {"title", "description", "default", "examples"}
_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def _flat(schema: Any) -> Flat | None:
    """The schema as `Flat`; None where it says more than that can hold."""
    known = {"type", "properties", "required", "additionalProperties"} | _SAYS_NOTHING
    if not isinstance(schema, dict) or schema.get("type") != "object" or schema.keys() - known:
        return None
    closed = schema.get("additionalProperties", True) is False
    if not closed and schema.get("additionalProperties", True) is not True:
        return None
    kinds: dict[str, frozenset[type] | None] = {}
    for name, each in schema.get("properties", {}).items():
        if each is True or each == {}:
            kinds[name] = None
            continue
        if not isinstance(each, dict) or each.keys() - ({"type"} | _SAYS_NOTHING):
            return None
        if "type" not in each:
            kinds[name] = None
            continue
        types = each["type"] if isinstance(each["type"], list) else [each["type"]]
        kinds[name] = frozenset(kind for one in types for kind in _KINDS[one])
    return Flat(kinds, frozenset(schema.get("required", ())), closed)


def mismatch(validator: Validator, arguments: dict[str, Any]) -> str | None:
    """Why the arguments do not fit, with the path; None where they do.

    A schema whose references lead nowhere, in a circle, to what is no schema or too often says
    nothing.
    """
    _left.set(iter(range(MOST_REFERENCES)))
    try:
        error = best_match(validator.iter_errors(arguments))
    except (Unresolvable, RecursionError, _TooManyReferences):
        return None
    except (ArithmeticError, AttributeError, TypeError, ValueError):
        # jsonschema checks a schema's own shape, not what its references point at.
        return None
    return None if error is None else f"{error.json_path}: {error.message}"
