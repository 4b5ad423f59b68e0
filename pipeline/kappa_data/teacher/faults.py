"""What goes wrong between a client and an endpoint, planted at seeded rates.

A fault is drawn per request number, not per place in a conversation: the same question asked again
may be answered.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, get_args

from msgspec import Struct

from kappa_data.config import nearest
from kappa_data.errors import UsageError
from kappa_data.teacher.draw import draw

FaultKind = Literal["rate_limit", "server_error", "drop", "garbage", "empty", "hang"]
KINDS: tuple[FaultKind, ...] = get_args(FaultKind)


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
    latency: float = 0.0
    """seconds before each answer"""
    max_in_flight: int = 0
    """requests at once, those above it being answered 429; 0: any number"""
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
    most = numbers.pop("max_in_flight", 0)
    if most != int(most):
        raise UsageError(f"faults: max_in_flight = {most}; give a whole number")
    return Faults(**numbers, max_in_flight=int(most), seed=seed)
