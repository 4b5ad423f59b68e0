"""Tool results that the teacher writes: what it is told, and how its answers are read.

One request a call. The prompt has the tools and the files that the conversation began with; every
call so far is a message to it, and its result the answer, so that a conversation's requests share
their beginning and each result is an example of the form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kappa_data.records import compact_json
from kappa_data.sandbox import Limits
from kappa_data.sandbox.output import clip, visible, with_note

SIMULATOR_PROMPT = "prompts/simulator.j2"
COMMANDS = "bash"
"""the tool whose results end with an exit code, where it is not 0"""
_STATUS = re.compile(r"\n?\[exit code (\d{1,3})\]\s*\Z")
_FENCE = re.compile(r"\A\s*```\w*\n(.*)\n```\s*\Z", re.DOTALL)


class SimulatedCall(NamedTuple):
    """A call, and the answer of the teacher with its status line."""

    tool: str
    arguments: Mapping[str, Any]
    answer: str


def messages(
    brief: str, done: Sequence[SimulatedCall], tool: str, arguments: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The request for one result, in OpenAI chat form."""
    asked: list[dict[str, Any]] = [{"role": "system", "content": brief}]
    for call in done:
        asked.append({"role": "user", "content": _call(call.tool, call.arguments)})
        asked.append({"role": "assistant", "content": call.answer})
    asked.append({"role": "user", "content": _call(tool, arguments)})
    return asked


def shown(tool: str, answer: str, limits: Limits) -> str | None:
    """What the assistant is shown of an answer; None where the answer lacks its status line.

    Made visible and cut as a box's output is. Without the line nobody knows whether the teacher
    spoke as the tool or about it.
    """
    fenced = _FENCE.match(answer)
    text = fenced[1] if fenced else answer
    status = _STATUS.search(text)
    if status is None:
        return None
    written = visible(text[: status.start()].encode("utf-8", "replace"))
    if written and tool == COMMANDS:
        written += "\n"
    content, _ = clip(written, limits.output_chars)
    code = int(status[1])
    return with_note(content, f"exit code {code}") if code and tool == COMMANDS else content


def _call(tool: str, arguments: Mapping[str, Any]) -> str:
    return compact_json({"tool": tool, "arguments": arguments})
