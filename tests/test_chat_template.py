"""Chat templates against transformers' own rendering and tokenizing, on tokenizers made here."""

from __future__ import annotations

import datetime
import io
import json
import pickle
import re
import shutil
import sys
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.console import Console

import kappa_data
from kappa_data.config import DedupeConfig, TokenizeConfig
from kappa_data.errors import EnvironmentLacks, UsageError
from kappa_data.formats.construction import Counts, Rendered, TrainOn, Unrenderable
from kappa_data.formats.shield import FIRST, Shield
from kappa_data.formats.tokenizer_files import digest, folder_of
from kappa_data.progress import Quiet
from kappa_data.recipe import TOKENIZE
from kappa_data.records import Conversation, FunctionCall, Message, ToolCall, compact_json
from kappa_data.resources import Resources
from kappa_data.show import show_tokens
from kappa_data.stage import Context, Outcome, Stage, build
from kappa_data.store import Sealed

# Not loaded here: only one process of a run has this file.
if find_spec("transformers") is None:
    pytest.skip("transformers is not installed", allow_module_level=True)
import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from kappa_data.formats.chat_template import ChatTemplate, chat_template
from kappa_data.formats.samples import choices, samples

DATE = "2026-03-04"
SOURCES = [Path(kappa_data.__file__).parent / name for name in ("config.py", "records.py")]
CORPUS = [*(each.read_text(encoding="utf-8") for each in SOURCES), "naïve 数据 " * 20]

# --- templates, written in the manner of well-known ones ---------------------------------------

PLAIN = """
{%- for message in messages %}{{ '<|im_start|>' + message.role + '\n' }}
{%- generation %}{{ message.content + '<|im_end|>' }}{% endgeneration %}{{ '\n' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"""
MARKED = """
{%- for message in messages %}{{ '<|im_start|>' + message.role + '\n' }}
{%- if message.role == 'assistant' %}{% generation %}{{ message.content + '<|im_end|>' }}
{%- endgeneration %}{% else %}{{ message.content + '<|im_end|>' }}{% endif %}{{ '\n' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"""
# Reasoning of earlier turns is dropped, calls are JSON in tags, results are a user's.
THINKING = """
{%- if tools %}{{ '<|im_start|>system\n' }}
{%- if messages[0].role == 'system' %}{{ messages[0].content + '\n\n' }}{% endif %}
{{- '# Tools\n' }}{% for tool in tools %}{{ tool | tojson + '\n' }}{% endfor %}
{{- 'Call them in <tool_call></tool_call>.<|im_end|>\n' }}
{%- elif messages[0].role == 'system' %}
{{- '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}{% endif %}
{%- set ns = namespace(query=-1) %}
{%- for message in messages %}
{%- if message.role == 'user' %}{% set ns.query = loop.index0 %}{% endif %}{% endfor %}
{%- for message in messages %}
{%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}
{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
{%- elif message.role == 'assistant' %}
{%- set content = message.content %}{% set reasoning = '' %}
{%- if message.reasoning_content is string %}{% set reasoning = message.reasoning_content %}
{%- elif '</think>' in content %}
{%- set reasoning = content.split('</think>')[0].split('<think>')[-1] %}
{%- set content = content.split('</think>')[-1].lstrip('\n') %}{% endif %}
{{- '<|im_start|>assistant\n' }}
{%- if loop.index0 > ns.query and (loop.last or reasoning) %}
{{- '<think>\n' + reasoning.strip('\n') + '\n</think>\n\n' + content.lstrip('\n') }}
{%- else %}{{ content }}{% endif %}
{%- for call in message.tool_calls or [] %}{% set call = call.function %}
{{- '\n' if content or not loop.first else '' }}
{{- '<tool_call>\n{"name": "' + call.name + '", "arguments": ' }}
{{- call.arguments if call.arguments is string else call.arguments | tojson }}
{{- '}\n</tool_call>' }}{% endfor %}{{ '<|im_end|>\n' }}
{%- elif message.role == 'tool' %}
{%- if loop.first or messages[loop.index0 - 1].role != 'tool' %}{{ '<|im_start|>user' }}{% endif %}
{{- '\n<tool_response>\n' + message.content + '\n</tool_response>' }}
{%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}{{ '<|im_end|>\n' }}{% endif %}
{%- endif %}{% endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}
{%- if enable_thinking is defined and enable_thinking is false %}
{{- '<think>\n\n</think>\n\n' }}{% endif %}{% endif %}"""
# A date, trimmed texts, one call a message; text beside a call and reasoning are left out.
HEADERS = """
{{- bos_token }}
{%- if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}
{{- '<|start_header_id|>system<|end_header_id|>\n\nToday Date: ' + date_string + '\n\n' }}
{%- if messages[0].role == 'system' %}{{ messages[0].content | trim }}
{%- set messages = messages[1:] %}{% endif %}
{%- for tool in tools or [] %}{{ tool | tojson(indent=4) + '\n\n' }}{% endfor %}{{ '<|eot_id|>' }}
{%- for message in messages %}
{%- if message.role not in ['user', 'assistant', 'tool'] %}
{{- raise_exception('unknown role ' + message.role) }}
{%- elif message.tool_calls %}
{%- if message.tool_calls | length != 1 %}{{ raise_exception('one call at a time') }}{% endif %}
{%- set call = message.tool_calls[0].function %}
{{- '<|start_header_id|>assistant<|end_header_id|>\n\n{"name": "' + call.name + '", ' }}
{{- '"parameters": ' + call.arguments | tojson + '}<|eot_id|>' }}
{%- elif message.role == 'tool' %}
{{- '<|start_header_id|>ipython<|end_header_id|>\n\n' + message.content | tojson + '<|eot_id|>' }}
{%- else %}{{ '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' }}
{{- message.content | trim + '<|eot_id|>' }}{% endif %}{% endfor %}
{%- if add_generation_prompt %}
{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"""
# Channels; what was the model's stop is another token in the history. Reasoning is dropped as soon
# as a final answer follows, also in the text that ends in this answer.
CHANNELS = """
{%- set ns = namespace(final=-1) %}
{%- for message in messages %}
{%- if message.role == 'assistant' and not message.tool_calls %}{% set ns.final = loop.index0 %}
{%- endif %}{% endfor %}
{%- for message in messages %}
{%- if message.role == 'assistant' %}
{%- if message.thinking and (loop.last and not add_generation_prompt or loop.index0 > ns.final) %}
{{- '<|start|>assistant<|channel|>analysis<|message|>' + message.thinking + '<|end|>' }}{% endif %}
{%- if message.tool_calls %}{% set call = message.tool_calls[0].function %}
{{- '<|start|>assistant to=functions.' + call.name + '<|channel|>commentary json<|message|>' }}
{{- call.arguments | tojson + '<|call|>' }}
{%- else %}{{ '<|start|>assistant<|channel|>final<|message|>' + message.content }}
{{- '<|return|>' if loop.last and not add_generation_prompt else '<|end|>' }}{% endif %}
{%- else %}{{ '<|start|>' + message.role + '<|message|>' + message.content + '<|end|>' }}
{%- endif %}{% endfor %}
{%- if add_generation_prompt %}{{ '<|start|>assistant' }}{% endif %}"""
# No system messages, roles take turns, instructions in square brackets.
INST = """
{{- bos_token }}
{%- for message in messages %}
{%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}
{{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
{%- endif %}
{%- if message.role == 'user' %}{{ '[INST] ' + message.content + ' [/INST]' }}
{%- elif message.role == 'assistant' %}{{ ' ' + message.content | trim + ' ' + eos_token }}
{%- else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}
{%- endfor %}"""
# The prompt opens the reasoning, the history has none.
OPENED = """
{%- for message in messages %}{{ '<|im_start|>' + message.role + '\n' }}
{{- message.content.split('</think>')[-1] + '<|im_end|>\n' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n' }}{% endif %}"""
# The whole text is closed by one more token.
CLOSED = """
{%- for message in messages %}{{ '<|im_start|>' + message.role + '\n' }}
{{- message.content + '<|im_end|>\n' }}{% endfor %}
{{- '<|im_start|>assistant\n' if add_generation_prompt else eos_token }}"""
TEMPLATES = {
    "plain": PLAIN,
    "marked": MARKED,
    "thinking": THINKING,
    "headers": HEADERS,
    "channels": CHANNELS,
    "inst": INST,
    "opened": OPENED,
    "closed": CLOSED,
}
SPECIAL = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|start_header_id|>",
    "<|end_header_id|>", "<|eot_id|>", "<|start|>", "<|end|>", "<|message|>", "<|channel|>",
    "<|call|>", "<|return|>",
]  # fmt: skip
ADDED = ["<think>", "</think>", "<tool_call>", "</tool_call>"]  # not special, as in some models

# --- tokenizers --------------------------------------------------------------------------------


@cache
def byte_level() -> str:
    made = tokenizers.Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=1500, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator(CORPUS, trainer)
    made.add_special_tokens(SPECIAL)
    made.add_tokens([tokenizers.AddedToken(each, normalized=False) for each in ADDED])
    return made.to_str()


@cache
def sentences(*, legacy: bool, corpus: str = "") -> str:
    """In the manner of SentencePiece: `▁` for a space, one before the first word (legacy: before
    each piece), bytes for what is unknown, the control tokens in the vocabulary itself."""
    made = tokenizers.Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    trainer = trainers.BpeTrainer(
        vocab_size=1500,
        special_tokens=["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))],
        show_progress=False,
    )
    lines = [line for text in [*CORPUS, corpus] for line in text.split("\n")]
    made.pre_tokenizer = pre_tokenizers.Metaspace()  # no word of the vocabulary spans a space
    made.train_from_iterator(lines, trainer)
    if legacy:
        made.pre_tokenizer = None
        made.normalizer = normalizers.Sequence(
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        )
    else:
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    state = json.loads(made.to_str())
    state["added_tokens"] = [  # the byte pieces are ordinary vocabulary
        each for each in state["added_tokens"] if not each["content"].startswith("<0x")
    ]
    if not legacy:
        template = {"special": True, "single_word": False, "lstrip": False, "rstrip": False}
        first = max(state["model"]["vocab"].values()) + 1
        state["added_tokens"] += [
            {"id": first + number, "content": each, "normalized": False, **template}
            for number, each in enumerate(["[INST]", "[/INST]"])
        ]
    return json.dumps(state)


def written(folder: Path, state: str, template: str | None, **special: Any) -> Path:
    """A tokenizer's folder as it lies on a hub."""
    folder.mkdir(parents=True)
    (folder / "tokenizer.json").write_text(state)
    config = {"tokenizer_class": "PreTrainedTokenizerFast", **special}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    if template is not None:
        (folder / "chat_template.jinja").write_text(template)
    return folder


Make = Callable[[str], ChatTemplate]


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    root = tmp_path_factory.mktemp("tokenizers")

    def one(name: str) -> ChatTemplate:
        kind, _, tokenizer = name.partition("/")
        folder = root / name
        if not folder.exists():
            if tokenizer:
                state = sentences(legacy=tokenizer == "legacy")
                special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
            else:
                state = byte_level()
                special = {"bos_token": "<|begin_of_text|>", "eos_token": "<|endoftext|>"}
            written(folder, state, TEMPLATES[kind], **special)
        return chat_template(str(folder))

    return one


NAMES = ("plain", "thinking", "headers", "channels", "inst/legacy", "inst/first", "closed")


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers' own `strftime_now` says DATE."""

    class Today(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Today:
            return cls.fromisoformat(DATE)

    monkeypatch.setattr("transformers.utils.chat_template_utils.datetime", Today)


def reference(made: ChatTemplate) -> Any:
    return loaded(made.folder)


@cache
def loaded(folder: str) -> Any:
    import transformers

    return transformers.AutoTokenizer.from_pretrained(folder)


def openai(message: Message) -> dict[str, Any]:
    """A message as the documentation of transformers wants it."""
    said: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.reasoning:
        said["reasoning_content"] = said["thinking"] = message.reasoning
    if message.tool_calls:
        said["tool_calls"] = [
            {"type": "function", "function": {
                "name": call.function.name, "arguments": json.loads(call.function.arguments)}}
            for call in message.tool_calls
        ]  # fmt: skip
    return said


def prompt(made: ChatTemplate, talk: Conversation, step: int, **more: Any) -> Any:
    """What transformers makes of the messages before a step."""
    tools = json.loads(talk.tools) if talk.tools else None
    messages = [openai(message) for message in talk.messages[:step]]
    more.setdefault("enable_thinking", bool(talk.messages[step].reasoning))
    more.setdefault("add_generation_prompt", True)
    return reference(made).apply_chat_template(messages, tools=tools, return_dict=False, **more)


def built(
    made: ChatTemplate, talk: Conversation, train_on: TrainOn = "each_step"
) -> tuple[list[Rendered], Counts]:
    return made.documents(talk, date=DATE, effort="medium", train_on=train_on)


def spans(document: Rendered) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], document.mask, [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def said_in(made: ChatTemplate, document: Rendered) -> list[str]:
    return [made.decode(document.ids[start:end]) for start, end in spans(document)]


# --- conversations -----------------------------------------------------------------------------

PATH = {"type": "object", "properties": {"path": {"type": "string"}}}
TOOL = {
    "type": "function",
    "function": {"name": "count", "description": "x < y", "parameters": PATH},
}
TOOLS = compact_json([TOOL])


def call(number: int, **arguments: Any) -> ToolCall:
    return ToolCall(f"call_{number}", FunctionCall("count", json.dumps(arguments)))


WITH_TOOLS = Conversation(
    "tools",
    (
        Message("user", "How long is “a.txt”?"),
        Message("assistant", reasoning="I count.", tool_calls=(call(1, path="a b.txt"),)),
        Message("tool", '12\n"lines"', tool_call_id="call_1"),
        Message("assistant", reasoning="And b?", tool_calls=(call(2, path="ü.txt"),)),
        Message("tool", "3 lines", tool_call_id="call_2"),
        Message("assistant", "12 and 3.", reasoning="Both are known."),
        Message("user", "Sum?"),
        Message("assistant", "  15", reasoning="12 + 3."),
    ),
    TOOLS,
)
PLAIN_TALK = Conversation(
    "plain",
    (
        Message("user", "Hi  there\n"),
        Message("assistant", "Hello."),
        Message("user", " naïve 数据?"),
        Message("assistant", "\n\nYes, 数据 it is 🤖."),
    ),
)


def talk_for(name: str) -> Conversation:
    return WITH_TOOLS if name in ("thinking", "headers", "channels") else PLAIN_TALK


# --- exactness ---------------------------------------------------------------------------------


@pytest.mark.parametrize("train_on", ["each_step", "last_turn"])
@pytest.mark.parametrize("name", NAMES)
def test_before_every_trained_span_stands_the_prompt_of_transformers(
    make: Make, name: str, train_on: TrainOn
) -> None:
    made, talk = make(name), talk_for(name)
    documents, counts = built(made, talk, train_on)
    trained = []
    for document in documents:
        for (start, end), step in zip(spans(document), document.steps, strict=True):
            assert document.ids[:start].tolist() == prompt(made, talk, step)
            assert int(document.ids[end - 1]) in made.stop_ids
            assert not set(document.ids[start : end - 1].tolist()) & made.stop_ids
            trained.append(step)
    steps = [number for number, each in enumerate(talk.messages) if each.role == "assistant"]
    first = 0 if train_on == "each_step" else len(talk.messages) - 2
    assert trained == [step for step in steps if step >= first]
    assert counts.trained == len(trained) and counts.steps == len(steps)


def test_what_is_trained_is_what_was_said(make: Make) -> None:
    made = make("thinking")
    documents, counts = built(made, WITH_TOOLS)
    assert [said_in(made, each) for each in documents] == [
        [
            '<think>\nI count.\n</think>\n\n<tool_call>\n{"name": "count", "arguments": '
            '{"path": "a b.txt"}}\n</tool_call><|im_end|>',
            '<think>\nAnd b?\n</think>\n\n<tool_call>\n{"name": "count", "arguments": '
            '{"path": "ü.txt"}}\n</tool_call><|im_end|>',
            "<think>\nBoth are known.\n</think>\n\n12 and 3.<|im_end|>",
        ],
        ["<think>\n12 + 3.\n</think>\n\n  15<|im_end|>"],
    ]
    assert counts.without_reasoning == 0 and not counts.unrendered and not counts.untrained
    made = make("channels")
    documents, _ = built(made, WITH_TOOLS)
    assert said_in(made, documents[-1]) == [
        "<|channel|>analysis<|message|>12 + 3.<|end|><|start|>assistant"
        "<|channel|>final<|message|>  15<|return|>"
    ]


def test_a_step_without_reasoning_follows_the_prompt_that_turns_thinking_off(make: Make) -> None:
    talk = Conversation("off", (Message("user", "Hi"), Message("assistant", "Ho")))
    made = make("thinking")
    [document], counts = built(made, talk)
    assert said_in(made, document) == ["Ho<|im_end|>"]
    assert made.decode(document.ids).endswith("assistant\n<think>\n\n</think>\n\nHo<|im_end|>")
    assert counts.without_reasoning == 1


def test_masks_agree_with_a_template_that_marks_what_the_model_says(make: Make) -> None:
    made = make("marked")
    [document], counts = built(made, PLAIN_TALK)
    messages = [openai(each) for each in PLAIN_TALK.messages]
    marked = reference(made).apply_chat_template(
        messages, return_assistant_tokens_mask=True, return_dict=True
    )
    length = len(document.ids)  # less the line break after the last stop, which nobody emits
    # "\n\n" after the header is one token for a tokenizer that sees both, and none a model is sent
    assert made.decode(document.ids) + "\n" == made.decode(marked["input_ids"])
    first = spans(document)[0]
    assert marked["input_ids"][: first[1]] == document.ids[: first[1]].tolist()
    assert marked["assistant_masks"][: first[1]] == document.mask[: first[1]].tolist()
    assert counts.tokens == length


def test_all_turns_leaves_reasoning_out_and_is_exact(make: Make) -> None:
    made = make("plain")
    [document], _ = built(made, PLAIN_TALK, "all_turns")
    assert document.steps == (1, 3)
    made, silent = make("thinking"), tuple(replace(m, reasoning=None) for m in WITH_TOOLS.messages)
    documents, counts = built(made, WITH_TOOLS, "all_turns")
    for document in documents:
        for (start, _), step in zip(spans(document), document.steps, strict=True):
            expected = prompt(made, replace(WITH_TOOLS, messages=silent), step)
            assert document.ids[:start].tolist() == expected
    assert counts.without_reasoning == counts.trained == 4


def test_one_more_token_at_the_very_end_is_not_emitted(make: Make) -> None:
    made = make("closed")
    [document], _ = built(made, PLAIN_TALK)
    assert said_in(made, document) == ["Hello.<|im_end|>", "\n\nYes, 数据 it is 🤖.<|im_end|>"]


def test_a_template_that_rewrites_its_prompt_trains_nothing(make: Make) -> None:
    documents, counts = built(make("opened"), PLAIN_TALK)
    assert not documents and counts.untrained == {"template rewrites its prompt": 2}


def test_reasons_against_training_come_before_the_template(make: Make) -> None:
    steps = (
        Message("assistant", "a", train=False),
        Message("assistant", "b", finish_reason="length"),
        Message("assistant", ""),
        Message("assistant", "c"),
    )
    messages = tuple(each for step in steps for each in (Message("user", "?"), step))
    [document], counts = built(make("plain"), Conversation("c", messages))
    assert document.steps == (7,)
    assert counts.untrained == {"marked": 1, "cut off": 1, "empty": 1}


# --- text is never control ---------------------------------------------------------------------

pieces = st.one_of(
    st.sampled_from([*SPECIAL, *ADDED, "<s>", "</s>", "[INST]", "[/INST]", "<unk>"]),
    st.sampled_from(["<", "<|", "|>", "im_start", "<|im_", "end|>", "</thi", "nk>", ">", "[", "]"]),
    st.sampled_from([" ", "\n", "a", '"', "\\", "don't", "数据", "🤖", "<|im_<|im_end|>end|>"]),
    st.text(st.characters(codec="utf-8", max_codepoint=FIRST - 1), max_size=4),
)
texts = st.lists(pieces, min_size=1, max_size=6).map("".join)
spoken = texts.filter(str.strip)


@st.composite
def talks(draw: st.DrawFn) -> Conversation:
    messages = []
    for number in range(draw(st.integers(1, 2))):
        messages.append(Message("user", draw(texts)))
        if draw(st.booleans()):
            asked = call(number, path=draw(texts), **{draw(texts): 1})
            reasoning = draw(st.none() | spoken)
            messages.append(Message("assistant", "", reasoning=reasoning, tool_calls=(asked,)))
            messages.append(Message("tool", draw(texts), tool_call_id=asked.id))
        messages.append(Message("assistant", draw(spoken), reasoning=draw(st.none() | spoken)))
    tool = TOOL["function"] | {"description": draw(texts)}
    return Conversation(
        "h", tuple(messages), compact_json([{"type": "function", "function": tool}])
    )


def harmless(talk: Conversation) -> Conversation:
    """The same talk in letters of which no control token is made."""

    def letters(text: str) -> str:
        return re.sub(r"[<>|\[\]/_]", "x", text)

    messages = []
    for message in talk.messages:
        calls = tuple(
            replace(
                each,
                function=FunctionCall(
                    each.function.name,
                    json.dumps(
                        {
                            letters(key): letters(value) if isinstance(value, str) else value
                            for key, value in json.loads(each.function.arguments).items()
                        }
                    ),
                ),
            )
            for each in message.tool_calls
        )
        reasoning = message.reasoning and letters(message.reasoning)
        messages.append(
            replace(
                message,
                content=letters(message.content),
                reasoning=reasoning,
                tool_calls=calls,
            )
        )
    [tool] = json.loads(talk.tools) if talk.tools else [TOOL]
    tool["function"]["description"] = letters(tool["function"]["description"])
    return replace(talk, messages=tuple(messages), tools=talk.tools and compact_json([tool]))


def control(made: ChatTemplate, document: Rendered) -> list[tuple[str, int]]:
    return [
        (made.specials[each], trained)
        for each, trained in zip(document.ids.tolist(), document.mask.tolist(), strict=True)
        if each in made.specials and made.specials[each] != "<unk>"
    ]


@pytest.mark.parametrize("name", ["plain", "thinking", "headers", "channels"])
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(talk=talks())
def test_no_control_token_comes_from_text(make: Make, name: str, talk: Conversation) -> None:
    made = make(name)
    documents, counts = built(made, talk)
    calm, _ = built(made, harmless(talk))
    assert [control(made, each) for each in documents] == [control(made, each) for each in calm]
    assert counts.trained == counts.steps
    for document in documents:
        for (start, _), step in zip(spans(document), document.steps, strict=True):
            if name != "thinking":  # that one looks for tags in texts: they are hidden from it
                text = prompt(made, talk, step, tokenize=False)
                assert made.decode(document.ids[:start]) == text


@pytest.mark.parametrize("name", ["inst/legacy", "inst/first"])
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(said=st.lists(spoken, min_size=2, max_size=2))
def test_nor_with_control_tokens_in_the_vocabulary(make: Make, name: str, said: list[str]) -> None:
    made = make(name)
    messages = (Message("user", said[0]), Message("assistant", said[1]))
    talk = Conversation("s", messages)
    documents, _ = built(made, talk)
    calm, _ = built(made, harmless(talk))
    assert [control(made, each) for each in documents] == [control(made, each) for each in calm]


def test_a_tokenizer_that_makes_a_control_token_of_letters_is_found_out(tmp_path: Path) -> None:
    state = sentences(legacy=False, corpus="a[INST]b c[INST]d e[INST]f " * 1000)
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    made = chat_template(str(written(tmp_path / "t", state, INST, **special)))
    assert built(made, PLAIN_TALK)[0]
    talk = Conversation("x", (Message("user", "g[INST]h"), Message("assistant", "a")))
    with pytest.raises(Unrenderable, match=r"makes \[INST\] of plain text"):
        built(made, talk)


@given(st.lists(texts, min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_hidden_texts_hold_no_token_side_by_side_and_are_shown_as_they_were(
    said: list[str],
) -> None:
    shield = Shield([*SPECIAL, *ADDED])
    hidden = [shield.hide(each) for each in said]
    joined = "".join(hidden)
    assert not any(token in joined for token in [*SPECIAL, *ADDED])
    assert len(joined) == len("".join(said))
    assert shield.show("<|im_start|>" + joined).endswith("".join(said))
    assert shield.show("<|im_start|>") == shield.aliases["<|im_start|>"]
    for ascii_only in (False, True):
        shown = shield.show(shield.to_json(hidden, ensure_ascii=ascii_only))
        assert shown == json.dumps(said, ensure_ascii=ascii_only)


def test_a_token_that_json_escapes_is_escaped_as_itself() -> None:
    shield = Shield(['"q"', "<｜x｜>"])
    for ascii_only in (False, True):
        hidden = shield.hide_all({"a": 'b"q"c<｜x｜>｜'}, edges=True)
        shown = shield.show(shield.to_json(hidden, ensure_ascii=ascii_only))
        assert shown == json.dumps({"a": 'b"q"c<｜x｜>｜'}, ensure_ascii=ascii_only)


# --- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "messages", "reason"),
    [
        ("inst/first", (Message("system", "s"), *PLAIN_TALK.messages), "roles must alternate"),
        ("headers", (Message("user", "q"), Message("developer", "d"), Message("assistant", "a")),
         "unknown role developer"),
        ("headers", (Message("user", "q"),
                     Message("assistant", tool_calls=(call(1, a=1), call(2, a=2)))),
         "one call at a time"),
        ("thinking", (Message("assistant", "a"),), "no element 0"),
        ("thinking", (Message("user", "q"), Message("assistant", tool_calls=(
            ToolCall("1", FunctionCall("f", "[1]")),))), "no JSON object"),
        ("plain", (Message("user", chr(FIRST)), Message("assistant", "a")), r"U\+108000"),
    ],
)  # fmt: skip
def test_what_a_template_refuses_is_refused_in_its_words(
    make: Make, name: str, messages: tuple[Message, ...], reason: str
) -> None:
    with pytest.raises(Unrenderable, match=reason) as refused:
        built(make(name), Conversation("no", messages))
    assert len(str(refused.value)) <= 80 and "\n" not in str(refused.value)


def test_what_a_template_leaves_out_is_counted(make: Make) -> None:
    talk = Conversation(
        "left",
        (
            Message("user", "q"),
            Message("assistant", "I look.", reasoning="r1", tool_calls=(call(1, a=1),)),
            Message("tool", "12", tool_call_id="call_1"),
            Message("assistant", "It is 12.", reasoning="r2"),
        ),
        TOOLS,
    )
    _, counts = built(make("headers"), talk)
    assert counts.unrendered == {"text beside calls": 1, "reasoning": 2}
    assert counts.without_reasoning == 2
    _, counts = built(make("plain"), talk)
    assert counts.unrendered == {"tools": 1, "calls": 1, "reasoning": 2}


def test_a_folder_that_cannot_be_used_says_so(tmp_path: Path, make: Make) -> None:
    def usage(name: object, match: str) -> None:
        with pytest.raises(UsageError, match=match) as error:
            chat_template(str(name))
        assert "\n" not in str(error.value)

    special = {"bos_token": "<|begin_of_text|>", "eos_token": "<|endoftext|>"}
    usage("", "name its folder")
    usage(tmp_path / "nowhere", "there is no folder")
    usage("no good name", "neither a folder nor a name")
    (tmp_path / "empty").mkdir()
    usage(tmp_path / "empty", "holds no tokenizer")
    usage(written(tmp_path / "base", byte_level(), None, **special), "no chat template")
    usage(written(tmp_path / "broken", "{", PLAIN, **special), "no tokenizer")
    model = '{"version":"1.0","added_tokens":[],"model":{"type":"X"}}'
    usage(written(tmp_path / "unknown", model, PLAIN, **special), "no tokenizer")
    usage(written(tmp_path / "number", byte_level(), None, chat_template=5), "cannot be used")
    usage(written(tmp_path / "syntax", byte_level(), "{% if %}", **special), "cannot be used")
    usage(written(tmp_path / "refuses", byte_level(), "{{ raise_exception('no') }}", **special),
          "cannot render a question and an answer: no")  # fmt: skip
    bare = "{% for message in messages %}{{ message.content }}{% endfor %}"
    usage(written(tmp_path / "endless", byte_level(), bare, **special), "no stop token")


def test_code_of_a_folder_never_runs(tmp_path: Path) -> None:
    special: Any = {
        "bos_token": "<|begin_of_text|>", "eos_token": "<|endoftext|>", "pad_token": "<|end|>",
        "auto_map": {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}, "tokenizer_class": "Evil",
    }  # fmt: skip
    folder = written(tmp_path / "evil", byte_level(), PLAIN, **special)
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Evil: pass\n")
    try:
        chat_template(str(folder))
    except UsageError as error:
        assert "\n" not in str(error)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "attack",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ messages.append(1) }}",
        "{{ cycler.__init__.__globals__.os.getpid() }}",
        "{% set ns = namespace() %}{% set ns.__class__ = 1 %}",
    ],
)
def test_templates_run_in_a_sandbox(tmp_path: Path, attack: str) -> None:
    template = "{% if messages|length > 3 %}" + attack + "{% endif %}" + PLAIN
    eos = "<|endoftext|>"
    made = chat_template(str(written(tmp_path / "t", byte_level(), template, eos_token=eos)))
    longer = replace(PLAIN_TALK, messages=PLAIN_TALK.messages * 2)
    with pytest.raises(Unrenderable):
        built(made, longer)


def test_the_extra_is_named_where_it_lacks(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make("plain").folder
    from kappa_data.formats import hf_tokenizer

    hf_tokenizer.load.cache_clear()
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(EnvironmentLacks, match=r"kappa-data\[chat-template\]"):
        chat_template(folder)


# --- the settings, the key ---------------------------------------------------------------------


def test_the_digest_is_of_the_tokenizer_and_not_of_its_place(tmp_path: Path) -> None:
    one = written(tmp_path / "one", byte_level(), PLAIN)
    two = written(tmp_path / "deeper" / "two", byte_level(), PLAIN)
    assert digest(one) == digest(two)
    (two / "model.safetensors").write_bytes(b"weights")
    assert digest(folder_of(str(two))) == digest(one)
    (two / "chat_template.jinja").write_text(PLAIN + " ")
    assert digest(two) != digest(one)


def test_samples_come_by_the_settings(make: Make) -> None:
    made = make("headers")
    config = TokenizeConfig(
        format="chat-template", tokenizer=made.folder, first_date=DATE, last_date=DATE
    )
    chosen = choices(config)
    assert chosen.format == made
    again = pickle.loads(pickle.dumps(chosen))
    for each in (chosen, again):
        drawn, _ = samples(WITH_TOOLS, each)
        assert "Today Date: 04 Mar 2026" in made.decode(drawn[0].ids)
        assert all(sample.ids.dtype == np.int32 for sample in drawn)
    assert made.pad_id == reference(made).eos_token_id and made.size == len(reference(made))
    with pytest.raises(UsageError, match='did you mean "chat-template"'):
        choices(msgspec.structs.replace(config, format="chat_template"))


def sealed(root: Path, source: list[Conversation], config: TokenizeConfig) -> Sealed:
    """What the stage makes of some conversations."""

    def seal(ctx: Context[DedupeConfig]) -> Outcome:
        with ctx.writer("conversations", Conversation) as out:
            for each in source:
                out.write(each)
        return Outcome()

    resources = Resources(None)
    origin = Stage("dedupe", 1, seal, ("conversations",))
    dedupe, _ = build(origin, DedupeConfig(), {}, resources, root, Quiet())
    made, _ = build(TOKENIZE, config, {"dedupe": dedupe}, resources, root, Quiet())
    return made


def test_the_stage_says_what_it_used_refused_and_left_out(make: Make, tmp_path: Path) -> None:
    made = make("headers")
    two = call(1, a=1), call(2, a=2)
    refused = (Message("user", "q"), Message("assistant", tool_calls=two))
    source = [WITH_TOOLS, PLAIN_TALK, Conversation("parallel", refused)]
    config = TokenizeConfig(format="chat-template", tokenizer=made.folder, workers=1)
    one = sealed(tmp_path / "one", source, config)
    assert one.manifest.rejected == {"template: one call at a time": 1}
    figures = one.manifest.figures
    assert figures["left out by the template"] == {"reasoning": 4}
    assert figures["pad id"] == made.pad_id and figures["vocabulary"] == made.size
    assert figures["stop ids"] == sorted(made.stop_ids) and made.digest in figures["tokenizer"]
    assert figures["trained steps"] == 6

    copied = tmp_path / "elsewhere"
    shutil.copytree(made.folder, copied)
    moved = replace(config, tokenizer=str(copied), workers=2)
    other = sealed(tmp_path / "two", source, moved)
    assert other.manifest.key == one.manifest.key and other.digest == one.digest
    (copied / "chat_template.jinja").write_text(HEADERS + "{# new #}")
    changed = sealed(tmp_path / "two", source, replace(moved, workers=1))
    assert changed.manifest.key != one.manifest.key


def test_tokens_are_shown_in_their_own_vocabulary(make: Make) -> None:
    made = make("thinking")
    talk = Conversation("s", (Message("user", "</think>?"), Message("assistant", "<|im_end|> no")))
    [document], _ = built(made, talk)
    out = io.StringIO()
    show_tokens(Console(file=out, no_color=True), document.ids, document.mask, form=made)
    assert "<|im_start|>user\n<\\/think>?<|im_end|>" in out.getvalue()
    assert "⟦<\\|im_end|> no<|im_end|>⟧" in out.getvalue()
