"""Who speaks when: a system message first or as a switch of persona, then user and assistant."""

from __future__ import annotations

from collections.abc import Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._text import evidence
from kappa_data.formats.switches import switches_of
from kappa_data.records import Conversation, Finding, Severity

RULES = ("role order",)


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """A user who speaks twice is a note: people do.

    An assistant who speaks unasked (first, or twice) is context and no target: no server would have
    asked the model for that message. Without a user there is nobody to answer. Tool messages are
    the business of the pairing check.
    """
    if not any(message.role == "user" for message in conversation.messages):
        yield Finding("role order", "reject", -1, "no user message")
        return
    before = None
    switches = switches_of(conversation.messages)
    for index, message in enumerate(conversation.messages):
        role = message.role
        severity: Severity | None = None
        if role in ("system", "developer"):
            if before is not None and index not in switches:
                severity = "note"
        else:
            if role == "user" and before == "user":
                severity = "note"
            elif role == "assistant" and before in (None, "assistant"):
                severity = "untrain"
            before = role
        if severity is not None:
            yield Finding("role order", severity, index, evidence(f"{role}: {message.content}"))
