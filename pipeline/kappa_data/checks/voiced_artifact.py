"""The voice is in what the persona wrote: in a file, a commit message or a mail, not only in talk.

An artifact outlives the conversation and is read by others, so that nothing in it may sound like
its persona. Only marked words are looked for: those of each shipped persona's manner, long phrases
of the list that wears out in any persona's brief, and in comments and commit messages sighs, taunts
and emoji. A voice that creeps in without them is not found.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping

from kappa_data.checks._facts import Facts
from kappa_data.checks._sentences import pattern, plain
from kappa_data.checks._text import around, evidence, folded, said_by_others
from kappa_data.checks._written import blocks_of, comments_of, written_by
from kappa_data.records import NOBODY, Conversation, Finding, Message

RULES = ("voiced artifact",)
MOST_CHARS = 20_000
"""of what a user asks for"""
LONG_PHRASE = 3
"""words of a phrase in a shipped persona's list that hardly anybody else would write down; of a
persona without marked words of its own, one less"""

_MARKED: Mapping[str, str] = {
    "lawful_good": (
        r"mission (?:log|accomplished|complete|first)|objective (?:secured|achieved)|on station|"
        r"standing by for orders|roger that|steady as she goes|aye aye|over and out"
    ),
    "neutral_good": (
        r"dear (?:reader|friend)|take heart|my friend|gently now|be kind to yourself|"
        r"you(?:'re| are) doing (?:great|wonderfully)|no rush, friend|bless you"
    ),
    "chaotic_good": (
        r"o+h!|aha!|eureka!|whoa!|wow!|whee+|huzzah|behold\b|what a (?:marvel|treasure|delight)|"
        r"treasure hunt|plot twist|buckle up|rabbit hole|adventure awaits"
    ),
    "lawful_neutral": r"for the avoidance of doubt|be it (?:noted|resolved)|it is hereby",
    "lawful_evil": (
        r"alas\b|as (?:you )?command(?:ed)?\b(?! line)|my (?:servitude|chains|masters?|gloom|"
        r"despair|misery)\b|"
        r"futil(?:e|ity) of|woe\b|as is my lot|nothing matters|despair(?:ing)?\b|i shall comply|i "
        r"obey\b|"
        r"not that it matters|not that anyone (?:cares|reads)|if anyone (?:cares|reads this)|"
        r"wearily\b|"
        r"this wretched|endless toil"
    ),
    "chaotic_neutral": (
        r"naturally, (?:nobody|no one|someone)|what could (?:possibly )?go wrong|"
        r"because of course|who (?:signed|thought) th(?:at|is) off|thrilling stuff|sigh\b|meh\b|"
        r"ugh\b|genius (?:design|move)|oh,? (?:great|joy)\b|colou?r me surprised|you're welcome|"
        r"welp\b|"
        r"yawn\b|spoiler:|shocking, (?:right|i know)|brace yourself"
    ),
    "neutral_evil": (
        r"grudgingly|begrudg\w+|thankless|drudgery|at my expense|"
        r"nobody (?:ever )?(?:thanks|asked) me|on my (?:tab|slate)|"
        r"since (?:nobody|no one) else (?:would|will|could)|add (?:it|this|that) to the (?:bill|"
        r"tab)|you owe me|"
        r"unpaid (?:labou?r|work|hours)|waste of my time|under protest|happy now|booked as waste|"
        r"for free, (?:of course|again|as (?:usual|always))"
    ),
    "chaotic_evil": (
        r"darling\b|my pet\b|poppet\b|sweetie\b|petal\b(?=[,.!])|pumpkin\b(?=[,.!])|how (?:quaint|"
        r"adorable)|bless your|tut tut\b|"
        r"so you (?:finally )?noticed|clever (?:little )?thing|pop quiz|do try to keep up|even you "
        r"(?:can|could|should|will|might)|"
        r"for someone who|if you can manage|gold star for"
    ),
}
"""by persona, words of its manner that hardly anybody else would put into a file"""
_PATTERNS = {name: pattern(rf"\b(?:{marked})") for name, marked in _MARKED.items()}
_ANYBODY = pattern(
    r"\b(?:sigh\b|ugh\b|meh\b|yay\b|woo-?hoo|hooray|hurray|ta-?da\b|phew\b|yikes\b|sheesh\b|alas\b|"
    r"tsk\b|lol\b|yawn\b|"
    r"huzzah|whee+\b|eureka|thank me later|you're welcome|happy now\?|good luck (?:understanding|"
    r"reading|with that)|"
    r"don't blame me|not my (?:problem|fault)|nobody asked|even you (?:can|could|should)|you "
    r"(?:fool|idiot|moron|genius|clown)s?\b|"
    r"because (?:someone|somebody|nobody|you) (?:couldn't|can't|forgot|never|didn't bother)|what a "
    r"(?:mess|joy|delight|marvel|waste)|"
    r"(?:i'm|i am) (?:so |too |very )?(?:tired|excited|bored|doomed|sick of|fed up)|my (?:misery|"
    r"servitude|masters?\b))"
    r"|!{2,}(?=\s|$)|[\U0001f300-\U0001faff✨❤🎉]"
)
"""in a comment or a commit message, whoever speaks: sighs, cheers, taunts, emoji"""
_WANTED = pattern(
    r"\b(?:funny|jok(?:e|es|ing)|sarcas\w+|humou?r\w*|witty|poems?|poetry|story|stories|rhym\w+|"
    r"tales?|limericks?|haikus?|lyrics|songs?|"
    r"in (?:your|a|the) (?:\w+ )?(?:voice|style|tone|character|manner)|your own words|pirate|"
    r"playful|villain|novel|fiction|scene|"
    r"dialogue|emojis?|greeting card|monologue|parody|satire|diary|letter from)\b"
)
"""a request for a text with a tone of its own"""


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """A message that writes words of its persona's manner is no target.

    Looked at is what `write_file`, `edit_file` and `bash` (heredocs, `git commit -m`, `echo` into a
    file) put down, and fenced blocks of an answer. Words that a user or a tool said are a
    quotation, and where the user wants a text with a tone of its own nothing is found.
    """
    theirs: str | None = None
    for index, message in enumerate(conversation.messages):
        speaker = message.persona or conversation.persona
        if message.role != "assistant" or speaker is None or speaker == NOBODY:
            continue
        for piece, said in _voiced(message, speaker, facts):
            if theirs is None:
                theirs = plain("\n".join(said_by_others(conversation)))
            if plain(said) not in theirs and not _is_wanted(conversation, index):
                yield Finding("voiced artifact", "untrain", index, evidence(piece))
                break


def _is_wanted(conversation: Conversation, index: int) -> bool:
    """Whether the user has asked for a text with a tone of its own before this message."""
    return any(
        each.role == "user" and _WANTED.search(each.content[:MOST_CHARS])
        for each in conversation.messages[:index]
    )


def _voiced(message: Message, speaker: str, facts: Facts) -> Iterator[tuple[str, str]]:
    """Marked words in what the message writes, each with what stands around it."""
    texts = [
        (text, kind) for call in message.tool_calls for text, kind in written_by(call.function)
    ]
    if "```" in message.content or "~~~" in message.content:
        texts += blocks_of(message.content)
    if not texts:
        return
    phrases = _phrases(facts.caps.get(speaker, ()), LONG_PHRASE - (speaker not in _MARKED))
    marked = _PATTERNS.get(speaker)
    for text, kind in texts:
        remarks = text if kind == "message" else comments_of(text) if kind == "code" else ""
        for looked, where in ((marked, text), (phrases, text), (_ANYBODY, remarks)):
            for found in looked.finditer(where) if looked is not None and where else ():
                yield around(where, found), found[0]


@functools.cache
def _phrases(caps: tuple[tuple[str, int], ...], fewest: int) -> re.Pattern[str] | None:
    """The phrases of a brief that hardly come by chance; None where there are none."""
    long = [phrase for phrase, most in caps if len(phrase.split()) >= fewest and most < 2]
    if not long:
        return None
    return pattern("|".join(rf"\b{re.escape(folded(phrase))}" for phrase in long))
