"""The Responses interface of the embedded teacher: the same play, through the SDK's own types."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI

from embedded_talk import (
    BRIEF,
    GOOD,
    TOOLS,
    Json,
    alone,
    history_after,
    play,
    question,
    run,
    served,
)
from kappa_data.teacher.embedded import Embedded

TOOLS_FLAT: list[Any] = [{"type": "function", **tool["function"]} for tool in TOOLS]  # type: ignore[dict-item]


def items_of(messages: list[Json]) -> list[Any]:
    """The chat messages as the items that a client of this interface keeps."""
    items: list[Json] = []
    for message in messages:
        if message["role"] == "tool":
            call_id, output = message["tool_call_id"], message["content"]
            items.append({"type": "function_call_output", "call_id": call_id, "output": output})
            continue
        if message.get("reasoning"):
            thought = {"type": "reasoning_text", "text": message["reasoning"]}
            items.append({"type": "reasoning", "id": "r", "summary": [], "content": [thought]})
        if message["content"] and message["role"] == "assistant":
            part = {"type": "output_text", "text": message["content"], "annotations": []}
            items.append({"type": "message", "role": "assistant", "content": [part]})
        elif message["content"]:
            items.append({"role": message["role"], "content": message["content"]})
        for call in message.get("tool_calls") or ():
            items.append({"type": "function_call", "call_id": call["id"], **call["function"]})
    return items


async def respond(client: AsyncOpenAI, slot: str, messages: list[Json], **more: Any) -> Json:
    answer = await client.responses.create(
        model="embedded",
        instructions=BRIEF,
        input=items_of(messages[1:]),
        tools=TOOLS_FLAT,
        metadata={"slot": slot, "role": "assistant"},
        store=False,
        **more,
    )
    return answer.model_dump()


def as_chat(answer: Json) -> Json:
    """What the items say, as a chat message; built by hand."""
    said: Json = {"content": "", "reasoning": "", "tool_calls": []}
    for item in answer["output"]:
        if item["type"] == "reasoning":
            said["reasoning"] += "".join(part["text"] for part in item["content"])
        elif item["type"] == "message":
            said["content"] += "".join(part["text"] for part in item["content"])
        else:
            said["tool_calls"].append((item["call_id"], item["name"], item["arguments"]))
    return said


@pytest.mark.parametrize("done", range(4))
def test_says_the_same_as_chat_at_every_place(done: int) -> None:
    slot = "lines/3:chaotic_evil"

    async def work() -> tuple[Json, Json]:
        async with served() as (_, client):
            messages = history_after(await play(client, slot), done)
            chat = await client.chat.completions.create(**question(slot, messages))
            form = {"format": {"type": "text"}}
            return chat.model_dump(), await respond(client, slot, messages, text=form)

    chat, answer = run(work())
    said = chat["choices"][0]["message"]
    assert as_chat(answer) == {
        "content": said["content"],
        "reasoning": said.get("reasoning") or "",
        "tool_calls": [
            (call["id"], call["function"]["name"], call["function"]["arguments"])
            for call in said["tool_calls"] or ()
        ],
    }
    assert answer["status"] == "completed"
    usage, other = answer["usage"], chat["usage"]
    assert usage["input_tokens"] == other["prompt_tokens"]
    assert usage["output_tokens"] == other["completion_tokens"]
    assert usage["total_tokens"] == other["total_tokens"]
    thought = other["completion_tokens_details"]["reasoning_tokens"]
    assert usage["output_tokens_details"]["reasoning_tokens"] == thought


def test_an_answer_that_is_cut_is_incomplete() -> None:
    async def work() -> tuple[Json, Json]:
        async with served() as (_, client):
            messages = await play(client, "lines/3:chaotic_evil")
            place = history_after(messages, 0)
            whole = await respond(client, "lines/3:chaotic_evil", place)
            most = whole["usage"]["output_tokens"] - 1
            return whole, await respond(
                client, "lines/3:chaotic_evil", place, max_output_tokens=most
            )

    whole, short = run(work())
    assert short["status"] == "incomplete"
    assert short["incomplete_details"]["reason"] == "max_output_tokens"
    assert short["usage"]["output_tokens"] == whole["usage"]["output_tokens"] - 1
    assert short["output"][-1]["status"] == "incomplete"


def test_a_text_alone_is_a_user_message() -> None:
    async def work() -> str:
        async with served() as (_, client):
            answer = await client.responses.create(model="embedded", input="Who are you?")
            return answer.output_text

    assert "embedded teacher" in run(work())


CALL = {"id": "c1", "type": "function", "function": {"name": "bash", "arguments": "{}"}}
CALLED: list[Json] = [
    {"role": "user", "content": "x"},
    {"role": "assistant", "tool_calls": [CALL]},
]
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "x"}


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"stream": True}, 400, "stream"),
        ({"previous_response_id": "resp_1"}, 400, "previous_response_id"),
        ({"model": "gpt-9"}, 404, "model"),
        ({"input": []}, 400, "input"),
        ({"input": [{"content": "x"}]}, 400, "input[0].role"),
        ({"input": [{"type": "dream"}]}, 400, "input[0].type"),
        ({"input": [OUTPUT]}, 400, "messages[0].tool_call_id"),
        ({"input": [{"type": "function_call", "call_id": "c1", "name": "b"}]}, 400, "messages"),
        ({"max_output_tokens": 0}, 400, "max_output_tokens"),
        ({"text": {"format": {"type": "xml"}}}, 400, "text.format.type"),
    ],
)
def test_refusals_have_the_form_of_the_api(body: Json, status: int, param: str) -> None:
    async def work() -> tuple[int, Json]:
        async with alone() as server:
            return await post_response(server, {"model": "embedded", "input": "x", **body})

    got, data = run(work())
    assert (got, data["error"]["param"]) == (status, param)
    assert data["error"]["message"]


async def post_response(server: Embedded, body: Json) -> tuple[int, Json]:
    url = f"{server.base_url}/responses"
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
        return response.status, json.loads(await response.read())


def test_steps_that_follow_each_other_are_told_apart() -> None:
    """Two steps of the assistant with their results between them, and a call without words."""
    answered = [{"role": "tool", "tool_call_id": "c1", "content": "x"}]

    async def work() -> tuple[Json, Json]:
        async with served() as (_, client):
            body = {"messages": [*CALLED, *answered], "tools": TOOLS}
            chat = await client.chat.completions.create(**{**GOOD, **body})
            answer = await client.responses.create(
                model="embedded",
                input=items_of([{**m, "content": m.get("content")} for m in body["messages"]]),
                tools=TOOLS_FLAT,
                metadata=GOOD["metadata"],  # type: ignore[arg-type]
            )
            return chat.model_dump(), answer.model_dump()

    chat, answer = run(work())
    assert answer["usage"]["input_tokens"] == chat["usage"]["prompt_tokens"]
    assert as_chat(answer)["content"] == chat["choices"][0]["message"]["content"]
