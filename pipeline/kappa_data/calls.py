"""Reads the tool calls that a teacher wrote: its ids, its argument text, what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple, NoReturn

import msgspec

from kappa_data.records import ToolCall, compact_json
from kappa_data.sandbox import tools

EVIDENCE = 200
"""characters of a wrong call that its answer repeats"""


class ReadCall(NamedTuple):
    """A call as it can be run, or what the assistant is told instead (`wrong`, else "")."""

    call: ToolCall
    arguments: dict[str, Any]
    wrong: str


def read_call(call: ToolCall, offered: Collection[str]) -> ReadCall:
    """Checks the name against the tools on offer, and the arguments against the tool's schema."""
    name = call.function.name
    if name not in offered:
        known = ", ".join(offered) or "none"
        return ReadCall(call, {}, f'there is no tool "{name[:EVIDENCE]}"; there are: {known}')
    try:
        arguments = _object(call.function.arguments)
    except ValueError as error:
        start = call.function.arguments[:EVIDENCE]
        return ReadCall(call, {}, f"{name}: the arguments are not a JSON object ({error}): {start}")
    return ReadCall(call, arguments, tools.complaint(name, arguments) or "")


def with_own_ids(calls: Iterable[ToolCall], taken: set[str]) -> tuple[ToolCall, ...]:
    """The calls with ids that are unique in the conversation; `taken` grows by them.

    A teacher's id stays where it is new. Else the call is numbered, as `call_0007`.
    """
    named = []
    for call in calls:
        own, number = call.id, len(taken)
        while not own or own in taken:
            number += 1
            own = f"call_{number:04d}"
        taken.add(own)
        named.append(msgspec.structs.replace(call, id=own))
    return tuple(named)


def echoed(call: ToolCall) -> dict[str, Any]:
    """The call in the history of a request.

    Servers parse the arguments of a history and reject the whole request where they are no JSON
    object: such ones are sent as an empty object, and the call's answer quotes them.
    """
    try:
        _object(call.function.arguments)
        text = call.function.arguments
    except ValueError:
        text = "{}"
    function = {"name": call.function.name, "arguments": text}
    return {"id": call.id, "type": "function", "function": function}


def _object(text: str) -> dict[str, Any]:
    """The JSON object in `text`. Python's own decoder takes NaN, twin keys and lone surrogates;
    a tool or a tokenizer behind us may not: ValueError says which."""
    try:
        value = json.loads(text, object_pairs_hook=_without_twins, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError(f"it is a {type(value).__name__}")
    try:
        compact_json(value)
    except (UnicodeEncodeError, OverflowError):
        raise ValueError("it holds half a character or too large a number") from None
    return value


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a key stands twice")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
