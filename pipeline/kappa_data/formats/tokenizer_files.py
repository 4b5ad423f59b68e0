"""The files of a tokenizer from outside: where they lie, and what identifies them.

Nothing here loads a tokenizer: the digest is that of the files, so a stage's key can be made fast.
"""

from __future__ import annotations

from pathlib import Path

from kappa_data.errors import EnvironmentLacks, UsageError
from kappa_data.resources import digest_of, sha256_of

# Never a .py: what a repository would have run stays where it is.
FILES = (
    "tokenizer*.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template*.jinja",
    "chat_template.json",
    "additional_chat_templates/*.jinja",
)
# transformers asks it which class reads the tokenizer, but the rest of it is the model's.
CONFIG = "config.json"


def folder_of(name: str) -> Path:
    """The folder of a tokenizer: `name` itself, or the files that a hub keeps under that name.

    What the hub's cache holds is taken as it is; else the files are downloaded. Raises UsageError
    where there is no such tokenizer, EnvironmentLacks where the hub cannot be asked.
    """
    if not name:
        raise UsageError(
            "tokenize.tokenizer: a chat template needs a tokenizer; name its folder, or its name "
            "on a hub, e.g. --set tokenize.tokenizer=./my-model"
        )
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not _files(folder):
            raise UsageError(f"tokenize.tokenizer: {name} holds no tokenizer (no tokenizer.json)")
        return folder
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise UsageError(f"tokenize.tokenizer: there is no folder {name}; check the path")
    return _from_hub(name)


def digest(folder: Path) -> str:
    """sha256 over the tokenizer's files and their names."""
    return digest_of({str(each.relative_to(folder)): sha256_of(each) for each in _files(folder)})


def _files(folder: Path) -> list[Path]:
    return sorted({each for pattern in FILES for each in folder.glob(pattern) if each.is_file()})


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    patterns = [*FILES, CONFIG]
    try:
        kept = Path(snapshot_download(name, allow_patterns=patterns, local_files_only=True))
        if (kept / "tokenizer_config.json").is_file() and (kept / "tokenizer.json").is_file():
            return kept
    except HFValidationError:
        raise UsageError(
            f'tokenize.tokenizer: "{name}" is neither a folder nor a name on a hub, like org/model'
        ) from None
    except LocalEntryNotFoundError:
        pass
    try:
        folder = Path(snapshot_download(name, allow_patterns=patterns))
    except RepositoryNotFoundError:
        raise UsageError(
            f"tokenize.tokenizer: there is no folder {name}, and the hub has none of that name "
            "that you may read; check the name, or log in"
        ) from None
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError):
        raise EnvironmentLacks(
            f"tokenize.tokenizer: there is no folder {name}, and the hub cannot be reached to look "
            "for it; download the tokenizer and name its folder"
        ) from None
    if not _files(folder):
        raise UsageError(f"tokenize.tokenizer: {name} on the hub holds no tokenizer")
    return folder
