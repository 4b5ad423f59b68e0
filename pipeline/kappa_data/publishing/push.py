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
from kappa_data.trainers.source import REPO_ID, refuse_ambiguous, repository_of


def push(folder: Path, target: str, options: Options, progress: Progress) -> dict[str, Any]:
    """Sends the release in `folder` to `target`; a summary with what was said to the user.

    The summary has `target`, `files` and `bytes` of the whole release, `status` (pushed,
    up-to-date, dry-run), `said`, and what the target's own push tells.
    Raises UsageError for a target that is neither a repository nor a folder and for what guard
    refuses; EnvironmentLacks where there is no token, no network or no right to write.
    """
    release = read_release(folder)
    repo_id = repository(target)
    if repo_id is None and (asked := _of_hubs(options)):
        raise UsageError(f"push: {', '.join(asked)}: only a Hub repository has that, not {target}")
    guard.check(release, options, progress)
    name = _expanded(target) if repo_id is None else repo_id
    summary = {"target": name, "files": len(release.files) + 1, "bytes": release.bytes}
    if repo_id is not None:
        from kappa_data.publishing.hub import push_to_hub  # loads the Hub's client

        sent = push_to_hub(release, name, options, progress)
    else:
        sent = push_to_folder(release, name, options, progress)
    if options.dry_run:
        sent["said"] += f"; {guard.gates(release)}"
    return summary | sent


def _of_hubs(options: Options) -> list[str]:
    """The flags that were said and mean nothing to a folder."""
    usual = Options()
    flags = ("private", "revision", "create_pr", "message")
    said = [each for each in flags if getattr(options, each) != getattr(usual, each)]
    return [f"--{each.replace('_', '-')}" for each in said]


def repository(target: str) -> str | None:
    """owner/name of the Hub repository that is meant; None for a folder or a store.

    ./name, ../name, /name, ~/name and the URL of a store are those; so is a folder that is there,
    unless it may be a repository as well. UsageError for anything else.
    """
    if not target.strip():
        raise UsageError("push: the target is empty; name owner/name (of the Hub), or a folder")
    if (named := repository_of(target)) is not None:
        return named
    refuse_ambiguous(target)
    if REPO_ID.fullmatch(target):
        return target
    if "://" in target or target.startswith(("./", "../", "/", "~")) or Path(target).is_dir():
        return None
    raise UsageError(f"push: {target} is no Hub repository (owner/name); for a folder: ./{target}")


def _expanded(target: str) -> str:
    """The target with ~ as the folder that it stands for."""
    if not target.startswith("~"):
        return target
    try:
        return str(Path(target).expanduser())
    except RuntimeError as error:  # another user's, whom nobody knows here
        raise UsageError(f"push: {target}: there is no such user; name the folder") from error
