"""What is prose in a text: fenced code, inline code, markup and quotations are taken out.

All in linear time, whatever the text: fences are followed line by line, every other pattern ends at
its line's end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from kappa_data.checks._text import remembered

_FENCE = re.compile(r"[ \t>*-]{0,16}(`{3,}|~{3,})([^`]*)$")
_INLINE = re.compile(r"``[^\n]*?``|`[^`\n]+`")
# Double signs anywhere; single ones only around what cannot be an apostrophe's business.
_QUOTED = re.compile(
    r"\"[^\"\n]*\"|“[^“”\n]*”|„[^„“”\n]*[“”]|«[^«»\n]*»|「[^「」\n]*」|『[^『』\n]*』"
    r"|(?<![\w'’])['‘](?=\S)[^'’‘\n]{1,200}(?<=[\w.,!?])['’](?!\w)"
)
_TAG = re.compile(r"</?[A-Za-z][\w:.=-]{0,60}[^<>\n]{0,200}>")
# Textual calls of agents, with what stands in them.
_CALL = re.compile(r"<(function|command|parameter|tool_call|invoke)\b")
_LINK = re.compile(r"https?://\S{1,2000}|\bwww\.\S{1,2000}")


class Lines(Struct, frozen=True):
    """The lines of a text outside fenced code; `fence` is the line that opened the last fence,
    where it was never closed."""

    prose: tuple[str, ...]
    code: tuple[str, ...]
    fence: str | None


@remembered
def lines(text: str) -> Lines:
    """The text by lines; the fences of Markdown (CommonMark 0.31, 4.5), also in lists and quotes.

    A fence counts as never closed only where the number of fence lines is odd: fences within
    fences are common, and wrong by the book.
    """
    if "```" not in text and "~~~" not in text:
        return Lines(tuple(text.split("\n")), (), None)
    prose: list[str] = []
    code: list[str] = []
    sign, opened, fences = "", "", 0
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        fences += mark is not None
        if not sign:
            if mark is None:
                prose.append(line)
            else:
                sign, opened = mark[1], line
        elif mark is not None and mark[1].startswith(sign) and not mark[2].strip():
            sign = ""
        else:
            code.append(line)
    return Lines(tuple(prose), tuple(code), opened if sign and fences % 2 else None)


@remembered
def prose(text: str) -> str:
    """What is said in the text's own words: without code, markup, links and quotations."""
    if "`" in text or "~~~" in text:
        text = _INLINE.sub(" ", "\n".join(lines(text).prose))
    if "<" in text:
        text = _TAG.sub(" ", _without_calls(text))
    if "://" in text or "www." in text:
        text = _LINK.sub(" ", text)
    return _QUOTED.sub(" ", text)


def _without_calls(text: str) -> str:
    """Without `<function=...> ... </function>` and its like; an open one goes on to the end."""
    kept: list[str] = []
    at = 0
    while found := _CALL.search(text, at):
        kept.append(text[at : found.start()])
        end = f"</{found[1]}>"
        close = text.find(end, found.end())
        if close < 0:
            return " ".join(kept)
        at = close + len(end)
    kept.append(text[at:])
    return " ".join(kept)


def paragraphs(text: str) -> Iterator[str]:
    """The lines of `prose(text)` that hold anything."""
    return (line for line in prose(text).split("\n") if line.strip())
