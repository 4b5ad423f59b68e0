"""A folder of this machine as a place: files are copied beside their names and then renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from kappa_data.disk import in_the_way, sync, write_durably
from kappa_data.errors import UsageError
from kappa_data.publishing.changes import Parcel
from kappa_data.resources import sha256_of

PART = ".part"


class LocalPlace:
    """A folder; made where it is lacking, but never its links followed out of it."""

    def __init__(self, folder: Path) -> None:
        if (file := in_the_way(folder)) is not None:
            raise UsageError(f"push: {file} is a file; name a folder")
        self._folder = folder

    def sizes(self) -> dict[str, int]:
        """A link counts as a file, whatever it leads to; what `prepare` makes does not count."""
        found = {}
        for place, folders, names in os.walk(self._folder):
            links = [each for each in folders if (Path(place) / each).is_symlink()]
            for name in (*names, *links):
                path = Path(place) / name
                if name.startswith(".") and name.endswith(PART):
                    continue
                found[path.relative_to(self._folder).as_posix()] = path.lstat().st_size
        return found

    def read(self, name: str) -> bytes | None:
        try:
            return self._inside(name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, name: str, data: bytes) -> None:
        path = self._made(name)
        path.with_name(path.name + PART).unlink(missing_ok=True)  # a link there leads elsewhere
        write_durably(path, data)

    def remove(self, name: str) -> None:
        path = self._inside(name)
        try:
            path.unlink()
        except FileNotFoundError:
            return
        sync(path.parent)  # gone before anything else changes, after a power cut too

    def prepare(self, name: str, parcel: Parcel) -> None:
        part = self._part(self._made(name))
        part.unlink(missing_ok=True)  # a link there leads elsewhere
        if isinstance(parcel.source, bytes):
            part.write_bytes(parcel.source)
        else:
            shutil.copyfile(parcel.source, part)
        sync(part)

    def put(self, name: str, parcel: Parcel) -> None:
        path = self._inside(name)
        self._part(path).rename(path)
        sync(path.parent)

    def wrong(self, parcels: Mapping[str, Parcel]) -> dict[str, str]:
        found = {}
        for name, parcel in parcels.items():
            path = self._inside(name)
            if path.is_symlink() or not path.is_file():
                found[name] = "is not there"
            elif path.stat().st_size != parcel.size or sha256_of(path) != parcel.sha256:
                found[name] = "has other bytes"
        return found

    def tidy(self, names: Iterable[str]) -> None:
        for name in names:
            self._part(self._inside(name)).unlink(missing_ok=True)

    def _made(self, name: str) -> Path:
        path = self._inside(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _inside(self, name: str) -> Path:
        """The path of a name; UsageError where a link on the way leads out of the folder."""
        path = self._folder / name
        if not path.parent.resolve().is_relative_to(self._folder.resolve()):
            raise UsageError(
                f"push: {path.parent} is a link that leads out of {self._folder}; remove it"
            )
        return path

    @staticmethod
    def _part(path: Path) -> Path:
        return path.with_name(f".{path.name}{PART}")
