"""File access for the tools. Runs inside the box: standard library only.

Every path belongs to the guest: it may be a FIFO, a device, a loop of links or 50 GB. So files are
opened without blocking, must be regular, and are read up to a cap.
"""

# Plain os calls: os.path answers False where pathlib raises, for a name that is too long, say.
# ruff: noqa: PTH101, PTH102, PTH103, PTH108, PTH112, PTH114, PTH115, PTH120, PTH123
from __future__ import annotations

import os
import stat

WORKSPACE = "/workspace"
READ_CAP = 8 * 1024 * 1024


class ToolError(Exception):
    """What went wrong, in words for the assistant."""


class State:
    """What a tool may know of the box beside its arguments; the supervisor fills it."""

    output_chars = 10_000  # of a result that are shown; the middle of a longer one is cut

    def __init__(self) -> None:
        self.seen: set[str] = set()  # real paths of the files that were read or written whole


state = State()


def see(path: str) -> None:
    """Say that the assistant now knows this file: it was shown or written by it. Only such files
    may be edited."""
    state.seen.add(os.path.realpath(path))


def has_seen(path: str) -> bool:
    """Whether the assistant knows this file."""
    return os.path.realpath(path) in state.seen


def open_regular(path: str, flags: int) -> int:
    """Descriptor of the regular file `path`, opened without blocking; ToolError if it is none."""
    if os.path.isdir(path):
        raise ToolError(f"{path}: Is a directory")
    try:
        descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY, 0o644)
    except OSError as error:
        raise ToolError(f"{path}: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ToolError(f"{path}: not a regular file")
    return descriptor


def read_bytes(path: str, cap: int = READ_CAP) -> bytes:
    """The whole file; ToolError if it is missing, not a regular file or over `cap` bytes."""
    try:
        with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
            data = file.read(cap + 1)
    except OSError as error:
        raise ToolError(f"{path}: {error.strerror}") from error
    if len(data) > cap:
        raise ToolError(f"{path}: larger than {cap // 1024**2} MB; use bash to look at it")
    return data


def read_text(path: str) -> str:
    """The whole file as text; ToolError if it is binary. Invalid UTF-8 becomes U+FFFD."""
    data = read_bytes(path)
    if b"\0" in data:
        raise ToolError(f"{path}: a binary file of {len(data):,} bytes")
    return data.decode("utf-8", "replace")


def write_text(path: str, text: str) -> bool:
    """Write the file and its folders; whether it is new. ToolError says why it cannot be done."""
    new = not os.path.lexists(path)
    folder = os.path.dirname(path)
    try:
        if folder:
            os.makedirs(folder, exist_ok=True)
        with os.fdopen(open_regular(path, os.O_WRONLY | os.O_CREAT), "wb") as file:
            file.truncate()
            file.write(text.encode())
    except OSError as error:
        raise ToolError(f"{path}: {error.strerror}") from error
    return new


def place(path: str, text: str) -> None:
    """Write a file for the verifier: nothing that the guest left in its way, link, folder or
    permission, may divert it. `path` is relative to the workspace, without '..'."""
    folder = WORKSPACE
    for part in path.split("/")[:-1]:
        folder = f"{folder}/{part}"
        if not os.path.isdir(folder) or os.path.islink(folder):
            remove(folder)
            os.mkdir(folder)
        os.chmod(folder, 0o755)
    target = f"{WORKSPACE}/{path}"
    remove(target)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode())


def tree() -> dict[str, str]:
    """Everything in the workspace by its path; see `Box.tree`."""
    import hashlib

    found = {}
    for folder, folders, files in os.walk(WORKSPACE):
        for name in (*folders, *files):
            path = f"{folder}/{name}"
            shown = os.fsencode(path[len(WORKSPACE) + 1 :]).decode("utf-8", "backslashreplace")
            if shown.endswith(".git/index"):
                continue
            kind = os.lstat(path).st_mode
            if stat.S_ISLNK(kind):
                found[shown] = f"-> {os.fsencode(os.readlink(path)).decode('utf-8', 'replace')}"
            elif stat.S_ISDIR(kind):
                found[shown] = "directory"
            elif stat.S_ISREG(kind):
                if not kind & stat.S_IRUSR:
                    os.chmod(path, stat.S_IMODE(kind) | stat.S_IRUSR)
                with open(path, "rb") as file:
                    found[shown] = hashlib.file_digest(file, "sha256").hexdigest()
            else:
                found[shown] = "special"
    return found


def remove(path: str) -> None:
    """Remove whatever is at `path`, if there is anything."""
    if os.path.isdir(path) and not os.path.islink(path):
        import shutil

        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)
