"""The embedded teacher's side of the wire: what a request must be, and the forms of its answers.

Source of the forms: the OpenAI API reference, "Create chat completion", "Streaming" and "Error
codes". Beyond it, the assistant's reasoning is given as `reasoning` and `reasoning_content`, as
servers of open models do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from kappa_data.records import FunctionCall, Message, Role, Usage, compact_json

MODEL = "embedded"
_PIECE = 64
"""characters of text in one streamed chunk"""

B = TypeVar("B", bound=Struct)


class Refused(Exception):
    """A request that gets an error instead of an answer, in the API's own form."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.body = {
            "error": {"message": message, "type": kind, "param": param, "code": code},
        }


class Part(Struct, frozen=True):
    """One part of a message's content; only text is played."""

    type: Literal["text"]
    text: str


class WireCall(Struct, frozen=True):
    """A tool call in the history that the client sends back."""

    id: str
    function: FunctionCall


class Said(Struct, frozen=True):
    """One message of the request."""

    role: Role
    content: str | tuple[Part, ...] | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: tuple[WireCall, ...] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """The content as one text."""
        if isinstance(self.content, tuple):
            return "".join(part.text for part in self.content)
        return self.content or ""

    @property
    def calls(self) -> tuple[WireCall, ...]:
        """The tool calls; () where there are none."""
        return self.tool_calls or ()


class ToolFunction(Struct, frozen=True):
    """What a tool definition says of its function."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = {}


class ToolDefinition(Struct, frozen=True):
    """One tool that the client offers."""

    type: Literal["function"]
    function: ToolFunction


class StreamOptions(Struct, frozen=True):
    """How to stream."""

    include_usage: bool = False


class ResponseFormat(Struct, frozen=True):
    """The form that the answer's content shall have; `json_schema` holds a name and a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: dict[str, Any] | None = None


Count = Annotated[int, Meta(ge=1)]


class ChatBody(Struct, frozen=True):
    """The body of POST /v1/chat/completions; fields that a rule player cannot use are ignored."""

    model: str
    messages: Annotated[tuple[Said, ...], Meta(min_length=1)]
    tools: tuple[ToolDefinition, ...] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = None
    metadata: dict[str, str] | None = None
    n: Annotated[int, Meta(ge=1, le=1)] | None = 1

    @property
    def limit(self) -> int | None:
        """The most tokens of the answer; None: no limit."""
        return self.max_completion_tokens or self.max_tokens

    def texts(self) -> Iterator[str]:
        """Every text of the prompt: what usage.prompt_tokens counts."""
        for tool in self.tools or ():
            yield tool.function.name
            yield tool.function.description
            yield compact_json(tool.function.parameters)
        for said in self.messages:
            yield said.text
            yield said.reasoning or said.reasoning_content or ""
            for call in said.calls:
                yield call.function.name
                yield call.function.arguments


def read_body(data: bytes) -> ChatBody:
    """The request in `data`; Refused (400 or 404) says what is wrong with it."""
    return checked(body_of(data, ChatBody))


def body_of(data: bytes, kind: type[B]) -> B:
    """The body in `data`, of the form `kind`; Refused (400) where it is not."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise Refused(400, f"{error}.", param=_param(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, f"The body is not JSON: {error}.", code="invalid_json") from None


def checked(body: ChatBody) -> ChatBody:
    """The same; Refused where the model is unknown (404), or calls and results do not pair."""
    if body.model != MODEL:
        raise no_such_model(body.model)
    _check_calls(body.messages)
    return body


def no_such_model(name: str) -> Refused:
    """The error for any model but the one."""
    return Refused(
        404,
        f"The model `{name}` does not exist; this server has `{MODEL}` alone.",
        param="model",
        code="model_not_found",
    )


def _param(error: str) -> str | None:
    """The field that a validation error is about: "... at `$.messages[0].role`"."""
    place = re.search(r"at `\$\.([^`]+)`", error)
    field = re.search(r"required field `([^`]+)`", error)
    names = [found[1] for found in (place, field) if found]
    return ".".join(names) or None


def _check_calls(messages: Sequence[Said]) -> None:
    """Refuses, as real servers do, a tool message without its call and a call without an answer."""
    open_calls: set[str] = set()
    for index, said in enumerate(messages):
        place = f"messages[{index}]"
        if said.role == "tool":
            if said.tool_call_id not in open_calls:
                raise Refused(
                    400, f"{place} answers no preceding tool call.", param=f"{place}.tool_call_id"
                )
            open_calls.discard(said.tool_call_id)
            continue
        _none_open(open_calls, place)
        open_calls = {call.id for call in said.calls}
    _none_open(open_calls, "the end of messages")


def _none_open(calls: set[str], place: str) -> None:
    if calls:
        missing = ", ".join(sorted(calls))
        raise Refused(400, f"Before {place}: no tool message answers {missing}.", param="messages")


def usage_json(usage: Usage, reasoning_tokens: int) -> dict[str, Any]:
    """The `usage` object; reasoning is part of the completion."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "completion_tokens_details": {"reasoning_tokens": reasoning_tokens},
    }


def completion(answer_id: str, message: Message, usage: dict[str, Any]) -> dict[str, Any]:
    """The whole answer as one object."""
    said: dict[str, Any] = {"role": "assistant", "content": message.content}
    if message.reasoning:
        said |= {"reasoning": message.reasoning, "reasoning_content": message.reasoning}
    if message.tool_calls:
        said["tool_calls"] = msgspec.to_builtins(message.tool_calls)
    choice = {"index": 0, "message": said, "finish_reason": message.finish_reason}
    return {**_head(answer_id, "chat.completion"), "choices": [choice], "usage": usage}


def chunks(
    answer_id: str, message: Message, usage: dict[str, Any] | None
) -> Iterator[dict[str, Any]]:
    """The answer as the objects of a stream; `usage` is a last one, without choices."""
    for delta in _deltas(message):
        yield _chunk(answer_id, delta, None)
    yield _chunk(answer_id, {}, message.finish_reason)
    if usage is not None:
        yield {**_head(answer_id, "chat.completion.chunk"), "choices": [], "usage": usage}


def _deltas(message: Message) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": ""}
    for piece in _pieces(message.reasoning or ""):
        yield {"reasoning": piece, "reasoning_content": piece}
    for piece in _pieces(message.content):
        yield {"content": piece}
    for index, call in enumerate(message.tool_calls):
        start = {"name": call.function.name, "arguments": ""}
        named = {"index": index, "id": call.id, "type": "function", "function": start}
        yield {"tool_calls": [named]}
        for piece in _pieces(call.function.arguments):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), _PIECE):
        yield text[start : start + _PIECE]


def _chunk(answer_id: str, delta: dict[str, Any], finish: str | None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {**_head(answer_id, "chat.completion.chunk"), "choices": [choice]}


def _head(answer_id: str, kind: str) -> dict[str, Any]:
    # `created` is no clock: the same request gets the same bytes.
    return {"id": answer_id, "object": kind, "created": 0, "model": MODEL}
