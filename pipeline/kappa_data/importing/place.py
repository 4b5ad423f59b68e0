"""Where a raw record stands, and what can be wrong with it there."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from kappa_data.records import Message


class Place(Struct, frozen=True):
    """File name (or data set and split) and line or row, counted from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class LineError(Struct, frozen=True):
    """A line that gave no conversation; the lines around it are read all the same."""

    file: str
    line: Annotated[int, Meta(description="line of a text file or row of a table, from 1")]
    reason: str


class NotAConversation(ValueError):
    """The record is JSON and no conversation; the message names the path within it."""


class UnknownRole(ValueError):
    """A message has a role that our records cannot hold."""

    def __init__(self, message: int, role: str) -> None:
        super().__init__(role)
        self.message, self.role = message, role


class Draft(Struct):
    """What a format made of a raw record: all that does not depend on where the record stood."""

    messages: tuple[Message, ...]
    tools: str | None
