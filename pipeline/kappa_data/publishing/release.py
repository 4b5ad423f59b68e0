"""The release folder as push sees it: the manifest, and the sealed files that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from kappa_data.errors import UsageError
from kappa_data.store import MANIFEST

CARD = "README.md"


class File(Struct, frozen=True):
    """One file of a release."""

    bytes: int
    sha256: str


class Manifest(Struct, frozen=True):
    """What push needs of a release's manifest.

    `files` by their path within the release, the manifest itself not among them.
    """

    files: dict[str, File]
    figures: dict[str, Any]
    grounding: dict[str, int] = {}
    teachers: dict[str, int] = {}
    models: dict[str, int] = {}
    teacher_terms: str = ""


class Release(Struct, frozen=True):
    """A sealed release: its folder, its manifest, and the manifest's own bytes."""

    folder: Path
    manifest: Manifest
    sealed: bytes

    @property
    def files(self) -> dict[str, File]:
        """The files that the manifest names."""
        return self.manifest.files

    @property
    def bytes(self) -> int:
        """All of them together, without the manifest."""
        return sum(each.bytes for each in self.files.values())


def read_release(folder: Path) -> Release:
    """The release in `folder`; UsageError where none of ours lies there whole."""
    try:
        sealed = (folder / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"push: {folder} is no release: it has no {MANIFEST}") from None
    manifest = manifest_of(sealed)
    if manifest is None:
        raise UsageError(f"push: {folder / MANIFEST} is no manifest of a release; build it again")
    return Release(folder, manifest, sealed)


def not_as_sealed(release: Release, name: str) -> UsageError:
    """The error for a file that has other bytes than the manifest says, or is gone."""
    return UsageError(
        f"push: {release.folder / name} is not what {MANIFEST} says: it was changed or removed "
        f"after the release was sealed; remove {release.folder.parent} and push again, which "
        "builds it anew"
    )


def manifest_of(text: bytes) -> Manifest | None:
    """The manifest of a release of ours; None for any other text, or one with names that lead out.

    Such a text comes from where anybody may write: nothing that it names is believed to be ours
    unless it lies within the release.
    """
    try:
        found = msgspec.json.decode(text, type=Manifest)
    except msgspec.DecodeError:
        return None
    return found if CARD in found.files and all(map(is_inside, found.files)) else None


def is_inside(name: str) -> bool:
    """Whether a file's name stays within the release."""
    return not Path(name).is_absolute() and ".." not in Path(name).parts
