"""A conversation's samples: its documents, with a date and a reasoning effort drawn for it.

A server writes today's date into every prompt, and the effort that the client asks for. Both are
drawn from the conversation's id and the seed, so they vary over the data set and never between two
builds of it.
"""

from __future__ import annotations

import datetime
import hashlib
from typing import Any, Literal, get_args

from msgspec import Struct

from kappa_data.config import TokenizeConfig, nearest
from kappa_data.errors import UsageError
from kappa_data.formats.harmony import Counts, TrainOn, render_with_counts
from kappa_data.formats.profiles import Profile, profile
from kappa_data.formats.vocabulary import Choice, encoder
from kappa_data.records import Conversation, Sample

Effort = Literal["low", "medium", "high"]


class Choices(Struct, frozen=True):
    """A checked TokenizeConfig: an ISO date, a number of days from it on, weights of efforts."""

    profile: Profile
    train_on: TrainOn
    first_date: str
    days: int
    efforts: tuple[tuple[str, float], ...]
    seed: int
    encoder: Choice = "fast"

    def draw(self, conversation_id: str) -> tuple[str, str]:
        """The ISO date and the reasoning effort of one conversation."""
        text = f"{self.seed}\0{conversation_id}".encode()
        drawn = hashlib.blake2b(text, digest_size=16).digest()
        day = int.from_bytes(drawn[:8]) % self.days
        date = datetime.date.fromisoformat(self.first_date) + datetime.timedelta(days=day)
        point = int.from_bytes(drawn[8:]) / 2**64 * sum(weight for _, weight in self.efforts)
        for effort, weight in self.efforts:
            point -= weight
            if point < 0:
                return date.isoformat(), effort
        return date.isoformat(), self.efforts[-1][0]  # rounding at the far end


def choices(config: TokenizeConfig) -> Choices:
    """The config, checked; UsageError names the field that cannot be used."""
    days = (_date("last_date", config.last_date) - _date("first_date", config.first_date)).days + 1
    if days < 1:
        raise UsageError(
            f"tokenize.last_date: {config.last_date} is before first_date, {config.first_date}"
        )
    for effort, weight in config.efforts.items():
        if effort not in get_args(Effort):
            raise UsageError(
                f'tokenize.efforts: there is no "{effort}"; {nearest(effort, get_args(Effort))}'
            )
        if not 0 <= weight < float("inf"):
            raise UsageError(f"tokenize.efforts: {effort} has weight {weight}; give 0 or more")
    efforts = tuple((name, weight) for name, weight in sorted(config.efforts.items()) if weight)
    if not efforts:
        raise UsageError("tokenize.efforts: no effort has a weight; for instance {medium = 1}")
    return Choices(
        profile=profile(config.profile),
        train_on=_one_of("train_on", config.train_on, TrainOn),
        first_date=config.first_date,
        days=days,
        efforts=efforts,
        seed=config.seed,
        encoder=_one_of("encoder", config.encoder, Choice),
    )


def samples(conversation: Conversation, chosen: Choices) -> tuple[tuple[Sample, ...], Counts]:
    """The samples of a conversation, numbered from 0, and what became of its steps.

    () where nothing in it can be trained. Raises msgspec.MsgspecError where `tools` is malformed.
    """
    date, effort = chosen.draw(conversation.id)
    documents, counts = render_with_counts(
        conversation,
        chosen.profile,
        date=date,
        effort=effort,
        train_on=chosen.train_on,
        encode=encoder(chosen.encoder).encode,
    )
    made = tuple(
        Sample(
            id=f"{conversation.id}#{number}",
            conversation_id=conversation.id,
            persona=conversation.persona,
            split=conversation.split,
            step=document.step,
            n_loss_tokens=int(document.mask.sum()),
            ids=document.ids,
            mask=document.mask,
        )
        for number, document in enumerate(documents)
    )
    return made, counts


def _date(field: str, text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f'tokenize.{field}: "{text}" is no date; write it as 2026-01-31') from None


def _one_of(field: str, value: str, known: Any) -> Any:
    """`value` where it is one of a Literal's."""
    if value not in get_args(known):
        raise UsageError(
            f'tokenize.{field}: there is no "{value}"; {nearest(value, get_args(known))}'
        )
    return value
