"""Text pieces that several checks look at."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from kappa_data.normal_form import normalize
from kappa_data.records import Conversation, Message

EVIDENCE_CHARS = 200
_WORD = re.compile(r"\w+(?:['’]\w+)*")
_NO_WORD = re.compile(r"\W+")
_PIECES = bytes(
    byte if chr(byte).isalnum() or byte == ord("_") else ord(" ")
    for byte in (ord(chr(each).lower()) if each < 128 else ord(" ") for each in range(256))
)


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


def ngrams(text: str, n: int) -> set[tuple[str, ...]]:
    """All runs of `n` words in `text`, as `words` spells them."""
    plain = [word for word, _, _ in words(text)]
    return {tuple(plain[start : start + n]) for start in range(len(plain) - n + 1)}
