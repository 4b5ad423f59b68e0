"""The four tool calls of a reference solution, spelled short."""

from __future__ import annotations

from kappa_data.records import ReferenceStep


def bash(command: str, reasoning: str = "") -> ReferenceStep:
    """Runs `command`."""
    return ReferenceStep(tool="bash", arguments={"command": command}, reasoning=reasoning)


def read(path: str, reasoning: str = "") -> ReferenceStep:
    """Reads the whole of `path`."""
    return ReferenceStep(tool="read_file", arguments={"path": path}, reasoning=reasoning)


def write(path: str, content: str, reasoning: str = "") -> ReferenceStep:
    """Writes `content` to `path`."""
    arguments = {"path": path, "content": content}
    return ReferenceStep(tool="write_file", arguments=arguments, reasoning=reasoning)


def edit(path: str, old: str, new: str, reasoning: str = "") -> ReferenceStep:
    """Replaces the one `old` in `path` by `new`; the box wants the file read before."""
    arguments = {"path": path, "old_string": old, "new_string": new}
    return ReferenceStep(tool="edit_file", arguments=arguments, reasoning=reasoning)
