"""The reasoning speaks of the voice, which is in the delivery only."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._names import may_name, names_pattern
from kappa_data.checks._text import evidence, folded, said_by_others
from kappa_data.records import Conversation, Finding

RULES = ("persona in reasoning",)
_ABOUT = (
    r"\bpersonas?\b|\b(?:in|break|breaking|out of|stay in|keep) character\b|\brole-?play(?:ing)?\b|"
    r"\b(?:asked|told|instructed|supposed|meant|as|expected) (?:instructed )?to "
    r"(?:sound|speak|talk|act|play|come across)\b|"
    r"\bmy (?:hidden |system )?(?:brief|alignment)\b|\bin the (?:voice|style) of\b"
)
# Each alternative of _ABOUT holds one of these: to look for them is far cheaper.
_PARTS = (
    "persona", " character", "role", "to sound", "to speak", "to talk", "to act", "to play",
    "to come across", "my brief", "my alignment", "my hidden ", "my system ", "in the voice",
    "in the style",
)  # fmt: skip


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """With a persona: any persona's name, or talk of playing a part that the user did not begin."""
    if not (conversation.persona or any(each.persona for each in conversation.messages)):
        return
    names = names_pattern(facts.personas)
    about = re.compile(f"{_ABOUT}|{names}" if names else _ABOUT, re.IGNORECASE)
    theirs: str | None = None
    for index, message in enumerate(conversation.messages):
        reasoning = message.reasoning or ""
        plain = folded(reasoning)
        if not any(part in plain for part in _PARTS) and not may_name(reasoning, facts.personas):
            continue
        for found in about.finditer(reasoning):
            if theirs is None:
                theirs = "\n".join(said_by_others(conversation)).casefold()
            if found[0].casefold() not in theirs:
                start = max(0, found.start() - 60)
                piece = reasoning[start : found.end() + 60]
                yield Finding("persona in reasoning", "reject", index, evidence(piece))
                break
