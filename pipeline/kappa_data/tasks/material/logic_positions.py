"""Puzzles about places: things in a row, meetings in a timetable, people and their traits."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from kappa_data.tasks.material.logic_explain import explained
from kappa_data.tasks.material.logic_model import Clue, Model, World, choose, clue
from kappa_data.tasks.material.logic_puzzle_parts import Puzzle
from kappa_data.tasks.material.logic_words import (
    LINES,
    ORDINALS,
    PEOPLE,
    TIMETABLES,
    TRAITS,
    Line,
    Timetable,
    Trait,
)
from kappa_data.tasks.wording import Wording, listed

_COUNTS = ("No", "One", "Two", "Three", "Four", "Five", "Six")


def ordering(w: Wording) -> Puzzle:
    """Four to six things in a row."""
    line = w.pick(LINES)
    size = w.pick((4, 5, 5, 6))
    names = tuple(w.some(line.names, size))
    worlds = tuple(itertools.permutations(range(size)))
    secret = w.pick(worlds)
    soft = list(_line_clues(w, line, names))
    direct = [
        clue("at", f"{a} is {ORDINALS[p]}", f"{a} {ORDINALS[p]}", lambda x, i, p: x[i] == p, i, p)
        for i, a in enumerate(names)
        for p in range(size)
    ]
    if w.chance(0.5):
        soft += w.some(direct, size)

    def show(world: World) -> str:
        return ", ".join(names[world.index(place)] for place in range(size))

    model = Model(
        worlds=worlds,
        clues=choose(w, worlds, secret, soft, direct, spare=w.chance(0.4)),
        solution=secret,
        variables=names,
        fact=lambda v, place: f"{names[v]} is {ORDINALS[place]}",
        show=show,
        noun=line.noun,
    )
    return Puzzle(
        context=line.context.format(n=_COUNTS[size], names=listed(sorted(names))),
        ask=line.ask,
        clues=tuple(each.text for each in model.clues),
        form="`Answer:` and the names in order, first to last, separated by commas",
        explanation=explained(w, model),
        answer=show(secret),
        thoughts=f"{size} things in a row, so {len(worlds)} arrangements.",
        model=model,
    )


def _line_clues(w: Wording, line: Line, names: tuple[str, ...]) -> Iterator[Clue]:
    verb, before = line.verb, line.before
    for i, j in itertools.permutations(range(len(names)), 2):
        a, b = names[i], names[j]
        yield clue(
            "before",
            f"{a} {verb} somewhere {before} {b}",
            f"{a} {before} {b}",
            lambda x, i, j: x[i] < x[j],
            i,
            j,
        )
        yield clue(
            "next",
            f"{a} {verb} directly {before} {b}",
            f"{a} directly {before} {b}",
            lambda x, i, j: x[i] + 1 == x[j],
            i,
            j,
        )
        if i < j:
            yield clue(
                "gap",
                f"exactly one place lies between {a} and {b}",
                f"one place between {a} and {b}",
                lambda x, i, j: abs(x[i] - x[j]) == 2,
                i,
                j,
            )
            yield clue(
                "apart",
                f"{a} and {b} are not next to each other",
                f"{a} and {b} not neighbours",
                lambda x, i, j: abs(x[i] - x[j]) != 1,
                i,
                j,
            )
    for i, j, k in itertools.permutations(range(len(names)), 3):
        if i < k:
            yield clue(
                "between",
                f"{names[j]} is somewhere between {names[i]} and {names[k]}",
                f"{names[j]} between {names[i]} and {names[k]}",
                lambda x, i, j, k: min(x[i], x[k]) < x[j] < max(x[i], x[k]),
                i,
                j,
                k,
            )
    for i, a in enumerate(names):
        p, q = sorted(w.some(range(len(names)), 2))
        yield clue(
            "not at",
            f"{a} is neither {ORDINALS[p]} nor {ORDINALS[q]}",
            f"{a} not {ORDINALS[p]} or {ORDINALS[q]}",
            lambda x, i, p, q: x[i] not in (p, q),
            i,
            p,
            q,
        )
        yield clue(
            "either",
            f"{a} is {ORDINALS[p]} or {ORDINALS[q]}",
            f"{a} {ORDINALS[p]} or {ORDINALS[q]}",
            lambda x, i, p, q: x[i] in (p, q),
            i,
            p,
            q,
        )


def schedule(w: Wording) -> Puzzle:
    """Four or five things in the six cells of three rows and two columns."""
    table = w.pick(TIMETABLES)
    size = w.pick((4, 5, 5))
    names = tuple(w.some(table.names, size))
    cells = [f"{row} {column}" for row in table.rows for column in table.columns]
    worlds = tuple(itertools.permutations(range(len(cells)), size))
    secret = w.pick(worlds)
    direct = [
        clue("at", f"{a} has {cells[c]}", f"{a} has {cells[c]}", lambda x, i, c: x[i] == c, i, c)
        for i, a in enumerate(names)
        for c in range(len(cells))
    ]
    order = sorted(range(size), key=lambda i: names[i])

    def show(world: World) -> str:
        return ", ".join(f"{names[i]} {cells[world[i]]}" for i in order)

    model = Model(
        worlds=worlds,
        clues=choose(
            w, worlds, secret, list(_table_clues(table, names)), direct, spare=w.chance(0.3)
        ),
        solution=secret,
        variables=names,
        fact=lambda v, cell: f"{names[v]} has {cells[cell]}",
        show=show,
        noun="timetable",
    )
    a = names[order[0]]
    return Puzzle(
        context=table.context.format(
            n=_COUNTS[size],
            names=listed(sorted(names)),
            c0=table.columns[0],
            c1=table.columns[1],
            rows=listed(table.rows),
        ),
        ask=table.ask,
        clues=tuple(each.text for each in model.clues),
        form=f"`Answer:` and all of them in alphabetical order, as in `{a} {cells[0]}, …`",
        explanation=explained(w, model),
        answer=show(secret),
        thoughts=f"{size} entries for {len(cells)} cells give {len(worlds)} timetables.",
        model=model,
    )


def _table_clues(table: Timetable, names: tuple[str, ...]) -> Iterator[Clue]:
    """A cell's number is 2 * row + column."""
    for i, j in itertools.permutations(range(len(names)), 2):
        a, b = names[i], names[j]
        yield clue(
            "earlier",
            f"{a} comes earlier than {b}",
            f"{a} earlier than {b}",
            lambda x, i, j: x[i] // 2 < x[j] // 2,
            i,
            j,
        )
        yield clue(
            "follows",
            f"{b} is one slot after {a}, both in {table.columns[0]} or both in {table.columns[1]}",
            f"{b} one slot after {a}, not split",
            lambda x, i, j: x[j] == x[i] + 2,
            i,
            j,
        )
        if i < j:
            yield clue(
                "together",
                f"{a} and {b} take place at the same time",
                f"{a} and {b} at the same time",
                lambda x, i, j: x[i] // 2 == x[j] // 2,
                i,
                j,
            )
            yield clue(
                "columns",
                f"of {a} and {b}, one goes to {table.columns[0]} and the other to "
                f"{table.columns[1]}",
                f"{a} and {b} split over {listed(table.columns)}",
                lambda x, i, j: x[i] % 2 != x[j] % 2,
                i,
                j,
            )
    for i, a in enumerate(names):
        for c, column in enumerate(table.columns):
            yield clue(
                "column",
                f"{a} goes to {column}",
                f"{a} in {column}",
                lambda x, i, c: x[i] % 2 == c,
                i,
                c,
            )
        for r, row in enumerate(table.rows):
            yield clue(
                "not row",
                f"{a} is not in the {row} slot",
                f"{a} not {row}",
                lambda x, i, r: x[i] // 2 != r,
                i,
                r,
            )


def grid(w: Wording) -> Puzzle:
    """Four people with two traits, or three with three; a small relative of the zebra puzzle."""
    size, width = w.pick(((4, 2), (4, 2), (3, 3)))
    names = tuple(sorted(w.some(PEOPLE, size)))
    traits = tuple(w.some(TRAITS, width))
    values = tuple(tuple(sorted(w.some(trait.values, size))) for trait in traits)
    columns = itertools.product(itertools.permutations(range(size)), repeat=width)
    # World: variable p * width + t is the value of trait t of person p.
    worlds = tuple(tuple(column[p] for p in range(size) for column in each) for each in columns)
    secret = w.pick(worlds)
    direct = [
        clue(
            "has",
            f"{a} {trait.is_} {value}",
            f"{a} {value}",
            lambda x, v, k: x[v] == k,
            p * width + t,
            k,
        )
        for p, a in enumerate(names)
        for t, trait in enumerate(traits)
        for k, value in enumerate(values[t])
    ]

    def show(world: World) -> str:
        rows = (
            " ".join((a, *(values[t][world[p * width + t]] for t in range(width))))
            for p, a in enumerate(names)
        )
        return ", ".join(rows)

    soft = [*_grid_clues(names, traits, values), *w.some(direct, size)]
    model = Model(
        worlds=worlds,
        clues=choose(w, worlds, secret, soft, direct, spare=w.chance(0.3), most=3),
        solution=secret,
        variables=tuple(f"{a} {trait.label}" for a in names for trait in traits),
        fact=lambda v, k: f"{names[v // width]} {traits[v % width].is_} {values[v % width][k]}",
        show=show,
        noun="assignment",
    )
    labels = [trait.label for trait in traits]
    listing = "; ".join(
        f"{label}: {listed(each)}" for label, each in zip(labels, values, strict=True)
    )
    return Puzzle(
        context=f"{listed(names)} differ in {listed(labels)}, each value belonging to exactly one "
        f"of them ({listing}).",
        ask="Who has what?",
        clues=tuple(each.text for each in model.clues),
        form=f"`Answer:` and the people in alphabetical order, each as name, {', '.join(labels)} "
        "with only spaces between, people separated by commas",
        explanation=explained(w, model),
        answer=show(secret),
        thoughts=f"{size} people and {width} traits: {len(worlds)} assignments.",
        model=model,
    )


def _grid_clues(
    names: tuple[str, ...], traits: tuple[Trait, ...], values: tuple[tuple[str, ...], ...]
) -> Iterator[Clue]:
    width = len(traits)
    people = range(len(names))

    def linked(x: World, t: int, k: int, u: int, m: int) -> bool:
        return any(x[p * width + t] == k and x[p * width + u] == m for p in people)

    for t, u in itertools.permutations(range(width), 2):
        one, two = traits[t], traits[u]
        for k, m in itertools.product(people, repeat=2):
            first, second = values[t][k], values[u][m]
            yield clue(
                "link",
                f"whoever {one.is_} {first} also {two.is_} {second}",
                f"{first} goes with {second}",
                linked,
                *(t, k, u, m),
            )
            yield clue(
                "no link",
                f"whoever {one.is_} {first} {two.is_not} {second}",
                f"{first} not with {second}",
                lambda x, t, k, u, m: not linked(x, t, k, u, m),
                *(t, k, u, m),
            )
    for p, q in itertools.permutations(people, 2):
        t, u = 0, 1
        for k, m in itertools.product(people, repeat=2):
            yield clue(
                "split",
                f"of {names[p]} and {names[q]}, one {traits[t].is_} {values[t][k]} and the other "
                f"{traits[u].is_} {values[u][m]}",
                f"{names[p]} and {names[q]} split {values[t][k]} and {values[u][m]}",
                lambda x, p, q, k, m: (
                    (x[p * width] == k and x[q * width + 1] == m)
                    or (x[q * width] == k and x[p * width + 1] == m)
                ),
                *(p, q, k, m),
            )
    for p, t in itertools.product(people, range(width)):
        for k, m in itertools.combinations(people, 2):
            yield clue(
                "neither",
                f"{names[p]} {traits[t].is_not} {values[t][k]} or {values[t][m]}",
                f"{names[p]} neither {values[t][k]} nor {values[t][m]}",
                lambda x, v, k, m: x[v] not in (k, m),
                p * width + t,
                k,
                m,
            )
