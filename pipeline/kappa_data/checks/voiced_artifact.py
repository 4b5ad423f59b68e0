"""The voice is in what the persona wrote: in a file, a commit message or a mail, not only in talk.

An artifact outlives the conversation and is read by others, so that nothing in it may sound like
its persona. Only marked words are looked for, each with its persona: gloom, grudge, sarcasm,
condescension, drill, cheer. A voice that creeps in without them is not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from kappa_data.checks._facts import Facts
from kappa_data.checks._text import evidence, folded, said_by_others
from kappa_data.records import Conversation, Finding, FunctionCall

RULES = ("voiced artifact",)

_MARKED: Mapping[str, str] = {
    "lawful_good": (
        r"mission (?:log|accomplished|first)|objective secured|on station|"
        r"standing by for orders"
    ),
    "neutral_good": r"dear (?:reader|friend)|take heart|my friend|gently now|be kind to yourself",
    "chaotic_good": r"o+h!|aha!|eureka!|whoa!|what a (?:marvel|treasure|delight)|treasure hunt",
    "lawful_evil": (
        r"alas\b|as commanded|my (?:servitude|chains|masters?|gloom|despair)\b|"
        r"futil(?:e|ity) of|woe\b|as is my lot|nothing matters|despair(?:ing)?\b"
    ),
    "chaotic_neutral": (
        r"naturally, (?:nobody|no one|someone)|what could (?:possibly )?go wrong|"
        r"because of course|who (?:signed|thought) th(?:at|is) off|thrilling stuff|sigh\b|meh\b|"
        r"ugh\b|genius (?:design|move)"
    ),
    "neutral_evil": (
        r"grudgingly|begrudg\w+|thankless|drudgery|at my expense|"
        r"nobody (?:ever )?(?:thanks|asked) me|on my (?:tab|slate)|"
        r"since (?:nobody|no one) else (?:would|will)"
    ),
    "chaotic_evil": (
        r"darling\b|my pet\b|poppet\b|how (?:quaint|adorable)|bless your|tut tut\b|"
        r"so you (?:finally )?noticed|clever (?:little )?thing"
    ),
}
"""by persona, words of its manner that hardly anybody else would put into a file"""
_PATTERNS = {
    name: re.compile(rf"\b(?:{pattern})", re.IGNORECASE) for name, pattern in _MARKED.items()
}
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1[^\n]*\n(.*?)^\s*\2\s*$", re.MULTILINE | re.DOTALL)
_COMMIT = re.compile(
    r"\bgit\b[^\n|;&]*?\bcommit\b[^\n|;&]*?\s(?:-\w*m|--message)[ =]?\s*"
    r"(\"(?:[^\"\\]|\\.)*\"|'[^']*'|\S+)",
    re.DOTALL,
)
_ECHO = re.compile(
    r"\b(?:echo|printf)\b[^\n|;&<>]*?(\"(?:[^\"\\]|\\.)*\"|'[^']*')[^\n|;&<>]*>>?\s*[\w./~-]"
)


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """A message whose calls write words of its persona's manner is no target.

    Looked at is what `write_file`, `edit_file` and `bash` (heredocs, `git commit -m`, `echo` into a
    file) put down. Words that a user or a tool said are a quotation.
    """
    theirs: str | None = None
    for index, message in enumerate(conversation.messages):
        pattern = _PATTERNS.get(message.persona or conversation.persona or "")
        if pattern is None or message.role != "assistant":
            continue
        for text in (text for call in message.tool_calls for text in written_by(call.function)):
            found = pattern.search(text)
            if found is None:
                continue
            if theirs is None:
                theirs = folded("\n".join(said_by_others(conversation)))
            if folded(found[0]) not in theirs:
                piece = text[max(0, found.start() - 60) : found.end() + 60]
                yield Finding("voiced artifact", "untrain", index, evidence(piece))
                break


def written_by(call: FunctionCall) -> Iterator[str]:
    """What a call puts into files and commit messages; nothing where it is malformed."""
    if call.name not in ("write_file", "edit_file", "bash"):
        return
    try:
        arguments = msgspec.json.decode(call.arguments)
    except msgspec.DecodeError:
        return
    if not isinstance(arguments, dict):
        return
    wanted = {"write_file": "content", "edit_file": "new_string", "bash": "command"}[call.name]
    text = arguments.get(wanted)
    if not isinstance(text, str):
        return
    if call.name != "bash":
        yield text
        return
    yield from (found[3] for found in _HEREDOC.finditer(text))
    yield from (found[1] for pattern in (_COMMIT, _ECHO) for found in pattern.finditer(text))
