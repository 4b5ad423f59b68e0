"""The hidden brief of the teacher shows in what the assistant wrote."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from msgspec import Struct

from kappa_data.checks._facts import Facts
from kappa_data.checks._text import MOST_READ, evidence, ngrams, pieces, words, written
from kappa_data.records import Conversation, Finding

RULES = ("leaked brief",)
_EMPHASIS = re.compile(r"(?<![^\W_])_+|_+(?![^\W_])")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_NO_WIDTH = re.compile(
    "[\u00ad\u034f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]+"
)


class _Hidden(Struct, frozen=True):
    """Runs of `n` words that nobody may see."""

    n: int
    runs: frozenset[tuple[str, ...]]
    short: frozenset[tuple[bytes, ...]] | None  # of pieces, half as long; None: pieces do not do

    def may_stand_in(self, text: str) -> bool:
        """False only where no run is in `text`.

        A run has n pieces or more, so that one of the short ones that begin at every `step` lies
        within it whole: only these are looked at.
        """
        if self.short is None:
            return True
        found, size = pieces(text), _short(self.n)
        step = self.n - size + 1
        return not self.short.isdisjoint(
            zip(*(found[at::step] for at in range(size)), strict=False)
        )


def _bare(text: str) -> str:
    """Without what hides words from comparison: marks of no width, emphasis by _, curly quotes.

    Other emphasis and punctuation are no part of words.
    """
    if "_" in text:
        text = _EMPHASIS.sub(" ", text)
    if "\\n" in text:
        text = text.replace("\\n", "  ")  # a line break in the JSON text of a call
    if "\\u" in text:
        text = _ESCAPE.sub(_escaped, text)
    return text if text.isascii() else _NO_WIDTH.sub("", text).replace("’", "'")


def _escaped(found: re.Match[str]) -> str:
    """The character of an escape of JSON, in the same space or less; none for half a pair."""
    code = int(found[1], 16)
    return " " if 0xD800 <= code <= 0xDFFF else chr(code)


def _short(n: int) -> int:
    return max(1, n // 2)


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """`leak_ngram` words in a row that stand in the brief and that nobody else said.

    One finding a message, with the whole run of words.
    """
    n = facts.leak_ngram
    hidden = _brief(facts.brief, n)
    if not _leaks(conversation, hidden):
        return
    others = (_bare(each.content) for each in conversation.messages if each.role != "assistant")
    secret = hidden.runs.difference(*(ngrams(text, n) for text in others))
    for index, leak in _leaks(conversation, _Hidden(n, secret, hidden.short)).items():
        yield Finding("leaked brief", "reject", index, evidence(leak))


def _leaks(conversation: Conversation, hidden: _Hidden) -> dict[int, str]:
    """The first leak of each message that has one."""
    found = {}
    for index, message in enumerate(conversation.messages):
        if message.role == "assistant" and hidden.runs:
            leaks = (_leak(_bare(text[:MOST_READ]), hidden) for text in written(message))
            if first := next(filter(None, leaks), None):
                found[index] = first
    return found


def _leak(text: str, hidden: _Hidden) -> str | None:
    """The first run of hidden words in `text`, as long as it goes on."""
    if not hidden.may_stand_in(text):
        return None
    found = words(text)
    plain = [word for word, _, _ in found]
    n = hidden.n
    starts = range(len(plain) - n + 1)
    first = next((at for at in starts if tuple(plain[at : at + n]) in hidden.runs), None)
    if first is None:
        return None
    last = first
    while tuple(plain[last + 1 : last + 1 + n]) in hidden.runs:
        last += 1
    return text[found[first][1] : found[last + n - 1][2]]


@functools.lru_cache(maxsize=64)
def _brief(text: str, n: int) -> _Hidden:
    text = _bare(text)
    runs = frozenset(ngrams(text, n))
    if not all(pieces(word) for word, _, _ in words(text)):  # then a run may have fewer than n
        return _Hidden(n, runs, None)
    found = pieces(text)
    short = zip(*(found[at:] for at in range(_short(n))), strict=False)
    return _Hidden(n, runs, frozenset(short))
