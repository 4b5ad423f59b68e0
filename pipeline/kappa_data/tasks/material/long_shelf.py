"""A folder of long documents of one organisation, as the families about files have it."""

from __future__ import annotations

from msgspec import Struct

from kappa_data.records import ReferenceStep
from kappa_data.tasks.material.long_document import Document
from kappa_data.tasks.material.long_haystack import Haystack
from kappa_data.tasks.material.long_prose import Writer, genres, settings
from kappa_data.tasks.steps import bash, read
from kappa_data.tasks.wording import Wording

_FOLDERS = ("papers", "archive", "records", "scans", "texts", "docs", "box_4", "estate")


class Shelf(Struct, frozen=True):
    """Documents by file name; `hay` is the one whose cast all names have to differ from."""

    folder: str
    org: str
    files: dict[str, Document]
    hay: Haystack


def shelf(w: Wording, seed: int, characters: int) -> Shelf:
    """One to five documents of different kinds, about so many characters together."""
    setting = settings()[(seed // 3) % len(settings())]
    count = min(w.rng.randint(1, 5), max(1, characters // 9_000))
    files: dict[str, Document] = {}
    cast: set[str] = set()
    org = ""
    shares = [w.rng.uniform(0.5, 1.5) for _ in range(count)]
    for genre, share in zip(w.some(genres(), count), shares, strict=True):
        writer = Writer(w, setting, genre, org)
        org = writer.org
        name = f"{genre.name.replace(' ', '_')}_{writer.year}.{w.pick(('txt', 'txt', 'md'))}"
        files[name] = writer.document(int(characters * share / sum(shares)))
        cast |= set(writer.people)
    first = next(iter(files.values()))
    hay = Haystack(first, "folder", setting, sorted(cast), writer.year)
    return Shelf(w.pick(_FOLDERS), org, dict(sorted(files.items())), hay)


def failing_start(w: Wording, folder: str) -> list[ReferenceStep]:
    """In a quarter of the tasks: a first call that fails, and what is done about it."""
    if not w.chance(0.28):
        return []
    if w.chance(0.5):
        return [
            read(folder, "Open what was named."),
            bash(f"ls -l {folder}", f"{folder} is a folder and can't be read as a file. List it."),
        ]
    return [
        read(f"{folder}/README.md", "Perhaps there is a description of the files."),
        bash(f"ls -l {folder}", "There is none. List what is really there."),
    ]
