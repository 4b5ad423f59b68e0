"""An assistant message that says and calls nothing, or that the length limit cut off."""

from __future__ import annotations

from collections.abc import Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._text import evidence
from kappa_data.records import Conversation, Finding, Severity

RULES = ("empty turn", "cut-off")
CUT_OFF = ("length", "max_tokens", "content_filter")


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """Rejects where it is the last answer; in the middle it is context and no target."""
    last = len(conversation.messages) - 1
    for index, message in enumerate(conversation.messages):
        if message.role != "assistant":
            continue
        severity: Severity = "reject" if index == last else "untrain"
        if message.finish_reason in CUT_OFF:
            piece = f"{message.finish_reason}: ...{message.content[-150:]}"
            yield Finding("cut-off", severity, index, evidence(piece))
        elif not message.tool_calls:
            shortest = max(facts.min_chars if index == last else 1, 1)
            if len(message.content.strip()) < shortest:
                yield Finding("empty turn", severity, index, evidence(message.content))
