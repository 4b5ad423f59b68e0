"""Visits that are scattered over a long document, and questions that need two or more of them."""

from __future__ import annotations

from msgspec import Struct

from kappa_data.tasks.material.long_document import Section
from kappa_data.tasks.material.long_haystack import Haystack, strangers
from kappa_data.tasks.material.long_names import MONTHS
from kappa_data.tasks.material.long_needles import pattern
from kappa_data.tasks.material.long_talk import Turn
from kappa_data.tasks.material.phrasing import number
from kappa_data.tasks.wording import Wording, listed, sentence

_SEEN = (
    "{p} came to {s} on {d} and counted {n} {g}.",
    "On {d} {p} counted {n} {g} at {s}.",
    "At {s}, {p} found {n} {g} on {d}.",
    "{n} {g} were counted at {s} by {p} on {d}.",
)
_COST = (
    "The visit to {s} was charged at {c}.",
    "For the visit to {s} a bill of {c} came in.",
    "{c} had to be paid for the visit to {s}.",
)
_BUT = (
    "A visit to {s} was planned and never took place.",
    "Nobody found the time to visit {s}.",
)
_LOST = r"not (?:stated|given|mentioned|named|said|recorded|known|available|in the)|unknown|n/?a\b"


class Visit(Struct, frozen=True):
    """One visit; `said` and `bill` are the sentences on it, in `section` and `paid`."""

    place: str
    name: str
    day: int
    month: int
    count: int
    cost: int
    said: str
    bill: str
    section: Section
    paid: Section

    @property
    def date(self) -> str:
        """`3 May`."""
        return f"{self.day} {MONTHS[self.month]}"


class Visits:
    """All visits of a document, in the order of the text, and one that did not take place."""

    def __init__(self, w: Wording, hay: Haystack) -> None:
        self.w = w
        count = w.rng.randint(4, 8)
        self.goods = w.pick(hay.setting.words["goods"])
        *places, missed = w.some(hay.setting.words["item"], count + 1)
        self.missed = f"the {missed}"
        names = strangers(w, hay, count)
        dates = w.some([(month, day) for month in range(12) for day in range(1, 29)], count)
        counts, costs = w.some(range(12, 240), count), w.some(range(21, 890), count)
        drawn = []
        for place, name, (month, day), n, cost in zip(
            places, names, dates, counts, costs, strict=True
        ):
            facts = {"s": f"the {place}", "p": name, "d": f"{day} {MONTHS[month]}"}
            facts |= {"n": str(n), "g": self.goods, "c": f"£{cost}"}
            seen, bill = w.pick(_SEEN).format(**facts), w.pick(_COST).format(**facts)
            drawn.append((f"the {place}", name, day, month, n, cost, seen, sentence(bill)))
        where = hay.document.put_in_order(w, [row[6] for row in drawn])
        paid = hay.document.put_in_order(w, [row[7] for row in drawn])
        hay.document.put(w, w.pick(hay.document.sections), w.pick(_BUT).format(s=self.missed))
        self.all = [
            Visit(*row, section, bill)
            for row, section, bill in zip(drawn, where, paid, strict=True)
        ]

    def questions(self) -> list[Turn]:
        """Every kind of question once, in random order; the first has an answer in the text."""
        kinds = (
            self.who,
            self.most,
            self.total,
            self.apart,
            self.earliest,
            self.cost_of_person,
            self.cost_of_most,
            self.before,
        )
        first, *more = self.w.some(kinds, 4)
        if self.w.chance(0.4):
            more.insert(self.w.rng.randrange(len(more)), self.none)
        later = more[: self.w.pick((1, 1, 2, 2, 3))]
        return [first(), *(each() for each in later)]

    def who(self) -> Turn:
        """A name by place."""
        visit, other = self.w.some(self.all, 2)
        return Turn(
            ask=self.w.pick((f"Who visited {visit.place}?", f"By whom was {visit.place} visited?")),
            what="the full name",
            value=visit.name,
            pattern=pattern("person", visit.name),
            text=f"{sentence(visit.place)} was visited by {visit.name}; {visit.section.called} has"
            f" the passage: {visit.said}",
            thought=f"Visit to {visit.place}: section {visit.section.number}. {visit.said}",
            wrong=(self._name(other), self._name(self._other(visit, other))),
        )

    def most(self) -> Turn:
        """The place with the largest or smallest count."""
        largest = self.w.chance(0.5)
        ranked = sorted(self.all, key=lambda each: each.count, reverse=largest)
        word = "most" if largest else "fewest"
        rows = listed([f"{each.place} ({each.count})" for each in ranked])
        return Turn(
            ask=f"At which of the places that were visited were the {word} {self.goods} counted?",
            what="the place",
            value=ranked[0].place,
            pattern=_place(ranked[0]),
            text=f"The {word} were at {ranked[0].place}, {ranked[0].count} {self.goods}, by"
            f" {ranked[0].section.called}. The whole order is {rows}.",
            thought=f"Counts from all visits: {rows}.",
            wrong=tuple(
                (mistake, each.place, _place(each))
                for mistake, each in (
                    ("the second", ranked[1]),
                    ("the other end", ranked[-1]),
                )
            ),
        )

    def total(self) -> Turn:
        """The sum of all counts."""
        counts = [each.count for each in self.all]
        total = sum(counts)
        return Turn(
            ask=f"How many {self.goods} were counted on all visits together?",
            what="the number",
            value=str(total),
            pattern=number(total),
            text=f"There were {len(counts)} visits, and their counts add up to"
            f" {' + '.join(map(str, counts))} = {total}.",
            thought=f"In order: {listed([self._row(each) for each in self.all])}. Sum {total}.",
            wrong=(
                ("one visit is missed", str(total - counts[-1]), number(total - counts[-1])),
                (
                    "one is added twice",
                    str(total + counts[0]),
                    number(total + counts[0]),
                ),
            ),
        )

    def apart(self) -> Turn:
        """The difference of two counts."""
        high, low = sorted(self.w.some(self.all, 2), key=lambda each: -each.count)
        value, both = high.count - low.count, high.count + low.count
        return Turn(
            ask=f"How many more {self.goods} were counted at {high.place} than at {low.place}?",
            what="the number",
            value=str(value),
            pattern=number(value),
            text=f"At {high.place} {high.count} were counted (section {high.section.number}), at"
            f" {low.place} {low.count} (section {low.section.number}). That is {high.count} -"
            f" {low.count} = {value} more.",
            thought=f"{high.said} {low.said} Difference {value}.",
            wrong=(
                ("the sum", str(both), number(both)),
                ("off by one", str(value + 1), number(value + 1)),
            ),
        )

    def earliest(self) -> Turn:
        """The first or last visit of the year."""
        last = self.w.chance(0.5)
        ranked = sorted(self.all, key=lambda each: (each.month, each.day), reverse=last)
        word = "latest" if last else "earliest"
        rows = listed([f"{each.date} ({each.place})" for each in ranked])
        return Turn(
            ask=f"All visits were in one year. Which place had the {word} one?",
            what="the place",
            value=ranked[0].place,
            pattern=_place(ranked[0]),
            text=f"The {word} visit was that to {ranked[0].place} on {ranked[0].date}, told in"
            f" {ranked[0].section.called}. From there on the order is {rows}.",
            thought=f"By date: {rows}.",
            wrong=tuple(
                (mistake, each.place, _place(each))
                for mistake, each in (
                    ("the one next to it", ranked[1]),
                    ("the other end of the year", ranked[-1]),
                )
            ),
        )

    def cost_of_person(self) -> Turn:
        """A cost by person, over the place."""
        visit, other = self.w.some(self.all, 2)
        return self._cost(
            f"What did the visit by {visit.name} cost?",
            visit,
            other,
            f"{visit.name} was at {visit.place} (section {visit.section.number}).",
        )

    def cost_of_most(self) -> Turn:
        """A cost by count, over the place."""
        visit, other = self.w.some(self.all, 2)
        return self._cost(
            f"What did the visit cost on which {visit.count} {self.goods} were counted?",
            visit,
            other,
            f"The count of {visit.count} belongs to {visit.place} (section"
            f" {visit.section.number}).",
        )

    def before(self) -> Turn:
        """Who came right after somebody, by date."""
        ranked = sorted(self.all, key=lambda each: (each.month, each.day))
        at = self.w.rng.randrange(len(ranked) - 1)
        one, then = ranked[at : at + 2]
        other = next(each for each in ranked if each not in (one, then))
        return Turn(
            ask=f"By the dates, who made the next visit after that of {one.name}?",
            what="the full name",
            value=then.name,
            pattern=pattern("person", then.name),
            text=f"{one.name} came on {one.date}. The next date is {then.date}, with {then.name} at"
            f" {then.place}, as {then.section.called} has it.",
            thought=f"By date: {listed([f'{each.date} {each.name}' for each in ranked])}.",
            wrong=(self._name(other), self._name(one)),
        )

    def none(self) -> Turn:
        """What the text does not say."""
        near = self.w.pick(self.all)
        return Turn(
            ask=f"And what did the visit to {self.missed} cost? If the text does not tell, write"
            ' "not stated" there.',
            what="the amount",
            value="not stated",
            pattern=_LOST,
            text=f"The text gives no cost for {self.missed}. It says that this visit did not take"
            f" place, so there is no bill for it; amounts are given for {len(self.all)} other"
            " visits only.",
            thought=f"No visit to {self.missed} was made; nothing on a cost. Do not guess.",
            wrong=(
                ("the cost of another visit", f"£{near.cost}", pattern("money", f"£{near.cost}")),
            ),
        )

    def _cost(self, ask: str, visit: Visit, other: Visit, step: str) -> Turn:
        third = self._other(visit, other)
        return Turn(
            ask=ask,
            what="the amount",
            value=f"£{visit.cost}",
            pattern=pattern("money", f"£{visit.cost}"),
            text=f"{step} What it cost stands in {visit.paid.called}: {visit.bill}",
            thought=f"Two steps. {visit.said} So look for the bill of {visit.place}: {visit.bill}",
            wrong=tuple(
                ("the cost of another visit", f"£{each.cost}", pattern("money", f"£{each.cost}"))
                for each in (other, third)
            ),
        )

    def _other(self, *known: Visit) -> Visit:
        return next(each for each in self.all if each not in known)

    def _row(self, visit: Visit) -> str:
        return f"{visit.place} {visit.count} (section {visit.section.number})"

    def _name(self, visit: Visit) -> tuple[str, str, str]:
        return "somebody else", visit.name, pattern("person", visit.name)


def _place(visit: Visit) -> str:
    return rf"(?:the )?{pattern('words', visit.place.removeprefix('the '))}"
