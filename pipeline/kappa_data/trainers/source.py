"""Opens packed rows for a trainer: from a folder, or from a dataset repository on the Hub."""

from __future__ import annotations

import os
import re
from pathlib import Path

from kappa_data.dataset import Split, load
from kappa_data.errors import EnvironmentLacks, UsageError
from kappa_data.packed_files import PACKED
from kappa_data.store import MANIFEST

REPO_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")
ADDRESSES = ("hf", "http", "https")
HUB = "huggingface.co"


def open_split(source: str, split: str = "train", revision: str | None = None) -> Split:
    """The packed rows of a split: `source` is what `kappa_data.load` takes, owner/name, or its
    address.

    UsageError where there are no such rows; see folder_of.
    """
    return load(folder_of(source, revision))[split]


def folder_of(source: str, revision: str | None = None) -> Path:
    """Where the packed rows of `source` lie: a folder, or a repository's, which are then fetched.

    Of a Hub repository only the packed rows are fetched, into the Hub's cache, at `revision` (a
    branch, a tag or a commit; the newest without it). UsageError where a folder is given a
    revision, where a repository holds no rows, and as repository_of; EnvironmentLacks where the
    Hub gives nothing.
    """
    if (named := repository_of(source)) is not None:
        return _fetched(named, revision)
    folder = Path(source).expanduser()
    if folder.is_dir() or not REPO_ID.fullmatch(source):
        if revision is not None:
            raise UsageError(f"{source} is a folder, and only the Hub has revisions: {revision}")
        return folder
    return _fetched(source, revision)


def repository_of(address: str) -> str | None:
    """owner/name, where `address` is one of a dataset on the Hub; None where it is no address.

    Those are hf://datasets/owner/name and https://huggingface.co/datasets/owner/name, or with the
    host that HF_ENDPOINT names. UsageError for all others that begin like these.
    """
    scheme, found, rest = address.partition("://")
    kind = scheme.rpartition("::")[2].lower()
    if not found or kind not in ADDRESSES:
        return None
    host, _, path = (f"/{rest}" if kind == "hf" else rest).partition("/datasets/")
    name = REPO_ID.match(path)
    known = scheme == kind and host.lower() in _hosts(kind)
    if name and known and path.removesuffix("/") == name[0]:
        return name[0]
    meant = name[0] if name and known else "owner/name"  # never the address: it may hold a password
    raise UsageError(
        f"{kind}://... is the address of no dataset repository on the Hub; write {meant}"
    )


def refuse_ambiguous(name: str) -> None:
    """UsageError where this may be a repository of the Hub, and is a folder here."""
    if REPO_ID.fullmatch(name) and Path(name).is_dir():
        raise UsageError(
            f"{name} may be a repository of the Hub, and is a folder here; write ./{name} for the "
            f"folder, hf://datasets/{name} for the Hub"
        )


def _hosts(kind: str) -> set[str]:
    """What stands before /datasets/ in the addresses of a kind, in small letters."""
    if kind == "hf":
        return {""}
    endpoint = os.environ.get("HF_ENDPOINT") or HUB
    return {HUB, endpoint.rpartition("://")[2].rpartition("@")[2].rstrip("/").lower()}


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
