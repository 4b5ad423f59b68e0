"""Small Python code bases that the families about code share, from `data/seeds/tasks`.

Each `codebase_<domain>.toml` holds a correct package with its tests, ways to break it, tests that
are missing, features to add and names to change. `@key@` stands for a word of the chosen name set,
so that one domain gives several code bases without a line in common that matters.
"""

from __future__ import annotations

import functools
import re
import tomllib
from typing import TypeVar

import msgspec
from msgspec import Struct

from kappa_data.resources import Resources

FOLDER = "data/seeds/tasks"
TEST_COMMAND = "python3 -m tests"
PLAIN_TEST_COMMAND = "python3 -m unittest"
"""the verifier's: the workspace's own runner may have been made to say anything"""
RUNNER_FILE = "tests/__main__.py"
RUNNER = '''
"""Runs the tests: python3 -m tests [-k PATTERN]. Shows no time, so that logs can be compared."""

import re
import sys
import unittest


class Timeless:
    """Standard error, without the time that unittest puts behind the number of tests."""

    def write(self, text):
        sys.stderr.write(re.sub(r" in [0-9.]+s$", "", text))

    def flush(self):
        sys.stderr.flush()


unittest.main(module=None, testRunner=unittest.TextTestRunner(stream=Timeless()))
'''.lstrip()
"""in every code base: a run that prints how long it took is not the same twice (replay)"""

T = TypeVar("T")


class Bug(Struct, frozen=True, forbid_unknown_fields=True):
    """`right` in the module becomes `wrong`, which the visible test `test` notices.

    `probe` is an expression over the module's names; it gives `before` with the bug, `after`
    without, both as `print` shows them (or "Type: message" of the exception).
    """

    kind: str
    right: str
    wrong: str
    test: str
    symptom: tuple[str, ...]
    cause: tuple[str, ...]
    fix: tuple[str, ...]
    probe: str
    before: str
    after: str


class Regression(Struct, frozen=True, forbid_unknown_fields=True):
    """A behaviour without a test: with `wrong` for `right` the visible tests still pass."""

    ask: str
    right: str
    wrong: str
    name: str
    code: str


class Feature(Struct, frozen=True, forbid_unknown_fields=True):
    """Something to add: `code` at the end of the module (or before `anchor`), or `edits`.

    `tests` are the methods that a careful author writes; they fail after `mutate` (old, new).
    """

    name: str
    ask: str
    tests: str
    hidden: str
    note: tuple[str, ...]
    mutate: tuple[str, str]
    probe: str
    after: str
    code: str = ""
    anchor: str = ""
    imports: str = ""
    edits: tuple[tuple[str, str], ...] = ()

    @property
    def is_function(self) -> bool:
        """Is it a name of the module, to be imported (and not part of a class)?"""
        return self.code.startswith("\n\ndef ")


class Rename(Struct, frozen=True, forbid_unknown_fields=True):
    """A name that is used all over the code base, with better ones."""

    old: str
    new: tuple[str, ...]
    file: str = ""


class Hidden(Struct, frozen=True, forbid_unknown_fields=True):
    """Test methods that nobody sees before the end."""

    tests: str


class Codebase(Struct, frozen=True, forbid_unknown_fields=True):
    """One code base with all words filled in; `files` are correct and their tests pass."""

    module: str
    tests: str
    about: str
    names: tuple[dict[str, str], ...]
    files: dict[str, str]
    hidden: Hidden
    bugs: tuple[Bug, ...]
    regressions: tuple[Regression, ...]
    features: tuple[Feature, ...]
    renames: tuple[Rename, ...]

    @property
    def package(self) -> str:
        """The name of the package, which is its folder's too."""
        return self.module.partition("/")[0]

    @property
    def dotted(self) -> str:
        """The module as Python imports it."""
        return dotted(self.module)

    def hidden_tests(self, more: str = "", name: str = "") -> str:
        """The visible tests, the hidden ones and `more`; `name` is imported too."""
        text = with_methods(
            self.files[self.tests], self.hidden.tests + ("\n" + more if more else "")
        )
        return text.replace(*self.import_edit(name)) if name else text

    def import_edit(self, name: str) -> tuple[str, str]:
        """(old, new) for the tests' import of the module, with `name` added."""
        found = re.search(
            rf"^from {re.escape(self.dotted)} import .*$", self.files[self.tests], re.M
        )
        if found is None:
            raise ValueError(f"{self.tests} imports nothing from {self.dotted}")
        head, _, names = found[0].partition(" import ")
        return found[
            0
        ], f"{head} import {', '.join(sorted([*names.split(', '), name], key=_order))}"

    def feature_edits(self, feature: Feature) -> list[tuple[str, str]]:
        """(old, new) for the module, in order; each old occurs exactly once."""
        text = self.files[self.module]
        edits = list(feature.edits)
        if feature.imports:
            line = next(line for line in text.splitlines() if line.startswith(("from ", "import ")))
            edits.append((line, feature.imports + line))
        if feature.anchor:
            edits.append((feature.anchor, f"\n{feature.code}{feature.anchor}"))
        elif feature.code:
            tail = unique_tail(text)
            gap = "" if feature.is_function else "\n"
            edits.append((tail, f"{tail}{gap}{feature.code}"))
        return edits

    def with_feature(self, feature: Feature) -> str:
        """The module with the feature in it."""
        return apply(self.files[self.module], self.feature_edits(feature))


def dotted(path: str) -> str:
    """`shelf/paging.py` -> `shelf.paging`."""
    return path.removesuffix(".py").replace("/", ".")


def apply(text: str, edits: list[tuple[str, str]]) -> str:
    """`text` after the edits; ValueError unless each old occurs exactly once."""
    for old, new in edits:
        if text.count(old) != 1:
            raise ValueError(f"{text.count(old)} times in the text: {old!r}")
        text = text.replace(old, new)
    return text


def with_methods(tests: str, methods: str) -> str:
    """A test file with more methods at the end of its class."""
    end = '\n\nif __name__ == "__main__":'
    return apply(tests, [(end, f"\n{methods}{end}")])


def unique_tail(text: str) -> str:
    """The fewest last lines of `text` that occur only once in it."""
    lines = text.splitlines(keepends=True)
    for count in range(1, len(lines) + 1):
        tail = "".join(lines[-count:])
        if text.count(tail) == 1:
            return tail
    return text


def minimal_edit(before: str, after: str) -> tuple[str, str]:
    """(old, new): the changed lines with as many around as make `old` unique in `before`.

    Lines above are taken first, then lines below. ValueError if the texts are equal
    or there is nothing to hold on to.
    """
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    if before == after or not before:
        raise ValueError("nothing to edit: the texts are equal, or the first is empty")
    while _places(before, block := "".join(old[start : len(old) - end])) != 1:
        if start > 0:
            start -= 1
        else:
            end -= 1
    return block, "".join(new[start : len(new) - end])


def _places(text: str, part: str) -> int:
    """How often `part` occurs, overlapping ones counted, as edit_file counts; 0 if it is empty."""
    return len(re.findall(f"(?={re.escape(part)})", text)) if part else 0


def method_names(tests: str) -> list[str]:
    """The names of the test methods in a file."""
    return re.findall(r"^    def (test_\w+)", tests, re.M)


def _order(name: str) -> tuple[int, str]:
    kind = 0 if name.isupper() else 1 if name[:1].isupper() else 2
    return kind, name


@functools.cache
def domains() -> tuple[str, ...]:
    """The code bases' paths among the resources, sorted."""
    return tuple(
        name
        for name in Resources().names(FOLDER, ".toml")
        if name.startswith(f"{FOLDER}/codebase_")
    )


@functools.cache
def codebase(path: str, variant: int) -> Codebase:
    """The code base in the words of its name set `variant` (taken modulo their number)."""
    raw = tomllib.loads(Resources().read(path))
    words = raw["names"][variant % len(raw["names"])]
    raw["files"][RUNNER_FILE] = RUNNER
    return msgspec.convert(_filled(raw, words), Codebase)


def _filled(value: T, words: dict[str, str]) -> T:
    """`value` with every `@key@` in its texts and keys replaced."""
    text = msgspec.json.encode(value).decode()
    for key, word in words.items():
        text = text.replace(f"@{key}@", word)
    filled: T = msgspec.json.decode(text)
    return filled
