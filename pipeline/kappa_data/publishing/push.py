"""push: sends a sealed release to a Hub repository, or copies it to a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kappa_data.errors import UsageError
from kappa_data.progress import Progress
from kappa_data.publishing import guard
from kappa_data.publishing.folder import push_to_folder
from kappa_data.publishing.options import Options
from kappa_data.publishing.release import read_release
from kappa_data.trainers.source import REPO_ID

ADDRESSES = ("hf", "http", "https")


def push(folder: Path, target: str, options: Options, progress: Progress) -> dict[str, Any]:
    """Sends the release in `folder` to `target`; a summary with what was said to the user.

    The summary has `target`, `files`, `bytes`, `status` (pushed, up-to-date, dry-run) and `said`.
    Raises UsageError for a target that is neither a repository nor a folder and for what guard
    refuses; EnvironmentLacks where there is no token, no network or no right to write.
    """
    release = read_release(folder)
    on_hub = is_repository(target)
    if not on_hub and (asked := _of_hubs(options)):
        raise UsageError(f"push: {', '.join(asked)}: only a Hub repository has that, not {target}")
    guard.check(release, options, progress)
    summary = {"target": target, "files": len(release.files) + 1, "bytes": release.bytes}
    if on_hub:
        from kappa_data.publishing.hub import push_to_hub  # loads the Hub's client

        sent = push_to_hub(release, target, options, progress)
    else:
        sent = push_to_folder(release, target, options, progress)
    if options.dry_run:
        sent["said"] += f"; {guard.gates(release)}"
    return summary | sent


def _of_hubs(options: Options) -> list[str]:
    """The flags that were said and mean nothing to a folder."""
    usual = Options()
    flags = ("private", "revision", "create_pr", "message")
    said = [each for each in flags if getattr(options, each) != getattr(usual, each)]
    return [f"--{each.replace('_', '-')}" for each in said]


def is_repository(target: str) -> bool:
    """owner/name is a Hub repository; ./name, /name, a URL, or a folder that exists is a folder.

    UsageError for anything else, and for a Hub's own address: fsspec would write there file by
    file, each in a commit of its own.
    """
    scheme, _, rest = target.partition("://")
    if rest and scheme.rpartition("::")[2] in ADDRESSES:
        raise UsageError(
            f"push: {scheme}:// is no place to write to; name a Hub repository as owner/name"
        )
    if "://" in target or Path(target).is_dir() or target.startswith(("./", "../", "/", "~")):
        return False
    if REPO_ID.fullmatch(target):
        return True
    raise UsageError(f"push: {target} is no Hub repository (owner/name); for a folder: ./{target}")
