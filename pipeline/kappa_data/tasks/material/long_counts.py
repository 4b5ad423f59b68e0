"""A stock that goes up and down through a long document, beside another one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from kappa_data.tasks.material.long_document import Section
from kappa_data.tasks.material.long_haystack import Haystack
from kappa_data.tasks.material.long_talk import Turn
from kappa_data.tasks.material.phrasing import number
from kappa_data.tasks.wording import Wording, sentence

_STORES = (
    ("the upper store", "the lower store"),
    ("the new shed", "the old shed"),
    ("the left cupboard", "the right cupboard"),
    ("the town depot", "the country depot"),
    ("cellar A", "cellar B"),
)
_START = ("On the first count there were {n} {g} in {s}.", "{S} began with {n} {g}.")
_MORE = (
    "{n} {g} were added to {s}.",
    "Another {n} {g} came into {s}.",
    "A delivery brought {n} {g} for {s}.",
)
_LESS = (
    "{n} {g} were taken out of {s}.",
    "{S} gave up {n} {g}.",
    "From {s} {n} {g} were issued.",
)


def counted(w: Wording, hay: Haystack, hops: int) -> list[Turn]:
    """A number of things changes so many times."""
    goods = w.pick(hay.setting.words["goods"])
    store, other = w.some(w.pick(_STORES), 2)
    start = w.rng.randint(120, 400)

    def told(place: str, first: int, changes: Sequence[int]) -> list[str]:
        said = [w.pick(_START).format(n=first, g=goods, s=place, S=sentence(place))]
        for change in changes:
            wording = w.pick(_MORE if change > 0 else _LESS)
            text = wording.format(n=abs(change), g=goods, s=place, S=sentence(place))
            said.append(sentence(text))
        return said

    changes = _changes(w, start, hops)
    texts = told(store, start, changes)
    where = hay.document.put_in_order(w, texts)
    near = w.rng.randint(120, 400)
    moved = _changes(w, near, max(3, hops // 2))
    hay.document.put_in_order(w, told(other, near, moved))
    levels = list(itertools.accumulate((start, *changes)))
    sums = " ".join(f"{'+' if each > 0 else '-'} {abs(each)}" for each in changes)
    steps = " ".join(f"Section {s.number}: {t}" for s, t in zip(where, texts, strict=True))
    end, stray, forgotten = levels[-1], near + sum(moved), levels[-1] - changes[-1]
    turned = end - 2 * changes[0]
    return [
        Turn(
            ask=w.pick(
                (
                    f"How many {goods} are in {store} at the end?",
                    f"The number of {goods} in {store} changes all the time. What is it in the"
                    " end?",
                    f"Going by the text alone, how many {goods} does {store} hold last?",
                )
            ),
            what="the number",
            value=str(end),
            pattern=number(end),
            text=w.pick(
                (
                    f"{sentence(store)} starts with {start} in {where[0].called}. Then come"
                    f" {hops} changes: {start} {sums} = {end}. What concerns {other} is left out.",
                    f"The sum is {start} {sums} = {end}, with the last change in"
                    f" {where[-1].called}. {sentence(other)} has entries of its own, which don't"
                    " belong here.",
                )
            ),
            thought=f"Only {store}. {steps} So {start} {sums} = {end}.",
            wrong=tuple(
                (mistake, str(value), number(value))
                for mistake, value in (
                    ("the last change is forgotten", forgotten),
                    ("the other store's number", stray),
                    ("the first change with the wrong sign", turned),
                )
                if value != end
            ),
        ),
        _lowest(levels, where, store, goods),
        _largest(changes, where, store, goods),
        _between(w, levels, where, store, goods),
    ]


def _changes(w: Wording, start: int, count: int) -> list[int]:
    """Changes of different sizes that never leave less than ten."""
    level, found = start, []
    for size in w.some(range(11, 90), count):
        change = -size if level - size >= 10 and w.chance(0.55) else size
        found.append(change)
        level += change
    return found


def _lowest(levels: Sequence[int], where: Sequence[Section], store: str, goods: str) -> Turn:
    low, high = min(levels), max(levels)
    return Turn(
        ask=f"What was the lowest number of {goods} in {store} at any time?",
        what="the number",
        value=str(low),
        pattern=number(low),
        text=f"The levels of {store} are {', '.join(map(str, levels))}, in the order of the text."
        f" The lowest of them is {low}, reached in section {where[levels.index(low)].number}.",
        thought=f"All levels: {', '.join(map(str, levels))}. Minimum {low}.",
        wrong=(("the highest", str(high), number(high)),),
    )


def _largest(changes: Sequence[int], where: Sequence[Section], store: str, goods: str) -> Turn:
    ranked = sorted(changes, key=abs)
    most, second = abs(ranked[-1]), abs(ranked[-2])
    place = where[changes.index(ranked[-1]) + 1]
    return Turn(
        ask=f"What was the largest single change in {store}, up or down? I mean how many {goods}.",
        what="the number",
        value=str(most),
        pattern=number(most),
        text=f"The largest change is in {place.called}, {most} {goods}"
        f" {'more' if ranked[-1] > 0 else 'fewer'} at once. The next one is {second}.",
        thought=f"Changes: {', '.join(map(str, changes))}. By size {most} is the largest.",
        wrong=(("the second largest", str(second), number(second)),),
    )


def _between(
    w: Wording, levels: Sequence[int], where: Sequence[Section], store: str, goods: str
) -> Turn:
    at = w.rng.randrange(1, len(levels) - 1)
    edge = where[at].number
    # Further changes in the same section are part of what holds at its end.
    last = max(n for n, section in enumerate(where) if section.number == edge)
    level = levels[last]
    wrong = next(each for each in (levels[last - 1], level + 1) if each != level)
    return Turn(
        ask=f"How many {goods} were in {store} by the end of section {edge}?",
        what="the number",
        value=str(level),
        pattern=number(level),
        text=f"Up to the end of section {edge} the levels are"
        f" {', '.join(map(str, levels[: last + 1]))}; so {level} {goods} were there when it"
        f" closes.",
        thought=f"Changes up to section {edge} only: {', '.join(map(str, levels[: last + 1]))}.",
        wrong=(("a change too few", str(wrong), number(wrong)),),
    )
