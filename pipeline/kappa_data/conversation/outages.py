"""Slots that have no end for now, since the endpoint or the sandbox failed in a way that passes.

Nothing about them is sealed. The other conversations are finished first, then the run stops; where
nothing succeeds any more it ends at once, since the rest would only fail at leisure.
"""

from __future__ import annotations

from collections import Counter

from kappa_data.errors import SandboxDown, Stopped, TeacherDown

IN_A_ROW = 20
"""slots that fail with no success in between: an outage (fewer, where fewer are in flight)"""
FEWEST = 3


class Unfinished(Exception):
    """The slot cannot be finished now; `why` is the class of the failure, "sandbox" among them."""

    def __init__(self, why: str, detail: str) -> None:
        super().__init__(detail if why == "sandbox" else f"{why}: {detail}")
        self.why = why


class Outages:
    """The unfinished slots of one run, by class.

    `place` is the endpoint's address for messages, `in_flight` the number of slots at a time.
    """

    def __init__(self, place: str, in_flight: int) -> None:
        self.counts: Counter[str] = Counter()
        self._place = place
        self._enough = min(IN_A_ROW, max(FEWEST, in_flight))
        self._row: Counter[str] = Counter()
        self._successes: Counter[str] = Counter()

    def count(self, slot: Unfinished, answers: int, ran: int) -> None:
        """Counts one slot; `answers` of the endpoint and calls that `ran` in boxes so far.

        TeacherDown, SandboxDown: too many in a row failed so.
        """
        self.counts[slot.why] += 1
        boxes = slot.why == "sandbox"
        place, successes = ("sandbox", ran) if boxes else (self._place, answers)
        self._row[place] = self._row[place] + 1 if successes == self._successes[place] else 1
        self._successes[place] = successes
        if self._row[place] < self._enough:
            return
        message = (
            f"{place}: {self._row[place]} conversations in a row failed ({slot}); "
            "run the same command when it works again: what was answered is kept"
        )
        raise SandboxDown(message) if boxes else TeacherDown(message)

    def stop_if_any(self) -> None:
        """Stopped where a slot is unfinished."""
        if self.counts:
            total = self.counts.total()
            reasons = ", ".join(f"{count} x {why}" for why, count in self.counts.most_common())
            raise Stopped(
                f"generate: {total} conversation{'s are' if total > 1 else ' is'} unfinished: "
                f"{reasons}; what was answered is kept, run the same command to go on"
            )
