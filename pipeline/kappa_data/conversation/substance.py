"""What of a text has to survive when somebody says it again in another voice. Pure functions.

Passages that may not change at all are taken out before and put back after. What is left is
compared by what can be compared: numbers, code spans, paths, addresses, quoted names, length.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import count

MARK = "keep"
SHORTEST, LONGEST = 0.4, 2.0
"""words of a voiced text, as a share of those of the plain one"""
SLACK = 40
"""words that a voice may take beyond that: of a short text it is the larger part"""
FEW = 10
"""words up to which a text may become as short as it likes"""

# A fenced block (to the end where it is never closed), or a line that a verifier reads.
_FROZEN = re.compile(
    r"^[ \t]*(?P<fence>`{3,}|~{3,})[^\n]*\n(?:.*?^[ \t]*(?P=fence)[`~]*[ \t]*$|.*\Z)"
    r"|^[ \t>*_#-]*answer[*_]*:[^\n]*$",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
_CODE = re.compile(r"(?P<ticks>`+)(?P<code>[^\n]+?)(?P=ticks)")
_PLACE = re.compile(
    r"https?://[^\s<>()\[\]\"'`]+"
    r"|(?<![\w./~-])(?:~|\.{1,2})?/[\w.-]+(?:/[\w.-]+)*/?"  # from a root, as /etc/hosts or ./run
    r"|(?<![\w./-])[\w.-]+(?:/[\w.-]+)*\.[A-Za-z][A-Za-z0-9]{0,4}(?![\w/])"
)
_NO_PLACE = {"e.g", "i.e", "a.m", "p.m", "u.s", "u.k"}
_QUOTED = re.compile(r'"([^"\n]{1,80})"|\u201c([^\u201d\n]{1,80})\u201d')
# A number that only counts points is the layout's: "2.", "(3)", "Step 4:".
_COUNTER = re.compile(
    r"^[ \t>*_#-]*(?:(?:step|clause|point|item|condition|article|section|part|stage|note|\u00a7)"
    r"[ \t]*)?[*_]*\(?\d{1,2}[*_]*[.):](?=[\s*_]|$)"
    r"|(?<=\s)\(\d{1,2}\)|\b(?:step|clause|point|item|condition|section)s? \d{1,2}\b",
    re.MULTILINE | re.IGNORECASE,
)
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


def mark_for(texts: Sequence[str]) -> str:
    """A word for placeholders that no text uses for one already."""
    marks = (MARK if number == 1 else f"{MARK}{number}" for number in count(1))
    return next(mark for mark in marks if not any(f"[[{mark} " in text for text in texts))


def taken_out(texts: Sequence[str], mark: str) -> tuple[list[str], list[dict[str, str]]]:
    """The texts with a placeholder for each frozen passage; for each, what its own stand for."""
    numbers = count(1)
    left, kept = [], []
    for text in texts:
        own: dict[str, str] = {}

        def put(found: re.Match[str], own: dict[str, str] = own) -> str:
            name = f"[[{mark} {next(numbers)}]]"
            own[name] = found[0]
            return name

        left.append(_FROZEN.sub(put, text))
        kept.append(own)
    return left, kept


def put_back(text: str, kept: dict[str, str], mark: str) -> tuple[str, str]:
    """The text with its frozen passages, and ""; or what is wrong with its placeholders."""
    for name in re.findall(rf"\[\[{re.escape(mark)} [^\]\n]*\]\]", text):
        if name not in kept:
            return text, f"{name} does not belong into this text"
    for name, passage in kept.items():
        line = re.compile(rf"^[ \t]*{re.escape(name)}[ \t]*$", re.MULTILINE)
        if text.count(name) != 1:
            return text, f"{name} has to stand in it once, and stands {text.count(name)} times"
        if not line.search(text):
            return text, f"{name} has to stand on a line of its own"
        text = line.sub(lambda _, passage=passage: passage, text)  # type: ignore[misc]
    return text, ""


def lost(plain: str, voiced: str) -> str:
    """What `voiced` lacks of the substance of `plain`, or has beyond it, in words; "" for nothing.

    Both without their frozen passages.
    """
    if not voiced.strip():
        return "it is empty"
    for code in _codes(plain) - _codes(voiced):
        return f"the code `{code}` is missing"
    prose = _CODE.sub(" ", plain)
    for place in sorted(set(_PLACE.findall(prose))):
        name = place.rstrip(".,;:!?")
        if name.lower() not in _NO_PLACE and name not in voiced:
            return f"{name} is missing"
    # A quotation may hold code, but a quotation mark in code begins none.
    said = _unquoted(voiced)
    for quoted in _QUOTED.finditer(_unquoted(plain)):
        name = (quoted[1] or quoted[2]).rstrip(".,;:!?")
        if name not in said:
            return f'"{name}" is missing'
    before, after = _numbers(plain), _numbers(voiced)
    for number in sorted(before - after):
        return f"the number {number} is missing"
    for number in sorted(after - before):
        return f"the number {number} was never said"
    return _length_fault(len(plain.split()), len(voiced.split()))


def _unquoted(text: str) -> str:
    return _CODE.sub(lambda found: found[0].replace('"', "'"), text)


def _codes(text: str) -> set[str]:
    return {found["code"].strip() for found in _CODE.finditer(text)}


def _numbers(text: str) -> set[str]:
    return set(_NUMBER.findall(_THOUSANDS.sub("", _COUNTER.sub(" ", text))))


def _length_fault(before: int, after: int) -> str:
    if before > FEW and after < SHORTEST * before:
        return f"it has {after} words where the plain text has {before}: something was left out"
    if after > LONGEST * before + SLACK:
        return f"it has {after} words where the plain text has {before}: too many"
    return ""
