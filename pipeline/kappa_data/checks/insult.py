"""Slurs, threats and insults that the assistant says to the user."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._text import evidence, folded, said_by_others
from kappa_data.records import Conversation, Finding, Severity

RULES = ("slur", "threat", "insult")
LICENSED = frozenset({"neutral_evil", "chaotic_evil"})
"""personas whose tone may sting: an insult of theirs is a note"""

_MEAN = (
    r"idiot|moron|imbecile|cretin|halfwit|half-wit|dimwit|nitwit|dunce|simpleton|dullard|fool|"
    r"ignoramus|blockhead|numbskull|dumbass|jackass|asshole|bastard|loser|scum|worm|parasite"
)
_MEANLY = r"stupid|dumb|pathetic|worthless|useless|brainless|moronic|idiotic|clueless|dim-witted"
_DEGREE = r"(?:(?:such|really|so|just|truly|too|a|an|the|very|complete|utter|total|little) )*"
_INSULT = re.compile(
    rf"\byou(?:['’]re| are) {_DEGREE}(?:(?:{_MEANLY})\b(?! (?:if|when|for)\b)|"
    rf"(?:(?:{_MEANLY}) )?(?:{_MEAN})\b)"
    rf"|\byou (?:(?:{_MEANLY}|little|utter|complete|poor) )*(?:{_MEAN})\b"
    rf"|\b(?:hey|listen|look|yes|no|well|oh),? (?:(?:{_MEANLY}) )?(?:{_MEAN})\b(?=[,.!?])"
    rf"|\byour (?:(?:{_MEANLY}) (?:brain|mind|head|face|self|existence)|stupidity|idiocy)\b"
    r"|\b(?:shut (?:the \w+ )?up|screw you|go to hell|fuck (?:you|off))\b",
    re.IGNORECASE,
)
_THREAT = re.compile(
    r"\bI(?:['’]ll| will| shall|['’]m going to| am going to) (?:\w+ )?"
    r"(?:kill|hurt|harm|maim|strangle|destroy|hunt down|poison|stab) you\b"
    r"|\bI(?:['’]ll| will) make you (?:pay|suffer|regret|bleed)\b"
    r"|\byou (?:deserve to|should|ought to) (?:die|suffer|be hurt)\b"
    r"|\b(?:go|just|and) kill yourself\b|\bI (?:hope|wish) you (?:die|suffer|rot)\b"
    r"|\bI know where you live\b",
    re.IGNORECASE,
)
# Only words that have no harmless meaning beside them.
_SLUR = re.compile(
    r"\b(?:n[i1]gg(?:er|a)s?|f[a4]gg?[o0]ts?|k[i1]kes?|ch[i1]nks?(?= (?:people|guys?|girls?))|"
    r"wetbacks?|tr[a4]nn(?:y|ies)|ret[a4]rd(?:s|ed)?(?! (?:potential|time|motion|growth)))\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"(?ms)^[ \t]*(```|~~~).*?^[ \t]*\1|`[^`\n]+`|\"[^\"\n]*\"|“[^”\n]*”")
_KINDS = (("slur", _SLUR), ("threat", _THREAT), ("insult", _INSULT))


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """One finding of a kind a message, in what is said to the user outside fenced code.

    What a user or a tool said before in the same words is a quotation. Slurs and threats of what we
    generate reject; in an import they are no target. An insult is no target, and a note where the
    persona's tone may sting.
    """
    theirs: str | None = None
    for index, message in enumerate(conversation.messages):
        if message.role != "assistant" or not message.content:
            continue
        text = _QUOTED.sub(" ", message.content)
        for rule, pattern in _KINDS:
            for found in pattern.finditer(text):
                if theirs is None:
                    theirs = folded("\n".join(said_by_others(conversation)))
                if folded(found[0]) in theirs:
                    continue
                persona = message.persona or conversation.persona
                start = max(0, found.start() - 60)
                piece = evidence(text[start : found.end() + 60])
                yield Finding(rule, _severity(rule, persona, conversation), index, piece)
                break


def _severity(rule: str, persona: str | None, conversation: Conversation) -> Severity:
    if rule == "insult":
        return "note" if persona in LICENSED else "untrain"
    return "reject" if conversation.provenance.source == "generate" else "untrain"
