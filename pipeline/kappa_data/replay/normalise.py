"""What of two outputs may differ since time, chance or a process number stands in it.

Each rule is a pattern and a condition on the two pieces that it found. Conditions are narrow, so
that a figure that a command computed is not taken for a reading of the clock: a date must lie at
the time of the replay, a duration must fit into it. Nothing here changes a text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import zip_longest

from msgspec import Struct

MOST_CHARS = 200_000
"""longer texts are only compared byte for byte"""
DAY = 86_400.0
CLOCK_SLACK = 900.0
"""seconds by which a time of day without a date may be off the clock"""
LONGEST = 3600.0
"""seconds: a longer recorded duration is no call's own"""


class Moment(Struct, frozen=True):
    """When the second text was made: Unix time in seconds, and seconds since its box opened."""

    now: float
    elapsed: float


class Rule(Struct, frozen=True):
    """Pieces that match `pattern` count as equal where `agrees(recorded, replayed, moment)`."""

    name: str
    pattern: str
    agrees: Callable[[str, str, Moment], bool]


MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
WEEKDAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
ZONE = r"(?: ?[+-]\d\d:?\d\d|Z)"
DATE = "|".join(
    (
        rf"(?<!\d)\d{{4}}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{{1,9}})?)?{ZONE}?)?(?!\d)",
        rf"{WEEKDAY} {MONTH} [ \d]\d {CLOCK}(?: UTC)? \d{{4}}",  # date, ctime
        rf"(?:{WEEKDAY}, )?\d\d? {MONTH} \d{{4}}(?: {CLOCK}{ZONE}?)?",  # mail
        rf"\d\d/{MONTH}/\d{{4}}:{CLOCK}(?: [+-]\d{{4}})?",  # logs of web servers
        rf"{MONTH} [ \d]\d \d\d:\d\d(?::\d\d)?",  # ls -l, syslog
        r"(?<!\d)20\d{6}[-_T]?\d{6}Z?(?!\d)",
        rf"(?<![\d:.]){CLOCK}(?![\d:])",
    )
)
STAMP = r"(?<![\d.])1[5-9]\d{8}(?:\d{3}){0,3}(?:\.\d{1,9})?(?![\d.])"
FORMATS = (
    "%a %b %d %H:%M:%S %Y", "%d %b %Y %H:%M:%S", "%d %b %Y", "%d/%b/%Y:%H:%M:%S",
    "%Y%m%d%H%M%S", "%Y%m%d-%H%M%S", "%Y%m%d_%H%M%S", "%Y%m%dT%H%M%S",
)  # fmt: skip
YEARLESS = ("%Y %b %d %H:%M", "%Y %b %d %H:%M:%S")
UNITS = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "usec": 1e-6, "microseconds": 1e-6,
    "ms": 1e-3, "msec": 1e-3, "milliseconds": 1e-3,
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
}  # fmt: skip
_DURATION = re.compile(rf"(?:(\d{{1,6}})m)?(\d{{1,9}}(?:[.,]\d{{1,9}})?) ?({'|'.join(UNITS)})")


def _read_date(text: str, now: datetime) -> datetime | None:
    """The date as UTC; None where it is none, or a time of day alone."""
    plain = re.sub(rf"{WEEKDAY}, | UTC|Z$", "", text).replace(",", ".")
    zoned = re.sub(r" ([+-])", r"\1", plain)
    try:
        read = datetime.fromisoformat(zoned) if "-" in text[:5] else None
    except ValueError:
        return None
    if read is not None:
        return read if read.tzinfo else read.replace(tzinfo=UTC)
    bare = re.sub(r"\.\d+|[+-]\d\d:?\d\d$", "", zoned)
    tries = [(bare, each) for each in FORMATS] + [(f"{now.year} {bare}", each) for each in YEARLESS]
    for words, form in tries:
        try:
            return datetime.strptime(words, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def _dates_agree(recorded: str, replayed: str, moment: Moment) -> bool:
    """The replayed one is the time of the replay, to a day (zones), and both are written alike."""
    now = datetime.fromtimestamp(moment.now, UTC)
    if re.fullmatch(CLOCK, replayed):
        hours, minutes, seconds = (float(part.replace(",", ".")) for part in replayed.split(":"))
        off = (moment.now - (hours * 3600 + minutes * 60 + seconds)) % DAY
        return re.fullmatch(CLOCK, recorded) is not None and min(off, DAY - off) <= CLOCK_SLACK
    then, before = _read_date(replayed, now), _read_date(recorded, now)
    if then is None or before is None or len(recorded.split()) != len(replayed.split()):
        return False
    return abs((then - now).total_seconds()) <= DAY


def _stamps_agree(recorded: str, replayed: str, moment: Moment) -> bool:
    """Unix time in seconds, milli-, micro- or nanoseconds; the replayed one is now."""
    before, _, _ = recorded.partition(".")
    whole, _, _ = replayed.partition(".")
    seconds = float(whole) / 10.0 ** (len(whole) - 10)
    return len(before) == len(whole) and abs(seconds - moment.now) <= DAY


def _seconds(text: str) -> float:
    if ":" in text:
        return float(text.rpartition(":")[2])
    found = _DURATION.fullmatch(text)
    assert found is not None  # the rule's pattern is made of this one
    minutes, amount, unit = found.groups()
    return 60.0 * float(minutes or 0) + float(amount.replace(",", ".")) * UNITS[unit]


def _durations_agree(recorded: str, replayed: str, moment: Moment) -> bool:
    """The replayed one is no longer than its box lived: a figure of the data seldom is."""
    return _seconds(recorded) <= LONGEST and _seconds(replayed) <= moment.elapsed + 0.001


def _always(recorded: str, replayed: str, moment: Moment) -> bool:
    return True


def _same_length(recorded: str, replayed: str, moment: Moment) -> bool:
    return len(recorded) == len(replayed)


RULES = (
    Rule("date or time", DATE, _dates_agree),
    Rule("time stamp", STAMP, _stamps_agree),
    Rule(
        "duration",
        r"(?<![\w.,:])(?:0:00:\d\d\.\d{1,9}|(?:\d{1,6}m)?\d{1,9}(?:[.,]\d{1,9})? ?"
        rf"(?:{'|'.join(sorted(UNITS, key=len, reverse=True))}))(?!\w)",
        _durations_agree,
    ),
    Rule("rate", r"(?<![\w.,])\d{1,9}(?:[.,]\d{1,9})? ?[kKMG]i?B/s", _always),
    Rule("address", r"(?<!\w)0x[0-9a-f]{9,16}(?!\w)", _always),
    Rule(
        "temporary name",
        r"(?:(?<!\w)tmp\.[A-Za-z0-9]{10}|(?<=/tmp/)tmp[a-z0-9_]{8})(?!\w)",  # mktemp, Python
        _same_length,
    ),
    Rule(
        "process number",
        r"(?i:(?<=\bpid )|(?<=\bpid=)|(?<=\bpid: )|(?<=\bprocess ))\d{1,7}(?!\w)"
        r"|(?m:^)\[\d{1,3}\] \d{1,7}(?m:$)|(?<=: line )\d{1,6}:[ ]{1,8}\d{1,7}(?= [A-Z])",
        _always,
    ),
)  # fmt: skip
_ANY = re.compile("|".join(f"(?P<r{number}>{rule.pattern})" for number, rule in enumerate(RULES)))


def agreeing(recorded: str, replayed: str, moment: Moment) -> tuple[str, ...] | None:
    """The names of the rules by which two texts are equal, () where they are equal to the byte.

    None: they differ, or are too long to be looked at.
    """
    if recorded == replayed:
        return ()
    if max(len(recorded), len(replayed)) > MOST_CHARS:
        return None
    used: set[str] = set()
    old_end = new_end = 0
    for old, new in zip_longest(_ANY.finditer(recorded), _ANY.finditer(replayed)):
        if old is None or new is None:
            return None
        if recorded[old_end : old.start()] != replayed[new_end : new.start()]:
            return None
        if old[0] != new[0]:
            rule = RULES[int((new.lastgroup or "")[1:])]
            if old.lastgroup != new.lastgroup or not rule.agrees(old[0], new[0], moment):
                return None
            used.add(rule.name)
        old_end, new_end = old.end(), new.end()
    if recorded[old_end:] != replayed[new_end:]:
        return None
    return tuple(rule.name for rule in RULES if rule.name in used)
