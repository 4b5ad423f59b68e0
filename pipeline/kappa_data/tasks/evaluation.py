"""Whether a task or a conversation repeats the prompt of an evaluation: word n-grams of both.

A prompt of 13 words or more is repeated by a text that shares 13 words in a row with it (the length
that GPT-3's decontamination took at least: Brown et al. 2020, appendix C), a shorter one by a text
that shares 8. What a user asks (contamination.py) repeats any prompt by 8 words in a row. Signs and
case do not count. A prompt of fewer than 8 words says too little, and is counted alone.

Not every row of words tells a prompt: one that is mostly numbers and single letters does not, and
neither does one that COMMON prompts of a set share, which is the set's own phrase. A prompt all of
whose rows are shared keeps them. Of some public evaluations the hashes of their n-grams ship with
this package (scripts/write_evaluation.py says whose); others are named as files.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from kappa_data import strict_json
from kappa_data.errors import UsageError
from kappa_data.records import Task
from kappa_data.resources import Resources
from kappa_data.shingling import UInt64s, distinct, grams, plain, shingles, words
from kappa_data.tasks.reading import as_text, digest_of_file, open_regular, read_bounded

LONG, SHORT = 13, 8
"""words in a row; SHORT for the prompts that have fewer than LONG"""
ASKED = "asked"
"""the rows of SHORT words of all prompts: what a user may not ask"""
COMMON = 4
"""so many prompts of a set share what is the set's own phrase"""
TELLING_SHARE = 0.5
"""of the words in a row, at least: not numbers, and of two letters or more"""
KINDS = (".jsonl", ".parquet", ".txt", ".md")
SHIPPED = "data/seeds/evaluation"
WHAT = "a file with evaluation prompts: .txt, .md, .jsonl or .parquet"
MAX_TEXT = 256 * 2**20
MAX_LINE = 16 * 2**20
Kind = int | str
"""LONG, SHORT or ASKED"""


class Evaluation:
    """The prompts of some files. `prompts` counts them by file, `too_short` those that could not be
    compared."""

    def __init__(self) -> None:
        self.prompts: dict[str, int] = {}
        self.too_short = 0
        self.grams: dict[str, dict[Kind, UInt64s]] = {}
        """by set, then by kind: sorted hashes"""

    def add(self, name: str, texts: Iterable[str]) -> None:
        """Adds the prompts of one set."""
        folded = {plain(text): None for text in texts}
        long_enough = [each for each in folded if each.count(" ") + 1 >= SHORT]
        self.too_short += len(folded) - len(long_enough)
        self.prompts[name] = len(long_enough)
        rows: dict[Kind, list[UInt64s]] = {LONG: [], SHORT: [], ASKED: []}
        for each in long_enough:
            length = LONG if each.count(" ") + 1 >= LONG else SHORT
            rows[length].append(_telling(each, length))
            rows[ASKED].append(rows[SHORT][-1] if length == SHORT else _telling(each, SHORT))
        self.grams[name] = {kind: _own(found) for kind, found in rows.items()}

    def save(self, name: str, path: Path) -> None:
        """Writes one set's n-grams, as hashes, for `load`."""
        arrays: dict[str, Any] = {f"{kind}": each for kind, each in self.grams[name].items()}
        np.savez(path, prompts=np.array([self.prompts[name]]), **arrays)

    def load(self, name: str, path: Path) -> None:
        """Adds a set that `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            self.prompts[name] = int(arrays["prompts"][0])
            self.grams[name] = {kind: arrays[f"{kind}"] for kind in (LONG, SHORT, ASKED)}

    def overlap(self, task: Task) -> str:
        """Which words of which set the task repeats; '' where none are."""
        for text in _texts(task) if self.grams else ():
            folded = plain(text)
            for length in (LONG, SHORT):
                own = shingles(folded, length)
                for name, known in self.grams.items():
                    common = np.intersect1d(own, known[length], assume_unique=True)
                    if len(common):
                        return repeats(name, first_words(folded, length, common))
        return ""


def repeats(name: str, said: str) -> str:
    """What is said of a text that has words of a prompt."""
    return f'repeats a prompt of {name}: "{said}"'


def of_files(paths: Iterable[str], resources: Resources) -> Evaluation:
    """The prompts of these files, beside what ships; a set is named as its file, without a place.

    UsageError: a file cannot be read, or holds no prompt at all.
    """
    evaluation = Evaluation()
    for shipped in resources.names(SHIPPED, ".npz"):
        evaluation.load(PurePosixPath(shipped).stem, resources.path(shipped))
    # By what is in them, where two have one name: where they lie changes nothing.
    for each in sorted(paths, key=lambda path: (Path(path).name, _digest(path))):
        name = own = Path(each).name
        number = 2
        while name in evaluation.prompts:
            name, number = f"{own} ({number})", number + 1
        evaluation.add(name, _prompts(Path(each).expanduser(), each))
        if not evaluation.prompts[name]:
            raise UsageError(f"{each}: holds no prompt of {SHORT} words or more; name {WHAT}")
    return evaluation


def refuse_unread(paths: Iterable[str]) -> None:
    """UsageError: one of these files is not there, or of a kind that is not read."""
    for each in paths:
        _kind(Path(each), each)
        _digest(each)


def digests(paths: Iterable[str]) -> dict[str, str]:
    """What these files hold, by a name that says nothing of their place."""
    found: dict[str, list[str]] = {}
    for each in paths:
        found.setdefault(f"evaluation {Path(each).name}", []).append(_digest(each))
    return {name: ",".join(sorted(each)) for name, each in found.items()}


def _digest(path: str) -> str:
    return digest_of_file(Path(path).expanduser(), path, WHAT)


def _prompts(path: Path, place: str) -> Iterator[str]:
    kind = _kind(path, place)
    if kind == ".jsonl":
        yield from _of_lines(path, place)
    elif kind == ".parquet":
        yield from _of_parquet(path, place)
    else:
        text = as_text(read_bounded(path, place, WHAT, MAX_TEXT), place)
        yield from re.split(r"\n[ \t]*\n", text)


def _kind(path: Path, place: str) -> str:
    if path.suffix not in KINDS:
        raise UsageError(f'{place}: ends in "{path.suffix}"; name {WHAT}')
    return path.suffix


def _of_lines(path: Path, place: str) -> Iterator[str]:
    with open_regular(path, place, WHAT) as file:
        for number in itertools.count(1):
            line = file.readline(MAX_LINE + 1)
            if not line:
                return
            if len(line) > MAX_LINE:
                raise UsageError(f"{place}:{number}: a line of more than {MAX_LINE // 2**20} MB")
            try:
                if line.strip():
                    yield from _strings(strict_json.parse(line.decode("utf-8-sig")))
            except (UnicodeDecodeError, strict_json.NotStrict) as error:
                raise UsageError(f"{place}:{number}: {error}") from None


def _of_parquet(path: Path, place: str) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with open_regular(path, place, WHAT) as file:
            for batch in pq.ParquetFile(file).iter_batches():
                yield from _strings(batch.to_pylist())
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"{place}: no parquet: {error}") from None


def _strings(value: Any) -> Iterator[str]:
    """Every text within a plain value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each)


def _texts(task: Task) -> Iterator[str]:
    """All that the task could teach: what is asked, shown and answered."""
    yield from (task.opening, *task.goals)
    yield from task.fixture.values()
    if task.withheld is not None:
        yield from (task.withheld.opening, task.withheld.detail)
    for turn in task.reference:
        yield from (turn.answer, turn.reasoning)
        for step in turn.steps:
            yield step.reasoning
            yield from _strings(step.arguments)


def _telling(folded: str, length: int) -> UInt64s:
    """The distinct rows of `length` words that are not mostly numbers and letters."""
    found = grams(words([folded]), length).values
    telling = [len(each) > 1 and not each.isdigit() for each in folded.split(" ")]
    counts = np.convolve(telling, np.ones(length), mode="valid")
    return distinct(found[counts >= TELLING_SHARE * length])


def _own(prompts: Sequence[UInt64s]) -> UInt64s:
    """All rows of the prompts, less those that are the set's own phrase."""
    if not prompts:
        return np.zeros(0, dtype=np.uint64)
    values, counts = np.unique(np.concatenate(prompts), return_counts=True)
    phrases = values[counts >= COMMON]
    rare = [np.setdiff1d(each, phrases, assume_unique=True) for each in prompts]
    kept = [own if len(own) else each for own, each in zip(rare, prompts, strict=True)]
    return distinct(np.concatenate(kept))


def first_words(folded: str, length: int, common: UInt64s) -> str:
    """The first `length` words in a row of a `plain` text whose hash is among `common`."""
    parts = folded.split(" ")
    (at,) = np.flatnonzero(np.isin(grams(words([folded]), length).values, common))[:1]
    return " ".join(parts[at : at + length])
