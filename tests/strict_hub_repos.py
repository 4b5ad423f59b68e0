"""What the strict Hub keeps: repositories with commits, branches, tags and pull requests.

Hashes are computed as git and git-lfs do, from the content, so that a test compares with something
that the publisher did not make.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

ATTRIBUTES = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n*.png filter=lfs diff=lfs merge=lfs\n"
MAIN = "main"


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, error: str, code: str = "", **headers: str) -> None:
        super().__init__(error)
        self.status, self.headers = status, {**headers, "X-Error-Message": error}
        if code:
            self.headers["X-Error-Code"] = code


@dataclass(frozen=True)
class File:
    data: bytes
    lfs: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def pointer(self) -> bytes:
        head = "version https://git-lfs.github.com/spec/v1\noid sha256:"
        return f"{head}{self.sha256}\nsize {len(self.data)}\n".encode()

    @property
    def blob_id(self) -> str:
        """As `git hash-object` names it: an LFS file is its pointer."""
        data = self.pointer if self.lfs else self.data
        return hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()


@dataclass(frozen=True)
class Commit:
    oid: str
    parent: str
    title: str
    files: dict[str, File]


@dataclass
class Pull:
    title: str
    head: str
    status: str = "open"


@dataclass
class Repo:
    """A repository; `log(branch)` are the titles of its commits, the first one first."""

    name: str
    private: bool = False
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pulls: list[Pull] = field(default_factory=list)

    def at(self, revision: str) -> Commit:
        oid = self.branches.get(revision) or self.tags.get(revision) or revision
        if match := re.fullmatch(r"refs/pr/(\d+)", revision):
            number = int(match[1])
            oid = self.pulls[number - 1].head if 0 < number <= len(self.pulls) else ""
        if oid not in self.commits:
            raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return self.commits[oid]

    def log(self, revision: str = MAIN) -> list[str]:
        titles, oid = [], self.at(revision).oid
        while oid:
            titles.append(self.commits[oid].title)
            oid = self.commits[oid].parent
        return titles[::-1]

    def add(self, parent: str, title: str, files: dict[str, File]) -> Commit:
        seed = f"{parent}{title}{len(self.commits)}{sorted(files)}"
        oid = hashlib.sha1(seed.encode()).hexdigest()
        self.commits[oid] = Commit(oid, parent, title, files)
        return self.commits[oid]

    def write(self, title: str, files: dict[str, bytes | None], revision: str = MAIN) -> None:
        """Somebody else's commit; None removes a file."""
        head = self.at(revision)
        fresh = {**head.files, **{n: File(d, False) for n, d in files.items() if d is not None}}
        for name in (name for name, data in files.items() if data is None):
            del fresh[name]
        self.branches[revision] = self.add(head.oid, title, fresh).oid


def described(path: str, file: File) -> dict[str, Any]:
    """A file in a tree."""
    entry = {"type": "file", "path": path, "size": len(file.data), "oid": file.blob_id}
    if file.lfs:
        size = len(file.pointer)
        entry["lfs"] = {"oid": file.sha256, "size": len(file.data), "pointerSize": size}
    return entry


def folder(path: str) -> dict[str, Any]:
    oid = hashlib.sha1(path.encode()).hexdigest()
    return {"type": "directory", "path": path, "size": 0, "oid": oid}


def wants_lfs(head: Commit, path: str, size: int) -> bool:
    """By .gitattributes, and above 10 MB in any case."""
    rules = head.files[".gitattributes"].data.decode() if ".gitattributes" in head.files else ""
    patterns = [line.split()[0] for line in rules.splitlines() if "filter=lfs" in line]
    name = path.rpartition("/")[2]
    return size > 10**7 or any(fnmatch.fnmatch(name, each) for each in patterns)


def front_errors(card: str) -> list[dict[str, str]]:
    """What is wrong with a card's metadata."""
    parts = card.split("---\n", 2)
    if len(parts) < 3 or parts[0].strip():
        return [{"message": "no YAML metadata"}]
    try:
        front = yaml.safe_load(parts[1])
    except yaml.YAMLError as error:
        return [{"message": str(error)}]
    return [] if isinstance(front, dict) else [{"message": "metadata are a mapping"}]
