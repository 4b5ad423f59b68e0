"""Texts to work on, each with several jobs: `data/seeds/tasks/talk_pieces_*.toml`."""

from __future__ import annotations

import functools

from msgspec import Struct

from kappa_data.tasks.material.talks import loaded, spread


class Job(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be made of a text.

    The right `answer` has at most `words` words, holds every regular expression of `facts` at the
    start of a word and none of `never`. The text itself breaks one of these rules.
    """

    ask: str
    note: str
    answer: str
    words: int
    facts: tuple[str, ...]
    wrong: tuple[str, ...]
    never: tuple[str, ...] = ()


class Piece(Struct, frozen=True, forbid_unknown_fields=True):
    """A text and its jobs."""

    text: str
    jobs: tuple[Job, ...]


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    piece: tuple[Piece, ...]


@functools.cache
def pieces() -> tuple[Piece, ...]:
    """All texts; neighbours come from different files."""
    return spread([each.piece for each in loaded("talk_pieces_", _File)])
