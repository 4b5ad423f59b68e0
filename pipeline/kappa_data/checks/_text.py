"""Text pieces that several checks look at."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from kappa_data.records import Conversation, Message

EVIDENCE_CHARS = 200
_WORD = re.compile(r"\w+(?:['’]\w+)*")


def evidence(text: str) -> str:
    """The start of `text`, as far as a finding holds it."""
    return text[:EVIDENCE_CHARS]


def written(message: Message) -> Iterator[str]:
    """All texts of an assistant message: what is said, thought and put into calls."""
    yield message.content
    yield message.reasoning or ""
    for call in message.tool_calls:
        yield call.function.arguments


def said_by_others(conversation: Conversation) -> Iterator[str]:
    """All texts that the assistant did not write, system messages excepted."""
    for message in conversation.messages:
        if message.role in ("user", "tool"):
            yield message.content


def words(text: str) -> list[tuple[str, int, int]]:
    """Each word in a form for comparison (NFKC, case-folded), with where it starts and ends."""
    return [
        (unicodedata.normalize("NFKC", found[0]).casefold(), found.start(), found.end())
        for found in _WORD.finditer(text)
    ]


def ngrams(text: str, n: int) -> set[tuple[str, ...]]:
    """All runs of `n` words in `text`, as `words` spells them."""
    plain = [word for word, _, _ in words(text)]
    return {tuple(plain[start : start + n]) for start in range(len(plain) - n + 1)}
