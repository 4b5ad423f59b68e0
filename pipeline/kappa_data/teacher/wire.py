"""The chat-completions wire: a request's body, an answer's body, an error's meaning."""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from kappa_data.records import FunctionCall, ToolCall, Usage, compact_json
from kappa_data.teacher.api import ChatAnswer, ChatRequest, Kind, TeacherError

EVIDENCE = 300
"""characters of an endpoint's words that an error repeats"""
OPENAI_HOST = "api.openai.com"

_CONTEXT = re.compile(
    r"context.{0,20}(length|window|size)|too many tokens|prompt is too long|maximum.{0,20}tokens",
    re.IGNORECASE,
)
_REFUSED = re.compile(r"content.?(filter|policy|management)|moderation|flagged", re.IGNORECASE)
_MODEL = re.compile(r"model.?not.?found|no such model|(model.{0,80}does not exist)", re.IGNORECASE)


class _Function(Struct):
    name: str
    arguments: str | dict[str, Any] | None = None


class _Call(Struct):
    function: _Function
    id: str | None = None


class _Part(Struct):
    text: str = ""


class _Message(Struct):
    content: str | list[_Part] | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(Struct):
    message: _Message
    finish_reason: str | None = None


class _PromptDetails(Struct):
    cached_tokens: int | None = None


class _Usage(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None


class _Body(Struct):
    choices: list[_Choice]
    usage: _Usage | None = None


def body(request: ChatRequest, host: str, metadata: bool) -> dict[str, Any]:
    """The request as JSON values for the endpoint at `host`.

    OpenAI itself takes only `max_completion_tokens`, and rejects temperature and top_p even at
    their default 1 for some models; other servers know `max_tokens`, and have defaults of their
    own for the other two, so there all are sent.
    """
    at_openai = host == OPENAI_HOST
    values: dict[str, Any] = {"model": request.model, "messages": list(request.messages)}
    if request.tools:
        values["tools"] = list(request.tools)
    for name in ("temperature", "top_p"):
        value = getattr(request, name)
        if value is not None and not (at_openai and value == 1.0):
            values[name] = value
    if request.max_tokens is not None:
        values["max_completion_tokens" if at_openai else "max_tokens"] = request.max_tokens
    if request.reasoning_effort:
        values["reasoning_effort"] = request.reasoning_effort
    if request.seed is not None:
        values["seed"] = request.seed
    if metadata and request.metadata:
        values["metadata"] = request.metadata
    return values


def answer(data: bytes) -> ChatAnswer:
    """The answer in a response body; TeacherError "malformed" where it is not one."""
    try:
        decoded = msgspec.json.decode(data, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TeacherError("malformed", f"{error}: {_excerpt(data)}") from error
    if not decoded.choices:
        raise TeacherError("malformed", f"no choices: {_excerpt(data)}")
    choice = decoded.choices[0]
    if not choice.finish_reason:
        raise TeacherError("malformed", "no finish_reason: whether it was cut off is not known")
    message, usage = choice.message, decoded.usage or _Usage()
    details = usage.prompt_tokens_details or _PromptDetails()
    return ChatAnswer(
        content=_text(message.content) or message.refusal or "",
        reasoning=message.reasoning or message.reasoning_content or None,
        tool_calls=tuple(_call(each) for each in message.tool_calls or ()),
        finish_reason=choice.finish_reason,
        usage=Usage(max(usage.prompt_tokens or 0, 0), max(usage.completion_tokens or 0, 0), 1),
        cached_tokens=max(details.cached_tokens or 0, 0),
    )


def failure(status: int, detail: object) -> Kind:
    """What an HTTP status and the endpoint's words mean, as the class of the error."""
    words = detail if isinstance(detail, str) else str(detail)
    if status in (401, 403):
        return "auth"
    if status == 429:
        return "rate_limit"
    if status == 408:
        return "timeout"
    if status == 409 or status >= 500:
        return "overload"
    if status == 404 or _MODEL.search(words):
        return "model"
    if status == 413 or _CONTEXT.search(words):
        return "context"
    return "refused" if _REFUSED.search(words) else "bad_request"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait that the response's headers ask for; None: they do not."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
            return float(text) * scale
        if text and (moment := email.utils.parsedate_tz(text)):
            return max(email.utils.mktime_tz(moment) - time.time(), 0.0)
    return None


def _call(call: _Call) -> ToolCall:
    arguments = call.function.arguments
    text = arguments if isinstance(arguments, str) else compact_json(arguments or {})
    return ToolCall(call.id or "", FunctionCall(call.function.name, text))


def _text(content: str | list[_Part] | None) -> str:
    if isinstance(content, list):
        return "".join(part.text for part in content)
    return content or ""


def _excerpt(data: bytes) -> str:
    return " ".join(data[:EVIDENCE].decode(errors="replace").split())
