"""All figures of a dataset: what the stage `report` seals, and the report and the card show."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from kappa_data.metrics.measure import Cell, Measure
from kappa_data.records import Section

TOLERANCE = 0.01
"""of a share: as the plan's own notes have it"""


class Step(Struct, frozen=True):
    """One line of the funnel: records that came out of a stage, and those it refused, by reason."""

    stage: str
    out: int
    rejected: Mapping[str, int]


class Held(Struct, frozen=True):
    """A place where a phrase stands; `text`: the words around it, the substance masked by ¤."""

    conversation: str
    turn: int
    """which message of the user was answered, from 1"""
    text: str


class Worn(Struct, frozen=True):
    """A frequent phrase of a persona.

    `share`: of its turns, those that hold the phrase. `brought`: that minus the share among no
    persona's turns, since what everybody says about a task is no catchphrase; the choice is by it.
    `low`, `high`: the interval of `brought`. `turns`: of the persona. `examples`: three places.
    """

    persona: str
    phrase: str
    share: float
    brought: float
    low: float = 0.0
    high: float = 0.0
    turns: int = 0
    examples: tuple[Held, ...] = ()


class Share(Struct, frozen=True):
    """One line of the mix, in shares of the tokens: `planned`, of those that the plan expected
    (None: no plan has it), and `got`. `wanted`: what the settings asked for, by tokens as groups
    and lengths are; None where they do not, or ask in slots or tasks."""

    table: str
    """persona, group, family or length"""
    name: str
    planned: float | None
    got: float
    conversations: int
    wanted: float | None = None


class Figures(Struct, frozen=True):
    """Everything that is measured of one dataset."""

    measures: tuple[Measure, ...]
    cells: tuple[Cell, ...]
    funnel: tuple[Step, ...]
    rules: Mapping[str, int]
    """findings of validate, by rule"""
    mix: tuple[Share, ...]
    confusion: Mapping[str, Mapping[str, Mapping[str, int]]]
    """[answer, beside calls or anchor][who spoke][who was guessed]: units; of the anchor: units,
    and whose brief's example turns they are most like"""
    phrases: tuple[Worn, ...]
    """five of each persona at most, the most worn first; openers likewise"""
    openers: tuple[Worn, ...]
    lengths: Mapping[str, tuple[int, ...]]
    """tokens that 10 %, 20 %, ... 100 % of the samples do not pass, by persona"""
    turns: Mapping[str, int]
    """conversations that are kept, by how many messages of the user they answer"""
    alike: Mapping[str, Mapping[str, float]]
    """by two personas ("chaotic_evil / none"), on the tasks that both have: "pairs" that dedupe
    compared, how many of them are "alike", and their "mean" similarity"""
    packing: Mapping[str, Mapping[str, float | None]]
    """by split: rows, samples, tokens, trained tokens, density"""
    cost: Mapping[str, float]
    """requests, prompt and completion tokens: of what was made, and of what is kept; ratios"""

    @property
    def off(self) -> tuple[Share, ...]:
        """Shares that came out otherwise than asked for, by more than `TOLERANCE`."""
        return tuple(
            each
            for each in self.mix
            if each.wanted is not None and abs(each.got - each.wanted) > TOLERANCE
        )

    @property
    def missed(self) -> tuple[Measure, ...]:
        """The measures that fall short."""
        return tuple(each for each in self.measures if each.missed)

    def sections(self) -> list[Section]:
        """One JSON text for each field, as the stage stores them."""
        return [
            Section(name, msgspec.json.encode(getattr(self, name)).decode())
            for name in self.__struct_fields__
        ]


def of_sections(sections: list[Section]) -> Figures:
    """The figures from their sections."""
    plain = {each.name: msgspec.json.decode(each.text) for each in sections}
    return msgspec.convert(plain, Figures)
