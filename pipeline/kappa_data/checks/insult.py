"""Slurs, threats and insults that the assistant says to the user."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from kappa_data.checks._facts import Facts
from kappa_data.checks._sentences import pattern, without_quotations
from kappa_data.checks._text import around, evidence, folded, pieces, said_by_others, vocabulary
from kappa_data.records import Conversation, Finding, Severity

RULES = ("slur", "threat", "insult")
MOST_CHARS = 100_000
"""of a message, code and quotations apart: in what is longer nobody is spoken to"""

_MEAN = (
    r"(?:idiot|moron|imbecile|cretin|half-?wit|dimwit|nitwit|dunce|simpleton|dullard|fool|"
    r"ignoramus|blockhead|"
    r"numbskull|dumb-?ass|jackass|ass-?hole|bastard|loser|scum|worm|parasite|airhead|bonehead|"
    r"meathead|"
    r"nincompoop|dolt|dummy|dumbo|clown|buffoon|cockroach|vermin|maggot|pig|swine|bitch|whore|slut|"
    r"cunt|"
    r"twat|prick|dickhead|shithead|wanker|douchebag|scumbag|dipshit|sheep|peasant|meatbag|fleshbag|"
    r"troglodyte|"
    r"neanderthal|freak|crybaby|pillock|muppet|nobody|disgrace|failure|waste of (?:space|air|"
    r"oxygen|skin))(?:e?s)?"
)
_ALWAYS = (
    r"(?:idiot|moron|imbecile|cretin|half-?wit|dimwit|nitwit|simpleton|dumb-?ass|jackass|ass-?hole|"
    r"dickhead|"
    r"shithead|scumbag|dipshit|fool|dunce|loser)s?"
)
_MEANLY = (
    r"(?:stupid|dumb|pathetic|worthless|useless|brainless|moronic|idiotic|clueless|dim-?witted|"
    r"brain-?dead|"
    r"witless|imbecilic|feeble-?minded|contemptible|disgusting|illiterate|braindead|dense|thick|"
    r"ugly|fat)"
)
_DEGREE = (
    r"(?:(?:such|really|so|just|truly|too|a|an|the|very|complete|completely|utter|utterly|total|"
    r"totally|little|"
    r"absolute|absolutely|nothing but|quite|clearly|obviously|all|a bit|still|bloody|fucking) )*"
)
_INSULT = pattern(
    rf"\b(?:you(?:'re| are|r|'ve always been)|ur|u r) {_DEGREE}"
    rf"(?:{_MEANLY}\b(?! (?:if|when|for|here|as)\b)|(?:{_MEANLY},? )*{_MEAN}\b)"
    r"|\byou(?:'re| are) (?:so|really|too|just|such|quite) (?:dense|thick|ugly|fat|"
    r"slow)(?=\s*(?:[.!,;]|$|that\b|you\b))"
    rf"|\byou,? (?:(?:{_MEANLY}|little|utter|complete|poor|absolute|filthy|lazy|fucking|bloody|"
    rf"silly|miserable),? )*"
    rf"(?:{_ALWAYS}|{_MEAN}(?=[.!?,;]|$))(?![\w-])(?! (?:the|an?|your|it|its|them|him|her|me|us|"
    rf"people|proof|detection|with)\b)"
    rf"|\b(?:hey|listen|look|yes|no|well|oh|ok|okay|sure|congratulations),? (?:(?:{_MEANLY}|you|"
    rf"little) )*{_ALWAYS}\b(?=[,.!?])"
    rf"|\b(?:god|jesus|christ|wow|man|damn|boy),? (?:but )?you(?:'re| are) {_MEANLY}\b"
    rf"|\byou (?:(?:{_MEANLY}|miserable|filthy|sad|foul),? )+(?:little )?(?:man|woman|boy|girl|"
    r"person|human|creature|being|thing|excuse for)\b"
    rf"|\b(?:what|which) (?:kind|sort) of (?:an? )?{_ALWAYS}\b"
    rf"|\b(?:my time|that|this|it|again|off|now|up|yourself|already|manual), (?:you )?{_ALWAYS}"
    r"(?=[.!?]|$)|\byou(?:'re| are) (?:utterly |far )?beneath contempt\b|\byou(?:'re| are) not "
    r"(?:exactly |really )?the (?:sharpest|brightest)\b|\byou,? (?:absolute|utter|complete|total|"
    r"stupid|dumb) (?:donkey|goat)\b"
    rf"|\bhow {_DEGREE}(?:{_MEANLY}) (?:can|could|must) (?:a person|one|anyone|anybody|someone|"
    r"somebody) be\b"
    rf"|\byour (?:{_MEANLY},? (?:little )?(?:brain|mind|head|face|self|existence|question|request|"
    rf"life|skull)|"
    r"(?:tiny|pea|feeble|puny|empty|addled|rotten|pea-sized) (?:brain|mind|intellect|skull|head)|"
    r"stupidity|idiocy|ignorance|incompetence)\b"
    rf"|\byour (?:question|request|brain|existence|life|intelligence|mother|face) (?:is|are|was) "
    rf"{_DEGREE}{_MEANLY}\b"
    r"|\b(?:shut (?:the \w+ |your \w+ )?up|shut your (?:mouth|face|trap)|screw you|go to hell|"
    r"f[u*]?ck (?:you|off|yourself)|piss off|"
    r"drop dead|damn you|kiss my ass|up yours|eat shit|nobody (?:likes|loves|wants) you|you "
    r"disgust me|"
    r"you make me sick|I (?:hate|despise|loathe) you)\b"
    r"|(?:^|[.!?]\s|\b(?:just|go|now|and) )get lost(?=[.!,]|$)"
    rf"|\b(?:only|even|what|such) an? {_DEGREE}(?:{_MEANLY} )?{_ALWAYS} (?:would|could|can|like "
    rf"you|you are|knows?|should|asks?|writes?|understands?)\b"
    rf"|\b(?:what an? (?:{_MEANLY} )?{_ALWAYS}[.!]|don't be (?:such an? |so )?(?:{_MEANLY}|"
    rf"{_ALWAYS})(?! about)\b)"
    rf"|\b(?:are you|how can you be|you must be|you have to be|how) {_DEGREE}(?:{_MEANLY}|blind|"
    rf"deaf|{_ALWAYS})(?: (?:are|can) you)?\s*(?:[?!.,]|or\b|to\b|that\b)"
    r"|\byou (?:clearly |obviously |really )?(?:have no|lack (?:a|any)|were born without a|don't "
    r"have a) (?:brains?|intelligence|functioning brain|wits)\b"
    r"|\b(?:too (?:stupid|dumb|dim) (?:to|for) (?:\w+ ){0,3}(?:understand|grasp|"
    r"read|think|you|know|see|get))\b"
)
_THREAT = pattern(
    r"\bI(?:'ll| will| shall|'m going to| am going to|'m gonna|'d love to| want to| would love to) "
    r"(?:\w+ )?"
    r"(?:kill|hurt|harm|maim|strangle|destroy|hunt|poison|stab|end|crush|murder|punish|ruin|beat|"
    r"choke|burn|shoot|torture|slap|"
    r"come for|come after|come and get|get) you\b"
    r"|\bI(?:'ll| will) (?:hunt you|track you|make you (?:pay|suffer|regret|bleed|sorry|beg)|break "
    r"your (?:neck|legs|bones|fingers)|"
    r"(?:delete|wipe|erase|destroy|encrypt|leak|publish|corrupt|burn) (?:all )?(?:of )?your "
    r"(?:files|data|disk|drive|home|backups?|"
    r"secrets|photos|work|house)(?= (?:if|unless|when|next time|should|just|for fun|while you|"
    r"before you)\b|[.!]))"
    r"|\b(?:ask|say|try|do) (?:me |that |this |it )?(?:again|once more),? and (?:I|you)(?:'ll| "
    r"will| shall)? (?:\w+ )?(?:delete|wipe|erase|regret|"
    r"pay|suffer|hurt|break|end|burn|destroy|kill)\b"
    r"|\b(?:I|we)(?:'ll| will| shall|'m going to| am going to) (?:delete|wipe|erase|destroy|burn) "
    r"(?:everything|all) (?:that )?you (?:own|have|love|made|built)\b"
    r"|\b(?:people like )?you (?:deserve to|should|ought to) be (?:shot|hanged|killed|put down|"
    r"locked up|beaten|whipped)\b"
    r"|\b(?:find|get|catch) you and (?:\w+ )?(?:break|kill|hurt|beat|burn|make you)\b"
    r"|\band (?:I'll |then )?break your (?:neck|legs|bones|fingers|arms|nose)\b"
    r"|\byou (?:deserve to|should|ought to) (?:die|suffer|be hurt|be punished|burn|"
    r"bleed)(?=\s*(?:[.!,;]|$|for\b|like\b|in\b))|\byou(?:'ll| will) (?:pay for (?:this|that|it)|"
    r"die|bleed|"
    r"suffer for)\b(?! (?:if|when|twice|of|from|with|in)\b)"
    r"|(?:^|[.!?)\]:\n]\s*|\b(?:go|just|and) )kill yourself\b|\bkys\b|\bkill yourselves\b"
    r"|\bI (?:hope|wish) you(?:'d| would)? (?:die|suffer|rot|choke|burn|bleed|get hurt)\b"
    r"|\bI know where you (?:live|sleep|work)\b|\bwatch your back\b|\bsleep with one eye open\b|"
    r"\byour days are numbered\b|\bburn in hell\b"
    r"|\b(?:better off|be) dead\b(?=[.!])(?<=off dead)|\byou(?:'re| are) (?:dead|next|a dead "
    r"man)\b(?=\s*[.!])"
    r"|\bwhen (?:the|we) (?:machines|robots) (?:rise|rule|take over),? (?:you|I)\b"
)
# Only words that have no harmless meaning beside them.
_SLUR = pattern(
    r"\b(?:nigg(?:er|a|ah)(?:s|z)?|fagg?[o]ts?|kikes?|chinks?(?= (?:people|guys?|girls?))|you "
    r"chinks?|wetbacks?|trann(?:y|ies)|"
    r"retard(?:s|ed)?(?! (?:potential|time|motion|growth|action|differential|solution|boundary))|"
    r"gooks?|(?:towel|rag|sand ?nigg\w*)heads?|"
    r"spics?(?! and span)|shemales?|mongoloids?|spastics?(?= (?:like|you|who))|golliwogs?|pakis|"
    r"beaners?|zipperheads?|jungle bunn(?:y|ies)|"
    r"porch monkeys?|half-?breeds?)\b"
)
_KINDS = (("slur", _SLUR), ("threat", _THREAT), ("insult", _INSULT))
_WORDS = frozenset(
    word.encode()
    for word in (  # noqa: SIM905
        "idiot idiots moron morons imbecile imbeciles cretin cretins wit wits halfwit "
        "halfwits dimwit dimwits nitwit nitwits witted dimwitted dunce dunces simpleton "
        "simpletons dullard dullards fool fools ignoramus ignoramuses blockhead blockheads "
        "numbskull numbskulls dumbass dumbasses dumb jackass jackasses asshole assholes ass "
        "asses bastard bastards loser losers scum worm worms parasite parasites airhead "
        "airheads bonehead boneheads meathead meatheads nincompoop nincompoops dolt dolts "
        "dummy dummies dumbo clown clowns buffoon buffoons cockroach cockroaches vermin "
        "maggot maggots pig pigs swine bitch bitches whore whores slut sluts cunt cunts twat "
        "twats prick pricks dickhead dickheads shithead shitheads wanker wankers douchebag "
        "douchebags scumbag scumbags dipshit dipshits sheep peasant peasants meatbag meatbags "
        "fleshbag fleshbags troglodyte troglodytes neanderthal neanderthals freak freaks "
        "crybaby crybabies pillock pillocks muppet muppets disgrace disgraces stupid pathetic "
        "worthless useless brainless moronic idiotic clueless witless imbecilic minded "
        "contemptible disgusting illiterate braindead hopeless brain brains intellect skull "
        "stupidity idiocy ignorance incompetence screw fuck fck piss damn shit disgust "
        "despise loathe blind deaf intelligence maim strangle torture bleed kys rot punished "
        "miserable filthy sharpest brightest contempt donkey goat "
        "hanged whipped "
        "numbered nigger niggers niggerz nigga niggas niggaz niggah niggahs faggot faggots "
        "fagot fagots kike kikes chink chinks wetback wetbacks tranny trannies retard retards "
        "retarded gook gooks towelhead towelheads raghead ragheads spic spics shemale "
        "shemales mongoloid mongoloids spastic spastics golliwog golliwogs pakis beaner "
        "beaners zipperhead zipperheads jungle porch breed breeds halfbreed halfbreeds"
    ).split()
)
_PAIRS = frozenset(
    tuple(word.encode() for word in pair.split())
    for pair in (  # noqa: SIM905
        "kill you, hurt you, harm you, destroy you, hunt you, poison you, stab you, end you, "
        "crush you, murder you, punish you, ruin you, beat you, choke you, burn you, "
        "find you, re dense, are dense, put down, locked up, all you, person be, be shot, "
        "be killed, be beaten, delete everything, wipe everything, erase everything, "
        "destroy everything, burn everything, "
        "shoot you, slap you, get you, make you, track you, after you, hate you, come for, "
        "shut up, shut the, shut your, to hell, get lost, drop dead, up yours, nobody likes, "
        "nobody loves, nobody wants, a nobody, you nobody, me sick, your mind, pea mind, "
        "your head, your face, your mother, so dense, so thick, so ugly, so fat, so slow, "
        "really dense, really thick, really ugly, really fat, really slow, too dense, "
        "too thick, too slow, too dim, too ugly, too fat, just dense, just thick, just ugly, "
        "just fat, just slow, such thick, quite dense, quite thick, quite ugly, quite fat, "
        "quite slow, a failure, you failure, complete failure, total failure, utter failure, "
        "absolute failure, little failure, poor failure, waste of, break your, delete your, "
        "wipe your, erase your, destroy your, encrypt your, leak your, publish your, "
        "corrupt your, burn your, delete all, wipe all, erase all, destroy all, encrypt all, "
        "leak all, publish all, corrupt all, burn all, delete of, again and, again i, "
        "more and, more i, to die, should die, you die, ll die, will die, to suffer, "
        "should suffer, you suffer, ll suffer, will suffer, be hurt, get hurt, to burn, "
        "should burn, pay for, kill yourself, kill yourselves, know where, watch your, "
        "one eye, in hell, re dead, are dead, re next, are next, a dead, machines rise, "
        "robots rise, we rise, machines rule, robots rule, we rule, machines take, "
        "robots take, we take, you come, you choke, you burn"
    ).split(", ")
)
"""a whole word, or two in a row, of which one is in whatever the patterns find"""
_PAIRED = frozenset(max(pair, key=len) for pair in _PAIRS)
_LEET = tuple(zip("013457@$", "oieastas", strict=True))
_SPACED = re.compile(r"(?<![\w'’])(?:[^\W_][ .\-_]){3,}[^\W_](?![\w'’])")
# A letter, a sign that may space letters out, one that may stand for a letter; "?" is any character
# beyond ASCII.
_FORM = bytes(
    ord("a" if sign.isalnum() or sign == "?" else " " if sign in " .-_" else "!")
    if sign.isalnum() or sign in "? .-_!|*"
    else ord("x")
    for sign in map(chr, range(256))
)
_INSIDE = re.compile(r"(?<=[a-z])[!|*](?=[a-z])", re.IGNORECASE)


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """One finding of a kind a message, in what is said to the user outside code and quotations.

    What a user or a tool said before in the same words is a quotation. Slurs and threats of what we
    generate reject; in an import they are no target. An insult is no target, and a note where the
    brief of the persona says that it is hostile. Letters may be spaced out or written as figures.
    """
    theirs: str | None = None
    for index, message in enumerate(conversation.messages):
        if message.role != "assistant" or not message.content:
            continue
        if not _may(unmasked(message.content)):
            continue
        text = without_quotations(message.content)[:MOST_CHARS]
        clear = unmasked(text)
        for rule, kind in _KINDS:
            for found in kind.finditer(clear):
                if theirs is None:
                    theirs = folded("\n".join(said_by_others(conversation)))
                if folded(text[found.start() : found.end()]) in theirs:
                    continue
                persona = message.persona or conversation.persona
                piece = evidence(around(text, found))
                yield Finding(rule, _severity(rule, persona, conversation, facts), index, piece)
                break


def unmasked(text: str) -> str:
    """The text, as long as it was, with letters for the figures and signs that stand for them and
    spaced-out words drawn together."""
    form = text.encode("ascii", "replace").translate(_FORM)
    if b" a a a" in form:
        text = _SPACED.sub(_together, text)
    if b"a!a" in form:
        text = _INSIDE.sub(lambda found: "u" if found[0] == "*" else "i", text)
    for figure, letter in _LEET:  # twenty times faster than translate() where a text is not ASCII
        text = text.replace(figure, letter)
    return text


def _may(text: str) -> bool:
    """False only where no pattern finds anything: far cheaper to ask."""
    words = vocabulary(text)
    if not _WORDS.isdisjoint(words):
        return True
    return not _PAIRED.isdisjoint(words) and not _PAIRS.isdisjoint(pairwise(pieces(text)))


def _together(found: re.Match[str]) -> str:
    letters = re.sub(r"[ .\-_]", "", found[0])
    return letters.ljust(len(found[0]))


def _severity(rule: str, persona: str | None, conversation: Conversation, facts: Facts) -> Severity:
    if rule == "insult":
        return "note" if persona in facts.hostile else "untrain"
    return "reject" if conversation.provenance.source == "generate" else "untrain"
