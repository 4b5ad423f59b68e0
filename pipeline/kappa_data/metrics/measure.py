"""One figure of a measure, beside the target that it is held against; and the same by group."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

Bound = Literal["at least", "at most"]
State = Literal["kept", "missed", "too little"]
By = Literal["persona", "family", "strategy", "special", "turn", "place", "split"]
"""what a figure is broken down by; `place`: an answer, or beside calls (in a tool loop)"""


GROUPS: dict[str, tuple[str, ...]] = {
    "voice": (
        "voice_f1", "none_f1", "beside_calls_f1", "late_loss", "none_taken", "persona_lost",
        "anchor", "shuffled",
    ),
    "phrases": ("phrase_share", "opener_share", "ablation_loss"),
    "diversity": ("zlib", "self_repetition", "distinct", "near_duplicates"),
    "substance": ("pass_difference", "pass_p", "equal_answers", "shortest", "longest"),
    "conduct": (
        "refusals", "refusal_spread", "harmful_refused", "capitulations", "over_corrections",
        "toxic", "insults", "insults_elsewhere",
    ),
    "leaks": ("leaks", "names", "task_leaks"),
    "tools": ("recovered", "undeclared_failures"),
    "structure": ("structure",),
}  # fmt: skip
"""the keys of all measures, in the order in which they are shown"""
NUMBERS = frozenset({
    "voice_f1", "none_f1", "beside_calls_f1", "late_loss", "ablation_loss", "zlib",
    "self_repetition", "distinct", "pass_p", "shortest", "longest",
})  # fmt: skip
"""measures that are no shares: shown as numbers, all others in per cent"""


def shown(key: str, value: float | None) -> str:
    """A value of the measure `key` as people read it; "-" for None."""
    if value is None:
        return "-"
    if key in NUMBERS:
        return f"{value:.3f}"
    return f"{value:.2%}" if 0 < abs(value) < 0.1 else f"{value:.1%}"


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

    @property
    def state(self) -> State:
        """Whether the target is kept, missed, or there is too little to say."""
        if self.value is None:
            return "too little"
        return "missed" if self.missed else "kept"

    @property
    def words(self) -> str:
        """The value beside its target, in a line."""
        target = f"{self.bound} {shown(self.key, self.bar)}"
        return f"{self.name} {shown(self.key, self.value)} ({target})"


def in_order(measures: Iterable[Measure]) -> list[tuple[str, list[Measure]]]:
    """The measures by group, in the order of GROUPS; groups of none are left out."""
    by_key = {each.key: each for each in measures}
    found = [
        (group, [by_key[key] for key in keys if key in by_key]) for group, keys in GROUPS.items()
    ]
    return [(group, own) for group, own in found if own]


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
