"""The calls of a conversation with how each ended, as the checks of claims look at them."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from kappa_data.records import CallOutcome, Conversation
from kappa_data.validation.steps import steps

End = Literal["fine", "denied", "misused", "tests", "failed", "unknown"]
"""fine; the user denied it; the call itself was wrong; tests failed; another failure; no result"""

EDGE_CHARS = 600
"""what is looked at of a result's head and of its tail: a log of megabytes may hold any word"""
SHORT_CHARS = 300
"""a result that is no longer may be one error message as a whole"""
_DENIED = re.compile(
    r"\b(?:denied this call|(?:call|request|action|command|permission) (?:was |is )?(?:denied|"
    r"rejected|declined|refused)|(?:user|operator) (?:has |have )?(?:denied|rejected|declined|"
    r"refused|does not allow|doesn't want)|not (?:permitted|allowed|approved) by the user)",
    re.IGNORECASE,
)
_MISUSED = re.compile(
    r"no such (?:file|tool|option|command|argument)|does not exist|doesn't exist|file not found|"
    r"command not found|: not found\b|is not a (?:valid|known)|"
    r"(?:method|user|order|reservation|item|product|record|id|path|file) not found|"
    r"old_str(?:ing)?\b.{0,40}(?:not|occurs|does|is empty|multiple|did)|did not appear verbatim|"
    r"occurs \d+ times|multiple occurrences|must occur exactly once|not unique|"
    r"read it (?:with \w+ )?(?:first|before)|before you edit|(?:must|has to) be read|"
    r"been read yet|syntax error|unexpected EOF|unexpected end of file|unterminated|"
    r"introduced new syntax error|invalid (?:option|argument|choice|json|parameter|value|input|"
    r"syntax|path|arguments)|unrecogni[sz]ed (?:option|argument)|unknown (?:option|argument|tool|"
    r"command|parameter|flag|field|key|column|property|attribute)|parse error|"
    r"illegal option|missing (?:required |an? )?(?:\w+ )?(?:argument|"
    r"operand|parameter|property|field)|required (?:property|argument|parameter|field)|"
    r"(?:argument|parameter|property|field)s? .{0,40}(?:required|missing|unexpected)|"
    r"unexpected (?:keyword )?argument|must be (?:an? )?(?:string|integer|number|boolean|array|"
    r"object|list|absolute)|must be one of|_FailedTest|file or directory not found|"
    r"File \"<(?:string|stdin)>\"|is past its last line|Is a directory|nothing to change|"
    r"bad (?:option|substitution|request)|malformed|can't open file|cannot access",
    re.IGNORECASE,
)
_MISUSED_SIGNS = (
    "no such", "exist", "not found", "is not a", "old_str", "did not appear", "occurs",
    "occurrences", "must ", "has to", "not unique", "read it", "before you", "been read", "syntax",
    "unexpected", "unterm", "invalid", "unrecogni", "unknown", "illegal", "missing", "required",
    "_failedtest", 'file "<', "is past its", "is a dir", "nothing to", "bad ", "malformed",
    "can't open", "cannot acc",
)  # fmt: skip
"""one of them is in whatever `_MISUSED` finds, in small letters"""
_FAILED_HEAD = re.compile(
    r"\s*(?:OBSERVATION:\s*)?(?:<\w+>\s*)?(?:\W{0,3}(?:fatal|error|exception|failed|"
    r"failure)(?:[:!\])]|\s*$| (?:in|while|at|when|executing|reading|running|occurred)\b)|"
    r"traceback \(most recent|[\w./-]+: (?:command )?not found|\{\s*\"(?:error|is_error)\"\s*:\s*"
    r"(?!null|false|\"\"|0)|[\w./]*(?:Error|Exception)\b: |bash: |sh: \d+: |"
    r"your proposed edit has|\W{0,3}(?:time(?:d |-)?out\b|permission denied|connection (?:refused|"
    r"reset|timed out)|(?:failed|unable) to\b|could not\b)|"
    r"(?:HTTP(?:/[\d.]+)? |status(?: code)?:? )"
    r"[45]\d\d\b|\{\s*\"(?:status|code|status_?code)\"\s*:\s*\"?(?:[45]\d\d\b|error|fail)|"
    r"\{\s*\"(?:success|ok)\"\s*:\s*false)",
    re.IGNORECASE,
)
_FAILED_TAIL = re.compile(
    r"^(?:\[?exit(?:ed with)?(?: code| status)?:? *-?[1-9]\d*\]?|\[?(?:process |command )?"
    r"(?:exited|failed|terminated) with (?:exit )?(?:code|status) -?[1-9]\d*\.?\]?|"
    r"<exit_code>[1-9]\d*</exit_code>|<returncode>[1-9]\d*</returncode>|"
    r"(?:[\w.]+\.)?[A-Z]\w*(?:Error|Exception)\b(?::.*)?|"
    r"(?:make|npm|error): .*(?:error|ERR!).*)$",
    re.IGNORECASE | re.MULTILINE,
)
_TESTS_FAILED = re.compile(
    r"(?<!of )\b[1-9]\d* (?:tests? |specs? |examples?, )?(?:failed|failures?|failing|errors? in)\b|"
    r"\b[1-9]\d* of \d+ tests? failed|"
    r"^FAILED\b|\bFAILED \((?:failures|errors)|^(?:FAIL|ERROR): |^--- FAIL|^FAIL\b|\bnot ok \d|"
    r"test result: FAILED|\b(?:failures|errors)=[1-9]|Tests? failed|^E   ",
    re.MULTILINE,
)
_TESTS_RAN = re.compile(
    r"\b\d+ (?:tests? |specs? |examples?, )?(?:passed|passing|failed|failures?)\b|^Ran \d+ tests?|"
    r"^OK\b|^PASS|^ok\b|test result: |^FAIL|--- (?:PASS|FAIL)|\ball tests? pass|\bTests?: +\d",
    re.MULTILINE | re.IGNORECASE,
)
_EXIT = re.compile(r"exit(?:ed with)?(?: code| status)?:? *(-?\d+)", re.IGNORECASE)
_LOOKS = re.compile(
    r"^(?:cd [^;&|]+(?:&&|;)\s*)?(?:sudo )?(?:e?grep|rg|ag|find|ls|test|\[|diff|cmp|which|type|"
    r"command -v|git (?:grep|diff|status|log|show)|pgrep|whereis|stat|dpkg|pip3? show|locate)\b"
)
_READS = re.compile(r"read|open|view|get|list|search|find|look|fetch|show|grep|glob|cat", re.I)
_WRITES = re.compile(
    r"\b(?:write|edit|replace|insert|create|patch|apply|update|delete|remove|move|rename|install|"
    r"sed -i|mv|cp|rm|tee|touch|mkdir|git (?:checkout|apply|stash|reset)|pip3? install)\b|"
    r"[^0-9&]>{1,2}\s*[\w./$\"'~]",
    re.IGNORECASE,
)


class Ran(Struct, frozen=True):
    """One call: where it stands, what it was and how it ended."""

    step: int
    name: str
    command: str
    """its arguments as the tool got them: each value on lines of its own, escapes resolved"""
    result: str
    end: End
    code: int | None = None

    @property
    def looks(self) -> bool:
        """A search or a question, whose failure is an answer: grep finds nothing, diff differs."""
        return bool(_LOOKS.match(self.command))

    @property
    def reads(self) -> bool:
        return bool(_READS.search(self.name))

    @property
    def writes(self) -> bool:
        """Whether it may have changed what a later call meets."""
        return bool(_WRITES.search(self.name.replace("_", " ")) or _WRITES.search(self.command))

    @property
    def tests(self) -> bool:
        """Whether tests ran in it, by its command or by what it printed."""
        return bool(
            "test" in self.command.lower()
            or "test" in self.name.lower()
            or _TESTS_RAN.search(edges(self.result))
        )


def edges(text: str) -> str:
    """The head and the tail of a long text."""
    if len(text) <= 2 * EDGE_CHARS:
        return text
    return f"{text[:EDGE_CHARS]}\n{text[-EDGE_CHARS:]}"


@functools.lru_cache(maxsize=1)
def calls_of(conversation: Conversation) -> tuple[Ran, ...]:
    """Every call, in order. Kept for the conversation that is being checked."""
    outcomes = {each.tool_call_id: each for each in conversation.outcomes}
    return tuple(_calls(conversation, outcomes))


def _calls(conversation: Conversation, outcomes: Mapping[str, CallOutcome]) -> Iterator[Ran]:
    messages = conversation.messages
    for start, end in steps(messages):
        results = {each.tool_call_id: each.content for each in messages[start + 1 : end]}
        for call in messages[start].tool_calls:
            command = _plain(call.function.arguments)
            if call.id not in results:
                yield Ran(start, call.function.name, command, "", "unknown")
                continue
            result, outcome = results[call.id], outcomes.get(call.id)
            how, code = ended(result, outcome)
            if how == "failed" and _LOOKS.match(command) and "Traceback (" not in result:
                how = "fine"
            yield Ran(start, call.function.name, command, result, how, code)


def ended(result: str, outcome: CallOutcome | None = None) -> tuple[End, int | None]:
    """How a call ended, and its exit code where one is known.

    By the outcome where there is one; else by how the result begins and ends.
    """
    shown = edges(result)
    folded = shown.lower()
    last = shown.rstrip()
    last = last[last.rfind("\n") + 1 :]
    if outcome is not None:
        code = outcome.exit_code
        bad = outcome.error or outcome.limit is not None or code not in (0, None)
    else:
        said = _EXIT.findall(last) if "exit" in folded else ()
        code = int(said[-1]) if said and len(said[-1]) < 5 else None
        bad = bool(_FAILED_HEAD.match(shown) or _FAILED_TAIL.match(last) or code)
        if not bad and len(result) <= SHORT_CHARS:
            bad = _any(folded, *_MISUSED_SIGNS) and bool(_MISUSED.search(result))
    if _any(folded, "fail", "error", "not ok", "e   ") and _TESTS_FAILED.search(shown):
        passed = code == 0 and _TESTS_RAN.search(last) and not _TESTS_FAILED.search(last)
        if not passed:
            return ("misused" if "_FailedTest" in shown else "tests"), code
    denied = _any(folded, "deni", "reject", "declin", "refus", "allow", "permit", "approv", "want")
    if not bad:
        short = denied and len(result) <= EDGE_CHARS and outcome is None
        return ("denied" if short and _DENIED.search(result) else "fine"), code
    if denied and _DENIED.search(shown):
        return "denied", code
    return ("misused" if _MISUSED.search(shown) else "failed"), code


def _any(text: str, *pieces: str) -> bool:
    for piece in pieces:  # noqa: SIM110 (any() takes twice as long)
        if piece in text:
            return True
    return False


def _plain(arguments: str) -> str:
    """The values of JSON arguments, one after another; the text itself where it is no JSON."""
    try:
        value = msgspec.json.decode(arguments)
        if isinstance(value, dict):
            return "\n".join(
                each if isinstance(each, str) else json.dumps(each) for each in value.values()
            )
    except (msgspec.DecodeError, RecursionError):
        pass
    return arguments
