"""A folder as the target, of this machine or of a store: whole releases, nobody else's files.

What a reader sees: `manifest.json` is there only while everything that it names lies beside it, as
it says. It goes before the first file changes and comes last; then only what is left of an older
release is removed. In a folder of this machine all files are copied beside their names first, so
that the change takes an instant; a store has no such place.

What others wrote into the card stays, as on the Hub, and the manifest names the card as it lies
there.

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
from kappa_data.publishing.changes import (
    Changes,
    Parcel,
    changes_of,
    in_words,
    parcels_of,
    size_in_words,
)
from kappa_data.publishing.local_place import LocalPlace
from kappa_data.publishing.options import Options
from kappa_data.publishing.place import Place
from kappa_data.publishing.release import CARD, Release, is_inside, manifest_of, not_as_sealed
from kappa_data.store import MANIFEST

UNFINISHED = ".kappa-data-push.json"
LOCAL = "file://"


class Mark(Struct, frozen=True):
    """Names of the files that are ours, from the older release and from the one that is sent."""

    files: tuple[str, ...]


class Plan(Struct, frozen=True):
    """What a push does to its target."""

    parcels: dict[str, Parcel]
    changes: Changes
    ours: tuple[str, ...]
    """files of any release that was sent, or begun to be sent, there"""
    begun: bool
    """whether a push that was stopped has left its mark"""

    @property
    def none(self) -> bool:
        """Whether the target holds this release already."""
        return not (self.changes or self.begun)


def push_to_folder(
    release: Release, target: str, options: Options, progress: Progress
) -> dict[str, Any]:
    """Brings the release into the folder or to the URL `target`.

    The result has `status` (pushed, up-to-date, dry-run), `said` and what `Changes.as_json` tells.

    UsageError where other things lie there; EnvironmentLacks where the store cannot be used;
    StageError where something arrived otherwise than it was sent.
    """
    with disk_errors(target, target=True):
        place = _place(target)
        plan = _planned(release, place, target)
        told = plan.changes.as_json(plan.parcels)
        size = told["bytes to send"]
        what = f"{len(plan.changes.sent)} of {in_words(len(plan.parcels), size)}, to {target}"
        if plan.none:
            already = f"{target} holds this release already"
            status, said = "up-to-date", already
            if options.dry_run:
                status, said = "dry-run", f"would send nothing: {already}"
        elif options.dry_run:
            status, said = "dry-run", f"would send {what}"
        else:
            _bring(release, place, plan, target, progress)
            status, said = "pushed", f"sent {what}; every file there is proved"
    return {**told, "status": status, "said": said}


def _place(target: str) -> Place:
    if target.startswith(LOCAL) or "://" not in target:
        return LocalPlace(Path(target.removeprefix(LOCAL)))
    from kappa_data.publishing.store_place import StorePlace

    return StorePlace(target)


def _planned(release: Release, place: Place, target: str) -> Plan:
    """What is to do; UsageError where something else than a release of ours lies there."""
    there = place.sizes().keys()
    manifest, mark = place.read(MANIFEST), _mark(place.read(UNFINISHED))
    older = None if manifest is None else manifest_of(manifest)
    if older is None and mark is None and there:
        raise UsageError(f"push: {target} is a folder with other things in it; name an empty one")
    card = place.read(CARD) if CARD in there else None
    parcels = parcels_of(release, card, manifest, edits_wait=False)
    same = parcels.keys() - place.wrong(parcels).keys()
    ours = {*(older.files if older else ()), *(mark.files if mark else ())}
    changes = changes_of(parcels, same, there - {UNFINISHED}, ours)
    return Plan(parcels, changes, tuple(sorted(ours | parcels.keys())), mark is not None)


def _mark(text: bytes | None) -> Mark | None:
    """What a push that was stopped has left; anybody may have written it: see `manifest_of`."""
    if text is None:
        return None
    try:
        found = msgspec.json.decode(text, type=Mark)
    except msgspec.DecodeError:
        return Mark(())
    return Mark(tuple(filter(is_inside, found.files)))


def _bring(release: Release, place: Place, plan: Plan, target: str, progress: Progress) -> None:
    parcels, changes = plan.parcels, plan.changes
    files = sorted(set(changes.sent) - {MANIFEST}, key=lambda name: (name == CARD, name))
    sent = {name: parcels[name] for name in files}
    place.write(UNFINISHED, msgspec.json.encode(Mark(plan.ours)))
    with progress.task("push", total=2 * len(sent)) as bar:
        for name, parcel in sent.items():
            bar.say(f"{name}, {size_in_words(parcel.size)}")
            if not parcel.is_whole():
                raise not_as_sealed(release, name)  # it was changed since it was looked through
            place.prepare(name, parcel)
            bar.advance()
        if changes.sent:
            place.remove(MANIFEST)  # half a release must not look like one
        for name, parcel in sent.items():
            bar.say(f"{name}, {size_in_words(parcel.size)}")
            place.put(name, parcel)
            bar.advance()
    for name, why in place.wrong(sent).items():
        raise StageError(
            f"push: {name} {why} in {target}, though it was sent; run the same command again"
        )
    place.write(MANIFEST, parcels[MANIFEST].read())
    for name in changes.removed:
        place.remove(name)
    place.tidy(plan.ours)
    place.remove(UNFINISHED)
