"""The stage import: what is sealed, under which key, in whose place; and the hub as a source."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pyarrow as pa
import pytest
from datasets.exceptions import DatasetGenerationError

from kappa_data import recipe
from kappa_data.errors import EnvironmentLacks, StageError
from kappa_data.progress import Quiet
from kappa_data.records import Conversation
from kappa_data.resources import Resources
from kappa_data.stage import build
from kappa_data.stages import import_
from kappa_data.store import Sealed

TALK = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]


def write(folder: Path, *lines: Any, name: str = "some.jsonl") -> str:
    path = folder / name
    path.write_text(
        "\n".join(each if isinstance(each, str) else json.dumps(each) for each in lines)
    )
    return str(path)


class Hub:
    """A data set whose splits give their rows and then raise; keeps what it was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, rows: list[Any], error: Exception | None):
        self.rows, self.error, self.revision = rows, error, ""
        monkeypatch.setattr("datasets.load_dataset", self.load)
        monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", self.info)

    def info(self, name: str) -> Any:
        return SimpleNamespace(sha="0123abcd")

    def load(self, name: str, revision: str, streaming: bool) -> Any:
        self.revision = revision
        return {"train": self.stream()}

    def stream(self) -> Iterator[Any]:
        yield from self.rows
        if self.error:
            raise self.error


def sealed(root: Path, source: str, strict: bool = False) -> Sealed:
    config = import_.config_for(source, "auto", strict)
    return build(recipe.IMPORTED, config, {}, Resources(), root, Quiet())[0]


def test_a_data_set_is_read_at_the_commit_that_is_its_key(tmp_path, monkeypatch):
    hub = Hub(monkeypatch, [{"messages": TALK}], None)
    made = sealed(tmp_path, "org/chats")
    assert hub.revision == made.manifest.config["digest"] == "0123abcd"
    (got,) = made.read("conversations", Conversation)
    assert got.provenance.origin == "org/chats/train:1"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (DatasetGenerationError("a column is missing\nand more"), StageError),
        (pa.ArrowInvalid("JSON parse error"), StageError),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"), StageError),
        (OSError("no route to the host"), EnvironmentLacks),
        (httpx2.ReadTimeout("timed out"), EnvironmentLacks),
    ],
)
def test_a_stream_that_breaks_is_one_line(tmp_path, monkeypatch, error, kind):
    Hub(monkeypatch, [{"messages": TALK}], error)
    with pytest.raises(kind, match=r"^org/chats: .*; [^\n]*import a file$"):
        sealed(tmp_path, "org/chats")


def test_strict_seals_nothing_where_a_line_is_broken(tmp_path):
    source = write(tmp_path, {"messages": TALK}, "{", "[]")
    reason = r"^2 broken lines and --strict; the first: some\.jsonl:2: not JSON"
    with pytest.raises(StageError, match=reason):
        sealed(tmp_path, source, strict=True)
    assert recipe.imports(tmp_path) == {}
    loose = sealed(tmp_path, source)
    assert loose.manifest.rejected == {"broken line": 2}
    assert sealed(tmp_path, source, strict=True).dir == loose.dir  # strict is not identity


def test_every_line_is_a_record_or_counted_as_rejected(tmp_path):
    strange = {"messages": [{"role": "narrator", "content": "Exeunt."}]}
    made = sealed(tmp_path, write(tmp_path, {"messages": TALK}, strange, strange, "{"))
    assert made.manifest.rejected == {"broken line": 1, "quarantined": 2}
    assert made.count("conversations") + sum(made.manifest.rejected.values()) == 4


def test_an_import_takes_the_place_of_those_of_its_name(tmp_path):
    wrong = sealed(tmp_path, write(tmp_path, {"messages": TALK[:1]}, name="t.jsonl"))
    other = sealed(tmp_path, write(tmp_path, {"messages": TALK}, name="u.jsonl"))
    assert import_.replaced(tmp_path, other) == []
    right = sealed(tmp_path, write(tmp_path, {"messages": TALK}, name="t.jsonl"))
    assert import_.replaced(tmp_path, right) == [wrong.dir]
    assert import_.replaced(tmp_path, wrong) == [right.dir]  # the one that was asked for stays
