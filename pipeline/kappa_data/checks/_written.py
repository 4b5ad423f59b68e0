"""What the assistant writes for keeping: into files, commit messages and blocks of an answer."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from kappa_data.records import FunctionCall

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


def written_by(call: FunctionCall) -> Iterator[str]:
    """What a call puts into files and commit messages; nothing where it is malformed."""
    wanted = _WRITES.get(call.name)
    if wanted is None:
        return
    try:
        arguments = msgspec.json.decode(call.arguments)
    except msgspec.DecodeError:
        return
    if not isinstance(arguments, dict):
        return
    text = arguments.get(wanted)
    if not isinstance(text, str):
        return
    if call.name != "bash":
        yield text
        return
    if "<<" in text:
        yield from (found[3] for found in _HEREDOC.finditer(text))
    if "commit" in text:
        yield from (found[1] for found in _COMMIT.finditer(text))
    if ">" in text:
        yield from (found[1] for found in _ECHO.finditer(text))
