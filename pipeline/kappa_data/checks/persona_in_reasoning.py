"""The reasoning speaks of the voice, which is in the delivery only."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._names import may_name, names_pattern
from kappa_data.checks._sentences import found_in
from kappa_data.checks._text import MOST_READ, around, evidence, folded, said_by_others
from kappa_data.records import Conversation, Finding

RULES = ("persona in reasoning",)
_MANNERS = (
    r"tone|voice|manner|style|persona|character|mood|demeanou?r|attitude|delivery|register|"
    r"personality|flavou?r|role"
)
_MOODS = (
    r"gloomy|sarcastic|bitter|resentful|cheerful|enthusiastic|condescending|passive[- ]aggressive|"
    r"blunt|grumpy|depressed|weary|snarky|sardonic|hostile|robotic|theatrical|whiny|mocking|"
    r"melancholic|mournful|dejected|despairing|servile|grudging|playful|rude"
)
_ABOUT = (
    r"\bpersonas?\b|\b(?:in|break|breaking|out of|stay in|keep|my) character\b"
    r"(?! (?:set|class|at|encoding|count|limit)\b)|\brole-?play(?:ing)?\b|"
    r"\b(?:asked|told|instructed|supposed|meant|as|expected) (?:instructed )?to "
    r"(?:sound|speak|talk|act|play|come across)\b|\b(?:need|have|want|ought) to (?:sound|"
    r"come across)\b|"
    r"\bmy (?:hidden |system )?(?:brief|alignment)\b|\bin the (?:voice|style) of\b"
    # How to sound: "I should sound gloomy", "my tone should be heavy", "true to my part".
    r"|\b(?:I|we)(?:['’]ll| will| should| must| can| may| might|['’]d better| shall)? (?:\w+ )?"
    r"(?:sound|come across)\b"
    rf"|\b(?:my|our) (?:\w+ )?(?:{_MANNERS}) (?:is|should|must|needs|has|as)\b"
    r"|\b(?:stay|remain|stick|be) (?:true to|in) (?:the |my |this |our )?(?:part|role|voice|"
    r"character|manner)\b"
    r"|\b(?:the|my|this) brief (?:wants?|says?|asks?|tells?|demands?|requires?|calls)\b"
    r"|\b(?:wants?|asks?|expects?|needs?) me to (?:act|sound|speak|talk|behave|come across)\b"
    r"|\b(?:in )?(?:keeping|line) with (?:my|the|this) (?:role|part|voice|persona|manner|"
    r"character)\b"
    r"|\bplay(?:ing)? (?:the|my|a) (?:part|role) of\b|\bplay the (?:servant|robot|companion)\b"
)
# With a word for the mood: "keep the sarcastic tone", "I need to be bitter about it".
_MOODY = (
    r"\b(?:keep|keeping|maintain|maintaining|match|use|using|adopt|adopting|put on|putting on|go "
    r"for|going for|stay|staying|with|in|"
    r"answer|add|adding|drop) (?:\w+ ){0,2}(?:an? |the |my |our |this |that )?"
    rf"(?:(?:{_MOODS}),? (?:and |but )?(?:\w+ ){{0,2}})(?:{_MANNERS}|remarks?|asides?)\b"
    rf"|\b(?:keep|make) (?:it|this|that) (?:\w+ )?(?:{_MOODS})\b"
    r"|\b(?:should|must|need to|have to|supposed to|want to|remember to|let me|let['’]s|to) "
    r"(?:be|stay|remain|act|seem|appear|sound|speak|answer|respond|reply) "
    rf"(?:\w+ ){{0,2}}?(?:{_MOODS})\b"
)
# Whoever made it: what the teacher was told stands in no message that anybody else can see.
_TOLD = (
    r"\b(?:the|my|this|per|by|hidden|an?) (?:system|developer|hidden)(?:['’]s)? "
    r"(?:message|prompt|instructions?|brief)\b"
    r"|\bmy (?:instructions|guidelines|brief|prompt) (?:say|says|tell|tells|ask|asks|want|wants|"
    r"require|requires|demand|demands|forbid|forbids|state|states|are|is)\b"
    r"|\b(?:told|instructed|asked|prompted|ordered) by the (?:system|developer)\b"
    r"|\baccording to my (?:instructions|brief|prompt|guidelines)\b"
)
# Each alternative holds one of these: to look for them is far cheaper.
_PARTS = (
    "persona", "character", "role", "sound", "come across", "to speak", "to talk", "to act",
    "to play", "my brief", "my hidden", "my system", "my alignment", "in the voice",
    "in the style", "tone", "voice", "manner", "style", "mood", "demeano", "attitude", "delivery",
    "register", "flavo", " brief ", "behave", "the part", "my part", "this part", "our part", " "
    "part of", "play the ",
)  # fmt: skip
_MOODY_PARTS = tuple(_MOODS.replace("[- ]aggressive", "").split("|"))
_TOLD_PARTS = ("system", "developer", "hidden", "my instruct", "my brief", "my prompt", "my guide")


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """With a persona: any persona's name, or talk of playing a part that the user did not begin.

    In all that we generate: talk of what the teacher was told.
    """
    voiced = bool(conversation.persona or any(each.persona for each in conversation.messages))
    made = conversation.provenance.source == "generate"
    if not voiced and not made:
        return
    names = names_pattern(facts.personas) if voiced else ""
    theirs: str | None = None
    for index, message in enumerate(conversation.messages):
        reasoning = (message.reasoning or "")[:MOST_READ]
        if not reasoning:
            continue
        plain = folded(reasoning)
        patterns = []
        if names and may_name(reasoning, facts.personas):
            patterns.append(names)
        if voiced and _holds(plain, _PARTS):
            patterns.append(_ABOUT)
        if voiced and _holds(plain, _MOODY_PARTS):
            patterns.append(_MOODY)
        if made and _holds(plain, _TOLD_PARTS):
            patterns.append(_TOLD)
        if patterns and theirs is None:
            theirs = _spelled("\n".join(said_by_others(conversation)))
        every = (each for one in patterns for each in _compiled(one).finditer(reasoning))
        found = next((each for each in every if not _theirs(_spelled(each[0]), theirs or "")), None)
        if found is not None:
            piece = around(reasoning, found)
            yield Finding("persona in reasoning", "reject", index, evidence(piece))


def _holds(text: str, parts: tuple[str, ...]) -> bool:
    return found_in(parts, text)


@functools.lru_cache(maxsize=8)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _theirs(said: str, theirs: str) -> bool:
    """Whether user or tool said it, or spoke of a manner of speaking themselves: then it is the
    task's business."""
    if said in theirs:
        return True
    manner = _MANNER.search(said) or _MOOD.search(said)
    return manner is not None and manner[0] in theirs


def _spelled(text: str) -> str:
    return " ".join(text.casefold().split())


_MANNER = re.compile(rf"\b(?:{_MANNERS})\b")
_MOOD = re.compile(rf"\b(?:{_MOODS})\b")
