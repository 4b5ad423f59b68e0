"""What the store asks of the disk: files that are whole or not there, one lock a dataset."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kappa_data.errors import Stopped, UsageError

BUILDING = ".building"


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """A fresh folder to build in; renamed to `folder` at the end, left out of sight on an error."""
    work = folder.with_name(folder.name + BUILDING)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    yield work
    if folder.exists():  # without a manifest, else it would not be built again
        shutil.rmtree(folder)
    work.rename(folder)
    sync(folder.parent)


def write_durably(path: Path, data: bytes) -> None:
    """Writes a file under a temporary name, syncs it and renames it."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Holds `folder` for this process; UsageError with the holder's process id where it is held."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            raise UsageError(
                f"{folder}: held by another run, process {holder}; wait for it or use --dataset"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)  # releases the lock, also when the process is killed


@contextmanager
def disk_errors(place: Path | str, *, target: bool = False) -> Iterator[None]:
    """Turns a full or read-only disk into one line: it is resumable, nothing is lost.

    `target`: the user named the place to write to, and whatever the disk says of it is one line.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Stopped(
                f"{place}: the disk is full; make room and run the same command"
            ) from error
        if target:
            why = error.strerror or error
            raise UsageError(
                f"{place} cannot be used ({why}); check its rights, or name another folder"
            ) from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            blamed = error.filename or place
            raise UsageError(f"{blamed}: {error.strerror}; check rights and --data-dir") from error
        raise


def in_the_way(folder: Path) -> Path | None:
    """The file that keeps `folder` from being one: itself, or one that it would lie in."""
    there = next((each for each in (folder, *folder.parents) if each.exists()), None)
    return there if there is not None and not there.is_dir() else None


def link(source: Path, target: Path) -> None:
    """Puts a sealed file in a second place, where it never changes either: by link.

    A file system without links gets a copy.
    """
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
