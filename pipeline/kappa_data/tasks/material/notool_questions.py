"""Questions that need no tool: from `data/seeds/tasks`, or worked out from the message itself."""

from __future__ import annotations

import fnmatch
import functools
import tomllib
from datetime import date, timedelta

import msgspec
from msgspec import Struct

from kappa_data.resources import Resources
from kappa_data.tasks.material.chores import PEOPLE, WORDS
from kappa_data.tasks.material.logs import HOSTS, SERVICES
from kappa_data.tasks.material.phrasing import number, plural, word
from kappa_data.tasks.material.spelled import counted
from kappa_data.tasks.wording import Wording, listed

FILE = "data/seeds/tasks/notool_questions.toml"


class Known(Struct, frozen=True, forbid_unknown_fields=True):
    """A question with its answer, in several wordings."""

    asks: tuple[str, ...]
    facts: tuple[str, ...]
    answer: str


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    question: tuple[Known, ...]


class Asked(Struct, frozen=True):
    """One question as it is put, what a right answer says, and the thought before it."""

    ask: str
    answer: str
    facts: tuple[str, ...]
    thought: str


@functools.cache
def known() -> tuple[Known, ...]:
    """The shipped questions. Loaded once: tasks are a function of seed and shipped material."""
    return msgspec.convert(tomllib.loads(Resources(None).read(FILE)), _File).question


def from_knowledge(w: Wording, at: int) -> Asked:
    """Question number `at`."""
    question = known()[at % len(known())]
    thought = w.pick(
        (
            "General knowledge; nothing in the workspace bears on it.",
            "I know this. Looking into the files would add nothing.",
            "No file decides this question, so I answer directly.",
            "A direct answer with the reason is what helps here.",
        )
    )
    return Asked(w.pick(question.asks), question.answer, question.facts, thought)


def permissions(w: Wording) -> Asked:
    """A symbolic mode as octal number."""
    bits = [w.pick((7, 6, 5, 4)), w.pick((5, 4, 0, 6)), w.pick((4, 0, 5))]
    shown = "".join("".join(c if b & v else "-" for c, v in (("r", 4), ("w", 2), ("x", 1)))
                    for b in bits)  # fmt: skip
    mode = "".join(map(str, bits))
    name = f"{w.pick(WORDS)}.{w.pick(('sh', 'conf', 'key', 'txt'))}"
    words = {"shown": shown, "mode": mode, "name": name, "a": bits[0], "b": bits[1], "c": bits[2]}
    return Asked(
        w.say(
            [
                "ls showed `-{shown}` for {name} on another machine. Which octal mode is it?",
                "What number do I give to chmod to get `{shown}` on {name}? It is not here.",
            ],
            **words,
        ),
        w.say(
            [
                "That is {mode}: r counts 4, w 2 and x 1, which makes {a} for the owner, {b} for "
                "the group and {c} for others. So `chmod {mode} {name}`.",
                "`chmod {mode} {name}`. A digit is a sum of 4 (read), 2 (write) and 1 (execute), "
                "in the order owner, group, others.",
            ],
            **words,
        ),
        (rf"(?<!\d)0?{mode}(?!\d)",),
        f"r=4, w=2, x=1 by group of three: {', '.join(map(str, bits))}.",
    )  # fmt: skip


def pasted_lines(w: Wording) -> Asked:
    """Some lines stand in the message; which is the largest, and what is the sum?"""
    names = w.some(w.pick((HOSTS, SERVICES, PEOPLE)), w.rng.randint(5, 9))
    what, unit = w.pick((("disk use", "GB"), ("latency", "ms"), ("hours", "h"), ("errors", "")))
    values = w.some(range(3, 400), len(names))
    gap = w.pick((": ", " = ", "\t", " - ", ","))
    lines = "\n".join(f"{n}{gap}{v}{' ' + unit if unit else ''}" for n, v in
                      zip(names, values, strict=True))  # fmt: skip
    total, top = sum(values), names[values.index(max(values))]
    words = {"what": what, "lines": lines, "total": total, "top": top, "most": max(values),
             "unit": f" {unit}" if unit else "", "n": len(names)}  # fmt: skip
    return Asked(
        w.say(
            [
                "Somebody sent me these figures ({what}):\n\n{lines}\n\nWhich is the highest, and "
                "what do they sum to?",
                "{what}, copied from a chat:\n```\n{lines}\n```\nThe total and the top entry, "
                "please. That is all the data there is.",
            ],
            **words,
        ),
        w.say(
            [
                "The highest is {top} with {most}{unit}. The {n} values sum to {total}{unit}.",
                "In total {total}{unit} over {n} entries; {top} is at the top with {most}{unit}.",
            ],
            **words,
        ),
        (number(total), word(top)),
        f"{' + '.join(map(str, values))} = {total}; everything needed is in the message.",
    )


def days_between(w: Wording) -> Asked:
    """Days from one date to another, and the day of the week."""
    first = date(w.rng.randint(2021, 2027), w.rng.randint(1, 12), w.rng.randint(1, 28))
    count = w.rng.randint(25, 330)
    last = first + timedelta(days=count)
    reason = w.pick(("A contract", "My visa", "The certificate", "A guarantee", "The trial"))
    words = {"a": f"{first.day} {first:%B} {first.year}", "b": f"{last.day} {last:%B} {last.year}",
             "n": count, "day": f"{last:%A}", "why": reason, "weeks": count // 7,
             "rest": plural(count % 7, "day")}  # fmt: skip
    return Asked(
        w.say(
            [
                "{why} starts on {a} and runs for {n} days after that. What date is that, and "
                "which day of the week?",
                "{why} is dated {a}. On which date, and on what weekday, are {n} days over?",
            ],
            **words,
        ),
        w.say(
            [
                "{n} days after {a} is {b}, a {day}.",
                "It is {b}, a {day}: {n} days are {weeks} weeks and {rest}.",
            ],
            **words,
        ),
        (word(f"{last:%A}"), rf"(?<!\d){last.day}(?!\d)", f"{last:%B}|-{last.month:02d}-"),
        f"Count {count} days on from {first.isoformat()}: {last.isoformat()}.",
    )


def network(w: Wording) -> Asked:
    """Number of addresses of a network and its mask."""
    prefix = w.rng.randint(20, 29)
    size = 2 ** (32 - prefix)
    value = 2**32 - size
    mask = ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))
    net = f"10.{w.rng.randrange(256)}.{16 * w.rng.randrange(16)}.0/{prefix}"
    words = {"net": net, "mask": mask, "size": size, "hosts": size - 2, "host": w.pick(HOSTS)}
    return Asked(
        w.say(
            [
                "We get the network {net} for {host}. Its mask in dotted form, and how many hosts "
                "fit (without network and broadcast address)?",
                "For a form about {host}: what is the netmask of {net}, and how many usable "
                "addresses has it?",
            ],
            **words,
        ),
        w.say(
            [
                "The mask is {mask}. Of {size} addresses {hosts} are usable; the first names the "
                "network, the last is the broadcast address.",
                "{hosts} hosts fit into {net}, that is {size} addresses less two. In dotted form "
                "the mask is {mask}.",
            ],
            **words,
        ),
        (word(mask), number(size - 2)),
        f"/{prefix} leaves {32 - prefix} bits: 2^{32 - prefix} = {size} addresses.",
    )


def duration(w: Wording) -> Asked:
    """How long a transfer takes."""
    rate, minutes = w.pick((5, 8, 10, 20, 25, 40, 50)), w.rng.randint(3, 55)
    size = rate * minutes * 60
    thing = w.pick(("backup", "video archive", "disk image", "data set", "photo collection"))
    words = {"size": size, "rate": rate, "minutes": minutes, "thing": thing, "s": minutes * 60}
    return Asked(
        w.say(
            [
                "A {thing} has {size} MB and the line does {rate} MB/s. How many minutes at least?",
                "How long does a {thing} of {size} MB take at {rate} MB per second, in minutes?",
            ],
            **words,
        ),
        w.say(
            [
                "{size} / {rate} = {s} seconds, which is {minutes} minutes, if the rate holds.",
                "{minutes} minutes ({s} seconds) at a steady {rate} MB/s; in practice a little "
                "more.",
            ],
            **words,
        ),
        (number(minutes),),
        f"{size} MB at {rate} MB/s is {minutes * 60} s.",
    )


def pattern(w: Wording) -> Asked:
    """Which of some names does a glob match?"""
    stem, other = w.some(WORDS, 2)
    names = [f"{stem}_{n}.{e}" for n in w.some(range(10, 99), 3) for e in ("txt", "csv")]
    names += [f"{other}_{w.rng.randint(10, 99)}.txt", f"{stem}.txt"]
    glob = w.pick((f"{stem}_*.txt", f"{stem}_??.csv", "*_[1-4]?.txt"))
    w.rng.shuffle(names)
    found = [name for name in names if fnmatch.fnmatchcase(name, glob)]
    words = {"glob": glob, "names": ", ".join(names), "n": len(found), "of": len(names),
             "found": listed(found) if found else "none of them"}  # fmt: skip
    return Asked(
        w.say(
            [
                "Purely in theory: which of these would `{glob}` match: {names}? How many is that?",
                "Given the names {names}, how many does the shell pattern `{glob}` match, and "
                "which? The files do not exist here.",
            ],
            **words,
        ),
        w.say(
            [
                "`{glob}` matches {n} of {of}: {found}.",
                "The number is {n} out of {of}: {found}. A pattern has to cover the whole name.",
            ],
            **words,
        ),
        (counted(len(found)), *(word(name) for name in found)),
        f"* is any run of characters, ? one character, and the rest of {glob} is literal.",
    )


WORKED_OUT = (permissions, pasted_lines, days_between, network, duration, pattern)
