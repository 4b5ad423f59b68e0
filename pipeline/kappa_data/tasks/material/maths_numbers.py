"""Problems on whole numbers: remainders, divisors, bases."""

from __future__ import annotations

import math
from collections import Counter

from kappa_data.tasks.material.maths_count import Case, Kind
from kappa_data.tasks.wording import Wording, listed


def remainder(w: Wording) -> list[Case]:
    """A power modulo a small number, by the cycle of its powers."""

    def solve(a: int, b: int, m: int, question: str) -> Case:
        seen, value = [a % m], a % m
        while (value := value * a % m) not in seen:
            seen.append(value)
        start = seen.index(value)
        period = len(seen) - start
        place = start + (b - 1 - start) % period
        shown = ", ".join(map(str, seen[:12])) + (", ..." if len(seen) > 12 else "")
        return Case(
            question.format(a=a, b=b, m=m),
            (
                f"The powers {a}^1, {a}^2, ... leave the remainders {shown} modulo {m}.",
                f"From {a}^{start + 1} on they repeat with period {period}.",
                f"The exponent fits this cycle: {b} - {start + 1} = {b - 1 - start}, which leaves "
                f"{(b - 1 - start) % period} when divided by {period}.",
                f"So {a}^{b} has the same remainder as {a}^{place + 1}, namely {seen[place]}.",
                f"There is no need to compute {a}^{b} itself, a number of {len(str(a**b))} digits.",
            ),
            str(seen[place]),
        )

    while True:
        a, b, m = w.rng.randint(3, 19), w.rng.randint(40, 400), w.rng.randint(11, 60)
        cases = [
            solve(
                a,
                b,
                m,
                w.pick(
                    (
                        "What is the remainder of {a}^{b} on division by {m}?",
                        "Find {a}^{b} mod {m} by hand.",
                    )
                ),
            ),
            solve(a, b + w.rng.randint(3, 90), m, "And for {a}^{b} mod {m}?"),
            solve(a + 2, b, m, "Same thing with {a}^{b} mod {m}, please."),
        ]
        if all(int(case.answer) > 1 for case in cases):
            return cases


def congruences(w: Wording) -> list[Case]:
    """The smallest positive number with given remainders."""
    thing = w.pick(("eggs", "soldiers", "marbles", "tiles", "pages", "coins"))

    def solve(mods: list[int], rest: list[int], lead: str) -> Case:
        steps, value, step = [], rest[0], mods[0]
        for m, r in zip(mods[1:], rest[1:], strict=True):
            tries = 0
            while value % m != r:
                value, tries = value + step, tries + 1
            step *= m
            steps.append(
                f"Going up in steps of {step // m}, {tries} steps lead to {value}, the first with "
                f"remainder {r} for {m}."
            )
        conditions = listed([f"{r} when divided by {m}" for m, r in zip(mods, rest, strict=True)])
        return Case(
            f"{lead} leaves the remainders {conditions}?",
            (
                f"Start with the first condition: the numbers {rest[0]}, {rest[0] + mods[0]}, "
                f"{rest[0] + 2 * mods[0]}, ...",
                *steps,
                f"All moduli are coprime, so the solution is unique up to {step}: {value}, then "
                f"{value + step}.",
                "Check: "
                + ", ".join(f"{value} = {value // m} * {m} + {value % m}" for m in mods)
                + ".",
            ),
            str(value),
        )

    mods = w.pick(
        ([5, 7, 9], [4, 7, 11], [3, 8, 13], [5, 6, 11], [7, 8, 9], [5, 8, 13], [9, 10, 11])
    )
    rests = [[w.rng.randint(1, m - 1) for m in mods] for _ in range(3)]
    lead = f"What is the smallest positive number of {thing} that"
    return [
        solve(mods, rests[0], lead),
        solve(mods, rests[1], f"With other remainders: which smallest number of {thing}"),
        solve(
            mods[:2],
            rests[2][:2],
            f"And if only two conditions hold, which smallest number of {thing}",
        ),
    ]


def divisors(w: Wording) -> list[Case]:
    """Number and sum of the divisors, by the prime factors."""

    def factors(n: int) -> dict[int, int]:
        found: Counter[int] = Counter()
        p = 2
        while n > 1:
            while n % p == 0:
                found[p] += 1
                n //= p
            p += 1
        return dict(found)

    def solve(n: int, summed: bool, question: str) -> Case:
        parts = factors(n)
        shape = " * ".join(f"{p}^{e}" if e > 1 else str(p) for p, e in parts.items())
        values = [sum(p**i for i in range(e + 1)) if summed else e + 1 for p, e in parts.items()]
        total = math.prod(values)
        rule = (
            "Each divisor is a product of powers of these primes, so the sum of all divisors is "
            "the product of the sums "
            "1 + p + ... + p^e"
            if summed
            else "A divisor may take each prime from exponent 0 up to its own, which is e + 1 "
            "choices a prime"
        )
        return Case(
            question.format(n=n),
            (
                f"Factorise: {n} = {shape}.",
                f"{rule}.",
                "For "
                + ", ".join(
                    f"the prime {p} this is {v}" for p, v in zip(parts, values, strict=True)
                )
                + ".",
                f"The product {' * '.join(map(str, values))} equals {total}.",
                f"Both 1 and {n} itself are included, as they divide {n} without remainder.",
            ),
            str(total),
        )

    def some_number() -> int:
        found: int = w.pick((1, 1, 2, 3))
        for p in w.some((2, 3, 5, 7, 11, 13, 17), 3):
            found = found * int(p ** w.rng.randint(1, 3))
        return found

    while (
        len({a := some_number(), b := some_number(), c := some_number()}) < 3
        or min(a, b, c) < 60
        or max(a, b, c) > 900000
    ):
        pass
    flip = w.chance(0.5)
    asked = (
        "How many positive divisors does {n} have?",
        "What is the sum of all positive divisors of {n}?",
    )
    return [
        solve(a, flip, asked[flip]),
        solve(b, not flip, asked[not flip]),
        solve(c, flip, "The same for {n}: " + asked[flip].lower()),
    ]


def sieve(w: Wording) -> list[Case]:
    """Inclusion and exclusion with two divisors and a third that is ruled out."""

    def solve(top: int, a: int, b: int, c: int, lead: str) -> Case:
        def n(*ds: int) -> int:
            return top // math.lcm(*ds)

        both, total = n(a, b), n(a) + n(b) - n(a, b)
        bad = n(a, c) + n(b, c) - n(a, b, c)
        return Case(
            lead.format(top=top, a=a, b=b, c=c),
            (
                f"Multiples of {a}: {n(a)}. Multiples of {b}: {n(b)}. Of both, that is of "
                f"{math.lcm(a, b)}: {both}.",
                f"At least one of the two: {n(a)} + {n(b)} - {both} = {total}.",
                f"Among these, multiples of {c} must go. With {a} they are {n(a, c)}, with {b} "
                f"{n(b, c)}, with both {n(a, b, c)}, "
                f"so {n(a, c)} + {n(b, c)} - {n(a, b, c)} = {bad}.",
                f"What remains is {total} - {bad} = {total - bad}.",
            ),
            str(total - bad),
        )

    a, b, c = w.pick(
        ((3, 5, 2), (4, 6, 5), (2, 7, 3), (6, 10, 4), (3, 7, 5), (5, 8, 3), (4, 9, 7), (6, 15, 7))
    )
    top = w.rng.randint(200, 2500)
    first = w.pick(
        (
            "How many whole numbers from 1 to {top} are divisible by {a} or {b}, but not by {c}?",
            "Count the integers from 1 to {top} that are multiples of {a} or of {b} (or both) and "
            "no multiple of {c}.",
        )
    )
    later = "How many are there up to {top}, with {a} or {b} but not {c}?"
    return [
        solve(top, a, b, c, first),
        solve(top + w.rng.randint(100, 900), a, b, c, later),
        solve(top, a, b, 11, later),
    ]


def bases(w: Wording) -> list[Case]:
    """A number from one base to another by way of ten."""

    def digits(n: int, base: int) -> list[int]:
        out: list[int] = []
        while n:
            out.append(n % base)
            n //= base
        return out[::-1]

    def solve(n: int, source: int, target: int, lead: str) -> Case:
        here, there = digits(n, source), digits(n, target)
        text = "".join(map(str, here))
        terms = " + ".join(f"{d} * {source}^{len(here) - 1 - i}" for i, d in enumerate(here) if d)
        rest, lines = n, []
        while rest:
            lines.append(f"{rest} = {rest // target} * {target} + {rest % target}")
            rest //= target
        return Case(
            lead.format(text=text, source=source, target=target),
            (
                f"In base ten {text} (base {source}) is {terms} = {n}.",
                f"Divide by {target} again and again: {'; '.join(lines)}.",
                "The remainders, read from the last to the first, are "
                f"{', '.join(map(str, there))}.",
                f"So the number has {len(there)} digits in base {target}, against {len(here)} in "
                f"base {source}.",
            ),
            "".join(map(str, there)),
        )

    def pair() -> tuple[int, int]:
        a, b = w.some((3, 4, 5, 6, 7, 8, 9), 2)
        return a, b

    first = w.pick(
        (
            "Convert {text} from base {source} to base {target}.",
            "Write the base-{source} number {text} in base {target}.",
        )
    )
    later = "Next one: {text} from base {source} to base {target}."
    return [solve(w.rng.randint(150, 1500), *pair(), lead) for lead in (first, later, later)]


KINDS: tuple[Kind, ...] = (remainder, congruences, divisors, sieve, bases)
