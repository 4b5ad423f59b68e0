"""The journal as a file: what is listed is what is there, and compacting loses no answer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import kappa, said
from kappa_data.errors import UsageError
from kappa_data.records import Usage, Verdict
from kappa_data.sandbox import ToolResult
from kappa_data.teacher.api import ChatAnswer
from kappa_data.teacher.journal import Entry, Journal, Key
from kappa_data.teacher.journal_file import Chosen, compact, look

SLOTS = ("a/0:none", "a/0:lawful_good", "b/1:lawful_good")


def answer(slot: str, step: int, text: str, asked: str = "q", model: str = "m") -> Entry:
    said = ChatAnswer(text, None, (), "stop", Usage(10, 2, 1))
    return Entry(slot, Key("assistant", step), asked, answer=said, model=model, max_tokens=9)


ENTRIES = st.builds(
    answer,
    st.sampled_from(SLOTS),
    st.integers(0, 2),
    st.sampled_from(("x", "höflich", "a\nb")),
    st.sampled_from(("q", "other")),
    st.sampled_from(("m", "n")),
)


def written(path: Path, entries: list[Entry], garbage: bytes = b"") -> None:
    path.unlink(missing_ok=True)
    with Journal(path) as journal:
        for entry in entries:
            journal.append(entry)
    path.write_bytes(path.read_bytes() + garbage)


def known(path: Path) -> dict[str, dict[object, Entry]]:
    with Journal(path, read_only=True) as journal:
        return {slot: dict(journal.slot(slot)) for slot in SLOTS}


@given(entries=st.lists(ENTRIES, max_size=25), torn=st.sampled_from((b"", b'{"slot": "a', b"[]\n")))
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_compacting_keeps_the_last_answer_to_every_question(
    tmp_path: Path, entries: list[Entry], torn: bytes
) -> None:
    path = tmp_path / "journal.jsonl"
    written(path, entries, torn)
    before, size = known(path), path.stat().st_size
    questions = {(each.slot, each.key, each.digest) for each in entries}
    superseded = len(entries) - len(questions)
    found = look(path, Chosen())
    assert (found.superseded, found.lines) == (superseded, len(entries) + torn.endswith(b"\n"))
    done = compact(path)
    assert known(path) == before
    assert (done.lines, done.superseded) == (len(questions), superseded)
    assert done.damaged == torn.endswith(b"\n") == bool(found.damaged)
    assert (done.bytes_before, done.bytes_after) == (size, path.stat().st_size)
    again = compact(path)
    assert (again.superseded, again.damaged, again.bytes_before) == (0, 0, again.bytes_after)


def test_what_is_listed_by_persona_model_and_slot(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    good = SLOTS[1]
    entries = [
        answer(SLOTS[0], 0, "x"),
        answer(good, 0, "cut"),
        Entry(good, Key("tool", 0), "t", result=ToolResult("out")),
        answer(good, 0, "whole", model="n"),
        answer(good, 0, "whole", model="n"),
        Entry(SLOTS[2], Key("verdict", 0), "v", verdict=Verdict(True)),
    ]
    written(path, entries)
    found = look(path, Chosen())
    assert (found.superseded, found.duplicates) == (2, 1)
    assert found.groups["lawful_good"].as_json() == {
        "slots": 2, "answers": 3, "tool_results": 1, "verdicts": 1, "prompt_tokens": 30,
        "completion_tokens": 6, "superseded": 2,
        "bytes": sum(map(len, path.read_bytes().splitlines(keepends=True)[1:])),
    }  # fmt: skip
    assert found.total().bytes == path.stat().st_size
    assert {name: each.answers for name, each in look(path, Chosen(), "model").groups.items()} == {
        "m": 2, "n": 2, "-": 0,
    }  # fmt: skip
    assert set(look(path, Chosen(persona="none"), "slot").groups) == {SLOTS[0]}
    assert set(look(path, Chosen(slot="b/"), "slot").groups) == {SLOTS[2]}
    assert look(path, Chosen(model="n")).total().answers == 2
    assert compact(path, lambda slot: slot != good).unused == {good: 2}
    assert known(path)[good] == {}
    with pytest.raises(UsageError, match="no journal"):
        look(tmp_path / "nowhere.jsonl", Chosen())


def test_a_reader_sees_a_journal_that_is_being_written(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as writer:
        writer.append(answer(SLOTS[0], 0, "x"))
        with path.open("ab") as torn:
            torn.write(b'{"slot": "a/0:none", "key"')
        with Journal(path, read_only=True) as reader:
            assert len(reader.slot(SLOTS[0])) == 1
            assert reader.torn > 0
            with pytest.raises(RuntimeError, match="read only"):
                reader.append(answer(SLOTS[0], 1, "y"))
        assert look(path, Chosen()).torn > 0
        assert path.read_bytes().endswith(b'"key"')
    with Journal(tmp_path / "none.jsonl", read_only=True) as nothing:
        assert list(nothing.entries()) == []
    assert not (tmp_path / "none.jsonl").exists()


DYING = """
import os, signal, sys
from pathlib import Path
from kappa_data.teacher import journal_file

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

moment = sys.argv[2]
if moment == "writing":
    whole = journal_file._read
    def cut(path, calls=[]):
        calls.append(path)
        for number, line in enumerate(whole(path)):
            if len(calls) == 2 and number == 40:
                die()
            yield line
    journal_file._read = cut
    journal_file.WRITE_BYTES = 100
elif moment == "syncing":
    os.fsync = die
elif moment == "renaming":
    Path.rename = die
elif moment == "renamed":
    journal_file.sync = die
journal_file.compact(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("moment", ["writing", "syncing", "renaming", "renamed"])
def test_killed_while_compacting_nothing_is_lost(tmp_path: Path, moment: str) -> None:
    path = tmp_path / "journal.jsonl"
    written(path, [answer(SLOTS[n % 3], n % 20, f"text {n}") for n in range(90)])
    before = known(path)
    child = subprocess.run(
        [sys.executable, "-c", DYING, str(path), moment],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1] / "pipeline")},
        check=False,
    )
    assert child.returncode == -signal.SIGKILL
    assert known(path) == before
    assert compact(path).lines == 60
    assert known(path) == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["journal.jsonl"]


def test_the_command(tmp_path: Path) -> None:
    path = tmp_path / "data/persona_kappa/generate/journal.jsonl"
    none = kappa("journal", "--json", cwd=tmp_path)
    assert (none.returncode, "there is no dataset" in said(none)["error"]) == (2, True)
    planned = ("--families", "maths", "--tasks", "1", "--dataset", "planned")
    assert kappa("plan", *planned, "-q", cwd=tmp_path).returncode == 0
    none = kappa("journal", "--dataset", "planned", "--json", cwd=tmp_path)
    assert (none.returncode, "no journal yet" in said(none)["error"]) == (2, True)
    kept = answer("maths/0:none", 0, "kept")
    written(path, [answer(kept.slot, 0, "old"), kept, answer("gone/7:none", 0, "x")], b"{}\n")
    listed = said(kappa("journal", "--by", "slot", "--json", cwd=tmp_path))
    assert {name: each["answers"] for name, each in listed["slot"].items()} == {
        "maths/0:none": 2, "gone/7:none": 1,
    }  # fmt: skip
    checked = kappa("journal", "check", cwd=tmp_path)
    assert checked.returncode == 1
    assert "line 4: damaged" in checked.stdout
    refused = kappa("journal", "compact", "--drop-unused", cwd=tmp_path)
    assert refused.returncode == 2
    assert "run `kappa-data plan` first" in refused.stderr
    plan = ("--families", "maths", "--tasks", "1", "--personas", "none")
    assert kappa("plan", *plan, "-q", cwd=tmp_path).returncode == 0
    # settings.json holds what plan was told
    done = said(kappa("journal", "compact", "--drop-unused", "--json", cwd=tmp_path))
    assert done["unused_dropped"] == {"gone/7:none": 1}
    assert (done["damaged_dropped"], done["superseded_dropped"], done["lines"]) == (1, 1, 1)
    (line,) = path.read_text().splitlines()
    assert json.loads(line)["answer"]["content"] == "kept"
    assert kappa("journal", "check", cwd=tmp_path).returncode == 0
    for wrong in (("lsit",), ("--by", "color"), ("check", "--slot", "a"), ("--drop-unused",)):
        assert kappa("journal", *wrong, cwd=tmp_path).returncode == 2
