"""Short questions with one right answer each: `data/seeds/tasks/talk_short_*.toml`."""

from __future__ import annotations

import functools

from msgspec import Struct

from kappa_data.tasks.material.phrasing import word
from kappa_data.tasks.material.talks import loaded, spread


class Fact(Struct, frozen=True, forbid_unknown_fields=True):
    """A question and its answer. `key` stands in the answer and is what has to be said.

    `facts`, where given, are the regular expressions that are sought in its place; `wrong` are at
    least two values that a careless answer gives instead of `key`.
    """

    ask: str
    answer: str
    key: str
    wrong: tuple[str, ...]
    facts: tuple[str, ...] = ()

    @property
    def sought(self) -> tuple[str, ...]:
        """Regular expressions for a right answer."""
        if not self.facts:
            return (word(self.key),)
        return tuple(rf"(?<![\w])(?:{fact})" for fact in self.facts)

    @property
    def point(self) -> str:
        """The question as a part of a sentence."""
        return f'"{self.ask}"'

    def saying(self, value: str) -> str:
        """The first sentence of the answer with `value` for the key. ValueError: it has no key."""
        if self.key not in self.answer:
            raise ValueError(f"{self.ask} its answer lacks the key {self.key}")
        before, _, _ = self.answer.partition(self.key)
        return f"{before}{value}."


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    field: str
    fact: tuple[Fact, ...]


@functools.cache
def facts() -> tuple[Fact, ...]:
    """All facts; those of one field are far apart from each other."""
    return spread([each.fact for each in loaded("talk_short_", _File)])
