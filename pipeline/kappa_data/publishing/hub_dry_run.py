"""What a push to the Hub would do, as far as the Hub lets itself be asked."""

from __future__ import annotations

from typing import Any

from huggingface_hub import get_token

from kappa_data.errors import EnvironmentLacks, StageError
from kappa_data.progress import Progress
from kappa_data.publishing.changes import compare, in_words, parcels_of
from kappa_data.publishing.hub_client import Head, Hub
from kappa_data.publishing.hub_errors import RESUMED
from kappa_data.publishing.options import Options
from kappa_data.publishing.release import Release


def foreseen(
    release: Release, repo_id: str, options: Options, progress: Progress
) -> dict[str, Any]:
    """The summary of a push that is not made: only reads, and each only once."""
    hub = Hub(repo_id, progress, tries=1)
    head, known = _seen(hub, options)
    parcels = parcels_of(release, head.card, head.manifest) if head else parcels_of(release)
    changes = compare(parcels, head.files, head.manifest) if head else compare(parcels, {}, None)
    summary = {**changes.as_json(parcels), "status": "dry-run", "url": hub.url}
    where = f"{hub.url}, {options.revision}"
    if head and not changes:
        return {**summary, "said": f"would send nothing: {where} holds this release already"}
    how = "open a pull request with" if options.create_pr else "send"
    what = in_words(len(changes.sent), summary["bytes to send"])
    return {**summary, "said": f"would {how} {what}, to {where}; {known}"}


def _seen(hub: Hub, options: Options) -> tuple[Head | None, str]:
    """What lies there now, None where nothing does or nobody says; and which of it, in words."""
    try:
        private = hub.private()
        if private is None:
            kind = "private" if options.private else "public"
            return None, f"the repository is not there yet and would be {kind}"
        head = hub.head(options.revision)
        main = head or hub.head("main")
    except (EnvironmentLacks, StageError) as error:
        token = "" if get_token() else "there is no Hub token (`hf auth login` or HF_TOKEN), and "
        said = str(error).removeprefix("push: ").partition(RESUMED)[0]
        return None, f"{token}what lies there is unknown: {said}"
    if options.private and not private:
        return main, "the repository is public: a push with --private would be refused"
    if head is None:
        return main, f"the branch {options.revision} is not there yet, and would start at main"
    return head, "the rest lies there already"
