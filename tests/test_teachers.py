"""Several endpoints as one teacher, over real sockets: who is asked, who waits, who is given up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from kappa_data.config import Endpoint, GenerateConfig
from kappa_data.config_layers import load
from kappa_data.errors import TeacherDown, UsageError
from kappa_data.records import FunctionCall, ToolCall, Usage
from kappa_data.teacher import responses_wire
from kappa_data.teacher.api import ChatAnswer, ChatRequest, TeacherError
from kappa_data.teacher.client import Channel
from kappa_data.teacher.line import Lines, Turn
from kappa_data.teacher.rate import Rate, seconds
from kappa_data.teacher.structured import NotInForm, structured
from kappa_data.teacher.teachers import Teachers

Answer = Callable[[dict[str, Any]], Awaitable[tuple[int, Any, dict[str, str]]]]
SCHEMA = {
    "type": "object",
    "properties": {"same": {"type": "boolean"}},
    "required": ["same"],
    "additionalProperties": False,
}


def asked(slot: str = "a/0:none", **changes: Any) -> ChatRequest:
    values: dict[str, Any] = {"model": "m", "messages": ({"role": "user", "content": "hi"},)}
    return ChatRequest(**(values | {"metadata": {"slot": slot}} | changes))


def chat(text: str) -> dict[str, Any]:
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}


def says(text: str, pause: float = 0.0) -> Answer:
    async def answer(body: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        await asyncio.sleep(pause)
        return 200, chat(text), {}

    return answer


class Server:
    """Answers each request by a function; can be stopped, and started again on its port."""

    def __init__(self, answer: Answer, port: int = 0) -> None:
        self.answer, self.port = answer, port
        self.bodies: list[dict[str, Any]] = []
        self.now = self.peak = 0
        self._runner: web.AppRunner | None = None

    async def handle(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        self.bodies.append({"path": request.path, **body})
        self.now += 1
        self.peak = max(self.peak, self.now)
        try:
            status, said, headers = await self.answer(body)
        finally:
            self.now -= 1
        return web.json_response(said, status=status, headers=headers)

    async def models(self, request: web.Request) -> web.Response:
        return web.json_response({"data": []})

    async def start(self) -> str:
        app = web.Application()
        app.router.add_post("/v1/{path:.+}", self.handle)
        app.router.add_get("/v1/models", self.models)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.05)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]
        return f"http://127.0.0.1:{self.port}/v1"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


@asynccontextmanager
async def running(*servers: Server) -> AsyncIterator[list[str]]:
    try:
        yield [await each.start() for each in servers]
    finally:
        for each in servers:
            await each.stop()


def test_the_responses_interface_both_ways() -> None:
    output = [
        {"type": "reasoning", "id": "r", "content": [{"type": "reasoning_text", "text": "hm"}]},
        {"type": "reasoning", "id": "s", "summary": [{"type": "summary_text", "text": "short"}]},
        {"type": "message", "content": [{"type": "output_text", "text": "wait", "logprobs": []}]},
        {"type": "web_search_call", "id": "w"},
        {"type": "function_call", "id": "f", "call_id": "c2", "name": "t", "arguments": '{"a":1}'},
    ]
    said = {"status": "completed", "output": output}
    said["usage"] = {"input_tokens": 7, "output_tokens": 4}

    async def answer(body: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        return 200, said, {}

    request = asked(
        messages=(
            {"role": "system", "content": "be"},
            {"role": "user", "content": "do"},
            {
                "role": "assistant",
                "content": None,
                "reasoning": "first",
                "tool_calls": [{"id": "c1", "function": {"name": "t", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "done"},
        ),
        tools=({"type": "function", "function": {"name": "t", "parameters": {}}},),
        max_tokens=9,
        reasoning_effort="low",
        schema=SCHEMA,
    )

    async def run() -> tuple[ChatAnswer, dict[str, Any]]:
        server = Server(answer)
        async with running(server) as (url,), Teachers.at(url, interface="responses") as teacher:
            return await teacher.complete(request), server.bodies[0]

    got, body = asyncio.run(run())
    calls = (ToolCall("c2", FunctionCall("t", '{"a":1}')),)
    usage = Usage(7, 4, 1)
    assert got == ChatAnswer("wait", "hm\n\nshort", calls, "tool_calls", usage, got.seconds)
    assert body["path"] == "/v1/responses"
    assert body["store"] is False
    assert (body["max_output_tokens"], body["reasoning"]) == (9, {"effort": "low"})
    assert body["text"]["format"]["schema"] == SCHEMA
    assert body["tools"][0] == {"type": "function", "name": "t", "parameters": {}, "strict": False}
    kinds = ["message", "message", "reasoning", "function_call", "function_call_output"]
    assert [item["type"] for item in body["input"]] == kinds
    assert body["input"][2]["content"] == [{"type": "reasoning_text", "text": "first"}]
    assert body["input"][3]["call_id"] == body["input"][4]["call_id"] == "c1"


@pytest.mark.parametrize(
    ("said", "finish"),
    [
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            "content_filter",
        ),
        ({"status": "completed"}, "stop"),
    ],
)
def test_how_a_response_ends(said: dict[str, Any], finish: str) -> None:
    part = {"type": "refusal", "refusal": "no"}
    said |= {"output": [{"type": "message", "content": [part]}]}
    answer = responses_wire.answer(json.dumps(said).encode())
    assert (answer.content, answer.finish_reason) == ("no", finish)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"status": "failed", "error": {"code": "server_error", "message": "x"}}, "overload"),
        ({"status": "failed", "error": {"code": "rate_limit_exceeded"}}, "rate_limit"),
        ({"status": "in_progress", "output": []}, "malformed"),
        ({"status": "completed"}, "malformed"),
        ({"status": "completed", "output": [{"type": "function_call"}]}, "malformed"),
        ([], "malformed"),
    ],
)
def test_a_response_that_is_none(said: Any, kind: str) -> None:
    with pytest.raises(TeacherError) as caught:
        responses_wire.answer(json.dumps(said).encode())
    assert caught.value.kind == kind


def test_weights_roles_and_one_endpoint_for_one_conversation() -> None:
    heavy, light, judge = (Server(says(name)) for name in ("heavy", "light", "judge"))

    async def run() -> tuple[list[str], list[str], str]:
        async with running(heavy, light, judge) as urls:
            config = GenerateConfig(
                endpoints=(
                    Endpoint(urls[0], weight=3, roles=("assistant", "user")),
                    Endpoint(urls[1], weight=1, roles=("assistant", "user")),
                    Endpoint(urls[2], roles=("judge",)),
                ),
                concurrency=200,
            )
            async with Teachers.of(config, {}) as teacher:
                slots = [asked(f"t/{number}:none") for number in range(200)]
                first = await asyncio.gather(*map(teacher.complete, slots))
                again = await asyncio.gather(*map(teacher.complete, slots))
                judged = await teacher.complete(asked(role="judge"))
                with pytest.raises(UsageError, match="writer"):
                    await teacher.complete(asked(role="writer"))
                return [a.content for a in first], [a.content for a in again], judged.content

    first, again, judged = asyncio.run(run())
    assert first == again
    assert 30 <= first.count("light") <= 70  # 50 by the weights
    assert judged == "judge"


def test_one_of_two_endpoints_dies_and_nothing_is_lost() -> None:
    one, other = Server(says("one", 0.01)), Server(says("other", 0.01))
    notes: list[str] = []

    async def run() -> list[ChatAnswer]:
        async with running(one, other) as urls:
            endpoints = tuple(Endpoint(url) for url in urls)
            config = GenerateConfig(endpoints=endpoints, concurrency=8)
            async with Teachers.of(config, {}, backoff=0.02, note=notes.append) as teacher:
                requests = [teacher.complete(asked(f"t/{number}:x")) for number in range(120)]
                work = asyncio.gather(*requests)
                while len(one.bodies) < 10:
                    await asyncio.sleep(0.005)
                await one.stop()
                answers = await work
                assert teacher.state().down == (urls[0],)
                return answers

    answers = asyncio.run(run())
    assert len(answers) == 120
    assert sum(answer.content == "other" for answer in answers) > 60
    assert len(notes) == 1


def test_a_server_that_goes_and_comes_back_costs_no_request() -> None:
    server = Server(says("here", 0.01))
    notes: list[str] = []

    async def run() -> tuple[list[ChatAnswer], int]:
        async with (
            running(server) as (url,),
            Teachers.at(url, retries=2, backoff=0.05, concurrency=16, note=notes.append) as teacher,
        ):
            work = asyncio.gather(*(teacher.complete(asked(str(n))) for n in range(100)))
            while len(server.bodies) < 30:
                await asyncio.sleep(0.005)
            await server.stop()
            while not teacher.state().down:
                await asyncio.sleep(0.01)
            sent = teacher.state().sent
            await asyncio.sleep(0.5)
            assert teacher.state().sent == sent  # who waits sends nothing
            await server.start()
            return await work, teacher.state().failures["connection"]

    answers, failures = asyncio.run(run())
    assert [answer.content for answer in answers] == ["here"] * 100
    assert failures <= 40
    assert [("down since" in note, "is back" in note) for note in notes] == [
        (True, False),
        (False, True),
    ]


def test_a_gateway_without_a_server_is_down_until_a_request_goes_through() -> None:
    broken = True

    async def answer(body: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        return (503, {"error": {"message": "no backend"}}, {}) if broken else (200, chat("ok"), {})

    async def run() -> tuple[list[ChatAnswer], int]:
        nonlocal broken
        server = Server(answer)
        async with (
            running(server) as (url,),
            Teachers.at(
                url, retries=1, backoff=0.02, proven=frozenset({"m"}), concurrency=8
            ) as teacher,
        ):
            work = asyncio.gather(*(teacher.complete(asked(str(n))) for n in range(40)))
            while not teacher.state().down:
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.2)
            broken = False
            return await work, len(server.bodies)

    answers, sent = asyncio.run(run())
    assert len(answers) == 40
    assert sent < 40 + 8 + 8


def test_an_endpoint_that_stays_away_ends_the_run_with_all_that_wait() -> None:
    server = Server(says("here"))

    async def run() -> list[Any]:
        async with (
            running(server) as (url,),
            Teachers.at(url, backoff=0.02, patience=0.3, concurrency=4) as teacher,
        ):
            await teacher.complete(asked())
            await server.stop()
            work = (teacher.complete(asked(str(number))) for number in range(20))
            return await asyncio.gather(*work, return_exceptions=True)

    ends = asyncio.run(run())
    assert all(isinstance(end, TeacherDown) for end in ends)
    assert "same command" in str(ends[0])


def test_a_request_that_hangs_while_others_are_answered_is_at_fault_itself() -> None:
    async def answer(body: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        if body["messages"][0]["content"] == "hang":
            await asyncio.sleep(30)
        return 200, chat("ok"), {}

    async def run() -> tuple[TeacherError, TeacherError]:
        async with (
            running(Server(answer)) as (url,),
            Teachers.at(url, timeout=0.2, retries=2, backoff=0.01) as teacher,
        ):
            await teacher.complete(asked())
            hanging = asked(messages=({"role": "user", "content": "hang"},))
            with pytest.raises(TeacherError) as alone:
                await teacher.complete(hanging)
            work = asyncio.create_task(teacher.complete(hanging))
            while not work.done():
                await teacher.complete(asked())
            with pytest.raises(TeacherError) as among:
                await work
            return alone.value, among.value

    alone, among = asyncio.run(run())
    assert (alone.kind, alone.passing) == ("timeout", True)
    assert (among.kind, among.passing) == ("timeout", False)


def test_those_tried_before_go_first_and_a_cancelled_one_frees_its_place() -> None:
    async def run() -> list[int]:
        channel = Channel("http://127.0.0.1:1/v1", concurrency=1)
        lines = Lines([channel])
        line = lines.of("assistant")
        order: list[int] = []
        _, ticket = await lines.admit(line, Turn(asked(), 0))

        async def one(number: int, tries: int) -> None:
            turn = Turn(asked(), number)
            turn.tries = tries
            _, ticket = await lines.admit(line, turn)
            order.append(number)
            channel.leave(ticket)
            lines.dispatch()

        tries = {1: 0, 2: 0, 3: 2, 4: 1, 5: 2}
        tasks = {number: asyncio.create_task(one(number, tries[number])) for number in tries}
        await asyncio.sleep(0)
        channel.leave(ticket)
        lines.dispatch()
        tasks[3].cancel()  # let through, and cancelled before it could run
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        assert channel.window.in_flight == 0
        lines.close()
        await channel.close()
        return order

    assert asyncio.run(run()) == [5, 4, 1, 2]


def test_no_more_in_flight_than_asked_for_and_no_less() -> None:
    full = asyncio.Event()

    async def answer(body: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        if server.now == 150:
            full.set()
        await full.wait()
        await asyncio.sleep(0.02)
        return 200, chat("x"), {}

    server = Server(answer)

    async def run() -> None:
        async with (
            running(server) as (url,),
            Teachers.at(url, concurrency=150, timeout=20, retries=0) as teacher,
        ):
            await asyncio.gather(*(teacher.complete(asked(str(n))) for n in range(300)))

    asyncio.run(run())
    assert server.peak == 150


def test_resets_are_read_in_all_their_forms() -> None:
    forms = {"6m0s": 360, "120ms": 0.12, "1h2m": 3720, "1.5": 1.5, "2.5s": 2.5, "0": 0}
    assert {text: seconds(text) for text in forms} == pytest.approx(forms)
    assert all(seconds(text) is None for text in ("", "soon", "-3", "1e3"))
    assert seconds("1000000001") == seconds("1000000001000") == 0  # moments long gone
    assert seconds("2001-01-01T00:00:00Z") == 0


def test_headers_hold_requests_back() -> None:
    rate = Rate()
    assert rate.delay(0.0) == 0
    headers = {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "0"}
    rate.heard(headers | {"x-ratelimit-reset-requests": "60s"}, 10.0, 0, False, None)
    assert 0 < rate.delay(10.0) <= 1
    assert rate.delay(11.5) == 0
    rate.heard(headers | {"x-ratelimit-reset-requests": "60s"}, 12.0, 0, True, 20.0)
    assert rate.delay(12.0) == pytest.approx(20)
    tokens = {"x-ratelimit-limit-tokens": "1000", "x-ratelimit-remaining-tokens": "1000"}
    full = Rate()
    full.heard(tokens | {"x-ratelimit-reset-tokens": "0s"}, 5.0, 0, False, None)
    assert full.delay(5.0) == 0


def test_what_the_user_allows_is_kept_to() -> None:
    rate, now, sent = Rate(requests_per_minute=120), 0.0, 0
    while now < 60:
        wait = rate.delay(now)
        now += wait
        rate.sent()
        sent += 1
    assert 115 <= sent <= 125
    rate, now, spent = Rate(tokens_per_minute=6000), 0.0, 0
    while now < 120:
        now += rate.delay(now)
        reserved = rate.sent()
        rate.answered(reserved, 300)
        spent += 300
    assert 11_000 <= spent <= 13_000


def reply(text: str, finish: str = "stop") -> ChatAnswer:
    return ChatAnswer(text, None, (), finish, Usage())


@pytest.mark.parametrize(
    ("answers", "fault"),
    [
        (["no json"], "not JSON"),
        (['{"same": 1}'], "boolean"),
        (['{"same": true, "same": true}'], "twice"),
        ([""], "empty"),
        (["[]", "{}"], "required"),
    ],
)
def test_a_faulty_form_is_repaired(answers: list[str], fault: str) -> None:
    seen: list[tuple[int, ChatRequest]] = []

    async def ask(request: ChatRequest, attempt: int) -> ChatAnswer:
        seen.append((attempt, request))
        return reply([*answers, '```json\n{"same": true}\n```'][attempt])

    request = asked(schema=SCHEMA)
    assert asyncio.run(structured(ask, request, len(answers))) == {"same": True}
    assert [attempt for attempt, _ in seen] == list(range(len(answers) + 1))
    last = seen[-1][1].messages
    assert last[:-2] == request.messages
    assert last[-2] == {"role": "assistant", "content": answers[-1]}
    assert fault in last[-1]["content"]
    with pytest.raises(NotInForm, match=fault):
        asyncio.run(structured(ask, request, len(answers) - 1))


def test_a_cut_off_form_is_none() -> None:
    async def ask(request: ChatRequest, attempt: int) -> ChatAnswer:
        return reply('{"same": true}', "length")

    with pytest.raises(NotInForm, match="cut off"):
        asyncio.run(structured(ask, asked(schema=SCHEMA), 1))


@pytest.mark.parametrize("interface", ["chat", "responses"])
def test_an_endpoint_that_takes_no_schema_is_asked_without(interface: str) -> None:
    async def answer(body: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        if "response_format" in body or "text" in body:
            named = "text.format" if "text" in body else "response_format"
            return 400, {"error": {"message": f"Unknown parameter: {named}"}}, {}
        item = {"type": "message", "content": [{"type": "output_text", "text": "{}"}]}
        return 200, chat("{}") | {"status": "completed", "output": [item]}, {}

    async def run() -> int:
        server = Server(answer)
        async with running(server) as (url,), Teachers.at(url, interface=interface) as teacher:
            for _ in range(3):
                assert (await teacher.complete(asked(schema=SCHEMA))).content == "{}"
            return len(server.bodies)

    assert asyncio.run(run()) == 4


def test_a_missing_key_is_named() -> None:
    endpoints = (
        Endpoint("http://127.0.0.1:1/v1"),
        Endpoint("https://api.openai.com/v1", api_key_env="MY_KEY"),
    )
    with pytest.raises(TeacherDown, match="set MY_KEY"):
        Teachers.of(GenerateConfig(endpoints=endpoints), {})


@pytest.mark.parametrize(
    ("generate", "words"),
    [
        ({"roles": {"judgee": {}}}, r'no role "judgee"; did you mean "judge"'),
        ({"interface": "respones"}, 'did you mean "responses"'),
        ({"endpoints": [{"base_url": "http://a/v1"}, {"base_url": "a"}]}, r"\[1\].base_url"),
        ({"endpoints": [{"base_url": "http://a:pw@b/v1"}]}, r"endpoints\[0\].base_url takes no"),
        ({"endpoints": [{"base_url": "http://a", "api_key_env": "sk-1"}]}, r"\[0\].api_key_env"),
        ({"endpoints": [{"base_url": "http://a", "wieght": 1}]}, 'did you mean "weight"'),
        ({"endpoints": [{"base_url": "http://a", "weight": 0}]}, r"endpoints\[0\].weight"),
        ({"endpoints": [{"base_url": "http://a", "roles": ["usr"]}]}, 'did you mean "user"'),
        ({"endpoints": [{"base_url": "http://a", "roles": ["user"]}]}, "serves the role assistant"),
        ({"endpoints": [{"base_url": "http://a"}], "base_url": "http://b"}, "leave out one"),
    ],
)
def test_wrong_settings_of_endpoints_are_named(generate: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load(None, {"generate": generate})


@pytest.mark.parametrize("interface", ["chat", "responses"])
def test_a_schema_that_is_refused_to_many_at_once_ends_none_of_them(interface: str) -> None:
    """All of them are in flight with their schema when the first one is told."""
    told: list[str] = []
    met = asyncio.Event()

    async def answer(body: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        if "response_format" in body or "text" in body:
            if server.now == 4:
                met.set()
            await met.wait()
            return 400, {"error": {"message": "response_format/text.format: unsupported"}}, {}
        output = [{"type": "message", "content": [{"type": "output_text", "text": "{}"}]}]
        said = {"status": "completed", "output": output}
        return 200, chat("{}") if interface == "chat" else said, {}

    server = Server(answer)

    async def run() -> list[ChatAnswer]:
        async with (
            running(server) as (url,),
            Teachers.at(
                url,
                interface=interface,
                retrying=lambda request, error: told.append(error.kind),
            ) as teacher,
        ):
            return await asyncio.gather(*(teacher.complete(asked(schema=SCHEMA)) for _ in range(4)))

    assert [each.content for each in asyncio.run(run())] == ["{}"] * 4
    assert told == ["bad_request"] * 4  # each was sent twice, which a budget has to know
    assert len(server.bodies) == 8


def test_where_all_hang_in_the_end_none_of_them_is_at_fault() -> None:
    """Answers from before the endpoint fell silent say nothing of the request."""
    silent = False

    async def answer(body: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        if silent or body["messages"][0]["content"] == "hang":
            await asyncio.sleep(30)
        return 200, chat("ok"), {}

    async def run() -> list[TeacherError]:
        nonlocal silent
        async with (
            running(Server(answer)) as (url,),
            Teachers.at(url, timeout=0.3, retries=2, backoff=0.01, concurrency=64) as teacher,
        ):
            await teacher.complete(asked())
            hanging = asked(messages=({"role": "user", "content": "hang"},))
            work = [asyncio.create_task(teacher.complete(hanging)) for _ in range(2)]
            await asyncio.sleep(0.05)
            await teacher.complete(asked())
            silent = True
            work += [asyncio.create_task(teacher.complete(asked())) for _ in range(2)]
            ends = await asyncio.gather(*work, return_exceptions=True)
            assert all(isinstance(each, TeacherError) for each in ends), ends
            return [each for each in ends if isinstance(each, TeacherError)]

    assert {(each.kind, each.passing) for each in asyncio.run(run())} == {("timeout", True)}


def test_once_refused_who_waits_is_not_sent_and_what_is_in_flight_is_answered() -> None:
    """Waiting for room, out a pause of minutes, and for an endpoint that is down."""
    free = asyncio.Event()
    unsent: list[str] = []

    async def answer(body: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        if body["messages"][0]["content"] == "limited":
            return 429, {"error": {"message": "slow down"}}, {"Retry-After": "300"}
        await free.wait()
        return 200, chat("ok"), {}

    async def run() -> tuple[list[Any], int]:
        server = Server(answer)
        async with (
            running(server) as (url,),
            Teachers.at(
                url,
                concurrency=2,
                unsent=lambda request: unsent.append(request.metadata["slot"]),
            ) as teacher,
        ):
            limited = asked("a/0:none", messages=({"role": "user", "content": "limited"},))
            work = [asyncio.create_task(teacher.complete(limited))]
            while not teacher.state().failures:
                await asyncio.sleep(0.01)
            work += [
                asyncio.create_task(teacher.complete(asked(f"a/{each}:none")))
                for each in range(1, 5)
            ]
            while server.now < 2:
                await asyncio.sleep(0.01)
            teacher.refuse(lambda: InterruptedError("no more"))
            with pytest.raises(InterruptedError):
                await teacher.complete(asked("late"))
            free.set()
            ends = await asyncio.gather(*work, return_exceptions=True)
            return [getattr(end, "content", type(end)) for end in ends], len(server.bodies)

    ends, sent = asyncio.run(run())
    assert ends == [InterruptedError, "ok", "ok", InterruptedError, InterruptedError]
    assert sent == 3
    assert sorted(unsent) == ["a/3:none", "a/4:none", "late"]


def test_a_newcomer_does_not_overtake_who_waits_for_a_rate() -> None:
    async def run() -> dict[int, int]:
        channel = Channel("http://127.0.0.1:1/v1", requests_per_minute=60.0)
        lines = Lines([channel])
        line, order = lines.of("assistant"), dict[int, int]()
        closed = False
        channel.rate.delay = lambda now: 60.0 if closed else 0.0  # type: ignore[method-assign]

        async def one(number: int) -> None:
            _, ticket = await lines.admit(line, Turn(asked(), number))
            order[ticket.number] = number

        closed = True
        first = asyncio.create_task(one(1))
        await asyncio.sleep(0)
        closed = False  # the moment has come, and the timer did not ring yet
        await one(2)
        await first
        lines.close()
        await channel.close()
        return order

    assert asyncio.run(run()) == {1: 1, 2: 2}
