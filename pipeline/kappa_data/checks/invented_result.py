"""The assistant says that it ran what it never ran, or that it ended otherwise than it did."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from kappa_data.checks._facts import Facts
from kappa_data.checks._text import evidence
from kappa_data.records import Conversation, Finding, FunctionCall, Message

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

    The message is no target. What stands in no call, quotes and blanks aside, was not run, and
    neither was a call that the tool refused; an exit code is compared with that of the last call
    which it stands in. Conversations without any tool are not looked at: what was run there may lie
    outside the record.
    """
    messages = conversation.messages
    if conversation.tools is None and not any(each.tool_calls for each in messages):
        return
    exits = {each.tool_call_id: each.exit_code for each in conversation.outcomes}
    for index, message in enumerate(messages):
        if message.role != "assistant" or message.tool_calls:
            continue
        for claim in _CLAIM.finditer(message.content):
            if _invented(claim, messages[:index], exits):
                yield Finding("invented result", "untrain", index, evidence(claim[0]))
                break


def _invented(
    claim: re.Match[str], before: Sequence[Message], exits: Mapping[str, int | None]
) -> bool:
    """`exits` are of the calls that ran, by id; empty where the record does not say which did."""
    said = _letters(claim[1])
    ran = [
        call.id
        for message in before
        for call in message.tool_calls
        if (not exits or call.id in exits) and _holds(call.function, said)
    ]
    if not ran:
        return True
    code = exits.get(ran[-1])
    if code is None:
        results = [each.content for each in before if each.tool_call_id == ran[-1]]
        shown = _EXIT.findall(results[-1]) if results else []
        code = int(shown[-1]) if shown else None
    return bool(claim[2]) and code is not None and code != int(claim[2])


def _holds(function: FunctionCall, said: str) -> bool:
    arguments = function.arguments
    return said in _letters(f"{function.name} {arguments}") or said in _letters(
        _unescaped(arguments)
    )


def _letters(text: str) -> str:
    return _NO_LETTER.sub("", text).casefold()


def _unescaped(arguments: str) -> str:
    """The JSON text with its escapes of line breaks taken out: their letters are none."""
    return re.sub(r"\\[nrt]", " ", arguments)
