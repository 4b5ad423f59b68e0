"""import: conversations from elsewhere, sealed as one more source that validate reads.

Its key is the digest of the file's bytes: the same file is imported once, a changed one again.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

from msgspec import Struct

from kappa_data.config import RUN_ONLY
from kappa_data.errors import StageError, UsageError
from kappa_data.importing.place import LineError
from kappa_data.imports import FORMATS, read_conversations
from kappa_data.records import Conversation, Rejected
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

    What is no file here is taken as the name of a `datasets` dataset and has no bytes to digest.
    """
    if format not in FORMATS:
        raise UsageError(f"--format {format}: known are {', '.join(FORMATS)}")
    path = Path(source)
    if not path.is_file():
        return ImportConfig(source, "", format, source)
    if path.stat().st_size == 0:
        raise UsageError(f"{source}: the file is empty; name a file with conversations")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ImportConfig(path.name, digest, format, source)


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
    rejected = {"broken line": broken, "not a conversation": refused}
    return Outcome(
        rejected={reason: n for reason, n in rejected.items() if n},
        figures={"conversations": count, "line errors": shown},
    )
