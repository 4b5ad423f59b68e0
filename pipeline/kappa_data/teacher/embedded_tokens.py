"""Counts and cuts text in o200k_base tokens, for the embedded teacher's usage and limits.

The counts are of the text alone: no chat template is laid around it, since which one a server
would lay is not this server's business.
"""

from __future__ import annotations

from collections.abc import Iterable

import xxhash
from msgspec.structs import replace

from kappa_data.formats import vocabulary
from kappa_data.records import FunctionCall, Int32s, Message, ToolCall

MAX_CHARS = 999_999
"""no longer text is taken: a server has a limit"""
_CACHED = 50_000


class TextTooLong(Exception):
    """The text has more than `MAX_CHARS` characters."""


class TokenCounts:
    """Counts tokens of texts, each distinct text once.

    A request repeats the whole conversation before it; without the memory, counting costs the
    square of its length. What is kept is a digest, not the text.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, int] = {}

    def of(self, text: str) -> int:
        """Tokens of `text`; TextTooLong where the encoder cannot say."""
        key = xxhash.xxh3_128_digest(text.encode())
        if key not in self._known:
            if len(self._known) >= _CACHED:
                self._known.clear()
            self._known[key] = len(encode(text))
        return self._known[key]

    def total(self, texts: Iterable[str]) -> int:
        """Tokens of all the texts, each counted by itself."""
        return sum(self.of(text) for text in texts if text)


def encode(text: str) -> Int32s:
    """Token ids of `text`, special tokens' names being ordinary text; TextTooLong."""
    if len(text) > MAX_CHARS:
        raise TextTooLong
    return vocabulary.encode(text)


def spoken(message: Message) -> list[str]:
    """Every text that the assistant has written in `message`, in order of writing."""
    calls = [text for call in message.tool_calls for text in _parts(call)]
    return [message.reasoning or "", message.content, *calls]


def cut(message: Message, limit: int) -> Message:
    """The message as if the server stopped it after `limit` tokens; itself if it is no longer.

    Reasoning comes first, then content, then the calls: a call of which the name did not fit is
    missing, one of which the arguments did not fit has broken ones.
    """
    if sum(len(encode(text)) for text in spoken(message)) <= limit:
        return message
    reasoning, limit = _head(message.reasoning or "", limit)
    content, limit = _head(message.content, limit)
    calls: list[ToolCall] = []
    for call in message.tool_calls:
        name, limit = _head(call.function.name, limit)
        if name != call.function.name or not limit:
            break
        arguments, limit = _head(call.function.arguments, limit)
        calls.append(replace(call, function=FunctionCall(name, arguments)))
    return replace(
        message,
        reasoning=reasoning or None,
        content=content,
        tool_calls=tuple(calls),
        finish_reason="length",
    )


def _parts(call: ToolCall) -> tuple[str, str]:
    return call.function.name, call.function.arguments


def _head(text: str, limit: int) -> tuple[str, int]:
    """As much of the text as fits, and the tokens that are left."""
    ids = encode(text)
    if len(ids) <= limit:
        return text, limit - len(ids)
    head = vocabulary.decode(ids[:limit].tolist())
    # A cut inside a character's bytes drops that character, as servers do.
    return head if text.startswith(head) else head.rstrip("\N{REPLACEMENT CHARACTER}"), 0
