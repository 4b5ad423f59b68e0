"""The Responses interface of the embedded teacher: its requests as chat, its answers as items.

Stateless: the whole conversation is in `input`, and nothing is kept. Source of the forms: the
OpenAI API reference, "Create a model response" and "The response object".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from kappa_data.records import FunctionCall, Message
from kappa_data.teacher.embedded_wire import (
    MODEL,
    ChatBody,
    Count,
    Refused,
    Said,
    ToolDefinition,
    ToolFunction,
    WireCall,
    body_of,
    checked,
)


class _Text(Struct, frozen=True):
    """One part of a text: what was put in, said, thought or refused."""

    type: Literal["input_text", "output_text", "reasoning_text", "summary_text", "refusal", "text"]
    text: str = ""
    refusal: str = ""


Texts = str | tuple[_Text, ...]


class _Item(Struct, frozen=True):
    """One item of `input`; which fields it has depends on its type."""

    type: Literal["message", "reasoning", "function_call", "function_call_output"] = "message"
    role: Literal["system", "developer", "user", "assistant"] | None = None
    content: Texts | None = None
    summary: tuple[_Text, ...] = ()
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    output: Texts = ""


class _Tool(Struct, frozen=True):
    """One tool on offer; the Responses form has its function's fields at the top."""

    type: Literal["function"]
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class _Form(Struct, frozen=True):
    """The form that the answer's text shall have."""

    type: Literal["text", "json_object", "json_schema"] = "text"


class _TextOptions(Struct, frozen=True):
    format: _Form | None = None


class ResponsesBody(Struct, frozen=True):
    """The body of POST /v1/responses; fields that a rule player cannot use are ignored."""

    model: str
    input: str | tuple[_Item, ...]
    instructions: str | None = None
    tools: tuple[_Tool, ...] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    max_output_tokens: Count | None = None
    text: _TextOptions | None = None
    stream: bool | None = False
    previous_response_id: str | None = None
    metadata: dict[str, str] | None = None


def read_responses_body(data: bytes) -> ChatBody:
    """The request in `data` as the chat request that asks the same.

    Refused (400 or 404) says what is wrong with it, or what this server does not do.
    """
    body = body_of(data, ResponsesBody)
    if body.stream:
        raise Refused(400, "This server does not stream responses.", param="stream")
    if body.previous_response_id is not None:
        raise Refused(
            400,
            "This server keeps no responses; send the whole conversation as input.",
            param="previous_response_id",
        )
    messages = tuple(_messages(body))
    if not messages:
        raise Refused(400, "There is nothing in input.", param="input")
    return checked(
        ChatBody(
            model=body.model,
            messages=messages,
            tools=tuple(map(_chat_tool, body.tools)) if body.tools else None,
            max_tokens=body.max_output_tokens,
            metadata=body.metadata,
        )
    )


def _messages(body: ResponsesBody) -> Iterator[Said]:
    if body.instructions is not None:
        yield Said("system", body.instructions)
    if isinstance(body.input, str):
        yield Said("user", body.input)
        return
    # What the assistant thought, said and called in one step comes as items of their own.
    step: Said | None = None
    for index, item in enumerate(body.input):
        if (more := _with(step, item)) is not None:
            step = more
            continue
        if step is not None:
            yield step
        step = _with(Said("assistant"), item)
        if step is None:
            yield _other(item, index)
    if step is not None:
        yield step


def _with(step: Said | None, item: _Item) -> Said | None:
    """The assistant's step with one more item; None where the item begins another, or none."""
    if step is None:
        return None
    said, called = step.content is not None, step.tool_calls is not None
    if item.type == "reasoning" and not (said or called or step.reasoning):
        text = _text(item.content or "") or _text(item.summary)
        return msgspec.structs.replace(step, reasoning=text)
    if item.type == "message" and item.role == "assistant" and not (said or called):
        return msgspec.structs.replace(step, content=_text(item.content or ""))
    if item.type == "function_call":
        call = WireCall(item.call_id, FunctionCall(item.name, item.arguments))
        return msgspec.structs.replace(step, tool_calls=(*step.calls, call))
    return None


def _other(item: _Item, index: int) -> Said:
    if item.type == "function_call_output":
        return Said("tool", _text(item.output), tool_call_id=item.call_id)
    if item.role is None:
        raise Refused(400, f"input[{index}] has no role.", param=f"input[{index}].role")
    return Said(item.role, _text(item.content or ""))


def _text(parts: Texts) -> str:
    if isinstance(parts, str):
        return parts
    return "".join(part.text or part.refusal for part in parts)


def _chat_tool(tool: _Tool) -> ToolDefinition:
    function = ToolFunction(tool.name, tool.description or "", tool.parameters or {})
    return ToolDefinition("function", function)


def response(answer_id: str, message: Message, usage: dict[str, Any]) -> dict[str, Any]:
    """The whole answer as one response object; `usage` as chat completions have it."""
    cut = message.finish_reason == "length"
    details = usage["completion_tokens_details"]
    return {
        "id": f"resp_{answer_id}",
        "object": "response",
        "created_at": 0,  # no clock: the same request gets the same bytes
        "status": "incomplete" if cut else "completed",
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "model": MODEL,
        "output": list(_items(answer_id, message)),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": usage["prompt_tokens"],
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": usage["completion_tokens"],
            "output_tokens_details": {"reasoning_tokens": details["reasoning_tokens"]},
            "total_tokens": usage["total_tokens"],
        },
    }


def _items(answer_id: str, message: Message) -> Iterator[dict[str, Any]]:
    done = "incomplete" if message.finish_reason == "length" else "completed"
    if message.reasoning:
        thought = {"type": "reasoning_text", "text": message.reasoning}
        yield {"type": "reasoning", "id": f"rs_{answer_id}", "summary": [], "content": [thought]}
    if message.content or message.finish_reason == "stop":
        text = {"type": "output_text", "text": message.content, "annotations": []}
        head = {"type": "message", "id": f"msg_{answer_id}", "role": "assistant"}
        yield {**head, "status": done, "content": [text]}
    for index, call in enumerate(message.tool_calls):
        yield {
            "type": "function_call",
            "id": f"fc_{answer_id}_{index}",
            "call_id": call.id,
            "name": call.function.name,
            "arguments": call.function.arguments,
            "status": done,
        }
