"""Characters that nobody sees, and that change what is read: reordering marks, tags, controls."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._text import MOST_READ, evidence, whole, written
from kappa_data.records import Conversation, Finding

RULES = ("hidden characters",)

_CONTROLS = bytes(code for code in (*range(32), 127) if code not in b"\t\n\r")
# Embeddings, overrides and isolates; tags that no flag begins (U+1F3F4); runs of zero width and of
# variation selectors, in which whole texts are hidden.
_HIDDEN = (
    "[\u202a-\u202e\u2066-\u2069]"
    "|(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0000-\U000e007f]+"
    "|[\u200b\u2060-\u2064\u180e\u200c\u200d\ufeff\u00ad]{2,}"
    "|[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2,}"
)
_ELSEWHERE = re.compile(_HIDDEN)
# Beside these, in what the assistant writes: one of no width, and what a terminal would obey. The
# joiners have their use between letters of some scripts and within emoji, but not between Latin
# ones; the mark of byte order has one at the start of a file.
_WRITTEN = re.compile(
    f"{_HIDDEN}|[\u200b\u2060-\u2064\u180e\u3164\u115f\u1160\uffa0]|(?<=.)\ufeff"
    "|(?<=[A-Za-z])[\u200c-\u200f\u2800](?=[A-Za-z])"
    "|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]+"
)


# The same in UTF-8: rare first bytes, and what begins like the dash and the curly quotes.
_FIRST_BYTES = (
    b"\xf3\xa0",
    b"\xef\xbb",
    b"\xef\xb8",
    b"\xe1\xa0\x8e",
    b"\xc2\xad",
    b"\xe1\x85",
    b"\xe3\x85\xa4",
    b"\xef\xbe\xa0",
    b"\xe2\xa0\x80",
)
_UNSEEN = re.compile(rb"\xe2(?:\x80[\x8b-\x8f\xaa-\xae]|\x81[\xa0-\xa9])")


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """One finding a message: no target where the assistant wrote them, else a note.

    What others say may hold control characters: tools print colours.
    """
    every = whole(conversation)
    if not (_controls(every) or _unseen(every)):
        return
    for index, message in enumerate(conversation.messages):
        if message.role != "assistant":
            if _unseen(message.content) and (found := _named(_ELSEWHERE, message.content)):
                yield Finding("hidden characters", "note", index, evidence(found))
            continue
        texts = [text for text in written(message) if _controls(text) or _unseen(text)]
        if texts and (found := ", ".join(filter(None, (_named(_WRITTEN, each) for each in texts)))):
            yield Finding("hidden characters", "untrain", index, evidence(found))


def _controls(text: str) -> bool:
    data = text.encode("utf-8", "replace")
    return len(data.translate(None, _CONTROLS)) < len(data) or b"\xc2" in data


def _unseen(text: str) -> bool:
    """False only where no hidden character beyond U+009F is in `text`: ten times faster to ask."""
    if text.isascii():
        return False
    data = text.encode("utf-8", "replace")
    return any(each in data for each in _FIRST_BYTES) or _UNSEEN.search(data) is not None


def _named(pattern: re.Pattern[str], text: str) -> str:
    """Each hidden character with its code point and how often, as `2 x U+202E RIGHT-TO-LEFT...`:
    counted within MOST_READ characters from the first one on."""
    first = pattern.search(text)
    if first is None:
        return ""
    count = Counter("".join(pattern.findall(text, first.start(), first.start() + MOST_READ)))
    return ", ".join(
        f"{n} x U+{ord(sign):04X} {unicodedata.name(sign, 'control')}"
        for sign, n in sorted(count.items())[:8]
    )
