"""Problems that go on year by year, item by item or term by term."""

from __future__ import annotations

import itertools
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from kappa_data.tasks.material.maths_count import Case, Kind
from kappa_data.tasks.wording import Wording, listed

_CENT = Decimal("0.01")


def interest(w: Wording) -> list[Case]:
    """Yearly interest rounded to cents, with a yearly payment or withdrawal."""

    def solve(start: int, rate: Decimal, years: int, change: int, asked: str) -> Case:
        balance, lines = Decimal(start), []
        for year in range(1, years + 1):
            gain = (balance * rate / 100).quantize(_CENT, ROUND_HALF_UP)
            balance = balance + gain + change
            lines.append(
                f"Year {year}: interest {gain}, then {'+' if change >= 0 else '-'} {abs(change)}, "
                f"balance {balance.quantize(_CENT)}."
            )
        paid = start + years * change
        return Case(
            asked.format(
                start=start,
                rate=rate,
                years=years,
                what=f"{abs(change)} are {'paid in' if change >= 0 else 'taken out'}",
            ),
            (
                f"Each year the balance first earns {rate} %, rounded to cents, and then "
                f"{abs(change)} are {'added' if change >= 0 else 'taken off'}.",
                *lines,
                f"Of the end balance, {balance.quantize(_CENT) - paid} are interest; payments "
                f"alone would give {paid}.",
            ),
            str(balance.quantize(_CENT)),
        )

    start, years = w.rng.randint(12, 180) * 100, w.rng.randint(3, 5)
    rate = Decimal(w.rng.randint(12, 68)) / 10
    change = w.pick((-1, 1)) * w.rng.randint(2, 11) * 50
    change = change if start + years * change > 500 else -change
    first = w.pick(
        (
            "An account holds {start} euros and earns {rate} % a year. At the end of each year "
            "the interest is rounded to cents and added, and then {what}. "
            "What is the balance after {years} years?",
            "Start: {start} euros, {rate} % yearly interest (rounded to cents each time); after "
            "the interest {what} every year. Balance after {years} years?",
        )
    )
    later = (
        "What would it be with {start} euros, {rate} % and {years} years, where each year {what}?"
    )
    return [
        solve(start, rate, years, change, first),
        solve(start, rate + Decimal("0.5"), years, change, later),
        solve(start + 1000, rate, years - 1, abs(change), later),
    ]


def packing(w: Wording) -> list[Case]:
    """The best choice of a few items under a limit, by going through all of them."""
    names = w.some(
        (
            "tent",
            "stove",
            "camera",
            "rope",
            "radio",
            "lamp",
            "drill",
            "saw",
            "flute",
            "atlas",
            "quilt",
        ),
        w.rng.randint(5, 6),
    )
    items = [(name, w.rng.randint(2, 14), w.rng.randint(10, 70)) for name in names]

    def solve(limit: int, lead: str) -> Case:
        ranked = sorted(
            (
                (sum(i[2] for i in chosen), -sum(i[1] for i in chosen), [i[0] for i in chosen])
                for n in range(len(items) + 1)
                for chosen in itertools.combinations(items, n)
                if sum(i[1] for i in chosen) <= limit
            ),
            key=lambda entry: (-entry[0], -entry[1]),
        )
        best = ranked[0]
        second = next(entry for entry in ranked if entry[0] < best[0])
        over = 2 ** len(items) - len(ranked)
        return Case(
            lead.format(limit=limit),
            (
                f"There are 2^{len(items)} = {2 ** len(items)} selections; {over} of them exceed "
                f"{limit} kg and {len(ranked)} fit.",
                f"Among those that fit, {listed(best[2])} has the greatest value: {best[0]} at "
                f"{-best[1]} kg.",
                f"The next value below is {second[0]}, with {listed(second[2])} at {-second[1]} "
                "kg, so the first cannot be reached another way.",
                f"The {limit + best[1]} kg that are left do not hold any other item that would "
                "raise the value.",
                "Choosing greedily by value per weight need not find this, which is why all "
                "selections were compared.",
            ),
            str(best[0]),
        )

    listing = ", ".join(f"{name} ({kg} kg, value {value})" for name, kg, value in items)
    limit = max(14, sum(i[1] for i in items) * w.rng.randint(40, 65) // 100)
    first = (
        f"Given {listing}: which selection of at most {{limit}} kg has the greatest total value, "
    )
    first += "and what is that value?"
    later = "With the same items and a limit of {limit} kg, what is the greatest value?"
    return [solve(limit, first), solve(limit - 3, later), solve(limit + 4, later)]


def sequence(w: Wording) -> list[Case]:
    """A term and a sum of an arithmetic, geometric or second-order sequence."""

    def arithmetic(lead: str) -> Case:
        a, d, n = w.rng.randint(-20, 60), w.rng.randint(3, 19), w.rng.randint(18, 80)
        last = a + (n - 1) * d
        total = n * (a + last) // 2
        return Case(
            f"{lead} the sum of the first {n} terms of {a}, {a + d}, {a + 2 * d}, {a + 3 * d}, "
            "...?",
            (
                f"The difference is constant: {d}. So this is an arithmetic sequence that starts "
                f"with {a}.",
                f"Term number {n} is {a} + {n - 1} * {d} = {last}.",
                f"First and last term add up to {a + last}, and so does every pair from both ends.",
                f"The sum is {n} * {a + last} / 2 = {total}.",
                f"The mean of the terms is therefore {float(Fraction(total, n)):g}, halfway "
                f"between {a} and {last}.",
            ),
            str(total),
        )

    def geometric(lead: str) -> Case:
        a, q, n = w.rng.randint(2, 9), w.rng.randint(2, 4), w.rng.randint(6, 10)
        total = a * (q**n - 1) // (q - 1)
        return Case(
            f"{lead} the sum of the first {n} terms of {a}, {a * q}, {a * q * q}, {a * q**3}, ...?",
            (
                f"Each term is {q} times the one before, so the sequence is geometric with ratio "
                f"{q} and first term {a}.",
                f"The sum is a * (q^n - 1) / (q - 1) = {a} * ({q}^{n} - 1) / {q - 1}.",
                f"{q}^{n} = {q**n}, hence {a} * {q**n - 1} / {q - 1} = {total}.",
                f"The last term alone, {a * q ** (n - 1)}, makes up the larger part of it.",
            ),
            str(total),
        )

    def recursive(lead: str) -> Case:
        x, y, p, q, n = (
            w.rng.randint(1, 6),
            w.rng.randint(2, 9),
            w.rng.randint(1, 3),
            w.rng.randint(1, 3),
            w.rng.randint(8, 10),
        )
        terms = [x, y]
        while len(terms) < n:
            terms.append(p * terms[-1] + q * terms[-2])
        return Case(
            f"{lead} term number {n} of the sequence with x1 = {x}, x2 = {y} and x(k+1) = {p} "
            f"x(k) + {q} x(k-1)?",
            (
                "Each new term needs the two before it, so they are computed in turn.",
                f"x3 = {p} * {y} + {q} * {x} = {terms[2]} and x4 = {p} * {terms[2]} + {q} * {y} = "
                f"{terms[3]}.",
                f"Going on in this way: {', '.join(map(str, terms))}.",
                f"The last of these {n} numbers is x{n} = {terms[-1]}.",
                f"The growth settles: {terms[-1]} is about {terms[-1] / terms[-2]:.3f} times "
                f"{terms[-2]}.",
            ),
            str(terms[-1]),
        )

    kinds = [arithmetic, geometric, recursive]
    w.rng.shuffle(kinds)
    return [
        make(lead)
        for make, lead in zip(kinds, ("What is", "And what is", "Finally, what is"), strict=True)
    ]


KINDS: tuple[Kind, ...] = (interest, packing, sequence)
