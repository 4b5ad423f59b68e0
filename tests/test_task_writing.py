"""Tasks by the teacher: over a real socket, in real boxes, within a budget, never bought twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kappa_data import task_writing
from kappa_data.config import Settings
from kappa_data.errors import Stopped, UsageError
from kappa_data.progress import Quiet
from kappa_data.records import Task, compact_json
from kappa_data.resources import Resources
from kappa_data.task_writing import JOURNAL, Wanted, dry_run, write
from kappa_data.tasks import files
from kappa_data.tasks.brief import bare
from kappa_data.tasks.catalog import families
from kappa_data.tasks.written import Written
from kappa_data.teacher.journal import Journal

FAMILY = "code_questions"


@pytest.fixture(autouse=True)
def few_own_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """To be held against a hundred tasks of the family shows nothing more."""
    monkeypatch.setattr(task_writing, "OWN_SEEDS", 3)


def settings(**generate: Any) -> Settings:
    usual = Settings()
    return msgspec.structs.replace(
        usual, generate=msgspec.structs.replace(usual.generate, **generate)
    )


def run(folder: Path, count: int, told: Settings, **more: Any) -> dict[str, Any]:
    wanted = Wanted(FAMILY, count, folder / "own" / "more.jsonl", **more)
    return write(wanted, told, Resources(), folder / "data", Quiet())


def task_ids(folder: Path) -> list[str]:
    found = files.read(folder / "own" / "more.jsonl")
    assert not found.faults
    return [each.task.id for each in found.entries]


class Scripted(ThreadingHTTPServer):
    """An OpenAI-compatible endpoint that gives these answers, one after the other."""

    def __init__(self, answers: list[str]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.bodies = answers, list[dict[str, Any]]()
        self.daemon_threads = True


class Handler(BaseHTTPRequestHandler):
    server: Scripted
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send({"object": "list", "data": [{"id": "m", "object": "model"}]})

    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        message = {"role": "assistant", "content": self.server.answers.pop(0)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
        self._send({"id": "x", "object": "chat.completion", "created": 0, "model": "m",
                    "choices": [choice], "usage": usage})  # fmt: skip

    def log_message(self, *arguments: object) -> None:
        pass

    def _send(self, value: dict[str, Any]) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def endpoint() -> Iterator[Scripted]:
    server = Scripted([])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def asked(server: Scripted) -> Settings:
    base_url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    return settings(model="m", base_url=base_url, retries=0)


def answer_of(task: Task) -> str:
    return compact_json(bare(task))


def test_a_refused_task_is_mended_and_what_cannot_be_is_put_aside(
    tmp_path: Path, endpoint: Scripted
) -> None:
    """A task that is right, one that is right at the second time, and one that never is."""
    made = [families()[FAMILY].make(seed) for seed in (400, 401)]
    lax = msgspec.structs.replace(made[1], verifier=made[1].verifier[-1:])
    own = families()[FAMILY].make(0)
    repeated = [answer_of(own)] * 3
    endpoint.answers = [answer_of(made[0])]
    first = run(tmp_path, 1, asked(endpoint))
    assert (first["tasks"], first["refused"], first["exit_code"]) == (1, 0, 0)
    endpoint.answers = ["{}", answer_of(lax), answer_of(made[1])]
    second = run(tmp_path, 2, asked(endpoint))
    assert (second["tasks"], second["new"], second["spent"]["requests"]) == (2, 1, 3)
    told = [body["messages"][-1]["content"] for body in endpoint.bodies]
    assert "was not in the form" in told[2]
    assert "without substance is accepted" in told[3]
    assert made[0].opening.split("\n")[0][:40] in told[1]  # it is told what is there
    endpoint.answers = [*repeated, *repeated, *repeated]
    third = run(tmp_path, 3, asked(endpoint))
    assert (third["tasks"], third["refused"], third["exit_code"]) == (2, 3, 1)
    beside = (tmp_path / "own" / "more.refused.jsonl").read_text().splitlines()
    assert "near-duplicate of code_questions/0" in json.loads(beside[0])["reasons"][0]
    assert len(set(task_ids(tmp_path))) == 2


def test_nothing_is_bought_twice_and_the_file_is_the_same(tmp_path: Path) -> None:
    """Stopped by a budget in the middle of a batch, and run again."""
    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    with pytest.raises(Stopped, match="cap of the budget"):
        run(stopped, 2, settings(max_requests=1))
    assert not (stopped / "own").exists()
    again = run(stopped, 2, settings())
    assert again["spent"]["requests"] == 1
    straight = run(whole, 2, settings())
    assert straight["spent"]["requests"] == 2
    assert task_ids(stopped) == task_ids(whole)
    with Journal(stopped / "data" / JOURNAL, read_only=True) as journal:
        assert sum(1 for _ in journal.entries()) == journal.entries_count == 2


def test_a_sloppy_teacher_gets_nothing_past_the_boxes(tmp_path: Path) -> None:
    found = run(tmp_path, 3, settings(sloppy=0.15))
    assert found["spent"]["requests"] > 3
    sandboxed = files.read(tmp_path / "own" / "more.jsonl")
    assert len(sandboxed.entries) == found["tasks"] == 3
    assert all(entry.task.reference[0].steps for entry in sandboxed.entries)


def test_code_of_ones_own_becomes_the_workspace(tmp_path: Path, endpoint: Scripted) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "tool.py").write_text("def turn(x):\n    return -x\n")
    (tmp_path / "seeds.toml").write_text('code = ["code"]\n')
    endpoint.answers = [answer_of(families()[FAMILY].make(5))]
    run(tmp_path, 1, asked(endpoint), seeds=str(tmp_path / "seeds.toml"))
    assert "return -x" in endpoint.bodies[0]["messages"][-1]["content"]
    (entry,) = files.read(tmp_path / "own" / "more.jsonl").entries
    assert entry.task.fixture["tool.py"].startswith("def turn")


def test_what_no_file_may_hold_is_not_written(
    tmp_path: Path, endpoint: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the file with all that was bought could not be read any more."""
    made = [families()[FAMILY].make(seed) for seed in (400, 401)]
    monkeypatch.setattr(files, "MAX_TASK", len(answer_of(made[0])) + 200)
    long = msgspec.structs.replace(made[1], opening=made[1].opening + " please" * 5_000)
    endpoint.answers = [answer_of(made[0])]
    run(tmp_path, 1, asked(endpoint))
    endpoint.answers = [answer_of(long)] * 9
    found = run(tmp_path, 2, asked(endpoint))
    assert (found["tasks"], found["refused"]) == (1, 3)
    assert len(files.read(tmp_path / "own" / "more.jsonl").entries) == 1


def test_a_dry_run_asks_nothing(tmp_path: Path) -> None:
    wanted = Wanted(FAMILY, 7, tmp_path / "more.jsonl")
    found = dry_run(wanted, settings(), Resources(), tmp_path / "data")
    assert found["requests"] == 7
    assert found["prompt_tokens"] > found["completion_tokens"] > 0
    assert not list(tmp_path.iterdir())


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_text('{"note": "mine"}\n')
    with pytest.raises(UsageError, match="mend the file or name another"):
        Written(path)
    assert path.read_text() == '{"note": "mine"}\n'
