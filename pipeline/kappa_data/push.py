"""push: sends a release folder to a Hub repository, or copies it to a folder.

One commit holds everything, so that a reader never sees half a dataset. In a folder the manifest
comes last, for the same reason.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from kappa_data.disk import disk_errors
from kappa_data.errors import EnvironmentLacks, StageError, UsageError
from kappa_data.progress import Progress
from kappa_data.resources import sha256_of
from kappa_data.store import MANIFEST

REPO_ID = re.compile(r"[\w.-]+/[\w.-]+")


class Options(Struct, frozen=True):
    """What the user said about a push."""

    private: bool = False
    dry_run: bool = False
    allow_embedded: bool = False
    allow_simulated: bool = False
    allow_unsafe_local: bool = False
    message: str = "Release by kappa-data"


class Released(Struct, frozen=True):
    """What push needs of a release's manifest."""

    figures: dict[str, Any]
    files: dict[str, dict[str, Any]]
    grounding: dict[str, int] = {}


def push(release: Path, target: str, options: Options, progress: Progress) -> dict[str, Any]:
    """Sends the dataset in `release` to `target`; a summary with what was said to the user.

    Raises UsageError for a target that is neither a repository nor a folder, for embedded,
    simulated or unsafe-local data without its flag, and where a target of the report is missed and
    nobody said why it may go; EnvironmentLacks where there is no token, no network or no right to
    write.
    """
    released = msgspec.json.decode((release / MANIFEST).read_bytes(), type=Released)
    size = sum(each["bytes"] for each in released.files.values())
    _check_allowed(released, options)
    what = f"{len(released.files) + 1} files, {size / 1e6:.1f} MB"
    kind = "Hub repository" if is_repository(target) else "folder"
    summary = {"target": target, "files": len(released.files) + 1, "bytes": size}
    gates = _gates(released.figures)
    if options.dry_run:
        said = f"would send {what} to the {kind} {target}; {gates}"
        return summary | {"status": "dry-run", "said": said}
    progress.note(f"push: {gates}")
    if kind == "Hub repository":
        progress.note(f"push: {what} to the Hub repository {target}")
        url = _to_hub(release, target, options)
        return summary | {"status": "pushed", "url": url, "said": f"sent {what} to {url}"}
    with disk_errors(Path(target)):
        changed = _to_folder(release, Path(target), released)
    said = f"{what} in {target}" if changed else f"{target} holds this release already"
    return summary | {"status": "pushed" if changed else "up-to-date", "said": said}


def _check_allowed(released: Released, options: Options) -> None:
    """UsageError that names the flag where the release holds what is not sent unasked."""
    grounding = released.grounding
    for count, allowed, what, instead in (
        (
            released.figures["embedded"],
            options.allow_embedded,
            "were made by the embedded teacher, which is no model",
            "generate with --model, or say --allow-embedded",
        ),
        (
            grounding.get("simulated", 0),
            options.allow_simulated,
            "have tool results that the teacher wrote and nothing ran",
            "generate in boxes, or say --allow-simulated",
        ),
        (
            grounding.get("unsafe-local", 0),
            options.allow_unsafe_local,
            "called tools on a machine without protection, and may show what was on it",
            "generate in boxes, or look through them and say --allow-unsafe-local",
        ),
    ):
        if count and not allowed:
            noun = "conversation" if count == 1 else "conversations"
            raise UsageError(f"push: {count} {noun} {what}; {instead}")
    missed = released.figures["missed"]
    if missed and not released.figures["override"]:
        raise UsageError(
            f"push: {len(missed)} target{'s' * (len(missed) > 1)} missed: {'; '.join(missed)}; "
            "see `kappa-data report` and mend the data, or say --override WHY, which the card shows"
        )


def _gates(figures: Mapping[str, Any]) -> str:
    """What the report says of the targets, in words."""
    missed, unknown = len(figures["missed"]), figures["too little"]
    first = f"{missed} missed, pushed all the same" if missed else "no target is missed"
    return f"{first}; of {unknown} there is too little to say" if unknown else first


def is_repository(target: str) -> bool:
    """owner/name is a Hub repository; ./name, /name, or a folder that exists is a folder."""
    if Path(target).is_dir() or target.startswith(("./", "../", "/", "~")):
        return False
    if REPO_ID.fullmatch(target):
        return True
    raise UsageError(f"push: {target} is no Hub repository (owner/name); for a folder: ./{target}")


def _to_folder(release: Path, target: Path, released: Released) -> bool:
    """Copies the files, the manifest last; False where the same release lies there already.

    Only what an older release of ours names is ever removed.
    """
    target = target.expanduser()
    target.mkdir(parents=True, exist_ok=True)
    older = _release_in(target)
    if older is None and any(target.iterdir()):
        raise UsageError(f"push: {target} is a folder with other things in it; name an empty one")
    manifest = (release / MANIFEST).read_bytes()
    if older is not None:
        if (target / MANIFEST).read_bytes() == manifest and _whole(target, released):
            return False
        (target / MANIFEST).unlink()  # half a release must not look like one
        for name in older.files:
            (target / name).unlink(missing_ok=True)
    for name in released.files:
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.resolve().is_relative_to(target.resolve()):
            raise UsageError(
                f"push: {place.parent} is a link that leads out of {target}; remove it"
            )
        shutil.copyfile(release / name, place)
    part = target / f"{MANIFEST}.part"
    part.write_bytes(manifest)
    part.rename(target / MANIFEST)
    return True


def _release_in(folder: Path) -> Released | None:
    """The manifest of a release that lies in `folder`; None where none of ours does."""
    try:
        found = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Released)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    inside = (not Path(name).is_absolute() and ".." not in Path(name).parts for name in found.files)
    return found if "README.md" in found.files and all(inside) else None


def _whole(folder: Path, released: Released) -> bool:
    """Whether every file lies in `folder` with its sha256."""
    for name, each in released.files.items():
        path = folder / name
        if not path.is_file() or path.is_symlink() or sha256_of(path) != each["sha256"]:
            return False
    return True


def _to_hub(release: Path, repo_id: str, options: Options) -> str:
    """Uploads everything in one commit; the repository's address."""
    import httpx2
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    if get_token() is None:
        raise EnvironmentLacks(
            "push: no Hub token; log in with `hf auth login` or set HF_TOKEN (write access)"
        )
    api = HfApi()
    try:
        url = api.create_repo(repo_id, repo_type="dataset", private=options.private, exist_ok=True)
        api.upload_folder(
            repo_id=repo_id,
            repo_type="dataset",
            folder_path=release,
            commit_message=options.message,
            delete_patterns=["conversations/*", "packed/*"],
        )
    except HFValidationError as error:
        raise UsageError(f"push: {repo_id} is no name for a repository: {error}") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise EnvironmentLacks(
                f"push: the Hub refused the token for {repo_id} ({status}); "
                "set HF_TOKEN to a token with write access"
            ) from error
        raise StageError(
            f"push: the Hub answered {status} for {repo_id}; run the same command again"
        ) from error
    except httpx2.TransportError as error:
        raise EnvironmentLacks(
            f"push: the Hub at {api.endpoint} cannot be reached ({error}); check the network"
        ) from error
    return str(url)
