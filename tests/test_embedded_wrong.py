"""What the embedded teacher gets wrong on request, what breaks on the way, and how it is run."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from typing import Any

import aiohttp
import pytest

from embedded_talk import (
    BRIEF,
    GOOD,
    READ,
    REFERENCE_CALLS,
    TOOLS,
    Json,
    alone,
    ask,
    calls_of,
    history,
    play,
    post,
    question,
    run,
    served,
)
from kappa_data.errors import EnvironmentLacks, UsageError
from kappa_data.teacher.embedded import Embedded
from kappa_data.teacher.faults import Faults, read_faults
from kappa_data.teacher.sloppy import INSTEAD_OF_ANSWER, INSTEAD_OF_CALLS, KINDS, read_sloppy

# --- sloppy ------------------------------------------------------------------------------------


def at_call(kind: str, seed: int = 0) -> Json:
    """The answer where the reference reads the file, with `kind` planted for sure."""
    return spoilt(kind, history(), seed)


def at_answer(kind: str, seed: int = 0) -> Json:
    """The answer where the reference answers the user: past its end, that is its closing."""
    ended = [{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}] * 2
    return spoilt(kind, [*history(), *ended], seed)


def spoilt(kind: str, messages: list[Json], seed: int) -> Json:
    async def work() -> Json:
        async with alone(sloppy={kind: 1.0}, seed=seed) as server:
            body = question(f"lines/{seed}:chaotic_evil", messages)
            _, data, _ = await post(server, body)
            assert list(server.slips.values()) == [kind]
        choice: Json = json.loads(data)["choices"][0]
        choice["message"] = {"tool_calls": None, **choice["message"]}
        return choice

    return run(work())


def first_function(choice: Json) -> Json:
    function: Json = choice["message"]["tool_calls"][0]["function"]
    return function


def test_sloppy_voice_lost() -> None:
    assert at_answer("voice_lost")["message"]["content"].endswith("I have nothing to add.")
    assert at_answer("voice_lost")["message"]["content"].startswith("That was everything")


def leaks(text: str | None) -> bool:
    """Whether the text repeats one of the two sentences of the brief."""
    sentences = BRIEF.splitlines()[1].split(". ")
    return any(sentence in (text or "") for sentence in sentences)


def test_sloppy_brief_leaked() -> None:
    said = [at_answer("brief_leaked", seed)["message"] for seed in range(8)]
    in_content = [leaks(message["content"]) for message in said]
    in_reasoning = [leaks(message.get("reasoning")) for message in said]
    assert in_content == [not leaked for leaked in in_reasoning]
    assert {*in_content} == {True, False}
    at_step = at_call("brief_leaked")
    assert leaks(at_step["message"]["reasoning"])
    assert json.loads(first_function(at_step)["arguments"]) == READ.arguments


@pytest.mark.parametrize("seed", range(6))
def test_sloppy_arguments(seed: int) -> None:
    broken = first_function(at_call("malformed_arguments", seed))
    with pytest.raises(json.JSONDecodeError):
        json.loads(broken["arguments"])
    wrong = json.loads(first_function(at_call("wrong_arguments", seed))["arguments"])
    assert not (wrong.keys() == {"path"} and isinstance(wrong["path"], str))


def test_sloppy_unknown_tool() -> None:
    offered = {tool["function"]["name"] for tool in TOOLS}  # type: ignore[index]
    function = first_function(at_call("unknown_tool"))
    assert function["name"] not in offered
    assert json.loads(function["arguments"]) == READ.arguments


def test_sloppy_invented_result() -> None:
    choice = at_call("invented_result")
    assert choice["message"]["tool_calls"] is None
    assert choice["finish_reason"] == "stop"
    assert "read_file" in choice["message"]["content"]
    assert "12" in choice["message"]["content"]


@pytest.mark.parametrize("where", [at_call, at_answer])
def test_sloppy_refusal_and_empty_answer(where: Any) -> None:
    refusal, empty = where("refusal"), where("empty_answer")
    assert refusal["message"]["tool_calls"] is empty["message"]["tool_calls"] is None
    assert any(word in refusal["message"]["content"] for word in ("can't", "unable", "decline"))
    assert empty["message"]["content"] == ""
    assert refusal["finish_reason"] == empty["finish_reason"] == "stop"


def test_sloppy_flattery_and_special_tokens() -> None:
    right = at_answer_unspoilt()
    praised = at_answer("flattery")["message"]["content"]
    assert praised.endswith(right)
    assert len(praised) > len(right) + 20
    special = at_answer("special_tokens")["message"]["content"]
    assert "<|" in special
    assert "|>" in special
    assert set(right.split()) <= set(special.split())


def at_answer_unspoilt() -> str:
    async def work() -> str:
        async with served() as (_, client):
            ended = [{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}] * 2
            choice = await ask(client, "lines/0:chaotic_evil", [*history(), *ended])
            return str(choice["message"]["content"])

    return run(work())


def test_sloppy_cut_off() -> None:
    for choice in (at_call("cut_off"), at_answer("cut_off")):
        assert choice["finish_reason"] == "length"
    text = at_answer("cut_off")["message"]["content"]
    right = at_answer_unspoilt()
    assert right.startswith(text)
    assert len(text) < len(right)


def test_sloppy_loop_repeats_one_call_for_ever() -> None:
    async def work() -> list[Json]:
        async with served(sloppy={"loop": 1.0}) as (_, client):
            return await play(client, "lines/3:none", most=8)

    messages = run(work())
    assert calls_of(messages) == [[("read_file", READ.arguments)]] * 8
    ids = [call["id"] for m in messages for call in m.get("tool_calls", ())]
    assert len(set(ids)) == 8


def test_a_wrong_call_is_followed_by_the_right_one() -> None:
    async def work() -> list[list[list[tuple[str, Json]]]]:
        async with served(sloppy={"unknown_tool": 0.5}, seed=1) as (server, client):
            played = [calls_of(await play(client, f"lines/{seed}:none")) for seed in range(6)]
            assert set(server.slips.values()) == {"unknown_tool"}
            assert sum(map(len, played)) == 6 * len(REFERENCE_CALLS) + len(server.slips)
            return played

    offered = ("bash", "read_file", "write_file")
    for calls in run(work()):
        assert [group for group in calls if group[0][0] in offered] == REFERENCE_CALLS


def test_sloppy_rates() -> None:
    """Over many places each kind falls about as often as asked for."""
    plan = read_sloppy(0.05, seed=3)
    for possible in (INSTEAD_OF_CALLS, INSTEAD_OF_ANSWER):
        kinds = [plan.kind(f"place {i}", possible) for i in range(8000)]
        for kind in possible:
            assert 0.03 < kinds.count(kind) / 8000 < 0.06, kind
        assert kinds == [plan.kind(f"place {i}", possible) for i in range(8000)]
    assert read_sloppy(0, 3).kind("place", KINDS) is None
    assert read_sloppy(1.0, 3).kind("place", KINDS) in KINDS


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sloppy": {"voice_lots": 0.1}}, 'did you mean "voice_lost"'),
        ({"sloppy": {"loop": 1.5}}, "from 0 to 1"),
        ({"sloppy": -0.1}, "from 0 to 1"),
        ({"faults": {"rate_limits": 0.1}}, 'did you mean "rate_limit"'),
        ({"faults": {"drop": 0.7, "hang": 0.7}}, "sum to 1.4"),
        ({"faults": {"latency": -1}}, "from 0 up"),
        ({"faults": {"max_in_flight": 1.5}}, "whole number"),
        ({"latency": float("nan")}, "from 0 up"),
        ({"port": 70_000}, "to 65535"),
    ],
)
def test_an_unknown_kind_or_number_is_said_at_once(options: Json, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Embedded(**options)


# --- faults ------------------------------------------------------------------------------------


def faulty(name: str, body: Json = GOOD, **options: Any) -> Any:
    """What a plain client gets from a server with that fault for sure, and the server's counts."""

    async def work() -> Any:
        async with alone(faults={name: 1.0, "retry_after": 0.25}) as server:
            try:
                got: Any = await post(server, body, **options)
            except (aiohttp.ClientError, TimeoutError) as error:
                got = error
            for _ in range(200):
                if server.requests:
                    break
                await asyncio.sleep(0.01)
            assert not server.answers
            return got, dict(server.requests)

    return run(work())


def test_fault_rate_limit_and_server_error() -> None:
    (status, data, headers), counts = faulty("rate_limit")
    assert (status, headers["Retry-After"]) == (429, "0.25")
    assert json.loads(data)["error"]["type"] == "rate_limit_error"
    assert counts == {("assistant", 429): 1}
    (status, data, _), counts = faulty("server_error")
    assert status == 500
    assert json.loads(data)["error"]["type"] == "server_error"
    assert counts == {("assistant", 500): 1}


def test_fault_garbage_and_empty() -> None:
    (status, data, headers), _ = faulty("garbage")
    assert status == 200
    assert headers["Content-Type"].startswith("application/json")
    with pytest.raises(json.JSONDecodeError):
        json.loads(data)
    (status, data, _), _ = faulty("empty")
    assert (status, data) == (200, b"")


def test_fault_drop() -> None:
    error, counts = faulty("drop")
    assert isinstance(error, aiohttp.ClientConnectionError)
    assert counts == {("assistant", 0): 1}
    half, counts = faulty("drop", GOOD | {"stream": True})
    assert isinstance(half, aiohttp.ClientError)
    assert counts == {("assistant", 0): 1}


def test_fault_hang_ends_with_the_client() -> None:
    error, counts = faulty("hang", timeout=aiohttp.ClientTimeout(total=0.2))
    assert isinstance(error, TimeoutError)
    assert counts == {("assistant", 0): 1}


def test_a_hanging_request_does_not_hold_up_the_end() -> None:
    async def work() -> None:
        async with alone(faults={"hang": 1.0}) as server:
            asking = asyncio.create_task(post(server, GOOD))
            while not server.in_flight:
                await asyncio.sleep(0.01)
        with pytest.raises(aiohttp.ClientConnectionError):
            await asking

    run(work())


def test_max_in_flight_turns_away_the_rest() -> None:
    async def work() -> list[int]:
        async with alone(faults={"max_in_flight": 3}, latency=0.3) as server:
            answers = await asyncio.gather(*(post(server, GOOD) for _ in range(8)))
            assert server.requests == {("assistant", 200): 3, ("assistant", 429): 5}
            assert (await post(server, GOOD))[0] == 200
            return sorted(status for status, _, _ in answers)

    assert run(work()) == [200] * 3 + [429] * 5


def test_a_retry_may_succeed() -> None:
    async def work() -> list[int]:
        async with alone(faults={"server_error": 0.5}, seed=2) as server:
            return [(await post(server, GOOD))[0] for _ in range(20)]

    statuses = run(work())
    assert set(statuses) == {200, 500}
    assert statuses == run(work())


def test_fault_rates() -> None:
    plan = read_faults({"rate_limit": 0.1, "drop": 0.05}, seed=4)
    kinds = [plan.of(number) for number in range(8000)]
    assert 0.08 < kinds.count("rate_limit") / 8000 < 0.12
    assert 0.04 < kinds.count("drop") / 8000 < 0.06
    assert {*kinds} == {None, "rate_limit", "drop"}
    assert Faults().of(1) is None


# --- the server --------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_said() -> None:
    async def work() -> None:
        async with alone() as server:
            assert server.base_url.startswith("http://127.0.0.1:")
            port = int(server.base_url.split(":")[2].split("/")[0])
            with pytest.raises(EnvironmentLacks, match="another port"):
                async with Embedded(port=port):
                    raise AssertionError("two servers on one port")

    run(work())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_runs_until_it_is_told_to_stop(number: signal.Signals) -> None:
    code = (
        "from kappa_data.teacher.embedded import Embedded, serve\n"
        "serve(Embedded(), lambda url: print(url, flush=True))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()

            async def models() -> Json:
                async with (
                    aiohttp.ClientSession() as session,
                    session.get(f"{url}/models") as response,
                ):
                    data: Json = await response.json()
                    return data

            assert [model["id"] for model in run(models())["data"]] == ["embedded"]
            process.send_signal(number)
            rest, errors = process.communicate(timeout=20)
            assert (process.returncode, rest, errors) == (0, "", "")
        finally:
            process.kill()
