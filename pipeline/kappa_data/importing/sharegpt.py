"""ShareGPT: `conversations` as a list of {from, value}; optionally `system` and `tools` beside it.

`function_call` holds the JSON text of {name, arguments}, or of a list of them; `observation` or
`tool` holds what came back. Calls written into the text of an answer (<tool_call> and the like)
stay text: they belong to one model's template.
"""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator

from kappa_data import strict_json
from kappa_data.importing.call_ids import with_call_ids
from kappa_data.importing.openai import tools_text
from kappa_data.importing.place import Draft, UnknownRole
from kappa_data.importing.shape import require
from kappa_data.records import FunctionCall, Message, Role, ToolCall, compact_json

KEY = "conversations"
CALL = "function_call"
ROLES: dict[str, Role] = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "assistant": "assistant",
    CALL: "assistant",
    "tool": "tool",
    "observation": "tool",
    "function_response": "tool",
}
SCHEMA = Draft202012Validator(
    {
        "type": "object",
        "required": [KEY],
        "properties": {
            KEY: {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["from", "value"],
                    "properties": {
                        "from": {"type": "string"},
                        "value": {"type": "string"},
                        "weight": {"enum": [0, 1, None]},
                    },
                },
            },
            "system": {"type": ["string", "null"]},
            "tools": {"type": ["array", "string", "null"]},
        },
    }
)


def convert(record: dict[str, Any]) -> Draft:
    """The record's messages and tools.

    Raises NotAConversation where the shape is another, UnknownRole where only a role is.
    """
    require(SCHEMA, record)
    messages = [_message(index, raw) for index, raw in enumerate(record[KEY])]
    if record.get("system"):
        messages.insert(0, Message("system", record["system"]))
    return Draft(with_call_ids(messages), tools_text(record.get("tools")))


def _message(index: int, raw: dict[str, Any]) -> Message:
    said_by, text = raw["from"], raw["value"]
    if said_by not in ROLES:
        raise UnknownRole(index, said_by)
    train = raw.get("weight") != 0
    if said_by == CALL:
        return Message("assistant", tool_calls=_calls(text), train=train)
    return Message(ROLES[said_by], text, train=train)


def _calls(text: str) -> tuple[ToolCall, ...]:
    try:
        value = strict_json.parse(text)
    except strict_json.NotStrict:
        value = None
    calls = value if isinstance(value, list) else [value]
    if not calls or not all(isinstance(each, dict) and "name" in each for each in calls):
        # Kept as it is under no name: a finding of the checks, not a reason to stop here.
        return (ToolCall("", FunctionCall("", text)),)
    return tuple(ToolCall("", _function(each)) for each in calls)


def _function(call: dict[str, Any]) -> FunctionCall:
    arguments = call.get("arguments", {})
    text = arguments if isinstance(arguments, str) else compact_json(arguments)
    return FunctionCall(str(call["name"]), text)
