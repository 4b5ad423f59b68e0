"""Opens files that a user names and that may be anything at all."""

from __future__ import annotations

import hashlib
import os
import stat
from io import BufferedReader
from pathlib import Path

from kappa_data.errors import UsageError


def open_regular(path: Path, place: str, what: str) -> BufferedReader:
    """The regular file `path`, opened to be read; `what` says in an error what to name instead.

    UsageError: missing, not readable, or no regular file.
    """
    try:
        # Without blocking: a FIFO would wait for its writer.
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except OSError as error:
        raise UsageError(f"{place}: {error.strerror}; name {what}") from None
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise UsageError(f"{place}: no regular file; name {what}")
    return file


def read_bounded(path: Path, place: str, what: str, most: int) -> bytes:
    """All of a file of at most `most` bytes; UsageError where it is larger, and as open_regular."""
    with open_regular(path, place, what) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise UsageError(f"{place}: larger than {size(most)}; name {what}")
    return data


def as_text(data: bytes, place: str) -> str:
    """`data` as UTF-8, a leading byte order mark left out; UsageError names the line."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{place}:{line}: not UTF-8; save the file as UTF-8") from None


def digest_of_file(path: Path, place: str, what: str) -> str:
    """sha256 (hex) of a file; UsageError as `open_regular`."""
    with open_regular(path, place, what) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def size(count: int) -> str:
    """A number of bytes in words."""
    return f"{count // 2**20} MB" if count >= 2**20 else f"{count // 2**10} kB"
