"""The Chat Completions wire: POST /chat/completions.

Source: the OpenAI API reference, "Create chat completion"; beyond it `reasoning` (vLLM, OpenRouter)
and `reasoning_content` (DeepSeek, SGLang and others) in the answer's message.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from kappa_data.records import FunctionCall, ToolCall, Usage
from kappa_data.teacher.api import ChatAnswer, ChatRequest, TeacherError
from kappa_data.teacher.wire import OPENAI_HOST, arguments, decode, excerpt

PATH = "/chat/completions"


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


def body(request: ChatRequest, host: str, metadata: bool, form: bool) -> dict[str, Any]:
    """The request as JSON values for the endpoint at `host`; `form`: with its schema.

    OpenAI itself takes only `max_completion_tokens`, and rejects temperature and top_p even at
    their default 1 for some models; other servers know `max_tokens`, and have defaults of their
    own for the other two, so there all are sent.
    """
    at_openai = host == OPENAI_HOST
    values: dict[str, Any] = {"model": request.model, "messages": request.messages}
    if request.tools:
        values["tools"] = request.tools
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
    if form and request.schema is not None:
        schema = {"name": "answer", "schema": request.schema, "strict": True}
        values["response_format"] = {"type": "json_schema", "json_schema": schema}
    if metadata and request.metadata:
        values["metadata"] = request.metadata
    return values


def answer(data: bytes) -> ChatAnswer:
    """The answer in a response body; TeacherError "malformed" where it is not one."""
    decoded = decode(data, _Body)
    if not decoded.choices:
        raise TeacherError("malformed", f"no choices: {excerpt(data)}")
    choice = decoded.choices[0]
    if not choice.finish_reason:
        raise TeacherError("malformed", "no finish_reason: whether it was cut off is not known")
    message, usage = choice.message, decoded.usage or _Usage()
    details = usage.prompt_tokens_details or _PromptDetails()
    return ChatAnswer(
        content=_text(message.content) or message.refusal or "",
        reasoning=message.reasoning or message.reasoning_content or None,
        tool_calls=tuple(
            ToolCall(
                call.id or "", FunctionCall(call.function.name, arguments(call.function.arguments))
            )
            for call in message.tool_calls or ()
        ),
        finish_reason=choice.finish_reason,
        usage=Usage(max(usage.prompt_tokens or 0, 0), max(usage.completion_tokens or 0, 0), 1),
        cached_tokens=max(details.cached_tokens or 0, 0),
    )


def _text(content: str | list[_Part] | None) -> str:
    if isinstance(content, list):
        return "".join(part.text for part in content)
    return content or ""
