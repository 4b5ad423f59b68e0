"""The Responses wire: POST /responses, without the endpoint's memory.

The whole conversation is sent as input items each time (`store` is false), so that any server that
speaks the interface can answer, and any other one go on. Source: the OpenAI API reference, "Create
a model response", and vLLM's server of it, whose reasoning items hold the reasoning as content.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from kappa_data.records import FunctionCall, ToolCall, Usage
from kappa_data.teacher.api import ChatAnswer, ChatRequest, Kind, TeacherError
from kappa_data.teacher.wire import OPENAI_HOST, arguments, decode, excerpt

PATH = "/responses"
_FAILED: dict[str, Kind] = {
    "rate_limit_exceeded": "rate_limit",
    "server_error": "overload",
    "vector_store_timeout": "overload",
    "invalid_prompt": "refused",
}
"""what the code of a failed response means; it comes with HTTP status 200"""


class _Part(Struct):
    type: str = ""
    text: str | None = None
    refusal: str | None = None


class _Item(Struct):
    """One output item of any type: what is not of its type is absent."""

    type: str
    content: str | list[_Part] | None = None
    summary: list[_Part] | None = None
    name: str | None = None
    call_id: str | None = None
    id: str | None = None
    arguments: str | dict[str, Any] | None = None


class _Incomplete(Struct):
    reason: str | None = None


class _Error(Struct):
    code: str | None = None
    message: str | None = None


class _InputDetails(Struct):
    cached_tokens: int | None = None


class _Usage(Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _InputDetails | None = None


class _Body(Struct):
    output: list[_Item] | None = None
    status: str | None = None
    incomplete_details: _Incomplete | None = None
    error: _Error | None = None
    usage: _Usage | None = None


def body(request: ChatRequest, host: str, metadata: bool, form: bool) -> dict[str, Any]:
    """The request as JSON values for the endpoint at `host`; `form`: with its schema.

    OpenAI itself takes no seed here, no reasoning that it did not sign, and for some models no
    temperature or top_p, even at their default 1.
    """
    at_openai = host == OPENAI_HOST
    values: dict[str, Any] = {
        "model": request.model,
        "input": list(_items(request.messages, with_reasoning=not at_openai)),
        "store": False,
    }
    if request.tools:
        values["tools"] = [_tool(tool["function"]) for tool in request.tools]
    for name in ("temperature", "top_p"):
        value = getattr(request, name)
        if value is not None and not (at_openai and value == 1.0):
            values[name] = value
    if request.max_tokens is not None:
        values["max_output_tokens"] = request.max_tokens
    if request.reasoning_effort:
        values["reasoning"] = {"effort": request.reasoning_effort}
    if request.seed is not None and not at_openai:
        values["seed"] = request.seed
    if form and request.schema is not None:
        schema = {"name": "answer", "schema": request.schema, "strict": True}
        values["text"] = {"format": {"type": "json_schema", **schema}}
    if metadata and request.metadata:
        values["metadata"] = request.metadata
    return values


def answer(data: bytes) -> ChatAnswer:
    """The answer in a response body; TeacherError where it is none: mostly "malformed"."""
    decoded = decode(data, _Body)
    if decoded.status == "failed":
        error = decoded.error or _Error()
        detail = f"failed: {error.code}: {error.message}"
        raise TeacherError(_FAILED.get(error.code or "", "malformed"), detail)
    if decoded.status not in ("completed", "incomplete") or decoded.output is None:
        raise TeacherError("malformed", f"status {decoded.status}: {excerpt(data)}")
    texts, reasoning, calls = [], [], []
    for item in decoded.output:
        if item.type == "message":
            texts.append(_text(item.content))
        elif item.type == "reasoning":
            # The words themselves where they are given; a summary is what is left of hidden ones.
            reasoning.append(_text(item.content) or _text(item.summary))
        elif item.type == "function_call":
            if not item.name:
                raise TeacherError("malformed", f"a call without a name: {excerpt(data)}")
            function = FunctionCall(item.name, arguments(item.arguments))
            calls.append(ToolCall(item.call_id or item.id or "", function))
    usage = decoded.usage or _Usage()
    details = usage.input_tokens_details or _InputDetails()
    return ChatAnswer(
        content="\n\n".join(text for text in texts if text),
        reasoning="\n\n".join(text for text in reasoning if text) or None,
        tool_calls=tuple(calls),
        finish_reason=_finish(decoded, bool(calls)),
        usage=Usage(max(usage.input_tokens or 0, 0), max(usage.output_tokens or 0, 0), 1),
        cached_tokens=max(details.cached_tokens or 0, 0),
    )


def _finish(decoded: _Body, calling: bool) -> str:
    """The end in the words of Chat Completions."""
    if decoded.status == "incomplete":
        reason = decoded.incomplete_details.reason if decoded.incomplete_details else None
        return "content_filter" if reason == "content_filter" else "length"
    return "tool_calls" if calling else "stop"


def _text(content: str | list[_Part] | None) -> str:
    if isinstance(content, list):
        return "".join(part.text or part.refusal or "" for part in content)
    return content or ""


def _items(messages: Sequence[Mapping[str, Any]], with_reasoning: bool) -> Iterator[dict[str, Any]]:
    """The chat messages as input items; one message may be several."""
    for index, message in enumerate(messages):
        role, content = message["role"], message.get("content")
        if role == "tool":
            output = {"call_id": message["tool_call_id"], "output": content or ""}
            yield {"type": "function_call_output", **output}
            continue
        if with_reasoning and (reasoning := message.get("reasoning")):
            thought = [{"type": "reasoning_text", "text": reasoning}]
            yield {"type": "reasoning", "id": f"rs_{index}", "summary": [], "content": thought}
        if content:
            yield {"type": "message", "role": role, "content": content}
        for call in message.get("tool_calls") or ():
            function = call["function"]
            named = {"name": function["name"], "arguments": function["arguments"]}
            yield {"type": "function_call", "call_id": call["id"], **named}


def _tool(function: Mapping[str, Any]) -> dict[str, Any]:
    # Strict is the default here and not in Chat Completions: it takes only some schemas.
    return {"type": "function", "strict": False, **function}
