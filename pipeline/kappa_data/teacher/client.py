"""One OpenAI-compatible endpoint: what may be sent to it now, one try, and what a failure means.

The SDK carries the request; its own retries are off. Who waits and what is tried again is decided
in teachers.py.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections import Counter
from collections.abc import Callable
from types import ModuleType
from urllib.parse import urlsplit

import aiohttp
import httpx2
import msgspec
import openai
from msgspec import Struct

from kappa_data.errors import TeacherDown, UsageError
from kappa_data.teacher import chat_wire, responses_wire, wire
from kappa_data.teacher.api import ROLES, ChatAnswer, ChatRequest, Kind, TeacherError
from kappa_data.teacher.breaker import Breaker
from kappa_data.teacher.rate import Rate
from kappa_data.teacher.retry import Patience
from kappa_data.teacher.window import Window

DEFAULT_BASE_URL = "https://api.openai.com/v1"
NO_KEY = "none"
"""sent where there is no key: the SDK insists on one, servers without keys ignore it"""
INTERFACES: dict[str, ModuleType] = {"chat": chat_wire, "responses": responses_wire}
PROBE_SECONDS = 20.0
LONGEST_WAIT = 600.0
"""seconds; an endpoint that asks for more has no quota left for now"""
GONE = (502, 503, 504)
"""a gateway's words for: there is no server behind me"""


class Ticket(Struct):
    """What an endpoint has noted of a request when it let it through."""

    window_round: int
    reserved: float
    number: int
    trial: bool


class Channel:
    """One endpoint, to be opened in the loop that uses it.

    `concurrency` requests are in flight at most, each for `timeout` seconds. `metadata` sends the
    requests' metadata along. `proven`: models that have answered before, so that a request which
    is rejected now is at fault itself.

    UsageError: a base_url that is not plain http(s), holds a password or is link-local.
    """

    def __init__(
        self,
        base_url: str,
        key: str = "",
        *,
        interface: str = "chat",
        timeout: float = 600.0,
        concurrency: int = 64,
        requests_per_minute: float = 0.0,
        tokens_per_minute: float = 0.0,
        weight: float = 1.0,
        roles: tuple[str, ...] = (),
        metadata: bool = False,
        proven: frozenset[str] = frozenset(),
    ) -> None:
        self.base_url = base_url
        self.weight, self.roles = weight, frozenset(roles or ROLES)
        self.window = Window(concurrency)
        self.rate = Rate(requests_per_minute, tokens_per_minute)
        self.breaker = Breaker()
        self.sent = self.answers = 0
        self.failures: Counter[Kind] = Counter()
        self.reached = False
        self.reaching = asyncio.Lock()
        self.sent_before_back = 0  # tries up to the last time that it came back
        self.trial_out = False
        self.trial_over = asyncio.Event()
        self._host = check_base_url(base_url)
        self._key = key.strip() or NO_KEY
        self._wire = INTERFACES[interface]
        self._timeout, self._metadata, self._proven = timeout, metadata, proven
        self._forms = True
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=self._key,
            max_retries=0,
            timeout=timeout,
            http_client=openai.DefaultAioHttpClient(
                follow_redirects=False,  # a redirect to another host would take the key there
                trust_env=not is_loopback(self._host),  # no proxy stands before loopback
                # The window counts; this must not: one more for the probe.
                limits=type(openai.DEFAULT_CONNECTION_LIMITS)(max_connections=concurrency + 1),
                timeout=timeout,
            ),
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    def delay(self, now: float) -> float | None:
        """Seconds until a request may go; None: not before another one is answered."""
        if not self.breaker.closed and (self.trial_out or not self.breaker.trying):
            return None
        if self.window.in_flight >= self.window.allowed:
            return None
        return self.rate.delay(now)

    def enter(self, now: float) -> Ticket:
        """Lets a request through; `leave` has to follow."""
        trial = self.breaker.trying
        self.trial_out = self.trial_out or trial
        self.sent += 1
        return Ticket(self.window.enter(now), self.rate.sent(), self.sent, trial)

    def leave(self, ticket: Ticket) -> None:
        """The request is out no more, however it ended."""
        self.window.leave(time.monotonic())
        if ticket.trial:
            self.trial_out = False
            self.trial_over.set()

    async def send(
        self, request: ChatRequest, ticket: Ticket, again: Callable[[TeacherError], None]
    ) -> ChatAnswer:
        """The answer to one try; TeacherError: none; TeacherDown: the endpoint is of no use.

        `again` is told before the request is sent once more, without its schema.
        """
        started = time.monotonic()
        try:
            data = await self._post(request, ticket, again)
            ended = time.monotonic()
            self.window.answered(ticket.window_round, False, ended, ended - started)
            answer: ChatAnswer = self._wire.answer(data)
        except TeacherError as error:
            ended = time.monotonic()
            self.failures[error.kind] += 1
            if error.kind == "rate_limit":
                self.window.answered(ticket.window_round, True, ended, ended - started)
                error.counts = not self.window.was_too_large(ticket.window_round)
            self.rate.answered(ticket.reserved, 0)
            raise
        self.answers += 1
        usage = answer.usage
        self.rate.answered(ticket.reserved, usage.prompt_tokens + usage.completion_tokens)
        return msgspec.structs.replace(answer, seconds=round(ended - started, 3))

    async def _post(
        self, request: ChatRequest, ticket: Ticket, again: Callable[[TeacherError], None]
    ) -> bytes:
        formed = self._forms and request.schema is not None
        try:
            return await self._post_once(request, ticket)
        except TeacherError as error:
            if not (formed and error.kind == "bad_request" and wire.about_form(error.detail)):
                raise
            self._forms = False  # the prompt has the form as well
            refused = error
        again(refused)
        self.sent += 1
        return await self._post_once(request, ticket)

    async def _post_once(self, request: ChatRequest, ticket: Ticket) -> bytes:
        values = self._wire.body(request, self._host, self._metadata, self._forms)
        try:
            # The SDK's time-out restarts with every byte; this one is for the whole answer.
            async with asyncio.timeout(self._timeout):
                # Not `chat.completions.create`: it walks through the whole history in Python to
                # look for types that plain JSON does not have, which costs more than the rest.
                response = await self._client.post(
                    self._wire.PATH, content=msgspec.json.encode(values), cast_to=httpx2.Response
                )
        except (openai.APIError, aiohttp.ClientError, TimeoutError) as error:
            failure = self._classify(error, self._timeout)
            if isinstance(error, openai.APIStatusError):
                limited = failure.kind == "rate_limit"
                self._hear(error.response, ticket, limited, failure.retry_after)
            raise failure from error
        self._hear(response, ticket, False, None)
        return response.content

    def _hear(
        self, response: httpx2.Response, ticket: Ticket, limited: bool, pause: float | None
    ) -> None:
        since = self.sent - ticket.number
        self.rate.heard(response.headers, time.monotonic(), since, limited, pause)

    async def first_contact(self, retries: int, backoff: float) -> None:
        """Asks for the list of models: finds a dead endpoint and a wrong key at no cost.

        TeacherDown: a wrong key; TeacherError: nobody answers. An endpoint that answers anything
        else is there: many have no such list.
        """
        try:
            await Patience(min(retries, 2), backoff).run(self._list_models)
        except TeacherError as error:
            if getattr(error.__cause__, "status_code", None) == 401:
                raise self.down(error, "", answered=False) from error
            if error.kind in ("connection", "timeout"):
                raise
        self.reached = True

    async def probe(self) -> bool:
        """Whether somebody answers again."""
        try:
            await self._list_models()
        except TeacherError as error:
            return not looks_down(error)
        return True

    async def _list_models(self) -> None:
        seconds = min(self._timeout, PROBE_SECONDS)
        try:
            async with asyncio.timeout(seconds):
                await self._client.get("/models", cast_to=httpx2.Response)
        except (openai.APIError, aiohttp.ClientError, TimeoutError) as error:
            raise self._classify(error, seconds) from error

    def ever_answered(self, model: str) -> bool:
        """Whether it has answered such a request, now or in an earlier run."""
        return self.answers > 0 or model in self._proven

    def down(self, error: TeacherError, model: str, answered: bool) -> Exception:
        """TeacherDown where the error is about the endpoint, else the error itself.

        `answered`: it answered another request since this one was first tried.
        """
        place, ever = self.base_url, self.ever_answered(model)
        if error.kind == "auth":
            wrong = (
                "the key was not accepted" if self._key != NO_KEY else "wants a key, none is set"
            )
            message = f"{place}: {wrong} ({error.detail}); set it in the variable of api_key_env"
        elif error.kind == "model":
            where = "check the model's name (--model, generate.roles)"
            if "model" not in error.detail:  # nobody speaks of models there: another path
                where += (
                    f", and whether there is a {self._wire.PATH} at this base_url and interface"
                )
            message = f'{place}: no model "{model}" here ({error.detail}); {where}'
        elif error.kind == "connection" and not answered:
            message = (
                f"{place}: cannot be reached ({error.detail}); is the server up? check base_url"
            )
        elif error.kind == "timeout" and not ever:
            message = f"{place}: never answered ({error.detail}); check base_url, or raise timeout"
        elif error.kind in ("bad_request", "malformed") and not ever:
            what = self._wire.PATH
            message = f"{place}: no usable {what} for this request ({error.detail})"
        else:
            return error
        return TeacherDown(message)

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
            if kind == "auth" and error.status_code == 403 and (self.answers or self._proven):
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

    def _scrub(self, words: str) -> str:
        """The endpoint's words on one line, cut short, the key taken out."""
        if self._key != NO_KEY:
            words = words.replace(self._key, "***")
        line = " ".join(words.split())
        return line if len(line) <= wire.EVIDENCE else line[: wire.EVIDENCE] + " ..."


def looks_down(error: TeacherError) -> bool:
    """Whether nobody answered, or only a gateway for somebody who is gone."""
    status = getattr(error.__cause__, "status_code", None)
    return error.kind in ("connection", "timeout") or status in GONE


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
