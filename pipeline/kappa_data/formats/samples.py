"""A conversation's samples: its documents, with a date and a reasoning effort drawn for it.

A server writes today's date into every prompt, and the effort that the client asks for. Both are
drawn from the conversation's id and the seed, so they vary over the data set and never between two
builds of it.
"""

from __future__ import annotations

import datetime
import hashlib
from typing import Literal, get_args

import msgspec
from msgspec import Struct

from kappa_data.config import TokenizeConfig, nearest
from kappa_data.errors import UsageError
from kappa_data.formats.construction import Counts, Format, TrainOn
from kappa_data.formats.harmony import Harmony
from kappa_data.formats.profiles import profile
from kappa_data.records import Conversation, Sample

Effort = Literal["low", "medium", "high"]
FORMATS = ("harmony", "chat-template")


class Choices(Struct, frozen=True):
    """A checked TokenizeConfig: an ISO date, a number of days from it on, weights of efforts."""

    format: Format
    train_on: TrainOn
    first_date: str
    days: int
    efforts: tuple[tuple[str, float], ...]
    seed: int

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
        format=_format(config),
        train_on=_train_on(config.train_on),
        first_date=config.first_date,
        days=days,
        efforts=efforts,
        seed=config.seed,
    )


def samples(conversation: Conversation, chosen: Choices) -> tuple[tuple[Sample, ...], Counts]:
    """The samples of a conversation, numbered from 0, and what became of its steps.

    () where nothing in it can be trained. Raises msgspec.MsgspecError where `tools` is malformed,
    and construction.Unrenderable where the format refuses the conversation.
    """
    date, effort = chosen.draw(conversation.id)
    documents, counts = chosen.format.documents(
        conversation, date=date, effort=effort, train_on=chosen.train_on
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


def _format(config: TokenizeConfig) -> Format:
    if config.format == "harmony":
        return Harmony(profile(config.profile))
    if config.format == "chat-template":
        # transformers takes seconds to load: only where it is asked for.
        from kappa_data.formats.chat_template import chat_template

        return chat_template(config.tokenizer)
    raise UsageError(
        f'tokenize.format: there is no "{config.format}"; {nearest(config.format, FORMATS)}'
    )


def _date(field: str, text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f'tokenize.{field}: "{text}" is no date; write it as 2026-01-31') from None


def _train_on(value: str) -> TrainOn:
    try:
        checked: TrainOn = msgspec.convert(value, TrainOn)
    except msgspec.ValidationError:
        raise UsageError(
            f'tokenize.train_on: there is no "{value}"; {nearest(value, get_args(TrainOn))}'
        ) from None
    return checked
