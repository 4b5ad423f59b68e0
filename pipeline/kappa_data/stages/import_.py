"""import: conversations from elsewhere, sealed as one more source that validate reads.

Its key is the digest of the file's bytes: the same file is imported once, a changed one again.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

from msgspec import Struct

from kappa_data.config import RUN_ONLY
from kappa_data.errors import EnvironmentLacks, StageError, UsageError
from kappa_data.importing.files import check_source
from kappa_data.importing.place import LineError
from kappa_data.importing.reader import FORMATS, read_conversations
from kappa_data.records import Conversation, Rejected
from kappa_data.resources import digest_of
from kappa_data.stage import Context, Outcome

SHOWN_ERRORS = 20


class ImportConfig(Struct, frozen=True):
    """What is imported; the path itself is not identity, the bytes are."""

    name: str
    digest: str
    format: str
    source: Annotated[str, RUN_ONLY] = ""


def config_for(source: str, format: str) -> ImportConfig:
    """The config of an import; UsageError where the format is unknown or the file is empty.

    What is neither a file nor a folder is taken as the name of a dataset on the Hub: its commit is
    its digest.
    """
    if format not in FORMATS:
        raise UsageError(f"--format {format}: known are {', '.join(FORMATS)}")
    path = Path(source)
    if path.is_dir():
        digests = {str(each.relative_to(path)): _sha256(each) for each in _files(path)}
        return ImportConfig(path.resolve().name, digest_of(digests), format, source)
    if not path.is_file():
        check_source(source)
        return ImportConfig(source, _commit(source), format, source)
    if path.stat().st_size == 0:
        raise UsageError(f"{source}: the file is empty; name a file with conversations")
    return ImportConfig(path.name, _sha256(path), format, source)


def _files(folder: Path) -> list[Path]:
    return sorted(each for each in folder.rglob("*") if each.is_file())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _commit(name: str) -> str:
    """The commit at which a dataset of the Hub stands now."""
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    try:
        return HfApi().dataset_info(name).sha or ""
    except RepositoryNotFoundError as error:
        raise UsageError(
            f"{name}: no such file or folder here, and no such dataset on the Hub"
        ) from error
    except (HfHubHTTPError, httpx2.TransportError, ConnectionError) as error:
        raise EnvironmentLacks(
            f"{name}: no such file or folder here, and the Hub cannot be asked ({error}); "
            "check the name, or the network"
        ) from error


def run(ctx: Context[ImportConfig]) -> Outcome:
    """Seals "conversations", "quarantine" and "line_errors"."""
    count = broken = refused = 0
    shown: list[str] = []
    with (
        ctx.writer("conversations", Conversation) as conversations,
        ctx.writer("quarantine", Rejected) as quarantine,
        ctx.writer("line_errors", LineError) as errors,
        ctx.progress.task("import", total=None) as bar,
    ):
        for each in read_conversations(ctx.config.source, ctx.config.format):
            if isinstance(each, LineError):
                broken += 1
                errors.write(each)
                if broken <= SHOWN_ERRORS:
                    shown.append(f"{each.file}:{each.line}: {each.reason}")
            elif isinstance(each, Rejected):
                refused += 1
                quarantine.write(each)
            else:
                count += 1
                conversations.write(each)
            bar.advance(1)
    if not count + refused:
        first = f"; the first: {shown[0]}" if shown else ""
        raise StageError(f"{ctx.config.source}: no conversation is left of {broken} lines{first}")
    if broken > SHOWN_ERRORS:
        shown.append(f"... and {broken - SHOWN_ERRORS} more, in the set line_errors")
    # Those in quarantine are counted where their findings are: validate reads them too.
    return Outcome(
        rejected={"broken line": broken} if broken else {},
        figures={"conversations": count, "quarantined": refused, "line errors": shown},
    )
