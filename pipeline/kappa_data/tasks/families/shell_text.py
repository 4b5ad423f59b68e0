"""Text chores for the shell: counting, joining, renaming, cleaning, splitting, with exact results."""

from __future__ import annotations

from kappa_data.records import ReferenceTurn, Task
from kappa_data.tasks.material import chores_files, chores_tables
from kappa_data.tasks.material.chores import Chore, ask_checksum, ask_lines, ask_script
from kappa_data.tasks.material.code_goals import Goal
from kappa_data.tasks.wording import Wording

NAME = "shell_text"
TOOLS = ("bash", "read_file", "write_file", "edit_file")
PROGRAMS: tuple[str, ...] = ()
SEEDS = 400

CHORES = (*chores_tables.CHORES, *chores_files.CHORES)
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
    return Task(
        id=f"{NAME}/{seed}",
        family=NAME,
        seed=seed,
        opening=w.say(
            OPENINGS, ask=chore.ask, question=chore.question, question_first=chore.question
        ),
        goals=tuple(goal.ask for goal in goals),
        fixture=chore.files,
        tools=TOOLS,
        programs=PROGRAMS,
        verifier=(*chore.all_checks(), *(check for goal in goals for check in goal.checks)),
        reference=(
            ReferenceTurn(steps=chore.steps, answer=chore.answer),
            *(goal.turn for goal in goals),
        ),
    )


def _goals(w: Wording, chore: Chore) -> list[Goal]:
    """0 to 3 wishes, as far as there is a result to speak of."""
    if not chore.outputs:
        return []
    kinds = [ask_lines, ask_checksum]
    if chore.repeatable:
        kinds.append(ask_script)
    wanted = min(len(kinds), w.pick((0, 1, 1, 2, 2, 3)))
    return [make_goal(w, chore) for make_goal in w.some(kinds, wanted)]
