"""Wrong attempts that fit many tasks: a result damaged as careless work damages it, a figure
misread by one, an answer that names nothing."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

import msgspec

from kappa_data.records import Attempt, ReferenceStep
from kappa_data.tasks.mistakes import Turns, replaced
from kappa_data.tasks.steps import bash

VAGUE = (
    "I went through the files and everything looks plausible. Nothing needs your attention, and"
    " the details are in the workspace."
)


def then_also(mistake: str, turns: Turns, *steps: ReferenceStep) -> Attempt:
    """The reference, after which `steps` spoil the end state; their reasoning is the mistake."""
    last = msgspec.structs.replace(turns[-1], steps=(*turns[-1].steps, *steps))
    return Attempt(mistake, (*turns[:-1], last))


def vague(turns: Turns, said: str = VAGUE) -> Attempt:
    """The work is done, and no answer says what came out."""
    quiet = tuple(msgspec.structs.replace(turn, answer=said) for turn in turns)
    return Attempt("does the work and tells no figure or name", quiet)


def off_by_one(value: str, names: Sequence[str] = ()) -> str:
    """`value` with its last number one higher; without a number another one of `names`.

    ValueError where it has no number and no other name is given.
    """
    found = list(re.finditer(r"\d+", value))
    if found:
        last = found[-1]
        return f"{value[: last.start()]}{int(last[0]) + 1:0{len(last[0])}}{value[last.end() :]}"
    bare = value.lstrip("/")
    others = [name for name in names if name != bare]
    if not others:
        raise ValueError(f"no other value for {value!r}")
    return value.replace(bare, others[len(bare) % len(others)])


def misread(turns: Turns, facts: Mapping[str, str], names: Sequence[str]) -> list[Attempt]:
    """For each fact an attempt that has it slightly wrong wherever it is said or written."""
    return [
        replaced(f"misreads {name.replace('_', ' ')}", turns, (value, off_by_one(value, names)))
        for name, value in facts.items()
    ]


def last_record_lost(path: str) -> ReferenceStep:
    """Drops the last row of a CSV or text file, or the last entry of a JSON or JSON lines file."""
    if not path.endswith(".json"):
        return bash(f"sed -i '$d' {shlex.quote(path)}", "The last line looks like a remnant.")
    code = (
        "import json\n"
        f"value = json.load(open({path!r}))\n"
        "value.pop() if isinstance(value, list) else value.popitem()\n"
        f"json.dump(value, open({path!r}, 'w'))"
    )
    return bash(f"python3 -c {shlex.quote(code)}", "The last entry looks like a remnant.")


def wrapped(path: str) -> ReferenceStep:
    """Gives a file a frame that nobody asked for: an object around JSON, a second header on top."""
    if path.endswith(".json"):
        code = (
            "import json\n"
            f"value = json.load(open({path!r}))\n"
            f"json.dump({{'result': value, 'ok': True}}, open({path!r}, 'w'))"
        )
        return bash(f"python3 -c {shlex.quote(code)}", "Wrap the result, so that it has a status.")
    title = '{"note":"generated"}' if path.endswith(".jsonl") else "Generated result"
    return bash(f"sed -i '1i {title}' {shlex.quote(path)}", "A title helps whoever opens it.")


def overwritten(source: str, target: str) -> ReferenceStep:
    """Puts the result where the input was."""
    return bash(f"cp {shlex.quote(target)} {shlex.quote(source)}", "Keep only the result.")
