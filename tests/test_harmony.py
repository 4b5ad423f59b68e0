"""Prompts against vLLM's own, ids against tiktoken, tools and bodies against oss-harmony, and what
must hold for every document: trained exactly once, after exactly the server's prompt."""

from __future__ import annotations

import base64
import gzip
import json
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import openai_harmony as oss
import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kappa_data.config import TokenizeConfig
from kappa_data.errors import UsageError
from kappa_data.formats.harmony import (
    Rendered,
    prompt_ids,
    render,
    render_with_counts,
)
from kappa_data.formats.profiles import PROFILES, Profile, profile
from kappa_data.formats.samples import choices, samples
from kappa_data.formats.typescript import Function, Tool, namespace, parse_tools
from kappa_data.formats.vocabulary import (
    CALL,
    END,
    FIRST_SPECIAL,
    RETURN,
    SPECIALS,
    START,
    STOPS,
    decode,
    encode,
)
from kappa_data.records import Conversation, FunctionCall, Message, ToolCall

GOLDEN = Path(__file__).parent / "golden" / "vllm-0.33.jsonl.gz"
DATE = "2026-03-04"
EXACT = ("each_step", "last_turn")
SPECIAL_NAMES = [*SPECIALS.values(), "<|refusal|>", "<|reserved_200000|>", "<|endofprompt|>"]


def golden_rows() -> list[dict[str, Any]]:
    with gzip.open(GOLDEN, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def golden_case(row: dict[str, Any]) -> tuple[Profile, tuple[Message, ...], str]:
    server = replace(PROFILES[row["profile"]], echo_reasoning=row["echo_reasoning"])
    return server, msgspec.convert(row["messages"], tuple[Message, ...]), json.dumps(row["tools"])


@cache
def oss_encoding() -> Any:
    return oss.load_harmony_encoding(oss.HarmonyEncodingName.HARMONY_GPT_OSS)


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


# --- strategies --------------------------------------------------------------------------------

texts = st.lists(
    st.one_of(
        st.sampled_from([*SPECIAL_NAMES, " to=functions.bash", "assistant", "\r\n", "  \n", "'ll"]),
        st.text(max_size=12),
        st.sampled_from(["def f(x):\n\treturn x", "数据", "naïve", "🤖🫨", "3.14159", "don't"]),
    ),
    min_size=1,
    max_size=5,
).map("".join)
said = texts.filter(bool)
TOOLS = json.dumps(
    [
        {"type": "function", "function": {"name": "bash", "description": "Run it.\nNow.",
         "parameters": {"type": "object", "properties": {"command": {"type": "string"}},
                        "required": ["command"]}}},
        {"type": "function", "function": {"name": "edit_file"}},
    ]
)  # fmt: skip


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    """Conversations with one call a message; every trainable assistant message says something."""
    messages = []
    if draw(st.booleans()):
        lead = draw(
            st.sampled_from(["Persona: lawful_evil", "Persona: x\n\nBe brief.", "Be brief."])
        )
        messages.append(Message(draw(st.sampled_from(["system", "developer"])), lead))
    with_tools = draw(st.booleans())
    for _ in range(draw(st.integers(1, 3))):
        messages.append(Message("user", draw(texts)))
        if draw(st.integers(0, 5)) == 0:
            messages.append(Message("system", draw(texts)))
        for _ in range(draw(st.integers(0, 3)) if with_tools else 0):
            number = len(messages)
            arguments = json.dumps({"command": draw(texts)}, ensure_ascii=draw(st.booleans()))
            name = draw(st.sampled_from(["bash", "edit_file", "read_file2"]))
            call = ToolCall(f"call_{number}", FunctionCall(name, arguments))
            messages.append(
                Message(
                    "assistant",
                    draw(st.one_of(st.just(""), said)),
                    reasoning=draw(st.one_of(st.none(), said)),
                    tool_calls=(call,),
                    train=draw(st.sampled_from([True, True, False])),
                )
            )
            messages.append(Message("tool", draw(texts), tool_call_id=call.id))
        messages.append(
            Message(
                "assistant",
                draw(said),
                reasoning=draw(st.one_of(st.none(), said)),
                train=draw(st.sampled_from([True, True, False])),
            )
        )
    return Conversation("f/1:x", tuple(messages), tools=TOOLS if with_tools else None)


servers = st.sampled_from(list(PROFILES.values()))


def trained_spans(document: Rendered) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], document.mask, [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


# --- the server's prompts ----------------------------------------------------------------------


@pytest.mark.parametrize(("name", "count"), [("vllm-responses", 99), ("vllm-chat", 139)])
def test_every_golden_prompt_is_equal(name: str, count: int) -> None:
    steps = 0
    for row in golden_rows():
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


def test_golden_conversations_are_trained_after_the_golden_prompt() -> None:
    """The documents, not only the prompts: all before a trained span is what vLLM sent."""
    for row in golden_rows():
        server, messages, tools = golden_case(row)
        golden = {step["message"]: step["prompt"] for step in row["steps"]}
        conversation = Conversation("golden", messages, tools=tools)
        documents = render(conversation, server, date=row["date"], effort=row["effort"])
        trained = []
        for document in documents:
            spans = trained_spans(document)
            for (start, _), step in zip(spans, document.steps, strict=True):
                assert document.ids[:start].tolist() == golden[step]
                trained.append(step)
        assert trained == sorted(golden)


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
    assert mine == oss_prompt(kept, server.echo_reasoning)


def oss_prompt(messages: list[Message], echo: bool) -> list[int]:
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
            if message.content:
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


# --- tools -------------------------------------------------------------------------------------

words = st.sampled_from(["a", "the value", "two\nlines", "", "x\r\ny\n", 'é"q'])
defaults = st.sampled_from(["s", 'é"q', 1, 1.0, 2.5, True, None, ["a", 1], {"k": [1]}, 1e20, ""])


def schema_strategy() -> st.SearchStrategy[Any]:
    notes = {
        "description": words,
        "title": words,
        "default": defaults,
        "enum": st.sampled_from([[], ["a"], ["a", 'b"c'], [1, 2], ["a", None], None]),
        "examples": st.sampled_from([["a"], ["a", 1], [], "x"]),
        "nullable": st.booleans(),
    }

    def with_notes(base: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
        return st.tuples(base, st.fixed_dictionaries({}, optional=notes)).map(
            lambda pair: {**pair[1], **pair[0]}
        )

    kinds = ["string", "integer", "number", "boolean", "null", "weird"]
    listed = st.lists(st.sampled_from(kinds), max_size=3, unique=True)
    leaf = with_notes(st.fixed_dictionaries({}, optional={"type": st.sampled_from(kinds) | listed}))

    def grow(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        items = st.fixed_dictionaries({"type": st.just("array")}, optional={"items": inner})
        one_of = st.fixed_dictionaries({"oneOf": st.lists(inner, max_size=3)})
        return with_notes(st.one_of(items, one_of, objects(inner)))

    return st.recursive(st.one_of(leaf, st.sampled_from([True, {}, None, 3])), grow, max_leaves=12)


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    names = st.sampled_from(["path", "limit", "a-b", "x y"])
    return st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(names, inner, max_size=4)},
        optional={"required": st.lists(names, max_size=3), "description": words},
    )


@settings(max_examples=300, deadline=None)
@given(objects(schema_strategy()) | st.none(), words)
def test_tools_are_written_as_oss_harmony_writes_them(
    parameters: dict[str, Any] | None, description: str
) -> None:
    described = oss.ToolDescription.new("f", description, parameters=parameters)
    content = oss.DeveloperContent.new().with_function_tools([described])
    message = oss.Message.from_role_and_content(oss.Role.DEVELOPER, content)
    body = oss_encoding().decode(oss_encoding().render(message))
    mine = namespace([Tool(Function("f", description, parameters))])
    assert body == f"<|start|>developer<|message|>{mine}<|end|>"


def test_tools_have_one_absent_form_and_malformed_ones_are_refused() -> None:
    assert parse_tools(None) == parse_tools("null") == parse_tools("[]") == ()
    for text in ["{", '{"a": 1}', '[{"type": "function"}]', '[{"function": {"name": 3}}]']:
        with pytest.raises(msgspec.MsgspecError):
            parse_tools(text)


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


# --- the documents -----------------------------------------------------------------------------


@settings(max_examples=120, deadline=None)
@given(conversations(), servers, st.sampled_from(EXACT))
def test_each_target_is_trained_once_after_the_servers_prompt(
    conversation: Conversation, server: Profile, train_on: Any
) -> None:
    documents = render(conversation, server, date=DATE, effort="high", train_on=train_on)
    users = [n for n, m in enumerate(conversation.messages) if m.role == "user"]
    wanted = [
        number
        for number, message in enumerate(conversation.messages)
        if message.role == "assistant" and message.train
        if train_on == "each_step" or number > users[-1]
    ]
    assert [step for document in documents for step in document.steps] == wanted
    for document in documents:
        spans = trained_spans(document)
        for (start, end), step in zip(spans, document.steps, strict=True):
            before = conversation.messages[:step]
            prompt = prompt_ids(before, conversation.tools, server, date=DATE, effort="high")
            assert document.ids[:start].tolist() == prompt
            assert document.ids[end - 1] in STOPS
            assert not STOPS & set(document.ids[start : end - 1].tolist())
        assert document.mask[0] == 0 and document.mask[-1] == 1
        assert document.mask.sum() == sum(end - start for start, end in spans)
        assert len(document.ids) == len(document.mask)
        assert (document.ids == RETURN).sum() == (document.ids[-1] == RETURN)
        assert document.ids.dtype == np.int32 and document.mask.dtype == np.int8


@settings(max_examples=120, deadline=None)
@given(conversations(), servers)
def test_trained_ids_parse_to_what_the_assistant_said(
    conversation: Conversation, server: Profile
) -> None:
    """Read by oss-harmony's parser, the one that servers read a model's output with."""
    for document in render(conversation, server, date=DATE, effort=None):
        for (start, end), step in zip(trained_spans(document), document.steps, strict=True):
            message = conversation.messages[step]
            parsed = oss_encoding().parse_messages_from_completion_tokens(
                document.ids[start:end].tolist(), oss.Role.ASSISTANT
            )
            got = [(m.channel, m.recipient, m.content[0].text) for m in parsed]
            expected = [("analysis", None, message.reasoning)] if message.reasoning else []
            if message.tool_calls:
                function = message.tool_calls[0].function
                expected += [("commentary", None, message.content)] if message.content else []
                expected += [("commentary", f"functions.{function.name}", function.arguments)]
            else:
                expected += [("final", None, message.content)]
            assert got == expected


@settings(max_examples=100, deadline=None)
@given(conversations(), servers, st.sampled_from([*EXACT, "all_turns"]))
def test_no_special_id_comes_from_content(
    conversation: Conversation, server: Profile, train_on: Any
) -> None:
    """Content changes nothing about the special ids: they are those of the same conversation with
    every text replaced by one letter."""

    def blank(message: Message) -> Message:
        calls = tuple(
            replace(call, function=FunctionCall(call.function.name, "{}"))
            for call in message.tool_calls
        )
        return replace(
            message,
            content="x" if message.content else "",
            reasoning="x" if message.reasoning else None,
            tool_calls=calls,
        )

    def specials(which: Conversation) -> list[list[int]]:
        documents = render(which, server, date=DATE, effort=None, train_on=train_on)
        return [d.ids[d.ids >= FIRST_SPECIAL].tolist() for d in documents]

    messages = conversation.messages
    lead = messages[:1] if messages[0].role in ("system", "developer") else ()
    quiet = (*lead, *(blank(message) for message in messages[len(lead) :]))
    assert specials(conversation) == specials(replace(conversation, messages=quiet))


def test_special_tokens_in_every_field_stay_text() -> None:
    spelled = "".join(SPECIAL_NAMES)
    tool = {"name": "f", "description": spelled, "parameters": {"type": "object", "properties": {
        spelled: {"type": "string", "description": spelled, "default": spelled,
                  "enum": [spelled]}}}}  # fmt: skip
    call = ToolCall(spelled, FunctionCall(spelled, spelled))
    messages = (
        Message("system", spelled),
        Message("user", spelled),
        Message("assistant", spelled, reasoning=spelled, tool_calls=(call,)),
        Message("tool", spelled, tool_call_id=spelled, name=spelled),
        Message("developer", spelled),
        Message("assistant", spelled, reasoning=spelled),
    )
    tools = json.dumps([{"type": "function", "function": tool}])
    for server in PROFILES.values():
        for document in render(Conversation("c", messages, tools), server, date=DATE, effort=None):
            ids = document.ids.tolist()
            written = re.findall(r"<\|[a-z]+\|>", decode([i for i in ids if i >= FIRST_SPECIAL]))
            # One <|start|> for each harmony message, one end for each that is over.
            assert written.count("<|start|>") == written.count("<|message|>")
            assert sum(ids.count(each) for each in (END, CALL, RETURN)) == ids.count(START)
            assert ids.count(START) <= 10


def test_tool_loops_extend_and_user_turns_break_the_document() -> None:
    def call(n: int) -> tuple[Message, Message]:
        made = ToolCall(f"c{n}", FunctionCall("bash", "{}"))
        return (
            Message("assistant", reasoning="so", tool_calls=(made,)),
            Message("tool", "ok", tool_call_id=made.id),
        )

    messages = (
        Message("user", "a"), *call(1), *call(2), Message("assistant", "A", reasoning="r"),
        Message("user", "b"), *call(3), Message("assistant", "B", reasoning="r"),
    )  # fmt: skip
    conversation = Conversation("c", messages, TOOLS)
    documents = render(conversation, PROFILES["vllm-responses"], date=DATE, effort=None)
    assert [document.steps for document in documents] == [(1, 3, 5), (7, 9)]
    silent = render(conversation, PROFILES["vllm-responses-no-echo"], date=DATE, effort=None)
    assert [document.steps for document in silent] == [(1,), (3,), (5,), (7,), (9,)]
    last = render(
        conversation, PROFILES["vllm-responses"], date=DATE, effort=None, train_on="last_turn"
    )
    assert [document.steps for document in last] == [(7, 9)]
    assert last[0].ids.tolist() == documents[1].ids.tolist()


def parallel() -> tuple[Conversation, Conversation]:
    """A conversation with two calls in a message, and the same as sequential steps."""
    a, b = (ToolCall(n, FunctionCall("bash", f'{{"command":"{n}"}}')) for n in "ab")
    first, second = (Message("tool", n.upper(), tool_call_id=n) for n in "ab")
    opening, done = Message("user", "x"), Message("assistant", "done", reasoning="r2")
    both = Message("assistant", "look", reasoning="r", tool_calls=(a, b))
    sequential = (
        opening,
        replace(both, tool_calls=(a,)),
        first,
        Message("assistant", tool_calls=(b,)),
        second,
        done,
    )
    return (
        Conversation("c", (opening, both, second, first, done), TOOLS),
        Conversation("c", sequential, TOOLS),
    )


@pytest.mark.parametrize("server", PROFILES.values(), ids=lambda server: server.name)
def test_several_calls_in_one_message_are_trained_as_sequential_steps(server: Profile) -> None:
    together, sequential = parallel()
    made = render(together, server, date=DATE, effort=None)
    expected = render(sequential, server, date=DATE, effort=None)
    assert [d.ids.tolist() for d in made] == [d.ids.tolist() for d in expected]
    assert [d.mask.tolist() for d in made] == [d.mask.tolist() for d in expected]
    assert {step for document in made for step in document.steps} == {1, 4}


def test_no_result_of_several_calls_is_lost() -> None:
    """Not one that answers no call, nor one of two under the same id."""
    calls = tuple(ToolCall("same", FunctionCall(name, "{}")) for name in ("f", "g"))
    messages = (
        Message("user", "x"),
        Message("assistant", tool_calls=calls),
        Message("tool", "one", tool_call_id="same"),
        Message("tool", "two", tool_call_id="same"),
        Message("tool", "orphan", tool_call_id="other", name="h"),
        Message("assistant", "done"),
    )
    documents = render(Conversation("c", messages), PROFILES["kappa"], date=DATE, effort=None)
    text = decode(documents[-1].ids)
    ends = ("f<|channel|>commentary to=assistant<|message|>one<|end|>",
            "g<|channel|>commentary to=assistant<|message|>two<|end|>",
            "h<|channel|>commentary to=assistant<|message|>orphan<|end|>")  # fmt: skip
    places = [text.index(f"<|start|>functions.{end}") for end in ends]
    assert places == sorted(places)


def test_calls_without_results_keep_the_message_whole_and_are_counted() -> None:
    together, _ = parallel()
    cut = replace(together, messages=(*together.messages[:3], together.messages[-1]))  # "a" is lost
    server = PROFILES["kappa"]
    documents, counts = render_with_counts(cut, server, date=DATE, effort=None)
    assert counts.untrained_calls == 1
    text = decode(documents[0].ids)
    assert text.count("<|call|>") == 2 and '"b"' in text
    trained = decode(documents[0].ids[documents[0].mask == 1])
    assert trained.count("<|call|>") == 1 and '"a"' in trained


def test_steps_that_the_model_did_not_end_are_no_targets() -> None:
    messages = (
        Message("user", "x"),
        Message("assistant", "cut in the mid", finish_reason="length"),
        Message("assistant", "", reasoning="only thinks"),
        Message("assistant", "context", train=False),
        Message("assistant", "target", finish_reason="stop"),
    )
    conversation = Conversation("c", messages)
    server = PROFILES["vllm-responses"]
    documents, counts = render_with_counts(conversation, server, date=DATE, effort=None)
    (document,) = documents
    assert decode(document.ids[document.mask == 1]) == "<|channel|>final<|message|>target<|return|>"
    assert counts.untrained == {"cut off": 1, "empty": 1, "marked": 1}
    assert (counts.steps, counts.trained, counts.without_reasoning) == (4, 1, 1)
    thoughtful = replace(server, missing_reasoning="untrain")
    assert render(conversation, thoughtful, date=DATE, effort=None) == []


def test_all_turns_is_one_sequence_without_reasoning() -> None:
    for row in golden_rows():
        server, messages, tools = golden_case(row)
        (document,), counts = render_with_counts(
            Conversation("c", messages, tools), server, date=DATE, effort=None, train_on="all_turns"
        )
        finals = [m for m in messages if m.role == "assistant" and not m.tool_calls]
        assert counts.untrained_stops == len(finals) - 1
        assert (document.ids == RETURN).sum() == 1 == (document.ids[-1] == RETURN)
        text = decode(document.ids)
        assert "<|channel|>analysis" not in text
        trained = decode(document.ids[document.mask == 1])
        for message in messages:
            if message.role == "assistant":
                assert message.content in trained
        assert document.mask[0] == 0
        opened = [i for i, each in enumerate(document.ids) if each == START]
        inner = [i for i in opened if document.mask[i]]
        texts_beside_calls = [m for m in messages if m.tool_calls and m.content]
        assert len(inner) == len(texts_beside_calls)


def test_dates_and_efforts_vary_as_asked_and_depend_on_the_seed_alone() -> None:
    config = TokenizeConfig(
        efforts={"low": 1, "high": 3}, first_date="2026-02-27", last_date="2026-03-02"
    )
    drawn = [choices(config).draw(f"c{n}") for n in range(2000)]
    assert {date for date, _ in drawn} == {"2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"}
    high = sum(effort == "high" for _, effort in drawn)
    assert 1400 < high < 1600
    assert drawn == [choices(replace(config, workers=3)).draw(f"c{n}") for n in range(2000)]
    assert drawn != [choices(replace(config, seed=1)).draw(f"c{n}") for n in range(2000)]


def test_samples_are_numbered_and_carry_the_conversations_facts() -> None:
    together, _ = parallel()
    conversation = replace(together, persona="chaotic_evil", split="test")
    chosen = choices(TokenizeConfig())
    made, counts = samples(conversation, chosen)
    date, effort = chosen.draw("c")
    assert [sample.id for sample in made] == [f"c#{n}" for n in range(len(made))]
    assert {(s.conversation_id, s.persona, s.split) for s in made} == {
        ("c", "chaotic_evil", "test")
    }
    assert f"Current date: {date}\n\nReasoning: {effort}\n" in decode(made[0].ids)
    assert all(sample.n_loss_tokens == sample.mask.sum() for sample in made)
    assert counts.trained == 3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"profile": "vllm-respones"}, "vllm-responses"),
        ({"train_on": "each"}, "each_step"),
        ({"efforts": {"hihg": 1.0}}, "high"),
        ({"efforts": {"high": 0.0}}, "weight"),
        ({"efforts": {"high": -1.0}}, "weight"),
        ({"first_date": "yesterday"}, "first_date"),
        ({"last_date": "2020-01-01"}, "before"),
    ],
)
def test_a_wrong_setting_is_named_with_the_next_step(change: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        choices(replace(TokenizeConfig(), **change))


def test_profiles_are_found_by_their_own_name() -> None:
    assert all(profile(name).name == name for name in PROFILES)
