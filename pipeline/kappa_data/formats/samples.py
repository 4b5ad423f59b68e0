"""A conversation's samples: its documents, with a request drawn for it.

A server writes today's date into every prompt, and the effort that the client asks for; a client
has two ways of switching a persona. All are drawn from the conversation's id and the seed, so they
vary over the data set and never between two builds of it.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from msgspec import Struct

from kappa_data.config import TokenizeConfig, nearest
from kappa_data.errors import UsageError
from kappa_data.formats.construction import Counts, Format, TrainOn
from kappa_data.formats.harmony import Harmony
from kappa_data.formats.profiles import profile
from kappa_data.formats.switches import Switch, as_sent
from kappa_data.formats.vocabulary import Choice
from kappa_data.records import Conversation, Sample

Effort = Literal["low", "medium", "high"]
FORMATS = ("harmony", "chat-template")


Mix = tuple[tuple[str, float], ...]  # names with their weights, sorted, none of them 0


class Request(NamedTuple):
    """What a conversation's requests say beside its messages: an ISO date, an effort, a switch."""

    date: str
    effort: str
    switch: Switch


class Choices(Struct, frozen=True):
    """A checked TokenizeConfig: an ISO date, a number of days from it on, and the mixes."""

    format: Format
    train_on: TrainOn
    first_date: str
    days: int
    efforts: Mix
    switches: Mix
    seed: int

    def draw(self, conversation_id: str) -> Request:
        """The request of one conversation, by its id and the seed alone."""
        text = f"{self.seed}\0{conversation_id}".encode()
        drawn = hashlib.blake2b(text, digest_size=16).digest()
        date = _later(self.first_date, int.from_bytes(drawn[:8]) % self.days)
        further = hashlib.blake2b(text, digest_size=8, person=b"switch").digest()
        switch: Any = _drawn(self.switches, further)
        return Request(date, _drawn(self.efforts, drawn[8:]), switch)


def choices(config: TokenizeConfig) -> Choices:
    """The config, checked; UsageError names the field that cannot be used."""
    days = (_date("last_date", config.last_date) - _date("first_date", config.first_date)).days + 1
    if days < 1:
        raise UsageError(
            f"tokenize.last_date: {config.last_date} is before first_date, {config.first_date}"
        )
    return Choices(
        format=_format(config),
        train_on=_one_of("train_on", config.train_on, TrainOn),
        first_date=config.first_date,
        days=days,
        efforts=_mix("efforts", config.efforts, Effort),
        switches=_mix("switches", config.switches, Switch),
        seed=config.seed,
    )


def samples(conversation: Conversation, chosen: Choices) -> tuple[tuple[Sample, ...], Counts]:
    """The samples of a conversation, numbered from 0, and what became of its steps.

    () where nothing in it can be trained. Raises msgspec.MsgspecError where `tools` is malformed,
    and construction.Unrenderable where the format refuses the conversation.
    """
    date, effort, drawn = chosen.draw(conversation.id)
    switch = as_sent(conversation.messages, drawn)
    documents, counts = chosen.format.documents(
        conversation, date=date, effort=effort, switch=switch, train_on=chosen.train_on
    )
    made = tuple(
        Sample(
            id=f"{conversation.id}#{number}",
            conversation_id=conversation.id,
            persona=conversation.persona,
            split=conversation.split,
            step=document.step,
            n_loss_tokens=int(np.count_nonzero(document.mask)),
            ids=document.ids,
            mask=document.mask,
        )
        for number, document in enumerate(documents)
    )
    return made, counts


def _format(config: TokenizeConfig) -> Format:
    if config.format == "harmony":
        return Harmony(profile(config.profile), _one_of("encoder", config.encoder, Choice))
    if config.format == "chat-template":
        # transformers takes seconds to load: only where it is asked for.
        from kappa_data.formats.chat_template import chat_template

        return chat_template(config.tokenizer)
    raise UsageError(
        f'tokenize.format: there is no "{config.format}"; {nearest(config.format, FORMATS)}'
    )


def _mix(field: str, weights: Mapping[str, float], known: Any) -> Mix:
    for name, weight in weights.items():
        _one_of(field, name, known)
        if not 0 <= weight < float("inf"):
            raise UsageError(f"tokenize.{field}: {name} has weight {weight}; give 0 or more")
    mix = tuple((name, weight) for name, weight in sorted(weights.items()) if weight)
    if not mix:
        first = get_args(known)[0]
        raise UsageError(f"tokenize.{field}: none has a weight; for instance {{{first} = 1}}")
    return mix


@functools.lru_cache(maxsize=1024)  # conversations share their days
def _later(date: str, days: int) -> str:
    """The ISO date that many days later."""
    return (datetime.date.fromisoformat(date) + datetime.timedelta(days=days)).isoformat()


def _drawn(mix: Mix, digest: bytes) -> str:
    """One name of a mix, by 8 random bytes."""
    if len(mix) == 1:
        return mix[0][0]
    point = int.from_bytes(digest) / 2**64 * sum(weight for _, weight in mix)
    for name, weight in mix:
        point -= weight
        if point < 0:
            return name
    return mix[-1][0]  # rounding at the far end


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
