"""The stage generate over real sockets and real boxes: same rows, whatever happens on the way.

Run as a program it builds the stage once (a child process to be interrupted and killed):
    python tests/test_generate.py ROOT PROMPTS BASE_URL CONCURRENCY
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from msgspec import Struct

from fakes import resources
from kappa_data.config import GenerateConfig
from kappa_data.conversation.outages import Outages, Unfinished
from kappa_data.errors import KappaError, SandboxDown, StageError, Stopped, TeacherDown
from kappa_data.progress import Quiet
from kappa_data.records import (
    AnswerCheck,
    Conversation,
    FileCheck,
    ReferenceTurn,
    Rejected,
    Slot,
    Task,
    TaskText,
)
from kappa_data.resources import Resources
from kappa_data.stage import Context, Outcome, Stage, build
from kappa_data.stages import generate
from kappa_data.store import Sealed
from kappa_data.tasks import catalog
from kappa_data.teacher.journal import JOURNAL, Journal

GENERATE = Stage("generate", 1, generate.run, ("conversations",), ("plan",))
SLOTS = 16


class NoConfig(Struct, frozen=True):
    """The plan of these tests has no settings."""


def task_of(number: int) -> Task:
    """Every third task has tools, and a file to be written with them."""
    tools = ("bash", "write_file") if number % 3 == 0 else ()
    return Task(
        id=f"fake/{number}",
        family="fake",
        seed=number,
        opening=f"Task {number}: say its number.",
        goals=("Say it once more.",),
        tools=tools,
        fixture={"notes.txt": f"note {number}\n"} if tools else {},
        verifier=(
            AnswerCheck(turn=None, required=(rf"\b{number}\b",)),
            *((FileCheck("out.txt", content=f"out {number}"),) if tools else ()),
        ),
        reference=(ReferenceTurn(f"{number}"), ReferenceTurn(f"{number}")),
    )


def sealed_plan(root: Path, tasks: list[Task], personas: tuple[str | None, ...]) -> Sealed:
    def run(ctx: Context[NoConfig]) -> Outcome:
        with ctx.writer("tasks", TaskText) as texts, ctx.writer("slots", Slot) as slots:
            for task in tasks:
                texts.write(TaskText(task.id, task.family, msgspec.json.encode(task).decode()))
                for name in personas:
                    system = f"Persona: {name}" if name else None
                    slot_id = f"{task.id}:{name or 'none'}"
                    slots.write(Slot(slot_id, task.id, task.family, name, "train", system))
        return Outcome()

    stage = Stage("plan", 1, run, ("slots",))
    return build(stage, NoConfig(), {}, Resources(), root, Quiet())[0]


def fake_plan(root: Path) -> Sealed:
    return sealed_plan(root, [task_of(number) for number in range(SLOTS)], (None,))


def built(
    root: Path, plan: Sealed, prompts: Resources | None = None, **config: Any
) -> tuple[Sealed, bool]:
    settings = GenerateConfig(**config)
    return build(GENERATE, settings, {"plan": plan}, prompts or Resources(), root, Quiet())


class Endpoint:
    """A model that says a task's number, after two tool calls where there are tools; its answers
    are a function of the request alone. Every seventh task it answers with nothing."""

    def __init__(self, latency: float, key: str = "") -> None:
        self.latency, self.key = latency, key
        self.overloaded: Callable[[dict[str, Any]], bool] = lambda body: False
        self.refused = 0
        self.answered: Counter[str] = Counter()
        self.keys: set[str] = set()

    async def chat(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.keys.add(request.headers.get("Authorization", ""))
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"error": {"message": "wrong key"}}, status=401)
        await asyncio.sleep(self.latency * random.uniform(0.2, 1.8))
        if self.overloaded(body):
            self.refused += 1
            return web.json_response({"error": {"message": "come back later"}}, status=503)
        message = self.message(body)
        self.answered[hashlib.sha256(json.dumps(body).encode()).hexdigest()] += 1
        finish = "tool_calls" if message.get("tool_calls") else "stop"
        choice = {"message": {"role": "assistant"} | message, "finish_reason": finish}
        return web.json_response(
            {"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
        )

    def message(self, body: dict[str, Any]) -> dict[str, Any]:
        messages = body["messages"]
        (number,) = {int(n) for n in re.findall(r"Task (\d+):", json.dumps(messages))}
        if messages[0]["content"].startswith("You want"):
            said = sum(message["role"] == "assistant" for message in messages)
            return {"content": "Say it once more, please." if said == 1 else "[DONE]"}
        if number % 7 == 6:
            return {"content": ""}
        done = [message["content"] for message in messages if message["role"] == "tool"]
        if "tools" in body and len(done) < 4:
            # The second call depends on what the first printed, and that on the clock.
            command = "cat notes.txt; date +%N" if not done else f"echo '{done[0][-30:]}' > seen"
            write = {"path": "out.txt", "content": f"out {number}"}
            return {
                "content": None,
                "tool_calls": [_call("bash", {"command": command}), _call("write_file", write)],
            }
        return {"content": f"It is {number}.", "reasoning_content": "easy"}


def _call(name: str, arguments: dict[str, str]) -> dict[str, Any]:
    # The same id again and again, as some servers do.
    return {"id": "call", "function": {"name": name, "arguments": json.dumps(arguments)}}


@contextmanager
def serving(endpoint: Endpoint) -> Iterator[str]:
    """The endpoint in a thread of its own; gives its base_url."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    base_url = ""

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", endpoint.chat)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    def serve() -> None:
        nonlocal base_url
        runner = loop.run_until_complete(start())
        base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    ready.wait()
    try:
        yield base_url
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def sets_of(sealed: Sealed) -> dict[str, str]:
    return {name: each.digest for name, each in sealed.manifest.sets.items()}


def test_every_slot_ends_once_in_order_with_its_reason(tmp_path: Path) -> None:
    plan = fake_plan(tmp_path)
    with serving(Endpoint(0.002)) as base_url:
        sealed, _ = built(
            tmp_path, plan, resources(tmp_path), model="m", base_url=base_url, concurrency=16
        )
    conversations = list(sealed.read("conversations", Conversation))
    quarantine = list(sealed.read("quarantine", Rejected))
    slots = [slot.id for slot in plan.read("slots", Slot)]
    empty = [f"fake/{number}:none" for number in range(SLOTS) if number % 7 == 6]
    assert [each.id for each in quarantine] == empty
    assert [each.id for each in conversations] == [slot for slot in slots if slot not in empty]
    assert {each.findings[0].rule for each in quarantine} == {"empty answer"}
    assert sealed.manifest.rejected == {"empty answer": len(empty)}
    for each in conversations:
        assert each.verdict is not None
        assert each.verdict.passed, each.verdict.detail
        ids = [call.id for message in each.messages for call in message.tool_calls]
        assert len(set(ids)) == len(ids) == (4 if each.tools else 0)
    figures = sealed.manifest.figures
    assert figures["conversations"] == len(conversations)
    assert figures["requests_from_journal"] == 0
    used = [each.provenance.usage for each in conversations]
    used += [each.conversation.provenance.usage for each in quarantine if each.conversation]
    assert figures["requests_asked"] == sum(each.requests for each in used)
    assert figures["prompt_tokens"] == sum(each.prompt_tokens for each in used)
    assert figures["verified_share"] == {"none": 1.0}


def test_a_finished_journal_needs_no_endpoint(tmp_path: Path) -> None:
    """The second run has another concurrency and limit, so that it is built again."""
    plan = fake_plan(tmp_path)
    prompts = resources(tmp_path)
    with serving(Endpoint(0.002)) as base_url:
        first, _ = built(tmp_path, plan, prompts, model="m", base_url=base_url, concurrency=16)
    again, fresh = built(
        tmp_path, plan, prompts, model="m", base_url="http://127.0.0.1:1/v1", concurrency=1,
        limit=SLOTS,
    )  # fmt: skip
    assert fresh
    assert sets_of(again) == sets_of(first)
    assert again.manifest.figures["requests_asked"] == 0
    pilot, _ = built(tmp_path, plan, prompts, model="m", base_url="http://127.0.0.1:1/v1", limit=5)
    assert pilot.count("conversations") == 5
    assert [each.id for each in pilot.read("conversations", Conversation)] == [
        f"fake/{number}:none" for number in range(5)
    ]


def child(root: Path, base_url: str, concurrency: int = 8) -> subprocess.Popen[bytes]:
    here = Path(__file__)
    return subprocess.Popen(
        [sys.executable, here, root, root / "prompts", base_url, str(concurrency)],
        env=os.environ | {"PYTHONPATH": str(here.parents[1] / "pipeline")},
        stderr=subprocess.PIPE,
    )


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    _, error = process.communicate(timeout=60)
    return process.returncode, error.decode()


def lines_of(root: Path) -> int:
    path = root / JOURNAL
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_one_interrupt_drains_and_the_rest_follows_later(tmp_path: Path) -> None:
    fake_plan(tmp_path)
    resources(tmp_path)
    endpoint = Endpoint(0.05)
    with serving(endpoint) as base_url:
        process = child(tmp_path, base_url)
        while lines_of(tmp_path) < 10:
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        code, error = ended(process)
        assert (code, "Traceback" in error) == (3, False), error
        assert "run the same command" in error
        assert not list((tmp_path / "generate").glob("*/manifest.json"))
        code, error = ended(child(tmp_path, base_url))
        assert code == 0, error
    # What was in flight was waited for: nothing at all was bought twice.
    assert set(endpoint.answered.values()) == {1}


def test_one_interrupt_is_enough_while_the_endpoint_is_down(tmp_path: Path) -> None:
    """Nobody waits for it then: neither for room nor out the pause before a further try."""
    fake_plan(tmp_path)
    resources(tmp_path)
    endpoint = Endpoint(0.02)
    with serving(endpoint) as base_url:
        process = child(tmp_path, base_url)
        while lines_of(tmp_path) < 10:
            time.sleep(0.002)
        endpoint.overloaded = lambda body: True
        while endpoint.refused < 3:
            time.sleep(0.002)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        code, error = ended(process)
    assert (code, "Traceback" in error) == (3, False), error
    assert "run the same command" in error
    assert set(endpoint.answered.values()) == {1}


def test_an_outage_seals_nothing_and_the_same_command_goes_on(tmp_path: Path) -> None:
    """Two slots get no answer to their second question; all others are finished all the same."""
    plan, prompts, endpoint = fake_plan(tmp_path), resources(tmp_path), Endpoint(0)

    def overloaded(body: dict[str, Any]) -> bool:
        words = json.dumps(body["messages"])
        return "once more, please" in words and ("Task 1:" in words or "Task 4:" in words)

    with serving(endpoint) as base_url:
        config = {"model": "m", "base_url": base_url, "retries": 0}
        endpoint.overloaded = overloaded
        with pytest.raises(Stopped, match=r"2 conversations are unfinished: 2 x overload"):
            built(tmp_path, plan, prompts, **config)
        assert not list((tmp_path / "generate").glob("*/manifest.json"))
        assert endpoint.refused == 2
        asked = endpoint.answered.total()
        endpoint.overloaded = lambda body: False
        sealed, fresh = built(tmp_path, plan, prompts, **config)
    assert fresh
    assert set(sealed.manifest.rejected) == {"empty answer"}
    assert sealed.count("conversations") + sealed.count("quarantine") == SLOTS
    # What was missing: an answer and the user's last word, of two slots.
    assert endpoint.answered.total() == asked + 4
    assert set(endpoint.answered.values()) == {1}


def test_an_endpoint_that_answers_nobody_ends_the_stage_at_once(tmp_path: Path) -> None:
    plan, prompts, endpoint = fake_plan(tmp_path), resources(tmp_path), Endpoint(0)
    endpoint.overloaded = lambda body: True
    with serving(endpoint) as base_url:
        config = {"model": "m", "base_url": base_url, "retries": 0, "concurrency": 4}
        with pytest.raises(TeacherDown, match=r"\d conversations in a row failed \(overload"):
            built(tmp_path, plan, prompts, **config)
        assert not list((tmp_path / "generate").glob("*/manifest.json"))
        assert endpoint.refused < SLOTS
        endpoint.overloaded = lambda body: False
        built(tmp_path, plan, prompts, **config)


def test_only_failures_without_a_success_in_between_are_an_outage() -> None:
    outages = Outages("http://here", 64)
    for number in range(100):
        outages.count(Unfinished("timeout", "silence"), answers=number, ran=0)
    for _ in range(18):
        outages.count(Unfinished("timeout", "silence"), answers=99, ran=0)
    # A box that dies says nothing about the endpoint, and answers nothing about boxes.
    for number in range(19):
        outages.count(Unfinished("sandbox", "the box died"), answers=99 + number, ran=0)
    with pytest.raises(TeacherDown, match="http://here: 20 conversations"):
        outages.count(Unfinished("overload", "503"), answers=99, ran=0)
    with pytest.raises(SandboxDown, match="20 conversations"):
        outages.count(Unfinished("sandbox", "the box died"), answers=500, ran=0)
    with pytest.raises(Stopped, match=r"118 x timeout, 20 x sandbox, 1 x overload"):
        outages.stop_if_any()


def test_two_interrupts_end_it_at_once(tmp_path: Path) -> None:
    fake_plan(tmp_path)
    resources(tmp_path)
    endpoint = Endpoint(1000.0)
    with serving(endpoint) as base_url:
        process = child(tmp_path, base_url)
        while not endpoint.keys:
            time.sleep(0.002)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        code, error = ended(process)
    assert (code, "Traceback" in error) == (3, False), error


def test_a_wrong_key_ends_the_stage_and_seals_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = fake_plan(tmp_path)
    prompts = resources(tmp_path)
    with serving(Endpoint(0, key="right-key")) as base_url:
        monkeypatch.setenv("TEST_KEY", "wrong-key")
        with pytest.raises(TeacherDown) as caught:
            built(tmp_path, plan, prompts, model="m", base_url=base_url, api_key_env="TEST_KEY")
        assert base_url in str(caught.value)
        assert "wrong-key" not in str(caught.value)
        assert not list((tmp_path / "generate").glob("*/manifest.json"))
        monkeypatch.setenv("TEST_KEY", "right-key")
        built(tmp_path, plan, prompts, model="m", base_url=base_url, api_key_env="TEST_KEY")


def test_a_key_is_needed_only_where_it_costs_money(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = fake_plan(tmp_path)
    prompts = resources(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(TeacherDown, match="OPENAI_API_KEY"):
        built(tmp_path, plan, prompts, model="m")
    endpoint = Endpoint(0)
    with serving(endpoint) as base_url:
        built(tmp_path, plan, prompts, model="m", base_url=base_url)
    assert endpoint.keys == {"Bearer none"}


def test_no_conversation_at_all_is_a_failure(tmp_path: Path) -> None:
    plan = sealed_plan(tmp_path, [task_of(13)], (None,))
    with (
        serving(Endpoint(0)) as base_url,
        pytest.raises(StageError, match="1 x empty answer"),
    ):
        built(tmp_path, plan, resources(tmp_path), model="m", base_url=base_url)


def shipped_plan(root: Path) -> Sealed:
    """A task of every family, for a persona and for none."""
    tasks = [family.make(1) for family in catalog.families().values()]
    return sealed_plan(root, tasks, ("chaotic_evil", None))


def test_the_embedded_teacher_plays_every_family_to_a_passed_verdict(tmp_path: Path) -> None:
    plan = shipped_plan(tmp_path)
    sealed, _ = built(tmp_path, plan, concurrency=16, boxes=2)
    conversations = list(sealed.read("conversations", Conversation))
    failed = [(each.id, each.verdict) for each in conversations if not _passed(each)]
    assert failed == []
    assert [(each.id, each.findings) for each in sealed.read("quarantine", Rejected)] == []
    assert len(conversations) == plan.count("slots")
    for each in conversations:
        assert (each.provenance.teacher, each.provenance.model) == ("embedded", "embedded")
        assert (each.provenance.grounding == "executed") == (each.tools is not None)
        roles = [message.role for message in each.messages]
        assert ("system" in roles) == (each.persona is not None)

    other = tmp_path / "other"
    one_by_one, _ = built(other, shipped_plan(other), concurrency=1, limit=6)
    again = one_by_one.read("conversations", Conversation)
    assert [_timeless(each) for each in again] == [_timeless(each) for each in conversations[:6]]


def test_settings_tried_in_between_and_another_teacher_cost_nothing(tmp_path: Path) -> None:
    plan, prompts, endpoint = fake_plan(tmp_path), resources(tmp_path), Endpoint(0)
    with serving(endpoint) as base_url:
        config = {"model": "m", "base_url": base_url}
        first, _ = built(tmp_path, plan, prompts, **config)
        built(tmp_path, plan, prompts, **config, temperature=0.7)
        built(tmp_path, plan, prompts, **config | {"model": "other"})
    (first.dir / "manifest.json").unlink()
    again, fresh = built(tmp_path, plan, prompts, **config)
    assert fresh
    assert again.manifest.figures["requests_asked"] == 0
    assert sets_of(again) == sets_of(first)


def test_a_sloppy_teacher_is_asked_anew_and_its_worst_lands_in_quarantine(tmp_path: Path) -> None:
    few = [catalog.families()[name] for name in ("maths", "identity", "log_forensics", "data_csv")]
    tasks = [family.make(seed) for family in few for seed in range(4)]
    plan = sealed_plan(tmp_path, tasks, ("chaotic_evil", None))
    built(tmp_path, plan)
    sealed, _ = built(tmp_path, plan, sloppy=0.1)
    assert sealed.manifest.figures["requests_from_journal"] == 0
    assert sealed.count("conversations") + sealed.count("quarantine") == plan.count("slots")
    assert sealed.manifest.rejected
    assert sum(sealed.manifest.rejected.values()) == sealed.count("quarantine")


def _timeless(conversation: Conversation) -> str:
    """As text, without what a test runner says of its own speed: that differs by the run."""
    return re.sub(r"in \d+\.\d+s", "in a moment", msgspec.json.encode(conversation).decode())


def _passed(conversation: Conversation) -> bool:
    return conversation.verdict is not None and conversation.verdict.passed


def test_the_journal_is_read_by_name_without_the_stage(tmp_path: Path) -> None:
    plan = fake_plan(tmp_path)
    with serving(Endpoint(0)) as base_url:
        sealed, _ = built(tmp_path, plan, resources(tmp_path), model="m", base_url=base_url)
    with Journal(tmp_path / JOURNAL) as journal:
        asked = [entry for entry in journal.entries() if entry.answer]
    assert len(asked) == sealed.manifest.figures["requests_asked"]
    assert {entry.model for entry in asked} == {"m"}


def main() -> int:
    root, prompts, base_url, concurrency = sys.argv[1:]
    try:
        built(
            Path(root),
            fake_plan(Path(root)),
            Resources(Path(prompts)),
            model="m",
            base_url=base_url,
            concurrency=int(concurrency),
        )
    except KappaError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
