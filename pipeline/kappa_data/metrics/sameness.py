"""What is in the dataset twice: near-duplicates that were left, and tasks in two splits.

Duplicates are looked for in another way than by the stage that removes them: by the exact Jaccard
similarity of all pairs among conversations that are drawn. Which are drawn is told by what they
say, the smallest hash of one of their sentences, so that two that say nearly the same are nearly
always drawn together or not at all.
"""

from __future__ import annotations

import heapq
import re
import unicodedata
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from kappa_data.config import ReportConfig
from kappa_data.metrics.measure import Measure
from kappa_data.metrics.talks import Talk
from kappa_data.near_duplicates import near_duplicates
from kappa_data.records import Conversation, Split, Task

DRAWN = 200
"""conversations of each speaker that are compared with each other"""
TEXT_CHARS = 100_000
"""of a conversation's words are compared"""
TASK_CHARS = 3_000
"""of what a task gives are compared, its wishes first"""
ALIKE = 0.9
"""Jaccard similarity of two tasks that are one; tasks of one family and two seeds stay below"""
NGRAM = 5
EXAMPLES = 5

_SENTENCE = re.compile(r"[.!?\n]+\s*")


class Sketch(Struct, frozen=True, gc=False):
    """A conversation that may be drawn: who speaks in it, its rank in the draw, what is said."""

    speakers: str
    rank: int
    id: str
    text: str


class Opening(Struct, frozen=True, gc=False):
    """What a task gives to whoever does it, and where it stands."""

    task: str
    split: Split
    text: str


class Sameness(Struct, frozen=True):
    """`twins`: conversations that another drawn one nearly repeats; `compared`: how many were
    drawn; `leaking`: tasks in two splits, and what of them is so, of `tasks`."""

    twins: Sequence[str]
    compared: int
    leaking: Mapping[str, str]
    tasks: int

    def measures(self, targets: ReportConfig) -> tuple[Measure, ...]:
        """The figures with their targets."""
        first = next(iter(self.leaking), "")
        return (
            Measure(
                "near_duplicates",
                "near-duplicates left",
                len(self.twins) / self.compared if self.compared else None,
                "at most",
                targets.near_duplicates,
                number=self.compared,
                examples=tuple(self.twins[:EXAMPLES]),
            ),
            Measure(
                "task_leaks",
                "tasks in two splits",
                len(self.leaking) / self.tasks if self.tasks else None,
                "at most",
                targets.task_leaks,
                number=self.tasks,
                detail=f"{first}: {self.leaking[first]}" if first else "",
            ),
        )


def sketch_of(conversation: Conversation) -> Sketch:
    """What is compared: what the assistant said, and the calls that it made."""
    said, speakers = [], set()
    for message in conversation.messages:
        if message.role == "assistant":
            said.append(message.content)
            said += [f"{c.function.name} {c.function.arguments}" for c in message.tool_calls]
        speakers.add(message.persona or conversation.persona or "")
    text = "\n".join(said)[:TEXT_CHARS]
    sentences = (each.strip().lower().encode() for each in _SENTENCE.split(text))
    rank = min((zlib.crc32(each) for each in sentences if each), default=0)
    return Sketch("|".join(sorted(speakers)), rank, conversation.id, text)


def lowest(sketches: Iterable[Sketch], count: int = DRAWN) -> list[Sketch]:
    """Of each speaker the first ones of the draw."""
    groups: dict[str, list[Sketch]] = defaultdict(list)
    for each in sketches:
        groups[each.speakers].append(each)
    return [one for own in groups.values() for one in heapq.nsmallest(count, own, key=_order)]


def _order(sketch: Sketch) -> tuple[int, str]:
    return sketch.rank, sketch.id


def twins(sketches: Iterable[Sketch], threshold: float, ngram: int) -> list[str]:
    """Ids of those that another one of the same speaker is as similar to as `threshold` says."""
    groups: dict[str, list[tuple[str, frozenset[int]]]] = defaultdict(list)
    for each in sorted(sketches, key=_order):
        groups[each.speakers].append((each.id, _ngrams(each.text, ngram)))
    found = []
    for own in groups.values():
        for at, (id, grams) in enumerate(own):
            if grams and any(_jaccard(grams, other) >= threshold for _, other in own[:at]):
                found.append(id)
    return found


def _ngrams(text: str, count: int) -> frozenset[int]:
    words = unicodedata.normalize("NFKC", text).lower().split()
    return frozenset(hash(tuple(words[at : at + count])) for at in range(len(words) - count + 1))


def _jaccard(one: frozenset[int], other: frozenset[int]) -> float:
    # Sets of very different sizes cannot be alike; most pairs are told apart by that or by nothing
    # in common.
    common = len(one & other)
    return common / (len(one) + len(other) - common) if common else 0.0


def opening_of(task: Task, split: Split) -> Opening:
    """All that a task gives: its wishes and its files."""
    files = (f"{path}\n{text}" for path, text in sorted(task.fixture.items()))
    text = "\n".join((task.opening, *task.goals, *files))
    return Opening(task.id, split, text[:TASK_CHARS])


def opening_of_import(conversation: Conversation) -> Opening | None:
    """The first message of the user; None where there is none."""
    said = next((each.content for each in conversation.messages if each.role == "user"), None)
    if said is None:
        return None
    return Opening(conversation.task_id or conversation.id, conversation.split, said[:TASK_CHARS])


def leaks(talks: Iterable[Talk], openings: Iterable[Opening]) -> dict[str, str]:
    """Tasks that stand in two splits, by their id or by nearly all of their words."""
    splits: dict[str, set[str]] = defaultdict(set)
    for talk in talks:
        if talk.kept:
            splits[talk.task].add(talk.split)
    found = {
        task: f"in {' and '.join(sorted(names))}"
        for task, names in sorted(splits.items())
        if len(names) > 1
    }
    some = sorted(
        (each for each in openings if each.task in splits), key=lambda each: (each.task, each.split)
    )
    if len({each.split for each in some}) < 2:
        return found
    return found | dict(_near(some))


def _near(openings: Sequence[Opening]) -> Iterator[tuple[str, str]]:
    texts = [each.text for each in openings]
    same: dict[str, int] = {}
    for at, text in enumerate(texts):  # a short one has no n-gram, and may still be the same
        plain: Any = " ".join(re.findall(r"\w+", text.lower()))
        first = same.setdefault(plain, at)
        if first != at:
            yield from _if_apart(openings[first], openings[at])
    for first, at, _ in near_duplicates(texts, threshold=ALIKE, ngram=NGRAM, seed=0):
        yield from _if_apart(openings[first], openings[at])


def _if_apart(one: Opening, other: Opening) -> Iterator[tuple[str, str]]:
    if one.split != other.split and one.task != other.task:
        yield other.task, f"in {other.split} as {one.task} in {one.split}"
