"""import: conversations from elsewhere, sealed as one more source that validate reads.

Its key is the digest of the file's bytes: the same file is imported once, a changed one again, in
place of the older import of its name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Struct

from kappa_data.config import RUN_ONLY
from kappa_data.errors import EnvironmentLacks, StageError, UsageError
from kappa_data.importing.files import check_source
from kappa_data.importing.place import LineError
from kappa_data.importing.reader import FORMATS, read_conversations
from kappa_data.records import Conversation, Rejected
from kappa_data.resources import digest_of, sha256_of
from kappa_data.stage import Context, Outcome
from kappa_data.store import Sealed, open_sealed

SHOWN_ERRORS = 20


class ImportConfig(Struct, frozen=True):
    """What is imported; the path itself is not identity, the bytes are."""

    name: str
    digest: str
    format: str
    source: Annotated[str, RUN_ONLY] = ""
    strict: Annotated[bool, RUN_ONLY] = False


def config_for(source: str, format: str, strict: bool = False) -> ImportConfig:
    """The config of an import; UsageError where the format is unknown or the file is empty.

    What is neither a file nor a folder is taken as the name of a dataset on the Hub: its commit is
    its digest. `strict`: a broken line fails the import.
    """
    if format not in FORMATS:
        raise UsageError(f"--format {format}: known are {', '.join(FORMATS)}")
    path = Path(source)
    if path.is_dir():
        digests = {str(each.relative_to(path)): sha256_of(each) for each in _files(path)}
        return ImportConfig(path.resolve().name, digest_of(digests), format, source, strict)
    if not path.is_file():
        check_source(source)
        return ImportConfig(source, _commit(source), format, source, strict)
    if path.stat().st_size == 0:
        raise UsageError(f"{source}: the file is empty; name a file with conversations")
    return ImportConfig(path.name, sha256_of(path), format, source, strict)


def _files(folder: Path) -> list[Path]:
    return sorted(each for each in folder.rglob("*") if each.is_file())


def _commit(name: str) -> str:
    """The commit at which a dataset of the Hub stands now."""
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    try:
        commit = HfApi().dataset_info(name).sha
    except RepositoryNotFoundError as error:
        raise UsageError(
            f"{name}: no such file or folder here, and no such dataset on the Hub"
        ) from error
    except (HfHubHTTPError, httpx2.TransportError, ConnectionError) as error:
        raise EnvironmentLacks(
            f"{name}: no such file or folder here, and the Hub cannot be asked ({error}); "
            "check the name, or the network"
        ) from error
    if not commit:
        raise EnvironmentLacks(f"{name}: the Hub names no commit of it; import a file")
    return str(commit)


def replaced(root: Path, sealed: Sealed) -> list[Path]:
    """The folders of other imports of the name of `sealed`, which takes their place.

    `root` is the dataset's folder; the caller holds its lock.
    """
    older = []
    for folder in sorted((root / sealed.manifest.stage).iterdir()):
        other = open_sealed(folder) if folder != sealed.dir else None
        if other is not None and other.manifest.config["name"] == sealed.manifest.config["name"]:
            older.append(folder)
    return older


def refuse_broken(broken: int, first: str) -> None:
    """StageError where --strict was said and lines are broken."""
    if broken:
        raise StageError(f"{broken} broken lines and --strict; the first: {first}")


def run(ctx: Context[ImportConfig]) -> Outcome:
    """Seals "conversations", "quarantine" and "line_errors".

    StageError where no record is left, and under `strict` where a line is broken: nothing is sealed
    then.
    """
    config = ctx.config
    # A commit is the digest of a dataset on the Hub: what was asked for is what is read.
    records = read_conversations(config.source, config.format, config.digest)
    count = broken = refused = 0
    shown: list[str] = []
    with (
        ctx.writer("conversations", Conversation, parts=True) as conversations,
        ctx.writer("quarantine", Rejected) as quarantine,
        ctx.writer("line_errors", LineError) as errors,
        ctx.progress.task("import", total=None) as bar,
    ):
        for each in records:
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
    if config.strict and broken:
        refuse_broken(broken, shown[0])
    if not count + refused:
        first = f"; the first: {shown[0]}" if shown else ""
        raise StageError(f"{config.source}: no conversation is left of {broken} lines{first}")
    if broken > SHOWN_ERRORS:
        shown.append(f"... and {broken - SHOWN_ERRORS} more, in the set line_errors")
    rejected = {"broken line": broken, "quarantined": refused}
    return Outcome(
        rejected={reason: n for reason, n in rejected.items() if n},
        figures={"conversations": count, "quarantined": refused, "line errors": shown},
    )
