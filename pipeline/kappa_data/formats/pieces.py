"""Harmony's pieces: runs of atoms that stand together wherever they stand, and their ids.

A prompt is cut behind every opening `<|start|>assistant` and behind every `<|end|>`, `<|call|>` and
`<|return|>`. So the cuts follow from the atoms, a history shares its pieces with what was emitted,
and each piece is encoded once, however many prompts it stands in.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from itertools import accumulate, chain

import numpy as np
from msgspec import Struct

from kappa_data.formats.construction import Atom, Document, Rendered
from kappa_data.formats.vocabulary import START, Encode
from kappa_data.records import Int32s

Piece = tuple[Atom, ...]
OPEN: Piece = (START, "assistant")  # opens a generation: the server writes it
SHORT = 64  # characters of a text that may stand in many conversations, as the words of headers do
MANY = 4096  # such texts whose ids a process keeps


class Spans(Struct, frozen=True):
    """A document as runs of one conversation's pieces; `ends` are before which the runs end."""

    firsts: list[int]
    ends: list[int]
    masks: list[int]
    steps: tuple[int, ...]


class _Atoms(dict[Atom, Int32s]):
    """The ids of one conversation's atoms; each of its texts is encoded once."""

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._kept = _kept(encode)

    def __missing__(self, atom: Atom) -> Int32s:
        ids = self._kept.get(atom)
        if ids is None:
            ids = np.array([atom], np.int32) if isinstance(atom, int) else self._encode(atom)
            if (isinstance(atom, int) or len(atom) <= SHORT) and len(self._kept) < MANY:
                self._kept[atom] = ids
        self[atom] = ids
        return ids


@functools.lru_cache(maxsize=2)  # of encoders: a process uses one
def _kept(encode: Encode) -> dict[Atom, Int32s]:
    return {}


def rendered(
    said: Iterable[Piece], made: Iterable[Document[Piece]], encode: Encode
) -> tuple[list[Rendered], int]:
    """Documents as ids and mask, and how many tokens the conversation has as it was `said`.

    Documents repeat most of what was said, in its order: so the ids of all pieces are made once, in
    one array, and a document is put together from a few long slices of it.
    """
    pieces = list(said)
    count = len(pieces)
    place = dict(zip(pieces, range(count), strict=True))
    spans = [_spans(document, pieces, place) for document in made]
    arrays = list(map(_Atoms(encode).__getitem__, chain.from_iterable(pieces)))
    ids = np.concatenate(arrays)
    of_atoms = list(accumulate(map(len, arrays), initial=0))
    starts = [of_atoms[atom] for atom in accumulate(map(len, pieces), initial=0)]
    return [_cut(each, ids, starts) for each in spans], starts[count]


def _spans(document: Document[Piece], pieces: list[Piece], place: dict[Piece, int]) -> Spans:
    """Where the pieces of a document stand among `pieces`; those that are not there are added."""
    firsts: list[int] = []
    ends: list[int] = []
    masks: list[int] = []
    at = marked = -1
    for piece, mask in zip(document.pieces, document.mask, strict=True):
        if mask != marked or at == len(pieces) or pieces[at] != piece:
            ends.append(at)
            if at < 0 or at == len(pieces) or pieces[at] != piece:
                at = place.setdefault(piece, len(pieces))
                if at == len(pieces):
                    pieces.append(piece)
            firsts.append(at)
            masks.append(mask)
            marked = mask
        at += 1
    return Spans(firsts, [*ends[1:], at], masks, tuple(document.steps))


def _cut(spans: Spans, ids: Int32s, starts: list[int]) -> Rendered:
    """The document of those spans; `starts` holds where each piece starts in `ids`."""
    slices = [
        ids[starts[first] : starts[end]]
        for first, end in zip(spans.firsts, spans.ends, strict=True)
    ]
    whole = np.concatenate(slices)
    mask = np.zeros(len(whole), np.int8)
    at = 0
    for part, value in zip(slices, spans.masks, strict=True):
        end = at + len(part)
        if value:
            mask[at:end] = value
        at = end
    return Rendered(whole, mask, spans.steps)
