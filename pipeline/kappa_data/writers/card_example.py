"""The conversation that a dataset card shows: which one, and how it is written.

All of it comes from outside. Every line of it is indented by four spaces, so that none can end the
block around it (CommonMark: a closing fence is indented by three at most), and nothing in a block
is markup.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from kappa_data.printable import one_line, plain
from kappa_data.records import Conversation, Message

INDENT = " " * 4
WIDTH = 96
"""characters of a line of the card"""
LONG = 600
"""characters of one text; what is longer is cut, and says so"""
MESSAGES = 12
"""that are shown"""
SHORT = 1_800
"""characters of a conversation that need no cut, or hardly any"""


def rank(conversation: Conversation) -> tuple[bool, ...]:
    """How far from a good example it is, smallest first: of the training split, generated, with a
    persona, plain help that passed, short, with a tool call."""
    size = sum(len(text) for message in conversation.messages for _, text in _texts(message))
    return (
        conversation.split != "train",
        conversation.provenance.source != "generate",
        conversation.persona is None,
        conversation.special is not None or conversation.aim != "help",
        conversation.verdict is None or not conversation.verdict.passed,
        size > SHORT or len(conversation.messages) > MESSAGES,
        not any(message.tool_calls for message in conversation.messages),
    )


def written(conversation: Conversation) -> str:
    """Its messages in order, each text under who says it; long ones are cut."""
    lines: list[str] = []
    for message in conversation.messages[:MESSAGES]:
        for head, text in _texts(message):
            lines += [f"{INDENT}{head}:", *_wrapped(text), ""]
    left = len(conversation.messages) - MESSAGES
    if left > 0:
        lines.append(f"{INDENT}[{left} more messages]")
    return "\n".join(lines).rstrip()


def _texts(message: Message) -> Iterator[tuple[str, str]]:
    """What a message says, with who says it and how."""
    if message.reasoning:
        yield f"{message.role}, reasoning", message.reasoning
    if message.content or not (message.reasoning or message.tool_calls):
        name = f", {one_line(message.name)}" if message.name else ""
        yield f"{message.role}{name}", message.content
    for call in message.tool_calls:
        yield f"{message.role}, calls {one_line(call.function.name)}", call.function.arguments


def _wrapped(text: str) -> Iterator[str]:
    cut = text if len(text) <= LONG else f"{text[:LONG]} [... {len(text) - LONG:,} characters more]"
    for line in plain(cut).split("\n"):
        for piece in textwrap.wrap(line, WIDTH, replace_whitespace=False) or [""]:
            yield f"{INDENT}{INDENT}{piece}".rstrip()
