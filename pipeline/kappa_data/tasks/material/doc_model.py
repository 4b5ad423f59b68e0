"""Documents that are edited: sections by key, so that numbers and references are always right.

The texts are in `data/seeds/tasks/doc_*.toml`.
"""

from __future__ import annotations

import functools
import json
import re
import tomllib

import msgspec
from msgspec import Struct

from kappa_data.records import Check, CommandCheck
from kappa_data.resources import Resources
from kappa_data.tasks.wording import Wording

FOLDER = "data/seeds/tasks"
_REFERENCE = re.compile(r"section \[\[(\w+)\]\]")
_SAME = '''\
"""Compares a document with the expected blocks; line breaks inside a paragraph are free."""
import json
import re
import sys


def plain(block):
    block = re.sub(r"\\s*\\|\\s*", "|", " ".join(block.split()))
    return re.sub(r":?-{2,}:?", "---", block)


text = open(sys.argv[1], encoding="utf-8").read()
got = [plain(block) for block in re.split(r"\\n\\s*\\n", text.strip())]
wanted = json.load(open(sys.argv[2], encoding="utf-8"))
for one, other in zip(got, wanted):
    if isinstance(other, str):
        if one != plain(other):
            sys.exit(f"found: {one}\\nnot: {plain(other)}")
        continue
    words = len(one.split())
    if not other["least"] <= words <= other["most"]:
        sys.exit(f"{words} words: {one}")
    for fact in other["facts"]:
        if not re.search(fact, one, re.IGNORECASE):
            sys.exit(f"lacks {fact}: {one}")
if len(got) != len(wanted):
    sys.exit(f"{len(got)} blocks, not {len(wanted)}")
'''


class Table(Struct, forbid_unknown_fields=True):
    """A table of names and whole numbers with a line for the total."""

    label: str
    unit: str
    rows: list[tuple[str, int]]
    extra: list[tuple[str, int]]
    """rows that may come in later"""
    place: str = msgspec.field(name="in")

    @property
    def total(self) -> int:
        """Sum of the rows."""
        return sum(count for _, count in self.rows)

    def line(self, name: str) -> str:
        """The line of one row, or of the total."""
        values = {**dict(self.rows), "Total": self.total}
        return f"| {name} | {values[name]} |"

    def text(self) -> str:
        """The table as Markdown."""
        names = [*(name for name, _ in self.rows), "Total"]
        head = [f"| {self.label} | {self.unit} |", "|---|---:|"]
        return "\n".join([*head, *(self.line(name) for name in names)])


class Section(Struct, forbid_unknown_fields=True):
    """One section; `text` are paragraphs with `[[key]]` for the number of another one."""

    key: str
    title: str
    text: str


class Source(Struct, frozen=True, forbid_unknown_fields=True):
    """A document as it is shipped."""

    title: str
    file: str
    context: str
    terms: list[tuple[str, str]]
    """words that may be renamed into each other"""
    wordy: str
    tight: str
    facts: list[str]
    """what a tightened paragraph still has to say, as regular expressions"""
    wordy_in: str
    new: Section
    table: Table
    section: list[Section]


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    document: list[Source]


class Doc(Struct):
    """A document in the course of a task."""

    path: str
    title: str
    sections: list[Section]
    table: Table
    new: Section
    tight: str
    facts: list[str]
    terms: list[tuple[str, str]]
    """what it says now, and what else it could say"""
    word: str
    """what a reference says before the number: section or §"""
    mark: str
    """what follows the number in a heading"""
    stamp: str = ""
    contents: bool = False
    wordy: str = ""
    limit: int = 0
    """words that the wordy paragraph may have in the end; 0: it stays as it is"""

    def number(self, key: str) -> int:
        """The number of the section of that key, from 1."""
        return [section.key for section in self.sections].index(key) + 1

    def heading(self, section: Section) -> str:
        """`3. Title` in the style of this document."""
        return f"{self.number(section.key)}{self.mark} {section.title}"

    def blocks(self) -> list[str]:
        """Heading, paragraphs and tables in order, as they stand in the file."""
        found = [f"# {self.title}", *([self.stamp] if self.stamp else [])]
        if self.contents:
            found.append("\n".join(f"- {self.heading(section)}" for section in self.sections))
        for section in self.sections:
            found += [f"## {self.heading(section)}", *self._paragraphs(section)]
        return [self._resolved(block) for block in found]

    def text(self) -> str:
        """The file."""
        return "\n\n".join(self.blocks()) + "\n"

    def check(self) -> Check:
        """The document is as it should be; the tightened paragraph is free within its limits."""
        wanted: list[object] = list(self.blocks())
        if self.limit:
            free = {"most": self.limit, "least": self.limit // 3, "facts": self.facts}
            wanted[wanted.index(self.tight)] = free
        files = {".check/text.py": _SAME, ".check/wanted.json": json.dumps(wanted)}
        command = f"python3 .check/text.py {self.path} .check/wanted.json"
        return CommandCheck(command=command, files=files)

    def _paragraphs(self, section: Section) -> list[str]:
        found = [part.replace("\n", " ").strip() for part in section.text.strip().split("\n\n")]
        return [*found, self.table.text()] if section.key == self.table.place else found

    def _resolved(self, block: str) -> str:
        return _REFERENCE.sub(lambda found: f"{self.word} {self.number(found[1])}", block)


@functools.cache
def sources() -> tuple[Source, ...]:
    """All documents. Loaded once: tasks are a function of the seed and the shipped material."""
    resources = Resources(None)
    paths = [path for path in resources.names(FOLDER, ".toml") if "/doc_" in f"/{path}"]
    return tuple(
        document
        for path in sorted(paths)
        for document in msgspec.convert(tomllib.loads(resources.read(path)), _File).document
    )


def referred(doc: Doc) -> set[str]:
    """Keys of the sections that some section refers to."""
    return {key for section in doc.sections for key in _REFERENCE.findall(section.text)}


def draw(w: Wording, source: Source) -> Doc:
    """A document with some of the sections in some order, in one of the wordings of its terms."""
    must = {source.table.place, source.wordy_in}
    free = [section for section in source.section if section.key not in must]
    kept = {section.key for section in w.some(free, w.rng.randint(2, len(free)))} | must
    sections = [msgspec.structs.replace(s) for s in source.section if s.key in kept]
    first, *others = sections
    w.rng.shuffle(others)
    sections = [first, *others]
    table = msgspec.structs.replace(source.table, extra=list(source.table.extra))
    table.rows = w.some(table.rows, w.rng.randint(3, len(table.rows)))
    table.rows = [(name, count + w.rng.randrange(9)) for name, count in table.rows]
    doc = Doc(
        path=source.file,
        title=source.title,
        sections=sections,
        table=table,
        new=msgspec.structs.replace(source.new),
        tight=source.tight,
        facts=list(source.facts),
        terms=list(source.terms),
        word=w.pick(("section", "section", "chapter", "§")),
        mark=w.pick((".", ".", "", " -")),
        wordy=source.wordy,
    )
    doc.stamp = w.say(
        [
            "Version {a}.{b}, <March|June|October> {y}",
            "Revision {a}{b}, last changed in {y}",
            "Edition {y}-{b}",
        ],
        a=w.rng.randint(1, 6),
        b=w.rng.randint(1, 9),
        y=w.rng.randint(2019, 2025),
    )
    for section in sections:
        section.text = _without(section.text, kept)
        if section.key == source.wordy_in and w.chance(0.75):
            section.text = f"{source.wordy}\n\n{section.text}"
    for at, (one, other) in enumerate(source.terms):
        if w.chance(0.5):
            rename(doc, one, other)
            doc.terms[at] = (other, one)
    return doc


def _without(text: str, kept: set[str]) -> str:
    """Leaves out sentences that refer to a section which is not there."""
    paragraphs = []
    for paragraph in text.strip().split("\n\n"):
        sentences = re.split(r"(?<=[.?!]) ", paragraph.replace("\n", " "))
        stay = [s for s in sentences if set(re.findall(r"\[\[(\w+)\]\]", s)) <= kept]
        if stay:
            paragraphs.append(" ".join(stay))
    return "\n\n".join(paragraphs)


def renamed(text: str, old: str, new: str) -> tuple[str, int]:
    """`text` with `old` as a whole word, singular or plural, replaced, and how often that was."""
    count = 0

    def change(found: re.Match[str]) -> str:
        nonlocal count
        count += 1
        article, gap, said, end = found.groups(default="")
        put = new.capitalize() if said[0].isupper() else new
        if article:
            article = article[0] + ("n" if new[0] in "aeio" else "")
        return f"{article}{gap}{put}{end}"

    pattern = rf"\b(?:(an?)( ))?({old})(s?)\b"
    return re.sub(pattern, change, text, flags=re.IGNORECASE), count


def rename(doc: Doc, old: str, new: str, *, quotations: bool = True) -> int:
    """Renames a term in the whole document, and how often; with False not in quotations."""
    total = 0

    def put(text: str) -> str:
        nonlocal total
        changed, count = renamed(text, old, new)
        total += count
        return changed

    doc.title = put(doc.title)
    for section in doc.sections:
        section.title = put(section.title)
        section.text = "\n\n".join(
            part if part.startswith("> ") and not quotations else put(part)
            for part in section.text.strip().split("\n\n")
        )
    counted = total
    doc.tight, doc.wordy, doc.new.text = put(doc.tight), put(doc.wordy), put(doc.new.text)
    return counted
