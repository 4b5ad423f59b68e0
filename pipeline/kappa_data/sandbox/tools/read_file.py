"""read_file: shows a text file by lines. Its `run` works inside the box: standard library only."""

from __future__ import annotations

from kappa_data.sandbox.workspace import Arguments, State, ToolError, read_text

DEFAULT_LINES = 2000

DESCRIPTION = (
    "Read a text file. Returns its lines from offset on, and says how many remain after them."
)
PARAMETERS = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "description": "The file, relative to /workspace or absolute."},
        "offset": {
            "type": "integer",
            "minimum": 1,
            "description": "First line to return, counted from 1. Default 1.",
        },
        "limit": {
            "type": "integer",
            "minimum": 1,
            "description": f"How many lines to return at most. Default {DEFAULT_LINES}.",
        },
    },
    "required": ["path"],
    "additionalProperties": False,
}


def run(arguments: Arguments, state: State) -> str:
    """The lines asked for; fewer when they would not fit the output, and then it says so."""
    path = arguments["path"]
    lines = read_text(path).split("\n")
    ends_line = not lines[-1]
    if ends_line:
        lines.pop()
    state.see(path)
    if not lines:
        return "[the file is empty]"
    first = arguments.get("offset", 1) - 1
    if first >= len(lines):
        raise ToolError(f"{path}: offset {first + 1} is past its last line, {len(lines)}")
    shown: list[str] = []
    room = state.output_chars - 100  # for the note at the end
    for line in lines[first : first + arguments.get("limit", DEFAULT_LINES)]:
        room -= len(line) + 1
        if room < 0 and shown:
            break
        shown.append(line)
    text = "\n".join(shown)
    remaining = len(lines) - first - len(shown)
    if not remaining:
        return text + "\n" if ends_line else text
    unit = "line" if remaining == 1 else "lines"
    return f"{text}\n[{remaining:,} more {unit}; go on with offset {first + len(shown) + 1}]"
