"""Small planning problems with one best plan, found by looking at every plan there is."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec import Struct

from kappa_data.tasks.material.long_names import people
from kappa_data.tasks.wording import Wording, listed, sentence


class Plan(NamedTuple):
    """A complete plan: what it is worth and what it consists of, in words and as parts."""

    score: int
    said: str
    parts: tuple[str, ...]


class Problem(Struct, frozen=True):
    """`plans` are all that are allowed, the best first; the first is strictly better than the rest.

    `greedy` is what somebody gets who takes the best next step every time. `parts_ask` is a
    question whose answer is the part number `part` of the best plan. `without` are the plans that
    remain where `change` holds.
    """

    facts: str
    ask: str
    unit: str
    plans: tuple[Plan, ...]
    greedy: Plan
    way: str
    part_ask: str
    part: str
    other_part: str
    change: str
    without: tuple[Plan, ...]


Kind = Callable[[Wording], Problem | None]

_JOBS = (
    ("stall", ("grill", "till", "drinks", "cakes", "raffle"), "minutes of setting up"),
    ("move", ("kitchen", "cellar", "study", "garage", "attic"), "minutes of packing"),
    ("paper", ("index", "proofs", "figures", "appendix", "tables"), "hours of work"),
    ("fair", ("posters", "tickets", "lights", "sound", "chairs"), "hours of work"),
    ("garden", ("hedge", "pond", "lawn", "paths", "beds"), "minutes of work"),
    ("kitchen", ("soup", "roast", "salad", "bread", "dessert"), "minutes of cooking"),
)
_THINGS = (
    (
        "a rucksack that takes {c} kg",
        "kg",
        "points of use",
        "stove tent rope maps lamp axe radio food",
    ),
    (
        "a van with room for {c} crates",
        "crates",
        "pounds of profit",
        "pears plums figs leeks eggs jam nuts cider",
    ),
    (
        "a talk of {c} minutes",
        "minutes",
        "votes of the audience",
        "intro demo history costs outlook quiz film tour",
    ),
    (
        "a shelf of {c} cm",
        "cm",
        "loans a year",
        "atlases novels comics scores diaries almanacs guides plays",
    ),
    (
        "a budget of {c} hundred",
        "hundred",
        "points in the survey",
        "swings benches trees lamps paths fountain shelter map",
    ),
)
_TOWNS = ["Ashby", "Brill", "Corley", "Dunton", "Elsdon", "Farley", "Gawsworth", "Hanley"]
_STARTS = ("the depot", "the bakery", "the vet's practice", "the post office", "the workshop")


def _table(head: Sequence[str], rows: Sequence[Sequence[object]], style: str) -> str:
    if style == "table":
        lines = [f"| {' | '.join(map(str, row))} |" for row in (head, ["---"] * len(head), *rows)]
        return "\n".join(lines)
    return "\n".join(
        f"- {row[0]}: "
        + ", ".join(f"{key} {value}" for key, value in zip(head[1:], row[1:], strict=True))
        for row in rows
    )


def assignment(w: Wording) -> Problem | None:
    """Who does what, one job each, in the least time."""
    about, every, unit = w.pick(_JOBS)
    count = w.pick((3, 4, 4, 5))
    jobs = w.some(every, count)
    names = [name.split()[0] for name in people(w, count)]
    cost = [[w.rng.randint(3, 29) for _ in jobs] for _ in names]

    def plan(order: Sequence[int]) -> Plan:
        parts = tuple(f"{names[i]} {jobs[j]}" for i, j in enumerate(order))
        said = ", ".join(f"{names[i]} {jobs[j]} ({cost[i][j]})" for i, j in enumerate(order))
        return Plan(sum(cost[i][j] for i, j in enumerate(order)), said, parts)

    orders = list(itertools.permutations(range(count)))
    taken: list[int] = []
    for row in cost:
        taken.append(min((j for j in range(count) if j not in taken), key=lambda j: row[j]))
    plans = tuple(sorted(map(plan, orders)))
    best = next(order for order in orders if plan(order) == plans[0])
    who = w.rng.randrange(count)
    lost = best[who]
    without = tuple(sorted(plan(order) for order in orders if order[who] != lost))
    style = w.pick(("table", "list"))
    return Problem(
        facts=_table(["", *jobs], [[n, *row] for n, row in zip(names, cost, strict=True)], style),
        ask=w.pick(
            (
                f"Everybody gets one job for the {about}, and every job one person. The numbers are"
                f" {unit}. What is the smallest total?",
                f"How do I share out these jobs ({about}), one each, so that the sum of the {unit}"
                " is as small as possible? Tell me the plan and the sum.",
            )
        ),
        unit=unit,
        plans=plans,
        greedy=plan(taken),
        way=f"All {len(orders)} ways of sharing out {count} jobs",
        part_ask=f"Which job does {names[who]} get in the best plan?",
        part=jobs[lost],
        other_part=jobs[best[(who + 1) % count]],
        change=f"{names[who]} must not do {jobs[lost]}",
        without=without,
    )


def packing(w: Wording) -> Problem | None:
    """What to take along, within a limit, for the most."""
    about, weighs, worth, things = w.pick(_THINGS)
    count = w.pick((5, 6, 6, 7))
    names = w.some(things.split(), count)
    weights = [w.rng.randint(2, 12) for _ in names]
    values = [w.rng.randint(5, 40) for _ in names]
    room = sum(weights) * w.rng.randint(40, 60) // 100

    def plan(chosen: Sequence[int]) -> Plan:
        parts = tuple(names[i] for i in chosen)
        said = f"{listed(parts)} ({sum(weights[i] for i in chosen)} {weighs})"
        return Plan(sum(values[i] for i in chosen), said, parts)

    fits = [
        chosen
        for size in range(1, count + 1)
        for chosen in itertools.combinations(range(count), size)
        if sum(weights[i] for i in chosen) <= room
    ]
    plans = tuple(sorted(map(plan, fits), reverse=True))
    left, taken = room, []
    for i in sorted(range(count), key=lambda i: -values[i]):
        if weights[i] <= left:
            taken.append(i)
            left -= weights[i]
    best = next(chosen for chosen in fits if plan(chosen) == plans[0])
    out = [i for i in range(count) if i not in best]
    if not out or len(best) < 2:
        return None
    heavy = max(best, key=lambda i: weights[i])
    clear = [weights[i] for i in best].count(weights[heavy]) == 1
    gone = w.pick(best)
    without = tuple(sorted((plan(c) for c in fits if gone not in c), reverse=True))
    rows = [[n, a, b] for n, a, b in zip(names, weights, values, strict=True)]
    return Problem(
        facts=_table(["", weighs, worth], rows, w.pick(("table", "list"))),
        ask=w.pick(
            (
                f"I have {about.format(c=room)}. Each thing can be taken once or not at all."
                f" What is"
                f" the largest sum of {worth} that I can get?",
                f"What goes into {about.format(c=room)}, so that the {worth} add up to the most?"
                " Nothing can be split or taken twice. I want the choice and its sum.",
            )
        ),
        unit=worth,
        plans=plans,
        greedy=plan(sorted(taken)),
        way=f"Of the {2**count - 1} possible choices {len(fits)} fit within {room} {weighs};"
        f" all of them",
        part_ask="Which of the things that are taken in the best choice needs the most room"
        f" ({weighs})?"
        if clear
        else "How many things are taken in the best choice?",
        part=names[heavy] if clear else str(len(best)),
        other_part=names[out[0]] if clear else str(len(best) + 1),
        change=f"{names[gone]} cannot be taken",
        without=without,
    )


def route(w: Wording) -> Problem | None:
    """In which order to visit some places and come back, on the shortest way."""
    count = w.pick((3, 4, 4))
    start, stops = w.pick(_STARTS), w.some(_TOWNS, count)
    places = [start, *stops]
    far = {pair: w.rng.randint(4, 38) for pair in itertools.combinations(range(count + 1), 2)}

    def length(a: int, b: int) -> int:
        return far[min(a, b), max(a, b)]

    def plan(order: Sequence[int]) -> Plan:
        tour = [0, *order, 0]
        legs = [length(a, b) for a, b in itertools.pairwise(tour)]
        said = f"{' - '.join(places[i] for i in tour)} ({' + '.join(map(str, legs))})"
        return Plan(sum(legs), said, tuple(places[i] for i in order))

    # A round trip and its reverse are one plan.
    orders = [each for each in itertools.permutations(range(1, count + 1)) if each[0] < each[-1]]
    plans = tuple(sorted(map(plan, orders)))
    here, left, taken = 0, set(range(1, count + 1)), []
    while left:
        here = min(sorted(left), key=lambda i: length(here, i))
        left.discard(here)
        taken.append(here)
    best = next(order for order in orders if plan(order) == plans[0])
    middle = [places[i] for i in best[1:-1]]
    a, b = sorted(best[:2])
    without = tuple(
        sorted(
            plan(order)
            for order in orders
            if {a, b} not in [set(pair) for pair in itertools.pairwise(order)]
        )
    )
    lines = [f"- {sentence(places[i])} to {places[j]}: {km} km" for (i, j), km in far.items()]
    return Problem(
        facts="\n".join(lines),
        ask=w.pick(
            (
                f"A round trip begins and ends at {start} and visits {listed(stops)} once each. How"
                " long is the shortest one?",
                f"From {start} I have to go to {listed(stops)}, in any order, and back. What is the"
                " shortest way, and how many kilometres is it?",
            )
        ),
        unit="km",
        plans=plans,
        greedy=plan(taken),
        way=f"The {len(orders)} round trips (a trip and its reverse count once)",
        part_ask=f"In the best trip, is {middle[0]} next to {start} or between two other stops?"
        " Write next or between.",
        part="between",
        other_part="next",
        change=f"the road between {places[a]} and {places[b]} is closed",
        without=without,
    )


def bookings(w: Wording) -> Problem | None:
    """Which requests for one room to accept, so that none overlap and the most is earned."""
    count = w.pick((5, 6, 6, 7))
    names = [name.split()[1] for name in people(w, count)]
    spans = []
    for _ in names:
        begin = w.rng.randint(8, 18)
        spans.append((begin, begin + w.rng.randint(1, 5)))
    fees = w.some(range(12, 99), count)

    def plan(chosen: Sequence[int]) -> Plan:
        order = sorted(chosen, key=lambda i: spans[i])
        parts = tuple(names[i] for i in order)
        said = ", ".join(f"{names[i]} {spans[i][0]}-{spans[i][1]} ({fees[i]})" for i in order)
        return Plan(sum(fees[i] for i in chosen), said, parts)

    def free(chosen: Sequence[int]) -> bool:
        order = sorted(spans[i] for i in chosen)
        return all(a[1] <= b[0] for a, b in itertools.pairwise(order))

    fits = [
        chosen
        for size in range(1, count + 1)
        for chosen in itertools.combinations(range(count), size)
        if free(chosen)
    ]
    plans = tuple(sorted(map(plan, fits), reverse=True))
    taken: list[int] = []
    for i in sorted(range(count), key=lambda i: -fees[i]):
        if free([*taken, i]):
            taken.append(i)
    best = next(chosen for chosen in fits if plan(chosen) == plans[0])
    if len(best) < 2:
        return None
    first = min(best, key=lambda i: spans[i])
    last = max(best, key=lambda i: spans[i])
    gone = w.pick(best)
    without = tuple(sorted((plan(c) for c in fits if gone not in c), reverse=True))
    rows = [
        [n, f"{a}:00", f"{b}:00", fee] for n, (a, b), fee in zip(names, spans, fees, strict=True)
    ]
    return Problem(
        facts=_table(["", "from", "to", "pays"], rows, w.pick(("table", "list"))),
        ask=w.pick(
            (
                "These people want the hall on the same day. One may begin when another ends, but"
                " never overlap. Which do I accept to earn the most, and how much is it?",
                "One room, several requests, no two at the same time (back to back is fine)."
                " What is"
                " the highest sum that can be earned?",
            )
        ),
        unit="pounds",
        plans=plans,
        greedy=plan(taken),
        way=f"All {len(fits)} sets of requests that do not overlap",
        part_ask="Who of those that are accepted comes first on that day?",
        part=names[first],
        other_part=names[last],
        change=f"{names[gone]} withdraws",
        without=without,
    )


KINDS: tuple[Kind, ...] = (assignment, packing, bookings, route)
