"""One fact in a long document, beside older values and the same of other subjects."""

from __future__ import annotations

from kappa_data.records import Task
from kappa_data.tasks.material.long_asking import LABELS
from kappa_data.tasks.material.long_document import Section
from kappa_data.tasks.material.long_haystack import Haystack, haystack, own_haystack
from kappa_data.tasks.material.long_needles import KINDS, Needle, needles, pattern, values
from kappa_data.tasks.material.long_talk import Turn, conversation
from kappa_data.tasks.material.phrasing import number
from kappa_data.tasks.own_material import Material
from kappa_data.tasks.wording import Wording, sentence

NAME = "long_find_one"
GROUP = "long_context"
TOOLS: tuple[str, ...] = ()
PROGRAMS: tuple[str, ...] = ()
SEEDS = 1080
"""24 facts times 45 pairs of a kind of document and a length"""

_FOUND = (
    "{place} says it: {quoted} The <value|entry> {old} in section {other} is the one that this"
    " replaced.",
    "The text gives two: {old}, which <stands|is> in section {other} and no longer holds, and"
    " the one"
    " in {place} that does. {quoted}",
    "According to {place}, {what} is {new}. Section {other} still mentions {old}, but only as what"
    " held until {year}.",
    "It is in {place}, where one reads: {quoted} That leaves {old}, in section {other}, as the"
    " outdated one.",
)
_THOUGHTS = (
    "Looking for {what}. Section {other}: {was} That is the old state. In {place}: {quoted} So"
    " {new}"
    " holds. <Other|The other> mentions, such as {near} for {twin}, concern something else.",
    "Two passages are about {what}: section {other} with {old} and section {n} with {new}. The year"
    " {year} is the change, and the second one comes after it. {Twin} has one of its own, {near},"
    " which was not asked for.",
    "Need {what}, as it stands now. {quoted} That is {place}. The sentence on {old} in section"
    " {other} speaks of the time before {year}. Not to be mixed up with {near} for {twin}.",
)


def make(seed: int) -> Task:
    """The task of `seed`, in a made-up document."""
    w = Wording(NAME, seed)
    return _task(w, seed, haystack(w, seed))


def make_from(seed: int, material: Material) -> Task:
    """The task of `seed`, hidden in the user's documents. ValueError: they are too short."""
    w = Wording(f"{NAME} own", seed)
    return _task(w, seed, own_haystack(w, seed, material))


class _Hidden:
    """What is put into the document: a fact that changed, and the same of other subjects."""

    def __init__(self, w: Wording, hay: Haystack, needle: Needle) -> None:
        self.needle = needle
        words = hay.setting.words[needle.subject]
        subjects = w.some(words, 4)
        self.main, self.twin, *others = [needle.of(each) for each in subjects]
        new, old, near, *rest = values(w, needle.value, 5)
        self.new, self.old, self.near = new, old, near
        self.year = str(hay.year + w.rng.randint(-9, 0))
        self.said_now = self._say(w, needle.now, self.main, new)
        self.said_was = self._say(w, needle.was, self.main, old)
        twins = [self._say(w, needle.plain, self.twin, near)]
        twins += [
            self._say(w, w.pick((needle.plain, needle.was)), each, value)
            for each, value in zip(others, rest, strict=True)
        ]
        texts = [self.said_now, self.said_was, *twins]
        w.rng.shuffle(texts)
        self.where: dict[str, Section] = {}
        for section, text in zip(hay.document.spread(w, len(texts)), texts, strict=True):
            hay.document.put(w, section, text)
            self.where[text] = section
        self.said_twin = twins[0]

    def _say(self, w: Wording, wordings: tuple[str, ...], subject: dict[str, str], v: str) -> str:
        said = w.pick(wordings).format(**subject, v=v + self.needle.unit, y=self.year)
        return sentence(said)

    def spelled(self, value: str) -> str:
        """A pattern for the value."""
        return pattern(self.needle.value, value)

    def facts(self) -> dict[str, str]:
        """For wordings of answers and reasoning."""
        here, there = self.where[self.said_now], self.where[self.said_was]
        return {
            "what": self.needle.what.format(**self.main),
            "place": here.called,
            "n": str(here.number),
            "other": str(there.number),
            "new": self.new + self.needle.unit,
            "old": self.old + self.needle.unit,
            "near": self.near + self.needle.unit,
            "quoted": self.said_now,
            "was": self.said_was,
            "year": self.year,
            "twin": self.twin["s"],
            "Twin": self.twin["S"],
        }


def _task(w: Wording, seed: int, hay: Haystack) -> Task:
    hidden = _Hidden(w, hay, needles()[seed % len(needles())])
    facts = hidden.facts()
    first = Turn(
        ask=w.pick(hidden.needle.ask).format(**hidden.main),
        what=KINDS[hidden.needle.value],
        value=hidden.new,
        pattern=hidden.spelled(hidden.new),
        text=w.say(_FOUND, **facts),
        thought=sentence(w.say(_THOUGHTS, **facts)),
        wrong=(
            ("the value that was replaced", hidden.old, hidden.spelled(hidden.old)),
            ("the value of another subject", hidden.near, hidden.spelled(hidden.near)),
        ),
    )
    follow = w.some((_before, _twin, _section, _change), w.pick((0, 1, 1, 2, 2, 3)))
    # "That change" is open once another subject was asked about, which so comes last.
    follow.sort(key=lambda each: each is _twin)
    turns = [first, *(each(w, hidden, facts) for each in follow)]
    return conversation(
        w,
        name=NAME,
        seed=seed,
        label=w.pick(LABELS),
        noun=hay.noun,
        document=hay.document,
        turns=turns,
    )


def _before(w: Wording, hidden: _Hidden, facts: dict[str, str]) -> Turn:
    return Turn(
        ask=w.pick(hidden.needle.ask_was)
        + w.pick(("", f" I mean {facts['what']} before {hidden.year}.")),
        what=KINDS[hidden.needle.value],
        value=hidden.old,
        pattern=hidden.spelled(hidden.old),
        text=w.say(
            (
                "Before {year} it was {old}. Section {other} has it: {was}",
                "{was} So says section {other}; the change to {new} came in {year}.",
                "Section {other} names {old} for the time before {year}, when {new} took its"
                " place.",
            ),
            **facts,
        ),
        thought=f"The earlier value. Section {facts['other']}: {hidden.said_was}",
        wrong=(("the present value again", hidden.new, hidden.spelled(hidden.new)),),
    )


def _twin(w: Wording, hidden: _Hidden, facts: dict[str, str]) -> Turn:
    section = hidden.where[hidden.said_twin]
    asked = hidden.needle.what.format(**hidden.twin)
    return Turn(
        ask=w.pick(
            (
                f"What does it say about {asked}?",
                f"And {asked}, is that in there as well? What is it?",
                f"I also need {asked}.",
            )
        ),
        what=KINDS[hidden.needle.value],
        value=hidden.near,
        pattern=hidden.spelled(hidden.near),
        text=w.say(
            (
                "That is in {place}: {said} No other passage contradicts it, so it can be taken as"
                " it is.",
                "{said} It stands in {place}, and unlike the first one it was never changed in the"
                " text.",
            ),
            place=section.called,
            said=hidden.said_twin,
        ),
        thought=f"Now {asked}. Section {section.number} has it: {hidden.said_twin}",
        wrong=(("the value of the first subject", hidden.new, hidden.spelled(hidden.new)),),
    )


def _section(w: Wording, hidden: _Hidden, facts: dict[str, str]) -> Turn:
    n, other = facts["n"], facts["other"]
    wrong = next(each for each in (other, str(int(n) + 1)) if each != n)
    return Turn(
        ask=w.pick(
            (
                "Where is that? Give me the number of the section with the valid one.",
                "Which section has the entry that holds now? The number is enough.",
                f"In which numbered section do I find the present state of {facts['what']}?",
            )
        ),
        what="the number of the section",
        value=n,
        pattern=number(n),
        text=w.say(
            (
                "The entry that holds is in {place}. The outdated one, {old}, is in section {other}"
                " and easily taken for it.",
                "Look into {place}; there it says: {quoted}",
            ),
            **facts,
        ),
        thought=f"{hidden.said_now} This sentence is in section {n}; the old value in {other}.",
        wrong=(("another section", wrong, number(wrong)),),
    )


def _change(w: Wording, hidden: _Hidden, facts: dict[str, str]) -> Turn:
    year = hidden.year
    wrong = str(int(year) - 2)
    return Turn(
        ask=w.pick(
            (
                "In which year did that change?",
                f"Since when has that been so? The year, please, for {facts['what']}.",
                "And the year of the change?",
            )
        ),
        what="the year",
        value=year,
        pattern=number(year),
        text=w.say(
            (
                "The change is dated to {year}, both in {place} and in section {other}, where the"
                " older value is named.",
                "It changed in {year}, from {old} to {new}; {place} and section {other} agree on"
                " the year.",
            ),
            **facts,
        ),
        thought=f"{hidden.said_now} And: {hidden.said_was} Both give {year}.",
        wrong=(("another year", wrong, number(wrong)),),
    )
