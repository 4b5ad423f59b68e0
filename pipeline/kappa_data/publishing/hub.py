"""A Hub repository as the target: one commit holds everything."""

from __future__ import annotations

from typing import Any

from kappa_data.errors import EnvironmentLacks, StageError, UsageError
from kappa_data.progress import Progress
from kappa_data.publishing.options import Options
from kappa_data.publishing.release import Release


def push_to_hub(
    release: Release, repo_id: str, options: Options, progress: Progress
) -> dict[str, Any]:
    """Uploads the release in one commit: `status` (pushed, dry-run), `said`, `url`."""
    what = f"{len(release.files) + 1} files, {release.bytes / 1e6:.1f} MB"
    if options.dry_run:
        return {"status": "dry-run", "said": f"would send {what} to the Hub repository {repo_id}"}
    progress.note(f"push: {what} to the Hub repository {repo_id}")
    url = _upload(release, repo_id, options)
    return {"status": "pushed", "url": url, "said": f"sent {what} to {url}"}


def _upload(release: Release, repo_id: str, options: Options) -> str:
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
            folder_path=release.folder,
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
