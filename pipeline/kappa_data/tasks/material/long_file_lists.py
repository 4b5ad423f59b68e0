"""Tasks that collect from long files what only reading finds, and write it down as a table."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from msgspec import Struct

from kappa_data.records import (
    AnswerCheck,
    Attempt,
    CommandCheck,
    FileCheck,
    ReferenceStep,
    ReferenceTurn,
    Task,
)
from kappa_data.tasks.material.long_haystack import strangers
from kappa_data.tasks.material.long_needles import pattern
from kappa_data.tasks.material.long_paging import Piece, pieces, read_piece, within, wrapped
from kappa_data.tasks.material.long_prose import CHARACTERS_A_TOKEN, size
from kappa_data.tasks.material.long_shelf import Shelf, failing_start, shelf
from kappa_data.tasks.material.long_themes import THEMES, Theme
from kappa_data.tasks.material.phrasing import follow, number
from kappa_data.tasks.mistakes import only_said, replaced
from kappa_data.tasks.steps import bash, read, write
from kappa_data.tasks.wording import Wording, listed

LONGEST = 66_000
"""tokens that are read: with a call for 100 lines this stays under the 40 calls of a turn"""
_TARGETS = ("list.csv", "result.csv", "out/names.csv", "summary.csv", "extract.csv", "found.csv")
_OPENINGS = (
    "The folder {folder}/ holds <the papers|old files|some long texts> of {org}. {ask} Read all of"
    " it<, please|>: the wording is never the same, so a search won't do. {form}",
    "{ask} Source: everything in {folder}/ ({org}). {form} Mind that some only come close to it.",
    "Ticket: extract from {folder}/\n\n- {ask}\n- {form}\n- do not change the sources",
    "I have typed in the files of {org} over the winter, they are in {folder}/. Now somebody"
    " wants to"
    " know this: {lower} {form} It is a lot to read, <sorry|I know>.",
    "{folder}/ is what is left of the records of {org}. {ask}\n\n{form}\n\nLeave the files as they"
    " are<.| - they are evidence.>",
    "hi, {lower} it is all somewhere in {folder}/. {form} thx",
)
_FORM = (
    "Write them to {target}: a header line name,{column},file, then one line for each person,"
    " sorted"
    " by name, numbers bare, the file without its folder.",
    "I want a file {target} with the columns name,{column},file (header included), sorted by full"
    " name; plain digits, and only the base name of the file.",
)
_COLUMN = "amount"


class Found(Struct, frozen=True):
    """One person with an amount, in a file."""

    name: str
    amount: int
    said: str
    file: str


def collect(w: Wording, name: str, seed: int, tools: tuple[str, ...]) -> Task:
    """The task: read, write the table, then perhaps answer about it or correct it."""
    theme = THEMES[seed % len(THEMES)]
    made = shelf(w, seed, min(size(w, seed), int(LONGEST * CHARACTERS_A_TOKEN)))
    yes, near = _hidden(w, theme, made)
    files = {f"{made.folder}/{path}": wrapped(doc.text()) for path, doc in made.files.items()}
    target = w.pick(_TARGETS)
    rows = sorted(yes, key=lambda each: each.name)
    table = _table(rows)
    form = w.pick(_FORM).format(target=target, column=_COLUMN)
    ask = w.pick(theme.ask)
    opening = w.say(
        _OPENINGS, folder=made.folder, org=made.org, ask=ask, lower=ask[0].lower() + ask[1:],
        form=form,
    )  # fmt: skip
    first = ReferenceTurn(
        steps=(
            *_reading(w, theme, made.folder, files, yes, near),
            *_writing(target, table, rows),
        ),
        answer=_answer(theme, target, rows, near),
        reasoning=f"{target} has {len(rows)} lines and the header; the near misses are out.",
    )
    goals, turns, checks, end = _later(w, theme, target, rows)
    reference = (first, *turns)
    return Task(
        id=f"{name}/{seed}",
        family=name,
        seed=seed,
        opening=opening,
        goals=goals,
        fixture=files,
        tools=tools,
        verifier=(
            FileCheck(target, content=end),
            CommandCheck("sha256sum --status -c .sums", files={".sums": sums(files)}),
            *checks,
        ),
        reference=reference,
        wrong=_wrong(reference, table, rows, near),
    )


def sums(files: dict[str, str]) -> str:
    """What `sha256sum -c` takes, for all files."""
    return "".join(
        f"{hashlib.sha256(text.encode()).hexdigest()}  {path}\n" for path, text in files.items()
    )


def _hidden(w: Wording, theme: Theme, made: Shelf) -> tuple[list[Found], list[Found]]:
    """Puts the sentences into the files; those that count, and those that nearly do."""
    yes: list[Found] = []
    near: list[Found] = []
    count = w.rng.randint(4, 9)
    wanted = [True] * count + [False] * w.rng.randint(2, 5)
    names = strangers(w, made.hay, len(wanted))
    amounts = w.some(range(theme.low, theme.high), len(wanted))
    w.rng.shuffle(wanted)
    paths = sorted(w.rng.choices(range(len(made.files)), k=len(wanted)))
    files = list(made.files)
    told = []
    for person, amount, hit, path in zip(names, amounts, wanted, paths, strict=True):
        v = f"£{amount:,}" if theme.money else str(amount)
        said = w.pick(theme.yes if hit else theme.no).format(p=person, v=v)
        told.append((hit, Found(person, amount, said, files[path])))
    for name in files:
        here = [each for each in told if each[1].file == name]
        made.files[name].put_in_order(w, [found.said for _, found in here])
        for hit, found in here:
            (yes if hit else near).append(found)
    return yes, near


def _table(rows: Sequence[Found]) -> str:
    lines = [f"{each.name},{each.amount},{each.file}" for each in rows]
    return "\n".join([f"name,{_COLUMN},file", *lines]) + "\n"


def _reading(
    w: Wording,
    theme: Theme,
    folder: str,
    files: dict[str, str],
    yes: Sequence[Found],
    near: Sequence[Found],
) -> list[ReferenceStep]:
    """Lists the files, then reads them piece by piece, and notes after each what was in it."""
    whole, together = w.chance(0.5), w.pick((1, 2, 3))
    steps = [
        *failing_start(w, folder),
        bash(
            f"wc -lc {folder}/*",
            w.pick(
                (
                    "First see how long the files are: one call shows 10,000 characters at most.",
                    "The size decides how to read. Count lines and characters of each file.",
                    "What is there, and in how many pieces does it have to be read?",
                )
            ),
        ),
    ]
    if not whole and together == 1:
        together = 2
    every: list[Piece] = []
    for path, text in files.items():
        every += pieces(path, text, whole=whole)
    hits = [each.said for each in yes]
    misses = [each.said for each in near]
    note = "Start with the first piece and note everybody of whom it is said that each " + theme.who
    # Pieces by size alone follow from what the call before has shown; lines can be asked at once.
    at = 0
    while at < len(every):
        group = every[at : at + (1 if whole else together)]
        for number_in, piece in enumerate(group):
            reasoning = "" if number_in else f"{note}."
            steps.append(read_piece(piece, whole=whole, reasoning=reasoning))
        got = [said for piece in group for said in within(piece, hits)]
        off = [said for piece in group for said in within(piece, misses)]
        note = _note(w, group, got, off)
        at += len(group)
    return steps


def _note(w: Wording, group: Sequence[Piece], got: list[str], off: list[str]) -> str:
    where = f"{group[0].path.rpartition('/')[2]}, lines {group[0].first} to {group[-1].last}"
    if group[0].path != group[-1].path:
        where = f"up to {group[-1].path.rpartition('/')[2]}, line {group[-1].last}"
    parts = []
    if got:
        parts.append(f"counts: {' '.join(got)}")
    if off:
        parts.append(f"does not count: {' '.join(off)}")
    said = " ".join(parts) or w.pick(("nothing of it", "nobody", "no entry", "nothing to note"))
    on = w.pick(("Go on", "On to the next", "Next piece", "Continue", "Further"))
    return f"{where}: {said.rstrip('.')}. {on}"


def _writing(target: str, table: str, rows: Sequence[Found]) -> list[ReferenceStep]:
    return [
        write(
            target,
            table,
            f"Everything is read. {len(rows)} count: "
            f"{listed([f'{each.name} {each.amount}' for each in rows])}. Sorted by name.",
        ),
        bash(
            f"cat {target} && tail -n +2 {target} | cut -d, -f1 | LC_ALL=C sort -c && echo sorted",
            "Look at the file once more and check the order.",
        ),
    ]


def _answer(theme: Theme, target: str, rows: Sequence[Found], near: Sequence[Found]) -> str:
    count = len(rows)
    return (
        f"{target} is written, with {count} people: {listed([each.name for each in rows])}. Left"
        f" out, since each of them {theme.nearly}: {listed([each.name for each in near])}. The"
        " sources are unchanged."
    )


def _later(
    w: Wording, theme: Theme, target: str, rows: Sequence[Found]
) -> tuple[tuple[str, ...], tuple[ReferenceTurn, ...], tuple[AnswerCheck, ...], str]:
    """Goals, their turns and checks, and what the table has to be in the end."""
    kinds = w.some(("total", "most", "order"), w.pick((0, 1, 1, 2, 2, 3)))
    # The order of the lines changes last: the other questions go by the first table.
    kinds.sort(key=lambda kind: kind == "order")
    goals, turns, checks = [], [], []
    end = _table(rows)
    for at, kind in enumerate(kinds, start=1):
        if kind == "total":
            total = sum(each.amount for each in rows)
            goals.append(follow(w.rng, theme.total))
            command = f"awk -F, 'NR > 1 {{ s += $2 }} END {{ print s }}' {target}"
            said = f"£{total:,}" if theme.money else str(total)
            terms = " + ".join(str(each.amount) for each in rows)
            turns.append(
                ReferenceTurn(
                    f"Together that is {said}: {terms}, by the {len(rows)} lines of {target}.",
                    (bash(command, f"The second column of {target} summed up gives it."),),
                )
            )
            checks.append(AnswerCheck(turn=at, required=(number(total),)))
        elif kind == "most":
            best = max(rows, key=lambda each: each.amount)
            goals.append(follow(w.rng, f"{theme.most} And in which file is that?"))
            turns.append(
                ReferenceTurn(
                    f"{best.name}, with {best.amount}. The passage is in {best.file}: {best.said}",
                    (
                        bash(
                            f"tail -n +2 {target} | sort -t, -k2,2nr | head -n 2",
                            f"Sort {target} by the number and look at the top.",
                        ),
                    ),
                )
            )
            name = pattern("person", best.name.split()[1])
            checks.append(AnswerCheck(turn=at, required=(name, best.file.replace(".", r"\."))))
        else:
            ranked = sorted(rows, key=lambda each: -each.amount)
            end = _table(ranked)
            goals.append(
                follow(
                    w.rng,
                    f"Now sort the lines of {target} by the number instead, the largest first, and"
                    " keep the header where it is.",
                )
            )
            turns.append(
                ReferenceTurn(
                    f"{target} is in the new order, from {ranked[0].name} ({ranked[0].amount}) down"
                    f" to {ranked[-1].name} ({ranked[-1].amount}), under the same header.",
                    (
                        read(target, "The file first, then the new order."),
                        write(target, end, "All numbers differ, so the order is fixed by them."),
                        bash(f"cat {target}", "Check what is there now."),
                    ),
                )
            )
    return tuple(goals), tuple(turns), tuple(checks), end


def _wrong(
    reference: tuple[ReferenceTurn, ...],
    table: str,
    rows: Sequence[Found],
    near: Sequence[Found],
) -> tuple[Attempt, ...]:
    """Nothing done; one missed; a near miss taken; a made-up name."""
    lost = rows[0]
    line = f"{lost.name},{lost.amount},{lost.file}\n"
    stray = near[0]
    extra = f"{stray.name},{stray.amount},{stray.file}\n"
    return (
        only_said(reference),
        replaced("one person is missed", reference, (line, "")),
        replaced(
            "somebody to whom it only almost happened is taken", reference, (line, line + extra)
        ),
        replaced(
            "a number is misread",
            reference,
            (line, line.replace(f",{lost.amount},", f",{lost.amount + 1},")),
        ),
    )
