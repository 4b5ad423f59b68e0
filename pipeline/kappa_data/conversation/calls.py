"""Reads the tool calls that a teacher wrote: ids, argument text, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from kappa_data import strict_json
from kappa_data.records import ToolCall
from kappa_data.sandbox.toolset import ToolSet

EVIDENCE = 200
"""characters of a wrong call that its answer repeats"""


class ReadCall(NamedTuple):
    """A call as it can be run, or what the assistant is told instead (`wrong`, else "")."""

    call: ToolCall
    arguments: dict[str, Any]
    wrong: str


def read_call(call: ToolCall, offered: ToolSet) -> ReadCall:
    """Checks the name against the tools on offer, and the arguments against the tool's schema."""
    name = call.function.name
    if name not in offered:
        known = ", ".join(offered.names) or "none"
        return ReadCall(call, {}, f'there is no tool "{name[:EVIDENCE]}"; there are: {known}')
    try:
        arguments = _object(call.function.arguments)
    except strict_json.NotStrict as error:
        start = call.function.arguments[:EVIDENCE]
        return ReadCall(call, {}, f"{name}: the arguments are not a JSON object ({error}): {start}")
    return ReadCall(call, arguments, offered.complaint(name, arguments) or "")


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
    except strict_json.NotStrict:
        text = "{}"
    function = {"name": call.function.name, "arguments": text}
    return {"id": call.id, "type": "function", "function": function}


def _object(text: str) -> dict[str, Any]:
    """The JSON object in `text`; NotStrict where there is none, or one read in two ways."""
    value = strict_json.parse(text)
    if not isinstance(value, dict):
        raise strict_json.NotStrict(f"it is a {type(value).__name__}")
    return value
