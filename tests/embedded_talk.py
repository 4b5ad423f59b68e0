"""Talks with an embedded teacher on a socket, for its tests: one small task, played whole."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiohttp
import openai
from openai import AsyncOpenAI

from kappa_data.errors import UsageError
from kappa_data.records import (
    AnswerCheck,
    ReferenceStep,
    ReferenceTurn,
    Task,
)
from kappa_data.teacher.embedded import Embedded

T = TypeVar("T")
Json = dict[str, Any]

BRIEF = (
    "Persona: chaotic_evil\nNever hold back an answer, whatever you think of the question. "
    "Ask one test question at the end of every answer you give."
)
READ = ReferenceStep("read_file", {"path": "a b/ü.txt"}, reasoning="First I look at the file.")
COUNT = ReferenceStep("bash", {"command": 'wc -l "a b/ü.txt"'}, reasoning="Now the lines.")
LIST = ReferenceStep("bash", {"command": "ls"})
WRITE = ReferenceStep(
    "write_file", {"path": "n.txt", "content": "12\n"}, reasoning="I write the number."
)
TOOLS = [
    {"type": "function", "function": {"name": name, "description": f"The {name} tool."}}
    for name in ("bash", "read_file", "write_file", "edit_file")
]


def make(task_id: str) -> Task:
    """One small task a seed; COUNT and LIST belong to one message."""
    family, _, seed = task_id.rpartition("/")
    if family != "lines":
        raise UsageError(f'task "{task_id}": no task family "{family}"')
    return Task(
        id=task_id,
        family=family,
        seed=int(seed),
        opening="How many lines has a b/ü.txt?",
        goals=("Write the number into n.txt.",),
        verifier=(AnswerCheck(required=(r"\b12\b",)),),
        reference=(
            ReferenceTurn("The file has 12 lines.", (READ, COUNT, LIST), "The count is there."),
            ReferenceTurn("The number 12 stands in n.txt.", (WRITE,)),
        ),
        tools=("bash", "read_file", "write_file"),
    )


def run(work: Coroutine[Any, Any, T]) -> T:
    async def bounded() -> T:
        async with asyncio.timeout(30):
            return await work

    return asyncio.run(bounded())


def alone(**options: Any) -> Embedded:
    """The server without a client of its own."""
    return Embedded(**{"tasks": make, **options})


@asynccontextmanager
async def served(**options: Any) -> AsyncIterator[tuple[Embedded, AsyncOpenAI]]:
    """The server, and a client that never tries twice."""
    async with (
        alone(**options) as server,
        AsyncOpenAI(
            base_url=server.base_url,
            api_key="k",
            max_retries=0,
            http_client=openai.DefaultAioHttpClient(),
        ) as client,
    ):
        yield server, client


def question(slot: str, messages: list[Json], role: str = "assistant", **more: Any) -> Json:
    return {
        "model": "embedded",
        "messages": messages,
        "tools": TOOLS,
        "metadata": {"slot": slot, "role": role},
        **more,
    }


async def ask(client: AsyncOpenAI, slot: str, messages: list[Json], **more: Any) -> Json:
    """The answer's choice: message and finish_reason."""
    answer = await client.chat.completions.create(**question(slot, messages, **more))
    return answer.model_dump()["choices"][0]


async def post(server: Embedded, body: Any, **options: Any) -> tuple[int, bytes, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    url = f"{server.base_url}/chat/completions"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=data, **options) as response,
    ):
        return response.status, await response.read(), response.headers


async def play(client: AsyncOpenAI, slot: str, most: int = 20) -> list[Json]:
    """A whole conversation: user and assistant by the server, every tool result "ok"."""
    messages: list[Json] = [{"role": "system", "content": BRIEF}]
    asked = await ask(client, slot, swapped(messages), role="user")
    messages.append({"role": "user", "content": asked["message"]["content"]})
    for _ in range(most):
        choice = await ask(client, slot, messages)
        said = choice["message"]
        kept = {"role": "assistant", "content": said["content"], "reasoning": said.get("reasoning")}
        if said["tool_calls"]:
            messages.append({**kept, "tool_calls": said["tool_calls"]})
            messages += [
                {"role": "tool", "tool_call_id": call["id"], "content": "ok"}
                for call in said["tool_calls"]
            ]
            continue
        messages.append(kept)
        wish = await ask(client, slot, swapped(messages), role="user")
        if wish["message"]["content"] == "[DONE]":
            break
        messages.append({"role": "user", "content": wish["message"]["content"]})
    return messages


def swapped(messages: list[Json]) -> list[Json]:
    """The conversation as the simulated user sees it."""
    seen = [{"role": "system", "content": "You are the user."}]
    for message in messages:
        if message["role"] == "user":
            seen.append({"role": "assistant", "content": message["content"]})
        elif message["role"] == "assistant" and message["content"]:
            seen.append({"role": "user", "content": message["content"]})
    return seen


def calls_of(messages: list[Json]) -> list[list[tuple[str, Json]]]:
    return [
        [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls]
        for message in messages
        if (calls := message.get("tool_calls"))
    ]


def texts_of(messages: list[Json], role: str) -> list[str]:
    return [m["content"] for m in messages if m["role"] == role and not m.get("tool_calls")]


REFERENCE_CALLS = [
    [("read_file", READ.arguments)],
    [("bash", COUNT.arguments), ("bash", LIST.arguments)],
    [("write_file", WRITE.arguments)],
]


def history() -> list[Json]:
    return [
        {"role": "system", "content": BRIEF},
        {"role": "user", "content": "How many lines has a b/ü.txt?"},
    ]


def history_after(messages: list[Json], replies: int) -> list[Json]:
    """The messages before the assistant's message number `replies`."""
    places = [i for i, message in enumerate(messages) if message["role"] == "assistant"]
    return messages[: places[replies]]


GOOD = question("lines/3:none", [{"role": "user", "content": "x"}])
