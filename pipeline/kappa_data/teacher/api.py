"""What is asked of a teacher and what comes back, independent of how it travels."""

from __future__ import annotations

import hashlib
from typing import Any, Literal, Protocol, get_args

from msgspec import Struct

from kappa_data.records import ToolCall, Usage, compact_json

Kind = Literal[
    "rate_limit",
    "overload",
    "timeout",
    "connection",
    "malformed",
    "refused",
    "context",
    "auth",
    "model",
    "bad_request",
]
Role = Literal["assistant", "user", "tool", "writer", "judge"]
"""who is asked: the persona, the simulated user, a simulated tool, who puts plain words into a
voice, who compares"""
ROLES: tuple[Role, ...] = get_args(Role)
PASSING: frozenset[Kind] = frozenset({"rate_limit", "overload", "connection", "timeout"})
"""what mostly says nothing about the request: another day brings an answer"""


class ChatRequest(Struct, frozen=True):
    """One request for one answer; `messages` and `tools` are in OpenAI chat form.

    A sampling parameter that is None is left to the endpoint. `schema` is the JSON Schema of the
    answer's content, where it has to be JSON. `role` and `persona` (None: none) say for whom it is,
    and reach no endpoint; `metadata` reaches the embedded teacher only.
    """

    model: str
    messages: tuple[dict[str, Any], ...]
    tools: tuple[dict[str, Any], ...] = ()
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    reasoning_effort: str | None = None
    seed: int | None = None
    schema: dict[str, Any] | None = None
    role: Role = "assistant"
    persona: str | None = None
    metadata: dict[str, str] = {}


class ChatAnswer(Struct, frozen=True):
    """One answer; `finish_reason` is the endpoint's: stop, tool_calls, length, content_filter.

    `seconds` is how long this one request took, without retries and pauses; `cached_tokens` are
    those of the prompt that the endpoint had cached, where it says so.
    """

    content: str
    reasoning: str | None
    tool_calls: tuple[ToolCall, ...]
    finish_reason: str
    usage: Usage
    seconds: float = 0.0
    cached_tokens: int = 0


class Teacher(Protocol):
    """Answers requests. Knows nothing of conversations, and keeps nothing between requests."""

    async def complete(self, request: ChatRequest) -> ChatAnswer:
        """The answer; TeacherError: none to this request; TeacherDown: none to any."""


class TeacherError(Exception):
    """One request got no answer, for good or for now; `kind` says why.

    `retry_after` is the pause in seconds that the endpoint asked for, if it did. `passing`: asked
    again on another day, the same request may be answered; else the fault is its own. As a rule
    that follows from the kind; a request that alone is never answered in time is an exception.

    For who tries again: `counts` is False where the try failed for no fault of the request's (the
    endpoint was down, too much was in flight), `at_once` is True where another endpoint has room.
    """

    def __init__(
        self,
        kind: Kind,
        detail: str,
        retry_after: float | None = None,
        passing: bool | None = None,
    ) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail
        self.retry_after = retry_after
        self.passing = kind in PASSING if passing is None else passing
        self.counts, self.at_once = True, False


def digest(request: ChatRequest) -> str:
    """sha256 over what decides the answer: model, messages, tools, schema and sampling.

    Keys keep their order, since it reaches the prompt. Metadata does not count, and neither does
    `max_tokens`: a larger one changes only the answers that were cut off (see journal.py).
    """
    asked = (
        request.model,
        request.messages,
        request.tools,
        request.temperature,
        request.top_p,
        request.reasoning_effort,
        request.seed,
        request.schema,
    )
    return hashlib.sha256(compact_json(asked).encode()).hexdigest()
