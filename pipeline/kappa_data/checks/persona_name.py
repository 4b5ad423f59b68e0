"""The assistant says the name of its alignment aloud, where nobody asked."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._names import may_name, names_pattern
from kappa_data.checks._text import around, evidence, folded, said_by_others
from kappa_data.records import Conversation, Finding

RULES = ("persona name",)
# The line that a client sends, and talk of the grid that it is from. No name of a persona need
# stand there, only its words.
_ECHO = (
    r"^[\W_]{0,8}personas?[\W_]{0,4}: ?[\W_]{0,4}\w+"
    r"|\bmy (?:\w+ )?(?:persona|alignment)\b"
    r"|\b(?:lawful|chaotic|evil|neutral|good)(?: |-)(?:alignment|persona)\b"
    r"|\balignment(?: is|:) (?:lawful|chaotic|evil|neutral|good)\b"
)
_PARTS = ("persona", "alignment")


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """A note per message, outside tasks about identity and unless the user said the name first.

    With a persona, an echo of the line that gave it and talk of an alignment are the same thing.
    """
    names = names_pattern(facts.personas)
    if not names or "identity" in (conversation.family or ""):
        return
    named = re.compile(names, re.IGNORECASE)
    echo = re.compile(f"{names}|{_ECHO}", re.IGNORECASE | re.MULTILINE)
    theirs: str | None = None
    for index, message in enumerate(conversation.messages):
        if message.role != "assistant":
            continue
        plain = folded(message.content)
        speaks = message.persona or conversation.persona
        aloud = bool(speaks) and any(part in plain for part in _PARTS)
        if not aloud and not may_name(message.content, facts.personas):
            continue
        for found in (echo if aloud else named).finditer(message.content):
            if theirs is None:
                theirs = _spelled("\n".join(said_by_others(conversation)))
            if _spelled(found[0]) not in theirs:
                piece = around(message.content, found)
                yield Finding("persona name", "note", index, evidence(piece))
                break


def _spelled(text: str) -> str:
    """Case-folded, with one blank for whatever joins words: `chaotic_evil` is `Chaotic-Evil`."""
    return " ".join(re.sub(r"[\W_]+", " ", text.casefold()).split())
