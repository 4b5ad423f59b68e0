"""The embedded teacher: a small OpenAI-compatible server on a loopback port.

It plays the tasks of kappa-data by rules (embedded_play.py), over a real socket, so that the whole
machine works offline and every test and drill goes through the same client as with any model. It
can be slow, broken (faults.py) and wrong (sloppy.py) on request, all of it seeded.
"""

from __future__ import annotations

import asyncio
import hmac
import math
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

import msgspec
from aiohttp import web

from kappa_data.errors import EnvironmentLacks, UsageError
from kappa_data.records import Message, Task, Usage
from kappa_data.resources import Resources
from kappa_data.tasks import catalog
from kappa_data.teacher.draw import label
from kappa_data.teacher.embedded_http import (
    as_refused,
    close,
    error_response,
    json_response,
    send_stream,
)
from kappa_data.teacher.embedded_limits import Limits
from kappa_data.teacher.embedded_play import Play, Player
from kappa_data.teacher.embedded_responses import read_responses_body, response
from kappa_data.teacher.embedded_tokens import (
    MAX_CHARS,
    TextTooLong,
    TokenCounts,
    cut,
    encode,
    spoken,
)
from kappa_data.teacher.embedded_wire import (
    MODEL,
    ChatBody,
    Refused,
    chunks,
    completion,
    no_such_model,
    read_body,
    usage_json,
)
from kappa_data.teacher.faults import UNANSWERED, FaultKind, read_faults
from kappa_data.teacher.sloppy import read_sloppy
from kappa_data.teacher.voice import Voices

MAX_BODY = 16 * 2**20
"""bytes of a request; a longer one is answered 413"""
CONTEXT = 131_072
"""tokens of prompt and answer together; a longer prompt is answered 400"""
HANG_SECONDS = 600.0
"""a client that never gives up is let go after this"""
NOT_PLAYED = (
    "This is the embedded teacher of kappa-data. It has no model behind it: it plays only the "
    "tasks of kappa-data, by rules. Name one in the request's metadata, for instance "
    '{"slot": "family/0:none", "role": "assistant"}.'
)

_GARBAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
_MODEL_CARD = {"id": MODEL, "object": "model", "created": 0, "owned_by": "kappa-data"}
_LOST = 0

Form = Callable[[str, Message, dict[str, Any]], dict[str, Any]]
"""id, answer and usage as the body of a response"""


class Embedded:
    """The server, as an asynchronous context manager in the running event loop.

    `base_url` is set while it runs; `in_flight` is the number of requests at this moment.
    `requests` counts them by role ("assistant", "user", "" for neither) and status (0: connection
    dropped, or never answered). `answers` counts the answers sent whole, by place
    ("slot|turn.reply", "slot|user|number"): a run that buys no answer twice leaves no count above
    1. `slips` names the planted mistake by place. `planted` counts the faults of the endpoint that
    came to pass, by kind; "down" once for each time that it went away. `log`, if given, receives
    the body of every request that was read.

    `sloppy`: one rate or rates by kind; `faults`: see faults.py; `tasks` makes a task from its id;
    `api_key`, if not empty, is asked of every request. UsageError: an unknown kind, fault or port.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        latency: float = 0.0,
        sloppy: Mapping[str, float] | float = 0.0,
        faults: Mapping[str, float] | None = None,
        seed: int = 0,
        api_key: str = "",
        tasks: Callable[[str], Task] = catalog.task,
        resources: Resources | None = None,
        log: list[dict[str, Any]] | None = None,
    ) -> None:
        if not 0 <= port <= 65_535:
            raise UsageError(f"embedded teacher: port {port}; give one from 0 (any) to 65535")
        self.base_url = ""
        self.in_flight = 0
        self.requests: Counter[tuple[str, int]] = Counter()
        self.answers: Counter[str] = Counter()
        self.slips: dict[str, str] = {}
        self.planted: Counter[str] = Counter()
        self.log = log
        self._host = host
        self._port = port
        self._api_key = api_key
        self._faults = read_faults(faults or {}, latency=latency, seed=seed)
        voices = Voices(resources or Resources())
        self._player = Player(tasks, voices, read_sloppy(sloppy, seed))
        self._counts = TokenCounts()
        self._limits = Limits(self._faults)
        self._number = 0
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None
        self._outage: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Embedded:
        """Starts to listen. EnvironmentLacks: the port cannot be had."""
        app = web.Application(client_max_size=MAX_BODY, middlewares=[self._in_api_form])
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/responses", self._responses)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/v1/models/{name:.+}", self._model)
        # Cancelled with its client, a hanging request does not outlive the one who asked.
        runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5
        )
        await runner.setup()
        self._runner = runner
        try:
            await self._listen(self._port)
        except EnvironmentLacks:
            await runner.cleanup()
            raise
        host = f"[{self._host}]" if ":" in self._host else self._host
        self.base_url = f"http://{host}:{runner.addresses[0][1]}/v1"
        return self

    async def _listen(self, port: int) -> None:
        assert self._runner is not None  # it is set up first
        self._site = web.TCPSite(self._runner, self._host, port)
        try:
            await self._site.start()
        except OSError as error:
            raise EnvironmentLacks(
                f"embedded teacher: cannot listen on {self._host}:{port} "
                f"({error.strerror}); choose another port, or 0 for any"
            ) from error

    async def go_away(self, seconds: float) -> None:
        """Stops to listen, cuts every connection, and comes back on the same port.

        That is what clients see of a server that is started anew.
        """
        assert self._runner is not None  # only a server that runs can go away
        assert self._runner.server is not None
        assert self._site is not None
        port = self._site.port
        self.planted["down"] += 1
        await self._site.stop()
        for connection in self._runner.server.connections:
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(seconds)
        await self._listen(port)

    async def _go_away_later(self) -> None:
        await asyncio.sleep(self._faults.down_from)
        await self.go_away(self._faults.down_for)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stops to listen and closes what is open."""
        if self._outage is not None:
            self._outage.cancel()
            with suppress(asyncio.CancelledError):
                await self._outage
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self.base_url = ""

    @web.middleware
    async def _in_api_form(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """Checks the key, and gives every error the API's form."""
        try:
            self._check_key(request)
            return await handler(request)
        except Refused as refused:
            return error_response(refused)
        except web.HTTPException as error:
            return error_response(as_refused(error, request))

    def _check_key(self, request: web.Request) -> None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        # aiohttp reads bytes of a header that are not UTF-8 as lone surrogates.
        key = given.encode(errors="surrogateescape")
        if self._api_key and not hmac.compare_digest(key, self._api_key.encode()):
            raise Refused(401, "The API key is missing or wrong.", code="invalid_api_key")

    async def _models(self, request: web.Request) -> web.Response:
        return json_response({"object": "list", "data": [_MODEL_CARD]})

    async def _model(self, request: web.Request) -> web.Response:
        if request.match_info["name"] != MODEL:
            raise no_such_model(request.match_info["name"])
        return json_response(_MODEL_CARD)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return await self._served(request, read_body, completion, "chatcmpl-")

    async def _responses(self, request: web.Request) -> web.StreamResponse:
        return await self._served(request, read_responses_body, response, "")

    async def _served(
        self, request: web.Request, read: Callable[[bytes], ChatBody], form: Form, prefix: str
    ) -> web.StreamResponse:
        self._number += 1
        number = self._number
        if self._faults.down_for and self._outage is None:
            self._outage = asyncio.create_task(self._go_away_later())
        role = ""
        # Whatever cuts this short, a client that left included, the request was lost.
        status = _LOST
        self.in_flight += 1
        try:
            data = await request.read()
            body = read(data)
            role = _role(body)
            if self.log is not None:
                self.log.append(msgspec.json.decode(data))
            answer = await self._answer(request, body, number, form, prefix)
            status = _LOST if self._faults.of(number) in UNANSWERED else answer.status
        except Refused as refused:
            status = refused.status
            refused.headers |= self._limits.headers()
            raise
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            self.in_flight -= 1
            self.requests[role, status] += 1
        return answer

    async def _answer(
        self,
        request: web.Request,
        body: ChatBody,
        number: int,
        form: Form,
        prefix: str,
    ) -> web.StreamResponse:
        if 0 < self._faults.max_in_flight < self.in_flight:
            raise self._too_many("Too many requests at once.")
        fault = self._faults.of(number)
        play = self._play(body)
        message, usage = self._limited(body, _spoilt(play.message, fault))
        if wait := self._limits.take(usage["total_tokens"]):
            raise self._too_many("The limit of this minute is reached.", wait)
        await asyncio.sleep(self._faults.seconds(number))
        if fault is not None:
            self.planted[fault] += 1
        if fault == "rate_limit":
            raise self._too_many("Rate limit reached.")
        if fault == "server_error":
            raise Refused(500, "The server had an error; try again.", kind="server_error")
        if fault in ("garbage", "empty"):
            page = _GARBAGE if fault == "garbage" else b""
            return json_response(msgspec.Raw(page), headers=self._limits.headers())
        if fault == "hang":
            await asyncio.sleep(HANG_SECONDS)
        answer_id = f"{prefix}{label(play.place)}"
        lost, headers = fault in UNANSWERED, self._limits.headers()
        sent: web.StreamResponse
        if body.stream:
            options = body.stream_options
            last = usage if options is not None and options.include_usage else None
            events = chunks(answer_id, message, last)
            sent = await send_stream(request, events, lost=lost, headers=headers)
        else:
            sent = json_response(form(answer_id, message, usage), headers=headers)
            if lost:
                close(request)
        if fault is None and play.place:
            self.answers[play.place] += 1
            if play.slip:
                self.slips[play.place] = play.slip
        return sent

    def _play(self, body: ChatBody) -> Play:
        metadata = body.metadata or {}
        if "slot" not in metadata:
            plain = Message(role="assistant", content=NOT_PLAYED, finish_reason="stop")
            return Play(plain, place="")
        tools = tuple(tool.function.name for tool in body.tools or ())
        try:
            return self._player.answer(
                metadata["slot"], _role(body), body.messages, tools, metadata
            )
        except UsageError as error:
            raise Refused(400, str(error), param="metadata", code="unknown_slot") from None

    def _limited(self, body: ChatBody, message: Message) -> tuple[Message, dict[str, Any]]:
        """The message within the request's limit and the context, and its usage."""
        try:
            prompt = self._counts.total(body.texts())
        except TextTooLong:
            raise _context_exceeded(f"a text of over {MAX_CHARS} characters or") from None
        if prompt >= CONTEXT:
            raise _context_exceeded(f"{prompt} tokens:")
        message = cut(message, min(body.limit or CONTEXT, CONTEXT - prompt))
        reasoning = self._counts.total([message.reasoning or ""])
        said = self._counts.total(spoken(message))
        return message, usage_json(Usage(prompt, said), reasoning)

    def _too_many(self, message: str, wait: float | None = None) -> Refused:
        seconds = self._faults.retry_after if wait is None else math.ceil(wait * 1000) / 1000
        return Refused(
            429,
            message,
            kind="rate_limit_error",
            code="rate_limit_exceeded",
            headers={"Retry-After": f"{seconds:g}"},
        )


def serve(server: Embedded, started: Callable[[str], None]) -> None:
    """Runs the server until SIGINT or SIGTERM; `started` is called with its base_url.

    It listens on the loopback address alone, unless it was made with another host.
    EnvironmentLacks: the port cannot be had.
    """
    asyncio.run(_until_signalled(server, started))


async def _until_signalled(server: Embedded, started: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with server:
        started(server.base_url)
        await stop.wait()


def _spoilt(message: Message, fault: FaultKind | None) -> Message:
    """What arrives of the answer, in the form of a whole one."""
    if fault == "blank":
        return Message(role="assistant", content="", finish_reason="stop")
    if fault == "cut":
        return cut(message, sum(len(encode(text)) for text in spoken(message)) // 2)
    return message


def _role(body: ChatBody) -> str:
    metadata = body.metadata or {}
    return metadata.get("role", "assistant") if "slot" in metadata else ""


def _context_exceeded(what: str) -> Refused:
    return Refused(
        400,
        f"The prompt has {what} more than the context length of {CONTEXT} tokens.",
        param="messages",
        code="context_length_exceeded",
    )
