"""A folder as the target, of this machine or of a store: whole releases, nobody else's files.

What a reader sees: `manifest.json` is there only while everything that it names lies beside it, as
it says. It goes before the first file changes and comes last; then only what is left of an older
release is removed. In a folder of this machine all files are copied beside their names first, so
that the change takes an instant; a store has no such place.

What a push that was stopped leaves: the mark UNFINISHED with the names that are ours. The next one
sends what is missing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from kappa_data.disk import disk_errors
from kappa_data.errors import StageError, UsageError
from kappa_data.progress import Progress
from kappa_data.publishing.local_place import LocalPlace
from kappa_data.publishing.options import Options
from kappa_data.publishing.place import Place
from kappa_data.publishing.release import (
    CARD,
    File,
    Release,
    is_inside,
    manifest_of,
    not_as_sealed,
)
from kappa_data.resources import sha256_of
from kappa_data.store import MANIFEST

UNFINISHED = ".kappa-data-push.json"
LOCAL = "file://"


class Mark(Struct, frozen=True):
    """Names of the files that are ours, from the older release and from the one that is sent."""

    files: tuple[str, ...]


class Changes(Struct, frozen=True):
    """What a push does to its target."""

    new: list[str]
    changed: list[str]
    same: list[str]
    removed: list[str]
    kept: list[str]
    """files of others"""
    ours: list[str]
    """files of any release that was sent, or begun to be sent, there"""
    begun: bool
    """whether a push that was stopped has left its mark"""
    sealed: bool
    """whether the manifest that lies there is this release's"""

    @property
    def send(self) -> list[str]:
        """The files that are sent, the card last."""
        return sorted([*self.new, *self.changed], key=lambda name: (name == CARD, name))

    @property
    def none(self) -> bool:
        """Whether the target holds this release already."""
        return self.sealed and not (self.send or self.removed or self.begun)


def push_to_folder(
    release: Release, target: str, options: Options, progress: Progress
) -> dict[str, Any]:
    """Brings the release into the folder or to the URL `target`.

    The result has `status` (pushed, up-to-date, dry-run) and `said`; of a dry run also `new`,
    `changed`, `same`, `removed` and `kept`, lists of names, and `bytes to send`.

    UsageError where other things lie there; EnvironmentLacks where the store cannot be used;
    StageError where something arrived otherwise than it was sent.
    """
    with disk_errors(Path(target)):
        place = _place(target)
        changes = _changes(release, place, target)
        size = len(release.sealed) + sum(release.files[name].bytes for name in changes.send)
        what = (
            f"{len(changes.send) + 1} of {len(release.files) + 1} files, {size / 1e6:.1f} MB, "
            f"to {target}"
        )
        if options.dry_run:
            return _dry_run(changes, target, what, size)
        if changes.none:
            return {"status": "up-to-date", "said": f"{target} holds this release already"}
        _bring(release, place, changes, target, progress)
    return {"status": "pushed", "said": f"sent {what}; every file there is proved"}


def _place(target: str) -> Place:
    if target.startswith(LOCAL) or "://" not in target:
        return LocalPlace(Path(target.removeprefix(LOCAL)).expanduser())
    from kappa_data.publishing.store_place import StorePlace

    return StorePlace(target)


def _changes(release: Release, place: Place, target: str) -> Changes:
    """What is to do; UsageError where something else than a release of ours lies there."""
    sizes = place.sizes()
    text, mark = place.read(MANIFEST), _mark(place.read(UNFINISHED))
    older = None if text is None else manifest_of(text)
    if older is None and mark is None and sizes:
        raise UsageError(f"push: {target} is a folder with other things in it; name an empty one")
    ours = {*(older.files if older else ()), *(mark.files if mark else ())}
    wrong = place.wrong(_sources(release))
    there = {name for name in wrong if name in sizes}
    return Changes(
        new=sorted(wrong.keys() - there),
        changed=sorted(there),
        same=sorted(release.files.keys() - wrong.keys()),
        removed=sorted((ours - release.files.keys()) & sizes.keys()),
        kept=sorted(sizes.keys() - ours - release.files.keys() - {MANIFEST, UNFINISHED}),
        ours=sorted(ours | release.files.keys()),
        begun=mark is not None,
        sealed=text == release.sealed,
    )


def _sources(release: Release) -> list[tuple[str, File, Path]]:
    return [(name, each, release.folder / name) for name, each in release.files.items()]


def _mark(text: bytes | None) -> Mark | None:
    """What a push that was stopped has left; anybody may have written it: see `manifest_of`."""
    if text is None:
        return None
    try:
        found = msgspec.json.decode(text, type=Mark)
    except msgspec.DecodeError:
        return Mark(())
    return Mark(tuple(filter(is_inside, found.files)))


def _bring(
    release: Release, place: Place, changes: Changes, target: str, progress: Progress
) -> None:
    place.write(UNFINISHED, msgspec.json.encode(Mark(tuple(changes.ours))))
    with progress.task("push", total=2 * len(changes.send)) as bar:
        for name in changes.send:
            bar.say(f"{name}, {release.files[name].bytes / 1e6:.1f} MB")
            if sha256_of(release.folder / name) != release.files[name].sha256:
                raise not_as_sealed(release, name)  # it was changed since it was looked through
            place.prepare(name, release.folder / name)
            bar.advance()
        if changes.send or not changes.sealed:
            place.remove(MANIFEST)  # half a release must not look like one
        for name in changes.send:
            bar.say(f"{name}, {release.files[name].bytes / 1e6:.1f} MB")
            place.put(name, release.folder / name)
            bar.advance()
    sent = [each for each in _sources(release) if each[0] in changes.send]
    for name, why in place.wrong(sent).items():
        raise StageError(
            f"push: {name} {why} in {target}, though it was sent; run the same command again"
        )
    place.write(MANIFEST, release.sealed)
    for name in changes.removed:
        place.remove(name)
    place.tidy(changes.ours)
    place.remove(UNFINISHED)


def _dry_run(changes: Changes, target: str, what: str, size: int) -> dict[str, Any]:
    lists = {name: getattr(changes, name) for name in ("new", "changed", "same", "removed", "kept")}
    if changes.none:
        said, size = f"{target} holds this release already; nothing would be sent", 0
    else:
        said = f"would send {what}"
    return {"status": "dry-run", "said": said, **lists, "bytes to send": size}
