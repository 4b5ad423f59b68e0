"""How fast an endpoint may be asked: what the user allows, and what its headers say is left.

Headers: x-ratelimit-{limit,remaining,reset}-{requests,tokens}, as OpenAI documents them and many
servers imitate; without the last part they count requests. Some refill all the time, some all at
once when `reset` is over; both come to (limit - remaining) / reset on the average, and where an
endpoint rejects in spite of that, the moment that it names is waited for.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime

MINUTE = 60.0
SHORTEST = 0.001
"""seconds; a reset that is shorter says nothing about the rate"""
_UNITS = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "ns": 1e-9}
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:d|h|ms|us|ns|m|s))+")
_STEP = re.compile(r"([0-9]+(?:\.[0-9]+)?)(d|h|ms|us|ns|m|s)")
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")
_EPOCH, _EPOCH_MS = 1e9, 1e12
"""larger numbers are moments and not durations: no limit is reset after 30 years"""


class Bucket:
    """What is left of an allowance that refills with time; in requests or tokens.

    It may be overdrawn by one request: how much that takes is known only when it is answered.
    """

    def __init__(self, per_minute: float = 0.0) -> None:
        self._rate = per_minute / MINUTE if per_minute else math.inf
        # A second's worth at once: a minute's worth at the start would make two in the first.
        self._most = max(1.0, self._rate)
        self._level = self._most
        self._at = 0.0
        self._closed_until = 0.0

    def delay(self, now: float) -> float:
        """Seconds until the next request may go."""
        if self._rate == math.inf:
            return max(self._closed_until - now, 0.0)
        self._refill(now)
        # Half a unit forgives what the clock and the floating point lose.
        short = (min(1.0, self._most) - 0.5 - self._level) / self._rate if self._rate else math.inf
        return max(short, self._closed_until - now, 0.0)

    def take(self, amount: float) -> None:
        """Counts what is sent, or what an estimate missed."""
        if self._rate != math.inf:
            self._level = min(self._level - amount, self._most)

    def heard(self, now: float, limit: float, left: float, reset: float) -> None:
        """What the endpoint says of its own allowance."""
        if reset < SHORTEST or left >= limit:
            self._rate = math.inf
            return
        first = self._rate == math.inf
        self._refill(now)
        self._rate, self._most = (limit - left) / reset, limit
        # An older answer that comes late must not give back what has been used since.
        self._level = left if first else min(left, self._level + (limit - left))
        self._at = now

    def close(self, until: float) -> None:
        """Nothing goes until then: the endpoint has rejected with nothing left."""
        self._closed_until = max(self._closed_until, until)

    def _refill(self, now: float) -> None:
        if self._rate != math.inf:
            passed = max(now - self._at, 0.0)
            self._level = min(self._most, self._level + passed * self._rate)
        self._at = now


class Rate:
    """All allowances of one endpoint; 0 per minute: the user sets no limit."""

    def __init__(self, requests_per_minute: float = 0.0, tokens_per_minute: float = 0.0) -> None:
        self._own_requests = Bucket(requests_per_minute)
        self._own_tokens = Bucket(tokens_per_minute)
        self._requests, self._tokens = Bucket(), Bucket()
        self._limited = bool(requests_per_minute or tokens_per_minute)
        self._mean_tokens = 0.0

    def delay(self, now: float) -> float:
        """Seconds until the next request may go: 0 in the usual case."""
        if not self._limited:
            return 0.0
        buckets = (self._own_requests, self._own_tokens, self._requests, self._tokens)
        return max(bucket.delay(now) for bucket in buckets)

    def sent(self) -> float:
        """Counts a request; the tokens that are reserved for it, what others took on average."""
        if self._limited:
            for requests in (self._own_requests, self._requests):
                requests.take(1.0)
            for tokens in (self._own_tokens, self._tokens):
                tokens.take(self._mean_tokens)
        return self._mean_tokens

    def answered(self, reserved: float, tokens: int) -> None:
        """Settles what was reserved with what the answer took; 0: there was none."""
        if tokens:
            self._mean_tokens += (tokens - self._mean_tokens) * (0.1 if self._mean_tokens else 1.0)
        if self._limited:
            self._own_tokens.take(tokens - reserved)
            self._tokens.take(tokens - reserved)

    def heard(
        self,
        headers: Mapping[str, str],
        now: float,
        under_way: int,
        rejected: bool,
        pause: float | None,
    ) -> None:
        """Reads an answer's headers.

        `under_way`: requests sent since, of which the headers do not know. `rejected`: it was a
        429, with `pause` seconds to wait where it said so.
        """
        for bucket, kinds, cost in (
            (self._requests, ("-requests", ""), 1.0),
            (self._tokens, ("-tokens",), self._mean_tokens),
        ):
            for kind in kinds:
                left = _number(headers.get(f"x-ratelimit-remaining{kind}"))
                if left is None:
                    continue
                self._limited = True
                limit = _number(headers.get(f"x-ratelimit-limit{kind}"))
                reset = seconds(headers.get(f"x-ratelimit-reset{kind}", ""))
                if limit is not None and reset is not None:
                    bucket.heard(now, limit, left - under_way * cost, reset)
                wait = pause if pause is not None else reset
                if rejected and left < 1 and wait is not None:
                    bucket.close(now + wait)
                break


def seconds(text: str) -> float | None:
    """A reset header as seconds from now: "6m0s", "120ms", "1.5", a moment as number or text."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        value = float(text)
        if value < _EPOCH:
            return value
        return max((value / 1000 if value > _EPOCH_MS else value) - time.time(), 0.0)
    if _DURATION.fullmatch(text):
        return sum(float(number) * _UNITS[unit] for number, unit in _STEP.findall(text))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(moment.timestamp() - time.time(), 0.0)


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and _NUMBER.fullmatch(text.strip()) else None
