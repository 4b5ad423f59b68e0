"""Mends what can be mended in a conversation without a guess, and says what was done."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kappa_data.records import Conversation, Finding, Message, ToolCall
from kappa_data.validation.steps import steps

RULES = ("trimmed", "renumbered", "empty arguments")
EVIDENCE_CHARS = 200


def repair(conversation: Conversation) -> tuple[Conversation, tuple[Finding, ...]]:
    """The mended conversation and a note for each change; indexes are those of before.

    trimmed           what stands behind the last thing that can be learnt, see `_keep`
    renumbered        a call id that an earlier step used already, where calls and results of the
                      step pair up in place; it gets a number behind it
    empty arguments   "" becomes "{}"
    """
    messages = list(conversation.messages)
    kept = _keep(messages)
    notes = [
        Finding("trimmed", "note", index, f"{message.role}: {message.content}"[:EVIDENCE_CHARS])
        for index, message in enumerate(messages[kept:], start=kept)
    ]
    # Ids are paired while the results that are to be trimmed are still there.
    notes += _renumber(messages)
    del messages[kept:]
    for index, message in enumerate(messages):
        if any(not call.function.arguments.strip() for call in message.tool_calls):
            messages[index] = _with_arguments(message)
            notes.append(Finding("empty arguments", "note", index, '"" -> "{}"'))
    if not notes:
        return conversation, ()
    return msgspec.structs.replace(conversation, messages=tuple(messages)), tuple(notes)


def _keep(messages: Sequence[Message]) -> int:
    """How many messages stay.

    Trailing user and system messages go: nobody answers them. Trailing results go, and the call
    that they answered stays as the last target. A trailing call without any result goes as well,
    since the recording broke off there, unless it is all that the assistant ever did, as in data
    made of single calls.
    """
    kept = len(messages)
    while kept:
        last = messages[kept - 1]
        if last.role == "tool":
            while kept and messages[kept - 1].role == "tool":
                kept -= 1
            return kept
        if last.role == "assistant":
            earlier = any(each.role == "assistant" for each in messages[: kept - 1])
            if not (last.tool_calls and earlier):
                return kept
        kept -= 1
    return kept


def _renumber(messages: list[Message]) -> list[Finding]:
    """Renames, in place, ids of calls that an earlier step used."""
    taken = {call.id for message in messages for call in message.tool_calls}
    seen: set[str] = set()
    notes = []
    for start, end in steps(messages):
        ids = [call.id for call in messages[start].tool_calls]
        answers = [message.tool_call_id for message in messages[start + 1 : end]]
        again = seen.intersection(ids)
        if again and len(set(ids)) == len(ids) and sorted(ids) == sorted(map(str, answers)):
            fresh = {name: _fresh(name, taken) for name in sorted(again)}
            for index in range(start, end):
                messages[index] = _renamed(messages[index], fresh)
            notes += [
                Finding("renumbered", "note", start, f"{old} -> {new}"[:EVIDENCE_CHARS])
                for old, new in fresh.items()
            ]
        seen.update(ids)
    return notes


def _fresh(name: str, taken: set[str]) -> str:
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    taken.add(f"{name}-{number}")
    return f"{name}-{number}"


def _renamed(message: Message, fresh: dict[str, str]) -> Message:
    answers = message.tool_call_id
    return msgspec.structs.replace(
        message,
        tool_calls=tuple(
            msgspec.structs.replace(call, id=fresh.get(call.id, call.id))
            for call in message.tool_calls
        ),
        tool_call_id=fresh.get(answers, answers) if answers is not None else None,
    )


def _with_arguments(message: Message) -> Message:
    def filled(call: ToolCall) -> ToolCall:
        if call.function.arguments.strip():
            return call
        function = msgspec.structs.replace(call.function, arguments="{}")
        return msgspec.structs.replace(call, function=function)

    return msgspec.structs.replace(message, tool_calls=tuple(map(filled, message.tool_calls)))
