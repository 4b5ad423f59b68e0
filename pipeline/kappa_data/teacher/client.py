"""The client of any OpenAI-compatible endpoint.

The SDK carries the request; its own retries are off. A failed request is classified, tried again
within the budget of its class (retry.py), and what that means for the endpoint is decided here: one
request without an answer is a TeacherError, an endpoint that cannot be used is TeacherDown.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
import openai

from kappa_data.errors import TeacherDown, UsageError
from kappa_data.teacher import wire
from kappa_data.teacher.api import ChatAnswer, ChatRequest, TeacherError
from kappa_data.teacher.retry import Patience
from kappa_data.teacher.window import Window

DEFAULT_BASE_URL = "https://api.openai.com/v1"
NO_KEY = "none"
"""sent where there is no key: the SDK insists on one, servers without keys ignore it"""
PROBE_SECONDS = 20.0
LONGEST_WAIT = 600.0
"""seconds; an endpoint that asks for more has no quota left for now"""


class OpenAITeacher:
    """A Teacher over HTTP; an async context manager, opened in the loop that uses it.

    `concurrency` requests are in flight at most, each for `timeout` seconds. `retries` are further
    tries (see retry.py), `backoff` the first pause in seconds. `metadata` sends the requests'
    metadata along. `proven`: this endpoint has answered such requests before, so that one it
    rejects now is a fault of that request. `retrying` is told before each further try of a request,
    with the error of the last; what it raises ends the request.

    UsageError: a base_url that is not plain http(s), holds a password or is link-local.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str = NO_KEY,
        *,
        timeout: float = 600.0,
        retries: int = 6,
        concurrency: int = 64,
        backoff: float = 1.0,
        metadata: bool = False,
        proven: bool = False,
        retrying: Callable[[ChatRequest, TeacherError], None] = lambda request, error: None,
    ) -> None:
        self._retrying = retrying
        self.base_url = base_url
        self._host = check_base_url(base_url)
        self._key = api_key.strip() or NO_KEY
        self._timeout, self._retries, self._backoff = timeout, retries, backoff
        self._metadata = metadata
        self._window = Window(concurrency)
        self._proven = proven
        self._answers = 0
        self._probing = asyncio.Lock()
        self._reached = False
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=self._key,
            max_retries=0,
            timeout=timeout,
            http_client=openai.DefaultAioHttpClient(
                follow_redirects=False,  # a redirect to another host would take the key there
                trust_env=not is_loopback(self._host),  # no proxy stands before loopback
                limits=type(openai.DEFAULT_CONNECTION_LIMITS)(max_connections=concurrency),
                timeout=timeout,
            ),
        )

    async def __aenter__(self) -> OpenAITeacher:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.close()

    async def complete(self, request: ChatRequest) -> ChatAnswer:
        """See Teacher. The first request waits for a probe of the endpoint."""
        async with self._probing:
            if not self._reached:
                await self._probe()
                self._reached = True
        before, failed = self._answers, None

        async def one_try() -> ChatAnswer:
            nonlocal failed
            if failed is not None:
                self._retrying(request, failed)
            try:
                return await self._try(request)
            except TeacherError as error:
                failed = error
                raise

        try:
            return await Patience(self._retries, self._backoff).run(one_try)
        except TeacherError as error:
            self._raise_if_down(error, request.model, answered=self._answers > before)
            raise

    async def _try(self, request: ChatRequest) -> ChatAnswer:
        values = wire.body(request, self._host, self._metadata)
        async with self._window:
            started = time.monotonic()
            try:
                data = await self._post(values)
            except TeacherError as error:
                self._window.report(limited=error.kind == "rate_limit")
                raise
            seconds = round(time.monotonic() - started, 3)
        self._window.report(limited=False)
        answer = wire.answer(data)
        self._answers += 1
        return msgspec.structs.replace(answer, seconds=seconds)

    async def _post(self, values: dict[str, Any]) -> bytes:
        try:
            # The SDK's time-out restarts with every byte; this one is for the whole answer.
            async with asyncio.timeout(self._timeout):
                # Not `chat.completions.create`: it walks through the whole history in Python to
                # look for types that plain JSON does not have, which costs more than the rest.
                return await self._client.post("/chat/completions", body=values, cast_to=bytes)
        except (openai.APIError, aiohttp.ClientError, TimeoutError) as error:
            raise self._classify(error, self._timeout) from error

    async def _probe(self) -> None:
        """Asks for the list of models: finds a dead endpoint and a wrong key at no cost.

        An endpoint that answers anything else than 401 is there: many have no such list.
        """
        seconds = min(self._timeout, PROBE_SECONDS)

        async def ask() -> None:
            try:
                async with asyncio.timeout(seconds):
                    await self._client.models.with_raw_response.list()
            except (openai.APIError, aiohttp.ClientError, TimeoutError) as error:
                raise self._classify(error, seconds) from error

        try:
            await Patience(min(self._retries, 2), self._backoff).run(ask)
        except TeacherError as error:
            status = getattr(error.__cause__, "status_code", None)
            if error.kind in ("connection", "timeout") or status == 401:
                self._raise_if_down(error, "", answered=False)

    def _classify(self, error: Exception, seconds: float) -> TeacherError:
        if isinstance(error, openai.APIStatusError):
            words = self._scrub(error.message)
            if error.status_code in range(300, 400):
                place = self._scrub(error.response.headers.get("location", "another place"))
                raise TeacherDown(
                    f"{self.base_url}: redirects to {place}; give the final address as base_url"
                )
            kind = wire.failure(error.status_code, f"{error.code} {words}")
            pause = wire.retry_after(error.response.headers)
            self._raise_if_spent(error, words, pause)
            if kind == "auth" and error.status_code == 403 and (self._answers or self._proven):
                kind = "refused"  # the key works: some gateways moderate with 403
            return TeacherError(kind, f"HTTP {error.status_code}: {words}", pause)
        causes = _causes(error)
        if any(isinstance(cause, TimeoutError) for cause in causes):
            return TeacherError("timeout", f"no answer within {seconds:g} s")
        words = self._scrub(next((str(cause) for cause in reversed(causes) if str(cause)), ""))
        return TeacherError("connection", words or type(causes[-1]).__name__)

    def _raise_if_spent(
        self, error: openai.APIStatusError, words: str, pause: float | None
    ) -> None:
        if error.code == "insufficient_quota" or error.status_code == 402:
            raise TeacherDown(
                f"{self.base_url}: the account has no credit left ({words}); "
                "add some and run the same command: what was answered is kept"
            )
        if pause is not None and pause > LONGEST_WAIT:
            raise TeacherDown(
                f"{self.base_url}: asks to wait {pause:.0f} s ({words}); "
                "run the same command then: what was answered is kept"
            )

    def _raise_if_down(self, error: TeacherError, model: str, answered: bool) -> None:
        """TeacherDown where the error is about the endpoint; `answered`: it answered another
        request since this one was first tried."""
        place, ever = self.base_url, self._proven or self._answers > 0
        if error.kind == "auth":
            message = f"{place}: the key was not accepted ({error.detail}); check api_key_env"
        elif error.kind == "model":
            message = f'{place}: no model "{model}" here ({error.detail}); check --model'
        elif error.kind == "connection" and not answered:
            message = (
                f"{place}: cannot be reached ({error.detail}); is the server up? check base_url"
            )
        elif error.kind == "timeout" and not ever:
            message = f"{place}: never answered ({error.detail}); check base_url, or raise timeout"
        elif error.kind in ("bad_request", "malformed") and not ever:
            message = f"{place}: no chat-completions endpoint for this request ({error.detail})"
        else:
            return
        raise TeacherDown(message) from error

    def _scrub(self, words: str) -> str:
        """The endpoint's words on one line, cut short, the key taken out."""
        if self._key != NO_KEY:
            words = words.replace(self._key, "***")
        line = " ".join(words.split())
        return line if len(line) <= wire.EVIDENCE else line[: wire.EVIDENCE] + " ..."


def check_base_url(base_url: str) -> str:
    """The host of a usable base_url; UsageError says what is wrong with another."""
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise UsageError(f"base_url {base_url}: {error}; write it as {DEFAULT_BASE_URL}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError(f"base_url {base_url}: not an http(s) address; as {DEFAULT_BASE_URL}")
    if parts.username is not None or parts.password is not None:
        raise UsageError(f"base_url of {host}: holds a password; put the key in the environment")
    if (address := _address(host)) and address.is_link_local:
        raise UsageError(f"base_url {base_url}: link-local, where machines keep their metadata")
    return host


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own."""
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _causes(error: BaseException) -> list[BaseException]:
    causes = [error]
    while (cause := causes[-1].__cause__) is not None:
        causes.append(cause)
    return causes
