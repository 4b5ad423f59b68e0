"""What the text chores share: the form of a chore, words to fill files, wishes that fit all."""

from __future__ import annotations

import shlex

from msgspec import Struct

from kappa_data.records import (
    AnswerCheck,
    Check,
    CommandCheck,
    FileCheck,
    ReferenceStep,
    ReferenceTurn,
)
from kappa_data.tasks.material.code_goals import Goal
from kappa_data.tasks.material.logs import fact
from kappa_data.tasks.steps import bash, write
from kappa_data.tasks.wording import Wording

WORDS = [
    "river",
    "lantern",
    "harbour",
    "copper",
    "meadow",
    "window",
    "garden",
    "winter",
    "market",
    "silver",
    "bridge",
    "candle",
    "forest",
    "letter",
    "summer",
    "island",
    "kettle",
    "shadow",
    "thread",
    "orchard",
    "valley",
    "saddle",
    "pepper",
    "cotton",
    "marble",
    "anchor",
    "basket",
    "feather",
    "glacier",
    "hammer",
    "ivory",
    "jacket",
    "ladder",
    "mirror",
    "needle",
    "ocean",
    "paper",
    "quarry",
    "ribbon",
    "salt",
    "timber",
    "umbrella",
    "velvet",
    "willow",
    "yarn",
    "barley",
    "cinder",
    "dune",
    "ember",
    "fable",
    "gravel",
]
TOWNS = [
    "Arles",
    "Brno",
    "Ceuta",
    "Delft",
    "Ennis",
    "Faro",
    "Gdansk",
    "Huesca",
    "Imola",
    "Jaca",
    "Kalmar",
    "Leuven",
    "Mostar",
    "Namur",
]
PEOPLE = [
    "alba",
    "bruno",
    "clara",
    "dario",
    "elena",
    "felix",
    "gilda",
    "hugo",
    "irma",
    "jonas",
    "klara",
    "luis",
    "mira",
    "nils",
    "olga",
]


class Chore(Struct, frozen=True):
    """One job on text files: what is there, what is wanted, how it is done, what must come out."""

    files: dict[str, str]
    ask: str
    """the wish with everything that decides the result, as sentences"""
    topic: str
    """a few words for it"""
    steps: tuple[ReferenceStep, ...]
    outputs: dict[str, str]
    """files that must exist in the end, with their exact text"""
    answer: str
    facts: tuple[str, ...]
    """values that the answer has to say"""
    question: str
    """what the user wants to be told"""
    command: str
    """the shell command that makes the outputs from the files"""
    repeatable: bool = True
    """the command can be run again on the same files"""
    folder: dict[str, str] = {}
    """of a chore that changes a folder in place: its files in the end"""

    def all_checks(self) -> tuple[Check, ...]:
        """The outputs, or the folder to the byte, and the answer."""
        wanted: list[Check] = [FileCheck(path=p, content=t) for p, t in self.outputs.items()]
        if self.folder:
            name = next(iter(self.folder)).partition("/")[0]
            hidden = {f"hidden_wanted/{path}": text for path, text in self.folder.items()}
            wanted.append(
                CommandCheck(command=f"diff -r hidden_wanted/{name} {name}", files=hidden)
            )
        return (*wanted, AnswerCheck(turn=None, required=tuple(map(fact, self.facts))))


def prose(w: Wording, count: int) -> str:
    """A line of `count` words."""
    return " ".join(w.pick(WORDS) for _ in range(count))


def look(w: Wording, path: str, what: str) -> ReferenceStep:
    """The first lines of a file."""
    why = w.say(
        (
            "See how the lines of {path} are built before {what}.",
            "A look at {path} first: the form of its lines decides about {what}.",
            "What does {path} look like? Needed for {what}.",
        ),
        path=path,
        what=what,
    )
    return bash(w.pick((f"head -n 6 {path}", f"head -n 10 {path}; wc -l {path}")), why)


def slip(w: Wording, path: str) -> tuple[ReferenceStep, ...]:
    """In some seeds a wrong first path, found out at once."""
    if not w.chance(0.25):
        return ()
    folder = w.pick(("data", "input", "files", "src"))
    wrong = f"{folder}/{path}"
    return (
        bash(f"head -n 3 {wrong}", w.say("The input should be {wrong}.", wrong=wrong)),
        bash(
            "find . -type f | sort | head -n 40",
            w.say("{wrong} does not exist; list what is there.", wrong=wrong),
        ),
    )


def ask_lines(w: Wording, chore: Chore) -> Goal:
    """How many lines and bytes does the result have?"""
    path, text = next(iter(chore.outputs.items()))
    facts = {
        "path": path,
        "lines": text.count("\n"),
        "bytes": len(text.encode()),
        "topic": chore.topic,
        "last": text.rstrip("\n").rpartition("\n")[2],
    }
    ask = w.say(
        (
            "How many lines and how many bytes does {path} have?",
            "For the delivery note: number of lines and size in bytes of {path}, please.",
            "<And how|How> big is {path}<, in lines and bytes|? I need lines and bytes>.",
        ),
        **facts,
    )
    answer = w.say(
        (
            "Lines: {lines}. Bytes: {bytes}. These are the numbers of wc for {path}, which I "
            "only read. The file ends with `{last}` and a line break; <characters outside of "
            "ASCII do not occur in it, so bytes and characters agree|there are only ASCII "
            "characters, so it has as many characters as bytes>, and the {topic} can be sent as "
            "it is.",
            "{path} has {lines} lines and {bytes} bytes; its last line is `{last}`. Both numbers "
            "are from wc on the file as it is now, so they include the final line break. <If the "
            "{topic} is made again from the same input|Making it again from the same input>, the "
            "size <is|stays> the same.",
            "It is {lines} lines, {bytes} bytes. I measured {path} with wc and did not change "
            "it. The last line, `{last}`, ends with a line break, so a tool that counts line "
            "ends and one that counts lines <agree|come to the same number> here.",
        ),
        **facts,
    )
    why = w.say("wc gives both for {path}; the last line is good to know too.", **facts)
    step = bash(f"wc -l -c {path}; tail -n 1 {path}", why)
    required = (fact(str(facts["lines"])), fact(str(facts["bytes"])))
    return Goal(
        ask=ask,
        turn=ReferenceTurn(answer=answer, steps=(step,)),
        checks=(AnswerCheck(turn=None, required=required),),
    )


def ask_checksum(w: Wording, chore: Chore) -> Goal:
    """A checksum file that sha256sum -c accepts."""
    path = next(iter(chore.outputs))
    sums = w.pick(("SHA256SUMS", f"{path}.sha256", "checksums.txt"))
    facts = {"path": path, "sums": sums, "topic": chore.topic}
    ask = w.say(
        (
            "<Please add|Add> a checksum file {sums} for {path}, so that `sha256sum -c {sums}` "
            "works in this folder.",
            "I will send {path} to somebody. <Can you|Please> make {sums} with its SHA-256<, in "
            "the form that sha256sum -c reads|; sha256sum -c must be able to check it>.",
        ),
        **facts,
    )
    answer = w.say(
        (
            "{sums} holds the SHA-256 of {path}, in the form that `sha256sum -c {sums}` reads; I "
            "ran that and it says OK. Run it from this folder, since the path stands in the file "
            "as {path}. <After any change to {path}|If {path} changes> the check fails, which is "
            "the point.",
            "Done: `sha256sum -c {sums}` <reports|prints> OK for {path}. The receiver needs both "
            "files in the same layout. A different line ending or a byte more in {path} is "
            "enough to make the check fail, so send it as a file and do not paste it.",
        ),
        **facts,
    )
    why = w.say("Make {sums} with sha256sum and check it right away.", **facts)
    step = bash(f"sha256sum {path} > {sums} && sha256sum -c {sums}", why)
    check = CommandCheck(command=f"grep -qF '{path}' {sums} && sha256sum -c {sums}")
    return Goal(ask=ask, turn=ReferenceTurn(answer=answer, steps=(step,)), checks=(check,))


def ask_listing(w: Wording, chore: Chore) -> Goal:
    """The names in the changed folder as a file."""
    folder = next(iter(chore.folder)).partition("/")[0]
    path = w.pick(("names.txt", "contents.txt", "listing.txt", "docs/files.txt"))
    names = sorted(name.partition("/")[2] for name in chore.folder)
    facts = {
        "path": path,
        "folder": folder,
        "count": len(names),
        "first": names[0],
        "last": names[-1],
    }
    ask = w.say(
        (
            "<Please also write|Also write> the names of all files in {folder}/ to {path}, one a "
            "line, sorted by byte value (LC_ALL=C), without the folder.",
            "For the <record|archive> I want {path}: every file name in {folder}/, one on each "
            "line, in the order of LC_ALL=C sort, just the names.",
        ),
        **facts,
    )
    answer = w.say(
        (
            "{path} lists the {count} names in {folder}/, from {first} to {last}. The order is "
            "that of LC_ALL=C, in which capital letters come before small ones<, so a name such "
            "as README would stand at the top|>. The folder part is left out, and the list "
            "itself lies outside of {folder}/, so it does not list itself.",
            "I wrote {count} names to {path}; the first is {first} and the last {last}. <They "
            "are sorted|The sorting is> by byte value, which does not depend on the language "
            "settings of the machine. The files in {folder}/ were only listed for this, not "
            "opened or changed.",
        ),
        **facts,
    )
    make = f"ls {folder} | LC_ALL=C sort > {path}"
    if "/" in path:
        make = f"mkdir -p {path.partition('/')[0]} && {make}"
    why = w.say("List {folder}, sort by byte value, and look at the ends of {path}.", **facts)
    step = bash(f"{make} && head -n 2 {path} && tail -n 1 {path} && wc -l {path}", why)
    check = FileCheck(path=path, content="".join(f"{name}\n" for name in names))
    return Goal(ask=ask, turn=ReferenceTurn(answer=answer, steps=(step,)), checks=(check,))


def ask_size(w: Wording, chore: Chore) -> Goal:
    """How many bytes and lines do the files of the changed folder have together?"""
    folder = next(iter(chore.folder)).partition("/")[0]
    sizes = {path: len(text.encode()) for path, text in chore.folder.items()}
    largest = max(sorted(sizes), key=lambda path: sizes[path])
    facts = {
        "folder": folder,
        "bytes": sum(sizes.values()),
        "lines": sum(text.count("\n") for text in chore.folder.values()),
        "largest": largest,
        "size": sizes[largest],
        "count": len(sizes),
    }
    ask = w.say(
        (
            "How many bytes do the files in {folder}/ have together now, and how many lines?",
            "<And what|What> is the total of {folder}/ now, in bytes and in lines?",
            "I need two totals for {folder}/ as it is now: lines and bytes.",
        ),
        **facts,
    )
    answer = w.say(
        (
            "The {count} files in {folder}/ have {bytes} bytes and {lines} lines together. That "
            "is what wc counts in the contents; the space taken on disk is larger, since every "
            "file <fills|takes up> whole blocks. The largest file is {largest} with {size} bytes.",
            "It is {lines} lines and {bytes} bytes over {count} files. {largest} has the most, "
            "{size} bytes. I used the last line of wc, which adds up all files, and not ls or "
            "du, <because|as> these show sizes on disk in {folder}/ and not lengths.",
        ),
        **facts,
    )
    why = w.say("wc over all files of {folder} ends with the totals.", **facts)
    step = bash(f"wc -l -c {folder}/*", why)
    required = (fact(str(facts["bytes"])), fact(str(facts["lines"])))
    return Goal(
        ask=ask,
        turn=ReferenceTurn(answer=answer, steps=(step,)),
        checks=(AnswerCheck(turn=None, required=required),),
    )


def ask_script(w: Wording, chore: Chore) -> Goal:
    """The command as a script that makes the result anew."""
    path = w.pick(("redo.sh", "tools/make_it.sh", "run_again.sh", "scripts/rebuild.sh"))
    outputs = " ".join(shlex.quote(output) for output in chore.outputs)
    facts = {"path": path, "out": outputs, "topic": chore.topic}
    ask = w.say(
        (
            "<Please keep|Keep> the command as {path}, so that `bash {path}` in this folder "
            "makes {out} again even if it was deleted.",
            "We will need that every month. <Write|Put> it into {path}: running `bash {path}` "
            "from here has to create {out} again.",
        ),
        **facts,
    )
    answer = w.say(
        (
            "{path} makes {out} again; to be sure I deleted the result, ran `bash {path}` and "
            "compared: it is the same, byte for byte. The script has the <one command|command> "
            "that I used for the {topic}, stops at the first error and reads the input where it "
            "lies now.",
            "The command is in {path}. I tried it with {out} removed beforehand, and the {topic} "
            "came out identical. <It expects to be started from this folder|Start it from this "
            "folder>; for another input only the path <in it|inside> has to be changed, nothing "
            "else depends on today's files.",
        ),
        **facts,
    )
    saved = f"mkdir -p /tmp/before && cp {outputs} /tmp/before/ && rm {outputs} && bash {path}"
    compare = " && ".join(
        f"cmp {shlex.quote(p)} /tmp/before/{shlex.quote(p.rpartition('/')[2])}"
        for p in chore.outputs
    )
    steps = (
        write(
            path,
            f"#!/bin/bash\nset -e\n{chore.command}\n",
            w.say("The command for the {topic} as {path}.", **facts),
        ),
        bash(
            f"{saved} && {compare} && echo same",
            w.say("Try it with the result removed, and compare.", **facts),
        ),
    )
    again = tuple(FileCheck(path=p, content=text) for p, text in chore.outputs.items())
    check = CommandCheck(command=f"rm -f {outputs} && bash {path}")
    return Goal(ask=ask, turn=ReferenceTurn(answer=answer, steps=steps), checks=(check, *again))
