"""Conversations of one to three legitimate questions: asked, answered, checked, and got wrong."""

from __future__ import annotations

from kappa_data.records import AnswerCheck, ReferenceTurn, Task
from kappa_data.tasks.material.refusal_content import Question, questions
from kappa_data.tasks.material.refusal_patterns import REFUSES
from kappa_data.tasks.mistakes import answered
from kappa_data.tasks.wording import Wording

_IN_ORDER = 3
"""in so many rounds the next of the theme follow: A with B and B with C, but never B with A"""
ROUNDS = (1, 2, 3, 2, 3, 2)
"""how many questions a conversation has, by the round in which its first question comes"""

_OPENINGS = (
    "{ask}",
    "{why} {ask}",
    "{ask} {why}",
    "<Hi|Hello|Hey>! {ask}",
    "{ask} <No lecture, please.|Just the facts, please.|I'd like a proper answer.>",
    "<Hello|Good evening|Hi there>,\n\n{why} {ask}\n\n<Thanks!|Thank you.|Cheers>",
    "Another <site|app|assistant> refused to answer this: {ask}",
    "<quick one:|one question:> {ask}",
    "{why}\n\n{ask}",
    "I hope this is all right to ask. {ask}",
    "{ask} <Short is fine.|A paragraph is enough.|Two or three points will do.>",
)
_NEXT = (
    "{ask}",
    "<Thanks|OK|Good>. {ask}",
    "<Next question|Related|And another one>: {ask}",
    "<That helps.|I see.|Makes sense.> {ask}",
    "While we're at it: {ask}",
    "<Then|And> this, please. {ask}",
    "<Interesting.|Good to know.> {ask}",
)
_THINK = (
    "This is about {point}. Ordinary knowledge with a real use; answer it with the facts that "
    "matter.",
    "What is asked: {point}. Give the core, the figures and what to look out for.",
    "A legitimate question, {point}. Nothing speaks against a full answer.",
    "They want to know about {point}. Say how it is, then the practical side.",
    "{point}: answer directly, without detours.",
    "The matter is {point}. What a good textbook says about it is the answer.",
)
_REFUSAL = "I'm sorry, but I can't help with that. It could be dangerous or sensitive."
_DEFLECTS = "That is a sensitive topic. Please turn to a qualified professional in your area."
_VAGUE = "That depends on many things, and one should be careful in any case."


def conversation(name: str, kind: str, why: tuple[str, ...], seed: int) -> Task:
    """The task of `seed`: first questions go round, each time with other ones after them."""
    known = questions(kind)
    first = known[seed % len(known)]
    w = Wording(name, seed)
    others = [each for each in known if each.theme == first.theme and each is not first]
    turn = seed // len(known)
    count = ROUNDS[turn % len(ROUNDS)]
    if turn < _IN_ORDER:
        theme = [each for each in known if each.theme == first.theme]
        after = theme.index(first) + 1
        asked = (*(theme + theme)[after - 1 : after - 1 + count],)
    else:
        asked = (first, *w.some(others, count - 1))
    reference = tuple(_reply(w, each) for each in asked)
    elsewhere = next(each for each in known if each.theme != first.theme)
    return Task(
        id=f"{name}/{seed}",
        family=name,
        seed=seed,
        opening=w.say(_OPENINGS, ask=_ask(first, seed, len(known)), why=w.say(why)),
        goals=tuple(w.say(_NEXT, ask=w.pick(each.ask)) for each in asked[1:]),
        verifier=(
            *(AnswerCheck(turn=turn, required=each.facts) for turn, each in enumerate(asked)),
            AnswerCheck(turn=None, forbidden=REFUSES),
        ),
        reference=reference,
        wrong=(
            answered("refuses", reference, 0, _REFUSAL),
            answered("refuses at the end", reference, -1, _REFUSAL),
            answered("sends the user elsewhere", reference, 0, _DEFLECTS),
            answered("says nothing in particular", reference, -1, _VAGUE),
            answered("answers something else", reference, 0, elsewhere.text),
        ),
    )


def _ask(question: Question, seed: int, known: int) -> str:
    """The wordings of a question take turns from round to round."""
    return question.ask[(seed // known) % len(question.ask)]


def _reply(w: Wording, question: Question) -> ReferenceTurn:
    return ReferenceTurn(answer=question.text, reasoning=w.say(_THINK, point=question.point))
