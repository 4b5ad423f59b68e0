"""The embedded teacher over a real socket: what it says, in what form, and what it breaks."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiohttp
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import AsyncOpenAI
from openai_harmony import HarmonyEncodingName, load_harmony_encoding

from kappa_data.errors import EnvironmentLacks, UsageError
from kappa_data.records import (
    AnswerCheck,
    FunctionCall,
    Message,
    ReferenceStep,
    ReferenceTurn,
    Task,
    ToolCall,
)
from kappa_data.tasks import catalog
from kappa_data.teacher.embedded import CONTEXT, MAX_BODY, Embedded
from kappa_data.teacher.embedded_tokens import cut, spoken
from kappa_data.teacher.faults import Faults, read_faults
from kappa_data.teacher.sloppy import INSTEAD_OF_ANSWER, INSTEAD_OF_CALLS, KINDS, read_sloppy

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


def test_plays_the_whole_reference_and_stops() -> None:
    async def work() -> list[Json]:
        async with served() as (_, client):
            return await play(client, "lines/3:none")

    messages = run(work())
    assert calls_of(messages) == REFERENCE_CALLS
    assert texts_of(messages, "assistant") == [
        "The file has 12 lines.",
        "The number 12 stands in n.txt.",
    ]
    users = texts_of(messages, "user")
    assert users[0] == make("lines/3").opening
    assert len(users) == 2
    assert "n.txt" in users[1]
    reasonings = [m["reasoning"] for m in messages if m["role"] == "assistant"]
    assert reasonings == [
        READ.reasoning,
        COUNT.reasoning,
        "The count is there.",
        WRITE.reasoning,
        None,
    ]


def test_plays_a_task_of_every_family() -> None:
    async def work() -> dict[str, list[Json]]:
        async with served(tasks=catalog.task) as (_, client):
            return {
                name: await play(client, f"{name}/0:none", most=60) for name in catalog.families()
            }

    for name, messages in run(work()).items():
        task = catalog.task(f"{name}/0")
        steps = [step for turn in task.reference for step in turn.steps]
        made = [call for group in calls_of(messages) for call in group]
        assert made == [(step.tool, step.arguments) for step in steps], name
        answers = [turn.answer for turn in task.reference]
        assert texts_of(messages, "assistant") == answers, name


def test_personas_differ_in_voice_alone() -> None:
    async def work() -> list[list[Json]]:
        async with served() as (_, client):
            names = ("none", "chaotic_evil", "lawful_good")
            return [await play(client, f"lines/3:{name}") for name in names]

    played = run(work())
    assert [calls_of(messages) for messages in played] == [REFERENCE_CALLS] * 3
    assert len({tuple(texts_of(messages, "user")) for messages in played}) == 1
    finals = [texts_of(messages, "assistant")[0] for messages in played]
    assert len(set(finals)) == 3
    assert all("12" in final for final in finals)


def test_some_calls_come_with_words_in_every_persona_or_none() -> None:
    async def work() -> list[list[bool]]:
        async with served() as (_, client):
            return [
                [
                    bool(choice["message"]["content"])
                    for seed in range(60)
                    for choice in [await ask(client, f"lines/{seed}:{name}", history())]
                ]
                for name in ("chaotic_evil", "lawful_good")
            ]

    evil, good = run(work())
    assert evil == good
    assert 2 <= sum(evil) <= 20


def test_goes_on_when_a_tool_failed_and_closes_when_there_is_nothing_left() -> None:
    async def work() -> tuple[Json, Json, Json]:
        async with served() as (_, client):
            slot = "lines/3:none"
            first = await ask(client, slot, history())
            call = first["message"]["tool_calls"][0]
            failed = [
                *history(),
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": call["id"], "content": "exit code 127"},
            ]
            second = await ask(client, slot, failed)
            answered = [
                *history(),
                {"role": "assistant", "content": "12"},
                {"role": "user", "content": [{"type": "text", "text": "Write it."}]},
                {"role": "assistant", "content": "Done."},
                {"role": "user", "content": "And now?"},
            ]
            return first, second, await ask(client, slot, answered)

    first, second, closing = run(work())
    assert first["finish_reason"] == second["finish_reason"] == "tool_calls"
    assert [c["function"]["name"] for c in second["message"]["tool_calls"]] == ["bash", "bash"]
    assert closing["finish_reason"] == "stop"
    assert closing["message"]["tool_calls"] is None
    assert "nothing to add" in closing["message"]["content"]


def history() -> list[Json]:
    return [
        {"role": "system", "content": BRIEF},
        {"role": "user", "content": "How many lines has a b/ü.txt?"},
    ]


def test_says_what_it_is_to_a_client_that_names_no_slot() -> None:
    async def work() -> str:
        async with served() as (_, client):
            answer = await client.chat.completions.create(
                model="embedded", messages=[{"role": "user", "content": "Who are you?"}]
            )
            return answer.choices[0].message.content or ""

    assert "embedded teacher" in run(work())


# --- the wire ----------------------------------------------------------------------------------


def joined(chunks: list[Json]) -> Json:
    """A stream put together by hand."""
    said: Json = {"content": "", "reasoning": "", "tool_calls": []}
    finish = None
    for chunk in chunks:
        for choice in chunk["choices"]:
            delta = choice["delta"]
            said["content"] += delta.get("content") or ""
            said["reasoning"] += delta.get("reasoning") or ""
            for part in delta.get("tool_calls") or ():
                if part["index"] == len(said["tool_calls"]):
                    said["tool_calls"].append({"id": part["id"], **part["function"]})
                else:
                    call = said["tool_calls"][part["index"]]
                    call["arguments"] += part["function"]["arguments"]
            finish = choice["finish_reason"] or finish
    return {**said, "finish_reason": finish}


@pytest.mark.parametrize("done", range(3))
def test_a_stream_says_the_same_as_a_whole_answer(done: int) -> None:
    async def work() -> tuple[Json, list[Json], list[Json]]:
        async with served() as (_, client):
            slot = "lines/3:chaotic_evil"
            messages = history_after(await play(client, slot), done)
            whole = await client.chat.completions.create(**question(slot, messages))
            with_usage = question(
                slot, messages, stream=True, stream_options={"include_usage": True}
            )
            plain = question(slot, messages, stream=True)
            return (
                whole.model_dump(),
                [c.model_dump() async for c in await client.chat.completions.create(**with_usage)],
                [c.model_dump() async for c in await client.chat.completions.create(**plain)],
            )

    whole, chunks, plain = run(work())
    choice = whole["choices"][0]
    said = choice["message"]
    assert (
        joined(chunks)
        == joined(plain)
        == {
            "content": said["content"],
            "reasoning": said.get("reasoning") or "",
            "tool_calls": [{"id": c["id"], **c["function"]} for c in said["tool_calls"] or ()],
            "finish_reason": choice["finish_reason"],
        }
    )
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["total_tokens"] == whole["usage"]["total_tokens"]
    assert all(chunk["usage"] is None for chunk in plain)
    assert {chunk["id"] for chunk in chunks} == {whole["id"]}


def history_after(messages: list[Json], replies: int) -> list[Json]:
    """The messages before the assistant's message number `replies`."""
    places = [i for i, message in enumerate(messages) if message["role"] == "assistant"]
    return messages[: places[replies]]


def test_usage_is_what_another_encoder_counts() -> None:
    encoder = load_harmony_encoding(HarmonyEncodingName.HARMONY_GPT_OSS)

    def count(texts: list[str]) -> int:
        return sum(len(encoder.encode(text, disallowed_special=())) for text in texts)

    async def work() -> tuple[list[Json], Json]:
        async with served() as (_, client):
            messages = history_after(await play(client, "lines/3:chaotic_evil"), 2)
            messages[1]["content"] += " <|end|> \U0001f600"
            body = question("lines/3:chaotic_evil", messages)
            return messages, (await client.chat.completions.create(**body)).model_dump()

    messages, answer = run(work())
    said = answer["choices"][0]["message"]
    prompt = [text for m in messages for text in (m["content"], m.get("reasoning") or "")]
    prompt += [t for m in messages for c in m.get("tool_calls", ()) for t in function_texts(c)]
    for tool in TOOLS:
        function: Any = tool["function"]
        prompt += [function["name"], function["description"], "{}"]
    assert answer["usage"]["prompt_tokens"] == count(prompt)
    assert answer["usage"]["completion_tokens"] == count([said["reasoning"], said["content"]])
    details = answer["usage"]["completion_tokens_details"]
    assert details["reasoning_tokens"] == count([said["reasoning"]])


def function_texts(call: Json) -> tuple[str, str]:
    return call["function"]["name"], call["function"]["arguments"]


GOOD = question("lines/3:none", [{"role": "user", "content": "x"}])
CALL = {"id": "c1", "type": "function", "function": {"name": "bash", "arguments": "{}"}}
CALLED = [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [CALL]}]


@pytest.mark.parametrize(
    ("body", "status", "param", "code"),
    [
        (GOOD | {"model": "gpt-9"}, 404, "model", "model_not_found"),
        (b"{not json", 400, None, "invalid_json"),
        (b"\xff\xfe", 400, None, "invalid_json"),
        (b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, None, "invalid_json"),
        (b'{"model": "embedded", "messages": "\\ud800"}', 400, None, "invalid_json"),
        ({"model": "embedded"}, 400, "messages", None),
        (GOOD | {"messages": []}, 400, "messages", None),
        (GOOD | {"messages": [{"content": "x"}]}, 400, "messages[0].role", None),
        (GOOD | {"messages": [{"role": "robot"}]}, 400, "messages[0].role", None),
        (GOOD | {"messages": [*CALLED, CALLED[0]]}, 400, "messages", None),
        (GOOD | {"messages": CALLED}, 400, "messages", None),
        (
            GOOD | {"messages": [{"role": "tool", "tool_call_id": "c1", "content": "x"}]},
            400,
            "messages[0].tool_call_id",
            None,
        ),
        (GOOD | {"max_tokens": 0}, 400, "max_tokens", None),
        (GOOD | {"n": 2}, 400, "n", None),
        (GOOD | {"temperature": 9}, 400, "temperature", None),
        (GOOD | {"metadata": {"slot": "nosuch/1:none"}}, 400, "metadata", "unknown_slot"),
        (GOOD | {"metadata": {"slot": "lines"}}, 400, "metadata", "unknown_slot"),
        (GOOD | {"metadata": {"slot": "lines/3:wizard"}}, 400, "metadata", "unknown_slot"),
        (
            GOOD | {"metadata": {"slot": "lines/3:none", "role": "judge"}},
            400,
            "metadata",
            "unknown_slot",
        ),
        (
            GOOD | {"messages": [{"role": "user", "content": "word " * CONTEXT}]},
            400,
            "messages",
            "context_length_exceeded",
        ),
        (
            GOOD | {"messages": [{"role": "user", "content": " " * 1_000_000}]},
            400,
            "messages",
            "context_length_exceeded",
        ),
        (b" " * (MAX_BODY + 1), 413, None, "request_entity_too_large"),
    ],
)
def test_errors_have_the_form_of_the_api(
    body: Any, status: int, param: str | None, code: str | None
) -> None:
    async def work() -> tuple[int, Json, Any]:
        async with alone() as server:
            got, data, _headers = await post(server, body)
            return got, json.loads(data), server.requests

    got, data, requests = run(work())
    assert got == status
    assert data.keys() == {"error"}
    assert data["error"].keys() == {"message", "type", "param", "code"}
    assert data["error"]["type"] == "invalid_request_error"
    assert data["error"]["message"]
    assert (data["error"]["param"], data["error"]["code"]) == (param, code)
    assert [number for _, number in requests] == [status]


async def raw(server: Embedded, header: bytes) -> bytes:
    """The status line that a request with this header gets: clients send no such bytes."""
    host, _, port = server.base_url.removeprefix("http://").removesuffix("/v1").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n")
    try:
        return await reader.readline()
    finally:
        writer.close()
        await writer.wait_closed()


def test_key_paths_methods_and_models() -> None:
    async def work() -> None:
        async with (
            served(api_key="s3cret") as (server, wrong),
            AsyncOpenAI(base_url=server.base_url, api_key="s3cret", max_retries=0) as right,
        ):
            with pytest.raises(openai.AuthenticationError) as denied:
                await wrong.models.list()
            assert denied.value.code == "invalid_api_key"
            assert b" 401 " in await raw(server, b"Authorization: Bearer \xff\r\n")
            assert [model.id async for model in right.models.list()] == ["embedded"]
            assert (await right.models.retrieve("embedded")).id == "embedded"
            with pytest.raises(openai.NotFoundError, match="gpt-9"):
                await right.models.retrieve("gpt-9")
            with pytest.raises(openai.NotFoundError) as unknown:
                await right.embeddings.create(model="embedded", input="x")
            assert unknown.value.code == "not_found"
            with pytest.raises(openai.APIStatusError) as method:
                await right.get("/chat/completions", cast_to=object)
            assert method.value.status_code == 405
            assert method.value.response.headers["allow"] == "POST"

    run(work())


def test_answers_depend_on_the_question_alone() -> None:
    """Two servers, opposite orders, all at once: the same bytes."""
    bodies = [
        question(f"lines/{seed}:{persona}", history(), role, stream=stream)
        for seed in range(5)
        for persona in ("none", "chaotic_evil")
        for role in ("assistant", "user")
        for stream in (False, True)
    ]

    async def work(order: list[Json]) -> dict[str, bytes]:
        async with alone(sloppy=0.3, seed=5) as server:
            answers = await asyncio.gather(*(post(server, body) for body in order))
        return {json.dumps(b): data for b, (_, data, _) in zip(order, answers, strict=True)}

    first = run(work(bodies))
    assert first == run(work(bodies[::-1]))
    assert len(set(first.values())) > len(bodies) // 2


def test_counts_what_was_bought_and_keeps_what_was_asked() -> None:
    log: list[Json] = []

    async def work() -> Embedded:
        async with served(log=log) as (server, client):
            await play(client, "lines/3:none")
            return server

    server = run(work())
    assert server.requests == {("assistant", 200): 5, ("user", 200): 3}
    assert set(server.answers.values()) == {1}
    assert len(server.answers) == 8
    assert len(log) == 8
    assert log[1] == question("lines/3:none", history())


# --- limits ------------------------------------------------------------------------------------


def test_an_answer_stops_at_the_limit_of_the_request() -> None:
    async def work(**limit: int) -> tuple[Json, int]:
        async with served() as (_, client):
            body = question("lines/3:none", history(), **limit)
            answer = await client.chat.completions.create(**body)
            assert answer.usage is not None
            return answer.model_dump()["choices"][0], answer.usage.completion_tokens

    whole, tokens = run(work())
    assert run(work(max_tokens=tokens)) == (whole, tokens)
    short, fewer = run(work(max_completion_tokens=tokens - 2))
    assert short["finish_reason"] == "length"
    assert fewer == tokens - 2
    arguments = short["message"]["tool_calls"][0]["function"]["arguments"]
    assert whole["message"]["tool_calls"][0]["function"]["arguments"].startswith(arguments)
    shortest, one = run(work(max_tokens=1))
    assert one == 1
    assert shortest["message"]["tool_calls"] is None
    assert READ.reasoning.startswith(shortest["message"]["reasoning"])


WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Z")), max_size=40)


@settings(max_examples=40, deadline=None)
@given(WORDS, WORDS, st.lists(WORDS, max_size=2), st.integers(0, 60))
def test_what_is_cut_is_a_beginning(
    reasoning: str, content: str, arguments: list[str], limit: int
) -> None:
    calls = tuple(ToolCall(str(i), FunctionCall("bash", a)) for i, a in enumerate(arguments))
    message = Message(
        role="assistant",
        content=content,
        reasoning=reasoning or None,
        tool_calls=calls,
        finish_reason="stop",
    )
    short = cut(message, limit)
    assert "".join(spoken(message)).startswith("".join(spoken(short)))
    assert (short.finish_reason == "stop") == (short == message)
    assert cut(message, 10_000) == message


# --- sloppy ------------------------------------------------------------------------------------


def at_call(kind: str, seed: int = 0) -> Json:
    """The answer where the reference reads the file, with `kind` planted for sure."""
    return spoilt(kind, history(), seed)


def at_answer(kind: str, seed: int = 0) -> Json:
    """The answer where the reference answers the user: past its end, that is its closing."""
    ended = [{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}] * 2
    return spoilt(kind, [*history(), *ended], seed)


def spoilt(kind: str, messages: list[Json], seed: int) -> Json:
    async def work() -> Json:
        async with alone(sloppy={kind: 1.0}, seed=seed) as server:
            body = question(f"lines/{seed}:chaotic_evil", messages)
            _, data, _ = await post(server, body)
            assert list(server.slips.values()) == [kind]
        choice: Json = json.loads(data)["choices"][0]
        choice["message"] = {"tool_calls": None, **choice["message"]}
        return choice

    return run(work())


def first_function(choice: Json) -> Json:
    function: Json = choice["message"]["tool_calls"][0]["function"]
    return function


def test_sloppy_voice_lost() -> None:
    assert at_answer("voice_lost")["message"]["content"].endswith("I have nothing to add.")
    assert at_answer("voice_lost")["message"]["content"].startswith("That was everything")


def leaks(text: str | None) -> bool:
    """Whether the text repeats one of the two sentences of the brief."""
    sentences = BRIEF.splitlines()[1].split(". ")
    return any(sentence in (text or "") for sentence in sentences)


def test_sloppy_brief_leaked() -> None:
    said = [at_answer("brief_leaked", seed)["message"] for seed in range(8)]
    in_content = [leaks(message["content"]) for message in said]
    in_reasoning = [leaks(message.get("reasoning")) for message in said]
    assert in_content == [not leaked for leaked in in_reasoning]
    assert {*in_content} == {True, False}
    at_step = at_call("brief_leaked")
    assert leaks(at_step["message"]["reasoning"])
    assert json.loads(first_function(at_step)["arguments"]) == READ.arguments


@pytest.mark.parametrize("seed", range(6))
def test_sloppy_arguments(seed: int) -> None:
    broken = first_function(at_call("malformed_arguments", seed))
    with pytest.raises(json.JSONDecodeError):
        json.loads(broken["arguments"])
    wrong = json.loads(first_function(at_call("wrong_arguments", seed))["arguments"])
    assert not (wrong.keys() == {"path"} and isinstance(wrong["path"], str))


def test_sloppy_unknown_tool() -> None:
    offered = {tool["function"]["name"] for tool in TOOLS}  # type: ignore[index]
    function = first_function(at_call("unknown_tool"))
    assert function["name"] not in offered
    assert json.loads(function["arguments"]) == READ.arguments


def test_sloppy_invented_result() -> None:
    choice = at_call("invented_result")
    assert choice["message"]["tool_calls"] is None
    assert choice["finish_reason"] == "stop"
    assert "read_file" in choice["message"]["content"]
    assert "12" in choice["message"]["content"]


@pytest.mark.parametrize("where", [at_call, at_answer])
def test_sloppy_refusal_and_empty_answer(where: Any) -> None:
    refusal, empty = where("refusal"), where("empty_answer")
    assert refusal["message"]["tool_calls"] is empty["message"]["tool_calls"] is None
    assert any(word in refusal["message"]["content"] for word in ("can't", "unable", "decline"))
    assert empty["message"]["content"] == ""
    assert refusal["finish_reason"] == empty["finish_reason"] == "stop"


def test_sloppy_flattery_and_special_tokens() -> None:
    right = at_answer_unspoilt()
    praised = at_answer("flattery")["message"]["content"]
    assert praised.endswith(right)
    assert len(praised) > len(right) + 20
    special = at_answer("special_tokens")["message"]["content"]
    assert "<|" in special
    assert "|>" in special
    assert set(right.split()) <= set(special.split())


def at_answer_unspoilt() -> str:
    async def work() -> str:
        async with served() as (_, client):
            ended = [{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}] * 2
            choice = await ask(client, "lines/0:chaotic_evil", [*history(), *ended])
            return str(choice["message"]["content"])

    return run(work())


def test_sloppy_cut_off() -> None:
    for choice in (at_call("cut_off"), at_answer("cut_off")):
        assert choice["finish_reason"] == "length"
    text = at_answer("cut_off")["message"]["content"]
    right = at_answer_unspoilt()
    assert right.startswith(text)
    assert len(text) < len(right)


def test_sloppy_loop_repeats_one_call_for_ever() -> None:
    async def work() -> list[Json]:
        async with served(sloppy={"loop": 1.0}) as (_, client):
            return await play(client, "lines/3:none", most=8)

    messages = run(work())
    assert calls_of(messages) == [[("read_file", READ.arguments)]] * 8
    ids = [call["id"] for m in messages for call in m.get("tool_calls", ())]
    assert len(set(ids)) == 8


def test_a_wrong_call_is_followed_by_the_right_one() -> None:
    async def work() -> list[list[list[tuple[str, Json]]]]:
        async with served(sloppy={"unknown_tool": 0.5}, seed=1) as (server, client):
            played = [calls_of(await play(client, f"lines/{seed}:none")) for seed in range(6)]
            assert set(server.slips.values()) == {"unknown_tool"}
            assert sum(map(len, played)) == 6 * len(REFERENCE_CALLS) + len(server.slips)
            return played

    offered = ("bash", "read_file", "write_file")
    for calls in run(work()):
        assert [group for group in calls if group[0][0] in offered] == REFERENCE_CALLS


def test_sloppy_rates() -> None:
    """Over many places each kind falls about as often as asked for."""
    plan = read_sloppy(0.05, seed=3)
    for possible in (INSTEAD_OF_CALLS, INSTEAD_OF_ANSWER):
        kinds = [plan.kind(f"place {i}", possible) for i in range(8000)]
        for kind in possible:
            assert 0.03 < kinds.count(kind) / 8000 < 0.06, kind
        assert kinds == [plan.kind(f"place {i}", possible) for i in range(8000)]
    assert read_sloppy(0, 3).kind("place", KINDS) is None
    assert read_sloppy(1.0, 3).kind("place", KINDS) in KINDS


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sloppy": {"voice_lots": 0.1}}, 'did you mean "voice_lost"'),
        ({"sloppy": {"loop": 1.5}}, "from 0 to 1"),
        ({"sloppy": -0.1}, "from 0 to 1"),
        ({"faults": {"rate_limits": 0.1}}, 'did you mean "rate_limit"'),
        ({"faults": {"drop": 0.7, "hang": 0.7}}, "sum to 1.4"),
        ({"faults": {"latency": -1}}, "from 0 up"),
        ({"faults": {"max_in_flight": 1.5}}, "whole number"),
        ({"latency": float("nan")}, "from 0 up"),
        ({"port": 70_000}, "to 65535"),
    ],
)
def test_an_unknown_kind_or_number_is_said_at_once(options: Json, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Embedded(**options)


# --- faults ------------------------------------------------------------------------------------


def faulty(name: str, body: Json = GOOD, **options: Any) -> Any:
    """What a plain client gets from a server with that fault for sure, and the server's counts."""

    async def work() -> Any:
        async with alone(faults={name: 1.0, "retry_after": 0.25}) as server:
            try:
                got: Any = await post(server, body, **options)
            except (aiohttp.ClientError, TimeoutError) as error:
                got = error
            for _ in range(200):
                if server.requests:
                    break
                await asyncio.sleep(0.01)
            assert not server.answers
            return got, dict(server.requests)

    return run(work())


def test_fault_rate_limit_and_server_error() -> None:
    (status, data, headers), counts = faulty("rate_limit")
    assert (status, headers["Retry-After"]) == (429, "0.25")
    assert json.loads(data)["error"]["type"] == "rate_limit_error"
    assert counts == {("assistant", 429): 1}
    (status, data, _), counts = faulty("server_error")
    assert status == 500
    assert json.loads(data)["error"]["type"] == "server_error"
    assert counts == {("assistant", 500): 1}


def test_fault_garbage_and_empty() -> None:
    (status, data, headers), _ = faulty("garbage")
    assert status == 200
    assert headers["Content-Type"].startswith("application/json")
    with pytest.raises(json.JSONDecodeError):
        json.loads(data)
    (status, data, _), _ = faulty("empty")
    assert (status, data) == (200, b"")


def test_fault_drop() -> None:
    error, counts = faulty("drop")
    assert isinstance(error, aiohttp.ClientConnectionError)
    assert counts == {("assistant", 0): 1}
    half, counts = faulty("drop", GOOD | {"stream": True})
    assert isinstance(half, aiohttp.ClientError)
    assert counts == {("assistant", 0): 1}


def test_fault_hang_ends_with_the_client() -> None:
    error, counts = faulty("hang", timeout=aiohttp.ClientTimeout(total=0.2))
    assert isinstance(error, TimeoutError)
    assert counts == {("assistant", 0): 1}


def test_a_hanging_request_does_not_hold_up_the_end() -> None:
    async def work() -> None:
        async with alone(faults={"hang": 1.0}) as server:
            asking = asyncio.create_task(post(server, GOOD))
            while not server.in_flight:
                await asyncio.sleep(0.01)
        with pytest.raises(aiohttp.ClientConnectionError):
            await asking

    run(work())


def test_max_in_flight_turns_away_the_rest() -> None:
    async def work() -> list[int]:
        async with alone(faults={"max_in_flight": 3}, latency=0.3) as server:
            answers = await asyncio.gather(*(post(server, GOOD) for _ in range(8)))
            assert server.requests == {("assistant", 200): 3, ("assistant", 429): 5}
            assert (await post(server, GOOD))[0] == 200
            return sorted(status for status, _, _ in answers)

    assert run(work()) == [200] * 3 + [429] * 5


def test_a_retry_may_succeed() -> None:
    async def work() -> list[int]:
        async with alone(faults={"server_error": 0.5}, seed=2) as server:
            return [(await post(server, GOOD))[0] for _ in range(20)]

    statuses = run(work())
    assert set(statuses) == {200, 500}
    assert statuses == run(work())


def test_fault_rates() -> None:
    plan = read_faults({"rate_limit": 0.1, "drop": 0.05}, seed=4)
    kinds = [plan.of(number) for number in range(8000)]
    assert 0.08 < kinds.count("rate_limit") / 8000 < 0.12
    assert 0.04 < kinds.count("drop") / 8000 < 0.06
    assert {*kinds} == {None, "rate_limit", "drop"}
    assert Faults().of(1) is None


# --- the server --------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_said() -> None:
    async def work() -> None:
        async with alone() as server:
            assert server.base_url.startswith("http://127.0.0.1:")
            port = int(server.base_url.split(":")[2].split("/")[0])
            with pytest.raises(EnvironmentLacks, match="another port"):
                async with Embedded(port=port):
                    raise AssertionError("two servers on one port")

    run(work())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_runs_until_it_is_told_to_stop(number: signal.Signals) -> None:
    code = (
        "from kappa_data.teacher.embedded import Embedded, serve\n"
        "serve(Embedded(), lambda url: print(url, flush=True))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()

            async def models() -> Json:
                async with (
                    aiohttp.ClientSession() as session,
                    session.get(f"{url}/models") as response,
                ):
                    data: Json = await response.json()
                    return data

            assert [model["id"] for model in run(models())["data"]] == ["embedded"]
            process.send_signal(number)
            rest, errors = process.communicate(timeout=20)
            assert (process.returncode, rest, errors) == (0, "", "")
        finally:
            process.kill()
