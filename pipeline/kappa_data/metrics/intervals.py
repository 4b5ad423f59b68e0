"""How far a share may be from what it stands for, and whether two shares differ by chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

Z = 1.959964
"""of a normal distribution, so far from its middle lie 2.5 % on either side"""


def wilson(hits: int, number: int, errors: float = Z) -> tuple[float, float]:
    """The interval that holds a share with 95 % (Wilson 1927, JASA 22, 209-212), or with as much as
    so many standard `errors` do; (0, 1) of nothing."""
    if not number:
        return 0.0, 1.0
    share = hits / number
    middle = share + errors * errors / (2 * number)
    reach = errors * math.sqrt(share * (1 - share) / number + (errors / (2 * number)) ** 2)
    whole = 1 + errors * errors / number
    # Of none and of all the ends are exact, and rounding must not move them.
    low = 0.0 if not hits else (middle - reach) / whole
    return low, 1.0 if hits == number else (middle + reach) / whole


def paired_difference(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean of differences between -1 and 1, one of each pair, and the interval that holds it with
    95 %: the adjusted one of Agresti and Min (2005), which is not empty where no pair differs."""
    number = len(values) + 2
    total = math.fsum(values)
    squares = math.fsum(each * each for each in values) + 1
    middle = total / number
    reach = Z * math.sqrt(squares - total * total / number) / number
    return total / len(values), max(-1.0, middle - reach), min(1.0, middle + reach)


def mcnemar(only_one: int, only_other: int) -> float:
    """Two-sided p of the exact test of McNemar: of the pairs that differ, how many differ so."""
    if not only_one + only_other:
        return 1.0
    from scipy.stats import binomtest

    return float(binomtest(only_one, only_one + only_other, 0.5).pvalue)


def holm(found: Mapping[str, float]) -> dict[str, float]:
    """The p of several tests, each adjusted for there being several (Holm 1979)."""
    adjusted: dict[str, float] = {}
    least = 0.0
    for rank, name in enumerate(sorted(found, key=lambda each: (found[each], each))):
        least = max(least, min(1.0, found[name] * (len(found) - rank)))
        adjusted[name] = least
    return adjusted
