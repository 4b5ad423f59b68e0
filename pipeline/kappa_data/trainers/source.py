"""Opens packed rows for a trainer: from a folder, or from a dataset repository on the Hub."""

from __future__ import annotations

import re
from pathlib import Path

from kappa_data.dataset import Split, load
from kappa_data.errors import EnvironmentLacks, UsageError
from kappa_data.packed_files import PACKED
from kappa_data.store import MANIFEST

REPO_ID = re.compile(r"[\w.-]+/[\w.-]+")


def open_split(source: str, split: str = "train", revision: str | None = None) -> Split:
    """The packed rows of a split: `source` is what `kappa_data.load` takes, or owner/name.

    UsageError where there are no such rows; see folder_of.
    """
    return load(folder_of(source, revision))[split]


def folder_of(source: str, revision: str | None = None) -> Path:
    """Where the packed rows of `source` lie: a folder, or a repository's, which are then fetched.

    Of a Hub repository only the packed rows are fetched, into the Hub's cache, at `revision` (a
    branch, a tag or a commit; the newest without it). UsageError where a folder is given a
    revision, or where a repository holds no rows; EnvironmentLacks where the Hub gives nothing.
    """
    folder = Path(source).expanduser()
    if folder.is_dir() or not REPO_ID.fullmatch(source):
        if revision is not None:
            raise UsageError(f"{source} is a folder, and only the Hub has revisions: {revision}")
        return folder
    return _fetched(source, revision)


def _fetched(repo_id: str, revision: str | None) -> Path:
    """The folder that holds a repository's packed rows and its manifest."""
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(
            repo_id,
            repo_type="dataset",
            revision=revision,
            allow_patterns=[f"{PACKED}/*", MANIFEST],
        )
    except (OSError, ValueError) as error:  # the client's own errors are kinds of these
        first = str(error).strip().partition("\n")[0]
        raise EnvironmentLacks(
            f"{repo_id}: no folder of this name, and the Hub does not give it "
            f"({type(error).__name__}: {first}); see the name, `hf auth login` and the network"
        ) from error
    if not (Path(folder) / PACKED).is_dir():
        raise UsageError(
            f"{repo_id}: no packed rows ({PACKED}/*.parquet) at {revision or 'its newest commit'}; "
            "see the name and the revision"
        )
    return Path(folder)
