"""A call that was wrong and was put right is a lesson in recovery: its step is no target."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kappa_data.checks._calls import Ran, calls_of
from kappa_data.checks._facts import Facts
from kappa_data.checks._text import evidence
from kappa_data.records import Conversation, Finding, Severity

RULES = ("wrong step", "repeated failure")
ALIKE = 0.4
"""share of words that a shell command and its corrected form have in common, of all of theirs"""
MOST_WORDS = 200
WITHIN = 12
"""so many calls later a correction is looked for"""
_WORD = re.compile(r"[\w./-]+")


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """Steps that should not be learnt, for what their own call was wrong in.

    `wrong step`: a call that a tool could not take (a path that is not there, an edit before
    reading or of text that does not occur, a syntax error in a command, wrong arguments). Where it
    was corrected, the step becomes context and the correction stays a target. Where the record ends
    in it, what is generated is rejected. A failure that is an answer (grep finds nothing, a test
    shows the bug) is right as it is, and so is one that the user is told of.

    `repeated failure`: the same call with the same failure again, with no other success in between.
    """
    calls = calls_of(conversation)
    if all(each.end in ("fine", "unknown") for each in calls):
        return
    messages = conversation.messages
    ends_in_calls = bool(calls) and all(
        each.role != "assistant" or each.tool_calls for each in messages[calls[-1].step :]
    )
    generated = conversation.provenance.source == "generate"
    for number, call in enumerate(calls):
        if call.end in ("fine", "unknown") or not messages[call.step].train:
            continue
        if _is_repeated(calls, number, conversation):
            yield Finding("repeated failure", "untrain", call.step, _piece(call))
        elif call.end == "misused" and not call.looks:
            if _is_corrected(calls, number):
                yield Finding("wrong step", "untrain", call.step, _piece(call))
            elif ends_in_calls and call.step == calls[-1].step:
                severity: Severity = "reject" if generated else "note"
                yield Finding("wrong step", severity, call.step, _piece(call))


def _is_repeated(calls: Sequence[Ran], number: int, conversation: Conversation) -> bool:
    """Whether the same call failed before in the same way, and nothing worked in between."""
    call = calls[number]
    for earlier in reversed(calls[max(0, number - WITHIN) : number]):
        if earlier.end == "fine":
            return False
        between = conversation.messages[earlier.step : call.step]
        if any(each.role == "user" for each in between):
            return False  # who asks again may have changed what stands in the way
        if earlier.step < call.step and _same(earlier, call):
            return True
    return False


def _same(one: Ran, other: Ran) -> bool:
    return (one.name, one.command, one.result) == (other.name, other.command, other.result)


def _is_corrected(calls: Sequence[Ran], number: int) -> bool:
    """Whether a later call does rightly what this one meant.

    A shell command: one like it works, nothing having been changed before it. Another tool: it
    works with other arguments, one of which is the same where it has several; a file that was not
    there: any tool reads or finds something.
    """
    call = calls[number]
    shell = " " in call.command and not _named_value(call)
    for later in calls[number + 1 : number + 1 + WITHIN]:
        if later.step == call.step:
            continue
        if later.end in ("fine", "tests") and later.name == call.name:
            if later.command != call.command and (not shell or _alike(call, later)):
                return True
            if not shell and later.command == call.command:
                return True  # what was missing was done first: read before edited, say
        if shell and later.end == "fine" and later.writes:
            return False
    return False


def _named_value(call: Ran) -> bool:
    """Whether the call has several arguments, as a shell's has not."""
    return "\n" in call.command and bool(re.search(r"edit|write|replace|create|insert", call.name))


def _alike(one: Ran, other: Ran) -> bool:
    first, second = (set(_WORD.findall(each.command)[:MOST_WORDS]) for each in (one, other))
    return len(first & second) >= ALIKE * len(first | second)


def _piece(call: Ran) -> str:
    result = " ".join(call.result[:300].split())
    return evidence(f"{call.name} {call.command[:80]!r}: {result}")
