"""Which programs a box has, and where its Python comes from.

A box sees the host's /usr, or that of a root that the settings name. Where it has no Python (pyenv,
uv, a folder in someone's home), the interpreter that runs this program is copied once to a neutral
temporary folder: bound where it stands, it would show its path, and so the operator's name, in the
box's /proc/self/mountinfo.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from msgspec import Struct

from kappa_data.config import SandboxConfig
from kappa_data.errors import UsageError
from kappa_data.records import canonical_json

PATH = ("/usr/local/bin", "/usr/bin", "/bin")
TREES = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")  # links into /usr on merged systems
SETTINGS = ("etc/alternatives", "etc/ld.so.cache")  # without them some programs are not found
MOST_STEPS = 400  # of a path through links, as a guard against circles
INSIDE = "/opt/python"  # where a copied interpreter stands in the box

# Programs that tasks use; their bytes make the toolchain's digest.
DECLARED = (
    "bash", "awk", "base64", "cat", "cmp", "cp", "cut", "date", "diff", "file", "find", "gcc",
    "git", "grep", "gzip", "head", "jq", "ls", "make", "mkdir", "mv", "node", "patch", "perl",
    "python3", "rm", "sed", "seq", "sha256sum", "sort", "sqlite3", "tail", "tar", "tee", "tr",
    "uniq", "wc", "xargs",
)  # fmt: skip
NOT_COPIED = ("test", "idlelib", "site-packages", "ensurepip", "tkinter", "turtledemo", "lib2to3")


class Interpreter(Struct, frozen=True):
    """The box's Python: where it is in the box and on the host, and the host folder to bind at
    INSIDE if it needs one."""

    inside: str
    executable: Path
    folder: Path | None = None


class Root(Struct, frozen=True):
    """A folder that is, or holds what is, the root of a system: /usr and the trees beside it."""

    folder: Path


HOST = Root(Path("/"))


def find(program: str, root: Root = HOST) -> Path | None:
    """Where a box has the program of this name; None if boxes don't have it.

    A link that leads out of the folders that a box sees (into /opt, say) does not count.
    """
    if "/" in program:
        return None
    for folder in PATH:
        path = PurePosixPath(folder, program)
        real = within(root, path)
        if real is not None and os.access(real, os.X_OK):
            return Path(path)
    return None


def within(root: Root, path: PurePosixPath) -> Path | None:
    """The regular file of the host that `path` is in a box: links are followed as in the box.

    None where there is none, or it stands outside of what a box sees.
    """
    waiting = list(reversed(path.parts[1:]))
    real = root.folder
    for _ in range(MOST_STEPS):
        if not waiting:
            parts = real.relative_to(root.folder).parts
            return real if parts and parts[0] in ("usr", *TREES) and real.is_file() else None
        name = waiting.pop()
        if name == "..":
            real = real.parent if real != root.folder else real
        elif (real / name).is_symlink():
            target = (real / name).readlink()
            if target.is_absolute():
                real = root.folder
            waiting += reversed([part for part in target.parts if part != "/"])
        else:
            real /= name
    return None


def root_of(config: SandboxConfig) -> Root:
    """Where the programs of the boxes are. UsageError for a folder of which none can be made."""
    if not config.rootfs:
        return HOST
    folder = Path(config.rootfs).expanduser()
    check_root(folder)
    return Root(folder)


def check_root(folder: Path) -> None:
    """UsageError if boxes cannot be made of this folder."""
    if not folder.is_dir():
        raise UsageError(f"sandbox.rootfs: there is no folder {folder}")
    root = Root(folder)
    for program, place in (
        ("bash", within(root, PurePosixPath("/bin/bash"))),
        ("python3", find("python3", root)),
    ):
        if place is None:
            where = "/bin" if program == "bash" else " or ".join(PATH)
            raise UsageError(
                f"sandbox.rootfs: {folder} has no {program} in {where}; "
                "unpack a whole system there, with bash and python3"
            )


def interpreter(root: Root = HOST) -> Interpreter:
    """The root's own python3 if it has one, else a copy of the one that runs this program."""
    found = find("python3", root)
    if found is not None:
        return Interpreter(str(found), within(root, PurePosixPath(found)) or found)
    folder = copy_of_python(Path(sys.base_prefix))
    return Interpreter(f"{INSIDE}/bin/python3", folder / "bin" / "python3", folder)


def copy_of_root(root: Path) -> Path:
    """A folder, removed at exit, with what boxes see of `root`: links to its files where the
    temporary folder is on the same disk, else copies.

    Bound where it stands, the root would show its path in the box's /proc/self/mountinfo.
    """
    places = [Path(place) for place in (tempfile.gettempdir(), "/var/tmp")]
    same = [place for place in places if os.access(place, os.W_OK)]
    same.sort(key=lambda place: place.stat().st_dev != root.stat().st_dev)
    copy = Path(tempfile.mkdtemp(prefix="root-", dir=same[0] if same else None))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    copy.chmod(0o755)
    for name in ("usr", *TREES, *SETTINGS):
        source, target = root / name, copy / name
        target.parent.mkdir(exist_ok=True)
        if source.is_symlink():
            target.symlink_to(source.readlink())
        elif source.is_dir():
            shutil.copytree(source, target, symlinks=True, copy_function=link_or_copy)
        elif source.is_file():
            link_or_copy(str(source), str(target))
    return copy


def link_or_copy(source: str, target: str) -> None:
    """The same file under another name, or its copy where the system allows no such name."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


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


def digests(root: Root, python: Interpreter, names: Sequence[str] = DECLARED) -> dict[str, str]:
    """sha256 (hex) of the bytes of each program that is there, by its name."""
    found: dict[str, str] = {}
    for name in names:
        path = find(name, root)
        real = (
            python.executable if name == "python3" else path and within(root, PurePosixPath(path))
        )
        if real is not None:
            with real.open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def toolchain(found: Mapping[str, str]) -> str:
    """sha256 (hex) over what `digests` gives."""
    return hashlib.sha256(canonical_json(dict(found)).encode()).hexdigest()
