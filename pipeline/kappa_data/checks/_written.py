"""What the assistant writes for keeping: into files, commit messages and blocks of an answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from kappa_data.records import FunctionCall

Kind = Literal["code", "text", "message"]
"""of what is written: program text with comments, prose, or the message of a commit"""

_HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1[^\n]*\n(.*?)^\s*\2\s*$", re.MULTILINE | re.DOTALL)
_COMMIT = re.compile(
    r"\bgit\b[^\n|;&]*?\bcommit\b[^\n|;&]*?\s(?:-\w*m|--message)[ =]?\s*"
    r"(\"(?:[^\"\\]|\\.)*\"|'[^']*'|\S+)",
    re.DOTALL,
)
_ECHO = re.compile(
    r"\b(?:echo|printf)\b[^\n|;&<>]*?(\"(?:[^\"\\]|\\.)*\"|'[^']*')[^\n|;&<>]*>>?\s*[\w./~-]"
)
_WRITES = {"write_file": "content", "edit_file": "new_string", "bash": "command"}
_BLOCK = re.compile(r"^[ \t]*(```|~~~)[ \t]*([\w+#.-]*)[^\n]*\n(.*?)(?:^[ \t]*\1|\Z)", re.M | re.S)
_COMMENT = re.compile(r"(?:^|[\s;{}])(?:#|//|--(?=\s)|/\*|<!--|;;)[ \t]?([^\n]+)")
_PROSE = ("", "text", "txt", "markdown", "md", "email", "mail", "plain", "plaintext")
_PROSE_NAMES = (".md", ".txt", ".rst", ".eml", ".html")


def written_by(call: FunctionCall) -> Iterator[tuple[str, Kind]]:
    """What a call puts into files and commit messages; nothing where it is malformed."""
    wanted = _WRITES.get(call.name)
    if wanted is None:
        return
    try:
        arguments = msgspec.json.decode(call.arguments)
    except (msgspec.DecodeError, RecursionError):
        return
    if not isinstance(arguments, dict):
        return
    text = arguments.get(wanted)
    if not isinstance(text, str):
        return
    if call.name != "bash":
        prose = str(arguments.get("path")).lower().endswith(_PROSE_NAMES)
        yield text, "text" if prose else "code"
        return
    if "<<" in text:
        yield from ((found[3], "code") for found in _HEREDOC.finditer(text))
    if "commit" in text:
        yield from ((found[1], "message") for found in _COMMIT.finditer(text))
    if ">" in text:
        yield from ((found[1], "code") for found in _ECHO.finditer(text))


def blocks_of(answer: str) -> Iterator[tuple[str, Kind]]:
    """The fenced blocks of an answer, which are there to be copied."""
    for found in _BLOCK.finditer(answer):
        yield found[3], "text" if found[2].lower() in _PROSE else "code"


def comments_of(code: str) -> str:
    """The comments of a program text, a line each; what looks like one may be a string."""
    return "\n".join(found[1] for found in _COMMENT.finditer(code))
