"""How people write requests, and how a checkable fact is searched in an answer."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from decimal import Decimal

_GREETINGS = ("Hi", "Hello", "Hey", "Hi there", "Morning", "Good afternoon")
_NAMES = ("Marta", "Jonas", "Priya", "Tom", "Aiko", "Sven", "Leila", "Rob", "Inés", "Dana")
_DEADLINES = (
    "before the 3 pm call",
    "by tonight",
    "for tomorrow's stand-up",
    "before I leave for the train",
    "this morning",
    "for a review on Thursday",
)
_THANKS = ("Thanks!", "Thank you.", "Cheers", "thx", "Much appreciated.", "")
_NEXT = (
    "{}",
    "One more thing: {}",
    "Next: {}",
    "Good. {}",
    "OK, that works. {}",
    "And another one. {}",
    "Follow-up: {}",
    "Now that this is done: {}",
    "Right, and then this. {}",
)


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 row`, `3 rows`."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def plain(value: Decimal | int) -> str:
    """A number without exponent; money keeps the decimals that it has."""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def number(value: Decimal | int | str) -> str:
    """A regular expression for the number: thousands separators and trailing zeros are free."""
    whole, _, decimals = str(value).lstrip("-").partition(".")
    head = whole[: len(whole) % 3]
    groups = ([head] if head else []) + [
        whole[i : i + 3] for i in range(len(whole) % 3, len(whole), 3)
    ]
    pattern = "[,'\u202f\u00a0 ]?".join(groups)
    kept = decimals.rstrip("0")
    if kept:
        pattern += rf"\.{kept}0*"
    elif decimals:
        pattern += r"(?:\.0+)?"
    sign = r"[-\u2212]" if str(value).startswith("-") else ""
    return rf"(?<![\d.]){sign}{pattern}(?!\d|[.,]\d)"


def word(text: str) -> str:
    """A regular expression for the text as a whole word."""
    return rf"(?<!\w){re.escape(text)}(?!\w)"


def _lower(text: str) -> str:
    return text[0].lower() + text[1:] if text[:2] not in ("I ", "I'") else text


def _bullets(details: Sequence[str], mark: str) -> str:
    marks = (f"{i}." if mark == "1." else mark for i in range(1, len(details) + 1))
    return "\n".join(f"{m} {detail}" for m, detail in zip(marks, details, strict=True))


def opening(rng: random.Random, *, context: str, ask: str, details: Sequence[str] = ()) -> str:
    """A first message: the same facts in one of thirteen layouts, from a ticket to a ramble.

    `context`, `ask` and each detail are whole sentences; every one of `ask` and `details` is kept.
    """
    rest = " ".join(details)
    hello, name, thanks = rng.choice(_GREETINGS), rng.choice(_NAMES), rng.choice(_THANKS)
    rows = _bullets(details, rng.choice(("-", "*", "1.")))
    layouts = (
        f"{context} {ask} {rest}",
        f"{ask} {rest}",
        f"{hello}, {_lower(context)} {ask} {rest} {thanks}",
        f"{ask}\n\n{rows}",
        f"{context}\n\n{ask}\n{rows}\n\n{thanks}",
        f"Context: {context}\nTask: {ask}\nNotes:\n{rows}",
        f"hey, {_lower(ask)} {_lower(rest) if rest else ''} {thanks}",
        f"I need this {rng.choice(_DEADLINES)}. {ask} {rest}",
        f"{hello},\n\n{context}\n\n{ask} {rest}\n\n{thanks}\n{name}",
        f"{ask} {rest} Background, in case it matters: {_lower(context)}",
        f"Can you take this off my plate? {context} {ask} {rest}",
        f"so {_lower(context)} what I want: {_lower(ask)} {rest}",
        f"{context} I have been putting this off for a week. {ask} {rest} {thanks}",
    )
    text = rng.choice(layouts)
    return "\n".join(re.sub(" +", " ", line).strip() for line in text.split("\n")).strip()


def follow(rng: random.Random, text: str) -> str:
    """A later message: the request, sometimes with a word before it."""
    return rng.choice(_NEXT).format(text)
