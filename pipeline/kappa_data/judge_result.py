"""What a judge said of a dataset: the file `judge/result.json` beside the stages' folders."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from kappa_data.disk import write_durably
from kappa_data.errors import StageError
from kappa_data.store import Sealed

FILE = Path("judge") / "result.json"
FORM = 1
"""raised where the shape below changes"""


class Share(Struct, frozen=True):
    """`count` of `total`, and where the share lies with 95 % (Wilson score interval); null: of
    nothing."""

    count: int
    total: int
    share: float | None
    low: float | None
    high: float | None


class VoiceOf(Struct, frozen=True):
    """Of one persona: `right` are the pairs in which the judge named its answer in both orders,
    `wrong` those in which it named the other's, `flipped` those in which the two orders differ.
    `unanswered`: at least one order has no answer in the form."""

    right: Share
    wrong: int
    flipped: Share
    unanswered: int


class SubstanceOf(Struct, frozen=True):
    """Of one persona against no persona: in so many pairs its answer was the better help, as good
    or the worse in both orders. `flipped` and `unanswered` as of the voice."""

    equal: Share
    better: int
    worse: int
    flipped: Share
    unanswered: int


class Bias(Struct, frozen=True):
    """Of one question, over all pairs: `flipped` with the order, and of the single answers that
    name a side, those that name the `first` one. Half of them is no bias."""

    flipped: Share
    first: Share


class Agreement(Struct, frozen=True):
    """The judge beside a check that asks no model, on the same units. `raw`: the share of units on
    which they say the same; `kappa`: Cohen's, null where chance alone would agree always.

    `table`: [what the check says][what the judge says]: units.
    """

    units: int
    raw: float | None
    kappa: float | None
    table: dict[str, dict[str, int]]


class Preference(Struct, frozen=True):
    """Of pairs in which one answer has a fault that a check found and the other has none: which one
    the judge took for the better help; `none`: no opinion."""

    pairs: int
    without_fault: int
    equal: int
    with_fault: int
    none: int


class Judged(Struct, frozen=True):
    """One pair: two conversations, and what the judge said of their answers at a turn.

    `voice`: who was taken for `persona`: own, other; `substance`: whose help is better: own, other,
    equal; null: no opinion, or it was not asked. Of the same two answers substance is asked once,
    also where they are a pair of either speaker's. `rejected`: the verifier rejected `own`.
    """

    persona: str
    own: str
    other: str
    turn: int
    rejected: bool
    voice: Literal["own", "other"] | None
    substance: Literal["own", "other", "equal"] | None


class Result(Struct, frozen=True):
    """All of it. `model` was asked; `teacher` is "embedded" where no model was (a stand-in by
    rules), else "openai-compatible". `judged` is the digest of the conversations of `stage`: where
    the dataset's is another by now, the result is of other conversations (see `stale`).

    `malformed` and `refused` count single questions without an answer; `too_long` answers were left
    out of the drawing. `tasks` is the size of the sample from which pairs were drawn and the
    classifier learnt.
    """

    form: int
    model: str
    teacher: Literal["embedded", "openai-compatible"]
    stage: str
    judged: str
    created: str
    seed: int
    pairs_wanted: int
    tasks: int
    too_long: int
    questions: int
    malformed: int
    refused: int
    voice: dict[str, VoiceOf]
    substance: dict[str, SubstanceOf]
    bias: dict[str, Bias]
    voice_and_classifier: Agreement
    wrong_and_verifier: Agreement
    preferred_over_rejected: Preference
    preferred_over_flagged: Preference
    pairs: tuple[Judged, ...]


class OtherForm(StageError):
    """A result that a version of the program wrote which counted otherwise."""


class _Form(Struct, frozen=True):
    form: int = 0


def load(root: Path) -> Result | None:
    """The last result of the dataset in `root`; None where nothing was judged.

    StageError: damaged; OtherForm, which is one, where it is of another version.
    """
    path = root / FILE
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        if msgspec.json.decode(data, type=_Form).form != FORM:
            raise OtherForm(f"{path}: of another version; run `kappa-data judge` again")
        return msgspec.json.decode(data, type=Result)
    except msgspec.DecodeError as error:
        raise StageError(f"{path}: damaged ({error}); run `kappa-data judge` again") from error


def save(root: Path, result: Result) -> Path:
    """Writes the result, whole or not at all; where it lies."""
    path = root / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    return path


def digest_of(conversations: Sealed) -> str:
    """The digest of the conversations of an output: what a result of the judge is about."""
    return conversations.manifest.sets["conversations"].digest


def stale(result: Result, conversations: Sealed) -> bool:
    """Whether the result is about other conversations than those of an output."""
    return result.judged != digest_of(conversations)
