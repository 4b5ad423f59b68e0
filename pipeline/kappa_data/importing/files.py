"""Raw records from JSON Lines (plain or gzip), a JSON array, parquet, a folder, or `datasets`.

A record comes as a dict; what cannot be read comes as a LineError, and reading goes on behind it.
Limits: MAX_LINE_BYTES for a line, MAX_ARRAY_BYTES for a JSON array. Blank lines are no records.
"""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from kappa_data import strict_json
from kappa_data.errors import EnvironmentLacks, StageError, UsageError
from kappa_data.importing.place import LineError, Place

MAX_LINE_BYTES = 64 * 2**20
MAX_ARRAY_BYTES = 2**30  # it is held in memory as a whole, several times this size
LINES = (".jsonl", ".ndjson", ".json")
ZIPPED = tuple(f"{suffix}.gz" for suffix in LINES)
PARQUET = ".parquet"
SUFFIXES = (*LINES, *ZIPPED, PARQUET)
SAVED_BY_DATASETS = ("dataset_dict.json", "state.json")
HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w.-]+)?")
SUFFIX = re.compile(r"\.[A-Za-z]\w*$")  # of a file; the ".5" of "chats-2.5" is none

Raw = dict[str, Any]


def raw_records(
    source: str, revision: str | None = None
) -> Iterator[tuple[Place, Raw | LineError]]:
    """Every record of a file, of a folder's files by name, or of a data set's splits by name.

    `revision` is the commit at which a data set of the hub is read; None: its newest. Raises
    UsageError where the source is nothing that can be read, EnvironmentLacks where the hub cannot
    be reached or ends the transfer, StageError where a data set holds what cannot be decoded.
    """
    path = Path(source)
    if path.is_file():
        yield from _file(path, path.name)
    elif path.is_dir():
        yield from _folder(path)
    else:
        check_source(source)
        yield from _hub(source, revision)


def check_source(source: str) -> None:
    """UsageError where `source` is neither a file, a folder nor what a dataset can be called.

    A name with a suffix, or in a folder that exists here, is meant as a path: the hub is not asked.
    """
    path = Path(source)
    local = SUFFIX.search(path.name) or (len(path.parts) > 1 and path.parent.is_dir())
    if not path.exists() and (local or not HUB_NAME.fullmatch(source)):
        raise UsageError(f"{source}: no such file or folder; check the path")


def _file(path: Path, name: str) -> Iterator[tuple[Place, Raw | LineError]]:
    if path.name.endswith(PARQUET):
        yield from _parquet(path, name)
    elif path.name.endswith(ZIPPED):
        with gzip.open(path, "rb") as file:
            yield from _lines(file, name)
    elif path.name.endswith(LINES):
        with path.open("rb") as file:
            array = path.name.endswith(".json") and _begins_an_array(file)
            yield from _array(path, name) if array else _lines(file, name)
    else:
        raise UsageError(f"{path}: unknown kind of file; known: {', '.join(SUFFIXES)}")


def _begins_an_array(file: IO[bytes]) -> bool:
    """Whether the first character is a bracket; white space and a byte order mark are none."""
    if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
        file.seek(0)
    while (first := file.read(1)).isspace():
        pass
    file.seek(0)
    return first == b"["


def _folder(path: Path) -> Iterator[tuple[Place, Raw | LineError]]:
    if any((path / name).is_file() for name in SAVED_BY_DATASETS):
        import datasets

        with _one_line_errors(str(path)):
            yield from _splits(datasets.load_from_disk(str(path)), path.name)
        return
    files = sorted(each for each in path.rglob("*") if each.name.endswith(SUFFIXES))
    if not files:
        raise UsageError(f"{path}: no file in it ends in {', '.join(SUFFIXES)}")
    for each in files:
        yield from _file(each, each.relative_to(path).as_posix())


def _lines(file: IO[bytes] | gzip.GzipFile, name: str) -> Iterator[tuple[Place, Raw | LineError]]:
    number = 0
    while True:
        number += 1
        place = Place(name, number)
        try:
            line = file.readline(MAX_LINE_BYTES + 1)
            too_long = len(line) > MAX_LINE_BYTES
            while too_long and line and not line.endswith(b"\n"):
                line = file.readline(MAX_LINE_BYTES)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            # Nothing behind this point can be unpacked.
            yield place, LineError(name, number, f"the gzip file is damaged from here on: {error}")
            return
        if not line:
            return
        if too_long:
            yield place, LineError(name, number, f"longer than {MAX_LINE_BYTES} bytes")
        elif line.strip():
            try:
                yield place, _object(_parsed(line, first=number == 1), place)
            except strict_json.NotStrict as error:
                yield place, LineError(name, number, str(error))


def _array(path: Path, name: str) -> Iterator[tuple[Place, Raw | LineError]]:
    if path.stat().st_size > MAX_ARRAY_BYTES:
        raise UsageError(f"{path}: a JSON array of over 1 GiB; make lines of it with jq -c '.[]'")
    try:
        values = _parsed(path.read_bytes(), first=True)
    except strict_json.NotStrict as error:
        raise UsageError(f"{path}: {error}; mend it, or make JSON Lines of it") from None
    for number, value in enumerate(values, start=1):
        place = Place(name, number)
        yield place, _object(value, place)


def _parsed(data: bytes, first: bool) -> Any:
    """The value; a byte order mark may stand at the start of a file, as some editors put it."""
    try:
        return strict_json.parse(data.decode("utf-8-sig" if first else "utf-8"))
    except UnicodeDecodeError as error:
        reason = f"not UTF-8: {error.reason} at byte {error.start}"
        raise strict_json.NotStrict(reason) from None


def _object(value: Any, place: Place) -> Raw | LineError:
    if isinstance(value, dict):
        return value
    return LineError(place.file, place.line, f"a JSON {type(value).__name__}, not an object")


def _parquet(path: Path, name: str) -> Iterator[tuple[Place, Raw | LineError]]:
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=256):
                for row in batch.to_pylist():
                    number += 1
                    yield Place(name, number), without_nulls(row)
    except (pa.ArrowException, OSError) as error:
        place = Place(name, number + 1)
        reason = f"the parquet file is damaged from here on: {error}"
        yield place, LineError(name, place.line, reason)


def _hub(name: str, revision: str | None) -> Iterator[tuple[Place, Raw | LineError]]:
    import datasets
    from datasets.exceptions import FileNotFoundDatasetsError

    with _one_line_errors(name):
        try:
            found = datasets.load_dataset(name, revision=revision, streaming=True)
        except (FileNotFoundDatasetsError, ValueError, RuntimeError) as error:
            # No data set, none without a script, or one that wants a choice.
            raise UsageError(
                f"{name}: no data set that can be read; {_first_line(error)}"
            ) from None
        yield from _splits(found, name)


@contextmanager
def _one_line_errors(source: str) -> Iterator[None]:
    """Turns what loading or streaming a data set raises into one line of our own.

    What is yielded meanwhile is used elsewhere: an error there does not come by here.
    """
    import httpx2
    from datasets.exceptions import DatasetsError

    try:
        yield
    except (DatasetsError, pa.ArrowException, ValueError, EOFError, zlib.error) as error:
        raise StageError(
            f"{source}: holds what cannot be decoded ({_first_line(error)}); mend it there, or "
            "import a file"
        ) from error
    except (OSError, httpx2.HTTPError, httpx2.StreamError) as error:
        raise EnvironmentLacks(
            f"{source}: cannot be read to its end ({_first_line(error)}); try again, or import a "
            "file"
        ) from error


def _splits(found: Any, name: str) -> Iterator[tuple[Place, Raw | LineError]]:
    splits: dict[str, Iterable[Raw]] = dict(found) if hasattr(found, "keys") else {"": found}
    for split in sorted(splits):
        file = f"{name}/{split}" if split else name
        for number, row in enumerate(splits[split], start=1):
            yield Place(file, number), without_nulls(row)


def without_nulls(value: Any) -> Any:
    """The value less every null in an object: Arrow puts one for each key that a sibling has."""
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [without_nulls(each) for each in value]
    return value


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
