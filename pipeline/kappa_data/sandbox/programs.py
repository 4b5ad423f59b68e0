"""Which programs a box has, and where its Python comes from.

A box sees the host's /usr. Where /usr has no Python (pyenv, uv, a folder in someone's home), the
interpreter that runs this program is copied once to a neutral temporary folder: bound where it
stands, it would show its path, and so the operator's name, in the box's /proc/self/mountinfo.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from kappa_data.records import canonical_json

PATH = ("/usr/local/bin", "/usr/bin", "/bin")
TREES = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")  # links into /usr on merged systems
INSIDE = "/opt/python"  # where a copied interpreter stands in the box

# Programs that tasks use; their bytes make the toolchain's digest.
DECLARED = (
    "bash", "awk", "base64", "cat", "cmp", "cp", "cut", "date", "diff", "file", "find", "git",
    "grep", "gzip", "head", "jq", "ls", "make", "mkdir", "mv", "patch", "python3", "rm", "sed",
    "seq", "sha256sum", "sort", "sqlite3", "tail", "tar", "tee", "tr", "uniq", "wc", "xargs",
)  # fmt: skip
NOT_COPIED = ("test", "idlelib", "site-packages", "ensurepip", "tkinter", "turtledemo", "lib2to3")


class Interpreter(Struct, frozen=True):
    """The box's Python: where it is in the box and on the host, and the host folder to bind at
    INSIDE if it needs one."""

    inside: str
    executable: Path
    folder: Path | None = None


def find(program: str) -> Path | None:
    """Where a box, and the host, has the program of this name; None if boxes don't have it.

    A link that leads out of the folders that a box sees (into /opt, say) does not count.
    """
    if "/" in program:
        return None
    trees = ["/usr", *(f"/{name}" for name in TREES)]
    for folder in PATH:
        path = Path(folder, program)
        if path.is_file() and os.access(path, os.X_OK):
            real = path.resolve()
            if any(real.is_relative_to(tree) for tree in trees):
                return path
    return None


def interpreter() -> Interpreter:
    """The host's own python3 if it has one, else a copy of the one that runs this program."""
    found = find("python3")
    if found is not None:
        return Interpreter(str(found), found)
    folder = copy_of_python(Path(sys.base_prefix))
    return Interpreter(f"{INSIDE}/bin/python3", folder / "bin" / "python3", folder)


def copy_of_python(prefix: Path) -> Path:
    """A folder, removed at exit, with the interpreter and standard library of `prefix`."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    copy = Path(tempfile.mkdtemp(prefix="python-"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    copy.chmod(0o755)  # the box's process may be another user
    (copy / "bin").mkdir()
    shutil.copy2(prefix / "bin" / version, copy / "bin" / "python3")
    (copy / "bin" / version).symlink_to("python3")
    ignored = shutil.ignore_patterns(*NOT_COPIED, "config-*", "*.a")
    shutil.copytree(prefix / "lib" / version, copy / "lib" / version, ignore=ignored)
    for library in (prefix / "lib").glob("libpython3.*so*"):
        shutil.copy2(library, copy / "lib" / library.name)
    for settings in (copy / "lib" / version).glob("_sysconfigdata*.py"):
        settings.write_text(settings.read_text().replace(str(prefix), INSIDE))
    return copy


def toolchain(python: Interpreter, names: Sequence[str] = DECLARED) -> str:
    """sha256 (hex) over the name and the bytes of each program that is there."""
    digests: dict[str, str] = {}
    for name in names:
        path = python.executable if name == "python3" else find(name)
        if path is not None:
            with path.open("rb") as file:
                digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(canonical_json(digests).encode()).hexdigest()
