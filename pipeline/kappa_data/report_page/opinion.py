"""What the page shows of a judge's second opinion: the file `judge/result.json` of the dataset.

The file is written by `kappa-data judge`; here only the fields that are shown are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from kappa_data.errors import StageError
from kappa_data.store import Sealed

FILE = Path("judge") / "result.json"
FORM = 1
"""of the file, as it is read here"""


class Part(Struct, frozen=True):
    """`count` of `total`, and where the share lies with 95 %."""

    count: int
    total: int
    share: float | None
    low: float | None
    high: float | None


class VoiceOf(Struct, frozen=True):
    """Pairs in which the judge named the persona's answer in both orders, and in which it did
    not."""

    right: Part
    wrong: int
    flipped: Part


class SubstanceOf(Struct, frozen=True):
    """Pairs in which the persona's answer was as good a help as nobody's, better or worse."""

    equal: Part
    better: int
    worse: int
    flipped: Part


class Agreement(Struct, frozen=True):
    """The judge beside a check that asks no model."""

    units: int
    raw: float | None
    kappa: float | None


class Opinion(Struct, frozen=True):
    """The judge's result, as far as it is shown."""

    form: int
    model: str
    teacher: str
    stage: str
    judged: str
    voice: dict[str, VoiceOf]
    substance: dict[str, SubstanceOf]
    voice_and_classifier: Agreement
    wrong_and_verifier: Agreement

    def stale(self, outputs: Mapping[str, Sealed]) -> bool:
        """Whether it is about other conversations than those that are there now."""
        judged = outputs.get(self.stage)
        return judged is None or judged.manifest.sets["conversations"].digest != self.judged


class _Form(Struct, frozen=True):
    form: int = 0


def load(root: Path) -> Opinion | None:
    """The opinion on the dataset in `root`; None where no judge was asked, or a version of the
    program that counted otherwise.

    StageError where the file is damaged.
    """
    path = root / FILE
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        if msgspec.json.decode(data, type=_Form).form != FORM:
            return None
        return msgspec.json.decode(data, type=Opinion)
    except msgspec.DecodeError as error:
        raise StageError(f"{path}: damaged ({error}); run `kappa-data judge` again") from error
