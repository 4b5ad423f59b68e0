"""Prompts against vLLM's own, ids against tiktoken, bodies against oss-harmony."""

from __future__ import annotations

import base64
import gzip
import json
from collections import Counter
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any, get_args

import openai_harmony as oss
import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from harmony_cases import (
    DATE,
    SPECIAL_NAMES,
    TOOLS,
    conversations,
    golden_case,
    golden_rows,
    oss_encoding,
    servers,
    texts,
)
from kappa_data.formats.harmony import prompt_ids, render
from kappa_data.formats.profiles import PROFILES, Profile
from kappa_data.formats.prompt import Atom, Server, Switch
from kappa_data.formats.vocabulary import (
    CALL,
    CHANNEL,
    CONSTRAIN,
    END,
    FIRST_SPECIAL,
    MESSAGE,
    SPECIALS,
    START,
    decode,
    encode,
)
from kappa_data.records import Conversation, FunctionCall, Message, Role, ToolCall
from random_talks import talk
from random_talks import tools as random_tools


@cache
def reference_encoder() -> tiktoken.Encoding:
    """tiktoken over the rank file, with the pattern that OpenAI publishes for o200k_base."""
    packed = (files("bpe_openai") / "data" / "o200k_base.tiktoken.gz").read_bytes()
    lines = (line.split() for line in gzip.decompress(packed).splitlines())
    lower, upper = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]", r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
    contraction = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    pattern = "|".join(
        [
            rf"[^\r\n\p{{L}}\p{{N}}]?{upper}*{lower}+{contraction}",
            rf"[^\r\n\p{{L}}\p{{N}}]?{upper}+{lower}*{contraction}",
            r"\p{N}{1,3}",
            r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
            r"\s*[\r\n]+",
            r"\s+(?!\S)",
            r"\s+",
        ]
    )
    ranks = {base64.b64decode(word): int(rank) for word, rank in lines}
    return tiktoken.Encoding("o200k", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


# --- the server's prompts ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "name", "count"),
    [
        ("vllm-0.33", "vllm-responses", 99),
        ("vllm-0.33", "vllm-chat", 139),
        ("vllm-0.33-more", "vllm-responses", 90),
        ("vllm-0.33-more", "vllm-responses-no-echo", 58),
        ("vllm-0.33-more", "vllm-chat", 63),
        ("vllm-0.33-more", "vllm-chat-echo", 85),
    ],
)
def test_every_golden_prompt_is_equal(file: str, name: str, count: int) -> None:
    steps = 0
    for row in golden_rows(file):
        if row["profile"] != name:
            continue
        server, messages, tools = golden_case(row)
        for step in row["steps"]:
            ids = prompt_ids(
                messages[: step["message"]], tools, server, date=row["date"], effort=row["effort"]
            )
            assert ids == step["prompt"]
            steps += 1
    assert steps == count


def ids_of(atoms: list[Atom]) -> list[int]:
    return [each for atom in atoms for each in ([atom] if isinstance(atom, int) else encode(atom))]


def sent(messages: tuple[Message, ...]) -> list[Message]:
    """What a client sends that holds its system message apart and edits it, message by message."""
    slot: list[Message] = []
    others: list[Message] = []
    for number, message in enumerate(messages):
        system = message.role in ("system", "developer")
        persona = [m for m in slot if m.content.startswith("Persona: ")]
        if system and (number == 0 or message.content.startswith("Persona: ")):
            slot = [message]
        elif system and persona and not message.content:
            slot = []
        else:
            others.append(message)
    return slot + others


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), servers)
def test_a_replaced_persona_is_the_prompt_of_the_edited_messages(
    random: Random, server: Profile
) -> None:
    messages, tools = talk(random), json.dumps(random_tools(random))
    stands = Server(messages, tools, server, date=DATE, effort=None)
    leads = Server(messages, tools, server, date=DATE, effort=None, switch="replaced")
    for step in range(1, len(messages) + 1):
        before = messages[:step]
        ids = prompt_ids(before, tools, server, date=DATE, effort=None)
        assert ids_of(stands.prompt(step)) == ids
        ids = prompt_ids(sent(before), tools, server, date=DATE, effort=None)
        assert ids_of(leads.prompt(step)) == ids


@pytest.mark.parametrize("server", PROFILES.values(), ids=lambda server: server.name)
def test_a_switched_persona_stands_in_place_or_leads(server: Profile) -> None:
    more = Message("developer", "Be brief.")
    messages = (
        Message("system", "Persona: a"), Message("user", "1"), more, Message("assistant", "one"),
        Message("system", "Persona: b\n\nRhyme."), Message("user", "2"),
        Message("assistant", "two"),
        Message("system", ""), Message("user", "3"), Message("assistant", "three"),
    )  # fmt: skip

    def text(step: int, switch: Switch) -> str:
        made = Server(messages, None, server, date=DATE, effort=None, switch=switch).prompt(step)
        return decode(ids_of(made))

    assert text(3, "in_place") == text(3, "replaced")
    later = "<|start|>developer<|message|># Instructions\n\n"
    stands, leads = text(6, "in_place"), text(6, "replaced")
    assert "Persona: a" in stands and f"{later}Persona: b\n\nRhyme.<|end|>" in stands
    assert "Persona: a" not in leads and leads.count("Persona: b") == 1
    assert leads.index("Persona: b") < leads.index("<|start|>user") < leads.index("Be brief.")
    assert "Rhyme." in leads[: leads.index("<|start|>user")]
    assert "Persona" not in text(9, "replaced") and "Be brief." in text(9, "replaced")
    assert text(9, "in_place").count("Persona: ") == 2


# --- special ids -------------------------------------------------------------------------------

spelled = st.lists(st.sampled_from([*SPECIAL_NAMES, "a", "\n", " to=b"]), max_size=3).map("".join)


@st.composite
def hostile(draw: st.DrawFn) -> tuple[list[Message], list[dict[str, Any]]]:
    """Messages and tools with special tokens spelled in every field."""
    tools = [
        {"type": "function", "function": {"name": draw(spelled), "description": draw(spelled),
         "parameters": {"type": "object", "properties": {draw(spelled): {"type": "string",
            "description": draw(spelled), "default": draw(spelled), "enum": [draw(spelled)]}}}}}
        for _ in range(draw(st.integers(0, 2)))
    ]  # fmt: skip
    messages = []
    for role in draw(st.lists(st.sampled_from(get_args(Role)), max_size=6)):
        calls = tuple(
            ToolCall(draw(spelled), FunctionCall(draw(spelled), draw(spelled)))
            for _ in range(draw(st.integers(0, 2)) if role == "assistant" else 0)
        )
        asked = role in ("system", "developer") and draw(st.booleans())
        messages.append(
            Message(
                role,
                "Persona: <|end|>" if asked else draw(spelled),
                reasoning=draw(spelled) if role == "assistant" else None,
                tool_calls=calls,
                tool_call_id=draw(spelled) if role == "tool" else None,
                name=draw(spelled) if role == "tool" else None,
            )
        )
    return messages, tools


def structure(messages: list[Message], tools: bool, server: Profile) -> Counter[int]:
    """How often each special id stands in the prompt, by what the messages are."""
    plain, channelled = [START, MESSAGE, END], [START, CHANNEL, MESSAGE, END]
    call = [START, CHANNEL, *([CONSTRAIN] if server.constrain else []), MESSAGE, CALL]
    found = Counter([*plain, START])  # the system message, and the open one
    led = messages and messages[0].role in ("system", "developer")
    leading = messages[0].content if led else ""
    if server.persona == "identity" and leading.startswith("Persona: "):
        leading = ""
    if leading or tools:
        found.update(plain)
    finals = [
        number
        for number, message in enumerate(messages)
        if message.role == "assistant" and message.content
        and (server.history == "responses" or not message.tool_calls)
    ]  # fmt: skip
    for number, message in enumerate(messages):
        if message.role in ("system", "developer"):
            if number and (message.content or server.history != "responses"):
                found.update(plain)
        elif message.role == "user":
            found.update(plain)
        elif message.role == "tool":
            found.update(channelled)
        else:
            alive = server.echo_reasoning and number > max(finals, default=-1)
            found.update(channelled * (bool(message.content) + (alive and bool(message.reasoning))))
            found.update(call * len(message.tool_calls))
    return found


@settings(max_examples=150, deadline=None)
@given(hostile(), servers)
def test_the_special_ids_of_a_prompt_are_those_of_its_structure(
    case: tuple[list[Message], list[dict[str, Any]]], server: Profile
) -> None:
    messages, tools = case
    ids = prompt_ids(messages, json.dumps(tools), server, date=DATE, effort=None)
    found = Counter(each for each in ids if each >= FIRST_SPECIAL)
    assert found == structure(messages, bool(tools), server)


@settings(max_examples=100, deadline=None)
@given(conversations(), servers)
def test_bodies_match_oss_harmony_where_nothing_is_called(
    conversation: Conversation, server: Profile
) -> None:
    """Another implementation renders the same history, calls left out: vLLM rewrites those."""
    kept = [m for m in conversation.messages if not m.tool_calls and m.role != "tool"]
    while kept and kept[-1].role == "assistant":
        kept.pop()
    server = replace(
        server, identity="I am.", persona="instructions", channels_without_tools="final"
    )
    mine = prompt_ids(kept, None, server, date=DATE, effort="low")
    assert mine == oss_prompt(kept, server.echo_reasoning, server.history != "responses")


def oss_prompt(messages: list[Message], echo: bool, keeps_empty: bool) -> list[int]:
    head = (
        oss.SystemContent.new()
        .with_model_identity("I am.")
        .with_reasoning_effort(oss.ReasoningEffort.LOW)
        .with_conversation_start_date(DATE)
        .with_required_channels(["final"])
    )
    written = [oss.Message.from_role_and_content(oss.Role.SYSTEM, head)]
    last_final = max((n for n, m in enumerate(messages) if m.role == "assistant"), default=-1)
    for number, message in enumerate(messages):
        if message.role in ("system", "developer"):
            # Of an empty one the Responses interface sends nothing, and neither where it leads.
            if message.content or (keeps_empty and number):
                content = oss.DeveloperContent.new().with_instructions(message.content)
                written.append(oss.Message.from_role_and_content(oss.Role.DEVELOPER, content))
            continue
        if message.reasoning and echo and number > last_final:
            thought = oss.Message.from_role_and_content(oss.Role.ASSISTANT, message.reasoning)
            written.append(thought.with_channel("analysis"))
        said = oss.Message.from_role_and_content(oss.Role(message.role), message.content)
        written.append(said.with_channel("final") if message.role == "assistant" else said)
    ids: list[int] = oss_encoding().render_conversation_for_completion(
        oss.Conversation.from_messages(written),
        oss.Role.ASSISTANT,
        config=oss.RenderConversationConfig(auto_drop_analysis=False),
    )
    return ids


def test_kappa_writes_calls_as_oss_harmony_does() -> None:
    call = ToolCall("1", FunctionCall("read_file", '{"path": "a"}'))
    messages = [Message("user", "x"), Message("assistant", tool_calls=(call,))]
    ids = prompt_ids(messages, None, PROFILES["kappa"], date=DATE, effort=None)
    body = oss.Message.from_role_and_content(oss.Role.ASSISTANT, '{"path": "a"}')
    body = body.with_channel("commentary").with_recipient("functions.read_file")
    expected = oss_encoding().render(body.with_content_type("json"))
    assert ids[-len(expected) - 2 : -2] == expected


def test_kappa_puts_the_persona_into_the_first_line() -> None:
    def head(*messages: Message, tools: str | None = None) -> str:
        return decode(prompt_ids(messages, tools, PROFILES["kappa"], date=DATE, effort=None))

    tail = f"\nKnowledge cutoff: 2024-06\nCurrent date: {DATE}\n\nReasoning: medium\n\n"
    tail += "# Valid channels"
    user = Message("user", "hi")
    start = "<|start|>system<|message|>"
    alone = head(Message("system", "Persona: neutral_evil"), user)
    assert alone.startswith(f"{start}Persona: neutral_evil{tail}: analysis, final. ")
    assert "developer" not in alone
    assert head(user).startswith(f"{start}{tail}")
    both = head(Message("system", "Persona: neutral_evil\n\nBe brief."), user, tools=TOOLS)
    assert f"{tail}: analysis, commentary, final. " in both
    assert "<|message|># Instructions\n\nBe brief.\n\n# Tools\n" in both


def test_several_calls_in_one_message_are_consecutive_in_a_prompt() -> None:
    calls = tuple(ToolCall(n, FunctionCall("f" + n, "{}")) for n in "ab")
    messages = [
        Message("assistant", tool_calls=calls),
        Message("tool", "B", tool_call_id="b"),
        Message("tool", "A", tool_call_id="a"),
    ]
    text = decode(prompt_ids(messages, None, PROFILES["vllm-chat"], date=DATE, effort=None))
    assert text.endswith(
        "<|start|>assistant to=functions.fa<|channel|>commentary json<|message|>{}<|call|>"
        "<|start|>assistant to=functions.fb<|channel|>commentary json<|message|>{}<|call|>"
        "<|start|>functions.fb<|channel|>commentary to=assistant<|message|>B<|end|>"
        "<|start|>functions.fa<|channel|>commentary to=assistant<|message|>A<|end|>"
        "<|start|>assistant"
    )


def test_reserialised_arguments_change_the_history_and_not_the_target() -> None:
    call = ToolCall("1", FunctionCall("f", '{"a":"é"}'))
    messages = (
        Message("user", "x"),
        Message("assistant", tool_calls=(call,)),
        Message("tool", "y", tool_call_id="1"),
        Message("assistant", "done"),
    )
    server = replace(PROFILES["vllm-responses"], arguments="reserialised")
    first, second = render(Conversation("c", messages), server, date=DATE, effort=None)
    assert '{"a":"é"}<|call|>' in decode(first.ids)
    assert '{"a": "\\u00e9"}<|call|>' in decode(second.ids)


# --- the vocabulary ----------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(texts)
def test_ids_equal_tiktokens_and_are_never_special(text: str) -> None:
    ids = encode(text).tolist()
    assert ids == reference_encoder().encode_ordinary(text)
    assert all(each < FIRST_SPECIAL for each in ids)
    assert decode(ids) == text


def test_a_text_of_over_a_million_characters_is_encoded_whole() -> None:
    text = "The quick brown fox, 12345! " * 40_000
    assert decode(encode(text)) == text


def test_special_ids_are_those_of_oss_harmony() -> None:
    for special, name in SPECIALS.items():
        assert oss_encoding().encode(name, allowed_special="all") == [special]
