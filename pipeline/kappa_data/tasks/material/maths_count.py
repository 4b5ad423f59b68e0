"""Problems on counting, chance and whole numbers, each solved in steps by exact arithmetic."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from fractions import Fraction

from msgspec import Struct

from kappa_data.tasks.wording import Wording, listed


class Case(Struct, frozen=True):
    """One question with its solution; `answer` is the text after `Answer:`."""

    question: str
    steps: tuple[str, ...]
    answer: str


Kind = Callable[[Wording], list[Case]]


def _of(n: int, k: int) -> str:
    return f"C({n}, {k}) = {math.comb(n, k)}"


def committee(w: Wording) -> list[Case]:
    """Committees from two groups with a least number from one."""
    one, two = w.pick(
        (
            ("engineers", "designers"),
            ("sopranos", "altos"),
            ("nurses", "doctors"),
            ("pupils", "teachers"),
            ("bakers", "waiters"),
        )
    )
    m, n, size = w.rng.randint(5, 10), w.rng.randint(4, 9), w.rng.randint(4, 6)
    least = w.rng.randint(1, 3)

    def solve(size: int, least: int, lead: str) -> Case:
        terms = [(k, math.comb(m, k) * math.comb(n, size - k)) for k in range(least, size + 1)]
        terms = [(k, ways) for k, ways in terms if ways]
        total = sum(ways for _, ways in terms)
        every = math.comb(m + n, size)
        return Case(
            lead.format(size=size, least=least),
            (
                f"A group with exactly k of the {m} {one} takes the other {size} - k from the {n} "
                f"{two}, "
                f"which gives C({m}, k) * C({n}, {size} - k) choices.",
                f"k runs from {least} to {terms[-1][0]}: "
                + ", ".join(f"k = {k} gives {ways}" for k, ways in terms)
                + ".",
                f"The sum is {' + '.join(str(ways) for _, ways in terms)} = {total}.",
                f"As a check, without the condition there would be {_of(m + n, size)}, so "
                f"{every - total} groups have fewer than {least} {one}.",
            ),
            str(total),
        )

    first = w.pick(
        (
            f"From {m} {one} and {n} {two} a group of {{size}} is to be chosen with at least "
            f"{{least}} {one}. In how many ways?",
            f"There are {m} {one} and {n} {two}. How many different teams of {{size}} contain "
            f"{{least}} or more {one}?",
        )
    )
    later = f"And if the group has {{size}} members, at least {{least}} of them {one}, from the same {m} and {n}?"
    return [solve(size, least, first), solve(size + 1, least, later), solve(size, least + 1, later)]


_WORDS = (
    "BANANA LETTER COFFEE SUCCESS BALLOON PEPPER KAYAK TATTOO COMMITTEE SEEDED PAPAYA ASSESS "
    "BOOKKEEP "
    "MAMMAL PARALLEL TOMORROW ROTOR CINNAMON HAPPINESS RACCOON TERRACE VOLLEY ADDRESS OTTER "
    "SESSIONS"
)


def letters(w: Wording) -> list[Case]:
    """Arrangements of a word with repeated letters, perhaps with two of them together."""

    def plain_case(word: str, question: str) -> Case:
        counts = {c: n for c, n in sorted(Counter(word).items()) if n > 1}
        total = math.factorial(len(word))
        for n in counts.values():
            total //= math.factorial(n)
        product = " * ".join(f"{n}!" for n in counts.values())
        repeated = listed([f"{c} ({n} times)" for c, n in counts.items()])
        return Case(
            question,
            (
                f"{word} has {len(word)} letters; repeated are {repeated}.",
                f"If all letters were different there would be {len(word)}! = "
                f"{math.factorial(len(word))} orders.",
                "Swapping equal letters changes nothing, so each arrangement is counted "
                f"{product} times "
                f"and has to be divided by that: {len(word)}! / ({product}).",
                f"This gives {total} different arrangements; every other letter occurs once and "
                "needs no correction.",
            ),
            str(total),
        )

    def glued(word: str) -> Case:
        pair = next(c for c, n in sorted(Counter(word).items()) if n == 2)
        rest = Counter(word.replace(pair, "", 2))
        units = len(word) - 1
        total = math.factorial(units)
        for n in rest.values():
            total //= math.factorial(n)
        again = [f"{n}!" for _, n in sorted(rest.items()) if n > 1]
        under = f" / ({' * '.join(again)})" if again else ""
        return Case(
            f"Now for {word}: how many arrangements have the two letters {pair} next to each "
            "other?",
            (
                f"Treat {pair}{pair} as one block, so that {units} units are left to be ordered.",
                f"The block has only one inner order since both letters are {pair}.",
                f"The other letters are {listed([c for c in word if c != pair])}; dividing by "
                "their own repetitions "
                f"gives {units}!{under} = {total}.",
                "Without the condition the word has more arrangements; here only those with "
                f"{pair}{pair} in one piece count.",
            ),
            str(total),
        )

    one, two = w.some(_WORDS.split(), 2)
    question = w.pick(
        (
            f"How many different arrangements do the letters of {one} have?",
            f"In how many distinguishable ways can one order the letters of the word {one}?",
        )
    )
    pairs = [x for x in _WORDS.split() if x not in (one, two) and 2 in Counter(x).values()]
    return [plain_case(one, question), glued(w.pick(pairs)), plain_case(two, f"What about {two}?")]


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


def draws(w: Wording) -> list[Case]:
    """Drawing without replacement; an exact fraction."""
    red, blue = w.rng.randint(4, 9), w.rng.randint(4, 10)
    x, y = w.pick((("red", "blue"), ("ripe", "green"), ("working", "faulty"), ("white", "black")))
    what, where = w.pick(
        (("balls", "an urn"), ("parts", "a box"), ("tokens", "a bag"), ("cards", "a stack"))
    )

    def solve(n: int, k: int, lead: str) -> Case:
        good, every = math.comb(red, k) * math.comb(blue, n - k), math.comb(red + blue, n)
        p = Fraction(good, every)
        again = (
            "the fraction is already in lowest terms"
            if p.denominator == every
            else (f"dividing both by {every // p.denominator} gives {p.numerator}/{p.denominator}")
        )
        return Case(
            lead.format(n=n, k=k),
            (
                f"All sets of {n} are equally likely: {_of(red + blue, n)}.",
                f"Favourable are those with {k} of the {red} {x} and {n - k} of the {blue} {y} "
                f"{what}: "
                f"{_of(red, k)} times {_of(blue, n - k)}, that is {good}.",
                f"The probability is {good}/{every}; {again}.",
                f"As a decimal this is about {float(p):.4f}, which <is|serves> only as a plausibility check.".replace(
                    "<is|serves>", w.pick(("is", "serves"))
                ),
            ),
            f"{p.numerator}/{p.denominator}",
        )

    n, k = w.rng.randint(3, 4), w.rng.randint(1, 2)
    first = f"{where.capitalize()} holds {red} {x} and {blue} {y} {what}. {{n}} are drawn without putting any back. "
    first += (
        f"What is the probability that exactly {{k}} of them {{be}} {x}, as a reduced fraction?"
    )
    later = f"And the probability of exactly {{k}} {x} ones when {{n}} are drawn from the same {where.split()[-1]}?"
    return [
        solve(n, k, first.replace("{be}", "is" if k == 1 else "are")),
        solve(n, k + 1, later),
        solve(n + 1, k, later),
    ]


def dice(w: Wording) -> list[Case]:
    """The chance that a sum of dice reaches a number."""
    sides = w.pick((6, 6, 8, 4, 10))

    def solve(count: int, least: int, lead: str) -> Case:
        ways: Counter[int] = Counter({0: 1})
        for _ in range(count):
            ways = Counter(
                {s: sum(ways[s - f] for f in range(1, sides + 1)) for s in range(count * sides + 1)}
            )
        sums = [s for s in sorted(ways) if s >= least and ways[s]]
        good, every = sum(ways[s] for s in sums), sides**count
        p = Fraction(good, every)
        return Case(
            lead.format(count={2: "two", 3: "three"}[count], sides=sides, least=least),
            (
                f"{count} dice with {sides} sides have {sides}^{count} = {every} equally likely "
                "results.",
                f"Ways to reach each sum from {least} up: "
                + ", ".join(f"{s}: {ways[s]}" for s in sums)
                + ".",
                f"Together {good} results are favourable, and {every - good} are not.",
                f"So the probability is {good}/{every}"
                + (
                    f", reduced {p.numerator}/{p.denominator}."
                    if p.denominator != every
                    else ", which cannot be reduced."
                ),
                f"That is roughly {100 * float(p):.2f} per cent of all throws.",
            ),
            f"{p.numerator}/{p.denominator}",
        )

    first = "{count} fair dice with {sides} sides each are thrown. What is the exact probability that the sum is at least {least}?"
    later = "What is it for {count} such dice and a sum of at least {least}?"
    top = 2 * sides
    a = w.rng.randint(sides + 1, top - 1)
    b = w.rng.randint(2 * sides + 1, 3 * sides - 2)
    return [solve(2, a, first[0].upper() + first[1:]), solve(3, b, later), solve(2, a - 1, later)]


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
            else "A divisor may take each prime from exponent 0 up to its own, which is e + 1 choices a prime"
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

    def number() -> int:
        return math.prod(
            p ** w.rng.randint(1, 3) for p in w.some((2, 3, 5, 7, 11), w.rng.randint(2, 3))
        ) * w.pick((1, 2, 3))

    while (
        len({a := number(), b := number(), c := number()}) < 3
        or min(a, b, c) < 60
        or max(a, b, c) > 200000
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
        a, b = w.some((2, 3, 4, 5, 6, 7, 8, 9), 2)
        return a, b

    first = w.pick(
        (
            "Convert {text} from base {source} to base {target}.",
            "Write the base-{source} number {text} in base {target}.",
        )
    )
    later = "Next one: {text} from base {source} to base {target}."
    return [solve(w.rng.randint(150, 4000), *pair(), lead) for lead in (first, later, later)]


KINDS: tuple[Kind, ...] = (
    committee,
    letters,
    remainder,
    congruences,
    draws,
    dice,
    divisors,
    sieve,
    bases,
)
