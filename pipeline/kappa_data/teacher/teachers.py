"""All endpoints of a run as one Teacher: who is asked, who waits, what is tried again.

Skeleton: the signatures stand, the work follows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType

from msgspec import Struct

from kappa_data.config import GenerateConfig
from kappa_data.teacher.api import ChatAnswer, ChatRequest

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
    """A Teacher over one or several endpoints; an async context manager."""

    @classmethod
    def of(
        cls,
        config: GenerateConfig,
        environ: Mapping[str, str],
        *,
        proven: frozenset[str] = frozenset(),
        note: Callable[[str], None] = lambda line: None,
        patience: float = PATIENCE,
        backoff: float = 1.0,
    ) -> Teachers:
        """The endpoints of the settings, with their keys from the environment.

        `proven`: models that have answered before (the journal's), so that a request that is
        rejected now is at fault itself. `note` gets a line when an endpoint goes down or is back.
        `patience`: seconds that are waited for one that is down; `backoff`: the first pause.
        TeacherDown: a key is missing. UsageError: a base_url that cannot be used.
        """
        raise NotImplementedError

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
        patience: float = PATIENCE,
        backoff: float = 1.0,
    ) -> Teachers:
        """One endpoint by its address, as the embedded one; `metadata`: it is sent along."""
        raise NotImplementedError

    async def __aenter__(self) -> Teachers:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes what is open."""

    async def complete(self, request: ChatRequest) -> ChatAnswer:
        """See Teacher."""
        raise NotImplementedError

    def state(self) -> State:
        """What goes on at this moment."""
        raise NotImplementedError
