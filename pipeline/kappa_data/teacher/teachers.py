"""All endpoints of a run as one Teacher: who is asked, who waits, what is tried again.

A request goes to an endpoint that serves its role, has room and is up; what failed there for a
reason that passes goes to another at once, or again after a pause, within the budget of the class
of the failure (retry.py). While an endpoint is down its requests wait (breaker.py).
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import TracebackType

from msgspec import Struct

from kappa_data.config import Endpoint, GenerateConfig
from kappa_data.errors import TeacherDown, UsageError
from kappa_data.teacher.api import ChatAnswer, ChatRequest, TeacherError
from kappa_data.teacher.client import (
    DEFAULT_BASE_URL,
    Channel,
    Ticket,
    check_base_url,
    looks_down,
)
from kappa_data.teacher.line import Line, Lines, Turn
from kappa_data.teacher.retry import BUDGETS, Patience
from kappa_data.teacher.wire import OPENAI_HOST

Retrying = Callable[[ChatRequest, TeacherError], None]
PATIENCE = 300.0
"""seconds that a run waits for an endpoint that is down"""


class State(Struct, frozen=True):
    """What the teachers do at this moment, for progress; `sent` counts every try.

    `waiting`: requests that wait for room, for a rate limit, for an endpoint that is down, or out
    a pause after a failure. `allowed`: how many may be in flight. `failures` counts failed tries by
    class, `down` names the endpoints that are.
    """

    in_flight: int
    waiting: int
    allowed: int
    sent: int
    answers: int
    failures: Counter[str]
    down: tuple[str, ...]


class Teachers:
    """A Teacher over one or several endpoints; an async context manager.

    `retries` are further tries (see retry.py), `backoff` the first pause in seconds and the first
    interval between probes of an endpoint that is down, `patience` the seconds that are waited for
    it. `note` gets a line when one goes down or is back. `retrying` is told before each further try
    of a request, with the error of the last; what it raises ends the request.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        *,
        retries: int = 6,
        backoff: float = 1.0,
        patience: float = PATIENCE,
        note: Callable[[str], None] = lambda line: None,
        retrying: Retrying = lambda request, error: None,
    ) -> None:
        self._channels = tuple(channels)
        self._retries, self._backoff, self._patience = retries, backoff, patience
        self._note, self._retrying = note, retrying
        self._lines = Lines(self._channels)
        self._orders = itertools.count()
        self._open = 0
        self._watches: dict[Channel, asyncio.Task[None]] = {}
        self._given_up: dict[Channel, TeacherDown] = {}

    @classmethod
    def of(
        cls,
        config: GenerateConfig,
        environ: Mapping[str, str],
        *,
        proven: frozenset[str] = frozenset(),
        note: Callable[[str], None] = lambda line: None,
        retrying: Retrying = lambda request, error: None,
        patience: float = PATIENCE,
        backoff: float = 1.0,
    ) -> Teachers:
        """The endpoints of the settings, with their keys from the environment.

        `proven`: models that have answered before (the journal's), so that a request that is
        rejected now is at fault itself. TeacherDown: a key is missing. UsageError: a base_url that
        cannot be used.
        """
        endpoints = config.endpoints or (
            Endpoint(
                base_url=config.base_url or DEFAULT_BASE_URL,
                api_key_env=config.api_key_env,
                interface=config.interface,
            ),
        )
        channels = []
        for each in endpoints:
            key = environ.get(each.api_key_env, "")
            if not key and check_base_url(each.base_url) == OPENAI_HOST:
                raise TeacherDown(
                    f"{each.base_url}: needs a key; set {each.api_key_env} and run again"
                )
            channels.append(
                Channel(
                    each.base_url,
                    key,
                    interface=each.interface,
                    timeout=config.timeout,
                    concurrency=each.concurrency or config.concurrency,
                    requests_per_minute=each.requests_per_minute,
                    tokens_per_minute=each.tokens_per_minute,
                    weight=each.weight,
                    roles=each.roles,
                    proven=proven,
                )
            )
        return cls(
            channels,
            retries=config.retries,
            backoff=backoff,
            patience=patience,
            note=note,
            retrying=retrying,
        )

    @classmethod
    def at(
        cls,
        base_url: str,
        key: str = "",
        *,
        concurrency: int = 64,
        timeout: float = 600.0,
        retries: int = 6,
        metadata: bool = False,
        interface: str = "chat",
        proven: frozenset[str] = frozenset(),
        note: Callable[[str], None] = lambda line: None,
        retrying: Retrying = lambda request, error: None,
        patience: float = PATIENCE,
        backoff: float = 1.0,
    ) -> Teachers:
        """One endpoint by its address, as the embedded one; `metadata`: it is sent along."""
        channel = Channel(
            base_url,
            key,
            interface=interface,
            timeout=timeout,
            concurrency=concurrency,
            metadata=metadata,
            proven=proven,
        )
        return cls(
            [channel],
            retries=retries,
            backoff=backoff,
            patience=patience,
            note=note,
            retrying=retrying,
        )

    async def __aenter__(self) -> Teachers:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lines.close()
        watches = list(self._watches.values())
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
        for channel in self._channels:
            await channel.close()

    async def complete(self, request: ChatRequest) -> ChatAnswer:
        """See Teacher. The first request to an endpoint waits for a probe of it."""
        line = self._lines.of(request.role)
        if not line.channels:
            raise UsageError(
                f"generate.endpoints: none has the role {request.role}; give it to one"
            )
        turn = Turn(request, next(self._orders))
        before = sum(each.answers for each in line.channels)
        self._open += 1
        try:
            return await Patience(self._retries, self._backoff).run(lambda: self._try(line, turn))
        except TeacherError as error:
            answered = sum(each.answers for each in line.channels) > before
            if error.kind == "timeout" and answered:
                error.passing = False  # others were answered: it is this request that hangs
            if (
                turn.last is None
                or (down := turn.last.down(error, request.model, answered)) is error
            ):
                raise
            raise down from error
        finally:
            self._open -= 1

    def state(self) -> State:
        """What goes on at this moment."""
        failures: Counter[str] = Counter()
        for each in self._channels:
            failures.update(each.failures)
        in_flight = sum(each.window.in_flight for each in self._channels)
        return State(
            in_flight=in_flight,
            waiting=self._open - in_flight,
            allowed=sum(each.window.allowed for each in self._channels),
            sent=sum(each.sent for each in self._channels),
            answers=sum(each.answers for each in self._channels),
            failures=failures,
            down=tuple(e.base_url for e in self._channels if not e.breaker.closed),
        )

    async def _try(self, line: Line, turn: Turn) -> ChatAnswer:
        if self._given_up and all(each in self._given_up for each in line.channels):
            raise self._given_up[line.channels[0]]
        if turn.error is not None:
            self._retrying(turn.request, turn.error)
        channel, ticket = await self._lines.admit(line, turn)
        turn.tries += 1
        turn.last = channel
        try:
            if not channel.reached:
                await self._first_contact(line, channel)
            answer = await channel.send(turn.request, ticket)
        except TeacherError as error:
            self._failed(line, turn, channel, ticket, error)
            raise
        else:
            if channel.breaker.closed or ticket.trial:
                self._alive(channel)  # what it answered before it went down is no sign of life
            turn.failed_at.clear()
            return answer
        finally:
            channel.leave(ticket)
            self._lines.dispatch()

    def _failed(
        self, line: Line, turn: Turn, channel: Channel, ticket: Ticket, error: TeacherError
    ) -> None:
        """What one failed try says of the endpoint, and where the request goes now."""
        now, turn.error = time.monotonic(), error
        breaker, silent = channel.breaker, error.kind == "timeout"
        if not looks_down(error):
            if breaker.closed or ticket.trial:
                self._alive(channel)  # any answer is a sign of life
        elif ticket.number <= channel.sent_before_back:
            error.counts = silent  # sent before it went down, and lost with it
        elif channel.ever_answered(turn.request.model):
            if breaker.failed(error.detail, silent, channel.window.allowed, now):
                self._went_down(channel)
            if not breaker.closed and not silent:
                error.counts = False
        turn.failed_at.add(channel)
        if error.kind in BUDGETS:
            error.at_once = any(
                each not in turn.failed_at and each.delay(now) == 0 for each in line.channels
            )
        if not error.at_once:
            turn.failed_at.clear()  # after the pause all are as good as before

    async def _first_contact(self, line: Line, channel: Channel) -> None:
        async with channel.reaching:
            if channel.reached:
                return
            if not channel.breaker.closed:
                error = TeacherError("connection", channel.breaker.reason)
                error.counts = False
                raise error
            try:
                await channel.first_contact(self._retries, self._backoff)
            except TeacherError as error:
                others = (each for each in line.channels if each is not channel)
                if not any(each.breaker.closed for each in others):
                    raise channel.down(error, "", answered=False) from error
                channel.breaker.open(error.detail, True, time.monotonic())
                self._went_down(channel)
                error.counts = False
                raise

    def _alive(self, channel: Channel) -> None:
        if not channel.breaker.answered():
            return
        self._given_up.pop(channel, None)
        channel.sent_before_back = channel.sent
        seconds = time.monotonic() - channel.breaker.since
        self._note(f"{channel.base_url} is back after {seconds:.0f} s")
        self._lines.dispatch()

    def _went_down(self, channel: Channel) -> None:
        clock = datetime.now().astimezone().strftime("%H:%M:%S")
        self._note(
            f"{channel.base_url}: down since {clock} ({channel.breaker.reason}); waiting, trying "
            f"again in {self._backoff:g} s; ctrl-c twice stops, all is saved"
        )
        watch = self._watches.get(channel)
        if watch is None or watch.done():
            self._watches[channel] = asyncio.create_task(self._watch(channel))

    async def _watch(self, channel: Channel) -> None:
        """Probes an endpoint that is down until it is back."""
        breaker = channel.breaker
        while not breaker.closed:
            await asyncio.sleep(breaker.next_probe() * self._backoff)
            seconds = time.monotonic() - breaker.since
            if not breaker.closed and seconds > self._patience:
                self._give_up(
                    channel,
                    TeacherDown(
                        f"{channel.base_url}: down for {seconds:.0f} s ({breaker.reason}); "
                        "run the same command when it works again: what was answered is kept"
                    ),
                )
            try:
                answers = await channel.probe()
            except TeacherDown as error:
                self._give_up(channel, error)
                continue
            if not answers or breaker.closed:
                continue
            if breaker.silent:
                # A request may be what silences it: each has its own budget for that.
                channel.reached = True
                self._alive(channel)
                continue
            breaker.try_one()  # a gateway may answer with nobody behind it
            self._lines.dispatch()
            while breaker.trying:
                channel.trial_over.clear()
                await channel.trial_over.wait()

    def _give_up(self, channel: Channel, error: TeacherDown) -> None:
        self._given_up[channel] = error
        self._lines.give_up(self._given_up, error)
