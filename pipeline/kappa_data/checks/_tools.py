"""The tools that a conversation declares, ready to check arguments against."""

from __future__ import annotations

import functools
import json

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match
from msgspec import Struct
from referencing import Registry
from referencing.exceptions import Unresolvable


class Declared(Struct, frozen=True):
    """`validators` by tool name, None where the schema is `broken`, with the reason."""

    validators: dict[str, Draft202012Validator | None]
    broken: dict[str, str]


@functools.lru_cache(maxsize=256)
def declared(tools: str) -> Declared:
    """The tools of a conversation's `tools` text.

    Schemas are read as JSON Schema draft 2020-12. A `$ref` is followed only within its own schema:
    an imported file must not make us fetch from the network.
    """
    validators: dict[str, Draft202012Validator | None] = {}
    broken: dict[str, str] = {}
    for tool in json.loads(tools):
        function = tool["function"]
        name, schema = function["name"], function.get("parameters")
        if schema is None:
            schema = {"type": "object"}
        try:
            Draft202012Validator.check_schema(schema)
            validators[name] = Draft202012Validator(schema, registry=Registry())
        except SchemaError as error:
            validators[name], broken[name] = None, error.message
    return Declared(validators, broken)


def mismatch(validator: Draft202012Validator, arguments: object) -> str | None:
    """Why the arguments do not fit, with the path; None where they do.

    A schema whose references lead nowhere, in a circle or to what is no schema says nothing.
    """
    try:
        error = best_match(validator.iter_errors(arguments))
    except (Unresolvable, RecursionError):
        return None
    except (AttributeError, TypeError, ValueError):
        # jsonschema checks a schema's own shape, not what its references point at.
        return None
    return None if error is None else f"{error.json_path}: {error.message}"
