"""Writes out how the clues of a puzzle lead to its solution, every step checked on all worlds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from msgspec import Struct

from kappa_data.tasks.material.logic_model import Model, World, everything, joint, masks, members
from kappa_data.tasks.material.phrasing import plural
from kappa_data.tasks.wording import Wording, listed, sentence

_LISTED = 3
"""this many worlds or fewer are named one by one"""
_LISTED_WORDS = 18
_MOST_WORDS = 100


class Pin(Struct, frozen=True):
    """One step: `clues`, with what was pinned before, leave one value for `variable`."""

    clues: tuple[int, ...]
    variable: int
    left: int
    """worlds that agree with these clues and with what was pinned before"""


def pins(model: Model) -> list[Pin]:
    """Pins one variable after the other, each by as few clues as possible."""
    parts = masks(model)
    left = everything(model.worlds)
    known: set[int] = set()
    found = []
    while len(known) < len(model.variables) and left.bit_count() > 1:
        pin = next(_next_pins(model, parts, left, known))
        known.add(pin.variable)
        left = _agreeing(model, left, pin.variable)
        found.append(pin)
    return found


def _next_pins(model: Model, parts: Sequence[int], left: int, known: set[int]) -> Iterator[Pin]:
    for size in range(len(parts) + 1):
        for some in itertools.combinations(range(len(parts)), size):
            rest = joint([parts[i] for i in some], left)
            for variable in range(len(model.variables)):
                if variable not in known and rest & ~_agreeing(model, rest, variable) == 0:
                    yield Pin(some, variable, rest.bit_count())


def _agreeing(model: Model, chosen: int, variable: int) -> int:
    value = model.solution[variable]
    return sum(
        1 << i
        for i, world in enumerate(model.worlds)
        if chosen >> i & 1 and world[variable] == value
    )


def cited(model: Model, numbers: Sequence[int], *, gist: bool = True) -> str:
    """`clue 2 (Ana behind Tom)`, `clues 1 (…) and 4 (…)`."""
    names = [f"{i + 1} ({model.clues[i].gist})" if gist else f"{i + 1}" for i in numbers]
    return f"{model.label}{'s' if len(names) > 1 else ''} {listed(names)}"


def by_pinning(w: Wording, model: Model) -> list[str]:
    """One sentence for each fact, in the order in which they follow."""
    said: list[str] = []
    quoted: set[int] = set()
    turn = w.rng.randrange(len(_LATER))
    for pin in pins(model):
        fact = model.fact(pin.variable, model.solution[pin.variable])
        if not pin.clues:
            said.append(w.say(("That leaves {f}.", "By elimination, {f}."), f=fact))
            continue
        clues = (
            cited(model, pin.clues)
            if not quoted.issuperset(pin.clues)
            else cited(model, pin.clues, gist=False)
        )
        quoted.update(pin.clues)
        if any(model.clues[i].text == f"{sentence(fact)}." for i in pin.clues):
            outright = ("{c} says so outright: {f}.", "Take {c} as it stands: {f}.")
            said.append(sentence(w.say(outright, c=clues, f=fact)))
            continue
        facts = {
            "c": clues,
            "f": fact,
            "n": plural(pin.left, model.noun),
            "leave": "leaves" if len(pin.clues) == 1 else "together leave",
        }
        said.append(
            sentence(
                w.say(_FIRST if not said else _LATER[(turn + len(said)) % len(_LATER)], **facts)
            )
        )
    return said


_FIRST = (
    "{c} {leave} {n}, and in every case {f}.",
    "The way in is {c}, which {leave} {n}; there, without exception, {f}.",
    "Begin with {c}. The count of what remains is {n}, always with one fact in common: {f}.",
)
_LATER = (
    "Given that, {c} {leave} {n}, so {f}.",
    "Next, {c} {leave} only {n}; there {f}.",
    "With this fixed, {c} <forces|gives> the next fact: {f}.",
    "Now {c} {leave} no choice: {f}.",
)


def by_narrowing(w: Wording, model: Model) -> list[str]:
    """Clue by clue, how many worlds are left, in an order that cuts deeply first."""
    parts = dict(enumerate(masks(model)))
    left = everything(model.worlds)
    said = [
        w.say(
            (
                "Before any {l} there are {n}.",
                "Without the {l}s, {n} are conceivable.",
                "{n} have to be sifted.",
            ),
            l=model.label,
            n=plural(left.bit_count(), model.noun),
        )
    ]
    settled = _settled(model, left)
    while left.bit_count() > 1:
        best = min(parts, key=lambda i: ((left & parts[i]).bit_count(), i))
        left &= parts.pop(best)
        now = _settled(model, left)
        said.append(_cut(w, model, best, left, sorted(now - settled)))
        settled = now
    return said


def _cut(w: Wording, model: Model, clue: int, left: int, new: Sequence[int]) -> str:
    named = cited(model, [clue])
    count = left.bit_count()
    if count == 1:
        text = w.say(
            ("{c} decides: {s}.", "{c} leaves a single one: {s}.", "Of these only {s} fits {c}."),
            c=named,
            s=model.show(model.solution),
        )
    elif count <= _LISTED and count * len(model.show(model.solution).split()) <= _LISTED_WORDS:
        shown = " or ".join(f"[{model.show(each)}]" for each in members(model.worlds, left))
        text = w.say(
            ("{c} leaves {n}: {s}.", "With {c} only {n} remain: {s}."), c=named, n=count, s=shown
        )
    else:
        facts = listed([model.fact(v, model.solution[v]) for v in new])
        text = w.say(
            ("{c} <leaves|keeps|cuts this to> {n}", "<Adding|Taking in> {c}, {n} remain"),
            c=named,
            n=count,
        )
        text += w.say((", and now {f}.", "; already {f}."), f=facts) if new else "."
    return sentence(text)


def _settled(model: Model, left: int) -> set[int]:
    worlds: list[World] = members(model.worlds, left)
    return {v for v in range(len(model.variables)) if len({world[v] for world in worlds}) == 1}


def explained(w: Wording, model: Model) -> tuple[str, ...]:
    """The way to the solution, a sentence or two an item: by pinning where that stays short."""
    pinned = by_pinning(w, model)
    narrowed = by_narrowing(w, model)
    short = sum(len(each.split()) for each in pinned) <= _MOST_WORDS
    # Pinning needs two variables at least to be a way and not a verdict.
    return tuple(pinned if short and len(pinned) > 2 and w.chance(0.6) else narrowed)
