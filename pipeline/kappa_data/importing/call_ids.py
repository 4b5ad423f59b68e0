"""Ids for tool calls that came without: older formats pair a call and its result by position."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kappa_data.records import Message, ToolCall


def with_call_ids(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The messages, every call with an id and every result that lacked one with its call's.

    A call without id becomes `call_<message>_<n>`. A result without id answers the first call of
    the step before it that no result answers yet, of the same name where the result has one. A
    result that finds no such call stays without: the checks report it.
    """
    taken = {call.id for message in messages for call in message.tool_calls}
    done: list[Message] = []
    open_calls: list[ToolCall] = []
    for index, message in enumerate(messages):
        if message.role == "tool":
            message = _answering(message, open_calls)
            open_calls = [call for call in open_calls if call.id != message.tool_call_id]
        elif message.tool_calls:
            message = _numbered(message, index, taken)
            open_calls = list(message.tool_calls)
        else:
            open_calls = []
        done.append(message)
    return tuple(done)


def _answering(result: Message, open_calls: Sequence[ToolCall]) -> Message:
    if result.tool_call_id:
        return result
    for call in open_calls:
        if result.name in (None, "", call.function.name):
            return msgspec.structs.replace(result, tool_call_id=call.id)
    return msgspec.structs.replace(result, tool_call_id=None)


def _numbered(message: Message, index: int, taken: set[str]) -> Message:
    calls = []
    for number, call in enumerate(message.tool_calls):
        if not call.id:
            fresh = f"call_{index}_{number}"
            while fresh in taken:
                fresh += "_"
            taken.add(fresh)
            call = msgspec.structs.replace(call, id=fresh)
        calls.append(call)
    return msgspec.structs.replace(message, tool_calls=tuple(calls))
