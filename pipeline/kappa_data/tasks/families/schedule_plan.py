"""Sharing out jobs, packing, booking a room, planning a trip: the one best plan, and why."""

from __future__ import annotations

from kappa_data.records import Task
from kappa_data.tasks.material.long_asking import LABELS
from kappa_data.tasks.material.long_talk import Turn, told
from kappa_data.tasks.material.phrasing import number, opening, word
from kappa_data.tasks.material.plan_problems import KINDS, Plan, Problem
from kappa_data.tasks.wording import Wording

NAME = "schedule_plan"
GROUP = "reasoning"
TOOLS: tuple[str, ...] = ()
PROGRAMS: tuple[str, ...] = ()
SEEDS = 600
"""four kinds of problem with tables of their own; beyond that the plans would repeat each other"""

_TRIES = 400
_SHOWN = 4
_CONTEXTS = (
    "I have to settle this before the meeting.",
    "We tried it by feel and got three different plans.",
    "My first idea was to take the best each time, but somebody says that is not optimal.",
    "It is a small problem, but I want the real optimum.",
    "There is a prize in the office for whoever gets this right.",
    "The whole family has an opinion on this.",
    "I do this every week with pencil and paper.",
    "The data are below, nothing else has to be taken into account.",
    "I'd like to see why nothing better exists.",
    "Last year we guessed, this year I want to know.",
)
_LINES = (
    'Finish with a line "{label}: ..." that holds only the number.',
    "Give reasons, and put the number alone on a last line that begins with {label}:",
    "Name the plan, compare it with the next best, and end with {label}: and the number.",
    "The last line should read {label}: and then just the number.",
)


def make(seed: int) -> Task:
    """The task of `seed`: a problem where taking the best next step does not lead to the best."""
    w = Wording(NAME, seed)
    kind = KINDS[seed % len(KINDS)]
    for _ in range(_TRIES):
        problem = kind(w)
        if problem is not None and _fair(problem):
            break
    else:
        raise ValueError(f"{NAME}/{seed}: no fair problem in {_TRIES}")
    label = w.pick(LABELS)
    first = _best(w, problem)
    later = w.some((_part, _changed, _apart), w.pick((0, 1, 1, 2, 2, 3)))
    line = w.pick(_LINES).format(label=label)
    head = opening(w.rng, context=w.pick(_CONTEXTS), ask=problem.ask, details=(line,))
    place = w.pick(("{head}\n\n{facts}", "{facts}\n\n{head}", "{head}\n\nData:\n\n{facts}\n"))
    return told(
        w,
        name=NAME,
        seed=seed,
        label=label,
        opening=place.format(head=head, facts=problem.facts).strip(),
        turns=[first, *(each(w, problem) for each in later)],
    )


def _fair(problem: Problem) -> bool:
    """One best plan, also after the change; and the greedy one is worse."""
    if len(problem.plans) < _SHOWN - 1 or len(problem.without) < 2:
        return False
    best, second = problem.plans[:2]
    return (
        best.score != second.score
        and problem.greedy.score != best.score
        and problem.without[0].score not in (problem.without[1].score, best.score)
    )


def _rows(plans: tuple[Plan, ...]) -> str:
    return "\n".join(f"- {plan.said}: {plan.score}" for plan in plans)


def _best(w: Wording, problem: Problem) -> Turn:
    best, second = problem.plans[:2]
    greedy = problem.greedy
    wrong = {
        str(greedy.score): "the best next step each time",
        str(second.score): "the second best plan",
        str(best.score + 1): "one more than it can be" if best.score > second.score else "one more",
    }
    table = _rows(problem.plans[: w.pick((3, _SHOWN))])
    return Turn(
        ask=problem.ask,
        what="the number",
        value=str(best.score),
        pattern=number(best.score),
        text=w.pick(
            (
                f"The best plan is {best.said}, with {best.score} {problem.unit}."
                f" {problem.way} were"
                f" compared; the first ones are\n\n{table}\n\nTaking the best next step every time"
                f" would give {greedy.said}, that is {greedy.score}.",
                f"Best plan: {best.said}. That makes {best.score} {problem.unit}. The next one,"
                f" {second.said}, has {second.score}. {problem.way} were gone through, so"
                " there is nothing better.",
                f"{problem.way} were gone through. At the top of the list stand\n\n{table}\n\nSo it"
                f" is {best.said}. The plan that looks natural, {greedy.said}, only comes to"
                f" {greedy.score}.",
            )
        ),
        thought=f"Small enough to go through everything. Greedy first: {greedy.said} = "
        f"{greedy.score}. Better: {best.said} = {best.score}. Next: {second.said} = {second.score}."
        f" {problem.way} checked; {best.score} stands.",
        wrong=tuple((mistake, value, number(value)) for value, mistake in wrong.items()),
    )


def _part(w: Wording, problem: Problem) -> Turn:
    best, second = problem.plans[:2]
    right, other = problem.part, problem.other_part
    return Turn(
        ask=problem.part_ask,
        what="that alone",
        value=right,
        pattern=number(right) if right.isdigit() else word(right),
        text=w.pick(
            (
                f"It follows from the best plan, {best.said}. The second best would be"
                f" {second.said}, and it is worse by {abs(best.score - second.score)}.",
                f"Here is the best plan once more: {best.said}, {best.score} {problem.unit} in all."
                " The answer can be read off it.",
            )
        ),
        thought=f"Look it up in the best plan: {best.said}. {right}.",
        wrong=(("another part", other, number(other) if other.isdigit() else word(other)),),
    )


def _changed(w: Wording, problem: Problem) -> Turn:
    best, other = problem.without[0], problem.plans[0]
    return Turn(
        ask=w.pick(
            (
                f"Now suppose that {problem.change}. What is the best number then?",
                f"Late news: {problem.change}. What does the optimum become?",
            )
        ),
        what="the number",
        value=str(best.score),
        pattern=number(best.score),
        text=f"If {problem.change}, {len(problem.without)} plans are left. The best of them is"
        f" {best.said} with {best.score} {problem.unit}, followed by {problem.without[1].said} with"
        f" {problem.without[1].score}.",
        thought=f"Strike out what the change forbids. Left at the top: {best.said} = {best.score}.",
        wrong=(("the old optimum", str(other.score), number(other.score)),),
    )


def _apart(w: Wording, problem: Problem) -> Turn:
    best, greedy = problem.plans[0], problem.greedy
    gap = abs(best.score - greedy.score)
    return Turn(
        ask=w.pick(
            (
                f"And how far from the best is this plan: {greedy.said}?",
                f"My neighbour would do it like this: {greedy.said}. By how much is that worse?",
            )
        ),
        what="the difference",
        value=str(gap),
        pattern=number(gap),
        text=f"That plan comes to {greedy.score}, the best one to {best.score} {problem.unit}. The"
        f" difference is {max(best.score, greedy.score)} - {min(best.score, greedy.score)} ="
        f" {gap}.",
        thought=f"{greedy.said}: {greedy.score}. Best: {best.score}. Difference {gap}.",
        wrong=(("one more", str(gap + 1), number(gap + 1)),),
    )
