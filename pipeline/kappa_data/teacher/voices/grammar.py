"""The phrases of a voice: templates with slots, from data/seeds/voices/<persona>.toml.

Every value is lines of text, one template or filler a line. `{slot}` in a template is replaced by
a filler of that slot, which may hold slots itself; `{topic}` by a noun of the answer. Enough
templates and fillers keep any one wording rare: the phrases assert nothing, so that they are true
beside any answer.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from kappa_data.errors import UsageError
from kappa_data.personas import Persona
from kappa_data.resources import Resources
from kappa_data.teacher.draw import pick
from kappa_data.teacher.voices.text import sentences

FOLDER = "data/seeds/voices"

Position = Literal["opener", "closer", "aside", "mark", "preamble", "refusal"]
"""A mark is a word or two in the voice before a sentence; the others are sentences."""
Structure = Literal[
    "plain", "steps", "pieces", "tangents", "clauses", "verdict", "fragments", "order", "ledger",
    "test",
]  # fmt: skip

SLOT = re.compile(r"\{(\w+)\}")
_SENTENCE_START = re.compile(r"(^\(?|[.!?] )([a-z])")
_CLAUSE = re.compile(r"[,;:.!?()—–]+")
_LONGEST = 7
"""words of an example turn that may be said again: eight in a row would be a leak of the brief"""


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    structure: Structure = "plain"
    opener: str = ""
    closer: str = ""
    aside: str = ""
    mark: str = ""
    preamble: str = ""
    refusal: str = ""
    slots: dict[str, str] = {}


class Voice(Struct, frozen=True):
    """A structure and, for each position, templates; `slots` are their fillers."""

    structure: Structure
    templates: Mapping[Position, Sequence[str]]
    slots: Mapping[str, Sequence[str]] = {}

    def say(self, position: Position, topics: Sequence[str], *key: str | int) -> str:
        """One phrase, chosen by `key` alone; empty if the voice has none for this position."""
        usable = self._usable(self.templates[position], bool(topics))
        if not usable:
            return ""
        text = self._fill(pick(usable, *key, position), topics, (*key, position))
        return _SENTENCE_START.sub(lambda found: found[1] + found[2].upper(), text)

    def lines(self) -> Iterator[str]:
        """Every template and filler, slots and all."""
        for lines in (*self.templates.values(), *self.slots.values()):
            yield from lines

    def _fill(self, template: str, topics: Sequence[str], key: tuple[str | int, ...]) -> str:
        def filler(slot: re.Match[str]) -> str:
            place = (*key, slot.start(), slot[1])
            if slot[1] == "topic":
                return pick(topics, *key[:1], "topic")
            return self._fill(
                pick(self._usable(self.slots[slot[1]], bool(topics)), *place), topics, place
            )

        return SLOT.sub(filler, template)

    def _usable(self, lines: Sequence[str], topics: bool) -> Sequence[str]:
        """Without a topic, the lines that need none."""
        if topics:
            return lines
        return [line for line in lines if not self._needs_topic(line)]

    def _needs_topic(self, line: str) -> bool:
        return any(
            slot == "topic" or all(map(self._needs_topic, self.slots[slot]))
            for slot in SLOT.findall(line)
        )


def load_voice(resources: Resources, name: str) -> Voice:
    """The voice in data/seeds/voices/<name>.toml; UsageError where it does not hold together."""
    path = f"{FOLDER}/{name}.toml"
    try:
        file = msgspec.convert(tomllib.loads(resources.read(path)), _File)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"{resources.path(path)}: {error}") from None
    slots = {slot: _lines(text) for slot, text in file.slots.items()}
    templates: dict[Position, Sequence[str]] = {
        "opener": _lines(file.opener),
        "closer": _lines(file.closer),
        "aside": _lines(file.aside),
        "mark": _lines(file.mark),
        "preamble": _lines(file.preamble),
        "refusal": _lines(file.refusal),
    }
    for line in (*sum(map(tuple, templates.values()), ()), *sum(map(tuple, slots.values()), ())):
        for slot in SLOT.findall(line):
            if slot != "topic" and not slots.get(slot):
                raise UsageError(f'{resources.path(path)}: "{line}" needs the slot "{slot}"')
    return Voice(file.structure, templates, slots)


def voice_of_examples(persona: Persona) -> Voice:
    """A voice for a persona that has no file of phrases, from its example turns.

    Only short clauses are used again, without figures, code or quotations: longer ones would
    repeat the brief, and others would assert what the answer does not say.
    """
    said: dict[str, list[str]] = {}
    for example in persona.examples:
        said.setdefault(example.situation, []).extend(_clauses(example.text))
    chat = [*said.get("chat", ()), *said.get("long_conversation", ())]
    return Voice(
        structure="plain",
        templates={
            "opener": chat,
            "closer": said.get("closing") or chat,
            "aside": (),
            "mark": (),
            "preamble": said.get("tools") or chat,
            "refusal": said.get("refusal", ()),
        },
    )


def _clauses(text: str) -> list[str]:
    found = []
    for sentence in sentences(" ".join(text.split())):
        for clause in (part.strip() for part in _CLAUSE.split(sentence)):
            plain = re.fullmatch(r"[A-Za-z'’ -]+", clause)
            if plain and 3 <= len(clause.split()) <= _LONGEST:
                found.append(f"{clause}.")
    return found


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())
