"""A puzzle as a finite set of worlds and clues about them, solved by looking at every world.

Sets of worlds are bit masks: bit i stands for the i-th world, so that clues combine by `&` and
solutions are counted by `bit_count`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from kappa_data.tasks.wording import Wording, sentence

World = tuple[int, ...]
"""the value of each variable, by the variable's number"""


class Clue(Struct, frozen=True):
    """Something that is known to hold."""

    kind: str
    """clues of one kind stay few in a puzzle"""
    text: str
    """as the puzzle states it: a whole sentence"""
    gist: str
    """the same in a few words, for a solution to quote"""
    holds: Callable[[World], bool]


class Model(Struct, frozen=True):
    """A puzzle's worlds, its clues and the words to speak of them."""

    worlds: tuple[World, ...]
    clues: tuple[Clue, ...]
    solution: World
    """the only world in which every clue holds"""
    variables: tuple[str, ...]
    fact: Callable[[int, int], str]
    """variable and value -> a clause such as "Mira finished third" """
    show: Callable[[World], str]
    """a whole world, in the form that the `Answer:` line has"""
    noun: str
    """what a world is called: order, seating, assignment"""
    label: str = "clue"


def clue(kind: str, text: str, gist: str, test: Callable[..., bool], *numbers: int) -> Clue:
    """A clue that holds where `test(world, *numbers)` does; `text` is a sentence without its stop
    or with it."""
    whole = sentence(text) if text.endswith((".", '"')) else f"{sentence(text)}."
    return Clue(kind, whole, gist, lambda world: test(world, *numbers))


def mask(worlds: Sequence[World], clue: Clue) -> int:
    """The worlds in which `clue` holds."""
    return sum(1 << i for i, world in enumerate(worlds) if clue.holds(world))


def masks(model: Model) -> tuple[int, ...]:
    """The worlds of each clue, in the clues' order."""
    return tuple(mask(model.worlds, clue) for clue in model.clues)


def everything(worlds: Sequence[World]) -> int:
    """The mask of all worlds."""
    return (1 << len(worlds)) - 1


def joint(parts: Sequence[int], start: int) -> int:
    """The worlds of `start` that are in all of `parts`."""
    for part in parts:
        start &= part
    return start


def members(worlds: Sequence[World], chosen: int) -> list[World]:
    """The worlds of a mask, in their order."""
    return [world for i, world in enumerate(worlds) if chosen >> i & 1]


def removable(parts: Sequence[int], start: int) -> list[int]:
    """Numbers, from 0, of the clues without which the solution is still the only one."""
    return [
        i for i in range(len(parts)) if joint([*parts[:i], *parts[i + 1 :]], start).bit_count() == 1
    ]


def choose(
    w: Wording,
    worlds: Sequence[World],
    secret: World,
    soft: Sequence[Clue],
    direct: Sequence[Clue],
    *,
    spare: bool,
    most: int = 2,
) -> tuple[Clue, ...]:
    """Clues that hold in `secret` and in no other world, in random order.

    None can be spared, except exactly one of them where `spare` asks for it and the clues allow it.
    At most `most` of a kind are taken from `soft`; `direct` clues fill up, and must be able to
    single out every world by themselves.
    """
    pool = [clue for clue in soft if clue.holds(secret)]
    w.rng.shuffle(pool)
    last = [clue for clue in direct if clue.holds(secret)]
    w.rng.shuffle(last)
    start = everything(worlds)
    chosen: list[tuple[Clue, int]] = []
    left = start
    for clue in (*pool, *last):
        if left.bit_count() == 1:
            break
        same = sum(each.kind == clue.kind for each, _ in chosen)
        part = mask(worlds, clue)
        if left & part != left and (same < most or clue in last):
            chosen.append((clue, part))
            left &= part
    if left.bit_count() != 1:
        raise ValueError("the direct clues do not single out every world")
    for pair in reversed(tuple(chosen)):
        rest = [part for each, part in chosen if each is not pair[0]]
        if joint(rest, start).bit_count() == 1:
            chosen.remove(pair)
    if spare:
        _add_spare(chosen, pool, worlds)
    w.rng.shuffle(chosen)
    return tuple(clue for clue, _ in chosen)


def _add_spare(
    chosen: list[tuple[Clue, int]], pool: Sequence[Clue], worlds: Sequence[World]
) -> None:
    """Adds the first clue that leaves itself, and no other, as one too many."""
    start = everything(worlds)
    taken = {clue.text for clue, _ in chosen}
    for clue in pool:
        if clue.text in taken:
            continue
        parts = [*(part for _, part in chosen), mask(worlds, clue)]
        if removable(parts, start) == [len(chosen)] and parts[-1] != start:
            chosen.append((clue, parts[-1]))
            return
