"""Which failed requests are tried again, how often and after what pause.

Every class of error has a budget of its own per request: patience with a rate limit must not use
up the tries for a malformed answer. What is not in BUDGETS is final at once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from kappa_data.teacher.api import Kind, TeacherError

T = TypeVar("T")

# Tries per configured retry. A limited or overloaded endpoint recovers by waiting; one that was
# silent for the whole time limit, or wrote nonsense, mostly does it again, at full price.
BUDGETS: dict[Kind, float] = {
    "rate_limit": 4.0,
    "overload": 2.0,
    "connection": 1.0,
    "timeout": 0.5,
    "malformed": 0.5,
}
LONGEST_PAUSE = 60.0
"""times the first pause; one that the endpoint asks for may be longer"""
FORGIVEN = 20
"""failures of one request that count against no budget: one that kills its server is stopped"""


class Patience:
    """The retries of one request.

    `retries` is the number of further tries after a lost connection; the other classes follow
    from it. `unit` is the first pause in seconds; it doubles with each failure of the same class.
    `sleep` waits for so many seconds, or less where nothing is worth waiting for any more.
    """

    def __init__(
        self,
        retries: int,
        unit: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._retries = retries
        self._sleep = sleep
        self._unit = unit
        self._failures: dict[Kind, int] = {}
        self._forgiven = 0

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """The result of `work`; the last TeacherError where the budget of its class is spent."""
        try:
            return await work()  # most need no more: the machinery of retries costs as much again
        except TeacherError as error:
            failed: TeacherError | None = error
        retrying = AsyncRetrying(
            retry=retry_if_exception(_worth_it),
            stop=self._spent,
            wait=self._pause,
            after=self._count,
            sleep=self._sleep,
            reraise=True,
        )

        async def one_try() -> T:
            nonlocal failed
            if failed is not None:
                first, failed = failed, None
                raise first
            return await work()

        return await retrying(one_try)

    def budget(self, kind: Kind) -> int:
        """Further tries after failures of one class."""
        share = BUDGETS.get(kind, 0.0)
        return max(1, round(self._retries * share)) if self._retries and share else 0

    def _count(self, state: RetryCallState) -> None:
        error = _error(state)
        if not error.counts and self._forgiven < FORGIVEN:
            self._forgiven += 1
        else:
            self._failures[error.kind] = self._failures.get(error.kind, 0) + 1

    def _spent(self, state: RetryCallState) -> bool:
        kind = _error(state).kind
        return self._failures.get(kind, 0) > self.budget(kind)

    def _pause(self, state: RetryCallState) -> float:
        error = _error(state)
        if error.at_once:
            return 0.0
        if error.retry_after is not None:
            # Everybody was told the same moment: spread over a quarter more than it.
            spread = error.retry_after * random.uniform(1.0, 1.25)
            return spread + 0.1 * self._unit * random.random()
        doublings = min(max(self._failures.get(error.kind, 0) - 1, 0), 16)
        return self._unit * min(2.0**doublings, LONGEST_PAUSE) * random.uniform(0.5, 1.0)


def _worth_it(error: BaseException) -> bool:
    return isinstance(error, TeacherError) and error.kind in BUDGETS


def _error(state: RetryCallState) -> TeacherError:
    error = state.outcome.exception() if state.outcome is not None else None
    assert isinstance(error, TeacherError)  # tenacity asks only after `_worth_it`
    return error
