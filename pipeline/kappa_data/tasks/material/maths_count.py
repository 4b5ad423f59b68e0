"""Problems on counting and chance, each solved in steps by exact arithmetic."""

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
            ("novels", "atlases"),
            ("roses", "tulips"),
            ("juniors", "seniors"),
        )
    )
    m, n, size = w.rng.randint(5, 15), w.rng.randint(4, 14), w.rng.randint(4, 6)
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
    later = (
        f"And if the group has {{size}} members, at least {{least}} of them {one}, from the same "
        f"{m} and {n}?"
    )
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
    pairs = [x for x in _WORDS.split() if x != two and 2 in Counter(x).values()]
    question = f"How many different arrangements do the letters of {two} have?"
    return [_flags(w), glued(one if one in pairs else w.pick(pairs)), plain_case(two, question)]


def _flags(w: Wording) -> Case:
    """Orders of things of a few colours, perhaps with one colour fixed in front."""
    thing, verb = w.pick(
        (
            ("flags", "hoisted on a mast"),
            ("beads", "put on a rod"),
            ("books", "set on a shelf"),
            ("tiles", "laid in a row"),
            ("lamps", "hung in a line"),
            ("cups", "lined up"),
        )
    )
    colours = w.some(("red", "blue", "white", "green", "black", "yellow"), w.rng.randint(3, 4))
    counts = [w.rng.randint(2, 5) for _ in colours]
    fixed, total = w.chance(0.5), sum(counts)
    whole = math.factorial(total) // math.prod(map(math.factorial, counts))
    left = [counts[0] - 1, *counts[1:]] if fixed else counts
    result = math.factorial(sum(left)) // math.prod(map(math.factorial, left))
    named = listed([f"{n} {colour}" for n, colour in zip(counts, colours, strict=True)])
    under = " * ".join(f"{n}!" for n in left)
    front = f", if a {colours[0]} one has to come first" if fixed else ""
    steps = (
        f"There are {total} {thing}: {named}. Those of one colour cannot be told apart.",
        f"The first place is taken by a {colours[0]} one, which leaves {sum(left)} places."
        if fixed
        else f"If all were different there would be {total}! = {math.factorial(total)} orders.",
        "Equal colours can be swapped without effect, so divide by their factorials: "
        f"{sum(left)}! / ({under}).",
        f"That is {math.factorial(sum(left))} / {math.prod(map(math.factorial, left))} = {result}.",
        f"Without the condition it would be {whole}, of which {counts[0]}/{total} begin with "
        f"{colours[0]}: the same number."
        if fixed
        else f"Check by choosing places: {_of(total, counts[0])} for {colours[0]}, then "
        f"{_of(total - counts[0], counts[1])} for {colours[1]}, and so on.",
    )
    ask = w.pick(
        (
            f"In how many different orders can {named} {thing} be {verb}",
            f"{named} {thing} are to be {verb}. How many different orders are there",
        )
    )
    return Case(f"{ask[0].upper()}{ask[1:]}{front}?", steps, str(result))


def draws(w: Wording) -> list[Case]:
    """Drawing without replacement; an exact fraction."""
    red, blue = w.rng.randint(4, 14), w.rng.randint(4, 15)
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
                f"As a decimal this is about {float(p):.4f}, which only serves as a check.",
            ),
            f"{p.numerator}/{p.denominator}",
        )

    n, k = w.rng.randint(3, 4), w.rng.randint(1, 2)
    first = f"{where.capitalize()} holds {red} {x} and {blue} {y} {what}. "
    first += "{n} are drawn without putting any back. "
    first += (
        f"What is the probability that exactly {{k}} of them {{be}} {x}, as a reduced fraction?"
    )
    later = f"And the probability of exactly {{k}} {x} ones when {{n}} are drawn from the same "
    later += f"{where.split()[-1]}?"
    return [
        solve(n, k, first.replace("{be}", "is" if k == 1 else "are")),
        solve(n, k + 1, later),
        solve(n + 1, k, later),
    ]


def dice(w: Wording) -> list[Case]:
    """The chance of a sum of two or three dice that need not be alike."""

    def solve(lead: str, count: int) -> Case:
        sides = sorted(w.pick((4, 6, 6, 8, 10, 12)) for _ in range(count))
        ways: Counter[int] = Counter({0: 1})
        for n in sides:
            ways = Counter(s + face for s in ways.elements() for face in range(1, n + 1))
        least = w.rng.randint(sum(sides) // 2 + 2, sum(sides) - 2)
        below = w.chance(0.4)
        bound = sum(sides) + count - least if below else least
        sums = [s for s in sorted(ways) if (s <= bound if below else s >= bound)]
        good, every = sum(ways[s] for s in sums), math.prod(sides)
        p = Fraction(good, every)
        named = listed([f"one with {n}" for n in sides])
        side = "at most" if below else "at least"
        return Case(
            f"{lead} fair dice, {named} sides, are thrown. What is the exact probability that the "
            f"sum is {side} {bound}?",
            (
                f"There are {' * '.join(map(str, sides))} = {every} equally likely results.",
                f"Ways to reach each sum of {side} {bound}: "
                + ", ".join(f"{s}: {ways[s]}" for s in sums)
                + ".",
                f"Together {good} results are favourable, and {every - good} are not.",
                f"So the probability is {good}/{every}"
                + (
                    f", reduced {p.numerator}/{p.denominator}."
                    if p.denominator != every
                    else ", which cannot be reduced."
                ),
                f"That is roughly {100 * float(p):.2f} per cent of all throws of these {count} "
                "dice.",
            ),
            f"{p.numerator}/{p.denominator}",
        )

    return [solve("Three", 3), solve("Now two", 2), solve("Once more three", 3)]


KINDS: tuple[Kind, ...] = (committee, letters, draws, dice)
