"""What a voice is measured on: units of what an assistant said, with the substance masked.

A unit is of one of two kinds. An *answer* is a message to the user without calls. *Beside calls* is
what was said in tool loops: the lines beside the calls of one turn of the user, joined, since one
line alone is too short to know anybody by. A conversation has one unit of either kind a turn at
most, where it has enough words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from msgspec import Struct

from kappa_data.records import NOBODY as NOBODY
from kappa_data.records import Conversation

Kind = Literal["answer", "beside calls"]

FEWEST_WORDS = 20
"""masked words of an answer that counts"""
FEWEST_BESIDE_CALLS = 3
"""masked words, lines of one turn together, beside calls"""

_MASK = " ¤ "
_FENCED = re.compile(r"^[ \t]*(```+|~~~+).*?(?:^[ \t]*\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_QUOTED_LINE = re.compile(r"^[ \t]*>.*$", re.MULTILINE)
_SPANS = re.compile(
    r"(?P<tick>`+)[^`].*?(?P=tick)"  # code in a line
    r"|\"[^\"\n]*\"|“[^”\n]*”|«[^»\n]*»"  # quotations
    r"|(?<!\w)'[^'\n]+'(?!\w)"
    r"|\b\w+://\S+"
    r"|(?:~|\.{1,2})?/?(?:[\w.-]+/)+[\w.-]*"  # paths, and then names of files
    r"|\b[\w-]+\.(?:[a-z]{1,4}\d?|jsonl|toml|yaml|conf|lock)\b(?!['’])"
    r"|\b\w+_\w+\b|\b[a-z]+[A-Z]\w*|\w+\(\)"  # identifiers
    r"|[-+]?\d[\d.,:%/-]*\w*",
)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


class Unit(Struct, frozen=True):
    """What one speaker said at one place; `text` has the substance masked by ¤."""

    task: str
    talk: str
    persona: str
    """NOBODY: no persona"""
    kind: Kind
    turn: int
    """which message of the user it answers, from 1"""
    text: str
    length: int
    """words as they were said, code and all, by white space"""
    family: str = ""
    strategy: str = ""


def masked(text: str, names: Sequence[str] = ()) -> str:
    """`text` with code, paths, numbers, quotations and the `names` of alignments as ¤."""
    text = _QUOTED_LINE.sub(_MASK, _FENCED.sub(_MASK, text))
    return " ".join(without_names(_SPANS.sub(_MASK, text), names).split())


def without_names(text: str, names: Sequence[str]) -> str:
    """`text` with the `names` of alignments as ¤, however they are spelled, and nothing else."""
    if not names:
        return text
    spelled = [r"[\s_-]?".join(map(re.escape, name.split("_"))) for name in names]
    return re.sub(rf"\b(?:{'|'.join(spelled)})\b", _MASK, text, flags=re.IGNORECASE)


def words(text: str) -> list[str]:
    """Words of a masked text in lower case; a mask is no word."""
    return [found[0].replace("’", "'").lower() for found in _WORD.finditer(text)]


def places(text: str) -> list[tuple[int, int]]:
    """Where each of the words begins and ends."""
    return [found.span() for found in _WORD.finditer(text)]


def runs(text: str) -> list[list[str]]:
    """The words between masks: a phrase does not reach over what is masked."""
    return [found for part in text.split("¤") if (found := words(part))]


def units_of(talk: Conversation, names: Sequence[str] = ()) -> Iterator[Unit]:
    """The units of one conversation, in order. Who speaks may differ between messages."""
    turn = 0
    beside: list[str] = []
    speaker = talk.persona or NOBODY
    for message in talk.messages:
        if message.role == "user":
            yield from _unit(talk, speaker, "beside calls", turn, "\n\n".join(beside), names)
            turn, beside = turn + 1, []
        elif message.role == "assistant":
            speaker = message.persona or talk.persona or NOBODY
            if message.tool_calls:
                beside.append(message.content)
            else:
                yield from _unit(talk, speaker, "answer", turn, message.content, names)
    yield from _unit(talk, speaker, "beside calls", turn, "\n\n".join(beside), names)


def _unit(
    talk: Conversation, speaker: str, kind: Kind, turn: int, text: str, names: Sequence[str]
) -> Iterator[Unit]:
    plain = masked(text, names)
    fewest = FEWEST_WORDS if kind == "answer" else FEWEST_BESIDE_CALLS
    if len(words(plain)) >= fewest:
        task = talk.task_id or talk.id
        yield Unit(
            task=task,
            talk=talk.id,
            persona=speaker,
            kind=kind,
            turn=turn,
            text=plain,
            length=len(text.split()),
            family=talk.family or "imported",
            strategy=talk.strategy,
        )


def in_order(units: Iterable[Unit]) -> list[Unit]:
    """By task, speaker, conversation and turn."""
    return sorted(
        units,
        key=lambda each: (each.task, each.persona, each.talk, each.turn, each.kind, each.text),
    )
