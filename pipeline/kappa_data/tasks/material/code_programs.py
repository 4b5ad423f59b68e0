"""Small programs of eight shapes, with the seed's names, numbers, tests and steps in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kappa_data.tasks.material.code_model import Expr, Stmt
from kappa_data.tasks.wording import Wording

Shape = Callable[[Wording], tuple[str, list[Stmt]]]
"""(what it is about, the program); its first statement is a "set" of a number, the input"""

_TOTALS = ("total", "score", "points", "balance", "result", "acc", "weight", "level")
_ITEMS = ("n", "x", "value", "item", "k", "reading", "step", "size")
_LISTS = ("values", "numbers", "readings", "sizes", "queue", "scores", "orders", "marks")
_STARTS = ("start", "base", "limit", "seed", "first", "amount", "budget", "offset")
_FUNCTIONS = ("f", "shrink", "next_value", "change", "fold", "visit", "step_down", "adjust")


def _v(name: str) -> Expr:
    return ("name", name)


def _numbers(w: Wording, low: int = 1, high: int = 20, count: int = 0) -> Expr:
    return ("list", [w.rng.randint(low, high) for _ in range(count or w.rng.randint(5, 8))])


def _test(w: Wording, name: str, high: int = 12) -> Expr:
    kind = w.pick(("even", "third", "above", "below", "ends"))
    if kind == "even":
        return (w.pick(("==", "!=")), ("%", _v(name), 2), w.pick((0, 1)))
    if kind == "third":
        return ("==", ("%", _v(name), w.pick((3, 4, 5))), w.pick((0, 1, 2)))
    if kind == "ends":
        return (">", ("%", _v(name), w.pick((5, 7, 10))), w.pick((1, 2, 3)))
    return (
        w.pick((">", ">=") if kind == "above" else ("<", "<=")),
        _v(name),
        w.rng.randint(3, high),
    )


def _gain(w: Wording, name: str) -> Expr:
    return w.pick(
        (
            _v(name),
            ("+", _v(name), w.rng.randint(1, 5)),
            ("*", _v(name), w.rng.randint(2, 3)),
            ("//", _v(name), 2),
            ("%", _v(name), w.rng.randint(3, 6)),
            w.rng.randint(1, 9),
        )
    )


def totals(w: Wording) -> tuple[str, list[Stmt]]:
    """A sum over a list with a test."""
    total, item, many, start = w.pick(_TOTALS), w.pick(_ITEMS), w.pick(_LISTS), w.pick(_STARTS)
    inner: list[Stmt] = []
    if w.chance(0.4):
        inner.append(("if", _test(w, item), [("continue",)], []))
    inner.append(
        (
            "if",
            _test(w, item),
            [("aug", total, "+", _gain(w, item))],
            [("aug", total, w.pick(("-", "+")), _gain(w, item))] if w.chance(0.7) else [],
        )
    )
    if w.chance(0.4):
        inner.append(("if", (">", _v(total), w.rng.randint(25, 60)), [("break",)], []))
    return (
        "a loop over a list",
        [
            ("set", start, w.rng.randint(1, 20)),
            ("set", many, _numbers(w)),
            ("set", total, _v(start)),
            ("each", item, _v(many), inner),
            ("print", [_v(total)]),
        ],
    )


def counting(w: Wording) -> tuple[str, list[Stmt]]:
    """A range with a step, two variables that depend on each other."""
    a, b = w.some(_TOTALS, 2)
    i, start = w.pick(("i", "j", "n", "k")), w.pick(_STARTS)
    first, step = w.rng.randint(0, 4), w.pick((1, 1, 2, 3))
    end = first + step * w.rng.randint(4, 7) + w.rng.randint(0, step - 1)
    body: list[Stmt] = [
        ("aug", a, "+", w.pick((_v(i), ("*", _v(i), 2), ("+", _v(i), _v(b)), ("-", _v(b), _v(i))))),
        (
            "if",
            _test(w, a, 30),
            [("aug", b, "+", _gain(w, i))],
            [("set", b, w.pick((("-", _v(a), _v(b)), ("//", _v(a), 2), ("%", _v(a), 7))))],
        ),
    ]
    if w.chance(0.5):
        body.reverse()
    return (
        "a counting loop",
        [
            ("set", start, w.rng.randint(1, 15)),
            ("set", a, _v(start)),
            ("set", b, w.rng.randint(0, 9)),
            ("range", i, first, end, step, body),
            ("print", [_v(a), _v(b)]),
        ],
    )


def shrinking(w: Wording) -> tuple[str, list[Stmt]]:
    """A while loop that takes a number down."""
    n, count = w.pick(_STARTS), w.pick(("steps", "rounds", "turns", "count"))
    low = w.rng.randint(1, 6)
    then: list[Stmt] = [("set", n, ("//", _v(n), w.pick((2, 3))))]
    otherwise: list[Stmt] = [("aug", n, "-", w.rng.randint(1, 5))]
    if w.chance(0.5):
        then, otherwise = otherwise, then
    body: list[Stmt] = [("if", _test(w, n, 40), then, otherwise), ("aug", count, "+", 1)]
    other = w.pick(_TOTALS)
    program: list[Stmt] = [("set", n, w.rng.randint(30, 160)), ("set", count, 0)]
    if w.chance(0.6):
        program.append(("set", other, 0))
        body.append(("aug", other, "+", ("%", _v(n), w.rng.randint(3, 9))))
    program.append(("while", (">", _v(n), low), body))
    shown = [_v(n), _v(count), *([_v(other)] if len(program) == 4 else [])]
    return "a while loop", [*program, ("print", shown)]


def building(w: Wording) -> tuple[str, list[Stmt]]:
    """A list that is built from its own last elements."""
    many, i, start = w.pick(_LISTS), w.pick(("i", "j", "k")), w.pick(_STARTS)
    back = w.pick((1, 2))
    value: Expr = (
        w.pick(("+", "-", "+")),
        ("*", ("at", _v(many), -1), w.pick((1, 2))),
        ("at", _v(many), -2),
    )
    body: list[Stmt] = [
        (
            "if",
            _test(w, i, 5),
            [("append", many, value)],
            [("append", many, w.pick((("+", ("at", _v(many), -back), _v(i)), _v(i))))],
        )
    ]
    shown = w.pick(
        (
            [_v(many)],
            [("at", _v(many), -1), ("len", _v(many))],
            [("at", _v(many), w.rng.randint(3, 5))],
        )
    )
    return (
        "a list that grows",
        [
            ("set", start, w.rng.randint(1, 9)),
            ("set", many, ("list", [w.rng.randint(0, 5), _v(start)])),
            ("range", i, 1, w.rng.randint(6, 8), 1, body),
            ("print", shown),
        ],
    )


def swapping(w: Wording) -> tuple[str, list[Stmt]]:
    """One or more passes over a list that swap neighbours, and what the list is then."""
    many, i, start = w.pick(_LISTS), w.pick(("i", "j", "k")), w.pick(("moves", "swaps", "changes"))
    count = w.rng.randint(5, 7)
    here, after = ("at", _v(many), _v(i)), ("at", _v(many), ("+", _v(i), 1))
    body: list[Stmt] = [
        (
            "if",
            (w.pick((">", "<")), here, after),
            [
                ("set", "kept", here),
                ("put", many, _v(i), after),
                ("put", many, ("+", _v(i), 1), ("name", "kept")),
                ("aug", start, "+", w.pick((1, 1, 2))),
            ],
            [],
        )
    ]
    loop: Stmt = ("range", i, 0, count - 1, 1, body)
    return (
        "swapping neighbours",
        [
            ("set", start, w.pick((0, 0, 10))),
            ("set", many, _numbers(w, 1, 30, count)),
            *([loop] * w.pick((1, 1, 2))),
            (
                "print",
                [_v(many), _v(start)] if w.chance(0.7) else [("at", _v(many), -1), _v(start)],
            ),
        ],
    )


def recursive(w: Wording) -> tuple[str, list[Stmt]]:
    """A function that calls itself."""
    f, n, start = w.pick(_FUNCTIONS), w.pick(("n", "m", "x", "k")), w.pick(_STARTS)
    less = w.pick((1, 2, 3))
    again: Expr = ("call", f, [("-", _v(n), less)])
    half: Expr = ("call", f, [("//", _v(n), 2)])
    body: list[Stmt] = [
        ("if", ("<=", _v(n), w.rng.randint(0, 2)), [("return", w.rng.randint(1, 5))], []),
        ("if", _test(w, n, 9), [("return", (w.pick(("+", "*")), half, w.pick((1, 2, 3))))], []),
        ("return", (w.pick(("+", "-", "+")), again, w.pick((_v(n), 2, 3, ("%", _v(n), 4))))),
    ]
    return (
        "a function that calls itself",
        [
            ("set", start, w.rng.randint(11, 40)),
            ("def", f, [n], body),
            ("print", [("call", f, [_v(start)])]),
        ],
    )


def nested(w: Wording) -> tuple[str, list[Stmt]]:
    """Two loops, the inner one bounded by the outer."""
    total, start = w.pick(_TOTALS), w.pick(_STARTS)
    i, j = w.pick((("i", "j"), ("row", "col"), ("a", "b"), ("x", "y")))
    inner: list[Stmt] = [
        (
            "if",
            w.pick(
                (
                    ("==", ("%", ("+", _v(i), _v(j)), w.pick((2, 3))), w.pick((0, 1))),
                    ("<", ("*", _v(i), _v(j)), w.rng.randint(4, 9)),
                    (">", ("-", _v(i), _v(j)), w.pick((0, 1))),
                )
            ),
            [("aug", total, "+", w.pick((_v(i), _v(j), ("*", _v(i), _v(j)), 1)))],
            [("aug", total, "-", w.pick((1, 2, _v(j))))] if w.chance(0.4) else [],
        )
    ]
    end = w.pick((_v(i), ("+", _v(i), 1), w.rng.randint(3, 4)))
    return (
        "a loop in a loop",
        [
            ("set", start, w.rng.randint(0, 12)),
            ("set", total, _v(start)),
            ("range", i, w.pick((0, 1)), w.rng.randint(4, 6), 1, [("range", j, 0, end, 1, inner)]),
            ("print", [_v(total)]),
        ],
    )


def aliased(w: Wording) -> tuple[str, list[Stmt]]:
    """Two names for one list, and one that is another list of the same numbers."""
    one, other, third = w.some(_LISTS, 3)
    start, item = w.pick(_STARTS), w.pick(_ITEMS)
    numbers: Any = _numbers(w, 1, 9, w.rng.randint(3, 4))
    at = w.rng.randrange(3)
    changes: list[Stmt] = [
        ("append", other, ("+", _v(start), w.rng.randint(1, 5))),
        ("put", one, at, ("*", ("at", _v(third), at), w.rng.randint(2, 4))),
        ("append", third, ("len", _v(one))),
        ("put", third, 0, ("at", _v(other), -1)),
    ]
    w.rng.shuffle(changes)
    total = w.pick(_TOTALS)
    return (
        "two names for one list",
        [
            ("set", start, w.rng.randint(1, 20)),
            ("set", one, numbers),
            ("set", other, _v(one)),
            ("set", third, ("list", list(numbers[1]))),
            *changes[: w.pick((3, 4))],
            ("set", total, 0),
            (
                "each",
                item,
                _v(w.pick((one, other))),
                [
                    (
                        "if",
                        _test(w, item, 8),
                        [("aug", total, "+", _v(item))],
                        [("aug", total, "-", 1)],
                    )
                ],
            ),
            ("print", [_v(total), ("len", _v(one)), ("len", _v(third))]),
        ],
    )


SHAPES: tuple[Shape, ...] = (
    totals,
    counting,
    shrinking,
    building,
    swapping,
    recursive,
    nested,
    aliased,
)
