"""Prompts against vLLM's own code on random conversations, new ones at every run.

For development. Skipped unless KAPPA_VLLM names a folder with vLLM's unpacked wheel:

    pip download vllm==0.33.0 --no-deps -d DOWNLOADS
    unzip -q DOWNLOADS/vllm-*.whl 'vllm/*.py' 'vllm-*' -d UNPACKED
    KAPPA_VLLM=UNPACKED pytest tests/test_vllm.py

KAPPA_VLLM_TALKS is the number of conversations, KAPPA_VLLM_SEED the seed of the first; a failure
names the seed of its conversation. `KAPPA_VLLM=UNPACKED python tests/test_vllm.py` writes the
golden file that `test_harmony.py` compares with where there is no vLLM.
"""

from __future__ import annotations

import gzip
import json
import os
import time
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import msgspec
import pytest

from kappa_data.formats.harmony import prompt_ids
from kappa_data.formats.profiles import PROFILES, Profile
from kappa_data.formats.vocabulary import decode
from kappa_data.records import FunctionCall, Message, ToolCall
from random_talks import SPELLED, talk, tools
from vllm_server import Refused, VllmServer

GOLDEN = Path(__file__).parent / "golden" / "vllm-0.33-more.jsonl.gz"
SERVERS = [server for name, server in PROFILES.items() if name.startswith("vllm-")]

pytestmark = pytest.mark.skipif("KAPPA_VLLM" not in os.environ, reason="KAPPA_VLLM is not set")


@cache
def vllm() -> VllmServer:
    return VllmServer(Path(os.environ["KAPPA_VLLM"]))


class Case(NamedTuple):
    """One request series: a conversation, its tools, and what the client chose."""

    messages: tuple[Message, ...]
    tools: list[dict[str, Any]]
    server: Profile
    date: str
    effort: str | None


def case(seed: int) -> Case:
    rng = Random(seed)
    date = f"20{rng.randint(24, 29)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
    effort = rng.choice((None, "low", "medium", "high"))
    return Case(talk(rng), tools(rng), SERVERS[seed % len(SERVERS)], date, effort)


def prompts(each: Case) -> dict[int, list[int]]:
    """vLLM's prompt before every assistant step, up to the first that it refuses."""
    made = {}
    for step, message in enumerate(each.messages):
        if message.role == "assistant":
            try:
                made[step] = vllm().prompt(
                    each.messages[:step],
                    each.tools,
                    each.server,
                    date=each.date,
                    effort=each.effort,
                )
            except Refused as refused:
                # Its Responses interface wants every result to have a call.
                assert each.server.history == "responses"
                assert str(refused).startswith("No call message found for answers nothing")
                break
    return made


def test_every_prompt_is_vllms() -> None:
    first = int(os.environ.get("KAPPA_VLLM_SEED", time.time_ns() % 10**9))
    count = int(os.environ.get("KAPPA_VLLM_TALKS", "150"))
    print(f"seeds {first} to {first + count - 1}")
    steps = 0
    for seed in range(first, first + count):
        each = case(seed)
        text = json.dumps(each.tools)
        for step, expected in prompts(each).items():
            ids = prompt_ids(
                each.messages[:step], text, each.server, date=each.date, effort=each.effort
            )
            assert decode(ids) == decode(expected), f"seed {seed}, step {step}"
            assert ids == expected, f"seed {seed}, step {step}"
            steps += 1
    print(f"{steps} prompts are equal")


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
@pytest.mark.parametrize("spelled", SPELLED)
def test_a_tool_whose_name_spells_a_special_token_is_refused_by_vllm_or_text(
    server: Profile, spelled: str
) -> None:
    """The one place where vLLM encodes no ordinary text: headers. There is nothing to imitate."""
    messages = (
        Message("user", "x"),
        Message("assistant", tool_calls=(ToolCall("1", FunctionCall(f"f{spelled}", "{}")),)),
        Message("tool", "y", tool_call_id="1"),
    )
    mine = prompt_ids(messages, None, server, date="2026-01-02", effort=None)
    try:
        theirs = vllm().prompt(messages, [], server, date="2026-01-02", effort=None)
    except Exception as error:  # noqa: BLE001 - whatever its encoder raises
        assert "disallowed special token" in str(error)
    else:
        assert mine == theirs


def write_golden(count: int) -> None:
    """The first conversations, with vLLM's prompts; the same bytes at every run."""
    rows = []
    for seed in range(count):
        each = case(seed)
        row = {
            "profile": each.server.name,
            "echo_reasoning": each.server.echo_reasoning,
            "date": each.date,
            "effort": each.effort,
            "tools": each.tools,
            "messages": msgspec.to_builtins(each.messages),
            "steps": [{"message": step, "prompt": ids} for step, ids in prompts(each).items()],
        }
        rows.append(json.dumps(row, ensure_ascii=False, separators=(",", ":")))
    GOLDEN.write_bytes(gzip.compress("\n".join([*rows, ""]).encode(), mtime=0))


if __name__ == "__main__":
    write_golden(60)
