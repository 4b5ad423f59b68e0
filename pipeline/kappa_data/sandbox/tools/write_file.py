"""write_file: writes a text file. Its `run` works inside the box: standard library only."""

from __future__ import annotations

from kappa_data.sandbox.workspace import Arguments, State, write_text

DESCRIPTION = (
    "Write a text file, replacing what it held. Folders that are missing are made on the way."
)
PARAMETERS = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "description": "The file, relative to /workspace or absolute."},
        "content": {"type": "string", "description": "The whole new text of the file."},
    },
    "required": ["path", "content"],
    "additionalProperties": False,
}


def run(arguments: Arguments, state: State) -> str:
    """Write the file; afterwards it counts as read."""
    path, content = arguments["path"], arguments["content"]
    new = write_text(path, content)
    state.see(path)
    size = len(content.encode())
    unit = "byte" if size == 1 else "bytes"
    return f"{'Created' if new else 'Replaced'} {path} ({size:,} {unit})."
