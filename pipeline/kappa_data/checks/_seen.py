"""What an assistant has seen so far: every text of a conversation up to a message, its numbers and
its counts. Each is put together when it is asked for, and once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from kappa_data.records import Message

_PLAIN = re.compile(r"\d+(?:\.\d+)?")
_GROUPED = re.compile(r"\d{1,3}(?:[,_]\d{3})+(?:\.\d+)?")
MOST_PAIRED = 150
"""so many of the numbers seen last may have been reckoned with"""
MOST_PERCENT = 200
_BLANK = re.compile(r"\s+")
_WORDS = "zero one two three four five six seven eight nine ten eleven twelve"
_VALUES = {word: float(number) for number, word in enumerate(_WORDS.split(" "))}
_WORD = re.compile(rf"\b(?:{_WORDS.replace(' ', '|')})\b")


class Seen:
    """Grows with the messages; `said` are all texts, `shown` those of tools and calls."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._shown: list[str] = []
        self._numbers: dict[float, None] = {}
        self._counts: set[float] = set()
        self._flat: list[str] = []
        self._counted = self._numbered = self._flattened = 0
        self.most_lines = 0

    def add(self, message: Message) -> None:
        """What stands in one more message."""
        texts = [message.content, message.reasoning or ""]
        for call in message.tool_calls:
            plain = call.function.arguments.replace("\\n", "\n").replace('\\"', '"')
            texts.append(plain)
            self._shown.append(plain)
        self._texts += [text for text in texts if text]
        if message.role == "tool":
            self._shown.append(message.content)

    def numbers(self) -> dict[float, None]:
        """Every number that stands somewhere, in the order of when it was seen first."""
        for text in self._texts[self._numbered :]:
            self._numbers |= dict.fromkeys(numbers_in(text))
            self._numbers |= dict.fromkeys(_VALUES[each] for each in set(_WORD.findall(text)))
        self._numbered = len(self._texts)
        return self._numbers

    def shows(self, value: float, written: str) -> bool:
        """Whether the number stands somewhere: first as it is `written` now, which is a hundred
        times faster than to read all numbers, then as whatever has its value."""
        alone = re.compile(rf"(?<![\d.]){re.escape(written)}(?!\d|\.\d)")
        if _PLAIN.fullmatch(written) and any(
            written in text and alone.search(text) for text in reversed(self._texts)
        ):
            return True
        return value in self.numbers()

    def counts(self) -> set[float]:
        """How many lines, words and characters what was shown has, singly and all together."""
        for text in self._shown[self._counted :]:
            lines = text.splitlines()
            full = sum(1 for line in lines if line.strip())
            self.most_lines += len(lines)
            words = len(text.split())
            for count in (len(lines), full, words, len(text), len(text.encode()), text.count(",")):
                self._counts |= {float(count - 1), float(count), float(count + 1)}
            self._counts.add(float(self.most_lines))
        self._counted = len(self._shown)
        return self._counts

    def is_reckoned(self, value: float) -> bool:
        """Whether two of the numbers or counts give `value` by a sum, difference, product, ratio
        or percentage; `value` is above 0."""
        numbers, counts = [*self.numbers()][-MOST_PAIRED:], [*self.counts()][-MOST_PAIRED:]
        recent = [each for each in (*numbers, *counts) if each > 0]
        known = {round(each, 4) for each in recent}
        for one in recent:
            wanted = [value - one, value + one, one - value, value / one, value * one, one / value]
            if value <= MOST_PERCENT:
                wanted += [value * one / 100, value * 100 / one, one * 100 / value]
            if not known.isdisjoint(round(each, 4) for each in wanted):
                return True
        digits = 2 if value != int(value) else 0
        few = recent[-40:]
        return any(
            round(each, digits) == value
            for one in few
            for other in few
            for each in (one / other, one / other * 100)
        )

    def sums(self) -> Iterator[float]:
        """Of each text that was shown: the sum of its first and of its last number a line, of all
        its numbers, and the mean of these."""
        for text in self._shown:
            rows = [found for line in text.splitlines()[:2000] if (found := numbers_in(line))]
            for column in ([row[0] for row in rows], [row[-1] for row in rows], [*chain(*rows)]):
                if column:
                    yield from (sum(column), sum(column) / len(column))

    def holds(self, piece: str) -> bool:
        """Whether a text holds the piece, whatever the white space."""
        for text in self._texts[self._flattened :]:
            self._flat.append(flat(text.replace("\\n", "\n").replace('\\"', '"')))
        self._flattened = len(self._texts)
        return any(piece in text for text in self._flat)


def numbers_in(text: str) -> list[float]:
    """The numbers of a text; 1,234.50 is one of them, and so are its parts."""
    found = _PLAIN.findall(text)
    return [number_of(each) for each in (*found, *(_GROUPED.findall(text) if "," in text else ()))]


def number_of(text: str) -> float:
    """The value of a number as it is written; one of more than 15 digits loses the rest."""
    return float(text.replace(",", "").replace("_", "")[:30])


def flat(text: str) -> str:
    """The text with each run of white space as one blank, and without what frames a cell."""
    return _BLANK.sub(" ", text).strip().casefold()
