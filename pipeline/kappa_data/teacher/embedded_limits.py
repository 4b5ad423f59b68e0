"""Requests and tokens a minute, as endpoints limit them: what is left refills all the time.

Source of the headers: the OpenAI API's guide "Rate limits", section "Rate limits in headers".
"""

from __future__ import annotations

import time
from collections.abc import Callable

from kappa_data.teacher.faults import Faults


class Allowance:
    """So many a minute: begins full, holds a minute's worth at most, refills evenly."""

    def __init__(self, a_minute: int, clock: Callable[[], float]) -> None:
        self.a_minute = a_minute
        self._clock = clock
        self._left = float(a_minute)
        self._at = clock()

    @property
    def left(self) -> float:
        """What may be taken now."""
        now = self._clock()
        self._left = min(self.a_minute, self._left + (now - self._at) * self.a_minute / 60)
        self._at = now
        return self._left

    def wait(self, amount: float) -> float:
        """Seconds until `amount` may be taken; more than a minute's worth needs a full minute's."""
        return max(0.0, min(amount, self.a_minute) - self.left) * 60 / self.a_minute

    def take(self, amount: float) -> None:
        """Takes `amount`; what was not there is owed."""
        self._left = self.left - amount

    def headers(self, what: str) -> dict[str, str]:
        """The three headers about `what`."""
        left = self.left
        return {
            f"x-ratelimit-limit-{what}": str(self.a_minute),
            f"x-ratelimit-remaining-{what}": str(max(0, int(left))),
            f"x-ratelimit-reset-{what}": duration((self.a_minute - left) * 60 / self.a_minute),
        }


class Limits:
    """The limits a minute of one server; none where the faults set none."""

    def __init__(self, faults: Faults, clock: Callable[[], float] = time.monotonic) -> None:
        wanted = {"requests": faults.requests_per_minute, "tokens": faults.tokens_per_minute}
        self._allowances = {what: Allowance(n, clock) for what, n in wanted.items() if n}

    def take(self, tokens: int) -> float:
        """Takes one request of so many tokens, and 0.0; or nothing, and the seconds to wait."""
        amounts = {"requests": 1, "tokens": tokens}
        waits = [each.wait(amounts[what]) for what, each in self._allowances.items()]
        if any(waits):
            return max(waits)
        for what, each in self._allowances.items():
            each.take(amounts[what])
        return 0.0

    def headers(self) -> dict[str, str]:
        """What every response says about the limits."""
        found: dict[str, str] = {}
        for what, each in self._allowances.items():
            found |= each.headers(what)
        return found


def duration(seconds: float) -> str:
    """Seconds in the form of the headers: `120ms`, `1.5s`, `6m0s`."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}m{rest:.3g}s" if minutes else f"{rest:.3g}s"
