"""How each voice organises an answer: one function a structure, from blocks to blocks.

Sentences stay whole and in order; fixed blocks stay as they are. What changes is what stands on a
line of its own, how it is marked, and where a phrase of the voice may come between.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from kappa_data.teacher.voices.grammar import Structure
from kappa_data.teacher.voices.text import Block, formal, is_answer_line, sentences

Arrange = Callable[[Sequence[Block], str, int], list[Block]]
"""(blocks, phrase to put between or "", a number that varies with the seed) -> blocks"""

_SMALL_NUMBER = re.compile(r"(?<![\w.])(?:1?\d|20)(?![\w])")
_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_PHASES = ("Approach", "Advance", "Push", "Hold", "Flank", "Support", "Reserve", "Close")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")


def steps(blocks: Sequence[Block], phrase: str, turn: int) -> list[Block]:
    """The first paragraph of three sentences or more becomes numbered steps.

    Where the answer holds small numbers itself the steps are counted in words, so that no figure
    is added that could be taken for one of the answer's.
    """
    styles = [
        [f"{word.capitalize()}: " for word in _WORDS],
        [f"{word.capitalize()}: " for word in _ORDINALS],
        [f"{word}: " for word in _PHASES],
    ]
    if not any(_SMALL_NUMBER.search(block.text) for block in blocks):
        styles = [
            [f"{number}{mark} " for number in range(1, len(_WORDS) + 1)] for mark in (".", ")")
        ]
    return _marked(_between(blocks, phrase), styles[turn % len(styles)])


def clauses(blocks: Sequence[Block], phrase: str, turn: int) -> list[Block]:
    """Contractions are written out; a paragraph of three sentences becomes lettered clauses."""
    # Many kinds of marks: a mark and the word after it must not become a phrase of the voice.
    styles = [
        [f"({letter}) " for letter in "abcdefgh"],
        [f"({letter}) " for letter in "pqrstuvw"],
        [f"{letter}. " for letter in "KLMNOPQR"],
        [f"({letter}) " for letter in "αβγδεζηθ"],
        ["(i) ", "(ii) ", "(iii) ", "(iv) ", "(v) ", "(vi) ", "(vii) ", "(viii) "],
        [f"§{letter} " for letter in "stuvwxyz"],
    ]
    spelled = [Block(formal(block.text), True) if block.prose else block for block in blocks]
    return _marked(_between(spelled, phrase), styles[turn % len(styles)])


def order(blocks: Sequence[Block], phrase: str, turn: int) -> list[Block]:
    """Formal order: paragraphs of at most two sentences; several are each named by their place."""
    styles = [
        [f"{word.capitalize()}ly: " for word in _ORDINALS],
        ["Primo: ", "Secundo: ", "Tertio: ", "Quarto: ", "Quinto: "],
        ["I. ", "II. ", "III. ", "IV. ", "V. ", "VI. "],
    ]
    marks = iter(styles[turn % len(styles)])
    short = _split(blocks, 2)
    if sum(block.prose for block in short) > 1:
        short = [
            Block(next(marks, "") + block.text, True) if block.prose else block for block in short
        ]
    return _between(short, phrase)


def pieces(blocks: Sequence[Block], phrase: str, turn: int) -> list[Block]:
    """Digestible paragraphs of at most two sentences."""
    return _between(_split(blocks, 2), phrase)


def verdict(blocks: Sequence[Block], phrase: str, turn: int) -> list[Block]:
    """An `Answer:` line comes first; each sentence stands on its own line."""
    answers = [block for block in blocks if is_answer_line(block.text)]
    rest = [block for block in blocks if not is_answer_line(block.text)]
    lines = [
        Block("\n".join(sentences(block.text)), True) if block.prose else block for block in rest
    ]
    return [*answers, *_between(lines, phrase)]


def ledger(blocks: Sequence[Block], phrase: str, turn: int) -> list[Block]:
    """An entry of the account stands under the answer."""
    entry = Block(f"{('- ', '> ', '+ ', '* ')[turn % 4]}{phrase}", False)
    return [*blocks, entry] if phrase else list(blocks)


def fragments(blocks: Sequence[Block], phrase: str, turn: int) -> list[Block]:
    """The first sentence stands alone; a fragment stands before the rest."""
    if not blocks or not blocks[0].prose or len(said := sentences(blocks[0].text)) < 3:
        return _between(blocks, phrase)
    rest = [Block(said[0], True), Block(" ".join(said[1:]), True), *blocks[1:]]
    return _between(rest, phrase)


def plain(blocks: Sequence[Block], phrase: str, turn: int) -> list[Block]:
    """The answer as it is, with the phrase after its first paragraph of prose."""
    return _between(blocks, phrase)


ARRANGE: Mapping[Structure, Arrange] = {
    "plain": plain,
    "steps": steps,
    "pieces": pieces,
    "tangents": plain,
    "clauses": clauses,
    "verdict": verdict,
    "fragments": fragments,
    "order": order,
    "ledger": ledger,
    "test": plain,
}


def _between(blocks: Sequence[Block], phrase: str) -> list[Block]:
    """The phrase after the first prose that is not the end; with no such place it is not said."""
    if phrase:
        for index, block in enumerate(blocks[:-1]):
            if block.prose:
                return [*blocks[: index + 1], Block(phrase, True), *blocks[index + 1 :]]
    return list(blocks)


def _split(blocks: Sequence[Block], most: int) -> list[Block]:
    short = []
    for block in blocks:
        said = sentences(block.text) if block.prose else [block.text]
        for start in range(0, len(said), most):
            short.append(Block(" ".join(said[start : start + most]), block.prose))
    return short


def _marked(blocks: Sequence[Block], marks: Sequence[str]) -> list[Block]:
    """The first prose of three sentences or more as a list, one marked line a sentence."""
    for index, block in enumerate(blocks):
        said = sentences(block.text) if block.prose else []
        if 3 <= len(said) <= len(marks):
            lines = [mark + sentence for mark, sentence in zip(marks, said, strict=False)]
            return [*blocks[:index], Block("\n".join(lines), False), *blocks[index + 1 :]]
    return list(blocks)
