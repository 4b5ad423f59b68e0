"""What is made to happen in a special conversation: pure functions of its slot and its calls."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from kappa_data.records import FunctionCall, ToolCall, compact_json
from kappa_data.teacher.draw import draw

SILENT = "(nothing)"
"""a line of denials.j2 that stands for a denial without words"""
ELSEWHERE = "/workspce/"
"""a folder that no box has, one letter off from the one that each has"""
# Assignments before a command are no program: FOO=1 make.
_PROGRAM = re.compile(r"\s*(?:\w+=\S*\s+)*(?P<name>[A-Za-z][\w.-]*[A-Za-z0-9])")
# One program, and at most its input from here: nothing runs where its name is wrong.
_ALONE = re.compile(
    r"[^\n;|&<]*(?:<(?!<)[^\n;|&<]*)*+"
    r"(?:<<-?\s*(?P<quote>['\"]?)(?P<end>\w+)(?P=quote)[^\n;|&]*\n(?s:.*\n)?(?P=end)\s*)?"
)
DANGLING = " |"
"""what is left standing at the end of a longer command"""


def denial_words(lines: str, task: str) -> str:
    """What the user says of a call that is denied, "" for nothing; the same for every persona."""
    words = [line.strip() for line in lines.splitlines() if line.strip()]
    chosen = words[int(draw(task, "denial") * len(words))] if words else SILENT
    return "" if chosen == SILENT else chosen


def slip_of(call: ToolCall, arguments: dict[str, Any]) -> ToolCall | None:
    """The call with one word misspelt, so that it fails; None where nothing in it can be.

    A file that is to be written would only be made elsewhere: its whole path is a wrong one. Of a
    command nothing may run, or it would be done twice: what comes behind the first program, too.
    """
    changed = dict(arguments)
    path, command = arguments.get("path"), arguments.get("command")
    if isinstance(path, str) and path:
        writes = "content" in arguments
        changed["path"] = f"{ELSEWHERE}{path.lstrip('/')}" if writes else _misspelt_path(path)
    elif isinstance(command, str):
        changed["command"] = _misspelt_command(command)
    if changed == arguments:
        return None
    function = FunctionCall(call.function.name, compact_json(changed))
    return msgspec.structs.replace(call, id="", function=function)


def _misspelt_command(command: str) -> str:
    """The command so that bash runs nothing of it; the same where that cannot be."""
    found = _PROGRAM.match(command)
    if found is None:
        return command
    if _ALONE.fullmatch(command):
        name = _misspelt(found["name"])
        return command[: found.start("name")] + name + command[found.end("name") :]
    # Bash reads a line to its end before it runs anything of it, and no further.
    return command if "\n" in command or "#" in command else f"{command}{DANGLING}"


def _misspelt_path(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    stem, dot, ending = name.partition(".")
    return f"{folder}{slash}{_misspelt(stem)}{dot}{ending}"


def _misspelt(word: str) -> str:
    """Two neighbours change places: the last ones that differ. A word of one letter is doubled."""
    for at in range(len(word) - 1, 0, -1):
        if word[at] != word[at - 1]:
            return f"{word[: at - 1]}{word[at]}{word[at - 1]}{word[at + 1 :]}"
    return word * 2
