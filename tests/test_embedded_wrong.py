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
from kappa_data.teacher.embedded_limits import Limits, duration
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
        ({"faults": {"tokens_per_minute": 0.5}}, "whole number"),
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


def test_fault_blank_and_cut_look_like_answers() -> None:
    (status, data, _), _ = faulty("blank")
    choice = json.loads(data)["choices"][0]
    assert (status, choice["finish_reason"]) == (200, "stop")
    assert choice["message"] == {"role": "assistant", "content": ""}
    (status, data, _), _ = faulty("cut")
    short, right = json.loads(data)["choices"][0], json.loads(data_of(GOOD))["choices"][0]
    assert (status, short["finish_reason"]) == (200, "length")
    said, whole = short["message"], right["message"]
    assert whole["reasoning"].startswith(said["reasoning"])
    assert json.dumps(said) != json.dumps(whole)


def data_of(body: Json) -> bytes:
    async def work() -> bytes:
        async with alone() as server:
            return (await post(server, body))[1]

    return run(work())


def test_what_came_to_pass_is_counted() -> None:
    async def work() -> Embedded:
        async with alone(faults={"server_error": 0.4, "cut": 0.4}, seed=3) as server:
            for _ in range(20):
                await post(server, GOOD)
            return server

    server = run(work())
    assert set(server.planted) == {"server_error", "cut"}
    assert server.planted["server_error"] == server.requests["assistant", 500]
    # What was cut is no whole answer.
    assert server.answers.total() == 20 - server.planted.total()


def test_limits_a_minute_are_told_and_held() -> None:
    """So many requests pass and no more; what is left goes down one by one."""

    async def work(**limit: int) -> list[tuple[int, Any]]:
        async with alone(faults=limit) as server:
            return [
                (got, headers) for got, _, headers in [await post(server, GOOD) for _ in "1234"]
            ]

    answers = run(work(requests_per_minute=3))
    assert [status for status, _ in answers] == [200, 200, 200, 429]
    left = [int(headers["x-ratelimit-remaining-requests"]) for _, headers in answers]
    assert left == [2, 1, 0, 0]
    assert {headers["x-ratelimit-limit-requests"] for _, headers in answers} == {"3"}
    assert "x-ratelimit-limit-tokens" not in answers[0][1]
    assert 15 < float(answers[3][1]["Retry-After"]) <= 20  # a third of a minute for each
    used = json.loads(data_of(GOOD))["usage"]["total_tokens"]
    answers = run(work(tokens_per_minute=2 * used))
    assert [status for status, _ in answers] == [200, 200, 429, 429]
    assert int(answers[0][1]["x-ratelimit-remaining-tokens"]) == used
    assert "x-ratelimit-limit-requests" not in answers[0][1]


def test_an_allowance_refills_evenly_up_to_a_minutes_worth() -> None:
    now = [0.0]
    limits = Limits(Faults(requests_per_minute=2, tokens_per_minute=60), lambda: now[0])
    assert limits.take(30) == 0
    assert limits.take(50) == 20  # 30 are left, one more comes every second
    now[0] = 20.0
    assert limits.take(50) == 0
    assert limits.take(1) == pytest.approx(10)  # of 2 requests, 2/3 of one came back
    now[0] = 1000.0
    assert limits.headers()["x-ratelimit-remaining-tokens"] == "60"
    assert limits.take(500) == 0  # more than a minute's worth passes where all of it is there
    assert limits.headers()["x-ratelimit-remaining-tokens"] == "0"
    now[0] = 1030.0
    # 440 are owed; with a minute's worth that is 500 seconds, of which 30 are over.
    assert limits.headers()["x-ratelimit-reset-tokens"] == "7m50s"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.12, "120ms"), (0, "0ms"), (1.5, "1.5s"), (360, "6m0s")]
)
def test_durations_as_endpoints_write_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_server_that_goes_away_comes_back_on_the_same_port() -> None:
    """Its open connections break, new ones are refused, then it answers as before."""

    async def work() -> tuple[Embedded, list[str]]:
        faults = {"down_from": 0.05, "down_for": 0.4, "hang": 0.0}
        async with alone(faults=faults, latency=5.0) as server:
            seen = [await how_it_ends(server)]
            while server.planted["down"] and seen[-1] != "still":
                seen.append(await how_it_ends(server))
            return server, seen

    async def how_it_ends(server: Embedded) -> str:
        try:
            await post(server, GOOD, timeout=aiohttp.ClientTimeout(total=0.2))
        except aiohttp.ClientConnectorError:
            return "refused"
        except aiohttp.ClientConnectionError:
            return "broken"
        except TimeoutError:
            return "still"
        return "answered"

    server, seen = run(work())
    assert server.planted == {"down": 1}
    assert (seen[0], seen[-1], set(seen[1:-1])) == ("broken", "still", {"refused"})


def test_latency_spreads_by_the_jitter() -> None:
    plan = read_faults({"jitter": 0.3}, latency=0.2, seed=1)
    waits = [plan.seconds(number) for number in range(500)]
    assert 0.2 <= min(waits) < 0.25
    assert 0.45 < max(waits) < 0.5
    assert waits == [plan.seconds(number) for number in range(500)]


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
