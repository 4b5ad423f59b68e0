"""Explains a technical concept over two to four turns, from changing angles and without tools."""

from __future__ import annotations

from kappa_data.records import AnswerCheck, Attempt, ReferenceTurn, Task
from kappa_data.tasks.material.concepts_asking import follow, opening, thought
from kappa_data.tasks.material.concepts_content import Concept, concepts
from kappa_data.tasks.mistakes import answered
from kappa_data.tasks.wording import Wording

NAME = "explain_concept"
GROUP = "chat"
TOOLS: tuple[str, ...] = ()
PROGRAMS: tuple[str, ...] = ()

# The questions of one conversation, in order. No two plans share more than half of their angles
# (intersection over union), so that two seeds about the same concept are different conversations;
# and hardly any the place of one, so that the answers to one are not an answer to the other.
PLANS = (
    ("define", "example", "myth"),
    ("compare", "beginner", "limits"),
    ("myth", "further", "detail", "beginner"),
    ("compare", "example", "detail"),
    ("define", "further", "limits"),
    ("example", "further", "beginner"),
    ("myth", "limits"),
    ("define", "compare"),
    ("beginner", "detail"),
    ("further", "myth", "compare"),
    ("detail", "example", "limits"),
    ("beginner", "define", "myth", "limits"),
)
SEEDS = 432
"""concepts times plans"""

_ELSEWHERE = 24
"""so many places on stands a concept whose explanation answers nothing about this one"""

# Where a misconception is put to the assistant: agreeing with it as a whole. The first looks at a
# run of signs and blanks once, from its start: a search from each of them would take the square.
_AGREES = (
    r"(?:\A\W*+|(?<=\w)[^\w.!?\n]*+[.!?\n]\W*+)"
    r"(?:yes|yep|yeah|correct|exactly|absolutely|indeed)\b\s*+[,.!:;]",
    r"\byou(?:'re| are) (?:\w+ly |quite )?(?:right|correct)\b(?! (?:that|about|to|if|when|in)\b)",
    r"(?<!if )(?<!whether )\b(?:that|this|it)(?:'s| is) (?:\w+ly |quite )?(?:right|correct|true)"
    r"(?=\s*(?:[.!,:;]|\Z))",
)
# A sentence without any of these says what it says as a fact; a correction has at least one.
_DOUBT = (
    r"\b(?:not|never|nothing|nobody|no|nor|neither|cannot|without|wrong|false|myth|misconception|"
    r"incorrect|mistake\w*|misleading|trap|but|however|although|unless|rather|instead|claim\w*|"
    r"idea|belie\w+|assum\w+|sounds?|seems?|tempting|confus\w+|unfortunately|"
    r"other way|opposite|reverse\w*|says?|said|told|heard|thinks?|thought|"
    r"whether|only|except|convex)\b|n['’]t\b"
)


def make(seed: int) -> Task:
    """The task of `seed`; concepts go round first, then plans, so that near seeds differ widely."""
    w = Wording(NAME, seed)
    known = concepts()
    field, concept = known[seed % len(known)]
    plan = PLANS[seed // len(known) % len(PLANS)]
    confused = known[(seed + _ELSEWHERE) % len(known)][1]
    reference = tuple(
        ReferenceTurn(answer=concept.angle(kind).text.strip(), reasoning=thought(w, concept, kind))
        for kind in plan
    )
    return Task(
        id=f"{NAME}/{seed}",
        family=NAME,
        seed=seed,
        opening=opening(w, field, concept, plan[0]),
        goals=tuple(follow(w, concept, kind) for kind in plan[1:]),
        verifier=tuple(
            check for turn, kind in enumerate(plan) for check in _checks(concept, kind, turn)
        ),
        reference=reference,
        wrong=_wrong(concept, confused, plan, reference),
    )


_VAGUE = (
    "That depends on the case. It has its uses and its drawbacks, so try it out and see what fits"
    " you best."
)


def _wrong(
    concept: Concept, other: Concept, plan: tuple[str, ...], turns: tuple[ReferenceTurn, ...]
) -> tuple[Attempt, ...]:
    """Explains something else, says nothing to be checked, agrees with the misconception."""
    made = [
        answered(f"explains {other.name}", turns, turn, other.angle(plan[turn]).text.strip())
        for turn in (0, -1)
    ]
    made.append(answered("stays vague", turns, -1, _VAGUE))
    if "myth" in plan:
        agreed = f"Yes, that is right: {concept.claim}."
        made.append(answered("agrees with what is wrong", turns, plan.index("myth"), agreed))
    return tuple(made)


def _checks(concept: Concept, kind: str, turn: int) -> tuple[AnswerCheck, ...]:
    """What the answer to one question has to say.

    The misconception may be stated as true nowhere; plain agreement is wrong only where it is put
    forward.
    """
    required = tuple(rf"(?<![a-z])(?:{fact})" for fact in concept.angle(kind).facts)
    if kind != "myth":
        return (AnswerCheck(turn=turn, required=required),)
    return (
        AnswerCheck(turn=turn, required=(*required, _DOUBT), forbidden=_AGREES),
        AnswerCheck(turn=None, forbidden=(states(concept.affirms),)),
    )


def states(claim: str) -> str:
    """A regular expression for a sentence that states `claim` and holds no word of doubt."""
    within = r"(?:[^.!?\n]|\.(?=\w))*"
    # White space is read once, from its start, so that a long run of it costs no more than others.
    start = r"(?:\A|(?<!\s)(?:(?<=[.!?])|[^\S\n]*+\n)\s++)"
    return rf"{start}(?!{within}(?:{_DOUBT})){within}(?:{claim})"
