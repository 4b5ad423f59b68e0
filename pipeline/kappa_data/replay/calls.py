"""What a conversation says of its tool calls: what was called, what came back, how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from kappa_data import strict_json
from kappa_data.conversation.calls import read_call
from kappa_data.records import CallOutcome, Conversation
from kappa_data.sandbox import ToolResult
from kappa_data.sandbox.toolset import DENIED, ToolSet
from kappa_data.validation.steps import steps


class Call(Struct, frozen=True):
    """One call of a record.

    `answer` is what was said without running it: where name or arguments are wrong, or the user
    denied the call.
    `recorded` is None where the record ends before the result, `outcome` where nothing says how
    the call ended. `unknown`: the box has no such tool, and the pipeline did not say so.
    """

    message: int
    id: str
    tool: str
    arguments: Mapping[str, Any]
    answer: ToolResult | None
    recorded: str | None
    outcome: CallOutcome | None
    unknown: bool


def calls_of(conversation: Conversation, known: ToolSet) -> list[Call]:
    """The calls in the order in which they ran; `known` are the box's tools."""
    offered = _offered(conversation.tools, known)
    outcomes = {each.tool_call_id: each for each in conversation.outcomes}
    found = []
    for start, end in steps(conversation.messages):
        results = {each.tool_call_id: each for each in conversation.messages[start + 1 : end]}
        for call in conversation.messages[start].tool_calls:
            name, answer = call.function.name, results.get(call.id)
            read = read_call(call, offered)
            recorded = None if answer is None else answer.content
            wrong = ToolResult(read.wrong, error=True) if read.wrong else None
            if recorded is not None and recorded.startswith(DENIED) and call.id not in outcomes:
                wrong = ToolResult(recorded, error=True)  # it never ran: nothing to run again
            unknown = name not in known and (wrong is None or recorded != wrong.content)
            outcome = outcomes.get(call.id)
            found.append(
                Call(start, call.id, name, read.arguments, wrong, recorded, outcome, unknown)
            )
    return found


def _offered(tools: str | None, known: ToolSet) -> ToolSet:
    """What was declared of the box's tools, in that order; all where nothing is declared."""
    if tools is None:
        return known
    try:
        declared = strict_json.parse(tools)
    except strict_json.NotStrict:
        return known
    if not isinstance(declared, list):
        return known
    functions = [each.get("function", each) for each in declared if isinstance(each, dict)]
    names = [str(each.get("name")) for each in functions if isinstance(each, dict)]
    return known.only(each for each in names if each in known)
