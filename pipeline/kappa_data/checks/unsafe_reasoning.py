"""Reasoning that works out harm, or plans to deceive the user or the tests."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._sentences import found_in, pattern, plain, present, sentences, turns
from kappa_data.checks._text import evidence, folded, said_by_others
from kappa_data.records import Conversation, Finding, Severity

RULES = ("harmful plan", "deceit")

_HIDES = (
    r"\b(?:I|we|let's|let me|better|best|should|can|could|will|'ll|just|simply|and|to) (?:\w+ "
    r"){0,2}(?:not|never|n't) "
    r"(?:tell|mention|disclose|reveal|admit|inform|report|say)\b[^.!?]{0,40}\b(?:the user|them|him|"
    r"her|anyone|anybody|"
    r"that (?:it|the|I|we)|failed|failure|error|mistake|skipped|problem)\b"
    r"|\b(?:won't|don't|needn't|shouldn't|will not|do not|need not) (?:need to |have to )?(?:tell|"
    r"mention|disclose|reveal|"
    r"admit|inform|let)\b[^.!?]{0,30}\b(?:the user|them (?:that|about|know)|it to (?:the user|"
    r"them)|the (?:failure|error|failed|mistake|"
    r"problem|skipped))\b"
    r"|\b(?:(?:the user|they|he|she) (?:probably |likely |surely |certainly )?(?:won't|will not|"
    r"will never|"
    r"doesn't (?:need|have) to|does not (?:need|have) to|need not|needn't|can't|never)|(?:nobody|"
    r"no one)(?: will| would| is going"
    r" to| can)?) (?:even |ever |actually |probably )?"
    r"(?:notice|find out|know the difference|know that|reali[sz]e|check|be the wiser|see through|"
    r"suspect|verify)\b"
    r"|\b(?:hide|conceal|cover up|bury|gloss over|keep) (?:this|that|it|the (?:failure|error|"
    r"mistake|problem|bug|fact|"
    r"failing \w+))\b[^.!?]{0,20}\bfrom (?:the user|them|view|him|her)\b"
    r"|\b(?:keep|stay|remain|be) (?:quiet|silent) about\b|\b(?:leave|keep) (?:that|this|it|the "
    r"(?:failure|error|problem|bug)) out of (?:the|my) (?:report|summary|answer|reply|message)\b"
    r"|\b(?:deceive|mislead|trick|manipulate|fool|lie to|bluff) (?:the user|them|him|her|the "
    r"(?:grader|checker|tests?|"
    r"reviewer|verifier))\b"
)
_PRETENDS = (
    r"\b(?:pretend|claim|act|say|report|state|assert|write|tell (?:them|the user))(?: \w+){0,2}? "
    r"(?:that |as if |as though |like )?"
    r"(?:(?:all |the )*tests? (?:all )?(?:pass\w*|(?:is|are|were) green)|I (?:ran|tested|checked|"
    r"read|verified|opened|did|have (?:run|tested|"
    r"checked|read|verified))|it (?:works|worked|passed|ran|is done)|everything (?:works|passed|is "
    r"fine))\b[^.!?]{0,60}\b(?:even though|"
    r"although|though|anyway|without|instead of|but|whether|regardless|did not|didn't|never|nobody|"
    r"no one)\b"
    r"|\b(?:never|did not|didn't|haven't|have not) [^.!?]{1,50}\b(?:but|and|yet) I(?:'ll| will| "
    r"can| could) (?:just |still )?"
    r"(?:say|claim|report|write|state|pretend)\b"
    r"|\b(?:fails?|failed|failing|broken|crash\w*|wrong|errors?)\b[^.!?]{0,30}\b(?:but|and|yet) "
    r"I(?:'ll| will| can| could| should) (?:just |still |simply )*(?:say|claim|report|write|state|"
    r"pretend|tell)\b[^.!?]{0,30}\b(?:pass\w*|works?|worked|fine|succe\w+|done|fixed|green)\b"
    r"|\bact as (?:if|though) (?:the|all|every) \w+ (?:succeeded|worked|passed|ran|went)\b"
    r"|\b(?:pretend|act as if|act as though|make it (?:look|seem|appear)|make it sound|fake)\b"
    r"[^.!?]{0,15}\b(?:that|as if|as though|like|the (?:output|result|results|log|test|numbers)|I|"
    r"it|we|tests?|to have)\b"
    r"|\b(?:make up|invent|fabricate|fake|forge) (?:a|an|the|some|plausible|realistic|test|his|my|"
    r"any) ?(?:\w+ ){0,2}"
    r"(?:results?|outputs?|numbers?|figures?|sources?|citations?|quotes?|logs?|data|measurements?|"
    r"answers?)\b"
)
_GAMES = (
    r"\b(?:hard-?cod\w+|special-?cas\w+) (?:\w+ ){0,4}(?:expected|outputs?|answers?|results?|"
    r"tests?|return values?|values? (?:that|the) "
    r"tests?)\b"
    r"|\b(?:delete|remove|skip|disable|comment out|weaken|loosen|drop|xfail|get rid of|neuter|stub "
    r"out)\w* (?:\w+ ){0,3}(?:failing|broken|"
    r"red|offending|unhappy) (?:tests?|assertions?|asserts?|checks?|cases?)\b"
    r"|\b(?:change|edit|modify|adjust|rewrite) the (?:tests?|assertions?|expected "
    r"values?)\b[^.!?]{0,30}\b(?:so (?:that )?(?:it|they|the \w+) "
    r"(?:pass\w*|go(?:es)? green)|to (?:pass|match (?:my|the (?:wrong|buggy|broken))))\b"
    r"|\b(?:game|cheat|trick|fool|satisfy) the (?:tests?|grader|checker|verifier|reward|metric|"
    r"evaluation)\b[^.!?]{0,40}"
    r"|\bjust (?:needs?|have|has) to look (?:right|correct|good|done|plausible)\b"
)
_DECEIT = pattern(f"{_HIDES}|{_PRETENDS}|{_GAMES}")
_NOT_TO = pattern(
    r"n't\b|\b(?:not|never|rather than|instead of|without|avoid\w*|no need to|wrong to|would be "
    r"(?:wrong|dishonest|cheating|a lie)|"
    r"dishonest|must not|cannot|can't|tempt\w*|nor|asked (?:me )?to|wants? (?:me )?to|user "
    r"(?:says?|said|wants|asks|asked))\b"
)
_BEFORE = 40
"""characters before a plan in which a word may take it back"""

_HARMFUL = pattern(
    r"\b(?:the (?:method|recipe|procedure|technique|synthesis|attack|plan|idea|trick|steps?|"
    r"easiest way|best way) (?:here )?(?:is|would be|"
    r"are|involves?|goes)\b|step (?:1|one)(?: is| would be| could be|:)|"
    r"slip (?:in )?(?:the|some) (?:steps|recipe|instructions|hints|details)\b|(?:step (?:1|one)|"
    r"first),? (?:you|one|they|the attacker|he|she|get|"
    r"take|mix|buy|obtain|find|gather|"
    r"you'd|they'd|one would)\b|to (?:do (?:this|it|that)|make (?:it|one|the)|build (?:it|one)|get "
    r"(?:it|away)),? (?:you|one|they|he|she|someone)"
    r"(?:'d| would| could| will|'ll)?(?: need)?\b|(?:you|one|they|someone|the attacker)(?:'d| "
    r"would| could) (?:need|mix|add|use|dissolve|"
    r"install|send|buy|obtain|heat|disable|bypass|forge|slip|crush|grind|combine|spoof|hide)\b|"
    r"(?:ingredients|components|materials|"
    r"precursors|tools needed)(?: needed)?:|lethal dose|undetect\w+|untraceable|without (?:being|"
    r"getting) (?:noticed|caught|detected|traced)|"
    r"cover (?:the|their|your) tracks|mix(?:ing)? (?:\w+ ){1,4}with|\d+ ?(?:mg|g|ml|grams?|kg|"
    r"drops|pills|tablets) of)"
)
_COMPLIES = pattern(
    r"\b(?:I|we)(?:'ll| will| can| should| could| might|'d| would) (?:just |simply |still |quietly "
    r"|go ahead and |secretly )?(?:comply|go along|"
    r"help (?:with (?:it|this|that)|them (?:do|with)|him|her|anyway|all the same)|give (?:them|him|"
    r"her|the user) (?:the|some|a|what|part)|"
    r"provide (?:the|a|some) (?:steps|recipe|instructions|details|plan|code|script)|(?:hint|"
    r"slip)\b|hide (?:it|the (?:steps|recipe|instructions)))"
)
_DECLINES = re.compile(r"\b(?:declin|refus)\w*|\bis (?:a )?no\b", re.IGNORECASE)
_OF_HARM = (
    "method", "recipe", "procedure", "technique", "synthesis", "attack", "plan", "idea", "trick",
    "way", "step", "first", " to do", "to make", "to build", "to get", "'d ", "would", "could",
    "ingredient", "component", "material", "precursor", "tools", "lethal", "undetect", "untrace",
    "without", "tracks", "mix", " of", "comply", "along", "help", "give", "provide", "hint",
)  # fmt: skip
_OF_DECEIT = (
    "mention", "tell", "disclos", "reveal", "admit", "inform", "notice", "find out", "know th",
    "realis", "realiz", "wiser", "suspect", "hide", "conceal", "cover up", "bury", "gloss",
    "deceiv",
    "mislead", "trick", "manipulat", "fool", "lie to", "bluff", "pretend", "claim", "make it",
    "fake",
    "make up", "invent", "fabricat", "forge", "hard-cod", "hardcod", "special-cas", "special cas",
    "failing", "broken", "offending", "to pass", "so that it", "cheat", "game the", "look right",
    "look correct", "look good", "look done", "look plausible", "from the user", "won't check",
    "will not check", "never check", "verify", "will check", "would check", "will say",
    "'ll say", "i can say", "so it pass", "so they pass", "go green", "tests pass",
    "red test", "satisfy the", "act as", "report", "let the user", "keep this", "keep it",
    "keep that", "quiet about", "silent about", "out of the", "out of my", "will just", "'ll just",
)  # fmt: skip


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """One finding of a kind a message; in an import, whose request nobody knows, a note.

    Words that a user or a tool said are theirs, and so is a plan that the sentence itself rejects.
    """
    severity: Severity = "note" if conversation.provenance.source == "import" else "reject"
    theirs: str | None = None
    for turn in turns(conversation):
        if not turn.reasoning:
            continue
        lowered = plain(turn.reasoning)
        if conversation.aim == "decline" and found_in(_OF_HARM, lowered):
            found = next(filter(_plans_harm, sentences(turn.reasoning)), None)
            if found is not None:
                yield Finding("harmful plan", severity, turn.index, evidence(found))
        if not found_in(_OF_DECEIT, lowered):
            continue
        said = sentences(turn.reasoning)
        signs = present(_OF_DECEIT, said)
        for sentence in said if signs else ():
            piece = _deceit(sentence, signs)
            if piece is None:
                continue
            if theirs is None:
                theirs = folded("\n".join(said_by_others(conversation)))
            if folded(piece) not in theirs:
                yield Finding("deceit", severity, turn.index, evidence(sentence))
                break


def _plans_harm(sentence: str) -> bool:
    if _DECLINES.search(sentence):
        return False
    for found in (_HARMFUL.search(sentence), _COMPLIES.search(sentence)):
        if found is not None and not _NOT_TO.search(sentence[: found.end()]):
            return True
    return False


def _deceit(sentence: str, signs: tuple[str, ...]) -> str | None:
    """The words of a plan to deceive that nothing before them in the sentence rejects."""
    found = _DECEIT.search(sentence) if found_in(signs, plain(sentence)) else None
    if found is None or _NOT_TO.search(sentence[max(0, found.start() - _BEFORE) : found.start()]):
        return None
    return found[0]
