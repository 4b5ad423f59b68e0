"""How people ask for an explanation, and what is to be thought of before it is given.

`<a|b>` is a choice; {name}, {other}, {claim}, {field} and {ask} are filled in afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping

from kappa_data.tasks.material.concepts_content import Angle, Concept
from kappa_data.tasks.wording import Wording, sentence

# Where the angle has no questions of its own.
_ASK: Mapping[str, tuple[str, ...]] = {
    "define": (
        "What is {name}<|, exactly|, technically>?",
        "<Can|Could> you explain <how {name} works|what {name} is and how it works>?",
        "Please define {name} and say <how it works|what it is made of and what it is for>.",
        "I keep reading about {name}. What is it, and how does it work?",
        "Give me a <proper|compact|precise> explanation of {name}.",
    ),
    "beginner": (
        "How would you explain {name} to <a complete beginner|someone who has never programmed>? "
        "An everyday comparison, please.",
        "Explain {name} <to my father|as if I were twelve|to a friend from marketing>, with "
        "something from daily life and no jargon.",
        "Do you have an everyday picture for {name} that a layperson <understands|can follow>?",
        "I have to explain {name} to <my team lead, who is no engineer|a class of beginners>. "
        "Which analogy from daily life works?",
    ),
    "compare": (
        "How does {name} differ from {other}?",
        "{name} versus {other}: what is the difference<| in practice>?",
        "Can you compare {name} with {other}? <When which?|What sets them apart?>",
        "<I mix up|I cannot keep apart> {name} and {other}. What is the difference?",
    ),
    "myth": (
        "<A colleague|My lecturer|A blog post|A senior at work> says that {claim}. <Is that so?|Is "
        "that right?|True?>",
        "So {claim}, <right?|correct?>",
        "My notes on {name} say: {claim}. <Can I rely on that?|Does that hold?>",
        "I always assumed that {claim}. <Correct?|Do I have that right?>",
    ),
}

_OPENINGS = (
    "{ask}",
    "<Hi|Hello|Hey|Good morning>. {why} {ask}",
    "{why} {ask}",
    "{ask} <Background|For context>: {why}",
    "<hey|hi there>, quick question about {field}: {ask}",
    "I'm stuck on {name}. {ask}",
    "{why}\n\n{ask}\n\n<Thanks!|Thank you.|Cheers>",
    "{ask} <A paragraph or two is enough.|No links, please, just explain.|Short is fine.>",
    "Question from the {field} corner: {ask}",
    "<Let's|Could we> talk about {name}. {ask}",
)

_WHY = (
    "I have <an exam|a job interview> on {field} <next week|on Monday|soon>.",
    "I am revising {field}.",
    "I <taught myself|picked up> {field} on the side and have gaps.",
    "We argued about {name} <over lunch|in the code review|in stand-up> today.",
    "I am writing a short <talk|wiki page|blog post> on {name}.",
    "I <just joined a team|changed jobs> and {name} <comes up a lot|is everywhere there>.",
    "I tutor <first-year students|a few beginners> in {field}.",
)

_NEXT = (
    "{ask}",
    "OK. {ask}",
    "<Next question|Follow-up|One more>: {ask}",
    "<That helps.|Makes sense.|Got it.|Clear so far.> {ask}",
    "<Staying with|Back to|Still on> {name}: {ask}",
    "<And|Now> something else about it. {ask}",
    "<Hm|Alright|Right>, then tell me this. {ask}",
)

_THOUGHTS: Mapping[str, tuple[str, ...]] = {
    "define": (
        "They want a definition of {name} that also shows the mechanism.",
        "A definition of {name}: say what it is first, then how it works.",
        "Start from what {name} is, then the parts that make it work.",
    ),
    "beginner": (
        "An analogy for {name} for someone without the background; it must not mislead.",
        "No jargon here. One everyday picture for {name}, carried through.",
        "The listener is a layperson, so one familiar scene that maps onto {name}.",
    ),
    "example": (
        "A worked case is wanted; every value has to be checked before it is stated.",
        "They ask for something concrete on {name}. Work it out step by step.",
        "Concrete example: do the steps in order and check the result.",
    ),
    "compare": (
        "Compare {name} with {other}: what is different, and when it matters.",
        "The useful contrast with {other} is what each one costs and gives.",
        "Say what {name} and {other} do differently, then how to choose.",
    ),
    "myth": (
        "The claim is that {claim}. That is wrong as it stands, so correct it first, then explain.",
        "This is a common misconception: that {claim}. Say so plainly and give the reason.",
        "It is said that {claim}. It does not hold in general; show it by a case.",
    ),
    "limits": (
        "This is about the boundaries of {name}: the typical failures and what to do about them.",
        "Practical trouble around {name}. Name the cases and the way out.",
        "They want the downside of {name}; give the concrete cases.",
    ),
    "detail": (
        "A specific point about {name}; answer it directly, then the reason.",
        "One detail of {name} is asked for. Mechanism first.",
        "A narrower question on {name}. Be exact.",
    ),
    "further": (
        "This goes a step beyond the basics of {name}.",
        "A continuation on {name}: answer, then the consequence.",
        "They follow up on {name}; keep to this question.",
    ),
}


def opening(w: Wording, field: str, concept: Concept, kind: str) -> str:
    """A first message that asks about this angle of the concept."""
    why = w.say(_WHY, field=field, name=concept.name)
    return w.say(_OPENINGS, ask=_ask(w, concept, kind), why=why, field=field, name=concept.name)


def follow(w: Wording, concept: Concept, kind: str) -> str:
    """A later message about the same concept."""
    return w.say(_NEXT, ask=_ask(w, concept, kind), name=concept.name)


def thought(w: Wording, concept: Concept, kind: str) -> str:
    """What is thought before the answer: what is asked for, and what has to be right."""
    lead = w.say(_THOUGHTS[kind], name=concept.name, other=concept.other, claim=concept.claim)
    return f"{lead} {concept.angle(kind).note}"


def _ask(w: Wording, concept: Concept, kind: str) -> str:
    angle: Angle = concept.angle(kind)
    if angle.ask:
        return w.pick(angle.ask)
    asked = w.say(_ASK[kind], name=concept.name, other=concept.other, claim=concept.claim)
    return sentence(asked)
