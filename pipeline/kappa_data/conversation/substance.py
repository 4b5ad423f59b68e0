"""What of a text has to survive when somebody says it again in another voice. Pure functions.

Passages that may not change at all are taken out before and put back after. What is left is
compared by what can be compared: numbers, code spans, paths, addresses, quoted names, length.

The texts are a teacher's, of any length and kind, and a search cannot be interrupted: no pattern
here goes back over a long text. So no two repetitions that meet share a character, unless the first
is possessive.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
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
    r"^[ \t]*(?P<fence>`{3,}+|~{3,}+)[^\n]*\n(?:.*?^[ \t]*(?P=fence)[`~]*[ \t]*$|.*\Z)"
    r"|^[ \t>*_#-]*+answer[*_]*+:[^\n]*$",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
_TICKS = re.compile(r"(`+)")
_PLACE = re.compile(
    r"https?://[^\s<>()\[\]\"'`]+"
    r"|(?<![\w./~-])(?:~|\.{1,2})?/[\w.-]+(?:/[\w.-]+)*/?"  # from a root, as /etc/hosts or ./run
    r"|(?<![\w./-])[\w.-]+(?:/[\w.-]+)*\.[A-Za-z][A-Za-z0-9]{0,4}(?![\w/])"
)
_NO_PLACE = {"e.g", "i.e", "a.m", "p.m", "u.s", "u.k"}
_QUOTED = re.compile(r'"([^"\n]{1,80})"|\u201c([^\u201d\n]{1,80})\u201d')
# A number that only counts points is the layout's: "2.", "(3)", "Step 4:".
_COUNTER = re.compile(
    r"^[ \t>*_#-]*+(?:(?:step|clause|point|item|condition|article|section|part|stage|note|\u00a7)"
    r"[ \t]*)?[*_]*\(?\d{1,2}[*_]*[.):](?=[\s*_]|$)"
    r"|(?<=\s)\(\d{1,2}\)|\b(?:step|clause|point|item|condition|section)s? \d{1,2}\b",
    re.MULTILINE | re.IGNORECASE,
)
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


def mark_for(texts: Sequence[str]) -> str:
    """A word for placeholders that stands in no text as one, nor as anything like one."""
    like = re.compile(rf"\[\s*({MARK}\d*)\b", re.IGNORECASE)
    used = {found.lower() for text in texts for found in like.findall(text)}
    marks = (MARK if number == 1 else f"{MARK}{number}" for number in count(1))
    return next(mark for mark in marks if mark not in used)


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
    place = _place(mark)
    found = Counter(re.findall(place, text))
    for name in found:
        if name not in kept:
            return text, f"{name} does not belong into this text"
    alone = {line.strip(" \t") for line in text.split("\n")}
    for name in kept:
        if found[name] != 1:
            return text, f"{name} has to stand in it once, and stands {found[name]} times"
        if name not in alone:
            return text, f"{name} has to stand on a line of its own"
    # What is left of the mark would stay in the record: `[keep 1]`, `[[Keep 1]]`, `[[keep]]`.
    like = re.search(rf"\[\s*{re.escape(mark)}\b", without_places(text, mark), re.IGNORECASE)
    if like:
        return text, f"{like[0]} is no placeholder; they look like [[{mark} 1]]"
    whole = re.compile(rf"^[ \t]*({place})[ \t]*$", re.MULTILINE)
    return whole.sub(lambda line: kept[line[1]], text), ""


def without_places(text: str, mark: str) -> str:
    """The text without its placeholders."""
    return re.sub(_place(mark), "", text)


def _place(mark: str) -> str:
    return rf"\[\[{re.escape(mark)} [^\[\]\n]*\]\]"


def lost(plain: str, voiced: str) -> str:
    """What `voiced` lacks of the substance of `plain`, or has beyond it, in words; "" for nothing.

    Both without their frozen passages.
    """
    if plain.strip() and not voiced.strip():
        return "it is empty"
    if fault := _length_fault(len(plain.split()), len(voiced.split())):
        return fault
    # Sorted: the first fault is asked about, and another run has to ask the same.
    for code in sorted(_codes(plain) - _codes(voiced)):
        return f"the code `{code}` is missing"
    prose = "".join(" " if is_code else piece for piece, is_code in _pieces(plain))
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
    return ""


def _unquoted(text: str) -> str:
    return "".join(
        piece.replace('"', "'") if is_code else piece for piece, is_code in _pieces(text)
    )


def _codes(text: str) -> set[str]:
    return {piece.strip("`").strip() for piece, is_code in _pieces(text) if is_code}


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The text in pieces, and whether each is a code span: what lies on one line from some
    backticks to the next that are as many (CommonMark 0.31, 6.1), with both."""
    for number, line in enumerate(text.split("\n")):
        if number:
            yield "\n", False
        parts = _TICKS.split(line)  # every second one is backticks
        ends: dict[str, list[int]] = {}
        for index in range(len(parts) - 2, 0, -2):
            ends.setdefault(parts[index], []).append(index)
        at = 0
        while at < len(parts):
            left = ends[parts[at]] if at % 2 else []
            while left and left[-1] <= at:
                left.pop()
            end = left[-1] if left else at
            yield "".join(parts[at : end + 1]), end > at
            at = end + 1


def _numbers(text: str) -> set[str]:
    return set(_NUMBER.findall(_THOUSANDS.sub("", _COUNTER.sub(" ", text))))


def _length_fault(before: int, after: int) -> str:
    if before > FEW and after < SHORTEST * before:
        return f"it has {after} words where the plain text has {before}: something was left out"
    if after > LONGEST * before + SLACK:
        return f"it has {after} words where the plain text has {before}: too many"
    return ""
