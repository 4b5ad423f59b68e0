"""Caps over a real socket, what stops say, and what people see meanwhile."""

from __future__ import annotations

import asyncio
import io
import json
from collections import Counter
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from conftest import kappa, said
from fakes import resources
from kappa_data import progress
from kappa_data.conversation.pool import in_order
from kappa_data.conversation.shelf import Shelf
from kappa_data.conversation.watch import FREE, Watch, told
from kappa_data.errors import Stopped
from kappa_data.records import Conversation, FunctionCall, Message, Rejected, ToolCall
from kappa_data.teacher.budget import Budget
from kappa_data.teacher.journal import JOURNAL, Journal
from kappa_data.teacher.meter import Meter
from kappa_data.teacher.spending import Spent
from test_generate import SLOTS, Endpoint, built, fake_plan, sealed_plan, serving, task_of


def test_at_a_cap_the_run_stops_and_the_same_command_goes_on(tmp_path: Path) -> None:
    """Ten tokens an answer: 7 of the prompt and 3 of the answer, says the endpoint."""
    tasks = [task_of(number) for number in range(SLOTS) if number % 3]
    plan, prompts = sealed_plan(tmp_path, tasks, (None,)), resources(tmp_path)
    endpoint = Endpoint(0.002)
    (tmp_path / "prices.toml").write_text('currency="EUR"\n[models.m]\ninput=1\noutput=1\n')
    cut = {"max_answer_tokens": 50}
    with serving(endpoint) as base_url:
        config = {"model": "m", "base_url": base_url, "prices": str(tmp_path / "prices.toml")}
        stops = 0
        for caps in ({"max_requests": 5}, {"max_tokens": 550}, {"max_cost": 0.00055}) * 20:
            before = endpoint.answered.total()
            try:
                sealed, _ = built(tmp_path, plan, prompts, concurrency=4, **config, **cut, **caps)
                break
            except Stopped as error:
                stops += 1
                asked = endpoint.answered.total() - before
                spent = error.figures["spent"]
                assert spent["requests"] == asked > 0
                assert spent["prompt_tokens"] + spent["completion_tokens"] == 10 * asked
                assert spent["cost"] == pytest.approx(asked * 10 / 10**6)
                ((name, cap),) = caps.items()
                assert {"max_requests": asked, "max_tokens": 10 * asked}.get(name, 0) <= cap
                words = f"{name} {cap:,} is reached; this run took {asked:,} requests, "
                assert words in str(error)
                assert f"of {len(tasks)} conversations are done" in str(error)
                assert "the same command goes on" in str(error)
                assert not list((tmp_path / "generate").glob("*/manifest.json"))
        assert stops >= 3
        with pytest.raises(Stopped, match=r"max_tokens 20 \(too small: the next request alone may"):
            built(tmp_path / "new", plan, prompts, **config, max_tokens=20)
        assert set(endpoint.answered.values()) == {1}  # nothing was bought twice
        run = sealed.manifest.figures["run"]
        assert run["caps_reached"] == {}
        assert run["spent"]["currency"] == "EUR"
        other = tmp_path / "other"
        whole, _ = built(
            other, sealed_plan(other, tasks, (None,)), prompts, **config, **cut, concurrency=16
        )
    assert (whole.manifest.rejected, whole.count("conversations")) == (
        sealed.manifest.rejected,
        sealed.count("conversations"),
    )
    with Journal(tmp_path / JOURNAL) as journal:
        assert sum(entry.answer is not None for entry in journal.entries()) == (
            endpoint.answered.total() - whole.manifest.figures["requests_asked"]
        )


def test_a_persona_at_its_cap_leaves_the_others_alone(tmp_path: Path) -> None:
    plan = sealed_plan(tmp_path, [task_of(n) for n in (1, 2, 4, 5)], ("chaotic_evil", None))
    few = sealed_plan(tmp_path / "few", [task_of(n) for n in (1, 2)], ("chaotic_evil", None))
    prompts, endpoint = resources(tmp_path), Endpoint(0)
    with serving(endpoint) as base_url:
        config = {"model": "m", "base_url": base_url, "concurrency": 3, "prompts": prompts}
        built(tmp_path, few, **config)  # of the first two tasks all is there: it costs nothing
        with pytest.raises(Stopped) as caught:
            built(tmp_path, plan, **config, persona_max_requests=6)
        assert "persona_max_requests 6 is reached by chaotic_evil, none" in str(caught.value)
        asked = endpoint.answered.total()
        with pytest.raises(Stopped):
            built(tmp_path, plan, **config, persona_max_requests=1)
        assert endpoint.answered.total() == asked + 2
        sealed, _ = built(tmp_path, plan, **config, persona_max_requests=100)
    assert sealed.count("conversations") == plan.count("slots")
    personas = sealed.manifest.figures["run"]["spent"]["personas"]
    assert set(personas) == {"chaotic_evil", "none"}


def test_tries_that_failed_are_requests_too(tmp_path: Path) -> None:
    plan, prompts, endpoint = fake_plan(tmp_path), resources(tmp_path), Endpoint(0)
    first: Counter[str] = Counter()

    def overloaded(body: dict[str, Any]) -> bool:
        first[json.dumps(body)] += 1
        return first[json.dumps(body)] == 1

    endpoint.overloaded = overloaded
    with serving(endpoint) as base_url, pytest.raises(Stopped) as caught:
        built(tmp_path, plan, prompts, model="m", base_url=base_url, max_requests=10)
    spent = caught.value.figures["spent"]
    assert endpoint.refused + endpoint.answered.total() == spent["requests"] == 10
    assert endpoint.refused >= spent["failures"]["overload"] > 0
    assert spent["failed_requests"] == endpoint.refused


def test_the_command_says_what_was_spent(tmp_path: Path) -> None:
    generate = ("generate", "--families", "identity", "--tasks", "3", "--personas", "none")
    stopped = kappa(*generate, "--max-requests", "3", "--json", cwd=tmp_path)
    assert stopped.returncode == 3
    told = said(stopped)
    assert told["exit_code"] == 3
    assert "max_requests 3 is reached" in told["error"]
    assert told["spent"]["requests"] == 3
    done = kappa(*generate, cwd=tmp_path)
    assert done.returncode == 0
    assert "cost: free for " in done.stdout
    assert "next: kappa-data pack" in done.stdout
    assert "answers from the journal" in done.stderr


class Counted(Shelf[Any]):
    """Knows the most that lay in memory."""

    most = 0

    def put(self, number: int, result: Any) -> None:
        super().put(number, result)
        self.most = max(self.most, len(self._near))


def test_what_is_early_waits_outside_the_memory_and_comes_in_order(tmp_path: Path) -> None:
    call = ToolCall("c", FunctionCall("bash", "{}"))
    message = Message("assistant", "höflich", tool_calls=(call,), persona=None)

    async def work(job: int) -> Conversation | Rejected | None:
        await asyncio.sleep(0.2 if job == 0 else 0)
        if job % 7 == 3:
            return None
        if job % 5 == 1:
            return Rejected(str(job), "generate", None, ())
        return Conversation(str(job), (message,))

    async def main() -> list[Any]:
        with closing(Counted(tmp_path, in_memory=4)) as shelf:
            found = in_order(range(300), work, 8, lambda: None, lambda: False, shelf)
            async with aclosing(found):
                made = [each async for each in found]
            assert 0 < shelf.most <= 4
            return made

    made = asyncio.run(main())
    assert made == [
        None
        if job % 7 == 3
        else Rejected(str(job), "generate", None, ())
        if job % 5 == 1
        else Conversation(str(job), (message,))
        for job in range(300)
    ]
    assert list(tmp_path.iterdir()) == []


@given(moves=st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=60))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_shelf_is_a_dictionary(tmp_path: Path, moves: list[tuple[bool, int]]) -> None:
    model: dict[int, str] = {}
    with closing(Shelf[str](tmp_path, in_memory=3)) as shelf:
        for put, number in moves:
            if put and number not in model:
                model[number] = f"result {number} " * number
                shelf.put(number, model[number])
            elif number in model:
                assert shelf.take(number) == model.pop(number)
            assert all((each in shelf) == (each in model) for each in range(31))


def test_the_line_says_what_goes_on() -> None:
    meter = Meter(Budget(), lambda model: None)
    spending, watch = meter.spending, Watch(meter, "EUR", lambda: "2 quarantined")
    assert watch.line(0.0) == "2 quarantined, 0 answers, 0 tokens/s, 0 EUR, 0 in flight"
    for second in range(1, 31):
        spending.add("p", Spent(requests=1, completion_tokens=50, parts=10**10))
        line = watch.line(float(second))
    assert line == "2 quarantined, 30 answers, 50 tokens/s, 0.3000 EUR, 0 in flight"
    spending.failed("p", TimeoutError())
    meter.in_flight = 3000
    assert watch.line(31.0).endswith(", 3,000 in flight, failed tries: 1 x broken off")
    spending.add("p", Spent(requests=1, unpriced=1))
    assert ", price unknown, " in watch.line(32.0)
    assert ", free, " in Watch(meter, FREE, lambda: "").line(0.0)


def test_without_a_terminal_lines_come_though_nothing_is_finished(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_SECONDS", 0.0)
    monkeypatch.setattr("kappa_data.conversation.watch.TICK_SECONDS", 0.001)
    written = io.StringIO()
    plain = progress.Plain(Console(file=written, width=500))

    async def main() -> None:
        with plain.task("generate", total=8) as bar:
            watch = Watch(Meter(Budget(), lambda model: None), FREE, lambda: "waiting")
            async with told(watch, bar):
                await asyncio.sleep(0.05)
                bar.advance(4)

    asyncio.run(main())
    lines = written.getvalue().splitlines()
    assert lines[0].startswith("generate: 0/8 waiting, 0 answers")
    assert "left" not in lines[0]
    assert any(line.startswith("generate: 4/8") and line.endswith(" left") for line in lines)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (89, "89 s"), (100, "2 min"), (3600, "60 min"), (9000, "2.5 h")],
)
def test_spans_in_words(seconds: float, words: str) -> None:
    assert progress.duration(seconds) == words
