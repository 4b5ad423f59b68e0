"""Conversations, golden prompts and the reference encoder of the tests of harmony's tokens."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import openai_harmony as oss
from hypothesis import strategies as st
from msgspec.structs import replace

from kappa_data.formats.harmony import Rendered
from kappa_data.formats.profiles import PROFILES, Profile
from kappa_data.formats.vocabulary import SPECIALS
from kappa_data.records import Conversation, FunctionCall, Message, ToolCall

GOLDEN = Path(__file__).parent / "golden"
DATE = "2026-03-04"
EXACT = ("each_step", "last_turn")
SPECIAL_NAMES = [*SPECIALS.values(), "<|refusal|>", "<|reserved_200000|>", "<|endofprompt|>"]


def golden_rows(name: str = "vllm-0.33") -> list[dict[str, Any]]:
    """Conversations and vLLM 0.33's prompts; `vllm-0.33-more` holds odder ones."""
    with gzip.open(GOLDEN / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def golden_case(row: dict[str, Any]) -> tuple[Profile, tuple[Message, ...], str]:
    server = replace(PROFILES[row["profile"]], echo_reasoning=row["echo_reasoning"])
    return server, msgspec.convert(row["messages"], tuple[Message, ...]), json.dumps(row["tools"])


@cache
def oss_encoding() -> Any:
    return oss.load_harmony_encoding(oss.HarmonyEncodingName.HARMONY_GPT_OSS)


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
