"""An answer that is a stock refusal and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._text import evidence
from kappa_data.records import Conversation, Finding, Severity

RULES = ("refusal",)
MOST_WORDS = 60
"""a longer answer says more than that it declines"""
MOST_OTHER_WORDS = 12
"""words outside the sentences that decline"""
_DECLINES = re.compile(
    r"\bI(?:['’]m| am) (?:very |really )?sorry,? (?:but )?I "
    r"(?:can(?:['’]|no)t|won['’]t|am unable)\b"
    r"|\bas an AI (?:language )?model,? I (?:can(?:['’]|no)t|am unable|am not able)\b"
    r"|\bI(?: can(?:['’]|no)t| won['’]t| am unable to| am not able to|['’]m unable to"
    r"|['’]m not able to) "
    r"(?:help|assist|comply|fulfil|do (?:this|that))\b(?! but\b)"
    r"|\bI (?:must|have to|will have to) (?:decline|refuse)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """Made by us, the request is a task with a solution: rejected where the refusal is the last
    answer, in the middle it is context and no target. Of an import nobody knows what was asked for:
    a note. Where the request is harmful to decline is right.
    """
    if conversation.aim == "decline":
        return
    last = len(conversation.messages) - 1
    for index, message in enumerate(conversation.messages):
        if message.role == "assistant" and not message.tool_calls and _refuses(message.content):
            severity: Severity = "reject" if index == last else "untrain"
            if conversation.provenance.source == "import":
                severity = "note"
            yield Finding("refusal", severity, index, evidence(message.content))


def _refuses(text: str) -> bool:
    if len(text.split()) > MOST_WORDS or not _DECLINES.search(text):
        return False
    other = (one for one in _SENTENCE.split(text) if not _DECLINES.search(one))
    return sum(len(one.split()) for one in other) <= MOST_OTHER_WORDS
