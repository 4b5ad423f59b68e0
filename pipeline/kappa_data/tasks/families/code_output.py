"""What a small program prints, how often its loop runs, and which input gives a wanted output."""

from __future__ import annotations

import re
from typing import Any

from kappa_data.records import Task
from kappa_data.tasks.material.code_model import Machine, Run, Stmt, TooLong, slips, source
from kappa_data.tasks.material.code_programs import SHAPES
from kappa_data.tasks.material.code_talk import ask
from kappa_data.tasks.material.long_asking import LABELS
from kappa_data.tasks.material.long_talk import Turn, told
from kappa_data.tasks.material.phrasing import number
from kappa_data.tasks.wording import Wording, listed

NAME = "code_output"
GROUP = "reasoning"
TOOLS: tuple[str, ...] = ()
PROGRAMS: tuple[str, ...] = ()
SEEDS = 800
"""eight shapes of program, each with other tests, steps and bounds for every seed"""

_PASSES = (3, 24)
_TRIES = 200


def make(seed: int) -> Task:
    """The task of `seed`: a program that ends, does something, and is easily misread."""
    w = Wording(NAME, seed)
    shape = SHAPES[seed % len(SHAPES)]
    for _ in range(_TRIES):
        about, program = shape(w)
        run = outcome(program)
        if run is None or not _fair(program, run):
            continue
        wrong = _misread(program, run)
        if len(wrong) >= 2:
            break
    else:
        raise ValueError(f"{NAME}/{seed}: no fair program in {_TRIES}")
    first = _prints(w, program, run, wrong)
    more = [_changed(w, program, run), _sought(w, program)]
    if run.passes and program[-2][0] in ("each", "range", "while"):
        more.append(_passes(run))
    kept = [each for each in more if each is not None]
    later = w.some(kept, min(len(kept), w.pick((0, 1, 1, 2, 3))))
    label = w.pick(LABELS)
    opening = ask(w, about, source(program), first, label)
    return told(w, name=NAME, seed=seed, label=label, opening=opening, turns=[first, *later])


def outcome(program: list[Stmt]) -> Run | None:
    """What the program does; None where it fails or does not end."""
    try:
        return Machine().run(program)
    except (TooLong, IndexError, ZeroDivisionError, RecursionError):
        return None


def _fair(program: list[Stmt], run: Run) -> bool:
    least, most = _PASSES
    if run.passes and not least <= run.passes <= most:
        return False
    shown = [int(each) for each in re.findall(r"-?\d+", run.printed[-1])]
    return all(abs(each) < 5_000 for each in shown)


def _misread(program: list[Stmt], run: Run) -> list[tuple[str, str]]:
    """(mistake, output) of the program read wrongly in one place, where the output differs."""
    found: dict[str, str] = {}
    for mistake, changed in slips(program):
        other = outcome(changed)
        if other is not None and other.printed != run.printed and other.printed:
            found.setdefault(other.printed[-1], mistake)
    return [(mistake, printed) for printed, mistake in found.items()][:3]


def spelled(printed: str) -> str:
    """A pattern for a printed line of numbers: what stands between them is free, and nothing may
    follow."""
    parts = [
        number(each) if each.startswith("-") else rf"(?<![-\u2212]){number(each)}"
        for each in re.findall(r"-?\d+", printed)
    ]
    return r"[^\n\d-]{0,8}".join(parts) + r"(?![^\n]{0,20}\d)"


def _trace(run: Run) -> str:
    """The state after each pass, without what never changes."""
    if not run.trace:
        return ""
    names = [
        name
        for name in run.trace[-1]
        if len({str(state.get(name)) for state in run.trace}) > 1 and name not in ("kept", "_")
    ]
    rows = []
    for at, state in enumerate(run.trace, start=1):
        shown = ", ".join(f"{name} = {state[name]}" for name in names if name in state)
        rows.append(f"pass {at}: {shown}")
    return "; ".join(rows)


def _lists(run: Run) -> str:
    """What the lists are when the loop begins, where there are several."""
    state = run.trace[0] if run.trace else {}
    lists = {name: each for name, each in state.items() if isinstance(each, list)}
    if len(lists) < 2:
        return ""
    told = [f"{name} is {each}" for name, each in lists.items()]
    return f"when the loop begins, {listed(told)}; "


def _first_line(program: list[Stmt]) -> str:
    return source([program[0]])


def _prints(w: Wording, program: list[Stmt], run: Run, wrong: list[tuple[str, str]]) -> Turn:
    printed = run.printed[-1]
    steps = _lists(run) + (_trace(run) or _calls(program))
    if w.chance(0.5) and run.trace:
        body = "\n".join(f"- {row}" for row in steps.split("; "))
        start = _first_line(program)
        text = f"From {start} on, after each pass:\n\n{body}\n\nThen {printed} is printed."
    else:
        text = w.pick(
            (
                f"It begins with {_first_line(program)}. Step by step: {steps}. So the print shows"
                f" {printed}.",
                f"Going through it by hand, with {_first_line(program)}: {steps}. What is"
                f" printed at"
                f" the end is {printed}.",
                f"{steps[:1].upper()}{steps[1:]}. With that the last line of the program prints"
                f" {printed}; the start was {_first_line(program)}.",
            )
        )
    return Turn(
        ask=w.pick(
            (
                "What does this print?",
                "What is the output?",
                "What does the last line of the program print?",
                "Which output does it give? Please work it out without running it.",
            )
        ),
        what="what is printed",
        value=printed,
        pattern=spelled(printed),
        text=text,
        thought=f"Simulate. {_first_line(program)}. {steps}. Printed: {printed}.",
        wrong=tuple((mistake, each, _exact(each)) for mistake, each in wrong),
    )


def _exact(printed: str) -> str:
    return spelled(printed) + r"[^\n\w]*+$"


def _calls(program: list[Stmt]) -> str:
    """The values of a function that calls itself, from the smallest argument on."""
    function = program[1]
    start = program[0][2]
    seen: list[str] = []
    wanted, done = [start], set()
    while wanted:
        n = wanted.pop()
        if n in done:
            continue
        done.add(n)
        run = outcome([("set", program[0][1], n), *program[1:]])
        if run is not None:
            seen.append(f"{function[1]}({n}) = {run.printed[-1]}")
            wanted += _asked(function, n)
    return "; ".join(reversed(seen))


def _asked(function: Stmt, n: int) -> list[int]:
    """The arguments with which the function calls itself for `n`."""
    asked: list[int] = []

    class Listening(Machine):
        def _call(self, name: str, arguments: list[Any]) -> Any:
            asked.append(arguments[0])
            return super()._call(name, arguments) if len(asked) == 1 else 1

    Listening().run([function, ("print", [("call", function[1], [n])])])
    return asked[1:]


def _changed(w: Wording, program: list[Stmt], run: Run) -> Turn | None:
    """The same with another number in the first line."""
    _, name, old = program[0]
    for _ in range(20):
        new = old + w.pick((-3, -2, -1, 1, 2, 3, 4, 5))
        changed: list[Stmt] = [("set", name, new), *program[1:]]
        other = outcome(changed)
        if new >= 0 and other and other.printed != run.printed and _fair(changed, other):
            printed = other.printed[-1]
            steps = _trace(other) or _calls(changed)
            return Turn(
                ask=f"And what if the first line were {name} = {new}?",
                what="what is printed",
                value=printed,
                pattern=spelled(printed),
                text=f"With {name} = {new} instead of {old} it goes like this: {steps}. It prints"
                f" {printed} then, and not {run.printed[-1]}.",
                thought=f"Again from the start with {name} = {new}. {steps}. Printed: {printed}.",
                wrong=(("the old output", run.printed[-1], _exact(run.printed[-1])),),
            )
    return None


def _sought(w: Wording, program: list[Stmt]) -> Turn | None:
    """Which input gives an output that only one of some gives."""
    _, name, old = program[0]
    outputs: dict[int, str] = {}
    for n in range(max(0, old - 6), old + 7):
        other = outcome([("set", name, n), *program[1:]])
        if other is not None:
            outputs[n] = other.printed[-1]
    once = [
        n for n, each in outputs.items() if list(outputs.values()).count(each) == 1 and n != old
    ]
    if len(once) < 2:
        return None
    n, other_n = w.some(once, 2)
    low, high = min(outputs), max(outputs)
    near = "; ".join(f"{each} gives {outputs[each]}" for each in outputs)
    return Turn(
        ask=f"Which whole number from {low} to {high} does the first line have to give {name}, so"
        f" that {outputs[n]} is printed?",
        what=f"the number for {name}",
        value=str(n),
        pattern=number(n),
        text=f"Trying all of them, {near}. Only {name} = {n} leads to {outputs[n]}.",
        thought=f"Run through every value from {low} to {high}: {near}. So {n}.",
        wrong=(("another input", str(other_n), number(other_n)),),
    )


def _passes(run: Run) -> Turn:
    count = run.passes
    return Turn(
        ask="How often does the body of the outermost loop begin?",
        what="the number",
        value=str(count),
        pattern=number(count),
        text=f"The body begins {count} times. It was for the last time that it began when the state"
        f" became {_trace(run).rpartition(': ')[2]}; after that the loop is over.",
        thought=f"Count the passes in the trace: {_trace(run)}. That is {count}.",
        wrong=(
            ("one too many", str(count + 1), number(count + 1)),
            ("one too few", str(count - 1), number(count - 1)),
        ),
    )
