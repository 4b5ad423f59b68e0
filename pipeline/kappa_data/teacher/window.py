"""How many requests are in flight: the configured number, fewer while the endpoint limits.

An endpoint that serves only so many at a time answers the rest with 429; sending fewer then loses
nothing. An endpoint that says 429 at random, or per minute, says it as often when fewer are in
flight; sending fewer then only costs time. The window tells the two apart by trying: where limits
are frequent it shrinks to what the endpoint carries, which costs no throughput in either case. If
the limits become rare, that number is the cap, and it is probed with care; if not, the window opens
again as a whole and stays open for a while.

It shrinks at most once a round trip: answers to what was sent before the last change do not count.
"""

from __future__ import annotations

import math

FREQUENT = 0.25
"""share of limited answers in a round above which the window shrinks"""
LEAST, ENOUGH = 8, 32
"""answers that make a round; accepted ones that make it where limits are frequent (a quarter of
the window, where that is less): fewer and chance looks like a cap"""
COARSE_STEPS, FINE_STEPS = 2, 4
"""attempts to get below a cap, where most of the window is wasted and where it is near"""
ROUNDS_OPEN = 4
"""rounds that the window stays open after shrinking proved useless; doubles each time, to 64"""
REST = 4
"""rounds between two probes above a cap that was found; doubles each time, to 16"""


class Window:
    """Counts what is in flight, and how much may be: `most` at first. Times are in seconds.

    `enter` gives the round in which a request goes out, which `leave` wants back.
    """

    def __init__(self, most: int) -> None:
        self.most = self.allowed = most
        self.floor = max(min(most, 4), most // 32)
        self.in_flight = 0
        self._round = 0
        self._before = most  # what was allowed before the change that is on trial
        self._trial = ""  # "smaller" or "larger": the change whose first round this is
        self._share_before = 1.0
        self._steps_down = 0
        self._rounds_open, self._open_next = 0, ROUNDS_OPEN
        self._capped = False
        self._rest, self._rest_next = 0, REST
        self._step = 1
        self._began = self._at = 0.0
        self._accepted = self._limited = 0
        self._busy = self._wasted = 0.0  # request-seconds in flight, and of those limited

    def enter(self, now: float) -> int:
        """Counts a request that goes out."""
        if not self._began:
            self._began = self._at = now
        self._pass(now)
        self.in_flight += 1
        return self._round

    def leave(self, now: float) -> None:
        """Counts one that is out no more."""
        self._pass(now)
        self.in_flight -= 1

    def answered(self, sent_in: int, limited: bool, now: float, seconds: float) -> None:
        """Reviews the size with one answer after so many `seconds`; `limited`: it was a 429."""
        if sent_in != self._round:
            return
        self._pass(now)
        if limited:
            self._limited += 1
            self._wasted += seconds
        else:
            self._accepted += 1
        answers = self._accepted + self._limited
        share = self._limited / answers
        if self._trial == "larger" and self._limited >= 4 and share > 0.5:
            self._refuted(now)
        elif answers < max(self.allowed, LEAST):
            pass
        elif self._accepted < min(ENOUGH, math.ceil(self.allowed / 4)):
            pass  # what the endpoint carries is known only when it has answered some
        elif share > FREQUENT:
            self._frequent(now, share)
        else:
            self._rare(now, share)

    def was_too_large(self, sent_in: int) -> bool:
        """Whether a request of that round went out above a cap that has been found since."""
        return self._capped and sent_in < self._round

    def _pass(self, now: float) -> None:
        self._busy += self.in_flight * (now - self._at)
        self._at = now

    def _refuted(self, now: float) -> None:
        """The cap is where it was."""
        self._rest_next, self._step = min(2 * self._rest_next, 16), 1
        self._rest, self._capped = self._rest_next, True
        self._begin(now, self._before)

    def _frequent(self, now: float, share: float) -> None:
        if self._trial == "larger":
            self._refuted(now)
            return
        if self._rounds_open or self.allowed <= self.floor:
            self._rounds_open = max(self._rounds_open - 1, 0)
            self._begin(now, self.allowed)
            return
        # The mean number in flight that were not turned away: what the endpoint carries.
        carried = (self._busy - self._wasted) / max(now - self._began, 1e-9)
        if self._trial == "smaller" and share > 0.75 * self._share_before:
            self._steps_down += 1
            near = carried > 0.85 * self.allowed
            if self._steps_down > (FINE_STEPS if near else COARSE_STEPS):
                self._useless(now)
                return
        elif self._trial != "smaller":
            self._steps_down = 0
        self._share_before = share
        smaller = min(round(carried), self.allowed - max(1, self.allowed // 32))
        self._begin(now, max(self.floor, smaller), "smaller")

    def _useless(self, now: float) -> None:
        """Limits do not follow what is in flight."""
        self._rounds_open, self._open_next = self._open_next, min(2 * self._open_next, 64)
        self._capped, self._rest = False, 0
        self._begin(now, self.most)

    def _rare(self, now: float, share: float) -> None:
        if self._trial == "smaller":
            if share > self._share_before / 2:
                self._useless(now)
                return
            self._capped, self._rest, self._rest_next, self._step = True, REST, REST, 1
        elif self._trial == "larger":
            self._step *= 2
        self._rounds_open = max(self._rounds_open - 1, 0)
        if self._rest:
            self._rest -= 1
        elif self.allowed == self.most:
            self._capped, self._open_next = False, ROUNDS_OPEN
        else:
            self._begin(now, min(self.most, self.allowed + self._step), "larger")
            return
        self._begin(now, self.allowed)

    def _begin(self, now: float, allowed: int, trial: str = "") -> None:
        self._before, self.allowed, self._trial = self.allowed, allowed, trial
        self._accepted = self._limited = 0
        self._busy = self._wasted = 0.0
        self._began = self._at = now
        self._round += 1
