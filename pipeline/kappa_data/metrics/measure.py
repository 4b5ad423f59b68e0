"""One figure of a measure, beside the bar that it is held against."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Measure(Struct, frozen=True):
    """`value` is None where there is too little to measure: the bar is then neither kept nor
    missed."""

    name: str
    value: float | None
    bound: Literal["at least", "at most"]
    bar: float
    detail: str = ""
    """the persona, phrase or pair that the value is about"""

    @property
    def missed(self) -> bool:
        """True where there is a value and it is on the wrong side of the bar."""
        if self.value is None:
            return False
        return self.value < self.bar if self.bound == "at least" else self.value > self.bar
