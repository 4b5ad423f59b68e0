"""write_file: writes a text file."""

from __future__ import annotations

from kappa_data.sandbox.workspace import see, write_text


def write_file(path: str, content: str) -> str:
    """Write a text file, replacing what it held. Folders that are missing are made on the way.

    Args:
        path: The file, relative to /workspace or absolute.
        content: The whole new text of the file.
    """
    new = write_text(path, content)
    see(path)
    size = len(content.encode())
    unit = "byte" if size == 1 else "bytes"
    return f"{'Created' if new else 'Replaced'} {path} ({size:,} {unit})."
