"""A folder as the target: the manifest comes last, so that a reader never sees half a release."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from kappa_data.disk import disk_errors
from kappa_data.errors import UsageError
from kappa_data.progress import Progress
from kappa_data.publishing.options import Options
from kappa_data.publishing.release import Manifest, Release, manifest_of
from kappa_data.resources import sha256_of
from kappa_data.store import MANIFEST


def push_to_folder(
    release: Release, target: str, options: Options, progress: Progress
) -> dict[str, Any]:
    """Copies the release to the folder `target`: `status` (pushed, up-to-date, dry-run), `said`."""
    what = f"{len(release.files) + 1} files, {release.bytes / 1e6:.1f} MB"
    if options.dry_run:
        return {"status": "dry-run", "said": f"would send {what} to the folder {target}"}
    folder = Path(target).expanduser()
    with disk_errors(folder):
        changed = _copy(release, folder)
    said = f"{what} in {target}" if changed else f"{target} holds this release already"
    return {"status": "pushed" if changed else "up-to-date", "said": said}


def _copy(release: Release, target: Path) -> bool:
    """Copies the files, the manifest last; False where the same release lies there already.

    Only what an older release of ours names is ever removed.
    """
    target.mkdir(parents=True, exist_ok=True)
    older = _release_in(target)
    if older is None and any(target.iterdir()):
        raise UsageError(f"push: {target} is a folder with other things in it; name an empty one")
    if older is not None:
        if (target / MANIFEST).read_bytes() == release.sealed and _whole(target, release):
            return False
        (target / MANIFEST).unlink()  # half a release must not look like one
        for name in older.files:
            (target / name).unlink(missing_ok=True)
    for name in release.files:
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.resolve().is_relative_to(target.resolve()):
            raise UsageError(
                f"push: {place.parent} is a link that leads out of {target}; remove it"
            )
        shutil.copyfile(release.folder / name, place)
    part = target / f"{MANIFEST}.part"
    part.write_bytes(release.sealed)
    part.rename(target / MANIFEST)
    return True


def _release_in(folder: Path) -> Manifest | None:
    """The manifest of a release that lies in `folder`; None where none of ours does."""
    try:
        return manifest_of((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        return None


def _whole(folder: Path, release: Release) -> bool:
    """Whether every file lies in `folder` with its sha256."""
    for name, each in release.files.items():
        path = folder / name
        if not path.is_file() or path.is_symlink() or sha256_of(path) != each.sha256:
            return False
    return True
