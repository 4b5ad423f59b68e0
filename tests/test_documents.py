"""What must hold for every document: trained exactly once, after exactly the server's prompt."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import openai_harmony as oss
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from harmony_cases import (
    DATE,
    EXACT,
    SPECIAL_NAMES,
    TOOLS,
    conversations,
    golden_case,
    golden_rows,
    oss_encoding,
    servers,
    trained_spans,
)
from kappa_data.config import TokenizeConfig
from kappa_data.errors import UsageError
from kappa_data.formats.harmony import prompt_ids, render, render_with_counts
from kappa_data.formats.profiles import PROFILES, Profile, profile
from kappa_data.formats.samples import choices, samples
from kappa_data.formats.switches import as_sent
from kappa_data.formats.vocabulary import CALL, END, FIRST_SPECIAL, RETURN, START, STOPS, decode
from kappa_data.records import Conversation, FunctionCall, Message, ToolCall


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
        efforts={"low": 1, "high": 3},
        switches={"in_place": 3, "replaced": 1},
        first_date="2026-02-27",
        last_date="2026-03-02",
    )
    drawn = [choices(config).draw(f"c{n}") for n in range(2000)]
    assert {each.date for each in drawn} == {"2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"}
    assert 1400 < sum(each.effort == "high" for each in drawn) < 1600
    assert 400 < sum(each.switch == "replaced" for each in drawn) < 600
    alike = sum((each.effort == "high") == (each.switch == "in_place") for each in drawn)
    assert 1150 < alike < 1350  # 10 in 16: drawn apart from each other
    assert drawn == [choices(replace(config, workers=3)).draw(f"c{n}") for n in range(2000)]
    assert drawn != [choices(replace(config, seed=1)).draw(f"c{n}") for n in range(2000)]


def test_samples_are_numbered_and_carry_the_conversations_facts() -> None:
    together, _ = parallel()
    conversation = replace(together, persona="chaotic_evil", split="test")
    chosen = choices(TokenizeConfig())
    made, counts = samples(conversation, chosen)
    date, effort, _ = chosen.draw("c")
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


def test_an_empty_switch_is_always_sent_as_an_edit() -> None:
    persona = Message("system", "Persona: lawful_good")
    turn = (Message("user", "hi"), Message("assistant", "Well met.", reasoning="greet"))
    ended = (persona, *turn, Message("system", ""), *turn)
    kept = (persona, *turn, Message("system", "Persona: lawful_evil"), *turn)
    assert as_sent(ended, "in_place") == "replaced"
    assert [as_sent(kept, way) for way in ("in_place", "replaced")] == ["in_place", "replaced"]
    chosen = choices(TokenizeConfig(switches={"in_place": 1}))
    made, _ = samples(Conversation("c", ended), chosen)
    assert ["lawful_good" in decode(each.ids) for each in made] == [True, False]
