"""What a push changes: the files to send beside those that lie there."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from msgspec import Struct

from kappa_data.publishing.card import merged
from kappa_data.publishing.release import CARD, Release, manifest_of, not_as_sealed
from kappa_data.resources import sha256_of
from kappa_data.store import MANIFEST

VIEWS = ("conversations/", "packed/")
HOUSEKEEPING = ".gitattributes"
"""the one file that a Hub puts into every repository"""


class Blob(Struct, frozen=True):
    """A file of a repository, as the Hub describes it.

    `blob_id` is git's: of the content, or of the pointer where the content lies in large file
    storage; `sha256` is that of the content there, None for a file that git itself holds.
    """

    size: int
    blob_id: str
    sha256: str | None = None


class Parcel(Struct, frozen=True):
    """One file to send: a path, or its bytes where they are made for this push."""

    source: Path | bytes
    size: int
    sha256: str

    def read(self) -> bytes:
        """The content."""
        return self.source if isinstance(self.source, bytes) else self.source.read_bytes()

    def open(self) -> BinaryIO:
        """The content, to be read piece by piece."""
        return io.BytesIO(self.source) if isinstance(self.source, bytes) else self.source.open("rb")

    def is_whole(self) -> bool:
        """Whether the content is still what was sealed."""
        return isinstance(self.source, bytes) or sha256_of(self.source) == self.sha256

    def lies_there(self, blob: Blob | None) -> bool:
        """Whether that file has this content, by sha256 or else by git's own hash."""
        if blob is None or blob.size != self.size:
            return False
        if blob.sha256 is not None:
            return blob.sha256 == self.sha256
        return blob.blob_id == git_blob_id(self.read())


class Changes(Struct, frozen=True):
    """Names of files, by what becomes of them.

    `removed` are files of an older release of ours that this one has not; `kept` are those of
    others; `astray` are the kept ones that load_dataset would read as if they belonged to us.
    """

    new: list[str]
    changed: list[str]
    same: list[str]
    removed: list[str]
    kept: list[str]
    astray: list[str]

    @property
    def sent(self) -> list[str]:
        """What has to be sent."""
        return [*self.new, *self.changed]

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.removed)

    def as_json(self, parcels: Mapping[str, Parcel]) -> dict[str, Any]:
        """For --json, and for a dry run."""
        sizes = {name: parcels[name].size for name in self.sent}
        told = {"bytes to send": sum(sizes.values()), "sizes": sizes}
        return msgspec.structs.asdict(self) | told


def in_words(files: int, size: int | None = None) -> str:
    """`1 file`, or `12 files, 34.5 MB`."""
    count = f"{files} file{'s' * (files != 1)}"
    return count if size is None else f"{count}, {size_in_words(size)}"


def size_in_words(size: int) -> str:
    """Bytes for people, to a tenth."""
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


def git_blob_id(data: bytes) -> str:
    """The hash by which git names this content: sha1 over `blob`, its length, a NUL and itself."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def parcels_of(
    release: Release,
    card: bytes | None = None,
    manifest: bytes | None = None,
    *,
    edits_wait: bool = True,
) -> dict[str, Parcel]:
    """Everything to send, by name, where `card` and `manifest` lie there now (None: none).

    Where others wrote into the card, both the card and the manifest that names its hash are made
    for this push, so that whoever downloads the dataset can verify all of it. `edits_wait`: where
    nothing but their words is new, the manifest stays as it lies there until the next release.
    UsageError where the release's own card is not as it was sealed.
    """
    found = {
        name: Parcel(release.folder / name, each.bytes, each.sha256)
        for name, each in release.files.items()
    }
    older = manifest_of(manifest) if manifest is not None else None
    ours = (release.folder / CARD).read_bytes()
    if _parcel(ours).sha256 != release.files[CARD].sha256:
        raise not_as_sealed(release, CARD)
    found[CARD] = _parcel(ours)
    written = merged(ours, card, older)
    sealed = release.sealed
    if written != ours:
        found[CARD] = _parcel(written)
        if edits_wait and manifest is not None and written == card and same_data(manifest, sealed):
            sealed = manifest  # nothing to say that is not said there
        else:
            sealed = _with_card(sealed, found[CARD])
    return {**found, MANIFEST: _parcel(sealed)}


def same_data(one: bytes, other: bytes) -> bool:
    """Whether two manifests say the same of everything but the card."""
    try:
        return _without_card(one) == _without_card(other)
    except (msgspec.DecodeError, KeyError, TypeError):
        return False


def compare(
    parcels: Mapping[str, Parcel], there: Mapping[str, Blob], manifest: bytes | None
) -> Changes:
    """What sending `parcels` changes where `there` lies, with `manifest` among it."""
    same = [name for name, each in parcels.items() if each.lies_there(there.get(name))]
    older = manifest_of(manifest) if manifest is not None else None
    return changes_of(parcels, same, there, older.files if older else ())


def changes_of(
    names: Collection[str], same: Collection[str], there: Collection[str], ours: Collection[str]
) -> Changes:
    """What sending `names` changes where `there` lies: `same` with the right bytes already, and
    `ours` sent by us before."""
    gone = sorted(name for name in ours if name not in names and name in there)
    kept = sorted(set(there) - set(names) - set(gone) - {HOUSEKEEPING})
    return Changes(
        new=[name for name in names if name not in there],
        changed=[name for name in names if name in there and name not in same],
        same=[name for name in names if name in same],
        removed=gone,
        kept=kept,
        astray=[name for name in kept if name.startswith(VIEWS) and name.endswith(".parquet")],
    )


def _parcel(data: bytes) -> Parcel:
    return Parcel(data, len(data), hashlib.sha256(data).hexdigest())


def _without_card(manifest: bytes) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(manifest)
    return {**decoded, "files": {k: v for k, v in decoded["files"].items() if k != CARD}}


def _with_card(manifest: bytes, card: Parcel) -> bytes:
    decoded: dict[str, Any] = msgspec.json.decode(manifest)
    decoded["files"][CARD] = {"bytes": card.size, "sha256": card.sha256}
    return msgspec.json.format(msgspec.json.encode(decoded))
