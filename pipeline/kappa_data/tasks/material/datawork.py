"""Makes a Task of a data operation: the steps of an analyst, the follow-ups, the checks."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any, Literal

from msgspec import Struct

from kappa_data.records import (
    AnswerCheck,
    Check,
    CommandCheck,
    FileCheck,
    ReferenceStep,
    ReferenceTurn,
    Task,
)
from kappa_data.tasks.material.near_misses import (
    last_record_lost,
    overwritten,
    then_also,
    vague,
    wrapped,
)
from kappa_data.tasks.material.phrasing import opening
from kappa_data.tasks.material.tables import SAME, csv_text
from kappa_data.tasks.mistakes import only_said
from kappa_data.tasks.steps import bash, edit, read, write
from kappa_data.tasks.wording import Wording, listed, withholding


class Output(Struct, frozen=True):
    """What a file must hold at the end: rows of a CSV (header first), a JSON value, or a text."""

    value: Any
    ordered: bool = True


class View(Struct, frozen=True):
    """The first output as labelled numbers, for questions about it."""

    path: str
    kind: Literal["csv", "json"]
    labels: tuple[str, ...]
    measure: str
    points: tuple[tuple[tuple[str, ...], Decimal], ...]
    additive: bool = True
    """whether a total over all points means something"""


class Naive(Struct, frozen=True):
    """A first attempt that fails on the data, why it is tried and what its failure shows."""

    command: str
    reasoning: str
    lesson: str


class Work(Struct, frozen=True, kw_only=True):
    """One data operation on one fixture. `script` writes every file of `outputs`."""

    files: dict[str, str]
    context: str
    ask: str
    details: tuple[str, ...]
    sources: tuple[str, ...]
    script: str
    outputs: dict[str, Output]
    answer: str
    facts: tuple[str, ...]
    plan: str
    check: str
    """a command that looks at the result in another way than the script"""
    naive: Naive | None = None
    view: View | None = None
    fresh: tuple[str, Output] | None = None
    """another input of the one source and its output, for a script that is to be reused"""


class FollowUp(Struct, frozen=True):
    """A later wish: the message, how it is done, and what it adds to the verifier."""

    goal: str
    answer: str
    reasoning: str
    steps: tuple[ReferenceStep, ...]
    outputs: dict[str, Output] = {}
    facts: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()


def heredoc(code: str) -> str:
    """A bash command that runs Python code."""
    return f"python3 - <<'EOF'\n{code.strip()}\nEOF"


def output_check(path: str, output: Output) -> CommandCheck:
    """Compares the file at `path` with the expected output, which nobody saw before."""
    hidden = f".check/{path.replace('/', '_')}"
    files = {".check/same.py": SAME, hidden: expected_text(path, output)}
    order = "" if output.ordered else " any-order"
    return CommandCheck(command=f"python3 .check/same.py {path} {hidden}{order}", files=files)


def expected_text(path: str, output: Output) -> str:
    """The output as the text of a file whose kind the ending of `path` names."""
    if path.endswith(".csv"):
        return csv_text(output.value)
    if path.endswith(".jsonl"):
        return "".join(json.dumps(item) + "\n" for item in output.value)
    if not path.endswith(".json"):
        return f"{output.value}\n"
    return json.dumps(output.value, indent=1) + "\n"


def assemble(
    w: Wording,
    family: str,
    seed: int,
    work: Work,
    script_name: str,
    follow_ups: Sequence[FollowUp],
    tools: tuple[str, ...],
) -> Task:
    """The task: opening and goals, every output and fact in the verifier, one turn each."""
    steps = (*_look(w, work), *_solve(w, work, script_name))
    turns = [ReferenceTurn(answer=work.answer, steps=steps, reasoning=_close(w, work))]
    outputs, facts, extra = dict(work.outputs), list(work.facts), list[Check]()
    for follow in follow_ups:
        turns.append(
            ReferenceTurn(answer=follow.answer, steps=follow.steps, reasoning=follow.reasoning)
        )
        outputs |= follow.outputs
        facts += follow.facts
        extra += follow.checks
    checks: list[Check] = [output_check(path, output) for path, output in outputs.items()]
    kept = [
        FileCheck(path=path, content=text)
        for path, text in work.files.items()
        if not text.startswith("\ufeff")
    ]
    answer = AnswerCheck(turn=None, required=tuple(facts))
    asked = opening(w.rng, context=work.context, ask=work.ask, details=work.details)
    target = next(iter(work.outputs))
    changed = (
        then_also("overwrites the input", tuple(turns), overwritten(check.path, target))
        for check in kept[:1]
    )
    return Task(
        id=f"{family}/{seed}",
        family=family,
        seed=seed,
        opening=asked,
        goals=tuple(follow.goal for follow in follow_ups),
        fixture=work.files,
        tools=tools,
        verifier=(*checks, *kept, *extra, answer),
        reference=tuple(turns),
        withheld=withholding(asked, target, "a new file", f"It should be called {target}."),
        wrong=(
            only_said(tuple(turns)),
            then_also("loses the last record", tuple(turns), last_record_lost(target)),
            then_also("adds a frame to the result", tuple(turns), wrapped(target)),
            vague(tuple(turns)),
            *changed,
        ),
    )


def _look(w: Wording, work: Work) -> list[ReferenceStep]:
    """Looks at each source before anything is decided; now and then a wrong name first."""
    steps: list[ReferenceStep] = []
    first, *others = work.sources
    if w.chance(0.08):
        ending = PurePosixPath(first).suffix
        guess = f"{w.pick(('input', 'data', 'raw'))}{ending}" if "/" in first else f"data/{first}"
        why = "I start with {path}, <the most likely place|where such files usually are>."
        steps.append(read(guess, w.say(why, path=guess)))
        steps.append(
            bash(
                "find . -type f -not -path '*/.*' | sort",
                f"There is no {guess}; I list the workspace instead of guessing again.",
            )
        )
    kind = w.say("<columns and separator|header and the first records|layout of the data>")
    why = w.say(
        [
            "Before writing code I check the {kind} of {paths}.",
            "First a look at {paths}, <at the|and at the> {kind}, before I decide how to read it.",
            "I need the {kind} of {paths} before anything else.",
        ],
        kind=kind,
        paths=listed(work.sources),
    )
    short = len(work.files[first].splitlines()) < 30
    peek = (
        "head -c 700 {0}; echo; wc -c {0}"
        if first.endswith(".json")
        else w.pick(
            ("head -n 6 {0} && wc -l {0}", "wc -l {0}; sed -n 1,8p {0}", "ls -l {0} && head -5 {0}")
        )
    )
    steps.append(read(first, why) if short and w.chance(0.6) else bash(peek.format(first), why))
    steps.extend(bash(f"head -n 8 {other} && wc -l {other}") for other in others)
    return steps


def _solve(w: Wording, work: Work, name: str) -> list[ReferenceStep]:
    """Writes the script, runs it and checks its result in another way."""
    steps: list[ReferenceStep] = []
    plan = work.plan
    if work.naive is not None and w.chance(0.25):
        steps.append(bash(work.naive.command, work.naive.reasoning))
        plan = f"{work.naive.lesson} {plan}"
    run = w.say(f"<Run it.|Now I run {name}.|I run the script and read what it reports.>")
    if w.chance(0.09):
        steps += _slip(w, work, name, plan, run)
    else:
        steps += [write(name, work.script, plan), bash(f"python3 {name}", run)]
    target = next(iter(work.outputs))
    why = w.say(
        [
            "The script ran; I check {target} by other means than the script itself.",
            "Now an independent look at {target}.",
            "Before I report figures I compare {target} with the raw input.",
        ],
        target=target,
    )
    steps.append(bash(work.check, why))
    return steps


def _slip(w: Wording, work: Work, name: str, plan: str, run: str) -> list[ReferenceStep]:
    """The script with one mistake, its failure, and the edit that mends it."""
    right = f'SOURCE = "{work.sources[0]}"'
    wrong = right.replace(work.sources[0], f"input/{work.sources[0].split('/')[-1]}")
    lesson = f"No such file: SOURCE has to be {work.sources[0]}."
    once = [
        key for key in re.findall(r'row\["(\w+)"\]', work.script) if work.script.count(key) == 1
    ]
    if once and w.chance(0.7):
        key = w.pick(once)
        right, wrong = (
            f'row["{key}"]',
            f'row["{key.rstrip("s") if key.endswith("s") else key + "s"}"]',
        )
        lesson = f"The KeyError is plain: the name in the data is {key}."
    return [
        write(name, work.script.replace(right, wrong), plan),
        bash(f"python3 {name}", run),
        read(name, f"{lesson} I reread {name} before I change it."),
        edit(
            name, wrong, right, w.say("<One place is affected|Only this one spot needs the edit>.")
        ),
        bash(f"python3 {name}", w.say("<Again, after the fix|The corrected script, once more>.")),
    ]


def _close(w: Wording, work: Work) -> str:
    return w.say(
        [
            "The result in {target} agrees with the check; I report the figures and the decisions.",
            "{target} holds what was asked for. I name the numbers that matter and the odd cases.",
            "All consistent. The summary needs the counts and what was done with special cases.",
        ],
        target=listed(list(work.outputs)),
    )
