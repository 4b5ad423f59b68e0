"""The client against a scripted endpoint on loopback: what it sends, reads, retries, gives up."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from email.utils import formatdate
from typing import Any

import pytest
from aiohttp import web

from kappa_data.errors import TeacherDown, UsageError
from kappa_data.records import FunctionCall, ToolCall, Usage
from kappa_data.teacher import chat_wire, wire
from kappa_data.teacher.api import ChatAnswer, ChatRequest, TeacherError
from kappa_data.teacher.client import check_base_url
from kappa_data.teacher.retry import Patience
from kappa_data.teacher.teachers import Teachers

KEY = "sk-very-secret-0123456789"
REQUEST = ChatRequest(
    model="m",
    messages=({"role": "user", "content": "hi"},),
    tools=({"type": "function", "function": {"name": "t", "parameters": {}}},),
    temperature=1.0,
    top_p=0.9,
    max_tokens=50,
    metadata={"slot": "a/0:none", "role": "assistant"},
)
Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


def said(**changes: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "hello"} | changes
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"choices": [choice], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}


def replies(status: int, body: Any, **headers: str) -> Reply:
    async def reply(request: web.Request) -> web.StreamResponse:
        if isinstance(body, bytes):
            return web.Response(status=status, body=body, headers=headers)
        return web.json_response(body, status=status, headers=headers)

    return reply


def error(status: int, message: str, code: str | None = None, **headers: str) -> Reply:
    return replies(status, {"error": {"message": message, "code": code}}, **headers)


async def silence(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


async def hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


OK = replies(200, said())


class Endpoint:
    """Answers from a script, its last line for ever; remembers what it was sent."""

    def __init__(self, *script: Reply, models: Reply = OK) -> None:
        self.script = list(script)
        self.models = models
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.base_url = ""

    async def chat(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(json.loads(await request.read()))
        self.keys.append(request.headers.get("Authorization", ""))
        return await self.script[min(len(self.bodies), len(self.script)) - 1](request)

    async def list_models(self, request: web.Request) -> web.StreamResponse:
        return await self.models(request)

    def running(self) -> AbstractAsyncContextManager[str]:
        @asynccontextmanager
        async def run() -> Any:
            app = web.Application()
            app.router.add_post("/v1/chat/completions", self.chat)
            app.router.add_get("/v1/models", self.list_models)
            runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.2)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            try:
                yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
            finally:
                await runner.cleanup()

        return run()


def ask(endpoint: Endpoint, requests: int = 1, **settings: Any) -> list[ChatAnswer]:
    """The answers to so many requests, one after another."""

    async def run() -> list[ChatAnswer]:
        async with endpoint.running() as base_url:
            endpoint.base_url = base_url
            options = {"timeout": 5.0, "retries": 4, "backoff": 0.001, "patience": 0.2} | settings
            async with Teachers.at(base_url, KEY, **options) as teacher:
                return [await teacher.complete(REQUEST) for _ in range(requests)]

    return asyncio.run(run())


def test_an_answer_is_read_whole() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "t", "arguments": '{"a": 1}'}}
    endpoint = Endpoint(replies(200, said(tool_calls=[call], reasoning="hm", content=None)))
    (answer,) = ask(endpoint)
    calls = (ToolCall("c1", FunctionCall("t", '{"a": 1}')),)
    assert answer.seconds > 0
    assert answer == ChatAnswer("", "hm", calls, "stop", Usage(5, 2, 1), answer.seconds)
    body = endpoint.bodies[0]
    assert body["model"] == "m"
    assert body["messages"] == [{"role": "user", "content": "hi"}]
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (1.0, 0.9, 50)
    assert endpoint.keys == [f"Bearer {KEY}"]


@pytest.mark.parametrize("sends", [True, False])
def test_metadata_reaches_only_a_teacher_that_is_told_so(sends: bool) -> None:
    endpoint = Endpoint(OK)
    ask(endpoint, metadata=sends)
    assert endpoint.bodies[0].get("metadata") == (REQUEST.metadata if sends else None)


@pytest.mark.parametrize(
    ("message", "content", "reasoning", "arguments"),
    [
        ({"reasoning_content": "r"}, "hello", "r", []),
        (
            {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            "ab",
            None,
            [],
        ),
        ({"content": None, "refusal": "no"}, "no", None, []),
        (
            {"tool_calls": [{"function": {"name": "t", "arguments": {"b": 1}}}]},
            "hello",
            None,
            ['{"b":1}'],
        ),
        ({"tool_calls": [{"function": {"name": "t"}}]}, "hello", None, ["{}"]),
        ({"tool_calls": None, "reasoning": ""}, "hello", None, []),
    ],
)
def test_dialects_of_answers(
    message: dict[str, Any], content: str, reasoning: str | None, arguments: list[str]
) -> None:
    answer = chat_wire.answer(json.dumps(said(**message)).encode())
    assert (answer.content, answer.reasoning) == (content, reasoning)
    assert [call.function.arguments for call in answer.tool_calls] == arguments


BROKEN = [
    b"",
    b"<html>",
    b"null",
    b"{}",
    b'{"choices": []}',
    b'{"choices": [{"message": {"content": 5}, "finish_reason": "stop"}]}',
    b'{"choices": [{"message": {"content": "x"}, "finish_reason": null}]}',
    b'{"choices": [{"message": {"content": "x", "tool_calls": [{}]}, "finish_reason": "stop"}]}',
    b'{"error": {"message": "busy"}}',
    b'{"choices": [{"message": {"content": "\xff"}, "finish_reason": "stop"}]}',
    b'{"choices": [{"message": {"content": "\\ud800"}, "finish_reason": "stop"}]}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("body", BROKEN)
def test_a_malformed_body_is_asked_again(body: bytes) -> None:
    endpoint = Endpoint(replies(200, body), OK)
    assert ask(endpoint)[0].content == "hello"
    assert len(endpoint.bodies) == 2


@pytest.mark.parametrize(
    "trouble",
    [
        error(429, "slow down"),
        error(500, "oops"),
        error(503, "busy"),
        error(408, "late"),
        replies(502, b"<html>bad gateway"),
        hang_up,
    ],
)
def test_passing_trouble_is_sat_out(trouble: Reply) -> None:
    endpoint = Endpoint(trouble, trouble, OK)
    assert ask(endpoint)[0].content == "hello"
    assert len(endpoint.bodies) == 3


@pytest.mark.parametrize(
    ("reply", "kind", "tries"),
    [
        (error(429, "slow down"), "rate_limit", 17),
        (error(500, "oops"), "overload", 9),
        (replies(200, b"nonsense"), "malformed", 3),
        (error(400, "maximum context length is 8192 tokens"), "context", 1),
        (error(400, "too long", code="context_length_exceeded"), "context", 1),
        (error(413, "too large"), "context", 1),
        (error(400, "flagged", code="content_filter"), "refused", 1),
        (error(403, "input was flagged"), "refused", 1),
        (error(422, "messages: bad"), "bad_request", 1),
    ],
)
def test_each_class_has_its_budget(reply: Reply, kind: str, tries: int) -> None:
    endpoint = Endpoint(OK, reply)
    with pytest.raises(TeacherError) as caught:
        ask(endpoint, requests=2)
    assert caught.value.kind == kind
    assert len(endpoint.bodies) == 1 + tries


def test_no_retries_means_none() -> None:
    endpoint = Endpoint(OK, error(429, "slow down"))
    with pytest.raises(TeacherError):
        ask(endpoint, requests=2, retries=0)
    assert len(endpoint.bodies) == 2


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (error(401, f"bad key {KEY}"), "key"),
        (error(403, "not for you"), "key"),
        (error(404, "The model `m` does not exist"), '"m"'),
        (error(400, "no such model: m"), '"m"'),
        (error(400, "temperature is not supported"), "temperature"),
        (replies(200, b"<html>a web page"), "chat/completions"),
        (error(429, "quota", code="insufficient_quota"), "credit"),
        (error(402, "pay"), "credit"),
        (error(429, "tomorrow", **{"Retry-After": "86400"}), "86400"),
        (replies(307, b"", Location="http://127.0.0.2:1/v1/chat/completions"), "redirects"),
    ],
)
def test_an_unusable_endpoint_is_named_without_the_key(reply: Reply, words: str) -> None:
    endpoint = Endpoint(reply)
    with pytest.raises(TeacherDown) as caught:
        ask(endpoint)
    line = str(caught.value)
    assert endpoint.base_url in line
    assert words in line
    assert KEY not in line
    assert "\n" not in line
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("endpoint", "asked"),
    [
        (Endpoint(OK, models=error(401, "wrong key")), 0),
        (Endpoint(OK, models=silence), 0),
        (Endpoint(OK, models=hang_up), 0),
        (Endpoint(silence), 3),
    ],
)
def test_a_dead_endpoint_is_found_before_or_with_the_first_request(
    endpoint: Endpoint, asked: int
) -> None:
    with pytest.raises(TeacherDown, match="http://127"):
        ask(endpoint, timeout=0.2)
    assert len(endpoint.bodies) == asked


@pytest.mark.parametrize("models", [error(404, "none"), error(403, "no"), error(500, "x")])
def test_an_endpoint_without_a_list_of_models_is_used(models: Reply) -> None:
    assert ask(Endpoint(OK, models=models), retries=1)[0].content == "hello"


def test_nobody_listens() -> None:
    async def run() -> None:
        async with Teachers.at("http://127.0.0.1:1/v1", KEY, retries=2, backoff=0.001) as teacher:
            await teacher.complete(REQUEST)

    with pytest.raises(TeacherDown, match="cannot be reached"):
        asyncio.run(run())


def test_an_endpoint_that_dies_is_down_and_one_slow_request_is_not() -> None:
    with pytest.raises(TeacherDown, match="cannot be reached"):
        ask(Endpoint(OK, hang_up), requests=2)
    with pytest.raises(TeacherError, match="timeout"):
        ask(Endpoint(OK, silence), requests=2, timeout=0.2)


def test_what_was_proven_before_blames_the_request() -> None:
    with pytest.raises(TeacherError) as caught:
        ask(Endpoint(error(400, "odd")), proven=frozenset({"m"}))
    assert caught.value.kind == "bad_request"


def test_a_trickling_answer_ends_with_the_time_limit() -> None:
    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b" ")
            await asyncio.sleep(0.05)
        return response

    endpoint = Endpoint(OK, trickle)
    with pytest.raises(TeacherError) as caught:
        ask(endpoint, requests=2, timeout=0.3, retries=0)
    assert caught.value.kind == "timeout"


def test_retry_after_is_honoured() -> None:
    times: list[float] = []

    async def limited(request: web.Request) -> web.StreamResponse:
        times.append(time.monotonic())
        return await (OK if len(times) > 1 else error(429, "x", **{"Retry-After": "0.3"}))(request)

    ask(Endpoint(limited))
    assert times[1] - times[0] >= 0.3


def test_the_forms_of_retry_after() -> None:
    assert wire.retry_after({"retry-after": "7"}) == 7
    assert wire.retry_after({"retry-after": "20", "retry-after-ms": "1500"}) == 1.5
    at = wire.retry_after({"retry-after": formatdate(time.time() + 100, usegmt=True)})
    assert at is not None
    assert 90 < at <= 100
    past = formatdate(time.time() - 100, usegmt=True)
    assert wire.retry_after({"retry-after": past}) == 0
    for odd in ("", "soon", "-5", "1e9", "nan"):
        assert wire.retry_after({"retry-after": odd}) is None


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "localhost:8000/v1",
        "file:///etc/passwd",
        "ftp://host/v1",
        "http:///v1",
        "http://user:secret@host/v1",
        "http://169.254.169.254/v1",
        "http://[fe80::1]/v1",
        "http://host:99999/v1",
    ],
)
def test_a_base_url_that_is_none(base_url: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_base_url(base_url)
    assert "secret" not in str(caught.value)


def test_a_cap_in_flight_costs_no_request() -> None:
    """A server that serves 8 at a time and says 429 to the rest, 64 conversations wanting it."""
    now = limited = 0

    async def capped(request: web.Request) -> web.StreamResponse:
        nonlocal now, limited
        if now >= 8:
            limited += 1
            return await error(429, "too many at once")(request)
        now += 1
        await asyncio.sleep(0.05)
        now -= 1
        return await OK(request)

    async def run() -> list[ChatAnswer]:
        async with Endpoint(capped).running() as base_url:
            teacher = Teachers.at(base_url, KEY, retries=6, backoff=0.01, concurrency=64)
            async with teacher:
                return await asyncio.gather(*(teacher.complete(REQUEST) for _ in range(200)))

    assert len(asyncio.run(run())) == 200
    assert 0 < limited < 5 * 200


def test_budgets_by_class() -> None:
    patience = Patience(6, unit=1.0)
    kinds = ("rate_limit", "overload", "connection", "timeout", "malformed", "context")
    assert [patience.budget(kind) for kind in kinds] == [24, 12, 6, 3, 3, 0]  # type: ignore[arg-type]
