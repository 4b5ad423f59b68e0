"""What the embedded teacher says over a real socket, and in what form."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import AsyncOpenAI
from openai_harmony import HarmonyEncodingName, load_harmony_encoding

from embedded_talk import (
    COUNT,
    GOOD,
    READ,
    REFERENCE_CALLS,
    TOOLS,
    WRITE,
    Json,
    alone,
    ask,
    calls_of,
    history,
    history_after,
    make,
    play,
    post,
    question,
    run,
    served,
    texts_of,
)
from kappa_data.records import (
    FunctionCall,
    Message,
    ToolCall,
)
from kappa_data.tasks import catalog
from kappa_data.teacher.embedded import CONTEXT, MAX_BODY, Embedded
from kappa_data.teacher.embedded_tokens import cut, spoken


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
            GOOD | {"metadata": {"slot": "lines/3:none", "role": "critic"}},
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
