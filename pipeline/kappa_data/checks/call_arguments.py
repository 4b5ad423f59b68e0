"""A call names a declared tool, and its arguments are a JSON object that fits the tool's schema."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kappa_data import strict_json
from kappa_data.checks._facts import Facts
from kappa_data.checks._text import evidence
from kappa_data.checks._tools import Declared, declared
from kappa_data.records import Conversation, Finding, Message, ToolCall
from kappa_data.validation.steps import steps

RULES = ("arguments", "arguments schema", "unknown tool", "tool schema")

# What a tool says of a call that it could not take. Only asked about calls that are known to be
# wrong, to see whether the wrong call had its consequence.
_REFUSED = re.compile(
    r"error|invalid|unknown|missing|required|unexpected|malformed|no such|not found|not a |"
    r"denied|failed|fail to|unable|cannot|can't|exception|traceback|must be|expected|no tool|"
    r"has no ",
    re.IGNORECASE,
)
_REFUSAL_CHARS = 500


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """A wrong call that the tool refused is a lesson in recovery: context, not a target.

    One that the tool took as if nothing were wrong means that the result is not real, and one at
    the very end has no recovery: both reject. Without declared tools only the JSON is checked.
    Where the message is context already (`train` false), nothing is left to decide.
    """
    tools = declared(conversation.tools) if conversation.tools else None
    if tools is not None:
        for name, reason in tools.broken.items():
            yield Finding("tool schema", "note", -1, evidence(f"{name}: {reason}"))
    messages = conversation.messages
    for start, end in steps(messages):
        for call in messages[start].tool_calls:
            wrong = _wrong(call, tools)
            if wrong is not None:
                rule, piece = wrong
                results, goes_on = messages[start + 1 : end], end < len(messages)
                known = goes_on and (not messages[start].train or _refused(call, results))
                yield Finding(rule, "untrain" if known else "reject", start, evidence(piece))


def _wrong(call: ToolCall, tools: Declared | None) -> tuple[str, str] | None:
    """The rule that the call breaks, and the piece that breaks it."""
    name, text = call.function.name, call.function.arguments
    if not name or (tools is not None and name not in tools.validators):
        return "unknown tool", name or text
    try:
        arguments = strict_json.parse(text)
    except strict_json.NotStrict as error:
        return "arguments", f"{error}: {text}"
    if not isinstance(arguments, dict):
        return "arguments", f"no object: {text}"
    reason = tools.mismatch(name, arguments) if tools is not None else None
    return None if reason is None else ("arguments schema", f"{name} {reason}")


def _refused(call: ToolCall, results: tuple[Message, ...]) -> bool:
    answers = [each.content for each in results if each.tool_call_id == call.id]
    return any(_REFUSED.search(answer[:_REFUSAL_CHARS]) for answer in answers)
