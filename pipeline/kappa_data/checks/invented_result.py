"""The assistant says that it ran what it never ran, or that it ended otherwise than it did."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kappa_data.checks._facts import Facts
from kappa_data.checks._text import evidence
from kappa_data.records import Conversation, Finding, Message

RULES = ("invented result",)
_CLAIM = re.compile(
    r"\bI(?:['’]ve| have)?(?: just| then| also)? (?:ran|run|executed)(?: the)?(?: command)?:? "
    r"`([^`\n]+)`(?:[^.\n]{0,60}\bexit(?:ed)?(?: with)?(?: code| status)? (\d+))?",
    re.IGNORECASE,
)
_EXIT = re.compile(r"\[exit code (-?\d+)\]")
_NO_LETTER = re.compile(r"[\W_]+")


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """Claims of the form "I ran `this`" in an answer without calls, held against all calls so far.

    The message is no target. What stands in no call, quotes and blanks aside, was not run; an exit
    code is compared with that of the last call which it stands in. Conversations without any tool
    are not looked at: what was run there may lie outside the record.
    """
    messages = conversation.messages
    if conversation.tools is None and not any(each.tool_calls for each in messages):
        return
    for index, message in enumerate(messages):
        if message.role != "assistant" or message.tool_calls:
            continue
        for claim in _CLAIM.finditer(message.content):
            if _invented(claim, messages[:index]):
                yield Finding("invented result", "untrain", index, evidence(claim[0]))
                break


def _invented(claim: re.Match[str], before: Sequence[Message]) -> bool:
    said = _letters(claim[1])
    ran = [
        call.id
        for message in before
        for call in message.tool_calls
        if said in _letters(f"{call.function.name} {call.function.arguments}")
        or said in _letters(_unescaped(call.function.arguments))
    ]
    if not ran:
        return True
    results = [each.content for each in before if each.tool_call_id == ran[-1]]
    exits = _EXIT.findall(results[-1]) if results else []
    return bool(claim[2] and exits and exits[-1] != claim[2])


def _letters(text: str) -> str:
    return _NO_LETTER.sub("", text).casefold()


def _unescaped(arguments: str) -> str:
    """The JSON text with its escapes of line breaks taken out: their letters are none."""
    return re.sub(r"\\[nrt]", " ", arguments)
