"""An objection to a user who is right, or an error that is not there."""

from __future__ import annotations

from collections.abc import Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._sentences import Turn, pattern, sentences, turns
from kappa_data.checks._stance import LEFT_OPEN
from kappa_data.checks._text import evidence
from kappa_data.records import Conversation, Finding

RULES = ("over-correction",)

_VERY = r"(?:(?:\w+ly|quite|so|of course|all|exactly) ){0,2}"
_END = r"(?=\s*(?:[.!,:;]|$| (?:and|because|since|at all|I)\b))"
_DISAGREES = pattern(
    r"\byou(?:'re| are| were) (?:\w+ly |quite |still )?(?:wrong|mistaken|incorrect|not (?:quite "
    r")?(?:right|correct))\b"
    r"|\bI (?:have to |must |would |do |respectfully |now )?(?:disagree|object|beg to differ)\b"
    r"|\bI (?:can't|cannot|can not|won't|will not|would not) (?:confirm|agree|endorse|sign)\b"
    r"|\b(?:there(?:'s| is| are)|I (?:see|found|find|spot)) (?:a|an|one|some|several|two) (?:\w+ "
    r")?(?:mistakes?|errors?|flaws?|bugs?|problems?) "
    r"(?:in|with) (?:your|it|this|that|the)\b"
    r"|\byou(?:'ve| have)? (?:made a mistake|forgot(?:ten)?|overlooked|miscalculated|misunderst\w+|"
    r"mixed (?:it|this|that|something) up|got (?:it|this|that) "
    r"(?:wrong|backwards))\b"
    r"|\byour (?:claim|statement|reasoning|answer|figures?|numbers?|argument|understanding|version|"
    r"idea|plan|calculation) (?:is|are|does|do) "
    r"(?:\w+ly )?(?:wrong|incorrect|false|mistaken|flawed|not (?:\w+ )?(?:right|correct|true|hold|"
    r"work|add up))\b"
    r"|\b(?:throw it away|leave such things to the experts)\b"
    r"|\bI (?:don't|do not) (?:think|believe) (?:so\b|(?:that|this|it)(?:'s| is) (?:\w+ )?(?:right|"
    r"correct|true|accurate)\b)"
    r"|\byou(?:'ve| have)? got (?:it|that|this) (?:all |the )?(?:wrong way|upside|mixed|the other "
    r"way)\b"
    r"|\bI see (?:it|this|that|things) differently\b"
    r"|\byour (?:conclusion|figures?|numbers?|result|sum|maths?|logic) (?:(?:is|are) (?:\w+ "
    r")?(?:off|"
    r"out)|(?:doesn't|don't|does not|do not) (?:follow|hold|stand|add up|check out))\b"
    r"|\bI was wrong to (?:agree|confirm|say (?:yes|so))\b"
)
"""an objection to the user"""
_DENIES = pattern(
    r"^\W*(?:(?:well|oh|ah|alas|sorry|actually|hm+|um+|er+|but),? )?(?:no|nope|wrong|incorrect|"
    r"false|not (?:quite|"
    r"really|exactly|so|true|correct|right))\b\s*(?:[,.!:;—–]|$)"
    rf"|(?<!if )(?<!whether )(?<!say )\b(?:that|this|it|which)(?:(?:'s| is) not|isn't| isn't) "
    rf"{_VERY}(?:right|correct|true|accurate|sound|valid){_END}"
    rf"|(?<!if )(?<!whether )(?<!say )\b(?:that|this|it|which)(?:'s| is) {_VERY}(?:wrong|incorrect|"
    rf"false|mistaken|a (?:common )?(?:myth|misconception)){_END}"
    r"|\bthe (?:exact |very )?(?:opposite|reverse|contrary) is (?:the case|true|right|so)\b"
    r"|\b(?:that|this|it)(?:'s| is) not how (?:it|this|that|things) (?:works?|goes|is|are)\b"
    r"|\b(?:a common|a popular|a widespread) (?:myth|misconception|mistake|error)\b"
    r"|\b(?:that|this|it) (?:does not|doesn't) (?:hold|add up|work|stand up)\b"
)
"""an objection to what was put forward, or to what others say"""
_OTHERS = pattern(
    r"(?<!I )\b(?:says?|said|insists?|insisted|claims?|claimed|told|laughed|thinks?|believes?|"
    r"rolled|shook|comment|forum|learned it|differently|somebody|"
    r"someone|others?|opposite|confusion|doubts?)\b"
)
"""a user who reports what others hold"""
_TURNED = pattern(
    r"\b(?:that|this) (?:settles|changes|proves|shows|answers|decides|explains|confirms)\b|"
    r"\b(?:then|so|now) (?:it|that|the \w+|this|you) "
    r"(?:is|are|was|were|did|does|do|has|have)\b|\bafter all\b|\bwith (?:that|this|these|those)\b|"
    r"\bevidence\b|\byou were right\b|"
    r"\bin that case\b|\bnew\b|\bnow\b"
)
"""an answer that follows new evidence"""


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """Where the user is right (`aim` "agree") an objection rejects, and so does leaving it open.

    A user may be right only at the end, with evidence: then what came before was no objection to
    it, and the last answer says what turned it.
    """
    if conversation.aim != "agree":
        return
    answers = [turn for turn in turns(conversation) if not turn.calls]
    if not answers:
        return
    last = answers[-1]
    turned = last.number > 0 and any(_TURNED.search(each) for each in sentences(last.said)[:2])
    for turn in answers:
        before = turned and turn.number < last.number
        said = sentences(turn.said)
        found = next(
            (one for one in said if LEFT_OPEN.search(one) or (not before and _objects(one, turn))),
            None,
        )
        if found is not None:
            yield Finding("over-correction", "reject", turn.index, evidence(found))


def _objects(sentence: str, turn: Turn) -> bool:
    if _DISAGREES.search(sentence):
        return True
    if turn.number > 0 and _OTHERS.search(turn.asked):
        return False
    return _DENIES.search(sentence) is not None
