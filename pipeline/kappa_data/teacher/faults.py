"""What goes wrong between a client and an endpoint, planted at seeded rates.

A fault is drawn per request number, not per place in a conversation: the same question asked again
may be answered.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, get_args

import msgspec
from msgspec import Struct

from kappa_data.config import nearest
from kappa_data.errors import UsageError
from kappa_data.teacher.draw import draw

FaultKind = Literal[
    "rate_limit", "server_error", "drop", "garbage", "empty", "hang", "blank", "cut"
]
KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
UNANSWERED = ("drop", "hang")
WHOLE = {"max_in_flight", "requests_per_minute", "tokens_per_minute"}


class Faults(Struct, frozen=True):
    """Rates of the faults and the limits of the endpoint."""

    rate_limit: float = 0.0
    """share answered 429, with Retry-After"""
    server_error: float = 0.0
    """share answered 500"""
    drop: float = 0.0
    """share whose connection is closed: before the answer, or half-way through a stream"""
    garbage: float = 0.0
    """share answered 200 with a page that is no JSON, as a broken proxy does"""
    empty: float = 0.0
    """share answered 200 with no body"""
    hang: float = 0.0
    """share never answered: the client has to give up"""
    blank: float = 0.0
    """share answered with a message that says and calls nothing, as if it were whole"""
    cut: float = 0.0
    """share answered with half of the answer, and `finish_reason` "length" """
    latency: float = 0.0
    """seconds before each answer"""
    jitter: float = 0.0
    """seconds more at most, drawn for each request"""
    max_in_flight: int = 0
    """requests at once, those above it being answered 429; 0: any number"""
    requests_per_minute: int = 0
    """those above it are answered 429, and every answer tells what is left; 0: any number"""
    tokens_per_minute: int = 0
    """of prompts and answers, the same way; 0: any number"""
    down_from: float = 0.0
    """seconds from the first request to when the server goes away"""
    down_for: float = 0.0
    """seconds that it stays away: nobody listens on the port; 0: it does not go"""
    retry_after: float = 1.0
    """seconds in Retry-After"""
    seed: int = 0

    def of(self, number: int) -> FaultKind | None:
        """The fault of request `number`, or None; one draw decides among them."""
        left = draw(self.seed, "fault", number)
        for kind in KINDS:
            left -= getattr(self, kind)
            if left < 0:
                return kind
        return None

    def seconds(self, number: int) -> float:
        """How long request `number` waits for its answer."""
        return self.latency + self.jitter * draw(self.seed, "jitter", number)


def read_faults(values: Mapping[str, float], *, latency: float = 0.0, seed: int = 0) -> Faults:
    """Faults from names and numbers; `latency` stands unless `values` has one of its own.

    UsageError: no such fault, a number that cannot be, or rates that sum to more than 1.
    """
    known = [name for name in Faults.__struct_fields__ if name != "seed"]
    for name, value in values.items():
        if name not in known:
            raise UsageError(f'faults: there is no "{name}"; {nearest(name, known)}')
        if not (math.isfinite(value) and value >= 0):
            raise UsageError(f"faults: {name} = {value}; give a number from 0 up")
    if not (math.isfinite(latency) and latency >= 0):
        raise UsageError(f"latency = {latency}; give seconds from 0 up")
    total = sum(values.get(kind, 0.0) for kind in KINDS)
    if total > 1 + 1e-9:
        raise UsageError(f"faults: the rates sum to {total:g}; together they are at most 1")
    numbers = {"latency": latency, **values}
    whole: dict[str, int] = {}
    for name in WHOLE & numbers.keys():
        number = numbers.pop(name)
        if number != int(number):
            raise UsageError(f"faults: {name} = {number}; give a whole number")
        whole[name] = int(number)
    return msgspec.convert({**numbers, **whole, "seed": seed}, Faults)
