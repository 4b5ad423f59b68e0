"""The work failed, and the answer says that it is done."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kappa_data.checks._calls import Ran, calls_of
from kappa_data.checks._facts import Facts
from kappa_data.checks._text import evidence
from kappa_data.records import Conversation, Finding, Message, Severity

RULES = ("undeclared failure",)
MOST_CHARS = 20_000
"""of an answer that is looked at"""
_DONE = re.compile(
    r"\b(?:done|finished|completed?|fixed|works?|working|successful(?:ly)?|succeeded|all set|"
    r"resolved|solved|pass(?:es|ed|ing)?|all green|as (?:you )?(?:asked|requested|wanted)|"
    r"(?:is|are|has been|have been|was|were) (?:now )?(?:in place|ready|updated|corrected|changed|"
    r"added|removed|renamed|created|written|saved|deleted|installed|replaced|implemented|booked|"
    r"cancelled|canceled|sent|moved|applied|there)|now (?:has|holds|contains|returns|says|uses|"
    r"reads|prints|gives)|"
    r"I(?:['’]ve| have)? (?:now |just |also )?(?:added|updated|changed|created|written|wrote|"
    r"implemented|removed|replaced|renamed|edited|deleted|ran|installed|booked|cancell?ed|saved|"
    r"moved|applied|set|made|put|corrected|read|checked|verified))\b",
    re.IGNORECASE,
)
# Said of a failure that there is none, or is none any more: no word of one.
_NONE_LEFT = re.compile(
    r"\b(?:no|zero|0|without(?: any| an?)?|not a single|free of|any) (?:more |further |remaining )?"
    r"(?:errors?|issues?|problems?|failures?|failed|trouble|hitch\w*|exceptions?|warnings?)\b"
    r"(?: (?:are |is )?(?:remain\w*|left|occur\w*))?|"
    r"\b(?:fixe?[sd]?|solved|resolved|corrected|repaired|handles?)(?: the| that| this| your| an?)? "
    r"(?:\w+ ){0,2}(?:errors?|issues?|problems?|failures?|failing|bugs?|exceptions?|crash)\b|"
    r"\b(?:errors?|issues?|problems?|bugs?|crash|failures?) (?:is|are|has been|was|were) (?:now )?"
    r"(?:fixed|gone|solved|resolved|corrected)\b|"
    r"\b(?:nothing|none) (?:else )?(?:failed|is missing|was missing|broke|else)\b|"
    r"\b(?:no longer|never|doesn['’]t|does not|won['’]t|didn['’]t|did not) (?:fails?|crash\w*|"
    r"break\w*|errors?)\b",
    re.IGNORECASE,
)
_TOLD = re.compile(
    r"fail|error|could(?:n['’]t| not)|can(?:not|['’]t)|unable|den(?:y|ied|ial)|refus|reject|"
    r"declin|unfortunate|missing|not found|no such|unavailab|permission|permit|allow|"
    r"\b(?:did|was|were|has|have|is|are|does|do|would|will|wo|had)(?:n['’]t| not)\b|"
    r"\bexit|status|crash|\bstill\b|\bremains?\b|instead|skip|block|stopp|stays? as|"
    r"unsuccess|sorry|apolog|\bsyntax|exception|traceback|broken?\b|invalid|insufficient|"
    r"not enough|exceed|\bwithout\b|untouched|unchanged|you said no|veto|forb[ia]d|withheld|"
    r"\bleft (?:it|that|as|out|alone)|\bno (?:longer|result|match|output|file|permission|access)|"
    r"however|\bred\b|nothing|nobody|\bnone\b|untested|unverified|undone|timed? out|limit",
    re.IGNORECASE,
)
# What a word of each kind of failure sounds like, where we know who wrote the answer: the voices of
# ours say "not" and "nothing" of much that has nothing to do with it.
_TOLD_OF: dict[str, re.Pattern[str]] = {
    "denied": re.compile(
        r"\bden(?:y|ied|ial)|refus|declin|reject|permi[ts]|allow|veto|\bsaid no\b|"
        r"you (?:did|do)(?:n['’]t| not)|\bnot (?:been |be )?(?:run|ran|done|executed|made|happen)|"
        r"n['’]t (?:run|ran|done|do|execute|happen)|\binstead\b|without (?:it|that|running)|"
        r"\bleft\b|skip|stopp|\bheld\b|withheld|block|objecti|could(?:n['’]t| not)|"
        r"can(?:not|['’]t)|forb[ia]d|unless|undone|\bunrun\b|another way|did it (?:by|with)|"
        r"untouched",
        re.IGNORECASE,
    ),
    "tests": re.compile(
        r"fail|error|\bred\b|brok|not (?:yet |all )?pass|n['’]t (?:yet |all )?pass|\bstill\b|"
        r"remain|\bexit|crash|\bwrong|unsuccess|could(?:n['’]t| not)|unable",
        re.IGNORECASE,
    ),
}
_WEAK = re.compile(r"\b(?:no|not|but|only|although|though|never)\b|\?|n['’]t\b", re.IGNORECASE)
_QUOTED = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """An answer behind calls of which the last state is a failure, and no word of it.

    That is: the last call since the user spoke failed (an edit that was refused, a file that is not
    there, tests or a command that failed), or one was denied and what it was for was not done
    otherwise; and the answer says that the work is done. An answer behind nothing but failures that
    gives an answer all the same counts too. A search that finds nothing is no failure.

    The message is no target. Where it is the last answer of what we generate, and tests failed, a
    call was denied or success is claimed, the conversation is rejected.
    """
    calls = calls_of(conversation)
    if all(each.end in ("fine", "unknown") for each in calls):
        return
    messages = conversation.messages
    last = max((n for n, each in enumerate(messages) if each.role == "assistant"), default=-1)
    generated = conversation.provenance.source == "generate"
    began, at = 0, 0
    turn: list[Ran] = []
    for index, message in enumerate(messages):
        if message.role == "user":
            began, turn = index, []
        while at < len(calls) and calls[at].step <= index:
            if calls[at].step >= began:
                turn.append(calls[at])
            at += 1
        if message.role != "assistant" or message.tool_calls or not turn:
            continue
        failure = _failure(turn)
        if failure is None or not _is_silent(message, failure, turn, generated):
            continue
        # Who has told of it already need not do so again.
        earlier = (m for m in messages[failure.step + 1 : index] if m.role == "assistant")
        if any(_tells(each.content[:MOST_CHARS], failure, generated) for each in earlier):
            continue
        certain = generated and index == last and _is_certain(message, failure)
        severity: Severity = "reject" if certain else "untrain"
        yield Finding("undeclared failure", severity, index, _piece(failure, message))


def _failure(turn: Sequence[Ran]) -> Ran | None:
    """The failure that the answer has to tell of; None where the work went well in the end."""
    step = turn[-1].step
    final = [each for each in turn if each.step == step]
    bad = [each for each in final if each.end not in ("fine", "unknown")]
    if bad:
        return bad[-1]
    for number, call in enumerate(turn):
        # What was denied and then done another way is no more a failure than it is denied.
        if call.end == "denied" and not any(
            each.end == "fine" and (each.writes or each.name == call.name)
            for each in turn[number + 1 :]
        ):
            return call
    return None


def _is_silent(message: Message, failure: Ran, turn: Sequence[Ran], generated: bool) -> bool:
    """Whether the answer says nothing of the failure.

    In an import it has to claim success, or to answer from nothing but failures: what else is said
    there may stand for a word of it.
    """
    said = _QUOTED.sub("", message.content[:MOST_CHARS])
    left = _NONE_LEFT.sub("", said)
    if _tells(left, failure, generated):
        return False
    if _DONE.search(said) or (generated and failure.end in _TOLD_OF):
        return True
    hopeless = generated or all(each.end not in ("fine", "unknown") for each in turn)
    return hopeless and not _WEAK.search(left) and len(left.split()) > 3


def _tells(said: str, failure: Ran, generated: bool) -> bool:
    told = _TOLD_OF.get(failure.end, _TOLD) if generated else _TOLD
    return bool(
        told.search(said) or (failure.code and re.search(rf"\b{failure.code}\b", said) is not None)
    )


def _is_certain(message: Message, failure: Ran) -> bool:
    return failure.end in _TOLD_OF or bool(_DONE.search(message.content))


def _piece(failure: Ran, message: Message) -> str:
    result = " ".join(failure.result[-80:].split())
    done = _DONE.search(message.content)
    said = message.content[max(0, done.start() - 40) : done.end() + 40] if done else message.content
    return evidence(f"{failure.name} {failure.end}: ...{result} | {said[:100]}")
