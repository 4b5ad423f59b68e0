"""show: finds one conversation among everything that a dataset holds, and prints it.

What came furthest is shown: a survivor of dedupe before what validate accepted, that before what
the teacher said; what lies in quarantine is found too, with its findings.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from kappa_data import recipe
from kappa_data.config import Settings, TokenizeConfig, nearest
from kappa_data.errors import UsageError
from kappa_data.formats.samples import choices, samples
from kappa_data.records import Conversation, Finding, Rejected
from kappa_data.resources import Resources
from kappa_data.show import show_conversation, show_tokens
from kappa_data.store import Sealed
from kappa_data.terminal import console

SOURCES = ("dedupe", "validate", "generate")


class Found(Struct, frozen=True):
    """A conversation, where it lies, and what was found in it if it was rejected."""

    conversation: Conversation
    place: str
    findings: tuple[Finding, ...] = ()


def outputs_of(root: Path, settings: Settings, resources: Resources) -> list[Sealed]:
    """Where conversations lie, the furthest first: what is up to date, else what was made last."""
    now = {step.stage.name: step.sealed for step in recipe.status(settings, resources, root)}
    found = (now.get(name) or recipe.newest(root, name) for name in SOURCES)
    return [each for each in found if each is not None]


def find(root: Path, outputs: list[Sealed], wanted: str | None, seed: int | None) -> Found:
    """The conversation whose id is, or begins with, `wanted`; any one where it is None.

    Raises UsageError where there is none, or several begin so.
    """
    if not outputs:
        raise UsageError(f"{root}: no conversations yet; run `kappa-data run` first")
    if wanted is None:
        return _any(outputs[0], random.Random(seed))
    beginning: dict[str, Found] = {}
    for found in _everything(outputs):
        if found.conversation.id == wanted:
            return found
        if found.conversation.id.startswith(wanted):
            beginning.setdefault(found.conversation.id, found)
    if len(beginning) == 1:
        return next(iter(beginning.values()))
    if beginning:
        some = ", ".join(sorted(beginning)[:4])
        raise UsageError(f"show: {len(beginning)} ids begin with {wanted}, for instance {some}")
    ids = {found.conversation.id for found in _everything(outputs)}
    raise UsageError(f'show: there is no "{wanted}" in {root}; {nearest_few(wanted, ids)}')


def nearest_few(wanted: str, ids: set[str]) -> str:
    """The closest id; where none is close, three of them as examples."""
    close = nearest(wanted, ids)
    return close if close.startswith("did") else f"ids look like {', '.join(sorted(ids)[:3])}"


def as_json(found: Found, config: TokenizeConfig, *, tokens: bool) -> dict[str, Any]:
    """The conversation as plain values; with `tokens` its samples, ids and masks as well."""
    shown: dict[str, Any] = msgspec.to_builtins(found)
    if tokens:
        made, _ = samples(found.conversation, choices(config))
        shown["samples"] = [
            {"id": each.id, "ids": each.ids.tolist(), "mask": each.mask.tolist()} for each in made
        ]
    return shown


def print_found(found: Found, config: TokenizeConfig, *, tokens: bool) -> None:
    """Prints the conversation, or each of its training documents as coloured tokens."""
    out = console(color=not os.environ.get("NO_COLOR"))
    if not tokens:
        show_conversation(out, found.conversation, found.findings)
        out.print(f"\nfrom {found.place}", style="dim", markup=False)
        return
    chosen = choices(config)
    made, counts = samples(found.conversation, chosen)
    for sample in made:
        out.print(f"\n{sample.id}", style="bold", markup=False)
        show_tokens(out, sample.ids, sample.mask, form=chosen.format)
    if not made:
        out.print(f"nothing in it is trained: {counts.untrained}", markup=False)


def _everything(outputs: list[Sealed]) -> Iterator[Found]:
    for output in outputs:
        name = output.manifest.stage
        for conversation in output.read("conversations", Conversation):
            yield Found(conversation, name)
        for rejected in output.read("quarantine", Rejected):
            if rejected.conversation is not None:
                place = f"the quarantine of {name}"
                yield Found(rejected.conversation, place, rejected.findings)


def _any(output: Sealed, draw: random.Random) -> Found:
    count = output.count("conversations")
    if not count:
        raise UsageError(f"{output.dir}: holds no conversation; see `kappa-data status`")
    chosen = draw.randrange(count)
    for number, conversation in enumerate(output.read("conversations", Conversation)):
        if number == chosen:
            return Found(conversation, output.manifest.stage)
    raise UsageError(f"{output.dir}: has fewer conversations than its manifest says")
