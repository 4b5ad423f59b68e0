"""Conversations without tools, written by hand: `data/seeds/tasks/talk_*.toml`.

A *case* is a problem that changes as the user reports back: a first answer, several paths on which
it may go on, and questions aside. A *topic* is a set of questions about one thing, each of which
can be asked by itself.
"""

from __future__ import annotations

import functools
import itertools
import tomllib
from collections.abc import Sequence
from typing import TypeVar

import msgspec
from msgspec import Struct

from kappa_data.records import AnswerCheck, ReferenceTurn, Task
from kappa_data.resources import Resources
from kappa_data.tasks.mistakes import answered
from kappa_data.tasks.wording import Wording

FOLDER = "data/seeds/tasks"
MOST_SHARED = 0.6
"""share of their turns that two plans of one case or topic may have in common, of all of both"""
_SIZES = ((3, 2, 4, 5), (4, 2, 3, 5))
"""how many questions of a topic are asked, the topics taking turns"""
_VAGUE = "Hard to tell. Opinions differ, so do what feels right."
T = TypeVar("T", bound=Struct)


class Turn(Struct, frozen=True, forbid_unknown_fields=True):
    """What the user says and what is right to answer.

    Every regular expression of `facts` is found, at the start of a word, in a right answer, none
    of `never`. `note` is what has to be thought of; `wrong` is a plausible answer that is not
    right. `<a|b>` in `ask` is a choice.
    """

    ask: str
    note: str
    answer: str
    facts: tuple[str, ...]
    wrong: str
    never: tuple[str, ...] = ()


class First(Struct, frozen=True, forbid_unknown_fields=True):
    """A `Turn` whose user message is one of the case's openings."""

    note: str
    answer: str
    facts: tuple[str, ...]
    wrong: str
    never: tuple[str, ...] = ()


class Case(Struct, frozen=True, forbid_unknown_fields=True):
    """A problem with its openings; after `first` a conversation takes one of `paths`."""

    name: str
    opening: tuple[str, ...]
    first: First
    paths: tuple[tuple[Turn, ...], ...]
    asides: tuple[Turn, ...]


class Topic(Struct, frozen=True, forbid_unknown_fields=True):
    """Questions that make sense in any order; `about` fits into "a question about ..."."""

    about: str
    questions: tuple[Turn, ...]


class _Cases(Struct, frozen=True, forbid_unknown_fields=True):
    case: tuple[Case, ...]


class _Topics(Struct, frozen=True, forbid_unknown_fields=True):
    topic: tuple[Topic, ...]


def loaded(prefix: str, form: type[T]) -> tuple[T, ...]:
    """The seed files whose names begin with `prefix`, in the order of their names."""
    resources = Resources()
    return tuple(
        msgspec.convert(tomllib.loads(resources.read(name)), form)
        for name in resources.names(FOLDER, ".toml")
        if name.startswith(f"{FOLDER}/{prefix}")
    )


def spread(groups: Sequence[Sequence[T]]) -> tuple[T, ...]:
    """All items of all groups; those of one group are far apart from each other."""
    placed = [(place, item) for group in groups for place, item in enumerate(group)]
    return tuple(item for _, item in sorted(placed, key=lambda row: row[0]))


@functools.cache
def cases(prefix: str) -> tuple[Case, ...]:
    """The cases of the files `prefix`*."""
    return spread([each.case for each in loaded(prefix, _Cases)])


@functools.cache
def topics(prefix: str) -> tuple[Topic, ...]:
    """The topics of the files `prefix`*."""
    return spread([each.topic for each in loaded(prefix, _Topics)])


@functools.cache
def plans(questions: int, sizes: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Which questions of a topic are asked together: so many as `sizes` say, the first preferred.

    No two plans share more than `MOST_SHARED`.
    """
    kept: list[tuple[int, ...]] = []
    for size in sizes:
        for plan in itertools.combinations(range(questions), size):
            if all(_shared(plan, other) <= MOST_SHARED for other in kept):
                kept.append(plan)
    return tuple(kept)


def _shared(one: Sequence[int], other: Sequence[int]) -> float:
    return len({*one} & {*other}) / len({*one, *other})


@functools.cache
def rounds(prefix: str) -> tuple[tuple[Topic, tuple[int, ...]], ...]:
    """(topic, numbers of its questions) for all conversations of the files `prefix`*.

    Topics go round first, then plans, so that near ones differ widely.
    """
    ways = [
        [(topic, plan) for plan in plans(len(topic.questions), _SIZES[number % len(_SIZES)])]
        for number, topic in enumerate(topics(prefix))
    ]
    return tuple(way for each in itertools.zip_longest(*ways) for way in each if way is not None)


@functools.cache
def courses(prefix: str) -> tuple[tuple[Case, tuple[Turn, ...], Turn], ...]:
    """(case, path, question aside) for all conversations of the files `prefix`*.

    Cases go round first, then paths, so that near ones differ widely.
    """
    ways = [
        [
            (case, path, aside)
            for number, aside in enumerate(case.asides)
            for place, path in enumerate(case.paths)
            # All but the aside is common to both conversations on a path.
            if (1 + len(path)) / (3 + len(path)) <= MOST_SHARED
            or number == place % len(case.asides)
        ]
        for case in cases(prefix)
    ]
    return tuple(way for each in itertools.zip_longest(*ways) for way in each if way is not None)


_OPENINGS = (
    "{}",
    "<Hi|Hello|Hey>! {}",
    "<Good morning|Good afternoon|Hi there>. {} <Take your time.|I have an hour.|No hurry.>",
    "{}\n\n<Thanks in advance!|Many thanks.|I appreciate it.>",
    "<Hi|Hello|Good morning|Evening>.\n\n{}\n\n<Thanks!|Thank you.|Cheers|Grateful for any hint.>",
    "{} <Any idea?|What would you do?|Where do I start?|Help?>",
    "<Another day, another riddle.|I'm a bit lost here.|I could use a second pair of eyes.> {}",
    "{} <I'm no expert, so plain words please.|Please keep it practical.|Short is fine.>",
)


def conversation(w: Wording, name: str, seed: int, prefix: str) -> Task:
    """The task of `seed` of a family whose cases are the files `prefix`*.

    The question aside comes last or, in one of three, between the first answer and the report.
    """
    every = courses(prefix)
    case, path, aside = every[seed % len(every)]
    later = (aside, *path) if w.chance(1 / 3) else (*path, aside)
    said = case.opening[seed % len(every) // len(cases(prefix)) % len(case.opening)]
    wrapped = chosen(w, w.pick(_OPENINGS)).replace("{}", said)
    return assembled(name, seed, wrapped, [chosen(w, each.ask) for each in later],
                     [case.first, *later])  # fmt: skip


def chosen(w: Wording, text: str) -> str:
    """`text` with each `<this|or that>` decided; braces and comparisons stay what they are."""
    return w.say(text.replace("{", "{{").replace("}", "}}"))


def assembled(
    name: str, seed: int, opening: str, goals: Sequence[str], turns: Sequence[Turn | First]
) -> Task:
    """A task without tools that asks, answers and checks `turns`; one wrong attempt for each
    and one that says nothing in its last answer."""
    reference = tuple(ReferenceTurn(each.answer.strip(), reasoning=each.note) for each in turns)
    wrong = [
        answered(f"gives wrong advice in answer {number + 1}", reference, number, each.wrong)
        for number, each in enumerate(turns)
    ]
    return Task(
        id=f"{name}/{seed}",
        family=name,
        seed=seed,
        opening=opening,
        goals=tuple(goals),
        verifier=tuple(check(each, number) for number, each in enumerate(turns)),
        reference=reference,
        wrong=(*wrong, answered("stays vague", reference, -1, _VAGUE)),
    )


def check(turn: Turn | First, number: int) -> AnswerCheck:
    """What the answer number `number` has to say."""
    return AnswerCheck(
        turn=number,
        required=tuple(rf"(?<![a-z])(?:{fact})" for fact in turn.facts),
        forbidden=turn.never,
    )
