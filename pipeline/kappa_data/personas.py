"""Personas: one TOML file each under prompts/personas/, read strictly.

A persona says how an answer is delivered. It reaches the teacher through prompts/assistant.j2 and
never the record, where the system message is only `Persona: <name>`.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import PurePosixPath
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from kappa_data.config import nearest
from kappa_data.errors import UsageError
from kappa_data.resources import Resources

FOLDER = "prompts/personas"
RESERVED = ("none", "all")
"""names that mean "no persona" and "every persona" on the command line and in slot ids"""

Situation = Literal[
    "chat", "tools", "failure", "user_wrong", "refusal", "long_conversation", "closing"
]
Text = Annotated[str, Meta(min_length=1)]

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>[^`]*)`(?: - at `\$(?P<at>.*)`)?")
_MISSING = re.compile(r"Object missing required field `(?P<key>[^`]*)`(?: - at `\$(?P<at>.*)`)?")


class Cap(Struct, frozen=True, forbid_unknown_fields=True):
    """A phrase that must not wear out, and how often a conversation may hold it."""

    phrase: Text
    per_conversation: Annotated[int, Meta(ge=0, description="0: never")]


class Example(Struct, frozen=True, forbid_unknown_fields=True):
    """One turn in the persona's voice; `cue` says what it answers or accompanies."""

    situation: Situation
    cue: Text
    text: Text


class Persona(Struct, frozen=True, forbid_unknown_fields=True):
    """How one persona delivers. All texts are addressed to the teacher ("you")."""

    name: Annotated[Text, Meta(description="the file's name without .toml")]
    axes: Annotated[
        dict[str, Text],
        Meta(min_length=1, description="its place in the grid: axis -> value, both free"),
    ]
    identity: Annotated[Text, Meta(description="who speaks")]
    levers: Annotated[
        tuple[Text, ...],
        Meta(min_length=1, description="how it organises and delivers; its own, no one else's"),
    ]
    never: Annotated[tuple[Text, ...], Meta(min_length=1, description="what it does not do")]
    chat: Annotated[Text, Meta(description="how it sounds in plain conversation")]
    tools: Annotated[Text, Meta(description="beside tool calls: preambles, narrated results")]
    failure: Annotated[Text, Meta(description="when something fails")]
    user_wrong: Annotated[Text, Meta(description="when the user is wrong; it does not give in")]
    refusal: Annotated[Text, Meta(description="when it declines")]
    long_conversation: Annotated[Text, Meta(description="how the voice lasts over many turns")]
    avoid: Annotated[tuple[Cap, ...], Meta(description="phrases that would wear out")]
    examples: Annotated[
        tuple[Example, ...], Meta(min_length=3, description="turns for the teacher to hear")
    ]
    hostile: Annotated[
        bool, Meta(description="the tone may be unfriendly: the brief then says where that ends")
    ] = False

    def examples_for(self, seed: str, n: int = 3) -> tuple[Example, ...]:
        """`n` example turns (fewer if there are fewer), chosen and ordered by `seed`.

        Different situations come first, so that a small choice still shows the voice from
        several sides. The same seed gives the same choice.
        """
        order = sorted(
            range(len(self.examples)),
            key=lambda index: hashlib.sha256(f"{self.name}\x1f{seed}\x1f{index}".encode()).digest(),
        )
        seen: dict[str, int] = {}
        rounds: list[tuple[int, int, int]] = []
        for index in order:
            situation = self.examples[index].situation
            rounds.append((seen.get(situation, 0), len(rounds), index))
            seen[situation] = seen.get(situation, 0) + 1
        return tuple(self.examples[index] for *_, index in sorted(rounds)[:n])


def load_personas(resources: Resources) -> dict[str, Persona]:
    """All personas by name, sorted; the user's folder of prompts adds to the shipped ones.

    UsageError: a file that cannot be read as a persona, with the file, the key and what to write.
    """
    personas = (_load(resources, path) for path in resources.names(FOLDER, ".toml"))
    return dict(sorted((persona.name, persona) for persona in personas))


def _load(resources: Resources, path: str) -> Persona:
    place = str(resources.path(path))
    stem = PurePosixPath(path).stem
    if not _NAME.fullmatch(stem):
        raise UsageError(
            f'{place}: "{stem}" cannot name a persona; use a-z, 0-9 and _, a letter first'
        )
    if stem in RESERVED:
        raise UsageError(f'{place}: the name "{stem}" is reserved; rename the file')
    try:
        persona = msgspec.convert(tomllib.loads(resources.read(path)), Persona)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{place}: not valid TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise UsageError(f"{place}: {_explained(str(error))}") from None
    if persona.name != stem:
        raise UsageError(f'{place}: name is "{persona.name}"; it must be "{stem}", like the file')
    return persona


def _explained(fault: str) -> str:
    """msgspec's message in the words of the file, with the nearest key for an unknown one."""
    if found := _UNKNOWN.match(fault):
        table, known = _table(found["at"] or "")
        return f'{table}there is no key "{found["key"]}"; {nearest(found["key"], known)}'
    if found := _MISSING.match(fault):
        table, _ = _table(found["at"] or "")
        return f'{table}the key "{found["key"]}" is missing'
    return fault


def _table(at: str) -> tuple[str, tuple[str, ...]]:
    for key, record in (("avoid", Cap), ("examples", Example)):
        if at.startswith(f".{key}["):
            return f"in {key}: ", record.__struct_fields__
    return "", Persona.__struct_fields__
