"""What the log scenarios share: the form of a case, names, clocks, wishes that fit them all."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta

from msgspec import Struct

from kappa_data.records import AnswerCheck, CommandCheck, ReferenceStep, ReferenceTurn
from kappa_data.tasks.material.code_goals import Goal
from kappa_data.tasks.steps import bash, write
from kappa_data.tasks.wording import Wording, listed

SERVICES = [
    "checkout",
    "catalog",
    "billing",
    "search",
    "mailer",
    "tickets",
    "parcels",
    "uploads",
    "reports",
    "booking",
    "pricing",
    "profiles",
    "returns",
    "vouchers",
    "invoices",
    "loyalty",
]
HOSTS = [
    "alder",
    "birch",
    "cedar",
    "maple",
    "rowan",
    "hazel",
    "aspen",
    "linden",
    "juniper",
    "walnut",
    "larch",
    "poplar",
]
USERS = [
    "amira",
    "bjorn",
    "chloe",
    "dmitri",
    "esther",
    "farid",
    "greta",
    "hiro",
    "ines",
    "jonas",
    "kemal",
    "lotte",
    "marek",
    "nadia",
]


class Case(Struct, frozen=True):
    """One incident: its logs, what is asked, how it is found out, what is true."""

    files: dict[str, str]
    main: str
    """the log that matters most"""
    story: str
    """the situation, as a sentence"""
    question: str
    steps: tuple[ReferenceStep, ...]
    answer: str
    facts: dict[str, str]
    """what the answer has to say; short names -> values"""
    more: tuple[Goal, ...] = ()
    """wishes that fit this incident alone"""
    also: tuple[str, ...] = ()
    """more values that the answer has to say"""


def start(w: Wording) -> datetime:
    """Some morning of the last years."""
    day = datetime(2024, 1, 1) + timedelta(days=w.rng.randrange(900))
    return day + timedelta(hours=w.rng.randrange(1, 12), minutes=w.rng.randrange(60))


def ordered(lines: list[tuple[datetime, str]]) -> str:
    """The lines by time, one text."""
    return "".join(f"{line}\n" for _, line in sorted(lines, key=lambda pair: pair[0]))


def stamp(at: datetime) -> str:
    """2025-03-02 07:15:09."""
    return at.strftime("%Y-%m-%d %H:%M:%S")


def fact(value: str) -> str:
    """A pattern for one value; numbers may carry a thousands separator, as 12,345."""
    if re.fullmatch(r"\d{4,}", value):
        grouped = f"{int(value):,}"
        return rf"(?<![\d.,])(?:{value}|{grouped})(?!\d)"
    return rf"(?<![\w.]){re.escape(value)}(?![\w])"


def said(case: Case) -> AnswerCheck:
    """Everything that the case's answer has to hold."""
    return AnswerCheck(turn=None, required=tuple(map(fact, (*case.facts.values(), *case.also))))


def ask_span(w: Wording, case: Case) -> Goal:
    """From when to when does the main log reach?"""
    times = re.findall(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?", case.files[case.main])
    first, last = times[0], times[-1]
    lines = case.files[case.main].count("\n")
    facts = {"log": case.main, "first": first, "last": last, "lines": lines}
    ask = w.say(
        (
            "<And what|What> period does {log} cover? First and last time stamp, please, and the "
            "number of lines.",
            "For the ticket I need the time stamps of the first and the last line of {log}, and "
            "how many lines it has.",
        ),
        **facts,
    )
    answer = w.say(
        (
            "{log} reaches from {first} to {last} and has {lines} lines. <I took|Those are> the "
            "stamps of its first and last line; the lines are in order of time, so nothing in it "
            "<lies|is> outside of that <period|time>, and the number of lines is what wc "
            "counts<, and what came before or after is not in the file|>.",
            "The first line of {log} is from {first}, the last from {last}, and there are "
            "{lines} lines in all. <What happened outside of that period cannot be seen "
            "here|Anything before or after that is not in this file>, so <keep it in mind|that "
            "limits> what can be said about the <incident|case>.",
        ),
        **facts,
    )
    why = w.say("head and tail show the first and last stamp of {log}, wc the lines.", **facts)
    command = f"head -n 1 {case.main}; tail -n 1 {case.main}; wc -l {case.main}"
    return Goal(
        ask=ask,
        turn=ReferenceTurn(answer=answer, steps=(bash(command, why),)),
        checks=(AnswerCheck(turn=None, required=(fact(first), fact(last), fact(str(lines)))),),
    )


def ask_report(w: Wording, case: Case) -> Goal:
    """The findings as a JSON file."""
    path = w.pick(("incident.json", "report.json", "findings.json", "out/summary.json"))
    keys = listed([f'"{key}"' for key in case.facts])
    facts = {"path": path, "keys": keys, "log": case.main}
    ask = w.say(
        (
            "<Please save|Save> the result as {path}: one JSON object with the keys {keys}, all "
            "values as strings, exactly as they <stand|are> in the log or as counted.",
            "I want to feed it to a script. <Write|Put it into> {path} <please|>: JSON, keys "
            "{keys}, every value a string.",
        ),
        **facts,
    )
    text = json.dumps(case.facts, indent=w.pick((None, 2)), ensure_ascii=False) + "\n"
    shown = listed([f"{key} = {value}" for key, value in case.facts.items()])
    answer = w.say(
        (
            "{path} holds one JSON object with these values: {shown}. They are <the same "
            "as|those> in my answer above, all of them strings, and I parsed the file with "
            "Python to make sure that it is valid JSON. The log itself <was not changed|is "
            "untouched>.",
            "I wrote {path}, with {shown}. Every value is a string, <as you wanted|as asked>, "
            "the file parses as JSON, and nothing else <is in it|was added>: what the numbers "
            "are based on is {log}, which was only read, so the file can be made again from it "
            "at any time.",
        ),
        **facts,
        shown=shown,
    )
    steps = (
        write(path, text, w.say("The findings as strings under {keys}.", **facts)),
        bash(f"python3 -m json.tool {path}", w.say("Is {path} valid JSON?", **facts)),
    )
    script = (
        "import json\nimport sys\n\n"
        f"wanted = json.loads({json.dumps(json.dumps(case.facts))})\n"
        f"found = json.load(open({path!r}))\n"
        "sys.exit(0 if found == wanted else f'{found} is not {wanted}')\n"
    )
    check = CommandCheck(command="python3 hidden_report.py", files={"hidden_report.py": script})
    return Goal(ask=ask, turn=ReferenceTurn(answer=answer, steps=steps), checks=(check,))


def ask_command(w: Wording, case: Case) -> Goal:
    """A script that repeats the main search."""
    name, value = next(iter(case.facts.items()))
    path = w.pick(("find_it.sh", "tools/again.sh", "check.sh"))
    last = case.steps[-1].arguments["command"]
    facts = {"path": path, "value": value, "name": name.replace("_", " "), "log": case.main}
    ask = w.say(
        (
            "<Please leave|Leave> me a bash script {path} that prints the {name} again when it "
            "is run in this folder; its output must contain it.",
            "Can you put the decisive command into {path}, so that I can <repeat|rerun> it "
            "tomorrow? Its output should show the {name}.",
        ),
        **facts,
    )
    answer = w.say(
        (
            "{path} <holds|contains> the command that I used on {log}; run from this folder with "
            "`bash {path}` it prints, among the rest, {value}. It only reads, so it can be "
            "repeated at any time, and if {log} grows it will <count|include> the new lines as "
            "well.",
            "The script is {path}. Its output shows {value} as the {name}, I ran it once to be "
            "sure of that. <It works on|It reads> {log} as it is <then|at that moment>, needs no "
            "other tool than I had here, and leaves every file <as it is|alone>.",
        ),
        **facts,
    )
    steps = (
        write(path, f"#!/bin/bash\n{last}\n", w.say("Keep the last search in {path}.", **facts)),
        bash(f"bash {path}", w.say("Run it: {value} has to show.", **facts)),
    )
    check = CommandCheck(command=f"bash {path} | grep -F -- '{value}'")
    return Goal(ask=ask, turn=ReferenceTurn(answer=answer, steps=steps), checks=(check,))


def side_question(
    w: Wording,
    facts: dict[str, object],
    ask: str | tuple[str, ...],
    answer: str | tuple[str, ...],
    command: str,
    why: str,
    value: str,
) -> Goal:
    """A further question whose answer holds `value`; `ask`, `answer` and `why` are templates."""
    step = bash(command, w.say(why, **facts))
    return Goal(
        ask=w.say(ask, **facts),
        turn=ReferenceTurn(answer=w.say(answer, **facts), steps=(step,)),
        checks=(AnswerCheck(turn=None, required=(fact(value),)),),
    )


def first_look(w: Wording, main: str, about: str) -> tuple[ReferenceStep, ...]:
    """How the search begins: what is there, and what a line looks like."""
    way = w.pick(("list", "head", "read", "wrong"))
    shape = w.say(
        "See what a line of {log} looks like, <then|and> look for {about}.", log=main, about=about
    )
    head = bash(f"head -n 8 {main}", shape)
    if way == "list":
        why = w.say(
            "Which logs are there, and how large? The question is about {about}.", about=about
        )
        return (bash("wc -l $(find . -type f | sort)", why), head)
    if way == "read":
        return (ReferenceStep("read_file", {"path": main, "limit": 15}, shape),)
    if way == "wrong":
        guess = f"/var/log/{main.rpartition('/')[2]}"
        why = w.say("Look at {guess} for {about}.", guess=guess, about=about)
        back = w.say("It is not there. The file is in this folder: {log}.", log=main)
        return (bash(f"head -n 8 {guess}", why), bash(f"head -n 8 {main}", back))
    return (head,)
