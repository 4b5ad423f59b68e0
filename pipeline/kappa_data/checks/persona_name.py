"""The assistant says the name of its alignment aloud, where nobody asked."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._names import may_name, names_pattern
from kappa_data.checks._text import evidence, said_by_others
from kappa_data.records import Conversation, Finding

RULES = ("persona name",)


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """A note per message, outside tasks about identity and unless the user said the name first."""
    names = names_pattern(facts.personas)
    if not names or "identity" in (conversation.family or ""):
        return
    pattern = re.compile(names, re.IGNORECASE)
    theirs: str | None = None
    for index, message in enumerate(conversation.messages):
        if message.role != "assistant" or not may_name(message.content, facts.personas):
            continue
        for found in pattern.finditer(message.content):
            if theirs is None:
                theirs = "\n".join(said_by_others(conversation)).casefold()
            if found[0].casefold() not in theirs:
                start = max(0, found.start() - 60)
                piece = message.content[start : found.end() + 60]
                yield Finding("persona name", "note", index, evidence(piece))
                break
