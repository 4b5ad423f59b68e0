"""Everybody in a long document to whom something happened, and nobody to whom it almost did."""

from __future__ import annotations

from msgspec import Struct

from kappa_data.records import Task
from kappa_data.tasks.material.long_asking import LABELS
from kappa_data.tasks.material.long_document import Section, places
from kappa_data.tasks.material.long_haystack import Haystack, haystack, own_haystack, strangers
from kappa_data.tasks.material.long_needles import pattern
from kappa_data.tasks.material.long_talk import Turn, conversation
from kappa_data.tasks.material.long_themes import THEMES, Theme
from kappa_data.tasks.material.phrasing import number
from kappa_data.tasks.own_material import Material
from kappa_data.tasks.wording import Wording, listed, sentence

NAME = "long_find_several"
GROUP = "long_context"
TOOLS: tuple[str, ...] = ()
PROGRAMS: tuple[str, ...] = ()
SEEDS = 1080
"""12 themes in documents of nine kinds, two settings each and five lengths"""


class Case(Struct, frozen=True):
    """One person with the number that belongs to it, and where it stands."""

    name: str
    amount: int
    said: str
    section: Section


def make(seed: int) -> Task:
    """The task of `seed`, in a made-up document."""
    w = Wording(NAME, seed)
    return _task(w, seed, haystack(w, seed))


def make_from(seed: int, material: Material) -> Task:
    """The task of `seed`, hidden in the user's documents. ValueError: they are too short."""
    w = Wording(f"{NAME} own", seed)
    return _task(w, seed, own_haystack(w, seed, material))


def _task(w: Wording, seed: int, hay: Haystack) -> Task:
    theme = THEMES[seed % len(THEMES)]
    yes, no = w.rng.randint(3, 8), w.rng.randint(2, 5)
    names = strangers(w, hay, yes + no)
    amounts = w.some(range(theme.low, theme.high), yes + no)
    happened = w.some([True] * yes + [False] * no, yes + no)
    texts = [
        w.pick(theme.yes if hit else theme.no).format(p=name, v=_money(theme, amount))
        for name, amount, hit in zip(names, amounts, happened, strict=True)
    ]
    where = hay.document.put_in_order(w, texts)
    cases: list[Case] = []
    near: list[Case] = []
    for person, amount, said, section, hit in zip(
        names, amounts, texts, where, happened, strict=True
    ):
        (cases if hit else near).append(Case(person, amount, said, section))
    label = w.pick(LABELS)
    first = _all(w, theme, cases, near)
    follow = w.some((_total, _most, _over, _first), w.pick((0, 1, 1, 2, 2, 3)))
    return conversation(
        w,
        name=NAME,
        seed=seed,
        label=label,
        noun=hay.noun,
        document=hay.document,
        turns=[first, *(each(w, theme, cases, near) for each in follow)],
    )


def _money(theme: Theme, amount: int) -> str:
    return f"£{amount:,}" if theme.money else str(amount)


def _row(theme: Theme, case: Case) -> str:
    return f"{case.name} ({_money(theme, case.amount)}, section {case.section.number})"


def _all(w: Wording, theme: Theme, cases: list[Case], near: list[Case]) -> Turn:
    count = str(len(cases))
    rows = [_row(theme, case) for case in cases]
    if w.chance(0.5):
        body = "\n".join(f"- {row}" for row in rows)
        text = f"{count} people, in the order of the text:\n\n{body}\n\n"
    else:
        text = f"These {count} are named: {listed(rows)}. "
    left = listed([case.name for case in near])
    text += w.say(
        (
            "Not counted are {left}: each of them {nearly}.",
            "I left out {left}, of whom the text says that each {nearly}.",
        ),
        left=left,
        nearly=theme.nearly,
    )
    too_many, too_few = str(len(cases) + len(near)), str(len(cases) - 1)
    steps = " ".join(f"Section {case.section.number}: {case.said}" for case in cases)
    return Turn(
        ask=w.pick(theme.ask)
        + w.pick(
            (
                " All names, please.",
                " Give each name in full.",
                " Names with the section where each stands.",
                " I need every name, and nobody who does not belong there.",
            )
        ),
        what="the number of these people",
        value=count,
        pattern=number(count),
        text=text,
        thought=(
            f"Going through the sections for people of whom it is said that each {theme.who}."
            f" {steps} To be kept apart: {' '.join(case.said for case in near)}"
            f" That leaves {count}."
        ),
        wrong=(
            ("those to whom it only almost happened are counted", too_many, number(too_many)),
            ("one of them is missed", too_few, number(too_few)),
        ),
        also=tuple(pattern("person", case.name.split()[1]) for case in cases),
    )


def _total(w: Wording, theme: Theme, cases: list[Case], near: list[Case]) -> Turn:
    total = sum(case.amount for case in cases)
    wrong = total + near[0].amount
    terms = " + ".join(str(case.amount) for case in cases)
    said = _money(theme, total)
    return Turn(
        ask=theme.total,
        what="the amount" if theme.money else "the number",
        value=said,
        pattern=_sum_pattern(theme, total),
        text=w.pick(
            (
                f"Added up in the order of the text this is {terms} = {total}. Nothing of those"
                f" who do not belong there is in it.",
                f"The {len(cases)} entries, in {places([case.section for case in cases])}, give"
                f" {terms} = {total}.",
            )
        ),
        thought=f"Only those that count: {terms}. That makes {total}.",
        wrong=(
            (
                "somebody who does not belong there is added",
                _money(theme, wrong),
                _sum_pattern(theme, wrong),
            ),
        ),
    )


def _sum_pattern(theme: Theme, total: int) -> str:
    return pattern("money", f"£{total}") if theme.money else number(total)


def _most(w: Wording, theme: Theme, cases: list[Case], near: list[Case]) -> Turn:
    ranked = sorted(cases, key=lambda case: -case.amount)
    best, second = ranked[:2]
    return Turn(
        ask=theme.most,
        what="the full name",
        value=best.name,
        pattern=pattern("person", best.name),
        text=w.pick(
            (
                f"{_row(theme, best)} comes first, with {_row(theme, second)} behind.",
                f"That is {best.name}, in {best.section.called}: {best.said} The next is"
                f" {second.name} with {_money(theme, second.amount)}.",
            )
        ),
        thought=f"In order: {listed([_row(theme, case) for case in ranked])}.",
        wrong=(("the second", second.name, pattern("person", second.name)),),
    )


def _over(w: Wording, theme: Theme, cases: list[Case], near: list[Case]) -> Turn:
    ranked = sorted(case.amount for case in cases)
    at = w.rng.randrange(1, len(ranked))
    limit = (ranked[at - 1] + ranked[at]) // 2
    above = [case for case in cases if case.amount > limit]
    below = [case for case in cases if case.amount <= limit]
    count, wrong = str(len(above)), str(len(above) + 1)
    asked = theme.over.format(t=_money(theme, limit))
    return Turn(
        ask=asked,
        what="the number",
        value=count,
        pattern=number(count),
        text=f"Above {_money(theme, limit)} {_is(above)} {listed([_row(theme, c) for c in above])};"
        f" {listed([_row(theme, c) for c in below])} {_is(below)} not.",
        thought=f"Limit {limit}. Sorted: {', '.join(map(str, ranked))}. {count} of them are above.",
        wrong=(("one too many", wrong, number(wrong)),),
    )


def _is(cases: list[Case]) -> str:
    return "is" if len(cases) == 1 else "are"


def _first(w: Wording, theme: Theme, cases: list[Case], near: list[Case]) -> Turn:
    last = w.chance(0.5)
    ends = [case.section.number for case in cases]
    edge = max(ends) if last else min(ends)
    there = [case for case in cases if case.section.number == edge]
    wrong = next((n for n in (ends if last else ends[::-1]) if n != edge), edge + 1)
    named = sentence(listed([case.name for case in there]))
    return Turn(
        ask=f"In which section does the {'last' if last else 'first'} of them come up?",
        what="the number of the section",
        value=str(edge),
        pattern=number(edge),
        text=f"{named} {'comes' if len(there) == 1 else 'come'} up in {there[0].section.called},"
        f" {'after' if last else 'before'} all the others of the list. {there[0].said}",
        thought=f"Sections of those that count: {', '.join(map(str, ends))}. So {edge}.",
        wrong=(
            (
                "the section of another",
                str(wrong),
                number(wrong),
            ),
        ),
    )
