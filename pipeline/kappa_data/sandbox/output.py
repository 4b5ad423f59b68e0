"""From the bytes a guest wrote to the text the assistant is shown. Pure functions."""

from __future__ import annotations

import re

# Newline and tab stay; everything else of C0, DEL and C1 would be invisible, or act on a terminal.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
WRITTEN = {mark: repr(mark)[1:-1] for mark in map(chr, range(256)) if CONTROL.match(mark)}


def visible(data: bytes) -> str:
    """Valid text: invalid UTF-8 becomes U+FFFD, control characters are written as \\x1b or \\r."""
    return _written(data.decode("utf-8", "replace"))


def shown(data: bytes, limit: int) -> tuple[str, bool]:
    """`clip(visible(data), limit)`, with time for what is shown alone: megabytes of control
    characters would hold up every other conversation for seconds."""
    text = data.decode("utf-8", "replace")
    if len(text) <= 2 * limit:
        return clip(_written(text), limit)
    size = len(text) + sum(text.count(mark) * (len(way) - 1) for mark, way in WRITTEN.items())
    head = limit // 2
    tail = limit - head
    start, end = _written(text[:head]), _written(text[len(text) - tail :])
    return _joined(start[:head], size - limit, end[len(end) - tail :]), True


def _written(text: str) -> str:
    return CONTROL.sub(lambda match: WRITTEN[match.group()], text)


def _joined(head: str, cut: int, tail: str) -> str:
    return f"{head}\n[... {cut:,} characters cut ...]\n{tail}"


def clip(text: str, limit: int) -> tuple[str, bool]:
    """Head and tail of `text` with how much was cut between them, and whether anything was.

    The head and the tail are `limit` characters together; the note between them comes on top.
    """
    if len(text) <= limit:
        return text, False
    head = limit // 2
    tail = limit - head
    cut = len(text) - head - tail
    return _joined(text[:head], cut, text[len(text) - tail :]), True


def with_note(text: str, note: str) -> str:
    """`text` with `note` in square brackets as its last line."""
    return with_line(text, f"[{note}]").removesuffix("\n")


def with_line(text: str, line: str) -> str:
    """`text` and, on a line of its own, `line`."""
    separator = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{separator}{line}\n"
