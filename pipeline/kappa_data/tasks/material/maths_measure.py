"""Problems on rates, amounts and shapes, each solved in steps by exact arithmetic."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

from kappa_data.tasks.material.maths_count import Case, Kind
from kappa_data.tasks.wording import Wording


def _text(value: Fraction) -> str:
    return (
        str(value.numerator) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"
    )


def meeting(w: Wording) -> list[Case]:
    """Two vehicles towards each other, one with a head start; minutes until they meet."""
    who = w.pick(
        (
            ("train", "goods train"),
            ("cyclist", "runner"),
            ("ferry", "yacht"),
            ("bus", "van"),
            ("drone", "courier"),
        )
    )
    start = w.rng.randint(7, 16)

    def solve(va: int, vb: int, lead: int, minutes: int, asked: str) -> Case:
        total = va + vb
        ahead = Fraction(va * lead, 60)
        rest = Fraction(total * minutes, 60)
        distance = ahead + rest
        clock = start * 60 + lead + minutes
        return Case(
            asked.format(va=va, vb=vb, lead=lead, d=_text(distance)),
            (
                f"In the {lead} minutes of its head start the {who[0]} covers {va} * {lead}/60 = "
                f"{_text(ahead)} km.",
                f"That leaves {_text(distance)} - {_text(ahead)} = {_text(rest)} km between the "
                "two.",
                f"They now approach each other at {va} + {vb} = {total} km/h.",
                f"The time needed is {_text(rest)} / {total} hours, which is {minutes} minutes "
                f"after the {who[1]} left.",
                f"The clock then shows {clock // 60}:{clock % 60:02d}. Check: the {who[1]} has "
                f"covered {_text(Fraction(vb * minutes, 60))} km by then.",
            ),
            f"{minutes} minutes",
        )

    va, vb, lead = w.rng.randint(8, 40) * 3, w.rng.randint(6, 30) * 3, w.pick((5, 10, 15, 20, 30))
    a, b, c = (w.rng.randint(13, 95) for _ in range(3))
    first = (
        f"A {who[0]} leaves A for B at {start}:00 at {{va}} km/h. {{lead}} minutes later a "
        f"{who[1]} leaves B for A at {{vb}} km/h. "
        "The distance is {d} km. How many minutes after the second departure do they meet?"
    )
    later = "And with {va} km/h, {vb} km/h, {lead} minutes of head start and a distance of {d} km?"
    return [
        solve(va, vb, lead, a, first),
        solve(va, vb + 6, lead, b, later),
        solve(va + 12, vb, lead + 5, c, later),
    ]


def together(w: Wording) -> list[Case]:
    """Working together, as a fraction of hours in minutes."""
    job, one, two = w.pick(
        (
            ("fill the tank", "pump A", "pump B"),
            ("paint the fence", "Mia", "Noor"),
            ("print the edition", "the old press", "the new press"),
            ("sort the parcels", "line 1", "line 2"),
            ("mow the field", "the tractor", "the robot"),
        )
    )

    def solve(a: int, b: int, alone: int, asked: str) -> Case:
        done = Fraction(alone, a)
        rate = Fraction(1, a) + Fraction(1, b)
        rest = (1 - done) / rate
        return Case(
            asked.format(a=a, b=b, alone=alone),
            (
                f"In one minute {one} does 1/{a} of the work and {two} 1/{b}, together "
                f"{_text(rate)}.",
                f"After {alone} minutes alone {one} has done {_text(done)}, so {_text(1 - done)} "
                "is left.",
                f"For this both need ({_text(1 - done)}) / ({_text(rate)}) = {_text(rest)} "
                f"minutes, about {float(rest):.1f}.",
                f"Altogether it takes {alone} + {_text(rest)} = {_text(rest + alone)} minutes.",
                f"That lies below the {a} minutes of {one} alone, as it should.",
            ),
            f"{_text(rest + alone)} minutes",
        )

    a, b = w.rng.randint(40, 120), w.rng.randint(40, 150)
    alone = w.rng.randint(5, 25)
    first = (
        f"To {job}, {one} needs {{a}} minutes and {two} {{b}} minutes. {one[0].upper() + one[1:]} "
        f"works alone for {{alone}} minutes, then both work together. "
        "How many minutes does the whole job take? Give an exact fraction or whole number."
    )
    later = (
        f"What if {one} needs {{a}} minutes, {two} {{b}}, and the first works alone for "
        "{alone} minutes?"
    )
    return [
        solve(a, b, alone, first),
        solve(a, b, alone + 7, later),
        solve(a + 10, b + 5, alone, later),
    ]


def tickets(w: Wording) -> list[Case]:
    """A linear system with two or three unknown numbers."""
    names = w.pick(
        (
            ("adults", "children", "seniors"),
            ("large", "small", "medium"),
            ("day", "week", "month"),
            ("sofas", "chairs", "tables"),
        )
    )
    kind = w.pick(("tickets", "boxes", "passes", "items"))

    def two(x: int, y: int, p: int, q: int, asked: str) -> Case:
        n, total = x + y, p * x + q * y
        return Case(
            asked.format(n=n, total=total, p=p, q=q),
            (
                f"Let x be the number of {names[0]} and y that of {names[1]}: x + y = {n} and "
                f"{p}x + {q}y = {total}.",
                f"From the first, y = {n} - x. Put into the second: {p}x + {q}({n} - x) = {total}.",
                f"So {p - q}x = {total} - {q * n} = {total - q * n}, which gives x = {x}.",
                f"Then y = {n} - {x} = {y}. Check: {p} * {x} + {q} * {y} = {p * x} + {q * y} = "
                f"{total}.",
            ),
            f"{x} {names[0]} and {y} {names[1]}",
        )

    def three(x: int, y: int, z: int, p: int, q: int, r: int) -> Case:
        n, total, gap = x + y + z, p * x + q * y + r * z, x - z
        m = n + gap
        return Case(
            f"Now three kinds: {names[0]} at {p}, {names[1]} at {q} and {names[2]} at {r}; {n} "
            f"{kind} for {total} in all, and the number of {names[0]} "
            f"minus that of {names[2]} is {gap}. How many of each?",
            (
                f"x + y + z = {n}, {p}x + {q}y + {r}z = {total}, x - z = {gap}.",
                f"With z = x - ({gap}) the first equation becomes 2x + y = {m}, so y = {m} - 2x.",
                f"The second is then {p}x + {q}({m} - 2x) + {r}(x - ({gap})) = {total}, that is "
                f"{p - 2 * q + r}x = {total - q * m + r * gap}.",
                f"Hence x = {x}, y = {m} - {2 * x} = {y} and z = {z}.",
                f"Check: {p * x} + {q * y} + {r * z} = {total}.",
            ),
            f"{x} {names[0]}, {y} {names[1]} and {z} {names[2]}",
        )

    x, y, z = (w.rng.randint(11, 80) for _ in range(3))
    q = w.rng.randint(3, 12)
    p, r = q + w.rng.randint(2, 9), q + w.rng.randint(12, 20)
    first = w.pick(
        (
            f"{{n}} {kind} were sold for {{total}} in all: {names[0]} at {{p}} and {names[1]} at "
            f"{{q}} each. How many of each kind?",
            f"Two kinds of {kind} cost {{p}} ({names[0]}) and {{q}} ({names[1]}). {{n}} were sold "
            f"and brought in {{total}}. How many of each?",
        )
    )
    later = f"And on a day with {{n}} {kind} for {{total}}, at {{p}} for {names[0]} and {{q}} for "
    later += f"{names[1]}?"
    return [two(x, y, p, q, first), three(x, y, z, p, q, r), two(y + 5, z, p + 1, q, later)]


def polygon(w: Wording) -> list[Case]:
    """The area of a polygon given by corners, by the shoelace formula."""

    def solve(lead: str) -> Case:
        n = w.rng.randint(4, 6)
        while True:
            points = {(w.rng.randint(-9, 12), w.rng.randint(-9, 12)) for _ in range(n)}
            if len(points) == n:
                cx, cy = (
                    sum(p[0] for p in points) / n + 0.013,
                    sum(p[1] for p in points) / n + 0.007,
                )
                ring = sorted(points, key=lambda p: math.atan2(p[1] - cy, p[0] - cx))
                terms = [
                    x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in itertools.pairwise([*ring, ring[0]])
                ]
                if sum(terms) > 40:
                    break
        area = Fraction(sum(terms), 2)
        value = f"{float(area):g}"
        corners = ", ".join(f"({x}, {y})" for x, y in ring)
        return Case(
            f"{lead} {corners}, joined in this order?",
            (
                "By the shoelace formula, twice the area is the sum of x1*y2 - x2*y1 over the "
                "sides, in order.",
                f"The terms for the {n} sides are {', '.join(map(str, terms))}.",
                f"Their sum is {sum(terms)}; it is positive, so the corners run counter-clockwise.",
                f"Half of it is the area: {sum(terms)} / 2 = {value} square units.",
                "The polygon fits into a box of "
                f"{max(x for x, _ in ring) - min(x for x, _ in ring)} by "
                f"{max(y for _, y in ring) - min(y for _, y in ring)}, whose area is larger, so "
                "the size is plausible.",
            ),
            value,
        )

    return [
        solve("What is the area of the polygon with the corners"),
        solve("And for the corners"),
        solve("One more, with the corners"),
    ]


def rooms(w: Wording) -> list[Case]:
    """A rectangle from its perimeter and a relation, then cost of a border path."""
    thing = w.pick(("garden", "terrace", "hall", "playground", "pool"))

    def solve(short: int, more: int, wide: int, price: int, asked: str) -> Case:
        long, around = short + more, 2 * (2 * short + more)
        outer = (long + 2 * wide) * (short + 2 * wide)
        inner = long * short
        cost = (outer - inner) * price
        return Case(
            asked.format(around=around, more=more, wide=wide, price=price),
            (
                f"Half the perimeter is {around // 2} m, the sum of both sides; one is {more} m "
                "longer.",
                f"So the short side is ({around // 2} - {more}) / 2 = {short} m and the long one "
                f"{long} m.",
                f"The {thing} has {long} * {short} = {inner} square metres; with the path it is "
                f"{long + 2 * wide} * {short + 2 * wide} = {outer}.",
                f"The path covers {outer} - {inner} = {outer - inner} square metres.",
                f"At {price} a square metre this costs {outer - inner} * {price} = {cost}.",
            ),
            str(cost),
        )

    short, more = w.rng.randint(6, 30), w.rng.randint(2, 15)
    first = (
        f"A rectangular {thing} has a perimeter of {{around}} m and is {{more}} m longer than "
        f"wide. A path of {{wide}} m is laid all around it, "
        "corners included, at {price} euros a square metre. What does the path cost?"
    )
    later = (
        "And if the perimeter is {around} m, the difference {more} m, the path {wide} m wide and "
    )
    later += "the price {price}?"
    wide, price = w.rng.randint(1, 3), w.rng.randint(18, 75)
    return [
        solve(short, more, wide, price, first),
        solve(short, more, wide + 1, price, later),
        solve(short + 4, more + 1, wide, price + 6, later),
    ]


def mixture(w: Wording) -> list[Case]:
    """How much of a strong solution brings a weak one to a wanted strength."""
    stuff = w.pick(
        ("salt solution", "syrup", "cleaning concentrate", "vinegar", "antifreeze", "fruit juice")
    )

    def solve(amount: int, weak: int, strong: int, wanted: int, asked: str) -> Case:
        x = Fraction(amount * (wanted - weak), strong - wanted)
        return Case(
            asked.format(amount=amount, weak=weak, strong=strong, wanted=wanted),
            (
                f"Let x be the litres of the {strong} % {stuff}. The pure substance before and "
                "after has to agree.",
                f"{amount} * {weak} + x * {strong} = ({amount} + x) * {wanted}, all in per cent "
                "of a litre.",
                f"So {strong - wanted} x = {amount} * {wanted - weak} = "
                f"{amount * (wanted - weak)}.",
                f"Dividing and reducing, x = {_text(x)} litres, about {float(x):.2f}.",
                f"The mixture then measures {_text(x + amount)} litres, of which "
                f"{_text((x + amount) * wanted / 100)} are pure substance.",
            ),
            f"{_text(x)} litres",
        )

    weak, wanted = w.rng.randint(4, 18), w.rng.randint(22, 38)
    strong, amount = w.rng.randint(45, 90), w.rng.randint(5, 60)
    first = (
        f"There are {{amount}} litres of a {{weak}} % {stuff}. How many litres of a {{strong}} % "
        f"one must be added to get {{wanted}} %? "
        "Give an exact fraction or whole number."
    )
    later = "And for {amount} litres at {weak} %, adding {strong} % to reach {wanted} %?"
    return [
        solve(amount, weak, strong, wanted, first),
        solve(amount + 8, weak, strong, wanted - 2, later),
        solve(amount, weak + 1, strong + 4, wanted, later),
    ]


KINDS: tuple[Kind, ...] = (meeting, together, tickets, polygon, rooms, mixture)
