"""One figure of a measure, beside the target that it is held against; and the same by group."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Bound = Literal["at least", "at most"]
By = Literal["persona", "family", "strategy", "special", "turn", "place", "split"]
"""what a figure is broken down by; `place`: an answer, or beside calls (in a tool loop)"""


class Measure(Struct, frozen=True):
    """`value` is None where there is too little to measure: the target is then neither kept nor
    missed."""

    key: str
    """the setting of [report] that holds its target; "shuffled" reckons its own"""
    name: str
    value: float | None
    bound: Bound
    bar: float
    low: float | None = None
    """with `high`, the interval that holds 95 %; None where there is none"""
    high: float | None = None
    number: int = 0
    """how many units, conversations or pairs the value is about"""
    made: float | None = None
    """the same over all that the teacher made, where `value` is over what is left of it"""
    detail: str = ""
    """the persona, phrase or pair that the value is about; why there is no value"""
    examples: tuple[str, ...] = ()
    """ids of a few conversations that count against it"""

    @property
    def missed(self) -> bool:
        """True where there is a value and it is on the wrong side of the bar."""
        if self.value is None:
            return False
        return self.value < self.bar if self.bound == "at least" else self.value > self.bar


class Cell(Struct, frozen=True):
    """The value of a measure for one group, such as the turns of one persona."""

    key: str
    by: By
    name: str
    value: float
    low: float | None = None
    high: float | None = None
    number: int = 0
    made: float | None = None
    """as of a Measure"""
