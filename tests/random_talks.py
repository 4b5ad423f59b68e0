"""Random conversations and tools for prompts: everything that a client can send and that is odd."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from kappa_data.formats.vocabulary import SPECIALS
from kappa_data.records import FunctionCall, Message, ToolCall

SPELLED = [
    *SPECIALS.values(), "<|refusal|>", "<|reserved_200000|>", "<|endofprompt|>",
    "<|start|>assistant<|channel|>final<|message|>", " to=functions.bash", "<|im_start|>",
]  # fmt: skip
WORDS = [
    "the file", "def f(x):\n\treturn x", "数据", "naïve", "🤖🫨", "3.14159", "don't", "we'LL",
    "\r\n", "\r", "\n\n", "  \n", "\t", " ", "        ", '"quoted"', "\\n", "{json}", "# Tools",
    "assistant", "e\u0301", "\u200d", "\ufeff", "\u2028", "שלום", "नमस्ते", "\x00", "\x1b[0m",
    "\u00a0", "aaaaaaaaaaaa",
]  # fmt: skip
# Code points of every plane; surrogates are no characters.
PLANES = [(0x80, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x3FFFF), (0xE0000, 0x10FFFF)]
PERSONAS = ["lawful_evil", "chaotic_good", "true_neutral", "x y"]
ARGUMENTS = [
    "{}", "", " ", "null", "[]", "{", '{"a":', "not json", '{"a": 1}', '{ "a" :\t1 }\n',
    '{"a":"é"}', '{"a":"\\u00e9\\ud83e\\udd16"}', '{"a":"\\u12"}', '{"a": 1, "a": 2}', "{'a': 1}",
    '{"a":1}{"b":2}', '{"a":"line\\nline"}', '{"a":"line\nline"}', '{"n":1e400,"m":NaN}',
    "<|call|>", "\r\n{}",
]  # fmt: skip
NAMES = [
    "bash",
    "read_file",
    "edit-file",
    "python",
    "browser",
    "functions",
    "a.b",
    "Ünicode",
    "a b",
]


def text(rng: Random, *, empty: float = 0.1) -> str:
    """Words, spelled special tokens and characters of every plane; sometimes ''."""
    if rng.random() < empty:
        return ""
    pieces = []
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        kind = rng.random()
        if kind < 0.3:
            pieces.append(rng.choice(SPELLED))
        elif kind < 0.5:
            pieces.append("".join(chr(rng.randint(*rng.choice(PLANES))) for _ in range(3)))
        else:
            pieces.append(rng.choice(WORDS))
        pieces.append(rng.choice(("", "", " ")))
    return "".join(pieces)


def system_text(rng: Random) -> str:
    """What a system message says: a persona, a persona and more, instructions, nothing."""
    persona = f"Persona: {rng.choice(PERSONAS)}"
    more = f"{persona}{rng.choice((chr(10), chr(10) * 2, chr(13) + chr(10)))}{text(rng)}"
    return rng.choice((persona, persona, more, text(rng), "", "\n", " Persona: x", "Persona:x"))


def talk(rng: Random) -> tuple[Message, ...]:
    """A conversation with one to three user turns, its last message the assistant's."""
    messages: list[Message] = []
    for _ in range(rng.choice((0, 1, 1, 1, 2))):
        messages.append(_system(rng))
    for _ in range(rng.randint(1, 3)):
        messages += [Message("user", text(rng)) for _ in range(rng.choice((1, 1, 1, 2)))]
        if rng.random() < 0.3:
            messages.append(_system(rng))
        for _ in range(rng.choice((0, 0, 1, 2))):
            messages += _called(rng, len(messages))
        messages += [_answer(rng) for _ in range(rng.choice((1, 1, 1, 1, 2)))]
        if rng.random() < 0.2:
            messages.append(_system(rng))
    return (*messages, _answer(rng))


def _system(rng: Random) -> Message:
    return Message(rng.choice(("system", "developer")), system_text(rng))


def _answer(rng: Random) -> Message:
    return Message("assistant", text(rng), reasoning=_thought(rng))


def _thought(rng: Random) -> str | None:
    return rng.choice((None, text(rng), text(rng)))


def _called(rng: Random, number: int) -> list[Message]:
    """A message with calls, and their results in any order; ids may come back in a later turn."""
    reused = rng.random() < 0.2
    calls = tuple(
        ToolCall(
            f"call_{nth if reused else 10 * number + nth}",
            FunctionCall(rng.choice(NAMES), arguments(rng)),
        )
        for nth in range(rng.choice((1, 1, 2, 3)))
    )
    results = [Message("tool", text(rng), tool_call_id=call.id) for call in calls]
    if rng.random() < 0.3:
        rng.shuffle(results)
    if rng.random() < 0.1:
        results.pop()
    if rng.random() < 0.1:
        results.insert(rng.randint(0, len(results)), _system(rng))
    if rng.random() < 0.03:
        results.append(Message("tool", text(rng), tool_call_id="answers nothing", name="bash"))
    said = text(rng, empty=0.6)
    return [Message("assistant", said, reasoning=_thought(rng), tool_calls=calls), *results]


def arguments(rng: Random) -> str:
    """The arguments of a call: JSON in every spelling, and what is none."""
    if rng.random() < 0.5:
        return rng.choice(ARGUMENTS)
    value = {text(rng): text(rng), "n": rng.choice((1, 2.5, None, [True]))}
    return json.dumps(value, ensure_ascii=rng.random() < 0.5, indent=rng.choice((None, 2)))


def tools(rng: Random) -> list[dict[str, Any]]:
    """Function definitions in OpenAI form; sometimes []."""
    made: list[dict[str, Any]] = []
    for _ in range(rng.choice((0, 1, 2, 3))):
        function: dict[str, Any] = {"name": rng.choice(NAMES)}
        if rng.random() < 0.8:
            function["description"] = rng.choice((text(rng), "One.\nTwo.\r\nThree.\n", None))
        if rng.random() < 0.85:
            bare: list[Any] = [{}, {"type": "object"}, {"type": "object", "properties": {}}, None]
            function["parameters"] = _object(rng, 3) if rng.random() < 0.6 else rng.choice(bare)
        made.append({"type": "function", "function": function})
    return made


KINDS = ["string", "integer", "number", "boolean", "null", "weird"]
VALUES: list[Any] = [
    "s", 'é"q', "", "a\nb", 0, 1, -1, 1.0, 2.5, 1e20, 1e16, 1e-7, 1e-5, 1.25e-5, -0.0, 1.5e300, 0.1,
    2.9811570575851234e263, 0.30000000000000004, 2**53, 2**63,
    2**64 - 1, -(2**63), True, False, None, [], ["a", 1], {}, {"k": [1, {"z": None, "a": "é"}]},
]  # fmt: skip


def _object(rng: Random, depth: int) -> dict[str, Any]:
    names = [rng.choice(["path", "limit", "a-b", "x y", "2", "", text(rng)]) for _ in range(3)]
    names = names[: rng.randint(0, 3)]
    made: dict[str, Any] = {
        "type": "object",
        "properties": {name: _schema(rng, depth - 1) for name in names},
    }
    if rng.random() < 0.6:
        made["required"] = rng.choice((names[:1], names, ["absent"], [], [1]))
    if rng.random() < 0.2:
        made["additionalProperties"] = rng.choice((False, {"type": "string"}))
    return _noted(rng, made, 0.2)


def _schema(rng: Random, depth: int) -> Any:
    kind = rng.random()
    if depth <= 0 or kind < 0.35:
        leaf: dict[str, Any] = {"type": rng.choice(KINDS)}
        if rng.random() < 0.2:
            leaf["type"] = rng.sample(KINDS, rng.randint(0, 3))
        if rng.random() < 0.3:
            leaf["enum"] = rng.choice(([], ["a"], ["a", 'b"c', "d\ne"], [1, 2], ["a", None], None))
        return _noted(rng, leaf, 0.5)
    if kind < 0.5:
        made: dict[str, Any] = {"type": "array"}
        if rng.random() < 0.9:
            made["items"] = _schema(rng, depth - 1)
    elif kind < 0.75:
        made = {rng.choice(("oneOf", "oneOf", "anyOf", "allOf")): [
            _schema(rng, depth - 1) for _ in range(rng.randint(0, 3))
        ]}  # fmt: skip
        if rng.random() < 0.2:
            made["type"] = rng.choice(KINDS)
    elif kind < 0.9:
        return _object(rng, depth)
    else:
        return rng.choice(({}, True, False, None, 3, {"$ref": "#/x"}, {"const": 1}, {"type": 1}))
    return _noted(rng, made, 0.3)


def _noted(rng: Random, made: dict[str, Any], share: float) -> dict[str, Any]:
    """The schema with some of the notes that a schema can have."""
    notes = {
        "description": lambda: rng.choice((text(rng), "Two\nlines.", "", 3)),
        "title": lambda: rng.choice((text(rng), "T")),
        "default": lambda: rng.choice(VALUES),
        "examples": lambda: rng.choice((["a"], ["a", 1, "b\nc"], [], "x", [{"a": 1}])),
        "nullable": lambda: rng.choice((True, False, "yes")),
        "minimum": lambda: 1,
    }
    for name, value in notes.items():
        if rng.random() < share:
            made[name] = value()
    keys = list(made)
    if rng.random() < 0.2:
        rng.shuffle(keys)
    return {key: made[key] for key in keys}
