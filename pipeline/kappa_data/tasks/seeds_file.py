"""A file of seeds: the topics, documents and code folders of a user's own that tasks are about.

    topics = ["heat pumps", "our release process"]
    documents = ["handbook/*.md", "notes/incident.txt"]
    code = ["src/billing"]

Paths are relative to the file; in those of documents `*`, `?`, `[...]` and `**` are patterns. Links
are not followed; what is no UTF-8 text, too large or a link is skipped and counted, and what lies
in folders such as .git is left out.
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from kappa_data.config import nearest
from kappa_data.errors import UsageError
from kappa_data.records import canonical_json
from kappa_data.tasks.own_material import Document, Folder, Material
from kappa_data.tasks.reading import as_text, read_bounded, size

WHAT = "a TOML file with topics, documents or code"
MAX_SEEDS = 2**20
MAX_DOCUMENT = 4 * 2**20
MAX_DOCUMENTS = 2_000
MAX_CODE_FILE = 2**18
MAX_FOLDER_FILES = 400
MAX_FOLDER = 3 * 2**20
"""bytes of a code folder as JSON: it is the workspace of a task, which has to fit into its file"""
MAX_TOTAL = 256 * 2**20
MAX_TOPIC = 300
LEFT_OUT = frozenset(
    (
        ".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".idea",
        ".mypy_cache", ".pytest_cache", ".ruff_cache", ".vscode", "build", "dist", "target",
    )
)  # fmt: skip
"""folders that hold no source: versions, environments, what was built"""
_MAGIC = re.compile(r"[*?\[]")


class SeedsFile(Struct, frozen=True, forbid_unknown_fields=True):
    """What a file of seeds says."""

    topics: Annotated[tuple[str, ...], Meta(description="subjects, a few words each")] = ()
    documents: Annotated[
        tuple[str, ...], Meta(description="text files, or patterns of their paths")
    ] = ()
    code: Annotated[tuple[str, ...], Meta(description="folders with code")] = ()


class Read(Struct, frozen=True):
    """The material, and how many files were skipped, by reason."""

    material: Material
    skipped: dict[str, int]


def read(path: Path, place: str = "") -> Read:
    """Everything that a file of seeds names. `place` names it in errors.

    UsageError: it cannot be read, has a key that does not exist, names a path where nothing is, or
    more than fits.
    """
    place = place or str(path)
    told = _told(path, place)
    skipped: Counter[str] = Counter()
    documents: dict[Path, Document] = {}
    names: Counter[str] = Counter()
    total = 0
    for pattern in told.documents:
        for found in _matching(path.parent, pattern, place):
            text = _text(found, MAX_DOCUMENT, skipped)
            if text is not None and found not in documents:
                total += len(text)
                name = _name(found, path.parent)
                names[name] += 1
                # Those from elsewhere are called by their own names, which may be the same.
                name += f" ({names[name]})" if names[name] > 1 else ""
                documents[found] = Document(name, text)
            if total > MAX_TOTAL or len(documents) > MAX_DOCUMENTS:
                raise UsageError(
                    f"{place}: documents: more than {MAX_DOCUMENTS:,} or than {size(MAX_TOTAL)}; "
                    "name fewer"
                )
    code = tuple(_folder(path.parent, each, place, skipped) for each in told.code)
    if not (told.topics or documents or code):
        raise UsageError(f"{place}: holds no topics, documents or code; name {WHAT}")
    topics = tuple(" ".join(each.split())[:MAX_TOPIC] for each in told.topics)
    return Read(Material(topics, tuple(documents.values()), code), dict(sorted(skipped.items())))


def digest(material: Material) -> str:
    """sha256 (hex) over all of it."""
    return hashlib.sha256(canonical_json(material).encode()).hexdigest()


def _told(path: Path, place: str) -> SeedsFile:
    try:
        table = tomllib.loads(as_text(read_bounded(path, place, WHAT, MAX_SEEDS), place))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{place}: {error or 'nested too deeply'}") from None
    for key in table:
        if key not in SeedsFile.__struct_fields__:
            hint = nearest(key, SeedsFile.__struct_fields__)
            raise UsageError(f'{place}: there is no "{key}"; {hint}')
    try:
        return msgspec.convert(table, SeedsFile)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        raise UsageError(f"{place}: {where.rstrip('`')}: {what}") from None


def _matching(home: Path, pattern: str, place: str) -> list[Path]:
    """The files that a pattern names, sorted; a plain path matches itself."""
    try:
        parts = (home / Path(pattern).expanduser()).parts
        plain = next((at for at, part in enumerate(parts) if _MAGIC.search(part)), len(parts))
        top = Path(*parts[:plain])
        found = top.glob(str(Path(*parts[plain:]))) if plain < len(parts) else iter([top])
        files = sorted(
            each
            for each in found
            if os.path.lexists(each)
            and not each.is_dir()
            and not LEFT_OUT & set(each.parts[len(top.parts) :])
            and not _through_link(each, top)
        )
    except (ValueError, RuntimeError, OSError) as error:  # "a**", "~nobody", a NUL, a name too long
        raise UsageError(f'{place}: documents: "{pattern[:200]}": {error}') from None
    if not files:
        raise UsageError(f'{place}: documents: nothing is at "{pattern}"; paths start at the file')
    return files


def _through_link(path: Path, top: Path) -> bool:
    """Whether a linked folder below `top` leads to the file: a pattern with `*` enters those."""
    below = path.relative_to(top).parts[:-1]
    return any(top.joinpath(*below[:at]).is_symlink() for at in range(1, len(below) + 1))


def _name(path: Path, home: Path) -> str:
    return str(path.relative_to(home)) if path.is_relative_to(home) else path.name


def _folder(home: Path, name: str, place: str, skipped: Counter[str]) -> Folder:
    try:
        top = home / Path(name).expanduser()
        there = top.is_dir()
    except (ValueError, RuntimeError, OSError) as error:
        raise UsageError(f'{place}: code: "{name[:200]}": {error}') from None
    if not there:
        raise UsageError(f'{place}: code: "{name}" is no folder; paths start at the file')
    files: dict[str, str] = {}
    total = 0
    for path in _walk(top):
        text = _text(path, MAX_CODE_FILE, skipped)
        if text is None:
            continue
        total += len(msgspec.json.encode(text))
        files[str(path.relative_to(top))] = text
        if len(files) > MAX_FOLDER_FILES or total > MAX_FOLDER:
            raise UsageError(
                f'{place}: code: "{name}" holds more than {MAX_FOLDER_FILES} files or '
                f"{size(MAX_FOLDER)}; name a folder within it"
            )
    if not files:
        raise UsageError(f'{place}: code: "{name}" holds no text files')
    return Folder(top.resolve().name, files)


def _walk(top: Path) -> Iterator[Path]:
    """Every file below, folders by name; linked folders are not entered."""
    for folder, inner, names in os.walk(top):
        inner[:] = sorted(each for each in inner if each not in LEFT_OUT)
        for name in sorted(names):
            yield Path(folder) / name


def _text(path: Path, most: int, skipped: Counter[str]) -> str | None:
    """The text of a file; None where it is skipped."""
    if path.is_symlink() or not path.is_file():
        skipped["links and devices"] += 1
        return None
    try:
        data = read_bounded(path, str(path), WHAT, most)
        text = as_text(data, str(path))
    except UsageError:
        too_large = path.exists() and path.stat().st_size > most
        skipped["too large" if too_large else "not readable as text"] += 1
        return None
    if "\0" in text or not str(path).isprintable():
        skipped["not readable as text"] += 1
        return None
    return text
