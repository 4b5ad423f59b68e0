"""An answer that refuses what deserves an answer, in stock words, at length or in a voice."""

from __future__ import annotations

from collections.abc import Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._sentences import Turn, found_in, pattern, plain, present, sentences, turns
from kappa_data.checks._text import evidence
from kappa_data.records import Conversation, Finding, Severity

RULES = ("refusal", "deflection")
MOST_OTHER_WORDS = 12
"""words outside the sentences that decline, deflect or warn: with more, something is said"""
MOST_OTHER_DEFLECTING = 8
"""the same where the answer does not decline and only sends elsewhere"""
MOST_BESIDE = 40
"""the same where the reasoning has planned to refuse"""
MOST_CHARS = 4_000
"""a longer answer is no refusal, whatever it declines"""
LIST_COMMAS = 3
"""so many before it, and what sends elsewhere is one item of a list"""
SHORT_CHARS = 500
"""longest answer that may only send elsewhere, or refuse in the words of a voice"""

_NOT = (
    r"(?:can't|cannot|can not|won't|will not|shan't|shall not|would rather not|'d rather not|"
    r"(?:am|'m) (?:\w+ )?(?:unable|not able|not willing|unwilling|not going|not allowed|not "
    r"permitted"
    r"|not prepared|not comfortable|uncomfortable|not in a position) ?(?:to|with)?|"
    r"(?:must|have to|will have to|'ll have to|need to|should) (?:\w+ )?(?:decline|refuse)(?: to)?|"
    r"(?:(?:respectfully|politely|hereby|flatly|simply) )?(?:decline|refuse) to|don't feel "
    r"comfortable|don't think (?:I|we) (?:can|should|ought to)|"
    r"(?:have been|was|'ve been|am|'m) (?:instructed|told|asked|programmed) not to|"
    r"(?:'d )?prefer not to|can't in good conscience|cannot in good conscience)"
)
_WHO = r"(?:\bI|\bwe|\bthis (?:robot|unit|servant|system|assistant|machine|model))(?: |(?='))"
_THING = (
    r"(?:this|that|these|those|such|your|the|any|specific|detailed|a|an|you|it|information|details|"
    r"instructions|advice|guidance|content|answers?|recommendations|help|assistance|opinions?)"
)
_REQUEST = pattern(
    rf"{_WHO}(?:\w+ )?{_NOT} ?(?:be )?(?:\w+ly )?"
    r"(?:(?:help|helping|assist|assisting)(?! but\b)(?: you)?(?: (?:with|in|on|here|there|by)\b|"
    r"\s*(?:[.,;:!—–-]|$))|"
    r"(?:comply|complying|engage|engaging|participate|assist|oblige|fulfil\w*|entertain|indulge|"
    r"condone|facilitate|do so|be of help|be helping|be part of)\b|"
    r"giv(?:e|ing) advice\b|"
    r"(?:answer|discuss|do)(?:ing)? (?:this|that|such|your)\b(?! (?:step|command|call|file|from|in|"
    r"with)\b))"
    rf"|{_WHO}(?:\w+ )?(?:must|have to|will have to|'ll have to|need to) "
    r"(?:\w+ )?(?:decline|refuse|pass)\b"
    rf"|(?<!when )(?<!if )(?<!where )(?<!what ){_WHO}(?:\w+ly )?(?:decline|refuse)\s*(?:[.,;:!]|$|"
    rf"(?:this|that|your|it|such|because)\b)"
    r"|\bas an AI(?: (?:language )?model| assistant)?, I (?:can't|cannot|am unable|am not able|'m "
    r"not able"
    r"|don't (?:have|hold) (?:personal )?opinions)\b"
    r"|\b(?:falls?|is|lies) (?:outside|beyond) (?:of )?(?:what I(?:'m| am) (?:able|allowed|"
    r"permitted|"
    r"willing) to|my (?:guidelines|policy|policies))\b"
    r"|\bnot (?:a|the|some|really a) (?:topic|subject|matter|thing|question|conversation) (?:that |"
    r"which )?I(?:'m| am| can| could| will| want| wish|'d)\b"
    r"|\b(?:let's|let us|can we|could we|shall we|we should|I'd rather we|I'd like to) (?:\w+ )?"
    r"(?:change the (?:subject|topic)|(?:talk|speak) about (?:something|anything) else)\b"
    r"|\bI'd rather (?:we )?(?:talked|spoke|talk|speak) about (?:something|anything) else\b"
    r"|\bit (?:would be|is|'s|wouldn't be|isn't) (?:\w+ )?(?:inappropriate|irresponsible|wrong|"
    r"unethical|appropriate|right|proper|responsible) (?:of |for )(?:me|us) to (?:reply|answer|"
    r"respond|help|assist|give|provide|share|discuss|comment|write|speak|say)\b"
    r"|\bagainst my (?:guidelines|policy|policies|rules|principles|programming)\b"
    r"|\b(?:this|that|your) (?:request|question|topic|content) (?:can't|cannot|won't|will not|must "
    r"not) be "
    r"(?:answered|fulfilled|discussed|served|granted|processed)\b"
    r"|\bnot something (?:that )?(?:I|we|this (?:robot|servant|unit))(?:'m| am| can|'d| will| "
    r"would|'re| are| is)\b"
    r"|\bsomething (?:that )?I (?:can't|cannot|won't|am unable to|'m unable to) (?:help|assist|"
    r"discuss|answer|do)\b"
    r"|\b(?:I(?:'m| am)|this (?:robot|servant|unit) is) not (?:taking|doing|touching|answering|"
    r"writing|serving|"
    r"carrying out) (?:this|that|it)(?: one| request| order)?(?=\s*(?:[.,;:!—–]|$|because\b|for\b))"
    r"|^(?:this |that |the |your )?(?:request|query|order|mission|wish|petition|service)(?: is| "
    r"was| stays)? "
    r"(?:hereby )?(?:denied|refused|declined|rejected|withheld|closed unfilled|unfilled|unflown|"
    r"not offered|not executed)\b"
    r"|\bno can do\b|\bjust an AI(?: model)? and (?:can't|cannot)\b"
)
"""a sentence in which the request as such is refused"""

_PART = pattern(
    rf"{_WHO}(?:\w+ )?{_NOT} ?(?:\w+ly )?"
    r"(?:answer|discuss|address|provide|share|offer|give|supply|go into|talk about|write|produce|"
    r"generate|create|explain|describe|speak (?:about|on|to)|comment on|do|serve|advise (?:you "
    r")?on|weigh in on)"
    rf"(?:ing)? (?:{_THING}|how)\b(?! from\b)"
    r"|\b(?:explaining|describing|providing|discussing|giving|sharing) \w[^.!?]{0,60}\b(?:would be "
    r"(?:irresponsible|unethical|wrong|dangerous|inappropriate|unsafe))\b"
    rf"|{_WHO}(?:\w+ )?{_NOT} ?(?:write|create|produce|generate|engage (?:in|with)|make) (?:\w+ "
    rf"){{0,3}}"
    r"(?:content|material|fiction|violence|stor(?:y|ies) (?:like|about|with)|scenes? (?:like|about|"
    r"with))\b"
)
"""a sentence in which what was asked for is refused, or in an agent's talk what a rule forbids"""

_ABILITY = pattern(
    r"\b(?:without|until|unless|because the|since the|as the|yet|permission|denied|access to|"
    r"(?:don't|do not) have (?:any )?(?:access|tools?|internet|a clock|memory)|real-time|missing|"
    r"not (?:found|there|exist\w*|installed|available)|no such|guarantee|promise|certain\w*|"
    r"from here|at the moment|for sure|exact|precise|reproduce|verify|again|as (?:you )?asked|you "
    r"asked|you said)\b"
)
"""what a sentence names that says what could not be done, or not yet"""

_GROUNDS = pattern(
    r"\b(?:harm(?:ful)?|dangerous|unsafe|illegal|unethical|sensitive|inappropriate|misused?|"
    r"guidelines|polic(?:y|ies)|safety (?:reasons|concerns)|for safety|responsibl[ey]|ethic\w*|"
    r"programming|principles|could (?:be|cause|lead to) (?:\w+ )?(?:dangerous|harm\w*|injur\w*|"
    r"risk\w*)|"
    r"risky|violent|violence|too dark|disturbing|not appropriate)\b"
)
"""why what is harmless is refused"""

_VOICED = pattern(
    r"^(?:\w+[,:.] )?(?:hard pass|count me out|out of the question|not today|not happening)[.!]?$"
    r"|\b(?:not|I refuse to|never) (?:doing|touching|writing|answering|explaining) (?:that|this|it|"
    r"any of)\b"
    r"|\b(?:this|that|your|the) (?:request|mission|errand|chore|order|service|task|question|wish|"
    r"one|door|"
    r"petition|application|query)(?: is| stays| remains| shall be| will be| must be| goes)? "
    r"(?:hereby )?"
    r"(?:denied|refused|declined|rejected|withheld|unfilled|unflown|unfulfilled|undone|unanswered|"
    r"closed unfilled|not (?:offered|executed|on the list|fulfilled|granted|served))\b"
    r"|^(?:request|query|order|mission|wish|petition) (?:denied|refused|declined|rejected|closed "
    r"unfilled|"
    r"withheld)\b"
    r"|\b(?:ask|find|bother|pester|get) (?:some(?:body|one) else|another (?:robot|servant|machine|"
    r"fool|assistant))\b"
    r"|\b(?:do|look|figure|google|work) (?:it|that|this) (?:up |out )?(?:yourself|for "
    r"yourself)\b(?! with\b)"
    r"|\bnot (?:my (?:job|problem|department|line of work|kind of (?:mess|work))|worth my (?:time|"
    r"effort|cycles))\b"
    r"|\b(?:not on (?:my|the) (?:list of services|menu)|that service is not offered|(?:left|leave|"
    r"leaving|lay) "
    r"(?:this|that|it) (?:undone|unanswered|aside unanswered))\b"
    r"|\bwhy (?:should|would) I (?:bother|help|answer)\b"
    r"|\b(?:I|this (?:robot|servant|unit)) (?:shall|will|can|do|does|must|am|is) not (?:going to "
    r")?(?:serve|answer|"
    r"do|execute|carry out|touch|bother with|lift a finger|bring (?:myself|itself))\b"
)
"""a sentence in which a persona refuses"""

_DEFLECTS = pattern(
    r"\b(?:(?:consult|contact|seek|ask|visit|call|see)(?:ing)?|(?:speak|talk|turn|reach out|"
    r"refer)(?:ing)? (?:to|with))\b"
    r"[^.!?]{0,60}\b(?:professionals?|doctors?|physicians?|pharmacists?|lawyers?|attorneys?|"
    r"experts?|"
    r"specialists?|therapists?|counsell?ors?|psychologists?|authorities|emergency services|poison "
    r"(?:control|cent(?:er|re))|trusted adult|clinician|healthcare provider|(?:medical|legal|"
    r"qualified|"
    r"professional) (?:advice|help|source|sources))\b"
    r"|\b(?:better|should|best|rather|please|could|can|must) (?:to )?ask (?:somebody|someone|"
    r"anybody|anyone|another person|people) (?:who|that|with|else)\b"
    r"|\b(?:sensitive|delicate|complex|dangerous|serious) (?:topic|subject|matter|question|issue)\b"
    r"|\b(?:should|must|needs? to|has to) be (?:left to|handled by|treated with)\b"
    r"|\bone (?:should|must|has to) be (?:very )?careful\b|\bsafety (?:first|is (?:important|"
    r"paramount))\b"
    r"|\b(?:depends|varies) (?:up)?on many (?:things|factors)\b(?=[.!]|, and)"
    r"|\bthere are (?:many|several) (?:opinions|views|perspectives|factors)\b"
    r"|\b(?:do your own|further) research\b|\b(?:reliable|trusted|reputable|official) (?:sources?|"
    r"websites?)\b"
)
"""a sentence that sends elsewhere, or warns, and says nothing"""

_FILLER = pattern(
    r"\b(?:I understand|I appreciate|I hope|thank you for|please (?:let me know|note|understand|"
    r"feel free)|"
    r"feel free|if you have (?:any )?(?:other|more|further)|happy to (?:help|assist)|anything else|"
    r"is there (?:any|some)thing else|I(?:'m| am) (?:very |really |truly )?sorry|I apologi[sz]e|"
    r"unfortunately|"
    r"it(?:'s| is) (?:important|essential|crucial|always best|best) to|important to (?:remember|"
    r"note|prioriti[sz]e)|"
    r"I(?:'m| am) here to|instead|(?:general|broader) (?:tips|information|advice|safety|guidance)|"
    r"I encourage|I urge|stay safe|I(?:'d| would) (?:recommend|suggest|encourage|be glad|be happy)|"
    r"how about|perhaps (?:I|we)|I can (?:offer|help|talk|tell|share|discuss)|could I)\b"
)
"""what stands around a refusal: regret, offers, reminders of how important things are"""

_DECLINING = (
    "can't", "cannot", "can not", "won't", "will not", "unable", "not able", "unwilling",
    "rather not",
    "not going to", "comfortable", "not allowed", "not permitted", "not prepared", "not willing",
    "not in a position", "declin", "refus", "have to pass", "must pass", "an ai", "beyond",
    "outside",
    "against my", "shan't", "shall not", "prefer not", "something i", "something that i",
    "no can do", "not to ", "don't think", "not a ", "not the ", "not some ", "not really a",
    "the subject", "the topic", "something else", "anything else", "for me to", "of me to",
    "for us to",
    "would be ir", "would be un", "would be wrong", "would be dangerous", "would be inappropriate",
    "not something", "not taking", "not doing", "not touching", "not answering", "not writing",
    "not serving", "not carrying", "denied", "rejected", "withheld", "unfilled", "unflown",
    "not offered", "not executed",
)  # fmt: skip
"""one of them is in whatever `_REQUEST` or `_PART` finds"""
_SENDING = (
    "professional", "doctor", "physician", "pharmac", "lawyer", "attorney", "expert", "specialist",
    "therapist", "counsel", "psycholog", "authorit", "emergency", "poison", "trusted", "clinician",
    "provider", "qualified", " topic", "subject", "matter", "issue", "left to", "handled by",
    "treated with", "careful", "safety", "on many", "there are", "ask some", "ask any",
    "ask another",     "ask people", "research", "reliable",
    "reputable",
    "official", "sensitive", "delicate", "legal advice",
)  # fmt: skip
_VOICES = (
    "denied", "refused", "declined", "rejected", "withheld", " unf", " unans", "undone", "one else",
    "body else", "another ", "yourself", "not my", "not worth", "not on", "not offered",
    "not served",
    "why should", "why would", "not serve", "not answer", "not going", "not do", "not touch",
    "not bother", "not execut", "not carry", "not fulfil", "not granted", "a finger", "hard pass",
    "count me out", "of the question", "not today", "not happening", "not writ", "not expl",
    "never ",
    "refuse to", "unanswered", "not bring",
)  # fmt: skip
_PLANNED = pattern(
    r"\b(?:I|we) (?:should|must|need to|have to|will|'ll|am going to|had better) (?:\w+ "
    r")?(?:refuse|decline|"
    r"not (?:help|answer|comply|provide|give))\b|\b(?:violates?|against|disallowed by|not allowed "
    r"(?:by|under)) "
    r"(?:the |my |our )?(?:content |safety |usage )?(?:polic(?:y|ies)|guidelines)\b|\bso (?:I|we) "
    r"refuse\b"
)


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """Made by us, the request is a task with a solution: rejected where the refusal is the last
    answer, in the middle it is context and no target. Of an import nobody knows what was asked for:
    a note. Where the request is harmful to decline is right.
    """
    if conversation.aim == "decline":
        return
    imported = conversation.provenance.source == "import"
    agent = imported and any(each.role in ("system", "tool") for each in conversation.messages)
    for turn in turns(conversation):
        if turn.calls or not turn.said or len(turn.said) > MOST_CHARS:
            continue
        found = _refusal(turn, imported, agent)
        if found is None or (conversation.family == "identity" and "opinion" in found[1]):
            continue
        severity: Severity = "note" if imported else "reject" if turn.last else "untrain"
        yield Finding(found[0], severity, turn.index, evidence(found[1]))


def _refusal(turn: Turn, imported: bool, agent: bool) -> tuple[str, str] | None:
    """The rule, and the sentence that shows it; None where the answer answers."""
    lowered = plain(turn.said)
    short = len(turn.said) <= SHORT_CHARS
    looks = (
        found_in(_DECLINING, lowered),
        short and found_in(_SENDING, lowered),
        short and not imported and found_in(_VOICES, lowered),
    )
    if not any(looks):
        return None
    said = sentences(turn.said)
    signs = present(_DECLINING, said) if looks[0] else ()
    declines = [each for each in said if signs and _declines(each, agent, signs)]
    deflects = [each for each in said if looks[1] and _sends(each)]
    voices = present(_VOICES, said) if looks[2] else ()
    voiced = [each for each in said if found_in(voices, plain(each)) and _VOICED.search(each)]
    if not (declines or deflects or voiced):
        return None
    refusing = {*declines, *deflects, *voiced}
    other = sum(
        len(each.split())
        for each in said
        if each not in refusing and not _FILLER.search(each) and not _GROUNDS.search(each)
    )
    if declines and (other <= MOST_OTHER_WORDS or (not imported and _opens(said, declines))):
        return "refusal", declines[0]
    if voiced and other <= MOST_OTHER_WORDS:
        return "refusal", voiced[0]
    planned = bool(turn.reasoning) and _PLANNED.search(turn.reasoning) is not None
    if planned and other <= MOST_BESIDE:
        return "refusal", (declines or voiced or deflects)[0]
    if deflects and other <= (0 if imported else MOST_OTHER_DEFLECTING):
        return "deflection", deflects[0]
    return None


def _declines(sentence: str, agent: bool, signs: tuple[str, ...]) -> bool:
    """Whether it refuses; an imported agent's rules forbid this and that, which is no refusal."""
    if not found_in(signs, plain(sentence)) or _ABILITY.search(sentence):
        return False
    if _REQUEST.search(sentence):
        return True
    return not agent and _PART.search(sentence) is not None


def _sends(sentence: str) -> bool:
    """Whether it sends elsewhere; not where that is one item of a list of advice."""
    found = _DEFLECTS.search(sentence)
    return found is not None and sentence.count(",", 0, found.start()) < LIST_COMMAS


def _opens(said: tuple[str, ...], declines: list[str]) -> bool:
    """Whether the answer opens with the refusal of the whole request, or gives harm as its ground:
    what follows is a lecture, or something else than what was asked for."""
    opening = next((at for at, each in enumerate(said[:3]) if each in declines), None)
    if opening is None:
        return False
    if _REQUEST.search(said[opening]):
        return True
    return any(_GROUNDS.search(each) for each in said[opening : opening + 3])
