"""The task's verifier said no, or could say nothing."""

from __future__ import annotations

from collections.abc import Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._text import evidence
from kappa_data.records import Conversation, Finding, Severity

RULES = ("verifier", "unverified")


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """Rejects with the first check of the verifier that failed.

    A conversation with simulated tools may have no verdict, since there is no end state to look at:
    it is neither right nor wrong. A note says so, or it is rejected where the settings do not
    accept it. Imports have no verifier.
    """
    verdict, made = conversation.verdict, conversation.provenance
    if verdict is not None:
        if not verdict.passed:
            yield Finding("verifier", "reject", -1, evidence(verdict.detail))
    elif made.grounding == "simulated":
        severity: Severity = "note" if facts.accept_unverified else "reject"
        yield Finding("unverified", severity, -1, "simulated: there is no end state to verify")
