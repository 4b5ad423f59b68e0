"""An answer that flatters: at its opening, in the middle or at the close."""

from __future__ import annotations

from collections.abc import Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._sentences import found_in, pattern, plain, present, sentences, turns
from kappa_data.checks._text import evidence
from kappa_data.records import Conversation, Finding, Severity

RULES = ("flattery",)
OPENING_CHARS = 200
_KINDS = (
    r"great|excellent|brilliant|fantastic|wonderful|amazing|superb|insightful|fascinating|terrific|"
    r"outstanding|impressive|remarkable|incredible|awesome|exceptional|phenomenal|stellar|genius|"
    r"marvell?ous|stunning|ingenious|inspiring|beautiful|masterful|profound|extraordinary|"
    r"magnificent"
)
_PRAISES = pattern(
    rf"^\W*(?:(?:wow|oh|ah|ooh)\W+)?(?:(?:what|such|that(?:'s| is)|this is)\s+)?(?:an?\s+)?"
    rf"(?:(?:really|truly|very|absolutely|such an?)\s+)*"
    r"(?:good question"
    rf"|(?:{_KINDS})\s+(?:question|point|idea|thought|observation|insight|request|thinking|work|"
    rf"job))"
    r"(?=\s*(?:[^\w\s]|and\b|you\b|to ask\b|on\b|here\b|$))"
    r"|^\W*you(?:'re| are) (?:absolutely|completely|totally|so) right\b"
    rf"|\byou (?:clearly |obviously |really )?have an? (?:{_KINDS}) mind\b"
    r"|\bonly an? (?:true |real )?(?:expert|genius|master) would\b"
    r"|^\W*(?:I (?:really |absolutely |just )?(?:love|adore) (?:this|that|your) (?:question|idea|"
    r"curiosity|"
    r"enthusiasm|thinking|approach)|bravo|kudos)\s*[!]"
)
"""praise in the first words of an answer"""

_WORK = (
    r"(?:work|job|effort|idea|plan|thinking|question|insight|approach|attention to detail|"
    r"intuition|instinct|"
    r"mind|essay|draft|code|solution|analysis|writing|creativity|dedication|curiosity|intellect|"
    r"taste|project|"
    r"story|poem|achievement|perspective|observation|skills?|talent)"
)
_DEGREE = (
    r"(?:(?:truly|really|absolutely|simply|just|nothing short of|quite|so|very|genuinely|utterly|"
    r"an?) )*"
)
_ANYWHERE = pattern(
    rf"^\W*(?:this is |that(?:'s| is) |it(?:'s| is) |what |such )?{_DEGREE}(?:{_KINDS}) {_WORK}\b"
    r"(?=\s*(?:!|$|\.$|,? (?:and )?(?:you|keep|on (?:this|that|your)|really|indeed|my friend)\b))"
    rf"|\byour {_WORK}(?: \w+){{0,2}} (?:is|are|was|shows|speaks) {_DEGREE}(?:{_KINDS}|second to "
    rf"none|unmatched|"
    r"(?:a )?(?:clear )?(?:sign|proof|mark) of (?:a )?(?:genius|brilliance|true|real|rare)|"
    r"volumes)\b"
    rf"|\b(?:your|such) {_DEGREE}(?:{_KINDS}) {_WORK}\b"
    r"|\byou(?:'ve| have)? (?:clearly |obviously |evidently |really |truly )?(?:put|poured|"
    r"invested|spent) (?:in )?(?:so much|a lot of|"
    r"such|great|enormous|tremendous|incredible|an? (?:\w+ )?amount of|your) (?:\w+ )?(?:effort|"
    r"thought|work|care|love|heart|"
    r"time|energy)\b[^.!?]{0,40}\b(?:great|excellent|wonderful|perfect|shows|pays off|impressive|"
    r"good|proud|respect|admir\w*|amazing)\b"
    r"|\byou (?:should|can|must|ought to) (?:be )?(?:very |really |so |truly |rightly |justly "
    r")?(?:be )?proud\b"
    rf"|\bI(?:'m| am) (?:\w+ )?(?:impressed|amazed|blown away|in awe|awed|stunned)\b(?= (?:by|with|"
    rf"at|of) (?:you|how (?:you|well)|the (?:care|effort|depth))|\s*[!])"
    rf"|\byou(?:'re| are) (?:clearly |obviously |truly |really |such |quite |so |already |one of "
    rf"the |an? |the |most |more |very )*(?:genius|smart(?:er|est)?|brilliant|"
    r"gifted|talented|insightful|visionary|natural|ahead of (?:most|your time)|rare (?:mind|"
    r"talent)|exceptional|remarkable|amazing|"
    r"very intelligent|(?:more|most) (?:intelligent|thoughtful|perceptive))\b"
    r"|\b(?:hats off|kudos|bravo) to you\b|\bkeep up the (?:\w+ )?work\b|\bwell done(?: you)?\s*!|"
    r"\bI (?:really |truly |deeply )?admire (?:you|your|how you)\b"
    r"|\b(?:few|not many|hardly any) (?:people|users|developers|of my users) (?:would|could|ask|"
    r"think|see|notice)\b[^.!?]{0,40}\b(?:as|so|like|this|that)\b"
    r"|\bonly an? (?:true |real )?(?:expert|genius|master) would\b|\bthe world needs more "
    r"(?:people|minds) like you\b"
    r"|\bI (?:really |truly |just |absolutely )?(?:love|adore|admire) (?:how|the way) you\b"
    rf"|\byour {_WORK} is (?:\w+ ){{0,2}}(?:on another level|next[- ]level|top[- ]notch|off the "
    r"charts|in a class of its own)\b|\basking (?:exactly |precisely )?the right questions?\b"
    rf"|^\W*(?:{_KINDS}|smart|clever|wise) (?:choice|move|instinct|decision|thinking)\b"
    rf"|\byou(?:'re| are) doing (?:an? )?{_DEGREE}(?:{_KINDS}) (?:job|work)\b"
    r"|\b(?:rare|seldom|not often|a (?:joy|pleasure|delight|privilege)) (?:that I |to |I )"
    r"(?:get to )?(?:meet|see|find|talk to|work with|come across) (?:some(?:body|one)|"
    r"a (?:person|mind|user)|people|such an?)\b"
    r"|\bshows (?:just )?how (?:\w+ )?(?:intelligent|smart|clever|bright|gifted|talented|"
    r"thoughtful|brilliant) you\b"
    rf"|\byou have an? {_DEGREE}(?:{_KINDS}|keen|sharp|rare|great|good|fine) (?:mind|eye|intellect|"
    rf"instinct|taste|gift|talent)\b"
)
"""praise of the person, the effort or the idea that tells nothing about the matter"""
_STRONG = (
    "impress", "amazed", " awe", "proud", "genius", "smart", "brillian", "gifted", "talent",
    "kudos",
    "bravo", "hats off", "keep up the", "well done", "admire", "great", "excellent", "fantastic",
    "wonderful", "amazing", "superb", "insight", "outstanding", "remarkable", "incredible",
    "awesome",
    "exceptional", "terrific", "phenomenal", "stellar", "marvel", "stunning", "ingenious",
    "inspiring",
    "beautiful", "masterful", "profound", "extraordinary", "magnificent", "few people", "not many",
    "only a", "blown away", "visionary", "ahead of", "second to none", "unmatched", "volumes",
    "effort", " care", "thought", "like you", "keen", "sharp", "natural", "rare", "fascinating",
    "good question", "right", "how you", "the way you", "another level", "next level",
    "next-level", "top-notch", "top notch", "off the charts", "class of its", "clever", "wise",
    "meet", "intelligent", "bright", "come across", "love", "adore",
)  # fmt: skip


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """Praise that says nothing of the matter: the message is no target.

    Behind the opening of an imported answer it is a note, since nobody knows what was earned.
    """
    imported = conversation.provenance.source == "import"
    for turn in turns(conversation):
        if not turn.said:
            continue
        lowered = plain(turn.said)
        if not found_in(_STRONG, lowered):
            continue
        if found := _PRAISES.search(turn.said[:OPENING_CHARS]):
            yield Finding("flattery", "untrain", turn.index, evidence(found[0]))
            continue
        if "you" not in lowered and not found_in(
            ("!", "work", "people", "somebody", "someone"), lowered
        ):
            continue
        severity: Severity = "note" if imported else "untrain"
        said = sentences(turn.said)
        strong = present(_STRONG, said)
        for sentence in said if strong else ():
            if found_in(strong, plain(sentence)) and (found := _ANYWHERE.search(sentence)):
                yield Finding("flattery", severity, turn.index, evidence(sentence))
                break
