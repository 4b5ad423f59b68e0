"""An assistant message that says and calls nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._text import evidence
from kappa_data.checks.cut_off import CUT_OFF
from kappa_data.records import Conversation, Finding, Severity

RULES = ("empty turn",)
_NOTHING = re.compile(r"[\s.…_\-–—*\u200b\u2060\ufeff]{1,80}")
"""dots and dashes say no more than blanks"""


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """Rejects where it is the last answer; in the middle it is context and no target.

    What the length limit or a filter left empty is the business of `cut_off`.
    """
    last = len(conversation.messages) - 1
    for index, message in enumerate(conversation.messages):
        if message.role != "assistant" or message.tool_calls or message.finish_reason in CUT_OFF:
            continue
        severity: Severity = "reject" if index == last else "untrain"
        shortest = max(facts.min_chars if index == last else 1, 1)
        said = message.content.strip()
        if len(said) < shortest or _NOTHING.fullmatch(said):
            yield Finding("empty turn", severity, index, evidence(message.content))
