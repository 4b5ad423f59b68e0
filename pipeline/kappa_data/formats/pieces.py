"""Harmony's pieces: runs of atoms that stand together wherever they stand, and their ids.

A prompt is cut behind every opening `<|start|>assistant` and behind every `<|end|>`, `<|call|>` and
`<|return|>`. So the cuts follow from the atoms, a history shares its pieces with what was emitted,
and each piece is encoded once, however many prompts it stands in.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

import numpy as np

from kappa_data.formats.construction import Atom, Document, Rendered
from kappa_data.formats.vocabulary import START, Encode
from kappa_data.records import Int32s

Piece = tuple[Atom, ...]
OPEN: Piece = (START, "assistant")  # opens a generation: the server writes it
SHORT = 64  # characters of a text that may stand in many conversations, as the words of headers do
MANY = 4096  # such texts whose ids a process keeps


class Ids(dict[Piece, Int32s]):
    """The ids of a piece, int32[n]; of one conversation, since it keeps all that it was asked."""

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._kept = _kept(encode)

    def __missing__(self, piece: Piece) -> Int32s:
        ids = self[piece] = np.concatenate([self._of(atom) for atom in piece])
        return ids

    def _of(self, atom: Atom) -> Int32s:
        ids = self._kept.get(atom)
        if ids is None:
            ids = np.array([atom], np.int32) if isinstance(atom, int) else self._encode(atom)
            if (isinstance(atom, int) or len(atom) <= SHORT) and len(self._kept) < MANY:
                self._kept[atom] = ids
        return ids

    def count(self, pieces: Iterable[Piece]) -> int:
        """How many tokens the pieces have together."""
        return sum(map(len, map(self.__getitem__, pieces)))


@functools.lru_cache(maxsize=2)  # of encoders: a process uses one
def _kept(encode: Encode) -> dict[Atom, Int32s]:
    return {}


def rendered(document: Document[Piece], ids: Ids) -> Rendered:
    """The document as ids and mask."""
    arrays = list(map(ids.__getitem__, document.pieces))
    lengths = np.fromiter(map(len, arrays), dtype=np.int64, count=len(arrays))
    mask = np.repeat(np.array(document.mask, dtype=np.int8), lengths)
    return Rendered(np.concatenate(arrays), mask, tuple(document.steps))
