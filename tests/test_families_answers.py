"""The answers of the maths and data families, against solvers that know nothing of the families."""

from __future__ import annotations

import asyncio
import functools
import itertools
import math
import random
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kappa_data.records import CommandCheck, Message, Task
from kappa_data.sandbox import Box, Limits
from kappa_data.sandbox.bubblewrap import Bubblewrap
from kappa_data.tasks.catalog import task
from kappa_data.tasks.families import data_csv, data_json, maths
from kappa_data.tasks.material import maths_count, maths_measure, maths_numbers, maths_series
from kappa_data.tasks.material.phrasing import number, opening
from kappa_data.tasks.verify import play_reference, verify
from kappa_data.tasks.wording import Wording

# --- maths: each question is parsed and solved by trying everything -------------------------------


def numbers(text: str) -> list[int]:
    return [int(found) for found in re.findall(r"\d+", text)]


def committees(setup: str, asked: str) -> str:
    one, other = numbers(setup)[:2]
    found = re.search(r"(?:group of|teams of|group has) (\d+)", asked)
    least = re.search(r"at least (\d+)|contain (\d+)", asked)
    assert found and least
    people = [1] * one + [0] * other
    bound = int(least[1] or least[2])
    chosen = itertools.combinations(range(len(people)), int(found[1]))
    return str(sum(sum(people[i] for i in group) >= bound for group in chosen))


def colour_orders(asked: str) -> str:
    colours = re.findall(r"(\d+) (red|blue|white|green|black|yellow)", asked)
    first = re.search(r"if a (\w+) one has to come first", asked)
    left = tuple(int(n) - bool(first and colour == first[1]) for n, colour in colours)

    @functools.cache
    def ways(left: tuple[int, ...]) -> int:
        if not any(left):
            return 1
        nexts = [(*left[:i], n - 1, *left[i + 1 :]) for i, n in enumerate(left) if n]
        return sum(ways(each) for each in nexts)

    return str(ways(left))


def letter_orders(setup: str, asked: str) -> str:
    word = re.search(r"\b[A-Z]{4,}\b", asked)
    if word is None:
        return colour_orders(asked)
    if len(word[0]) > 8:
        return ""
    orders = {"".join(order) for order in itertools.permutations(word[0])}
    if pair := re.search(r"two letters ([A-Z]) next", asked):
        orders = {order for order in orders if pair[1] * 2 in order}
    return str(len(orders))


def remainders(setup: str, asked: str) -> str:
    found = re.search(r"(\d+)\^(\d+)\D+(\d+)", asked)
    assert found
    return str(pow(int(found[1]), int(found[2]), int(found[3])))


def congruent(setup: str, asked: str) -> str:
    pairs = [(int(r), int(m)) for r, m in re.findall(r"(\d+) when divided by (\d+)", asked)]
    return str(next(n for n in itertools.count(1) if all(n % m == r for r, m in pairs)))


def throws(setup: str, asked: str) -> str:
    sides = [int(n) for n in re.findall(r"one with (\d+)", asked)]
    found = re.search(r"at (least|most) (\d+)", asked)
    assert found
    bound, most = int(found[2]), found[1] == "most"
    sums = [sum(faces) for faces in itertools.product(*(range(1, n + 1) for n in sides))]
    good = sum(s <= bound if most else s >= bound for s in sums)
    return str(Fraction(good, len(sums)))


def drawn(setup: str, asked: str) -> str:
    red, blue = numbers(setup)[:2]
    found = re.search(r"exactly (\d+)", asked)
    taken = re.search(r"(\d+) are drawn", asked)
    assert found and taken
    hands = list(itertools.combinations([1] * red + [0] * blue, int(taken[1])))
    return str(Fraction(sum(sum(hand) == int(found[1]) for hand in hands), len(hands)))


def all_divisors(setup: str, asked: str) -> str:
    n = max(numbers(asked))
    low = [d for d in range(1, math.isqrt(n) + 1) if n % d == 0]
    found = set(low) | {n // d for d in low}
    return str(sum(found) if "sum" in asked else len(found))


def counted(setup: str, asked: str) -> str:
    if "up to" in asked:
        top, a, b, c = numbers(asked)
    else:
        _, top, a, b, c = numbers(asked)
    return str(sum((n % a == 0 or n % b == 0) and n % c != 0 for n in range(1, top + 1)))


def rebased(setup: str, asked: str) -> str:
    found = re.search(r"(\d+) from base (\d+) to base (\d+)", asked)
    text, source, target = found.groups() if found else ("", "", "")
    if not found:
        other = re.search(r"base-(\d+) number (\d+) in base (\d+)", asked)
        assert other
        source, text, target = other.groups()
    value, digits = int(text, int(source)), ""
    while value:
        value, digit = divmod(value, int(target))
        digits = str(digit) + digits
    return digits


def area(setup: str, asked: str) -> str:
    ring = [(int(x), int(y)) for x, y in re.findall(r"\((-?\d+), (-?\d+)\)", asked)]
    sides = itertools.pairwise([*ring, ring[0]])
    return f"{abs(sum((x1 - x2) * (y1 + y2) / 2 for (x1, y1), (x2, y2) in sides)):g}"


def path_cost(setup: str, asked: str) -> str:
    around, more, wide, price = numbers(asked)
    short = next(s for s in range(1, around) if 2 * (s + s + more) == around)
    tiles = sum(
        not (wide <= x < wide + short + more and wide <= y < wide + short)
        for x in range(short + more + 2 * wide)
        for y in range(short + 2 * wide)
    )
    return str(tiles * price)


def saved(setup: str, asked: str) -> str:
    start, rate, years, change = (
        re.search(pattern, asked)
        for pattern in (r"(\d+) euros", r"([\d.]+) %", r"(\d+) years", r"(\d+) are (paid|taken)")
    )
    assert start and rate and years and change
    cents, tenths = int(start[1]) * 100, round(float(rate[1]) * 10)
    for _ in range(int(years[1])):
        cents += (cents * tenths * 2 + 1000) // 2000
        cents += int(change[1]) * 100 * (1 if change[2] == "paid" else -1)
    return f"{cents // 100}.{cents % 100:02d}"


def packed(setup: str, asked: str) -> str:
    items = [(int(kg), int(v)) for kg, v in re.findall(r"\((\d+) kg, value (\d+)\)", setup)]
    limit = re.search(r"(?:at most|limit of) (\d+) kg", asked)
    assert limit
    best = [0] * (int(limit[1]) + 1)
    for kg, value in items:
        for room in range(len(best) - 1, kg - 1, -1):
            best[room] = max(best[room], best[room - kg] + value)
    return str(best[-1])


def summed(setup: str, asked: str) -> str:
    if "x1" in asked:
        found = re.search(
            r"number (\d+) .*x1 = (\d+), x2 = (\d+) and .*= (\d+) x.*\+ (\d+) x", asked
        )
        assert found
        n, a, b, p, q = map(int, found.groups())
        for _ in range(n - 1):
            a, b = b, p * b + q * a
        return str(a)
    count, a, b, c, _ = (int(n) for n in re.findall(r"-?\d+", asked))
    terms = [a, b, c]
    while len(terms) < count:
        terms.append(terms[-1] + b - a if c - b == b - a else terms[-1] * b // a)
    return str(sum(terms))


SOLVERS: dict[Callable[[Wording], list[maths_count.Case]], Callable[[str, str], str]] = {
    maths_count.committee: committees,
    maths_count.letters: letter_orders,
    maths_count.draws: drawn,
    maths_count.dice: throws,
    maths_numbers.remainder: remainders,
    maths_numbers.congruences: congruent,
    maths_numbers.divisors: all_divisors,
    maths_numbers.sieve: counted,
    maths_numbers.bases: rebased,
    maths_measure.polygon: area,
    maths_measure.rooms: path_cost,
    maths_series.interest: saved,
    maths_series.packing: packed,
    maths_series.sequence: summed,
}


@pytest.mark.parametrize("kind", SOLVERS, ids=lambda kind: kind.__name__)
def test_brute_force_agrees(kind: Callable[[Wording], list[maths_count.Case]]) -> None:
    solved = 0
    for seed in range(12):
        cases = kind(Wording("brute", seed))
        for case in cases:
            if expected := SOLVERS[kind](cases[0].question, case.question):
                assert case.answer == expected, case.question
                solved += 1
    assert solved >= 5


@pytest.mark.parametrize("seed", range(20))
def test_rates_hold_when_put_back(seed: int) -> None:
    """Kinds without a solver above: the result is put into the words of the question."""
    w = Wording("rates", seed)
    case = maths_measure.meeting(w)[0]
    found = re.search(
        r"at (\d+) km/h\. (\d+) minutes .* at (\d+) km/h.* ([\d/]+) km\.", case.question
    )
    assert found
    va, lead, vb = map(int, found.groups()[:3])
    minutes = numbers(case.answer)[0]
    assert Fraction(va * (lead + minutes) + vb * minutes, 60) == Fraction(found[4])
    case = maths_measure.together(w)[0]
    a, b, alone = (int(n) for n in re.findall(r"(\d+) minutes", case.question)[:3])
    whole = Fraction(case.answer.split()[0])
    assert whole / a + (whole - alone) / b == 1
    case = maths_measure.mixture(w)[0]
    amount, weak, strong, wanted = numbers(case.question)
    x = Fraction(case.answer.split()[0])
    assert (amount * weak + x * strong) / (amount + x) == wanted
    case = maths_measure.tickets(w)[0]
    x1, y1 = numbers(case.answer)
    asked = numbers(case.question)
    assert x1 + y1 in asked
    assert any(p * x1 + q * y1 in asked for p, q in itertools.permutations(asked, 2))


def test_an_answer_near_the_right_one_is_rejected() -> None:
    for seed in range(36):
        made = maths.make(seed)
        replies = [turn.answer for turn in made.reference]
        wrong = [
            re.sub(r"(Answer: \D*)(\d+)", lambda m: f"{m[1]}{int(m[2]) + 1}", reply)
            for reply in replies
        ]
        assert asyncio.run(verify(made, None, _talk(made, replies))).passed
        assert not asyncio.run(verify(made, None, _talk(made, wrong))).passed, made.id


def _talk(made: Task, replies: list[str]) -> list[Message]:
    asked = (made.opening, *made.goals)
    return [
        message
        for question, reply in zip(asked, replies, strict=True)
        for message in (
            Message(role="user", content=question),
            Message(role="assistant", content=reply),
        )
    ]


# --- facts in an answer ---------------------------------------------------------------------------


@given(st.integers(0, 10**9), st.integers(0, 99))
def test_a_number_is_found_however_it_is_written(whole: int, cents: int) -> None:
    value = Decimal(whole * 100 + cents) / 100
    text = f"{value:.2f}"
    pattern = number(text)
    for written in (text, f"{value:,.2f}", f"**{value:,.2f}** EUR", f"({text}),"):
        assert re.search(pattern, f"It is {written}.")
    for other in (f"{value + 1:.2f}", f"1{text}", f"{text}1" if cents % 10 else f"{text}01"):
        assert not re.search(pattern, f"It is {other}.")


@pytest.mark.parametrize("seed", range(40))
def test_an_opening_keeps_every_wish(seed: int) -> None:
    details = ("Keep the order of ROWS.csv.", "Two decimals, please.")
    text = opening(random.Random(seed), context="We sell tea.", ask="Sum it up.", details=details)
    for part in ("Sum it up.", *details):
        assert part[1:] in text


# --- data families, played in the sandbox ---------------------------------------------------------

KINDS = [f"data_csv/{seed}" for seed in range(200, 214)] + [
    f"data_json/{seed}" for seed in range(200, 210)
]


def _seen(text: str) -> set[str]:
    """The numbers of a text, in one spelling each."""
    found = set()
    for part in (text, text.replace(",", " "), re.sub(r"[^\d]", " ", text)):
        for each in re.findall(r"\d[\d,]*\.?\d*", part):
            plain = each.rstrip(".").replace(",", "")
            found.add(plain.rstrip("0").rstrip(".") if "." in plain else plain)
    return found


async def _spoil(made: Task, box: Box) -> str:
    """Changes one cell of the first output a little, as a careless solution would."""
    check = next(check for check in made.verifier if isinstance(check, CommandCheck))
    path = check.command.split()[2]
    text = await box.read(path)
    assert text is not None
    last = list(re.finditer(r"\d+", text))[-1]
    changed = f"{text[: last.start()]}{int(last[0]) + 1}{text[last.end() :]}"
    await box.put({path: changed})
    return path


@pytest.mark.parametrize("name", KINDS)
def test_reported_numbers_were_seen_and_a_spoilt_output_is_noticed(name: str) -> None:
    async def play() -> None:
        made = task(name)
        box = await Bubblewrap(Limits()).open(made.fixture)
        try:
            messages = await play_reference(made, box)
            assert (await verify(made, box, messages)).passed
            path = await _spoil(made, box)
            assert not (await verify(made, box, messages)).passed, path
        finally:
            await box.close()
        seen: set[str] = set()
        for message in messages:
            if message.role == "assistant":
                unseen = {n for n in _seen(message.content) if len(n.replace(".", "")) > 3} - seen
                assert not unseen, message.content
            else:
                seen |= _seen(message.content)

    asyncio.run(play())


@pytest.mark.parametrize("family", [data_csv, data_json], ids=lambda family: family.NAME)
def test_some_references_fail_once_and_recover(family: object) -> None:
    """A slip is an edit that undoes it; a share of the seeds has one, but most have none."""
    slips = 0
    for seed in range(200):
        made = task(f"{family.NAME}/{seed}")  # type: ignore[attr-defined]
        first = made.reference[0].steps
        slips += any(step.tool == "edit_file" for step in first)
    assert 8 <= slips <= 40
