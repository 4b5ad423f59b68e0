"""Every tool call has one result and every result one call, within the step that made the call."""

from __future__ import annotations

from collections.abc import Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._text import evidence
from kappa_data.records import Conversation, Finding, Message
from kappa_data.validation.steps import steps

RULES = ("duplicate call id", "duplicate result", "orphan result", "dangling call", "tool name")


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """Ids, and that results stand right behind their calls.

    Calls of the very last message may be without results: such a call is a target like any other,
    and nothing behind it would be rendered.
    """
    messages = conversation.messages
    seen: set[str] = set()
    found = list(steps(messages))
    for start, end in found:
        names: dict[str, str] = {}
        for call in messages[start].tool_calls:
            if call.id in seen or call.id in names or not call.id:
                yield Finding("duplicate call id", "reject", start, evidence(call.id))
            names[call.id] = call.function.name
        answered: set[str] = set()
        for index in range(start + 1, end):
            yield from _result(messages[index], index, names, answered)
            answered.add(messages[index].tool_call_id or "")
        if end < len(messages):
            for call in messages[start].tool_calls:
                if call.id not in answered:
                    piece = evidence(f"{call.id} {call.function.name}")
                    yield Finding("dangling call", "reject", start, piece)
        seen |= set(names)
    inside = {index for start, end in found for index in range(start + 1, end)}
    for index, message in enumerate(messages):
        if message.role == "tool" and index not in inside:
            yield _orphan(message, index)


def _result(
    message: Message, index: int, names: dict[str, str], answered: set[str]
) -> Iterator[Finding]:
    answers = message.tool_call_id
    if answers is None or answers not in names:
        yield _orphan(message, index)
    elif answers in answered:
        yield Finding("duplicate result", "reject", index, evidence(answers))
    elif message.name and message.name != names[answers]:
        yield Finding("tool name", "note", index, evidence(f"{message.name}, {names[answers]}"))


def _orphan(message: Message, index: int) -> Finding:
    return Finding("orphan result", "reject", index, evidence(message.tool_call_id or "no id"))
