"""edit_file: replaces one passage."""

from __future__ import annotations

from kappa_data.sandbox.workspace import ToolError, has_seen, read_bytes, write_text


def edit_file(path: str, old_string: str, new_string: str) -> str:
    """Replace a passage of a text file that was read or written before in this conversation.
    old_string must occur exactly once, so give enough of the lines around it.

    Args:
        path: The file, relative to /workspace or absolute.
        old_string: The passage as it stands in the file.
        new_string: What takes its place.
    """
    data = read_bytes(path)
    if not has_seen(path):
        raise ToolError(f"{path}: read it with read_file before you edit it")
    if not old_string:
        raise ToolError("old_string is empty; use write_file to write a whole file")
    if old_string == new_string:
        raise ToolError("old_string and new_string are the same; nothing to change")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ToolError(f"{path}: not UTF-8 text, it cannot be edited with this tool") from error
    found = _occurrences(text, old_string)
    if found != 1:
        count = "does not occur" if not found else f"occurs {found} times"
        raise ToolError(f"{path}: old_string {count}; it must occur exactly once")
    write_text(path, text.replace(old_string, new_string))
    line = text.count("\n", 0, text.index(old_string)) + 1
    return f"Replaced 1 occurrence in {path}, at line {line}."


def _occurrences(text: str, passage: str) -> int:
    """How often `passage` occurs, overlapping ones counted: each is a place that could be meant."""
    count, position = 0, text.find(passage)
    while position >= 0:
        count += 1
        position = text.find(passage, position + 1)
    return count
