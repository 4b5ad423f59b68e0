"""OpenAI chat messages, as they are found in the wild: `messages` and, if declared, `tools`.

Kept of a message: role, content (text, null, or a list of text parts, which are joined), reasoning
(`reasoning`, `reasoning_content` or `thinking`), tool_calls, tool_call_id, name, finish_reason, and
`weight`: 0 of the fine-tuning format, which means: context only. The older `function_call`,
role `function` and `functions` become tool calls, tool messages and tools. Other keys are dropped.
"""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator

from kappa_data import strict_json
from kappa_data.importing.call_ids import with_call_ids
from kappa_data.importing.place import Draft, NotAConversation, UnknownRole
from kappa_data.importing.shape import require
from kappa_data.records import FunctionCall, Message, Role, ToolCall, compact_json

KEY = "messages"
ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
REASONING = ("reasoning", "reasoning_content", "thinking")

_TEXT = {"type": ["string", "null"]}
_FUNCTION = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "arguments": {"type": ["string", "object", "null"]},
    },
}
_CALL = {
    "type": "object",
    "required": ["function"],
    "properties": {"id": _TEXT, "function": _FUNCTION},
}
_MESSAGE = {
    "type": "object",
    "required": ["role"],
    "properties": {
        "role": {"type": "string"},
        "content": {
            "type": ["string", "null", "array"],
            "items": {
                "type": "object",
                "properties": {
                    "type": {"enum": ["text", "input_text", "output_text"]},
                    "text": {"type": "string"},
                },
                "required": ["type", "text"],
            },
        },
        "tool_calls": {"type": ["array", "null"], "items": _CALL},
        "function_call": {"anyOf": [{"type": "null"}, _FUNCTION]},
        "tool_call_id": _TEXT,
        "name": _TEXT,
        "finish_reason": _TEXT,
        "weight": {"enum": [0, 1, None]},
        **dict.fromkeys(REASONING, _TEXT),
    },
}
SCHEMA = Draft202012Validator(
    {
        "type": "object",
        "required": [KEY],
        "properties": {
            KEY: {"type": "array", "minItems": 1, "items": _MESSAGE},
            "tools": {"type": ["array", "string", "null"]},
            "functions": {"type": ["array", "string", "null"]},
        },
    }
)
_TOOL = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "description": {"type": "string"},
        "parameters": {"type": ["object", "boolean", "null"]},
    },
}
TOOLS_SCHEMA = Draft202012Validator(
    {
        "type": "array",
        "items": {
            "if": {"type": "object", "required": ["function"]},
            "then": {"properties": {"function": _TOOL}},
            "else": _TOOL,
        },
    }
)


def convert(record: dict[str, Any]) -> Draft:
    """The record's messages and tools.

    Raises NotAConversation where the shape is another, UnknownRole where only a role is.
    """
    require(SCHEMA, record)
    messages = tuple(_message(index, raw) for index, raw in enumerate(record[KEY]))
    return Draft(
        with_call_ids(messages), tools_text(record.get("tools") or record.get("functions"))
    )


def tools_text(tools: Any) -> str | None:
    """Tool definitions as compact JSON text, their keys in their own order; None: undeclared.

    `tools` is a list, its JSON text, or nothing; a definition without the `function` wrapper gets
    one. Raises NotAConversation where it is anything else.
    """
    if isinstance(tools, str) and tools.strip():
        try:
            tools = strict_json.parse(tools)
        except strict_json.NotStrict as error:
            raise NotAConversation(f"tools: {error}") from None
    if not tools or isinstance(tools, str):
        return None
    require(TOOLS_SCHEMA, tools, "tools")
    wrapped = [
        each if "function" in each else {"type": "function", "function": each} for each in tools
    ]
    return compact_json(wrapped)


def _message(index: int, raw: dict[str, Any]) -> Message:
    role = raw["role"]
    if role not in ROLES:
        raise UnknownRole(index, role)
    calls = [_call(each) for each in raw.get("tool_calls") or []]
    if raw.get("function_call"):
        calls.append(_call({"function": raw["function_call"]}))
    return Message(
        role=ROLES[role],
        content=_text(raw.get("content")),
        reasoning=next((raw[key] for key in REASONING if raw.get(key)), None),
        tool_calls=tuple(calls),
        tool_call_id=raw.get("tool_call_id"),
        name=raw.get("name"),
        train=raw.get("weight") != 0,
        finish_reason=raw.get("finish_reason"),
    )


def _call(raw: dict[str, Any]) -> ToolCall:
    arguments = raw["function"].get("arguments")
    if not isinstance(arguments, str):
        arguments = compact_json(arguments or {})
    return ToolCall(raw.get("id") or "", FunctionCall(raw["function"]["name"], arguments))


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part["text"] for part in content)
    return content or ""
