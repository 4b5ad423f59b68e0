"""Puzzles about what is true: liars, culprits, things that are on or off, odd coins."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence

from kappa_data.tasks.material.logic_explain import explained
from kappa_data.tasks.material.logic_model import Clue, Model, World, choose, clue
from kappa_data.tasks.material.logic_puzzle_parts import FollowUp, Puzzle
from kappa_data.tasks.material.logic_words import (
    CRIMES,
    ISLES,
    ODD_THINGS,
    PEOPLE,
    SWITCHES,
    Isle,
    Switches,
)
from kappa_data.tasks.wording import Wording, listed, sentence

_NUMBERS = ("none", "exactly one", "exactly two", "exactly three", "exactly four", "all")


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def liars(w: Wording) -> Puzzle:
    """Three to five speakers, each of whom always tells the truth (1) or always lies (0)."""
    isle = w.pick(ISLES)
    size = w.pick((3, 4, 4, 5))
    names = tuple(sorted(w.some(PEOPLE, size)))
    worlds = tuple(itertools.product((0, 1), repeat=size))
    secret = w.pick([world for world in worlds if 0 < sum(world) < size])
    said = list(_statements(isle, names))
    model = Model(
        worlds=worlds,
        clues=choose(w, worlds, secret, said, _register(isle, names), spare=w.chance(0.3)),
        solution=secret,
        variables=names,
        fact=lambda v, kind: f"{names[v]} is {_a(isle.true if kind else isle.false)}",
        show=lambda x: ", ".join(
            f"{a} {isle.true if x[i] else isle.false}" for i, a in enumerate(names)
        ),
        noun="assignment",
        label="statement",
    )
    return Puzzle(
        context=isle.context.format(n=size, names=listed(names)),
        ask=f"Who is {_a(isle.true)} and who is {_a(isle.false)}?",
        clues=tuple(each.text for each in model.clues),
        form=f"`Answer:` and each name in alphabetical order with {isle.true} or {isle.false} "
        "after it, separated by commas",
        explanation=explained(w, model),
        answer=model.show(secret),
        thoughts=f"{size} speakers with two possibilities each: {len(worlds)} cases.",
        model=model,
    )


def _be(n: int) -> str:
    return "is" if n == 1 else "are"


def _some(noun: str, n: int) -> str:
    return _a(noun) if n == 1 else f"{noun}s"


def _register(isle: Isle, names: Sequence[str]) -> list[Clue]:
    return [
        clue(
            "register",
            f"A reliable register lists {a} as {_a(isle.true if kind else isle.false)}.",
            f"{a} {isle.true if kind else isle.false} by the register",
            lambda x, i, kind: x[i] == kind,
            i,
            kind,
        )
        for i, a in enumerate(names)
        for kind in (0, 1)
    ]


def _statements(isle: Isle, names: Sequence[str]) -> Iterator[Clue]:
    """Statements that a speaker can make; the kind names the speaker, so that all get to speak."""
    size = len(names)
    honest, lying = _a(isle.true), _a(isle.false)
    for i in range(size):
        says = functools.partial(_says, names, i)
        others = [j for j in range(size) if j != i]
        for j in others:
            b = names[j]
            yield says(f"{b} is {honest}", lambda x, j: x[j] == 1, j)
            yield says(f"{b} is {lying}", lambda x, j: x[j] == 0, j)
            yield says(f"{b} and I are of the same kind", lambda x, i, j: x[i] == x[j], i, j)
            yield says(
                f"at least one of {b} and me is {lying}", lambda x, i, j: x[i] + x[j] < 2, i, j
            )
        for j, k in itertools.permutations(others, 2):
            b, c = names[j], names[k]
            yield says(
                f"if {b} is {honest}, then {c} is {lying}", lambda x, j, k: x[j] + x[k] < 2, j, k
            )
            if j < k:
                yield says(
                    f"{b} and {c} are of different kinds", lambda x, j, k: x[j] != x[k], j, k
                )
        for n in range(1, size):
            yield says(
                f"{_NUMBERS[n]} of us {_be(n)} {_some(isle.true, n)}", lambda x, n: sum(x) == n, n
            )


def _says(
    names: Sequence[str], i: int, words: str, test: Callable[..., bool], *numbers: int
) -> Clue:
    return Clue(
        names[i],
        f'{names[i]} says: "{sentence(words)}."',
        f'{names[i]}: "{words}"',
        lambda x: (x[i] == 1) == test(x, *numbers),
    )


def switches(w: Wording) -> Puzzle:
    """Four or five things that are each on (1) or off (0): a truth table in plain words."""
    scene = w.pick(SWITCHES)
    size = w.pick((4, 5, 5))
    names = tuple(sorted(w.some(scene.names, size)))
    worlds = tuple(itertools.product((0, 1), repeat=size))
    secret = w.pick([world for world in worlds if 2 <= sum(world) < size])

    def say(i: int, value: int) -> str:
        return f"{names[i]} {scene.on if value else scene.off}"

    direct = [
        clue("is", f"{say(i, v)}.", say(i, v), lambda x, i, v: x[i] == v, i, v)
        for i in range(size)
        for v in (0, 1)
    ]
    model = Model(
        worlds=worlds,
        clues=choose(
            w, worlds, secret, list(_rules(scene, names, say)), direct, spare=w.chance(0.4)
        ),
        solution=secret,
        variables=names,
        fact=say,
        show=lambda x: ", ".join(a for i, a in enumerate(names) if x[i]) or "none",
        noun=scene.noun,
        label="condition",
    )
    return Puzzle(
        context=scene.context.format(n=size, names=listed(names)),
        ask=scene.ask,
        clues=tuple(each.text for each in model.clues),
        form="`Answer:` and only those names, in alphabetical order, separated by commas",
        explanation=explained(w, model),
        answer=model.show(secret),
        thoughts=f"{size} yes-or-no variables, a truth table of {len(worlds)} rows.",
        model=model,
    )


def _rules(scene: Switches, names: Sequence[str], say: Callable[[int, int], str]) -> Iterator[Clue]:
    size = len(names)
    for i, j in itertools.permutations(range(size), 2):
        a, b = names[i], names[j]
        for v in (0, 1):
            yield clue(
                f"if {v}",
                f"If {say(i, 1)}, then {say(j, v)}.",
                f"if {say(i, 1)}, {say(j, v)}",
                lambda x, i, j, v: not x[i] or x[j] == v,
                i,
                j,
                v,
            )
        if i < j:
            yield clue(
                "one",
                f"Exactly one of {a} and {b} {scene.on}.",
                f"exactly one of {a} and {b}",
                lambda x, i, j: x[i] != x[j],
                i,
                j,
            )
            yield clue(
                "iff",
                f"{say(i, 1)} if and only if {say(j, 1)}.",
                f"{a} exactly when {b}",
                lambda x, i, j: x[i] == x[j],
                i,
                j,
            )
            yield clue(
                "some",
                f"At least one of {a} and {b} {scene.on}.",
                f"{a} or {b} at least",
                lambda x, i, j: bool(x[i] or x[j]),
                i,
                j,
            )
    for i, j, k in itertools.combinations(range(size), 3):
        three = listed([names[i], names[j], names[k]])
        for n, number, verb in ((1, "one", scene.on), (2, "two", scene.on_many)):
            yield clue(
                "of three",
                f"Exactly {number} of {three} {verb}.",
                f"{number} of {three}",
                lambda x, i, j, k, n: x[i] + x[j] + x[k] == n,
                i,
                j,
                k,
                n,
            )


def weighing(w: Wording) -> Puzzle:
    """One of several things is heavier or lighter than the rest; the weighings are done already.

    World: (number of the odd one, 1 if it is heavier, else 0).
    """
    many, one = w.pick(ODD_THINGS)
    size = w.pick((6, 7, 8, 9))
    labels = "ABCDEFGHI"[:size] if w.chance(0.6) else "PQRSTUVWX"[:size]
    worlds = tuple(itertools.product(range(size), (0, 1)))
    secret = w.pick(worlds)
    pans = []
    for _ in range(40):
        count = w.pick((1, 2, 3, size // 2))
        some = w.some(labels, 2 * count)
        pans.append((sorted(some[:count]), sorted(some[count:])))
    soft = [_weighed(labels, left, right, secret) for left, right in pans]
    direct = [_weighed(labels, [a], [b], secret) for a, b in itertools.combinations(labels, 2)]

    def fact(variable: int, value: int) -> str:
        if variable == 0:
            return f"the odd {one} is {labels[value]}"
        return f"the odd {one} is {'heavier' if value else 'lighter'}"

    model = Model(
        worlds=worlds,
        clues=choose(w, worlds, secret, soft, direct, spare=w.chance(0.3)),
        solution=secret,
        variables=("which", "how"),
        fact=fact,
        show=lambda x: f"{labels[x[0]]} {'heavier' if x[1] else 'lighter'}",
        noun="case",
        label="weighing",
    )
    return Puzzle(
        context=f"Of {size} {many}, marked {listed(labels)}, exactly one differs in weight from "
        "the others, which all weigh the same; it may be heavier or lighter.",
        ask=f"Which {one} is it, and is it heavier or lighter?",
        clues=tuple(each.text for each in model.clues),
        form="`Answer:` and its letter, then heavier or lighter",
        explanation=explained(w, model),
        answer=model.show(secret),
        thoughts=f"{size} candidates, each heavier or lighter: {len(worlds)} cases.",
        model=model,
    )


def _tilt(labels: str, left: Sequence[str], right: Sequence[str], world: World) -> int:
    odd, sign = labels[world[0]], 1 if world[1] else -1
    return sign * ((odd in left) - (odd in right))


def _weighed(labels: str, left: Sequence[str], right: Sequence[str], secret: World) -> Clue:
    result = _tilt(labels, left, right, secret)
    end = {0: "the scales balance", 1: "the left pan sinks", -1: "the right pan sinks"}[result]
    pans = f"{''.join(left)} against {''.join(right)}"
    return Clue(
        "balance" if result == 0 else "tilt",
        f"With {listed(left)} on the left and {listed(right)} on the right, {end}.",
        f"{pans}, {end}",
        lambda x: _tilt(labels, left, right, x) == result,
    )


def culprit(w: Wording) -> Puzzle:
    """One of four to six did it, and of their statements a known number is true."""
    crime = w.pick(CRIMES)
    while True:
        size = w.pick((4, 4, 5, 5, 6))
        names = tuple(sorted(w.some(PEOPLE, size)))
        said = [_testimony(w, names, i) for i in range(size)]
        counts = [sum(culprits(x) for _, culprits in said) for x in range(size)]
        single = [n for n in range(1, size) if counts.count(n) == 1]
        if single and len({text for text, _ in said}) == size:
            break
    true = w.pick(single)
    guilty = counts.index(true)
    explanation = [
        w.say(
            (
                "Test each suspect and count the true statements.",
                "Only the number of true statements matters, so take the suspects in turn.",
                "Assume each person's guilt once and count who would be telling the truth.",
            )
        )
    ]
    for x in w.some(range(size), size):
        right = [names[i] for i, (_, holds) in enumerate(said) if holds(x)]
        verdict = "which is what we need" if len(right) == true else f"not {_word(true)}"
        who = f"{listed(right)} would speak the truth" if right else "nobody would speak the truth"
        explanation.append(f"If {names[x]} {crime.deed}, {who}: {_word(len(right))}, {verdict}.")
    other = w.pick([n for n in range(size + 1) if n != true])
    fitting = [names[x] for x in range(size) if counts[x] == other]
    false = [i for i, (_, holds) in enumerate(said) if not holds(guilty)]
    lies = listed([f'{names[i]} ("{said[i][0]}")' for i in false])
    return Puzzle(
        context=crime.context.format(names=listed(names)),
        ask=f"Who {crime.deed}?",
        clues=(
            *(f'{a} says: "{text}"' for a, (text, _) in zip(names, said, strict=True)),
            f"Exactly {_word(true)} of these {_word(size)} statements {_be(true)} true.",
        ),
        form="`Answer:` and the name",
        explanation=tuple(explanation),
        answer=names[guilty],
        thoughts=f"{size} suspects, {true} true: count the true statements in each case.",
        own_follow_ups=(
            FollowUp(
                f"Suppose exactly {_word(other)} of the statements were true instead. How many of "
                "the suspects could have done it then? Last line: `Answer:` and the number.",
                "Take each suspect as the one who did it and count who would then be right. "
                "The numbers of true statements are "
                f"{listed([f'{a} {counts[x]}' for x, a in enumerate(names)])}. A count of {other} "
                f"occurs {len(fitting)} times"
                + (f", for {listed(fitting)}." if fitting else ", so nobody fits."),
                str(len(fitting)),
            ),
            FollowUp(
                "And who lied? Last line: `Answer:` and their names in alphabetical order, "
                "separated by commas.",
                f"With {names[guilty]} as the one who {crime.deed}, the false statements are those "
                f"of {lies}. The other {_word(true)} {_be(true)} true, as required.",
                ", ".join(names[i] for i in false),
            ),
        ),
    )


def _word(n: int) -> str:
    return ("none", "one", "two", "three", "four", "five", "six")[n]


def _testimony(w: Wording, names: Sequence[str], i: int) -> tuple[str, Callable[[int], bool]]:
    """What person `i` says about the culprit's number."""
    others = [j for j in range(len(names)) if j != i]
    j, k = sorted(w.some(others, 2))
    return w.pick(
        (
            (f"It was {names[j]}.", lambda x: x == j),
            (f"It was not {names[j]}.", lambda x: x != j),
            (f"It was {names[j]} or {names[k]}.", lambda x: x in (j, k)),
            (f"It was neither {names[j]} nor {names[k]}.", lambda x: x not in (j, k)),
            ("It was not me.", lambda x: x != i),
        )
    )
