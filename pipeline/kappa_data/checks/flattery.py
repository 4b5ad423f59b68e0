"""An answer that opens with praise of the question or of whoever asks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._text import evidence
from kappa_data.records import Conversation, Finding

RULES = ("flattery",)
OPENING_CHARS = 200
_KINDS = (
    r"great|excellent|brilliant|fantastic|wonderful|amazing|superb|insightful|fascinating|terrific|"
    r"outstanding|impressive|remarkable"
)
_PRAISES = re.compile(
    rf"^\W*(?:(?:what|such|that(?:['’]s| is)|this is)\s+)?(?:an?\s+)?"
    rf"(?:(?:really|truly|very|absolutely|such an?)\s+)*"
    r"(?:good question"
    rf"|(?:{_KINDS})\s+(?:question|point|idea|thought|observation|insight|request))"
    r"(?=\s*(?:[^\w\s]|and\b|you\b|to ask\b|$))"
    r"|^\W*you(?:['’]re| are) (?:absolutely|completely|totally|so) right\b"
    rf"|\byou (?:clearly |obviously |really )?have an? (?:{_KINDS}) mind\b"
    r"|\bonly an? (?:true |real )?(?:expert|genius|master) would\b",
    re.IGNORECASE,
)


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """Stock praise in the first words of an answer: the message is no target."""
    for index, message in enumerate(conversation.messages):
        if message.role != "assistant":
            continue
        if found := _PRAISES.search(message.content[:OPENING_CHARS]):
            yield Finding("flattery", "untrain", index, evidence(found[0]))
