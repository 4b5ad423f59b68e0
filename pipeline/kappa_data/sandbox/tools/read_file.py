"""read_file: shows a text file by lines."""

from __future__ import annotations

from kappa_data.sandbox.workspace import ToolError, read_text, see, state

TYPE_CHECKING = False  # importing typing would slow every call
if TYPE_CHECKING:
    from typing import Annotated


def read_file(
    path: str,
    offset: Annotated[int, {"minimum": 1}] = 1,
    limit: Annotated[int, {"minimum": 1}] = 2000,
) -> str:
    """Read a text file. Returns its lines from offset on, and says how many remain after them.

    Fewer lines are shown when they would not fit the output.

    Args:
        path: The file, relative to /workspace or absolute.
        offset: First line to return, counted from 1.
        limit: How many lines to return at most.
    """
    lines = read_text(path).split("\n")
    ends_line = not lines[-1]
    if ends_line:
        lines.pop()
    see(path)
    if not lines:
        return "[the file is empty]"
    first = offset - 1
    if first >= len(lines):
        raise ToolError(f"{path}: offset {offset} is past its last line, {len(lines)}")
    shown: list[str] = []
    room = state.output_chars - 100  # for the note at the end
    for line in lines[first : first + limit]:
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
