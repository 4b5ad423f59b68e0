"""Whether an endpoint is down: then nothing is sent but a probe now and then.

Down is where nobody answers: connections refused or broken, gateways without a server behind them
(502, 503, 504), silence, so many times in a row that chance does not explain it.
"""

from __future__ import annotations

from typing import Literal

FEWEST, ENOUGH = 3, 20
"""failures in a row that open the breaker: a quarter of what may be in flight, within these"""
LONGEST_PROBE = 15.0
"""times the first interval; intervals between probes double up to it"""


class Breaker:
    """`closed`: all goes; `open`: nothing does; `trial`: one request is let through to see."""

    def __init__(self) -> None:
        self.state: Literal["closed", "open", "trial"] = "closed"
        self.reason = ""
        self.silent = False
        """it opened since nothing was answered in time, where a request can be the cause as well"""
        self.since = 0.0
        self._row = 0
        self._interval = 1.0

    @property
    def closed(self) -> bool:
        """Whether the endpoint is up, for all that is known."""
        return self.state == "closed"

    @property
    def trying(self) -> bool:
        """Whether one request may show that the endpoint is back."""
        return self.state == "trial"

    def try_one(self) -> None:
        """Lets one request through."""
        self.state = "trial"

    def failed(self, reason: str, silent: bool, allowed: int, now: float) -> bool:
        """Counts a failure of the kind that an endpoint has which is down; True: it is, just now.

        `silent`: it was a time-out. `allowed`: requests that may be in flight.
        """
        self._row += 1
        if self.state == "trial":
            self.state = "open"
        if self.state == "open" or self._row < min(max(allowed // 4, FEWEST), ENOUGH):
            return False
        self.open(reason, silent, now)
        return True

    def open(self, reason: str, silent: bool, now: float) -> None:
        """The endpoint is down."""
        self.state, self.reason, self.silent, self.since = "open", reason, silent, now
        self._interval = 1.0

    def answered(self) -> bool:
        """Counts a sign of life; True: the endpoint is back."""
        self._row = 0
        was, self.state = self.state, "closed"
        return was != "closed"

    def next_probe(self) -> float:
        """How long to wait for the next probe, in times of the first."""
        interval = self._interval
        self._interval = min(2 * interval, LONGEST_PROBE)
        return interval
