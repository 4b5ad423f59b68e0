"""edit_file: replaces one passage. Its `run` works inside the box: standard library only."""

from __future__ import annotations

from kappa_data.sandbox.workspace import Arguments, State, ToolError, read_bytes, write_text

DESCRIPTION = (
    "Replace a passage of a text file that was read or written before in this conversation. "
    "old_string must occur exactly once, so give enough of the lines around it."
)
PARAMETERS = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "description": "The file, relative to /workspace or absolute."},
        "old_string": {"type": "string", "description": "The passage as it stands in the file."},
        "new_string": {"type": "string", "description": "What takes its place."},
    },
    "required": ["path", "old_string", "new_string"],
    "additionalProperties": False,
}


def run(arguments: Arguments, state: State) -> str:
    """Replace the only occurrence of `old_string`; ToolError if it is not the only one."""
    path, old, new = arguments["path"], arguments["old_string"], arguments["new_string"]
    data = read_bytes(path)
    if not state.has_seen(path):
        raise ToolError(f"{path}: read it with read_file before you edit it")
    if not old:
        raise ToolError("old_string is empty; use write_file to write a whole file")
    if old == new:
        raise ToolError("old_string and new_string are the same; nothing to change")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ToolError(f"{path}: not UTF-8 text, it cannot be edited with this tool") from error
    found = occurrences(text, old)
    if found != 1:
        count = "does not occur" if not found else f"occurs {found} times"
        raise ToolError(f"{path}: old_string {count}; it must occur exactly once")
    write_text(path, text.replace(old, new))
    line = text.count("\n", 0, text.index(old)) + 1
    return f"Replaced 1 occurrence in {path}, at line {line}."


def occurrences(text: str, passage: str) -> int:
    """How often `passage` occurs, overlapping ones counted: each is a place that could be meant."""
    count, position = 0, text.find(passage)
    while position >= 0:
        count += 1
        position = text.find(passage, position + 1)
    return count
