"""How something is said, apart from what: figures of the shape of a text.

A brief's levers (numbered steps, a question at the end, fragments, no contractions) show here in
ten example turns already, where words do not: two texts in one voice share few of them.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from kappa_data.metrics.units import words

Floats = np.ndarray[Any, np.dtype[np.float64]]

SHORT, LONG = 4, 18
"""words of a sentence that is a fragment at most, and of a long one at least"""
LONG_WORD = 8
"""letters"""
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_MARKS = (",", ";", ":", "(", "—")
_PERSONS = (("i", "my", "me"), ("you", "your"), ("we", "us", "our"))


def manner_of(text: str) -> list[float]:
    """Of a masked text: lengths of sentences and words, questions, exclamations, marks of
    punctuation a sentence, contractions and the grammatical persons a word."""
    sentences = [(part, found) for part in _SENTENCE.split(text.strip()) if (found := words(part))]
    said = Counter(word for _, found in sentences for word in found)
    lengths = [len(found) for _, found in sentences] or [0]
    number, count = max(said.total(), 1), max(len(sentences), 1)
    mean = sum(lengths) / len(lengths)
    return [
        mean,
        math.log1p(mean),
        sum(each <= SHORT for each in lengths) / len(lengths),
        sum(each >= LONG for each in lengths) / len(lengths),
        sum(part.endswith("?") for part, _ in sentences) / count,
        float(text.rstrip().endswith("?")),
        sum(part.endswith("!") for part, _ in sentences) / count,
        *(text.count(mark) / count for mark in _MARKS),
        sum(times for word, times in said.items() if "'" in word) / number,
        sum(len(word) * times for word, times in said.items()) / number,
        sum(times for word, times in said.items() if len(word) >= LONG_WORD) / number,
        *(sum(said[each] for each in person) / number for person in _PERSONS),
    ]


def manners(texts: Sequence[str]) -> Floats:
    """[text, figure]."""
    return np.array([manner_of(each) for each in texts], dtype=np.float64)
