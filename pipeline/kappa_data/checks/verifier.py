"""The task's verifier said no, or could say nothing."""

from __future__ import annotations

from collections.abc import Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._text import evidence
from kappa_data.records import Conversation, Finding, Severity

RULES = ("verifier", "unverified")


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """Rejects with the first check of the verifier that failed.

    A generated conversation without a verdict is neither right nor wrong: its tools were simulated,
    and there is no end state to look at. A note says so, or it is rejected where the settings do
    not accept it. Imports have no verifier.
    """
    verdict, made = conversation.verdict, conversation.provenance
    if verdict is not None:
        if not verdict.passed:
            yield Finding("verifier", "reject", -1, evidence(verdict.detail))
    elif made.source == "generate":
        severity: Severity = "note" if facts.accept_unverified else "reject"
        said = f"tool results are {made.grounding}: no end state was verified"
        yield Finding("unverified", severity, -1, said)
