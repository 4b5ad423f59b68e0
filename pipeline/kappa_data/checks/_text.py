"""Text pieces that several checks look at."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import TypeVar

from kappa_data.normal_form import normalize
from kappa_data.records import Conversation, Message

EVIDENCE_CHARS = 200
AROUND = 60
SHORT_TEXT, MOST_SHORT, MOST_LONG = 20_000, 512, 4
"""characters of a text that `remembered` keeps for long, and how many texts of either kind"""
APART = "\n<>\n"
"""what stands between two texts in `whole`: nothing that a check of single signs looks for reaches
over it"""
MOST_READ = 200_000
"""characters of a text in which checks of phrases look; what is longer is no talk"""
R = TypeVar("R")
_WORD = re.compile(r"\w+(?:['’]\w+)*")
_NO_WORD = re.compile(r"\W+")
_PIECES = bytes(
    byte if chr(byte).isalnum() or byte == ord("_") else ord(" ")
    for byte in (ord(chr(each).lower()) if each < 128 else ord(" ") for each in range(256))
)


def evidence(text: str) -> str:
    """The start of `text`, as far as a finding holds it."""
    return text[:EVIDENCE_CHARS]


def around(text: str, found: re.Match[str]) -> str:
    """What was found, with AROUND characters on either side."""
    return text[max(0, found.start() - AROUND) : found.end() + AROUND]


def written(message: Message) -> Iterator[str]:
    """All texts of an assistant message: what is said, thought and put into calls."""
    yield message.content
    yield message.reasoning or ""
    for call in message.tool_calls:
        yield call.function.arguments


def remembered(function: Callable[[str], R]) -> Callable[[str], R]:
    """The function, which answers from memory where another check has asked the same: each text of
    a conversation is read once for all checks. What it returns must not change."""
    short = functools.lru_cache(maxsize=MOST_SHORT)(function)
    long = functools.lru_cache(maxsize=MOST_LONG)(function)
    return lambda text: short(text) if len(text) <= SHORT_TEXT else long(text)


@functools.lru_cache(maxsize=1)
def whole(conversation: Conversation) -> str:
    """Every text of the conversation, whoever wrote it, with APART in between: what is not in this
    is in none of them. Kept for the conversation that is being checked."""
    return APART.join(text for each in conversation.messages for text in written(each) if text)


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


def folded(text: str) -> str:
    """The text so that what a pattern finds in it whatever the case, `in` finds in this.

    A pattern takes the Turkish letters, dotted and dotless, for an i; case-folding does not.
    """
    if text.isascii():
        return text.lower()
    return text.casefold().replace("\u0131", "i").replace("\u0307", "")


def pieces(text: str) -> list[bytes]:
    """The text cut at everything that is no ASCII letter, digit or `_`, in lower case.

    Ten times faster than `words`, and coarser: where two texts have the same `words`, their pieces
    are the same too, so that what shares no pieces shares no words.
    """
    if not text.isascii():
        # A sign that is no word, such as U+2122, must not become letters of one.
        text = normalize("NFKD", _NO_WORD.sub(" ", text)).casefold()
    return text.encode("ascii", "replace").translate(_PIECES).split()


@remembered
def vocabulary(text: str) -> frozenset[bytes]:
    """The pieces of the text, each once."""
    return frozenset(pieces(text))


def ngrams(text: str, n: int) -> set[tuple[str, ...]]:
    """All runs of `n` words in `text`, as `words` spells them."""
    plain = [word for word, _, _ in words(text)]
    return {tuple(plain[start : start + n]) for start in range(len(plain) - n + 1)}
