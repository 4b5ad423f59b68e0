"""What an assistant says in sentences: the prose of a message, without code and quotations."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from kappa_data.checks._text import folded, remembered
from kappa_data.records import Conversation

LONGEST = 3_000
"""characters of a sentence"""
_QUOTED = re.compile(
    r"(?ms)^[ \t]*(```|~~~).*?(?:^[ \t]*\1|\Z)|`[^`\n]+`|\"[^\"\n]*\"|“[^”\n]*”|^[ \t]*>[^\n]*"
)
# A line that is wrapped goes on; an empty line and the start of a list item end a sentence.
# So does a full stop, unless it is that of a list item's number.
_END = re.compile(
    r"(?<=[.!?…;])(?<!\n\d\.)(?<!\n\d\d\.)[\"')\]]{0,3}\s+|\n[ \t]*\n\s*|\n(?=[ \t]*(?:[-*+#|]|"
    r"\d{1,3}[.)])\s)"
)
_EMPHASIS = str.maketrans("", "", "*")


class Turn(Struct, frozen=True):
    """One message of the assistant, and what the user had said last before it.

    `number` counts the user's messages from 0; `calls` says whether the message has any, and
    `last` whether it is the conversation's last one.
    """

    index: int
    number: int
    asked: str
    said: str
    reasoning: str
    calls: bool
    last: bool


def turns(conversation: Conversation) -> Iterator[Turn]:
    """Every message of the assistant, in order."""
    asked, number = "", -1
    end = len(conversation.messages) - 1
    for index, message in enumerate(conversation.messages):
        if message.role == "user":
            asked, number = message.content, number + 1
        elif message.role == "assistant":
            yield Turn(
                index=index,
                number=number,
                asked=asked,
                said=message.content,
                reasoning=message.reasoning or "",
                calls=bool(message.tool_calls),
                last=index == end,
            )


def pattern(text: str) -> re.Pattern[str]:
    """Compiled, whatever the case; an apostrophe stands for the curly one as well."""
    return re.compile(text.replace("'", "['’]"), re.IGNORECASE)


def plain(text: str) -> str:
    """The text as `in` looks for a phrase in it: folded, with straight apostrophes."""
    lowered = folded(text)
    return lowered if lowered.isascii() else lowered.replace("’", "'")


def present(phrases: tuple[str, ...], said: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the phrases that are in the sentences, as `found_in` looks for them in one."""
    lowered = plain("\n".join(said))
    return tuple(phrase for phrase in phrases if phrase in lowered)


def found_in(phrases: tuple[str, ...], lowered: str) -> bool:
    """Whether any of the phrases is in a text that went through `plain`: asked before a pattern is,
    since it is a hundred times faster."""
    for phrase in phrases:  # noqa: SIM110 (any() takes twice as long)
        if phrase in lowered:
            return True
    return False


@remembered
def without_quotations(text: str) -> str:
    """The text without code (fenced or in back quotes), quoted words and quoted lines."""
    return _QUOTED.sub(" ", text)


@remembered
def sentences(text: str) -> tuple[str, ...]:
    """The sentences and list items of the prose, in one line each, without emphasis.

    What goes on for LONGEST characters without an end is no prose and left out.
    """
    prose = without_quotations(text).translate(_EMPHASIS)
    parts = (part for part in _END.split(prose) if part and len(part) <= LONGEST)
    return tuple(line for line in (" ".join(part.split()) for part in parts) if line)
