"""Documents as files that no single call shows whole, and the calls that read them in pieces."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from kappa_data.records import ReferenceStep

WIDTH = 88
"""columns of a file"""
PIECE = 100
"""lines that one call reads: with `WIDTH` columns they fit the 10,000 characters of its output"""
SHOWN = 9_900
"""characters of lines that read_file shows, its note apart (sandbox/tools/read_file.py)"""


class Piece(Struct, frozen=True):
    """Lines `first` to `last` of a file, counted from 1."""

    path: str
    first: int
    last: int
    text: str


def wrapped(text: str) -> str:
    """The text in lines of at most `WIDTH` characters; blank lines stay."""
    out: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            if line and len(line) + len(word) >= WIDTH:
                out.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        out.append(line)
    return "\n".join(out) + "\n"


def pieces(path: str, text: str, *, whole: bool) -> list[Piece]:
    """The file piece by piece: as much as is shown at once if `whole`, else `PIECE` lines each."""
    lines = text.rstrip("\n").split("\n")
    found = []
    first = 0
    while first < len(lines):
        last = min(first + PIECE, len(lines))
        if whole:
            room, last = SHOWN, first
            while last < len(lines) and last - first < 2000:
                room -= len(lines[last]) + 1
                if room < 0:
                    break
                last += 1
        found.append(Piece(path, first + 1, last, "\n".join(lines[first:last])))
        first = last
    return found


def read_piece(piece: Piece, *, whole: bool, reasoning: str) -> ReferenceStep:
    """The call that shows the piece."""
    arguments: dict[str, object] = {"path": piece.path}
    if piece.first > 1 or not whole:
        arguments["offset"] = piece.first
    if not whole:
        arguments["limit"] = PIECE
    return ReferenceStep("read_file", arguments, reasoning)


def within(piece: Piece, sayings: Sequence[str]) -> list[str]:
    """Those of `sayings` that end in the piece, however the lines are broken."""
    flat = " ".join(piece.text.split())
    return [said for said in sayings if " ".join(said.split()[-4:]) in flat]
