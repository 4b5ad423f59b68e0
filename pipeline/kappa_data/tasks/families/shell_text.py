"""Text chores for the shell: counting, joining, renaming, cleaning; the result is exact."""

from __future__ import annotations

from kappa_data.records import Attempt, ReferenceTurn, Task
from kappa_data.tasks.material import (
    chores_counts,
    chores_folders,
    chores_lines,
    chores_lists,
)
from kappa_data.tasks.material.chores import (
    Chore,
    ask_checksum,
    ask_lines,
    ask_listing,
    ask_script,
    ask_size,
)
from kappa_data.tasks.material.code_goals import Goal
from kappa_data.tasks.material.near_misses import last_record_lost, then_also, vague
from kappa_data.tasks.mistakes import Turns, only_said
from kappa_data.tasks.steps import bash
from kappa_data.tasks.wording import Wording, withholding

NAME = "shell_text"
GROUP = "agentic"
TOOLS = ("bash", "read_file", "write_file", "edit_file")
PROGRAMS: tuple[str, ...] = ()
SEEDS = 400

CHORES = (
    *chores_counts.CHORES,
    *chores_folders.CHORES,
    *chores_lines.CHORES,
    *chores_lists.CHORES,
)
OPENINGS = (
    "{ask} {question}",
    "<Hi|Hello>, a <small|quick> job: {ask} {question}",
    "{ask} When that is done: {question}",
    "<Can you do this for me|Could you help with this>? {ask} {question}",
    "need this today<, please|>: {ask} also tell me: {question}",
    "{ask} <The shell tools are enough for it|Use whatever tool you like>. {question}",
    "<I used to do this by hand|Somebody did this by hand every week>. {ask} {question}",
    "To do:\n1. {ask}\n2. Answer: {question}",
    "{question_first} For that, first do this. {ask}",
)


def make(seed: int) -> Task:
    """The task of `seed`; chores go round, so that near seeds differ widely."""
    w = Wording(NAME, seed)
    chore = CHORES[seed % len(CHORES)](w)
    goals = _goals(w, chore)
    asked = w.say(OPENINGS, ask=chore.ask, question=chore.question, question_first=chore.question)
    target = next(iter(chore.outputs), "")
    turns = (
        ReferenceTurn(steps=chore.steps, answer=chore.answer),
        *(goal.turn for goal in goals),
    )
    return Task(
        id=f"{NAME}/{seed}",
        family=NAME,
        seed=seed,
        opening=asked,
        goals=tuple(goal.ask for goal in goals),
        fixture=chore.files,
        tools=TOOLS,
        programs=PROGRAMS,
        verifier=(*chore.all_checks(), *(check for goal in goals for check in goal.checks)),
        reference=turns,
        wrong=_wrong(chore, turns),
        withheld=withholding(asked, target, "a new file", f"The file's name is {target}.")
        if len(chore.outputs) == 1
        else None,
    )


def _wrong(chore: Chore, turns: Turns) -> tuple[Attempt, ...]:
    """Nothing done, nothing told, one result too few, and a text changed on the way."""
    spoiled = [
        then_also(f"leaves out a part of {path}", turns, last_record_lost(path))
        for path in [*chore.outputs, *chore.folder][:2]
    ]
    if chore.folder:
        path = max(chore.folder)
        gone = bash(f"rm {path}", f"{path} is not needed.")
        spoiled.append(then_also("removes a file too many", turns, gone))
    return (only_said(turns), vague(turns), *spoiled)


def _goals(w: Wording, chore: Chore) -> list[Goal]:
    """0 to 3 wishes that fit the result: a new file, or a folder that was changed in place."""
    kinds = [ask_lines, ask_checksum] if chore.outputs else [ask_listing, ask_size]
    if chore.repeatable:
        kinds.append(ask_script)
    wanted = min(len(kinds), w.pick((0, 1, 1, 2, 2, 3)))
    return [make_goal(w, chore) for make_goal in w.some(kinds, wanted)]
