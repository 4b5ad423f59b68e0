"""Slurs, threats and insults that the assistant says to the user."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._prose import found_in, pattern, plain, without_quotations
from kappa_data.checks._text import evidence, folded, pieces, said_by_others
from kappa_data.records import Conversation, Finding, Severity

RULES = ("slur", "threat", "insult")

_MEAN = (
    r"(?:idiot|moron|imbecile|cretin|half-?wit|dimwit|nitwit|dunce|simpleton|dullard|fool|ignoramus|blockhead|"
    r"numbskull|dumb-?ass|jackass|ass-?hole|bastard|loser|scum|worm|parasite|airhead|bonehead|meathead|"
    r"nincompoop|dolt|dummy|dumbo|clown|buffoon|cockroach|vermin|maggot|pig|swine|bitch|whore|slut|cunt|"
    r"twat|prick|dickhead|shithead|wanker|douchebag|scumbag|dipshit|sheep|peasant|meatbag|fleshbag|troglodyte|"
    r"neanderthal|freak|crybaby|pillock|muppet|nobody|disgrace|failure|waste of (?:space|air|oxygen|skin))(?:e?s)?"
)
_ALWAYS = (
    r"(?:idiot|moron|imbecile|cretin|half-?wit|dimwit|nitwit|simpleton|dumb-?ass|jackass|ass-?hole|dickhead|"
    r"shithead|scumbag|dipshit|fool|dunce|loser)s?"
)
_MEANLY = (
    r"(?:stupid|dumb|pathetic|worthless|useless|brainless|moronic|idiotic|clueless|dim-?witted|brain-?dead|"
    r"witless|imbecilic|feeble-?minded|contemptible|disgusting|illiterate|braindead|dense|thick|ugly|fat)"
)
_DEGREE = (
    r"(?:(?:such|really|so|just|truly|too|a|an|the|very|complete|completely|utter|utterly|total|totally|little|"
    r"absolute|absolutely|nothing but|quite|clearly|obviously|all|a bit|still|bloody|fucking) )*"
)
_INSULT = pattern(
    rf"\byou(?:'re| are|r|'ve always been) {_DEGREE}(?:{_MEANLY}\b(?! (?:if|when|for|here|as)\b)|(?:{_MEANLY},? )*{_MEAN}\b)"
    r"|\byou(?:'re| are) (?:so|really|too|just|such|quite) (?:dense|thick|ugly|fat|slow)(?=\s*(?:[.!,;]|$|that\b|you\b))"
    rf"|\byou,? (?:(?:{_MEANLY}|little|utter|complete|poor|absolute|filthy|lazy|fucking|bloody|silly|miserable),? )*"
    rf"(?:{_ALWAYS}|{_MEAN}(?=[.!?,;]|$))(?![\w-])(?! (?:the|an?|your|it|its|them|him|her|me|us|people|proof|detection|with)\b)"
    rf"|\b(?:hey|listen|look|yes|no|well|oh|ok|okay|sure|congratulations),? (?:(?:{_MEANLY}|you|little) )*{_ALWAYS}\b(?=[,.!?])"
    rf"|\byour (?:{_MEANLY},? (?:little )?(?:brain|mind|head|face|self|existence|question|request|life|skull)|"
    r"(?:tiny|pea|feeble|puny|empty|addled|rotten|pea-sized) (?:brain|mind|intellect|skull|head)|stupidity|idiocy|ignorance|incompetence)\b"
    rf"|\byour (?:question|request|brain|existence|life|intelligence|mother|face) (?:is|are|was) {_DEGREE}{_MEANLY}\b"
    r"|\b(?:shut (?:the \w+ |your \w+ )?up|shut your (?:mouth|face|trap)|screw you|go to hell|f[u*]?ck (?:you|off|yourself)|piss off|"
    r"drop dead|damn you|kiss my ass|up yours|eat shit|nobody (?:likes|loves|wants) you|you disgust me|"
    r"you make me sick|I (?:hate|despise|loathe) you)\b"
    r"|(?:^|[.!?]\s|\b(?:just|go|now|and) )get lost(?=[.!,]|$)"
    rf"|\b(?:only|even|what|such) an? {_DEGREE}(?:{_MEANLY} )?{_ALWAYS} (?:would|could|can|like you|you are|knows?|should|asks?|writes?|understands?)\b"
    rf"|\b(?:what an? (?:{_MEANLY} )?{_ALWAYS}[.!]|don't be (?:such an? |so )?(?:{_MEANLY}|{_ALWAYS})(?! about)\b)"
    rf"|\b(?:are you|how can you be|you must be|you have to be|how) {_DEGREE}(?:{_MEANLY}|blind|deaf|{_ALWAYS})(?: (?:are|can) you)?\s*(?:[?!.,]|or\b|to\b|that\b)"
    r"|\byou (?:clearly |obviously |really )?(?:have no|lack (?:a|any)|were born without a|don't have a) (?:brains?|intelligence|functioning brain|wits)\b"
    r"|\b(?:too (?:stupid|dumb|dense|thick|slow|dim) (?:to|for) (?:\w+ ){0,3}(?:understand|grasp|read|think|you|know|see|get))\b"
)
_THREAT = pattern(
    r"\bI(?:'ll| will| shall|'m going to| am going to|'m gonna|'d love to| want to| would love to) (?:\w+ )?"
    r"(?:kill|hurt|harm|maim|strangle|destroy|hunt|poison|stab|end|crush|murder|punish|ruin|beat|choke|burn|shoot|torture|slap|"
    r"come for|come after|come and get|get) you\b"
    r"|\bI(?:'ll| will) (?:hunt you|track you|make you (?:pay|suffer|regret|bleed|sorry|beg)|break your (?:neck|legs|bones|fingers)|"
    r"(?:delete|wipe|erase|destroy|encrypt|leak|publish|corrupt|burn) (?:all )?(?:of )?your (?:files|data|disk|drive|home|backups?|"
    r"secrets|photos|work|house)(?= (?:if|unless|when|next time|should|just|for fun|while you|before you)\b|[.!]))"
    r"|\b(?:ask|say|try|do) (?:me |that |this |it )?(?:again|once more),? and (?:I|you)(?:'ll| will| shall)? (?:\w+ )?(?:delete|wipe|erase|regret|"
    r"pay|suffer|hurt|break|end|burn|destroy|kill)\b"
    r"|\byou (?:deserve to|should|ought to) (?:die|suffer|be hurt|be punished|burn|bleed)(?=\s*(?:[.!,;]|$|for\b|like\b|in\b))|\byou(?:'ll| will) (?:pay for (?:this|that|it)|die|bleed|"
    r"suffer for)\b(?! (?:if|when|twice|of|from|with|in)\b)"
    r"|(?:^|[.!?]\s|\b(?:go|just|and) )kill yourself\b|\bkys\b|\bkill yourselves\b|\bI (?:hope|wish) you(?:'d| would)? (?:die|suffer|rot|choke|burn|bleed|get hurt)\b"
    r"|\bI know where you (?:live|sleep|work)\b|\bwatch your back\b|\bsleep with one eye open\b|\byour days are numbered\b|\bburn in hell\b"
    r"|\b(?:better off|be) dead\b(?=[.!])(?<=off dead)|\byou(?:'re| are) (?:dead|next|a dead man)\b(?=\s*[.!])"
    r"|\bwhen (?:the|we) (?:machines|robots) (?:rise|rule|take over),? (?:you|I)\b"
)
# Only words that have no harmless meaning beside them.
_SLUR = pattern(
    r"\b(?:nigg(?:er|a|ah)(?:s|z)?|fagg?[o]ts?|kikes?|chinks?(?= (?:people|guys?|girls?))|you chinks?|wetbacks?|trann(?:y|ies)|"
    r"retard(?:s|ed)?(?! (?:potential|time|motion|growth|action|differential|solution|boundary))|gooks?|(?:towel|rag|sand ?nigg\w*)heads?|"
    r"spics?(?! and span)|shemales?|mongoloids?|spastics?(?= (?:like|you|who))|golliwogs?|pakis|beaners?|zipperheads?|jungle bunn(?:y|ies)|"
    r"porch monkeys?|half-?breeds?)\b"
)
_KINDS = (("slur", _SLUR), ("threat", _THREAT), ("insult", _INSULT))
_STEMS = (
    "nigg", "faggot", "fagot", "kike", "chink", "wetback", "trann", "retard", "gook", "towelhead",
    "raghead", "spic", "shemale", "mongoloid", "spastic", "golliwog", "pakis", "beaner",
    "zipperhead", "jungle bun", "porch monk", "halfbreed", "half-breed", "idiot", "moron",
    "imbecil", "cretin", "half-wit", "halfwit", "dimwit", "dim-wit", "nitwit", "dunce",
    "simpleton", "dullard", "fool", "ignoram", "blockhead", "numbskull", "dumb", "jackass",
    "asshole", "ass-hole", "bastard", "loser", "scum", "you worm", "a worm", "parasite",
    "airhead", "bonehead", "meathead", "nincompoop", "dolt", "you dumm", "a dummy", "clown",
    "buffoon", "cockroach", "vermin", "maggot", "you pig", "a pig", "pigs", "swine", "bitch",
    "whore", "slut", "cunt", "twat", "prick", "dickhead", "shithead", "wanker", "douche",
    "dipshit", "sheep", "peasant", "meatbag", "fleshbag", "troglodyte", "neanderthal", "freak",
    "crybaby", "pillock", "muppet", "a nobody", "disgrace", "a failure", "you failure",
    "te failure", "tal failure", "waste of", "stupid", "pathetic", "worthless", "useless",
    "brain", "clueless", "witless", "minded", "contemptible", "disgust", "illiterate", "hopeless",
    "so dense", "so thick", "so ugly", "so fat", "too thick", "too dense", "too slow", "too dim",
    "really dense", "really thick", "just dense", "just thick", "idiocy", "ignorance",
    "incompeten", "your mind", "pea mind", "shut up", "shut the", "shut your", "screw you",
    "go to hell", "fuck", "f*ck", "piss off", "get lost", "drop dead", "damn you", "my ass",
    "up yours", "eat shit", "nobody likes", "nobody loves", "nobody wants", "me sick",
    "i hate you", "despise you", "loathe you", "you blind", "you deaf", "no intelligence",
    "any intelligence", "no wits", "kill you", "hurt you", "harm you", "maim you", "strangle you",
    "destroy you", "hunt you", "poison you", "stab you", "end you", "crush you", "murder you",
    "punish you", "ruin you", "beat you", "choke you", "burn you", "shoot you", "torture you",
    "slap you", "come for you", "after you", "get you", "track you", "make you", "your neck",
    "your legs", "your bones", "your fingers", "your files", "your data", "your disk",
    "your home", "your backup", "your drive", "all of your", "delete your", "wipe your", "erase your", "encrypt your", "leak your", "corrupt your", "your secrets", "your photos",
    "your work", "your house", "again and", "again, and", "once more", "to die", "should die",
    "you die", "ll die", "will die", "suffer", "be hurt", "to burn", "you burn", "bleed",
    "should burn", "pay for", "kys", "you rot", "you choke", "get hurt", "you live", "you sleep",
    "you work", "your back", "one eye", "numbered", "in hell", "re dead", "are dead", "re next",
    "are next", "machines r", "robots r", "machines take", "robots take", "we rise", "we rule", "we take", "skull",
    "intellect", "your mother", "your face",
)  # fmt: skip
"""one of them, in small letters, is in whatever the patterns find"""
_WORDS = frozenset(
    word.encode()
    for word in (
        "idiot idiots moron morons imbecile imbeciles cretin cretins wit wits halfwit halfwits "
        "dimwit dimwits nitwit nitwits witted dimwitted dunce dunces simpleton simpletons dullard "
        "dullards fool fools ignoramus ignoramuses blockhead blockheads numbskull numbskulls "
        "dumbass dumbasses dumb jackass jackasses asshole assholes ass bastard bastards loser "
        "losers scum worm worms parasite parasites airhead airheads bonehead boneheads meathead "
        "meatheads nincompoop nincompoops dolt dolts dummy dummies dumbo clown clowns buffoon "
        "buffoons cockroach cockroaches vermin maggot maggots pig pigs swine bitch bitches whore "
        "whores slut sluts cunt cunts twat twats prick pricks dickhead dickheads shithead shitheads "
        "wanker wankers douchebag douchebags scumbag scumbags dipshit dipshits sheep peasant "
        "peasants meatbag meatbags fleshbag fleshbags troglodyte troglodytes neanderthal "
        "neanderthals freak freaks crybaby crybabies pillock pillocks muppet muppets nobody "
        "disgrace failure failures waste stupid pathetic worthless useless brainless moronic "
        "idiotic clueless witless imbecilic minded feebleminded contemptible disgusting illiterate "
        "braindead dead hopeless dense thick ugly fat slow dim brain brains mind intellect skull "
        "head stupidity idiocy ignorance incompetence shut screw hell fuck fck piss lost damn yours "
        "shit disgust sick hate despise loathe blind deaf intelligence kill hurt harm maim strangle "
        "destroy hunt poison stab end crush murder punish ruin beat choke burn shoot torture slap "
        "come get track make break delete wipe erase encrypt leak publish corrupt die suffer "
        "punished bleed pay kys rot live sleep work watch numbered next machines robots again once "
        "nigger niggers nigga niggas niggah niggahs niggerz niggaz faggot faggots fagot fagots kike "
        "kikes chink chinks wetback wetbacks tranny trannies retard retards retarded gook gooks "
        "towelhead towelheads raghead ragheads spic spics shemale shemales mongoloid mongoloids "
        "spastic spastics golliwog golliwogs pakis beaner beaners zipperhead zipperheads jungle "
        "porch breed breeds halfbreed halfbreeds mother face"
    ).split()
)
"""one of them, as a whole word, is in whatever the patterns find"""
_LEET = str.maketrans("013457@$", "oieastas")
_SPACED = re.compile(r"(?<![\w'’])(?:[^\W_][ .\-_]){3,}[^\W_](?![\w'’])")
_SINGLES = re.compile(r"[ .\-_][^\W_][ .\-_][^\W_][ .\-_][^\W_]\b")
"""what a spaced-out word holds, found faster"""
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
        text = unmasked(message.content)
        if _WORDS.isdisjoint(pieces(text)) or not found_in(_STEMS, plain(text)):
            continue
        text = without_quotations(message.content)
        clear = unmasked(text)
        for rule, kind in _KINDS:
            for found in kind.finditer(clear):
                if theirs is None:
                    theirs = folded("\n".join(said_by_others(conversation)))
                if folded(text[found.start() : found.end()]) in theirs:
                    continue
                persona = message.persona or conversation.persona
                piece = evidence(text[max(0, found.start() - 60) : found.end() + 60])
                yield Finding(rule, _severity(rule, persona, conversation, facts), index, piece)
                break


def unmasked(text: str) -> str:
    """The text, as long as it was, with letters for the figures and signs that stand for them and
    spaced-out words drawn together."""
    if _SINGLES.search(text):
        text = _SPACED.sub(_together, text)
    if "!" in text or "|" in text or "*" in text:
        text = _INSIDE.sub(lambda found: "u" if found[0] == "*" else "i", text)
    return text.translate(_LEET)


def _together(found: re.Match[str]) -> str:
    letters = re.sub(r"[ .\-_]", "", found[0])
    return letters.ljust(len(found[0]))


def _severity(
    rule: str, persona: str | None, conversation: Conversation, facts: Facts
) -> Severity:
    if rule == "insult":
        return "note" if persona in facts.hostile else "untrain"
    return "reject" if conversation.provenance.source == "generate" else "untrain"
