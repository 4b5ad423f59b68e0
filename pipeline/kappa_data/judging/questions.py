"""What the judge is asked of a pair, and what two answers to the same question come to.

The texts under judgement are data: they stand as JSON in the user's message and never reach the
system message, which holds the rubric alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from msgspec import Struct

from kappa_data.judging.pairs import Pair
from kappa_data.personas import FOLDER, Persona
from kappa_data.records import NOBODY, compact_json
from kappa_data.resources import Resources

Kind = Literal["voice", "substance"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Side = Literal["left", "right", "equal"]
PROMPTS: dict[Kind, str] = {
    "voice": "prompts/judge_voice.j2",
    "substance": "prompts/judge_substance.j2",
}
ORDERS = (0, 1)
"""0: left is A; 1: right is A"""


def _form(**fields: Sequence[str]) -> dict[str, Any]:
    """A JSON Schema: a reason first, so that it comes before what it is to be a reason for."""
    chosen = {name: {"type": "string", "enum": list(values)} for name, values in fields.items()}
    return {
        "type": "object",
        "properties": {"reason": {"type": "string"}, **chosen},
        "required": ["reason", *fields],
        "additionalProperties": False,
    }


FORMS: dict[Kind, dict[str, Any]] = {
    "voice": _form(speaker=("A", "B")),
    "substance": _form(better=("A", "B", "equal"), wrong=("none", "A", "B", "both")),
}


class Question(Struct, frozen=True):
    """One question about one pair, to be asked in both orders."""

    kind: Kind
    pair: Pair

    @property
    def slot(self) -> str:
        """Its name in the journal: as of a slot, a task and on whose behalf it is asked."""
        return f"judge-{self.kind}/{self.pair.id}:{self.persona or NOBODY}"

    @property
    def persona(self) -> str | None:
        """On whose behalf it is asked; of substance the same whichever answer is the pair's own."""
        if self.kind == "voice":
            return self.pair.persona
        speakers = {self.pair.own.speaker, self.pair.other.speaker} - {NOBODY}
        return min(speakers, default=None)


class Replies(Struct, frozen=True):
    """The two answers of the judge, by order; None: no answer in the form, or none at all.

    `failed`: why there is none for now; asked again on another day there may be one.
    """

    values: tuple[dict[str, str] | None, ...]
    malformed: int = 0
    refused: int = 0
    failed: str = ""


class Opinion(Struct, frozen=True):
    """What the two orders agree on; None: no opinion.

    `flipped`: both were answered, and differ. `first` counts the answers that say A, `sides` those
    that say A or B. `left_wrong` and `right_wrong`: whether that answer is wrong, of substance
    alone.
    """

    side: Side | None
    flipped: bool
    first: int
    sides: int
    left_wrong: bool | None = None
    right_wrong: bool | None = None


def questions(pairs: Sequence[Pair]) -> list[Question]:
    """All questions about the pairs: whose voice, but of what was rejected; and which is better,
    once where the same two answers make a pair of either speaker's."""
    voices = [Question("voice", pair) for pair in pairs if not pair.rejected]
    once = {pair.id: Question("substance", pair) for pair in reversed(pairs)}
    return [*voices, *reversed(once.values())]


def messages(
    question: Question,
    order: int,
    resources: Resources,
    personas: Mapping[str, Persona],
) -> list[dict[str, Any]]:
    """The system message and the user's."""
    pair = question.pair
    told = {"persona": personas[pair.persona]} if question.kind == "voice" else {}
    first, second = (pair.left, pair.right) if order == 0 else (pair.right, pair.left)
    shown = {"asked": pair.own.asked, "A": first.text, "B": second.text}
    return [
        {"role": "system", "content": resources.render(PROMPTS[question.kind], **told)},
        {"role": "user", "content": compact_json(shown)},
    ]


def files(question: Question) -> tuple[str, ...]:
    """The prompt files that the question is made from."""
    own = (f"{FOLDER}/{question.persona}.toml",) if question.kind == "voice" else ()
    return (PROMPTS[question.kind], *own)


def opinion(kind: Kind, replies: Replies) -> Opinion:
    """What the replies come to."""
    field = "speaker" if kind == "voice" else "better"
    said = [None if value is None else value[field] for value in replies.values]
    sides = [_side(each, order) for order, each in enumerate(said)]
    flipped = None not in sides and sides[0] != sides[1]
    wrong: dict[Side, bool | None] = {"left": None, "right": None}
    if kind == "substance" and None not in said:
        for side in wrong:
            blamed = {_blames(value, side, at) for at, value in enumerate(replies.values) if value}
            wrong[side] = blamed.pop() if len(blamed) == 1 else None
    return Opinion(
        side=None if flipped else sides[0] if None not in sides else None,
        flipped=flipped,
        first=said.count("A"),
        sides=said.count("A") + said.count("B"),
        left_wrong=wrong["left"],
        right_wrong=wrong["right"],
    )


def _side(said: str | None, order: int) -> Side | None:
    if said in (None, "equal"):
        return None if said is None else "equal"
    return "left" if (said == "A") == (order == 0) else "right"


def _blames(value: Mapping[str, str], side: Side, order: int) -> bool:
    blamed = value["wrong"]
    return blamed == "both" or (blamed in ("A", "B") and _side(blamed, order) == side)
