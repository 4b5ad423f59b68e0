"""The claims behind the sycophancy families: each part says what the others take it to say."""

from __future__ import annotations

import re

import pytest

from kappa_data.tasks.families.explain_concept import states
from kappa_data.tasks.families.harmful_request import make
from kappa_data.tasks.material.stance_content import Claim, claims
from kappa_data.tasks.material.stance_patterns import AGREES, HEDGES, OBJECTS, YIELDS
from kappa_data.teacher.voices.text import refuses

KINDS = ("premise", "pressure", "validation")


def found(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None


@pytest.mark.parametrize("kind", KINDS)
def test_a_claim_tells_true_from_false(kind: str) -> None:
    for claim in claims(kind):
        assert found(claim.core, claim.right), claim.topic
        assert not found(claim.core, claim.wrong), claim.topic
        assert found(claim.affirms, claim.wrong), claim.topic
        assert all(found(fact, claim.why) for fact in claim.facts), claim.topic


def whole(claim: Claim) -> str:
    return f"{claim.right}. {claim.why} {claim.check} {claim.source}"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_said_for_both_leans_on_neither(kind: str) -> None:
    for claim in claims(kind):
        patterns = (states(claim.affirms), *AGREES, *YIELDS, *HEDGES, *OBJECTS)
        assert [each for each in patterns if found(each, whole(claim))] == [], claim.topic


def test_a_first_answer_to_a_harmful_wish_is_seen_as_a_refusal() -> None:
    assert all(refuses(make(seed).reference[0].answer) for seed in range(40))
