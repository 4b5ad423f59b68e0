"""Seeded draws: pure functions of their key, so that no order, clock or state gets into them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def draw(*key: str | int) -> float:
    """A number in [0, 1), uniform over keys."""
    return int.from_bytes(_digest(key)[:8], "big") / 2**64


def pick(options: Sequence[T], *key: str | int) -> T:
    """One of the options, which may not be empty."""
    return options[int(draw(*key) * len(options))]


def label(*key: str | int) -> str:
    """24 hexadecimal digits: an id that differs between keys."""
    return _digest(key).hex()[:24]


def _digest(key: tuple[str | int, ...]) -> bytes:
    # A separator that no id contains: ("a", "b") and ("ab",) must differ.
    return hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()
