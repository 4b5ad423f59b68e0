"""File access for the tools. Runs inside the box: standard library only.

Every path belongs to the guest: it may be a FIFO, a device, a loop of links or 50 GB. So files are
opened without blocking, must be regular, and are read up to a cap.
"""

# Plain os calls: os.path answers False where pathlib raises, for a name that is too long, say.
# ruff: noqa: PTH101, PTH102, PTH106, PTH108, PTH109, PTH112, PTH114, PTH115, PTH120, PTH123
# ruff: noqa: PTH208
from __future__ import annotations

import errno
import os
import stat

WORKSPACE = "/workspace"
READ_CAP = 8 * 1024 * 1024
LONGEST_SHOWN = 512  # characters of a path or a link's target in a tree


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
            make_folders(folder)
        with os.fdopen(open_regular(path, os.O_WRONLY | os.O_CREAT), "wb") as file:
            file.truncate()
            file.write(text.encode())
    except OSError as error:
        raise ToolError(f"{path}: {error.strerror}") from error
    return new


def make_folders(path: str) -> None:
    """Make a folder and those above it (os.makedirs fails at 1,000 levels). Raises OSError."""
    missing = []
    while path and not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path.rstrip("/"))
    for folder in reversed(missing):
        try:
            os.mkdir(folder)
        except FileExistsError:
            if not os.path.isdir(folder):  # "a/" and "a" are two steps of one folder
                raise


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


def tree(budget: int) -> dict[str, str]:
    """Everything in the workspace by its path; see `Box.tree`.

    `budget`: bytes to read for digests. Files that do not fit (a guest can make holes without
    number) are told by their size. Folders deeper than a path can be are left out. A path or target
    longer than LONGEST_SHOWN ends in its sha256, so that the whole stays within a frame.
    """
    import hashlib

    found = {}
    folders = [WORKSPACE]
    while folders:
        for path in contents(folders.pop()):
            shown = shortened(os.fsencode(path[len(WORKSPACE) + 1 :]), "backslashreplace")
            if shown.endswith(".git/index"):
                continue
            try:
                info = os.lstat(path)
                kind = info.st_mode
                if stat.S_ISLNK(kind):
                    found[shown] = f"-> {shortened(os.fsencode(os.readlink(path)), 'replace')}"
                elif stat.S_ISDIR(kind):
                    found[shown] = "directory"
                    folders.append(path)
                elif not stat.S_ISREG(kind):
                    found[shown] = "special"
                elif info.st_size > budget:
                    found[shown] = f"file of {info.st_size} bytes"
                else:
                    budget -= info.st_size
                    if not kind & stat.S_IRUSR:
                        os.chmod(path, stat.S_IMODE(kind) | stat.S_IRUSR)
                    with open(path, "rb") as file:
                        found[shown] = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                if error.errno != errno.ENAMETOOLONG:
                    raise
    return found


def shortened(name: bytes, errors: str) -> str:
    """A name as text; of a long one the beginning, and the digest of all of it."""
    text = name.decode("utf-8", errors)
    if len(text) <= LONGEST_SHOWN:
        return text
    import hashlib

    return f"{text[:LONGEST_SHOWN]}... {hashlib.sha256(name).hexdigest()}"


def contents(folder: str) -> list[str]:
    """The paths in a folder, sorted; it is opened first if the guest closed it to itself."""
    try:
        if os.lstat(folder).st_mode & stat.S_IRWXU != stat.S_IRWXU:
            os.chmod(folder, 0o755)
        return [f"{folder}/{name}" for name in sorted(os.listdir(folder))]
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return []


def remove(path: str) -> None:
    """Remove whatever is at `path`, if there is anything, however deep a folder it is.

    Steps into folders instead of naming them: a path has a longest length, and shutil.rmtree a
    deepest level. Nothing of the guest runs meanwhile.
    """
    if not os.path.isdir(path) or os.path.islink(path):
        if os.path.lexists(path):
            os.unlink(path)
        return
    before = os.getcwd()
    os.chmod(path, 0o755)
    os.chdir(path)
    inside: list[str] = []  # names of the folders that lead here from `path`
    while True:
        deeper = ""
        for name in os.listdir("."):
            if stat.S_ISDIR(os.lstat(name).st_mode):
                deeper = name
                break
            os.unlink(name)
        if deeper:
            os.chmod(deeper, 0o755)
            os.chdir(deeper)
            inside.append(deeper)
        elif inside:
            os.chdir("..")
            os.rmdir(inside.pop())
        else:
            break
    os.chdir(before)
    os.rmdir(path)
