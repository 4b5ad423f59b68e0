"""What each side of a conversation is shown, as messages of a request.

The policy on one page: the assistant sees its brief and what was said and done, the simulated user
sees its own brief (with the goals) and what was said to it. Neither view takes anything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kappa_data.conversation.calls import echoed
from kappa_data.records import Message

Wire = dict[str, Any]
"""one message in OpenAI chat form"""


def for_assistant(brief: str, messages: Sequence[Message], echo_reasoning: bool) -> list[Wire]:
    """The record so far, the brief in the place of its system message.

    Reasoning of earlier turns is never sent back; that of this turn only with `echo_reasoning`.
    """
    turn = max((i for i, each in enumerate(messages) if each.role == "user"), default=0)
    shown = [
        _shown(message, echo_reasoning and index > turn)
        for index, message in enumerate(messages)
        if message.role != "system"
    ]
    return [{"role": "system", "content": brief}, *shown] if brief else shown


def for_user(brief: str, messages: Sequence[Message]) -> list[Wire]:
    """Roles swapped: the simulated user's own messages are the assistant's of its request.

    What the assistant says between its tool calls and in the end arrives as one message.
    """
    shown: list[Wire] = [{"role": "system", "content": brief}]
    for message in messages:
        if message.role == "user":
            shown.append({"role": "assistant", "content": message.content})
        elif message.role == "assistant" and message.content:
            if shown[-1]["role"] == "user":
                shown[-1]["content"] += f"\n\n{message.content}"
            else:
                shown.append({"role": "user", "content": message.content})
    return shown


def _shown(message: Message, with_reasoning: bool) -> Wire:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.content}
    shown: Wire = {"role": message.role, "content": message.content}
    if message.tool_calls:
        shown["content"] = message.content or None
        shown["tool_calls"] = [echoed(call) for call in message.tool_calls]
    if with_reasoning and message.reasoning:
        shown["reasoning"] = message.reasoning
    return shown
