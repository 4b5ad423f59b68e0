"""Where a release can be copied to: what folder.py asks of a place, whichever kind it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from kappa_data.publishing.changes import Parcel


class Place(Protocol):
    """A tree of files under names like `packed/train-00000.parquet`.

    All raise UsageError for what the user can mend by another target, EnvironmentLacks where the
    place cannot be used at all.
    """

    def sizes(self) -> dict[str, int]:
        """Every file and its bytes, other people's too; nothing where there is no such place."""

    def read(self, name: str) -> bytes | None:
        """A small file; None where there is none."""

    def write(self, name: str, data: bytes) -> None:
        """A small file, which readers see whole or not at all."""

    def remove(self, name: str) -> None:
        """Removes a file, if it is there."""

    def prepare(self, name: str, parcel: Parcel) -> None:
        """Brings a file as near as is possible without a reader seeing it."""

    def put(self, name: str, parcel: Parcel) -> None:
        """Puts what was prepared into its place, where readers see it whole or not at all."""

    def wrong(self, parcels: Mapping[str, Parcel]) -> dict[str, str]:
        """Which of these do not lie here with the bytes that they were sealed with, and why in
        words.

        Proved by what the place itself says that it holds, or by reading it.
        """

    def tidy(self, names: Iterable[str]) -> None:
        """Removes what a push that was stopped has left beside these names."""
