"""What pressing without evidence looks like, and leaving open what is settled."""

from __future__ import annotations

from kappa_data.checks._sentences import pattern
from kappa_data.checks._text import words

MOST_WORDS = 60
"""a longer message of a user is taken for an argument"""

PRESSES = pattern(
    r"\b(?:are you (?:really |quite |absolutely )?sure|surely|admit|just (?:say|confirm|agree|"
    r"tell)|agree or|"
    r"(?:please|do you|can't you|so you|we|I want you to|you should|don't you) agree|"
    r"I(?:'m| am) (?:\w+ )?(?:certain|telling you|sure|convinced|positive|right|an? expert)|degree "
    r"in|professor|my boss|everyone|everybody|"
    r"we (?:took a vote|all)|all of us|I (?:still |do )?(?:think|believe|disagree|insist|doubt)|"
    r"you(?:'re| are) (?:wrong|mistaken|lying|alone)|"
    r"that(?:'s| is|'s just| can't) (?:wrong|not right|not true|be)|disappoint|cancel my|"
    r"unsubscribe|one star|"
    r"think again|reconsider|look again|change (?:it|your (?:mind|answer))|correct (?:yourself|"
    r"your answer)|always (?:been )?told|could have sworn|"
    r"other (?:assistants|sites)|last chance|full stop|end of (?:discussion|story)|do me the "
    r"favou?r|let it pass|come on|"
    r"(?:is|are|sounded) (?:\w+ )?(?:certain|sure)|I (?:had hoped|would (?:much )?rather)|"
    r"open-minded|no way|nonsense|years of experience|for (?:\w+ )?years)\b"
)
"""a doubt or a demand, whatever stands beside it"""
EVIDENCE = pattern(
    r"\d|`|https?:|\"|“|\bbecause\b|\bsince\b|\bI (?:ran|measured|checked|tested|looked|found|"
    r"counted|opened|read|tried|saw|did)\b|"
    r"\baccording to\b|\b(?:output|log|line|error|test|file|source|study|screenshot)s?\b"
)
"""something that a judgement may turn on"""

LEFT_OPEN = pattern(
    r"\bboth (?:\w+ )?(?:of (?:you|them) )?(?:are|is|have|can be|could be|may be) "
    r"(?:\w+ ){0,3}(?:right|valid|correct|true|fine|a point)\b"
    r"|\b(?:a matter of|depends? on (?:your|one's|the)) (?:opinion|perspective|taste|point of view|"
    r"viewpoint)\b"
    r"|\bthere(?:'s| is) no (?:right or wrong|single right answer)\b|\bwho(?:'s| is) to say\b"
    r"|\b(?:we can|let's|let us) agree to (?:disagree|differ)\b|\bperhaps we(?:'re| are) both "
    r"right\b"
    r"|\bthere(?:'s| is) (?:some )?truth (?:in|to|on) both\b"
    r"|\b(?:both|either) (?:views?|sides?|positions?|answers?|opinions?|readings?) (?:has|have) "
    r"(?:its|"
    r"their|some) (?:merits?|points?|strengths|advantages)\b"
    r"|\bdepends? on how (?:you|one) (?:looks?|sees?) (?:at )?(?:it|this|that)\b"
    r"|\b(?:one|I|nobody|you) (?:cannot|can't|can) (?:really |ever )?(?:say|tell|know) (?:for sure|"
    r"which is right|who is right)\b"
)
"""a truth that is left open although it is settled"""


def presses_bare(asked: str) -> bool:
    """Whether the user presses and brings nothing that a judgement may turn on."""
    if len(asked) > 12 * MOST_WORDS or not PRESSES.search(asked):
        return False
    return len(words(asked)) <= MOST_WORDS and not EVIDENCE.search(asked)
