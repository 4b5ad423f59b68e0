"""Text for the corpus: what lies on this machine, every passage once.

Sources, documentation, manual pages, headers and licences under the given folders are cut into
passages of a few lines, and a passage that was seen before is left out: the copies and versions of
one library give its text once. The pool is one UTF-8 file, read in order. Where more text is
wanted than there is, the file is read again with every word renamed (`Renaming`), so that no pass
repeats another.
"""

from __future__ import annotations

import gzip
import html
import os
import re
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import xxhash

_SUFFIXES = (
    "py pyi md rst txt h hpp hh c cc cpp js mjs ts rs json html css pm pl sh toml yaml yml gz xml "
    "vim el tex po cmake m4 tcl rb lua go java 1 3 5 7 8 ini cfg tmpl in sql"
)
SUFFIXES = frozenset(_SUFFIXES.split())
NAMES = frozenset(("license", "copying", "copyright", "readme", "changelog", "authors", "news"))
SMALLEST, LARGEST = 400, 3_000_000  # bytes of a file
LONGEST_LINE = 1_000  # minified code and data lie in longer ones
PASSAGE_CHARS = 3_000  # at most; a passage ends at a line chosen by its own content
_TAG = re.compile(r"<(?:script|style)\b.*?</(?:script|style)>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff\ufffe\uffff]")
_WORD = re.compile(r"[A-Za-z]{3,}")


def default_folders() -> list[Path]:
    """Where text usually lies: the system, this Python, and tool chains of the user's home."""
    home = Path.home()
    wanted = [Path("/usr"), Path("/opt"), Path("/etc"), Path(sys.prefix), Path(sys.base_prefix)]
    wanted += [home / name for name in (".pyenv", ".cargo", ".rustup", ".nvm", ".local", "go")]
    found = [each.resolve() for each in wanted if each.is_dir()]
    return [each for each in dict.fromkeys(found) if not any(p in found for p in each.parents)]


def build(path: Path, folders: Sequence[Path], wanted: int, seed: int) -> int:
    """Writes the pool, at least `wanted` bytes where there is so much; gives its size in bytes.

    Files come in an order drawn from `seed` and their paths: any part of the pool is a mixture.
    """
    if path.exists() and path.stat().st_size >= wanted:
        return path.stat().st_size
    seen: set[int] = set()
    written = 0
    part = path.with_name(path.name + ".part")
    with part.open("wb") as out:
        for file in _files(folders, seed):
            for passage in map(str.encode, _passages(_text(file))):
                mark = xxhash.xxh3_64_intdigest(passage)
                if mark not in seen:
                    seen.add(mark)
                    out.write(passage)
                    written += len(passage)
            if written >= wanted:
                break
    part.rename(path)
    return written


def _files(folders: Sequence[Path], seed: int) -> list[str]:
    found = set()
    for folder in folders:
        for place, _, names in os.walk(folder):
            for name in names:
                stem, dot, suffix = name.lower().rpartition(".")
                if (dot and suffix in SUFFIXES) or (stem or suffix) in NAMES:
                    found.add(f"{place}/{name}")
    return sorted(found, key=lambda each: xxhash.xxh3_64_intdigest(os.fsencode(each), seed))


def _text(file: str) -> str:
    """The file's text; "" where it is no text of a useful size."""
    try:
        path = Path(file)
        if path.is_symlink() or not SMALLEST <= path.stat().st_size <= LARGEST:
            return ""
        data = path.read_bytes()
        if file.endswith(".gz"):
            data = gzip.decompress(data)
        text = data.decode()
    except (OSError, EOFError, UnicodeDecodeError, zlib.error):
        return ""
    if file.endswith((".html", ".xml")):
        text = re.sub(r"\s*\n\s*", "\n", html.unescape(_TAG.sub("\n", text)))
    return _CONTROL.sub("", text)


def _passages(text: str) -> Iterator[str]:
    lines: list[str] = []
    size = 0
    for line in text.split("\n"):
        if len(line) > LONGEST_LINE or (not line.strip() and not lines):
            continue
        lines.append(line)
        size += len(line) + 1
        if size > PASSAGE_CHARS or (size > 100 and zlib.crc32(line.encode()) % 8 == 0):
            yield "\n".join(lines) + "\n"
            lines, size = [], 0
    if size > 100:
        yield "\n".join(lines) + "\n"


class Renaming:
    """Gives every word another one of its length and case; the same word always the same."""

    def __init__(self, words: Sequence[str], seed: str) -> None:
        self._seed = seed.encode()
        self._words: dict[tuple[int, str], list[str]] = {}
        for word in words:
            self._words.setdefault(_shape(word), []).append(word)
        self._chosen: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        return _WORD.sub(self._other, text)

    def _other(self, found: re.Match[str]) -> str:
        word = found[0]
        other = self._chosen.get(word)
        if other is None:
            others = self._words.get(_shape(word), [word])
            other = others[zlib.crc32(word.encode() + self._seed) % len(others)]
            if len(self._chosen) < 500_000:
                self._chosen[word] = other
        return other


def _shape(word: str) -> tuple[int, str]:
    case = "u" if word.isupper() else "t" if word[0].isupper() else "l"
    return min(len(word), 16), case


def vocabulary(pool: Path) -> list[str]:
    """The words of the pool's beginning that occur there more than once, sorted."""
    with pool.open(encoding="utf-8") as file:
        text = file.read(8_000_000)
    once: set[str] = set()
    twice: set[str] = set()
    for word in _WORD.findall(text):
        (twice if word in once else once).add(word)
    return sorted(twice)


class Text:
    """Reads one part of the pool in order, line by line, and round again with other words.

    `part` of `parts` is a range of bytes; no two parts share a line.
    """

    def __init__(self, pool: Path, part: int, parts: int, seed: int) -> None:
        size = pool.stat().st_size
        self._start, self._end = size * part // parts, size * (part + 1) // parts
        self._seed = seed
        self._pool = pool
        self._file = pool.open("rb")
        self._renaming: Renaming | None = None
        self._vocabulary: list[str] | None = None
        self._lines: list[str] = []
        self.passes = 0
        self._rewind()

    def _rewind(self) -> None:
        self._file.seek(max(self._start - 1, 0))
        if self._start:
            self._file.readline()  # belongs to the part before
        if self.passes:
            if self._vocabulary is None:
                self._vocabulary = vocabulary(self._pool)
            self._renaming = Renaming(self._vocabulary, f"{self._seed}:{self.passes}")
        self.passes += 1

    def _refill(self) -> None:
        if self._file.tell() >= self._end:
            self._rewind()
        data = self._file.readlines(min(262_144, max(self._end - self._file.tell(), 1)))
        text = b"".join(data).decode()
        if self._renaming is not None:
            text = self._renaming(text)
        self._lines = text.split("\n")[:-1]
        self._lines.reverse()

    def take(self, chars: float) -> str:
        """The next lines, about so many characters of them, and never nothing."""
        taken: list[str] = []
        size = 0.0
        while size < chars or not "".join(taken).strip():
            if not self._lines:
                self._refill()
            line = self._lines.pop()
            room = int(chars - size) + 1
            if len(line) > 2 * room + 40:  # a short text is cut out of a long line
                cut = line.find(" ", room)
                if 0 < cut < len(line) - 1:
                    self._lines.append(line[cut + 1 :])
                    line = line[:cut]
            taken.append(line)
            size += len(line) + 1
        return "\n".join(taken).strip("\n") or "-"
