"""A small language of statements: written out as Python, run step by step, and changed by one slip.

What a program prints is worked out here and never by running Python; the tests do that.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

Expr = Any
"""an int, a str in double quotes, or a tuple: ("name", n), (operator, a, b), ("at", list, index),
("len", list), ("list", items), ("call", function, arguments)"""
Stmt = tuple[Any, ...]
"""("set", name, expr), ("aug", name, operator, expr), ("if", test, then, otherwise),
("range", name, first, end, step, body), ("each", name, list, body), ("while", test, body),
("append", list, expr), ("put", list, index, expr), ("def", name, parameters, body),
("return", expr), ("break",), ("continue",), ("print", exprs)"""

STEPS = 4_000
"""statements after which a program counts as endless"""
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_TIGHT = {"+": 1, "-": 1, "*": 2, "//": 2, "%": 2}
_LOOSER = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}


class TooLong(Exception):
    """The program did not end within `STEPS` statements."""


class _Return(Exception):
    def __init__(self, value: Any) -> None:
        self.value = value


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class Run(Struct):
    """What a program did: the lines that it printed, and how often each loop's body began.

    `trace` holds the values of the program's own names at the end of each pass of a loop that
    stands at its left margin.
    """

    printed: list[str]
    passes: int
    trace: list[dict[str, Any]]


class Machine:
    """Runs one program. TooLong: it does not end."""

    def __init__(self) -> None:
        self.run_ = Run([], 0, [])
        self._functions: dict[str, tuple[list[str], list[Stmt]]] = {}
        self._left = STEPS

    def run(self, program: list[Stmt]) -> Run:
        """The whole program, from an empty state."""
        self._block(program, {}, top=True)
        return self.run_

    def _block(self, body: list[Stmt], names: dict[str, Any], *, top: bool = False) -> None:
        for stmt in body:
            self._left -= 1
            if self._left < 0:
                raise TooLong
            self._statement(stmt, names, top=top)

    def _statement(self, stmt: Stmt, names: dict[str, Any], *, top: bool) -> None:
        kind, *rest = stmt
        if kind == "set":
            names[rest[0]] = self.value(rest[1], names)
        elif kind == "aug":
            names[rest[0]] = _OPERATORS[rest[1]](names[rest[0]], self.value(rest[2], names))
        elif kind == "append":
            names[rest[0]].append(self.value(rest[1], names))
        elif kind == "put":
            names[rest[0]][self.value(rest[1], names)] = self.value(rest[2], names)
        elif kind == "if":
            self._block(rest[1] if self.value(rest[0], names) else rest[2], names)
        elif kind == "def":
            self._functions[rest[0]] = (rest[1], rest[2])
        elif kind == "return":
            raise _Return(self.value(rest[0], names))
        elif kind == "break":
            raise _Break
        elif kind == "continue":
            raise _Continue
        elif kind == "print":
            values = (self.value(each, names) for each in rest[0])
            self.run_.printed.append(" ".join(map(str, values)))
        else:
            self._loop(stmt, names, top=top)

    def _loop(self, stmt: Stmt, names: dict[str, Any], *, top: bool) -> None:
        body = stmt[-1]
        for _ in self._turns(stmt, names):
            if top:
                self.run_.passes += 1
            try:
                self._block(body, names)
            except _Continue:
                pass
            except _Break:
                if top:
                    self.run_.trace.append(_copy(names))
                return
            if top:
                self.run_.trace.append(_copy(names))

    def _turns(self, stmt: Stmt, names: dict[str, Any]) -> Iterator[None]:
        if stmt[0] == "while":
            while self.value(stmt[1], names):
                self._left -= 1
                if self._left < 0:
                    raise TooLong
                yield
            return
        if stmt[0] == "range":
            items: Any = range(*(self.value(each, names) for each in stmt[2:5]))
        else:
            items = self.value(stmt[2], names)
        for item in items:
            names[stmt[1]] = item
            yield

    def value(self, expr: Expr, names: dict[str, Any]) -> Any:
        """What the expression is."""
        if not isinstance(expr, tuple):
            return expr
        kind, *rest = expr
        if kind == "name":
            return names[rest[0]]
        if kind == "list":
            return [self.value(each, names) for each in rest[0]]
        if kind == "at":
            return self.value(rest[0], names)[self.value(rest[1], names)]
        if kind == "len":
            return len(self.value(rest[0], names))
        if kind == "call":
            return self._call(rest[0], [self.value(each, names) for each in rest[1]])
        return _OPERATORS[kind](self.value(rest[0], names), self.value(rest[1], names))

    def _call(self, name: str, arguments: list[Any]) -> Any:
        parameters, body = self._functions[name]
        try:
            self._block(body, dict(zip(parameters, arguments, strict=True)))
        except _Return as given:
            return given.value
        return None


def _copy(names: dict[str, Any]) -> dict[str, Any]:
    return {key: list(each) if isinstance(each, list) else each for key, each in names.items()}


def source(program: list[Stmt], indent: int = 0) -> str:
    """The program as Python."""
    pad = "    " * indent
    return "\n".join(line for stmt in program for line in _lines(stmt, pad, indent))


def _lines(stmt: Stmt, pad: str, indent: int) -> list[str]:
    kind, *rest = stmt
    inner = [source(stmt[-1], indent + 1)] if kind in ("range", "each", "while", "def") else []
    if kind == "if":
        lines = [f"{pad}if {written(rest[0])}:", source(rest[1], indent + 1)]
        return [*lines, f"{pad}else:", source(rest[2], indent + 1)] if rest[2] else lines
    if kind == "range":
        first, end, step = (written(each) for each in rest[1:4])
        inside = end if (first, step) == ("0", "1") else f"{first}, {end}"
        inside += "" if step == "1" else f", {step}"
        return [f"{pad}for {rest[0]} in range({inside}):", *inner]
    if kind == "each":
        return [f"{pad}for {rest[0]} in {written(rest[1])}:", *inner]
    if kind == "while":
        return [f"{pad}while {written(rest[0])}:", *inner]
    if kind == "def":
        return ["", f"{pad}def {rest[0]}({', '.join(rest[1])}):", *inner, ""]
    if kind == "print":
        return [f"{pad}print({', '.join(map(written, rest[0]))})"]
    simple: dict[str, Callable[[], str]] = {
        "set": lambda: f"{rest[0]} = {written(rest[1])}",
        "aug": lambda: f"{rest[0]} {rest[1]}= {written(rest[2])}",
        "append": lambda: f"{rest[0]}.append({written(rest[1])})",
        "put": lambda: f"{rest[0]}[{written(rest[1])}] = {written(rest[2])}",
        "return": lambda: f"return {written(rest[0])}",
        "break": lambda: "break",
        "continue": lambda: "continue",
    }
    return [pad + simple[kind]()]


def written(expr: Expr) -> str:
    """The expression as Python."""
    if isinstance(expr, str):
        return f'"{expr}"'
    if not isinstance(expr, tuple):
        return str(expr)
    kind, *rest = expr
    if kind == "name":
        return str(rest[0])
    if kind == "list":
        return f"[{', '.join(map(written, rest[0]))}]"
    if kind == "at":
        return f"{written(rest[0])}[{written(rest[1])}]"
    if kind == "len":
        return f"len({written(rest[0])})"
    if kind == "call":
        return f"{rest[0]}({', '.join(map(written, rest[1]))})"
    return f"{_side(rest[0], kind)} {kind} {_side(rest[1], kind, right=True)}"


def _side(expr: Expr, kind: str, *, right: bool = False) -> str:
    """An operand, in brackets where it would be read otherwise without."""
    text = written(expr)
    if not isinstance(expr, tuple) or expr[0] not in _OPERATORS:
        return text
    own, outer = _TIGHT.get(expr[0], 0), _TIGHT.get(kind, 0)
    return text if own > outer or (own == outer > 0 and not right and own == 1) else f"({text})"


def slips(node: Any) -> Iterator[tuple[str, Any]]:
    """(mistake, program) for every misreading in one place: a bound, a comparison, a rounding."""
    if isinstance(node, tuple) and node:
        if node[0] == "range":
            yield "one pass too many", (*node[:3], ("+", node[3], node[4]), *node[4:])
            yield "one pass too few", (*node[:3], ("-", node[3], node[4]), *node[4:])
        if node[0] in _LOOSER and len(node) == 3:
            yield f"{node[0]} read as {_LOOSER[node[0]]}", (_LOOSER[node[0]], *node[1:])
        if node[0] == "%" and len(node) == 3:
            yield "the quotient taken for the remainder", ("//", *node[1:])
        if node[0] == "continue":
            yield "a continue is overlooked", ("set", "_", 0)
    if isinstance(node, (tuple, list)):
        for at, each in enumerate(node):
            for mistake, changed in slips(each):
                parts = [*node[:at], changed, *node[at + 1 :]]
                yield mistake, tuple(parts) if isinstance(node, tuple) else parts
