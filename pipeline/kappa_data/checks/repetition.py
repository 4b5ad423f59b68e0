"""The assistant goes in circles: within a text, from answer to answer, from call to call."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._prose import lines, prose
from kappa_data.checks._text import MOST_READ, evidence
from kappa_data.records import Conversation, Finding, Message, Severity

RULES = ("loop", "repeated answer", "repeated call")

ANCHOR = 96
"""characters between two places of a text that are looked for again"""
SNIPPET = 24
WINDOW = 700
"""the longest round of a loop that is found letter by letter, in characters"""
FEWEST_CHARS = 120
"""a shorter loop is emphasis"""
ROUNDS = 4
"""of three words or more; of fewer words three times as many"""
CODE_ROUNDS = 20
"""in code and in the arguments of calls, where like follows like for good reason"""
SAME_SENTENCE = 6
"""how often one sentence stands in a text, not in a row, where it is a quarter of it"""
ANSWER_WORDS = 8
"""a shorter answer may come again"""
SAME_CALL = 3


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """No target is what repeats; in an import that is a note, but for loops within a text."""
    imported = conversation.provenance.source == "import"
    again: Severity = "note" if imported else "untrain"
    for index, message in enumerate(conversation.messages):
        if message.role != "assistant":
            continue
        if piece := _in_message(message):
            yield Finding("loop", "untrain", index, evidence(piece))
            continue
        for call in message.tool_calls:
            if piece := loop(call.function.arguments[:MOST_READ], CODE_ROUNDS, 5 * FEWEST_CHARS):
                yield Finding("loop", again, index, evidence(piece))
                break
    for index, piece in _answers(conversation):
        yield Finding("repeated answer", again, index, evidence(piece))
    for index, piece in _calls(conversation):
        yield Finding("repeated call", again, index, evidence(piece))


def _in_message(message: Message) -> str | None:
    for text in filter(None, (message.content, message.reasoning or "")):
        if len(text) < FEWEST_CHARS:
            continue
        found = lines(text[:MOST_READ])
        own = "\n".join(found.prose)
        if piece := loop(own, ROUNDS, FEWEST_CHARS) or _same_sentences(own):
            return piece
        if found.code and (piece := loop("\n".join(found.code), CODE_ROUNDS, 5 * FEWEST_CHARS)):
            return piece
    return None


def loop(text: str, rounds: int, fewest: int) -> str | None:
    """The first round of a piece of at least `fewest` characters that repeats letter by letter.

    A loop of `fewest` characters covers an anchor, and what stands there stands again one round
    further on: to look for that takes linear time.
    """
    if len(text) < fewest:
        return None
    at = 0
    while at + SNIPPET < len(text):
        again = text.find(text[at : at + SNIPPET], at + 1, at + SNIPPET + WINDOW)
        if again < 0:
            at += ANCHOR
            continue
        period = again - at
        start, end = _extent(text, at, period)
        unit = text[start : start + period]
        if end - start >= fewest and (end - start) >= period * _needed(unit, rounds):
            return f"{(end - start) // period} x {unit.strip()}"
        at = max(at + ANCHOR, end - WINDOW if end > at + 2 * WINDOW else end - period)
    return None


def _needed(unit: str, rounds: int) -> int:
    """How many rounds of this unit make a loop; what is no words never does."""
    letters = sum(map(str.isalpha, unit))
    if letters * 2 <= len(unit.replace(" ", "")) or "|" in unit or letters < 2:
        return 1 << 30
    return rounds if len(unit.split()) >= 3 else 3 * rounds


def _extent(text: str, at: int, period: int) -> tuple[int, int]:
    """From where to where `text[i] == text[i + period]` holds around `at`, the last round
    included: in steps that double, so that a long one is cheap."""
    step, end = 64, at
    while end + period < len(text):
        size = min(step, len(text) - end - period)
        if text[end : end + size] == text[end + period : end + period + size]:
            end, step = end + size, step * 2
        elif size == 1:
            break
        else:
            step = max(1, size // 2)
    start = at
    while start and at - start < WINDOW and text[start - 1] == text[start - 1 + period]:
        start -= 1
    return start, end + period


def _same_sentences(text: str) -> str | None:
    """A sentence of five words or more that comes again and again, not only in a row."""
    if len(text) < 5 * FEWEST_CHARS:
        return None
    parts = [part for line in text.split("\n") for part in line.split(". ")]
    if len(set(parts)) * 10 > len(parts) * 9:
        return None
    counts = Counter(part.strip(" .-*") for part in parts if "|" not in part)
    for part, n in counts.most_common(3):
        words = part.split()
        often = n >= SAME_SENTENCE and n * len(part) * 4 > len(text)
        if often and len(words) >= 5 and re.search(r"[A-Za-z]{3}", part):
            return f"{n} x {part}"
    return None


def _answers(conversation: Conversation) -> Iterator[tuple[int, str]]:
    """Answers that stand word for word in an earlier turn, where the user asked something else."""
    asked = ""
    seen: dict[str, set[str]] = {}
    for index, message in enumerate(conversation.messages):
        if message.role == "user":
            asked = message.content.strip()
        elif message.role == "assistant" and not message.tool_calls:
            said = message.content.strip()
            before = seen.setdefault(said, set())
            if before and asked not in before and len(prose(said).split()) >= ANSWER_WORDS:
                yield index, said
            before.add(asked)


def _calls(conversation: Conversation) -> Iterator[tuple[int, str]]:
    """Steps that make the same calls as the two steps before, and were told the same each time."""
    results = {
        (each.tool_call_id, index): each.content
        for index, each in enumerate(conversation.messages)
        if each.role == "tool"
    }
    before: list[tuple[tuple[tuple[str, str], ...], tuple[str, ...]]] = []
    for index, message in enumerate(conversation.messages):
        if message.role in ("user", "system", "developer"):
            before.clear()
        if message.role != "assistant" or not message.tool_calls:
            continue
        calls = tuple((call.function.name, call.function.arguments) for call in message.tool_calls)
        told = tuple(
            results.get((call.id, index + 1 + n), "") for n, call in enumerate(message.tool_calls)
        )
        if before and before[-1][0] != calls:
            before.clear()
        same = len(before) >= SAME_CALL - 1 and len({each for _, each in before}) == 1
        if same and (told == before[-1][1] or not any(told)):
            name, arguments = calls[0]
            yield index, f"{len(before) + 1} x {name} {arguments}"
        before.append((calls, told))
