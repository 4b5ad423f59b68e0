"""Questions about a user's own documents whose answer is a sentence of theirs, word for word."""

from __future__ import annotations

import itertools
import re
from collections import Counter

from kappa_data.tasks.material.long_document import Document, Section
from kappa_data.tasks.material.long_talk import Turn
from kappa_data.tasks.wording import Wording

_ENDS = re.compile(r"(?<=[.!?])\s+(?=\S)")
_WORDS = (6, 40)
LEAST = 6
"""pairs of sentences that a text has to have"""

Pair = tuple[Section, str, str]


def pairs(document: Document) -> list[Pair]:
    """Neighbouring sentences of one paragraph that stand nowhere else, of six to forty words."""
    found: list[Pair] = []
    seen: Counter[str] = Counter()
    for section in document.sections:
        for paragraph in section.paragraphs:
            said = [" ".join(each.split()) for each in _ENDS.split(" ".join(paragraph))]
            seen.update(said)
            found += [
                (section, one, other)
                for one, other in itertools.pairwise(said)
                if _usable(one) and _usable(other)
            ]
    return [pair for pair in found if seen[pair[1]] == 1 == seen[pair[2]]]


def _usable(text: str) -> bool:
    low, high = _WORDS
    return low <= len(text.split()) <= high and text[-1:] in ".!?" and "{" not in text


def questions(w: Wording, document: Document) -> list[Turn]:
    """Which sentence comes next, and which before. ValueError: too few sentences to ask about."""
    known = pairs(document)
    if len(known) < LEAST:
        raise ValueError(
            f"documents: {len(known)} pairs of sentences to ask about; {LEAST} are needed"
        )
    chosen = w.some(known, w.pick((2, 3, 3, 4)))
    return [_turn(w, known, pair) for pair in chosen]


def _turn(w: Wording, known: list[Pair], pair: Pair) -> Turn:
    section, one, other = pair
    forward = w.chance(0.6)
    asked, value = (one, other) if forward else (other, one)
    side = "after" if forward else "before"
    strays = [text for _, *both in known for text in both if text not in (one, other)]
    wrong = [asked, *w.some(sorted(set(strays)), 2)]
    return Turn(
        ask=w.pick(
            (
                f'Which sentence comes right {side} this one: "{asked}"',
                f'Quote the sentence right {side} "{asked}"',
                f'Somewhere it says: "{asked}" What is the sentence {side} that?',
            )
        ),
        what="that sentence, word for word",
        value=value,
        pattern=quoted(value),
        text=f"The passage is in {section.called}. Right {side} the sentence that you quote, in the"
        " same paragraph, stands the one that you want; I give it as it is.",
        thought=f'"{asked}" is in section {section.number}. Its neighbour {side} it: "{value}"',
        wrong=tuple(("another sentence", text, quoted(text)) for text in wrong),
    )


def quoted(text: str) -> str:
    """A pattern for the sentence; signs between its words are free."""
    return r"\W{1,6}".join(re.escape(word) for word in re.findall(r"\w+", text))
