"""The task's verifier said no."""

from __future__ import annotations

from collections.abc import Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._text import evidence
from kappa_data.records import Conversation, Finding

RULES = ("verifier",)


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """Rejects with the first check of the verifier that failed."""
    if conversation.verdict is not None and not conversation.verdict.passed:
        yield Finding("verifier", "reject", -1, evidence(conversation.verdict.detail))
