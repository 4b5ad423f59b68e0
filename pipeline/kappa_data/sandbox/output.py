"""From the bytes a guest wrote to the text the assistant is shown. Pure functions."""

from __future__ import annotations

import re

# Newline and tab stay; everything else of C0, DEL and C1 would be invisible, or act on a terminal.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def visible(data: bytes) -> str:
    """Valid text: invalid UTF-8 becomes U+FFFD, control characters are written as \\x1b or \\r."""
    text = data.decode("utf-8", "replace")
    return CONTROL.sub(lambda match: repr(match.group())[1:-1], text)


def clip(text: str, limit: int) -> tuple[str, bool]:
    """Head and tail of `text` with how much was cut between them, and whether anything was.

    The head and the tail are `limit` characters together; the note between them comes on top.
    """
    if len(text) <= limit:
        return text, False
    head = limit // 2
    tail = limit - head
    cut = len(text) - head - tail
    end = text[len(text) - tail :]
    return f"{text[:head]}\n[... {cut:,} characters cut ...]\n{end}", True


def with_note(text: str, note: str) -> str:
    """`text` with `note` in square brackets as its last line."""
    return with_line(text, f"[{note}]").removesuffix("\n")


def with_line(text: str, line: str) -> str:
    """`text` and, on a line of its own, `line`."""
    separator = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{separator}{line}\n"
