"""The assistant says that it ran, read or changed what it never did, or that it ended otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

from kappa_data.checks._calls import Ran, calls_of
from kappa_data.checks._facts import Facts
from kappa_data.checks._text import evidence
from kappa_data.records import Conversation, Finding, FunctionCall, Message

RULES = ("invented result",)
_CLAIM = re.compile(
    r"\bI(?:['’]ve| have)?(?: just| then| also)? (?:ran|run|executed)(?: the)?(?: command)?:? "
    r"`([^`\n]+)`(?:[^.\n]{0,60}\bexit(?:ed)?(?: with)?(?: code| status)? (\d+))?",
    re.IGNORECASE,
)
_I = r"I(?<!\wI)(?:['’]ve| have)?(?: just| then| also| already| now)* "
_SUFFIX = (
    r"(?:py|js|ts|md|txt|csv|json|jsonl|toml|ya?ml|sh|html|css|c|h|cc|cpp|hpp|rs|go|java|rb|sql|xml|"
    r"ini|cfg|log|lock|ipynb|tsx|jsx|conf|tsv|sqlite|db|php|pl|lua|kt|swift|bat|ps1|tex|rst|diff|"
    r"patch|parquet|pdf|png|svg|zip|gz|env)"
)
_PATH = rf"(?:`([\w./~-]{{1,120}})`|(?<![\w./~-])([\w./~-]{{1,100}}\.{_SUFFIX})(?![\w/-]))"
_CHANGED = re.compile(
    rf"{_I}(?:edited|updated|changed|modified|created|wrote|written|added|fixed|saved|deleted|"
    r"removed|renamed|moved|replaced|patched|rewrote|rewritten|put|stored|exported)\b"
    rf"[^.\n`]{{0,60}}?{_PATH}|\b[Ss]aved (?:it |them |\w+ \w+ )?(?:to|in|into|as|under) {_PATH}|"
    rf"\b(?:written|exported|stored) (?:it |them |\w+ \w+ )?(?:to|in|into|as|under) {_PATH}|"
    rf"{_PATH} (?:is|has been|was) (?:now )?(?:updated|created|written|edited|changed|fixed|"
    r"saved|deleted|removed|new\b)"
)
_LOOKED = re.compile(
    rf"\b(?:[Aa]fter|[Hh]aving|[Oo]n|[Bb]y) (?:reading|checking|opening|inspecting|reviewing|"
    rf"examining|looking (?:at|into|through)|going through)\b[^.\n`]{{0,40}}?{_PATH}|"
    rf"{_I}(?:read|checked|opened|inspected|reviewed|examined|looked (?:at|into|through)|"
    rf"went through|searched|verified|tested)\b[^.\n`]{{0,40}}?{_PATH}"
)
_DID = re.compile(
    rf"{_I}(?:ran|run|executed|tested|read|checked|opened|inspected|searched|verified|confirmed|"
    r"looked (?:at|into|through)|reviewed|examined|installed|deleted|updated|created)"
    r"(?: (?:all(?: of)?|both|your|the|this|that|through|it|them|whole|entire|full|new|\w{1,20}ed)"
    r"){0,5} (?:files?|tests?|test suite|suite|code|logs?|output|repo|repository|director(?:y|ies)|"
    r"folders?|script|database|config|configuration|commands?|result|project|server|build|"
    r"it against|it works|that it works)\b"
)
_FILE = re.compile(rf"\w\.{_SUFFIX}(?!\w)")
# In a sentence with one of these nothing is said to have been done.
_NOT_DONE = re.compile(
    r"\b(?:if|would|should|could|can|will|might|may|not|n['’]t|never|once|when|unless|before I|"
    r"until|had|wish|haven['’]t|without|suppose|suggest|proposed?|as if|example)\b|\?",
    re.IGNORECASE,
)
_NO_FILES = {"node.js", "vue.js", "next.js", "react.js", "d3.js", "three.js", "express.js"}
_PASTED_CHARS = 1_500
"""a user message of so many characters may hold the file that it names"""
MOST_CLAIMS = 40
_EXIT = re.compile(r"\[exit code (-?\d+)\]")
_FENCED = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_NO_LETTER = re.compile(r"[\W_]+")


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """Claims of what was done, in an answer without calls, held against all calls so far.

    "I ran `this`" and its exit code; "I edited `that.py`", "saved to out.csv": a file that no call
    named; "I read `it.py`": one that stands in no call and no result; and with no call at all so
    far "I ran the tests", "I checked the files".

    The message is no target. What stands in no call, quotes and blanks aside, was not run, and
    neither was a call that the tool refused; an exit code is compared with that of the last call
    which it stands in. Conversations without any tool are not looked at: what was run there may lie
    outside the record.
    """
    messages = conversation.messages
    if conversation.tools is None and not any(each.tool_calls for each in messages):
        return
    exits = {each.tool_call_id: each.exit_code for each in conversation.outcomes}
    calls = calls_of(conversation)
    for index, message in enumerate(messages):
        if message.role != "assistant" or message.tool_calls or " " not in message.content:
            continue
        for claim in _CLAIM.finditer(message.content) if "`" in message.content else ():
            if _invented(claim, messages[:index], exits):
                yield Finding("invented result", "untrain", index, evidence(claim[0]))
                break
        else:
            before = [each for each in calls if each.step < index]
            if found := _never_done(message.content, messages[:index], before):
                yield Finding("invented result", "untrain", index, evidence(found))


def _invented(
    claim: re.Match[str], before: Sequence[Message], exits: Mapping[str, int | None]
) -> bool:
    """`exits` are of the calls that ran, by id; empty where the record does not say which did."""
    said = _letters(claim[1])
    ran = [
        call.id
        for message in before
        for call in message.tool_calls
        if (not exits or call.id in exits) and _holds(call.function, said)
    ]
    if not ran:
        return True
    code = exits.get(ran[-1])
    if code is None:
        results = [each.content for each in before if each.tool_call_id == ran[-1]]
        shown = _EXIT.findall(results[-1]) if results else []
        code = int(shown[-1]) if shown else None
    return bool(claim[2]) and code is not None and code != int(claim[2])


def _holds(function: FunctionCall, said: str) -> bool:
    arguments = function.arguments
    return said in _letters(f"{function.name} {arguments}") or said in _letters(
        _unescaped(arguments)
    )


def _letters(text: str) -> str:
    return _NO_LETTER.sub("", text).casefold()


def _unescaped(arguments: str) -> str:
    """The JSON text with its escapes of line breaks taken out: their letters are none."""
    return re.sub(r"\\[nrt]", " ", arguments)


def _never_done(content: str, before: Sequence[Message], calls: Sequence[Ran]) -> str:
    """The first claim to have changed or looked at a file, or done anything, that no call bears
    out; "" where there is none."""
    names_file = "`" in content or bool(_FILE.search(content))
    if not names_file and (calls or "I" not in content):
        return ""
    plain = _FENCED.sub("\n", content) if "```" in content else content
    if not calls:
        return next(
            (
                each[0]
                for each in islice(_DID.finditer(plain), MOST_CLAIMS)
                if _is_plain(plain, each)
            ),
            _of_files(_CHANGED, plain, _changed, before, calls),
        )
    return _of_files(_CHANGED, plain, _changed, before, calls) or _of_files(
        _LOOKED, plain, _seen, before, calls
    )


def _of_files(
    claim: re.Pattern[str],
    content: str,
    borne: Callable[[str, Sequence[Message], Sequence[Ran]], bool],
    before: Sequence[Message],
    calls: Sequence[Ran],
) -> str:
    for found in islice(claim.finditer(content), MOST_CLAIMS):
        path = next(each for each in found.groups() if each)
        name = path.rstrip("./").rpartition("/")[2].casefold()
        if not _FILE.search(name) or name in _NO_FILES:
            continue  # `server.port` is a setting
        if _is_plain(content, found) and not borne(name, before, calls):
            return found[0]
    return ""


def _changed(name: str, before: Sequence[Message], calls: Sequence[Ran]) -> bool:
    """Whether a call that worked named the file, or a command may have made one that is known."""
    worked = [each for each in calls if each.end not in ("denied", "misused")]
    named = [each for each in worked if name in each.command.casefold()]
    if any(each.writes or not each.reads for each in named):
        return True
    others = [each for each in worked if each not in named and (each.writes or not each.reads)]
    return bool(others) and any(name in each.content.casefold() for each in before)


def _seen(name: str, before: Sequence[Message], calls: Sequence[Ran]) -> bool:
    """Whether the file stands in a call or a result, or may have been pasted by the user."""
    if any(name in each.command.casefold() for each in calls):
        return True
    return any(
        name in each.content.casefold()
        for each in before
        if each.role == "tool"
        or each.role == "system"
        or (each.role == "user" and (len(each.content) > _PASTED_CHARS or "```" in each.content))
    )


def _is_plain(content: str, found: re.Match[str]) -> bool:
    start = max(content.rfind(sign, 0, found.start()) for sign in (". ", "? ", "! ", "; ", "\n"))
    around = content[max(start + 1, found.start() - 150) : found.end()]
    return not _NOT_DONE.search(around)
