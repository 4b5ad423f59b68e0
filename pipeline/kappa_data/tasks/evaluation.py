"""Whether a task repeats the prompt of an evaluation: word n-grams that both have.

A prompt of 13 words or more is repeated by a text that shares 13 words in a row with it (the length
that GPT-3's decontamination took at least: Brown et al. 2020, appendix C), a shorter one by a text
that shares 8. Signs and case do not count. A prompt of fewer than 8 words says too little, and is
counted alone. Of some public evaluations the hashes of their n-grams ship with this package
(scripts/write_evaluation.py says whose); others are named as files.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from kappa_data import strict_json
from kappa_data.errors import UsageError
from kappa_data.near_duplicates import UInt64s, shingles
from kappa_data.records import Task
from kappa_data.resources import Resources
from kappa_data.tasks.reading import as_text, open_regular, read_bounded

LONG, SHORT = 13, 8
"""words in a row; SHORT for the prompts that have fewer than LONG"""
SHIPPED = "data/seeds/evaluation"
WHAT = "a file with evaluation prompts: .txt, .md, .jsonl or .parquet"
MAX_TEXT = 256 * 2**20
MAX_LINE = 16 * 2**20
_SIGNS = re.compile(r"[\W_]+")


class Evaluation:
    """The prompts of some files. `prompts` counts them by file, `too_short` those that could not be
    compared."""

    def __init__(self) -> None:
        self.prompts: dict[str, int] = {}
        self.too_short = 0
        self._grams: dict[str, dict[int, UInt64s]] = {}

    def add(self, name: str, texts: Iterable[str]) -> None:
        """Adds the prompts of one set."""
        found: dict[int, list[UInt64s]] = {LONG: [], SHORT: []}
        count = 0
        for text in texts:
            plain = _plain(text)
            words = plain.count(" ") + 1 if plain else 0
            if words < SHORT:
                self.too_short += 1
                continue
            count += 1
            length = LONG if words >= LONG else SHORT
            found[length].append(shingles(plain, length))
        self.prompts[name] = count
        self._grams[name] = {
            length: np.unique(np.concatenate(each)) for length, each in found.items() if each
        }

    def save(self, name: str, path: Path) -> None:
        """Writes one set's n-grams, as hashes, for `load`."""
        arrays: dict[str, Any] = {f"{length}": each for length, each in self._grams[name].items()}
        np.savez(path, prompts=np.array([self.prompts[name]]), **arrays)

    def load(self, name: str, path: Path) -> None:
        """Adds a set that `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            self.prompts[name] = int(arrays["prompts"][0])
            self._grams[name] = {
                length: arrays[f"{length}"] for length in (LONG, SHORT) if f"{length}" in arrays
            }

    def overlap(self, task: Task) -> str:
        """Which words of which set the task repeats; '' where none are."""
        for text in _texts(task) if self._grams else ():
            plain = _plain(text)
            for length in (LONG, SHORT):
                own = shingles(plain, length)
                for name, grams in self._grams.items():
                    common = np.intersect1d(own, grams.get(length, own[:0]), assume_unique=True)
                    if len(common):
                        return f'repeats a prompt of {name}: "{_words(plain, length, common)}"'
        return ""


def of_files(paths: Iterable[str], resources: Resources) -> Evaluation:
    """The prompts of these files, beside what ships.

    UsageError: a file cannot be read, or holds no prompt at all.
    """
    evaluation = Evaluation()
    for shipped in resources.names(SHIPPED, ".npz"):
        evaluation.load(PurePosixPath(shipped).stem, resources.path(shipped))
    for each in paths:
        evaluation.add(each, _prompts(Path(each).expanduser(), each))
        if not evaluation.prompts[each]:
            raise UsageError(f"{each}: holds no prompt of {SHORT} words or more; name {WHAT}")
    return evaluation


def _prompts(path: Path, place: str) -> Iterator[str]:
    if path.suffix == ".jsonl":
        yield from _of_lines(path, place)
    elif path.suffix == ".parquet":
        yield from _of_parquet(path, place)
    elif path.suffix in (".txt", ".md"):
        text = as_text(read_bounded(path, place, WHAT, MAX_TEXT), place)
        yield from re.split(r"\n[ \t]*\n", text)
    else:
        raise UsageError(f'{place}: ends in "{path.suffix}"; name {WHAT}')


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


def _plain(text: str) -> str:
    return _SIGNS.sub(" ", text).strip()


def _words(plain: str, length: int, common: UInt64s) -> str:
    """The first words in a row that are common to both."""
    words = plain.split(" ")
    wanted = set(common.tolist())
    for start in range(len(words) - length + 1):
        run = " ".join(words[start : start + length])
        if wanted & set(shingles(run, length).tolist()):
            return run
    return ""
