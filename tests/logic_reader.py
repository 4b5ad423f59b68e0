"""Reads a logic puzzle out of its opening message and tries all candidates, for the tests.

Nothing of the family's code is used: the clues are understood from their English text alone.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth"]
AMOUNTS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5}
Case = dict[str, Any]
Table = dict[str, list[bool]]
"""the `Answer:` text of each candidate -> which clues it satisfies"""


def clues_of(opening: str) -> list[str]:
    return re.findall(r"^\d+\. (.*)$", opening, re.M)


def names_of(opening: str) -> list[str]:
    head = opening.partition("\n\n1. ")[0]
    found = re.search(r"((?:[A-Z]\w*, )+[A-Z]\w* and [A-Z]\w*)", head)
    assert found, opening
    return re.split(r", | and ", found[1])


def read(kind: str, opening: str) -> Table:
    """Every candidate with the truth of every clue."""
    clues = clues_of(opening)
    cases, true = READERS[kind](opening)
    return {answer: [true(clue, case) for clue in clues] for answer, case in cases.items()}


def solutions(table: Table, without: int | None = None) -> list[str]:
    return [
        answer
        for answer, truth in table.items()
        if all(value for i, value in enumerate(truth) if i != without)
    ]


Reader = tuple[dict[str, Case], Callable[[str, Case], bool]]


def ordering(opening: str) -> Reader:
    names = names_of(opening)
    cases = {
        ", ".join(row): {name: place for place, name in enumerate(row)}
        for row in itertools.permutations(names)
    }

    def true(clue: str, at: Case) -> bool:
        words = [word for word in re.findall(r"\w+", clue) if word in at]
        places = [ORDINALS.index(word) for word in re.findall(r"\w+", clue) if word in ORDINALS]
        spots = [at[word] for word in words]
        if " somewhere between " in clue:
            return sorted(spots)[1] == spots[0]
        if " somewhere " in clue:
            return spots[0] < spots[1]
        if " directly " in clue:
            return spots[1] - spots[0] == 1
        if clue.startswith("Exactly one place lies between"):
            return abs(spots[1] - spots[0]) == 2
        if "are not next to each other" in clue:
            return abs(spots[1] - spots[0]) > 1
        if " neither " in clue:
            return not set(spots) & set(places)
        assert re.fullmatch(r"\w+ is \w+( or \w+)?\.", clue), clue
        return bool(set(spots) & set(places))

    return cases, true


def schedule(opening: str) -> Reader:
    names = sorted(names_of(opening))
    rows = next(
        rows
        for rows in (
            ["9:00", "11:00", "14:00"],
            ["Monday", "Tuesday", "Wednesday"],
            ["Early", "Noon", "Late"],
        )
        if all(row in opening for row in rows)
    )
    columns = next(
        pair
        for pair in (["Oak", "Elm"], ["North", "South"], ["East", "West"])
        if f"{pair[0]} and {pair[1]}" in opening
    )
    cases = {}
    for chosen in itertools.product(itertools.product(rows, columns), repeat=len(names)):
        if len(set(chosen)) == len(names):
            text = ", ".join(
                f"{name} {row} {column}" for name, (row, column) in zip(names, chosen, strict=True)
            )
            cases[text] = dict(zip(names, chosen, strict=True))

    def true(clue: str, at: Case) -> bool:
        who = [word for word in re.findall(r"\w+", clue) if word in at]
        when = [rows.index(at[name][0]) for name in who]
        where = [at[name][1] for name in who]
        named = [each for each in (*rows, *columns) if each in clue]
        if "comes earlier than" in clue:
            return when[0] < when[1]
        if "is one slot after" in clue:
            return when[0] - when[1] == 1 and where[0] == where[1]
        if "at the same time" in clue:
            return when[0] == when[1]
        if "and the other to" in clue:
            return where[0] != where[1]
        if " is not in the " in clue:
            return at[who[0]][0] != named[0]
        if " goes to " in clue:
            return where[0] == named[0]
        assert " has " in clue, clue
        return set(named) == set(at[who[0]])

    return cases, true


def grid(opening: str) -> Reader:
    names = sorted(names_of(opening))
    listing = re.search(r"\(([^()]*:[^()]*)\)", opening)
    assert listing
    values = [re.split(r", | and ", part.partition(": ")[2]) for part in listing[1].split("; ")]
    cases = {}
    for rows in itertools.product(*(itertools.permutations(each) for each in values)):
        own = dict(zip(names, zip(*rows, strict=True), strict=True))
        cases[", ".join(f"{name} {' '.join(own[name])}" for name in names)] = own
    every = {value for each in values for value in each}

    def true(clue: str, has: Case) -> bool:
        words = re.findall(r"\w+", clue)
        who = [word for word in words if word in has]
        what = [word for word in words if word in every]
        if clue.startswith("Whoever"):
            joined = any(set(what) <= set(own) for own in has.values())
            return joined != ("not" in words)
        if clue.startswith("Of "):
            return any(what[0] in has[a] and what[1] in has[b] for a, b in (who, reversed(who)))
        if "not" in words:
            return not set(what) & set(has[who[0]])
        return what[0] in has[who[0]]

    return cases, true


def liars(opening: str) -> Reader:
    names = sorted(names_of(opening))
    good, bad = next(
        pair
        for pair in (("knight", "knave"), ("keeper", "glitcher"), ("owl", "fox"))
        if pair[0] in opening
    )
    cases = {}
    for kinds in itertools.product((good, bad), repeat=len(names)):
        text = ", ".join(f"{name} {kind}" for name, kind in zip(names, kinds, strict=True))
        cases[text] = dict(zip(names, kinds, strict=True))

    def plain(words: str, is_: Case) -> bool:
        who = [is_[word] for word in re.findall(r"\w+", words) if word in is_]
        if found := re.match(r"exactly (\w+) of us", words):
            return list(is_.values()).count(good) == AMOUNTS[found[1]]
        if "of the same kind" in words:
            return who[0] == who[1]
        if "of different kinds" in words:
            return who[0] != who[1]
        if words.startswith("at least one"):
            return bad in who
        if words.startswith("if "):
            return who[0] == bad or who[1] == bad
        found = re.fullmatch(r"\w+ is an? (\w+)", words)
        assert found, words
        return who[0] == found[1]

    def true(clue: str, is_: Case) -> bool:
        if found := re.fullmatch(r"A reliable register lists (\w+) as an? (\w+)\.", clue):
            return is_[found[1]] == found[2]
        found = re.fullmatch(r'(\w+) says: "(.*)\."', clue)
        assert found, clue
        speaker, words = found[1], found[2][0].lower() + found[2][1:]
        for name in is_:
            if found[2].startswith(name):
                words = found[2]
        words = re.sub(r"\b(?:I|me)\b", speaker, words)
        return plain(words, is_) == (is_[speaker] == good)

    return cases, true


def switches(opening: str) -> Reader:
    names = sorted(names_of(opening))
    cases = {}
    for size in range(len(names) + 1):
        for chosen in itertools.combinations(names, size):
            cases[", ".join(chosen) or "none"] = {name: name in chosen for name in names}
    off = ("stays away", "is shut", "is left out", "is in port")

    def says(part: str, on: Case) -> bool:
        name = next(word for word in re.findall(r"\w+", part) if word in on)
        return on[name] != any(each in part for each in off)

    def true(clue: str, on: Case) -> bool:
        count = sum(on[word] for word in re.findall(r"\w+", clue) if word in on)
        if found := re.match(r"Exactly (\w+) of ", clue):
            return count == AMOUNTS[found[1]]
        if clue.startswith("At least one"):
            return count > 0
        if " if and only if " in clue:
            return count != 1
        if clue.startswith("If "):
            first, _, second = clue.partition(", then ")
            return not says(first, on) or says(second, on)
        return says(clue, on)

    return cases, true


def weighing(opening: str) -> Reader:
    marks = names_of(opening)
    cases = {
        f"{mark} {how}": dict.fromkeys(marks, 0) | {mark: weight}
        for mark in marks
        for how, weight in (("heavier", 1), ("lighter", -1))
    }

    def true(clue: str, weight: Case) -> bool:
        found = re.fullmatch(r"With (.*) on the left and (.*) on the right, (.*)\.", clue)
        assert found, clue
        left, right = (
            sum(weight[mark] for mark in re.split(r", | and ", pan)) for pan in found.groups()[:2]
        )
        seen = (
            "the scales balance"
            if left == right
            else f"the {'left' if left > right else 'right'} pan sinks"
        )
        return seen == found[3]

    return cases, true


def culprit(opening: str) -> Reader:
    names = names_of(opening)
    said = {}
    for clue in clues_of(opening)[:-1]:
        found = re.fullmatch(r'(\w+) says: "It was (.*)\."', clue)
        assert found, clue
        said[found[1]] = found[2]
    cases: dict[str, Case] = {}
    for guilty in names:
        right = []
        for speaker, words in said.items():
            meant = {speaker if word == "me" else word for word in re.findall(r"\w+", words)}
            if (guilty in meant) != words.startswith(("not", "neither")):
                right.append(speaker)
        cases[guilty] = {"right": right}

    def true(clue: str, case: Case) -> bool:
        if " says: " in clue:
            return True
        found = re.match(r"Exactly (\w+) of these", clue)
        assert found, clue
        return len(case["right"]) == AMOUNTS[found[1]]

    return cases, true


READERS: dict[str, Callable[[str], Reader]] = {
    "ordering": ordering,
    "schedule": schedule,
    "grid": grid,
    "liars": liars,
    "switches": switches,
    "weighing": weighing,
    "culprit": culprit,
}
