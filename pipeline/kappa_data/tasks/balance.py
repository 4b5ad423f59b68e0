"""Shares that hold at every length of a sequence: the next place goes to who is most behind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class Balance:
    """Amounts given out by shares, one after the other.

    The next goes to the one of smallest (given + amount / 2) / share. With equal amounts these are
    the odd divisors of Webster and Sainte-Laguë, as a sequence: after every n places each has about
    n times its share, and a longer sequence begins like a shorter one. Who cannot take any is left
    out of the question; the others go on in the proportion of their shares.
    """

    def __init__(self, shares: Mapping[str, float]) -> None:
        self.shares = {name: share for name, share in sorted(shares.items()) if share > 0}
        self.given = dict.fromkeys(self.shares, 0.0)

    def lag(self, name: str, amount: float = 1.0) -> float:
        """How far `name` is with `amount` more; the smallest comes next. Infinite without share."""
        if name not in self.shares:
            return float("inf")
        return (self.given[name] + amount / 2) / self.shares[name]

    def first(self, able: Iterable[str], amounts: Mapping[str, float] | None = None) -> str | None:
        """Who of `able` is next, each to get its amount (1 without); the larger share wins a tie,
        then the name. None where none of them has a share."""
        known = [name for name in able if name in self.shares]
        return min(
            known,
            key=lambda name: (
                self.lag(name, amounts[name] if amounts else 1.0),
                -self.shares[name],
                name,
            ),
            default=None,
        )

    def give(self, name: str, amount: float = 1.0) -> None:
        """Counts what was given; one without a share keeps no account."""
        if name in self.given:
            self.given[name] += amount


def proportions(
    shares: Mapping[str, float], among: Iterable[str] | None = None
) -> dict[str, float]:
    """Shares that sum to 1, of those `among` which they are divided; {} where none has any."""
    kept = {
        name: share
        for name, share in shares.items()
        if share > 0 and (among is None or name in set(among))
    }
    whole = sum(kept.values())
    return {name: share / whole for name, share in kept.items()}
