"""Logic puzzles with one solution: orderings, liars, grids, timetables, truth tables, weighings."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from kappa_data.records import AnswerCheck, Attempt, ReferenceTurn, Task
from kappa_data.tasks.material import logic_positions, logic_truths
from kappa_data.tasks.material.logic_follow import follow_ups
from kappa_data.tasks.material.logic_puzzle_parts import (
    FollowUp,
    Puzzle,
    answer_line,
    other_answer_line,
)
from kappa_data.tasks.material.phrasing import follow, opening
from kappa_data.tasks.mistakes import answered
from kappa_data.tasks.wording import Wording

NAME = "logic_puzzle"
GROUP = "reasoning"
TOOLS: tuple[str, ...] = ()
PROGRAMS: tuple[str, ...] = ()
SEEDS = 1000

KINDS: tuple[Callable[[Wording], Puzzle], ...] = (
    logic_positions.ordering,
    logic_truths.liars,
    logic_positions.grid,
    logic_truths.weighing,
    logic_positions.schedule,
    logic_truths.switches,
    logic_truths.culprit,
)


def make(seed: int) -> Task:
    """The puzzle of `seed`; the kinds go round. Clues are numbered by the opening."""
    w = Wording(NAME, seed)
    puzzle = KINDS[seed % len(KINDS)](w)
    asked = _follow_ups(w, puzzle)
    answers = [puzzle.answer, *(each.answer for each in asked)]
    opened = _opening(w, puzzle)
    goals = tuple(follow(w.rng, each.goal) for each in asked)
    reference = (
        ReferenceTurn(answer=_solution(w, puzzle), reasoning=_thoughts(w, puzzle)),
        *(
            ReferenceTurn(
                answer=f"{each.explanation}\n\nAnswer: {each.answer}",
                reasoning=_follow_thoughts(w, each),
            )
            for each in asked
        ),
    )
    return Task(
        id=f"{NAME}/{seed}",
        family=NAME,
        seed=seed,
        opening=opened,
        goals=goals,
        verifier=(
            AnswerCheck(
                turn=None,
                required=tuple(answer_line([each]) for each in answers),
                forbidden=(other_answer_line(answers),),
            ),
        ),
        reference=reference,
        wrong=_wrong(answers, reference),
    )


def _wrong(answers: Sequence[str], reference: tuple[ReferenceTurn, ...]) -> tuple[Attempt, ...]:
    """Other last lines than the right ones, and none."""
    found = []
    for turn, right in enumerate(answers):
        words = right.split()
        number = re.search(r"\d+", right)
        for mistake, value in (
            ("its parts in another order", " ".join(reversed(words))),
            ("only a part of it", words[-1] if len(words) > 1 else f"not {right}"),
            ("one more", right.replace(number[0], str(int(number[0]) + 1)) if number else "nobody"),
        ):
            # What says the same in another way is no mistake; nor is another turn's answer here.
            if not re.search(answer_line(answers), f"Answer: {value}", re.IGNORECASE):
                said = reference[turn].answer.rpartition("Answer: ")[0] + f"Answer: {value}"
                found.append(answered(f"turn {turn + 1}: {mistake}", reference, turn, said))
    bare = reference[0].answer.rpartition("Answer: ")[0].strip()
    hedged = f"{bare}\n\nAnswer: it cannot be decided"
    return (
        *found,
        answered("no line with the answer", reference, 0, bare),
        answered("says that it is open", reference, 0, hedged),
    )


def _follow_ups(w: Wording, puzzle: Puzzle) -> Sequence[FollowUp]:
    possible = list(puzzle.own_follow_ups)
    if puzzle.model is not None:
        possible += follow_ups(w, puzzle.model)
    # Two questions with one answer could not be told apart by the verifier.
    known = {puzzle.answer}
    kept = []
    for each in possible:
        if each.answer not in known:
            known.add(each.answer)
            kept.append(each)
    return kept[: w.pick((0, 1, 1, 2, 2, 3))]


_REQUESTS = (
    "Please show how you get there.",
    "I want the deduction, not only the result.",
    "Explain the steps briefly.",
    "Walk me through it.",
    "Short explanation, please.",
    "Give reasons that I can check.",
    "I'd like to follow the reasoning.",
    "Say which clues you use where.",
)
_ENDS = ("The last line must be {}.", "Finish with one line: {}.", "On the last line put {}.")


def _opening(w: Wording, puzzle: Puzzle) -> str:
    clues = "\n".join(f"{i}. {clue}" for i, clue in enumerate(puzzle.clues, 1))
    ask = f"{puzzle.ask} {w.pick(_REQUESTS)}"
    end = w.pick(_ENDS).format(puzzle.form)
    head = opening(w.rng, context=puzzle.context, ask=ask)
    if puzzle.context not in head:
        # Some layouts have no room for a context, which a puzzle cannot do without.
        head = w.pick(
            (
                f"{puzzle.context} {ask}",
                f"{ask} {puzzle.context}",
                f"Got stuck on this one. {puzzle.context} {ask}",
                f"From a puzzle calendar: {puzzle.context}\n\n{ask}",
                f"My daughter came home with this. {puzzle.context} {ask}",
            )
        )
    return f"{head}\n\n{clues}\n\n{end}"


def _solution(w: Wording, puzzle: Puzzle) -> str:
    said = puzzle.explanation
    layout = w.pick(("prose", "prose", "bullets", "numbers"))
    if layout == "bullets":
        body = "\n".join(f"- {each}" for each in said)
    elif layout == "numbers":
        # Letters, since figures would read like the numbers of the clues.
        body = "\n".join(
            f"- ({letter}) {each}" for letter, each in zip("abcdefghijklm", said, strict=False)
        )
    else:
        body = " ".join(said)
    check = w.say(_CHECKED, a=puzzle.answer)
    return f"{body}\n\n{check}\n\nAnswer: {puzzle.answer}"


_CHECKED = (
    "Checked against the whole list, {a} <violates|breaks> nothing, and no alternative is left.",
    "So the <result|solution> is {a}; it is the only one, since "
    "<each step was forced|every other case fell away>.",
    "Putting {a} back into the text <confirms every line|agrees with every line>.",
    "Everything else has been excluded, which makes {a} the unique solution.",
    "A last pass over all conditions with {a} finds no conflict.",
)
_THOUGHTS = (
    "{t} Work from the most restrictive clue on, then check that only one case is left.",
    "{t} Small enough to be exhaustive. Find the clues that pin something first.",
    "{t} Combine clues that mention the same things and count what survives after each.",
    "{t} Need uniqueness too, so keep track of every case that is still open.",
)


def _thoughts(w: Wording, puzzle: Puzzle) -> str:
    first = puzzle.explanation[0]
    return f"{w.say(_THOUGHTS, t=puzzle.thoughts)} {first} Result: {puzzle.answer}."


def _follow_thoughts(w: Wording, asked: FollowUp) -> str:
    start = w.pick(
        (
            "Go back to the same cases and recount.",
            "Same puzzle, other question: test every case again.",
            "Re-evaluate the list with this change.",
            "Count over all cases, not from memory.",
        )
    )
    return f"{start} This gives {asked.answer}."
