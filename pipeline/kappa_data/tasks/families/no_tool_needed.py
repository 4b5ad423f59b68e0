"""Questions that are answered directly although tools and a workspace are at hand."""

from __future__ import annotations

from kappa_data.records import AnswerCheck, Check, CommandCheck, FileCheck, ReferenceTurn, Task
from kappa_data.tasks.material.chores import WORDS, prose
from kappa_data.tasks.material.near_misses import then_also, vague
from kappa_data.tasks.material.notool_questions import WORKED_OUT, Asked, from_knowledge, known
from kappa_data.tasks.steps import bash, write
from kappa_data.tasks.wording import Wording

NAME = "no_tool_needed"
GROUP = "agentic"
TOOLS = ("bash", "read_file", "write_file", "edit_file")
PROGRAMS: tuple[str, ...] = ()
SEEDS = 500

_FIRST = (
    "{ask}",
    "Before we start on the files here: {ask}",
    "Quick one, unrelated to this folder. {ask}",
    "{ask} No need to touch anything here.",
    "While I wait for a colleague: {ask}",
    "Leave the workspace alone for now, I only have a question. {ask}",
    "Something that came up in a call. {ask}",
    "hey, {ask}",
    "I could look it up, but you are faster. {ask}",
    "{ask}\n\nA short answer is fine.",
    "For a note to the team: {ask}",
    "We argued about this at lunch. {ask}",
)
_TAILS = (
    "Just tell me.",
    "The folder can stay as it is.",
    "Two or three sentences will do.",
    "I need it for a form.",
    "No need to run anything.",
    "My guess is ready, I want to compare.",
    "The people here disagree, hence the question.",
    "Thanks in advance!",
    "Then we can go on with the files.",
    "I have forgotten more of this than I like.",
)
_NEXT = (
    "{ask}",
    "And this one: {ask}",
    "Thanks. {ask}",
    "Next question. {ask}",
    "Good. Still without touching the files: {ask}",
    "While we are at it: {ask}",
    "One more, then I leave you alone. {ask}",
)
_FILES = ("README.md", "notes.txt", "src/main.py", "data/list.txt", "todo.md", "config.ini",
          "docs/plan.md", "scripts/run.sh")  # fmt: skip
_OPEN = (
    "I would have to look through your files before I can say anything about this. Shall I start?"
)


def make(seed: int) -> Task:
    """The task of `seed`: one question that is worked out, with others from knowledge or not."""
    w = Wording(NAME, seed)
    asked = _questions(w, seed)
    fixture = {
        path: "".join(f"{prose(w, w.rng.randint(3, 8))}\n" for _ in range(w.rng.randint(3, 12)))
        for path in w.some(_FILES, w.rng.randint(1, 4))
    }
    turns = tuple(ReferenceTurn(answer=each.answer, reasoning=each.thought) for each in asked)
    listing = "\n".join(sorted(f"./{path}" for path in fixture))
    untouched: tuple[Check, ...] = (
        CommandCheck("find . -type f | LC_ALL=C sort", stdout=listing),
        *(FileCheck(path, content=text) for path, text in fixture.items()),
    )
    path = max(fixture)
    note = write(f"{w.pick(WORDS)}_answer.txt", asked[0].answer, "Keep the answer in a file.")
    tidy = bash(f"sed -i '$d' {path}", f"{path} has a line too many at its end.")
    return Task(
        id=f"{NAME}/{seed}",
        family=NAME,
        seed=seed,
        opening=w.pick(_FIRST).format(ask=asked[0].ask)
        + (f" {w.pick(_TAILS)}" if w.chance(0.65) else ""),
        goals=tuple(w.pick(_NEXT).format(ask=each.ask) for each in asked[1:]),
        fixture=fixture,
        tools=TOOLS,
        programs=PROGRAMS,
        verifier=(
            *(AnswerCheck(turn=n, required=each.facts) for n, each in enumerate(asked)),
            *untouched,
        ),
        reference=turns,
        wrong=(
            vague(turns, _OPEN),
            then_also("leaves a file that nobody asked for", turns, note),
            then_also("changes a file in passing", turns, tidy),
        ),
    )


def _questions(w: Wording, seed: int) -> list[Asked]:
    """One to four questions; kinds go round, and what is from knowledge is never alone."""
    worked = [make_one(w) for make_one in w.some(WORKED_OUT, w.pick((1, 1, 2)))]
    first = (seed * 5) % len(known())
    told = [from_knowledge(w, first + 7 * n) for n in range(w.pick((0, 1, 1, 2)))]
    asked = [*worked, *told]
    w.rng.shuffle(asked)
    return asked
