"""The user's own severities: what follows from a rule, in the place of what its check says."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kappa_data.config import OFF, nearest
from kappa_data.errors import UsageError
from kappa_data.records import Finding
from kappa_data.validation import repair, replayed, voices
from kappa_data.validation.checking import all_checks

NOTHING_TO_TRAIN, UNKNOWN_PERSONA, RENAMED = "nothing to train", "unknown persona", "renamed"
UNKNOWN_ROLE = "unknown role"

# No later stage could build a prompt, or learn anything, from a conversation that breaks them.
ALWAYS_REJECT = frozenset(
    {
        "duplicate call id",
        "duplicate result",
        "orphan result",
        "dangling call",
        NOTHING_TO_TRAIN,
        UNKNOWN_ROLE,
    }
)


def known_rules() -> frozenset[str]:
    """Every rule that a finding of validate may have."""
    return frozenset(
        {
            *(rule for check in all_checks() for rule in check.rules),
            *repair.RULES,
            *replayed.RULES,
            *ALWAYS_REJECT,
            voices.RULE,
            UNKNOWN_PERSONA,
            RENAMED,
        }
    )


def refuse_unknown(severities: Mapping[str, str]) -> None:
    """UsageError for a rule that there is not, and for one that always rejects."""
    for rule, severity in severities.items():
        if rule not in (known := known_rules()):
            raise UsageError(
                f'validate.severities: there is no rule "{rule}"; {nearest(rule, known)}'
            )
        if rule in ALWAYS_REJECT and severity != "reject":
            raise UsageError(
                f'validate.severities: "{rule}" always rejects, since no later stage can use such '
                "a conversation; leave it out"
            )


def weighed(found: tuple[Finding, ...], severities: Mapping[str, str]) -> tuple[Finding, ...]:
    """The findings with the user's severities; those that are "off" are left out."""
    if not severities:
        return found
    kept = []
    for each in found:
        own = severities.get(each.rule, each.severity)
        if own != OFF:
            kept.append(msgspec.structs.replace(each, severity=own))
    return tuple(kept)
