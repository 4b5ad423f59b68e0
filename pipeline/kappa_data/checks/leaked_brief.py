"""The hidden brief of the teacher shows in what the assistant wrote."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._text import evidence, ngrams, words, written
from kappa_data.records import Conversation, Finding

RULES = ("leaked brief",)


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """`leak_ngram` words in a row that stand in the brief and that nobody else said.

    One finding a message, with the whole run of words.
    """
    n = facts.leak_ngram
    hidden = _brief(facts.brief, n)
    if not _leaks(conversation, hidden, n):
        return
    others = (each.content for each in conversation.messages if each.role != "assistant")
    secret = hidden.difference(*(ngrams(text, n) for text in others))
    for index, leak in _leaks(conversation, secret, n).items():
        yield Finding("leaked brief", "reject", index, evidence(leak))


def _leaks(
    conversation: Conversation, hidden: frozenset[tuple[str, ...]], n: int
) -> dict[int, str]:
    """The first leak of each message that has one."""
    found = {}
    for index, message in enumerate(conversation.messages):
        if message.role == "assistant" and hidden:
            leaks = (_leak(text, hidden, n) for text in written(message))
            if first := next(filter(None, leaks), None):
                found[index] = first
    return found


def _leak(text: str, hidden: frozenset[tuple[str, ...]], n: int) -> str | None:
    """The first run of hidden words in `text`, as long as it goes on."""
    found = words(text)
    plain = [word for word, _, _ in found]
    starts = range(len(plain) - n + 1)
    first = next((at for at in starts if tuple(plain[at : at + n]) in hidden), None)
    if first is None:
        return None
    last = first
    while tuple(plain[last + 1 : last + 1 + n]) in hidden:
        last += 1
    return text[found[first][1] : found[last + n - 1][2]]


@functools.lru_cache(maxsize=64)
def _brief(text: str, n: int) -> frozenset[tuple[str, ...]]:
    return frozenset(ngrams(text, n))
