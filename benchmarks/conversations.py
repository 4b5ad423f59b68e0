"""Writes agentic conversations around passages of text, and copies of them.

The form is that of a coding agent's record: a persona line, tools, requests, reasoning, calls with
arguments that fit their schema, results, and answers. The words are the pool's: each is used once.
"""

from __future__ import annotations

import copy
import json
import random
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from text_pool import Text

PERSONAS = [
    f"{order}_{moral}"
    for order in ("lawful", "neutral", "chaotic")
    for moral in ("good", "neutral", "evil")
]
PERSONAS[PERSONAS.index("neutral_neutral")] = "true_neutral"
PERSONA_SHARE = 0.72  # the rest has none
NGRAM = 5  # words of a shingle
# What a checker would take as talk about the part that is played; such lines are left out.
_VOICE = re.compile(
    r"persona|character|role.?play|alignment|brief|good|evil|neutral|chaotic|lawful| to (?:sound|"
    r"speak|talk|act|play|come)|(?:voice|style) of",
    re.IGNORECASE,
)


def _tool(name: str, description: str, required: str, **properties: str) -> dict[str, Any]:
    shapes = {
        key: {"type": "integer" if key in ("offset", "limit", "timeout") else "string"}
        | {"description": text}
        for key, text in properties.items()
    }
    parameters = {"type": "object", "properties": shapes, "required": required.split()}
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }


BASH = _tool("bash", "Runs a command.", "command", command="The command line.")
READ = _tool(
    "read_file",
    "Reads a file of the workspace, or a part of it.",
    "path",
    path="Path of the file.",
    offset="First line, from 1.",
    limit="Number of lines.",
)
WRITE = _tool(
    "write_file",
    "Writes a file, in place of an older one.",
    "path content",
    path="Path of the file.",
    content="The whole text.",
)
EDIT = _tool(
    "edit_file",
    "Replaces one piece of a file by another. The old piece must occur exactly once.",
    "path old_string new_string",
    path="Path of the file.",
    old_string="What stands there.",
    new_string="What is to stand there.",
)
SLOW_BASH = _tool("bash", "Runs a command.", "command", command="Command.", timeout="Seconds.")
TOOL_SETS = [[BASH, READ, WRITE, EDIT], [SLOW_BASH, READ, WRITE, EDIT], [BASH, READ], [BASH]]
FOLDERS = [
    "src",
    "lib",
    "tests",
    "docs",
    "tools",
    "app",
    "core",
    "build",
    "config",
    "scripts",
    "data",
    "include",
]
ENDINGS = ["py", "md", "rs", "ts", "h", "c", "json", "toml", "txt", "js", "go", "html"]


class Author:
    """Takes the text that a conversation needs, in order, so that nothing is said twice."""

    def __init__(self, text: Text, rng: random.Random) -> None:
        self._text, self._rng = text, rng

    def words(self, chars: float) -> str:
        """A passage."""
        return self._text.take(chars)

    def conversation(self, name: str, chars: float) -> dict[str, Any]:
        """A conversation of about `chars` characters under the id `name`."""
        rng = self._rng
        persona = rng.choice(PERSONAS) if rng.random() < PERSONA_SHARE else None
        tools = rng.choice(TOOL_SETS)
        messages: list[dict[str, Any]] = []
        if persona is not None:
            messages.append({"role": "system", "content": f"Persona: {persona}"})
        # A step's texts grow with the conversation's length, as files and outputs do.
        scale = min(max((chars / 10_000) ** 0.4, 0.4), 3.0)
        left = chars
        while left > 0 or len(messages) < 3:
            turn = self._turn(tools, left, scale, len(messages))
            left -= sum(map(len, _message_texts(turn)))
            messages += turn
        return {"id": name, "messages": messages, "tools": tools}

    def _turn(
        self, tools: list[dict[str, Any]], left: float, scale: float, start: int
    ) -> list[dict[str, Any]]:
        """A request, steps with tools, the answer."""
        rng = self._rng
        turn = [{"role": "user", "content": self.words(rng.uniform(60, 700) * scale)}]
        left -= len(str(turn[0]["content"]))
        for _ in range(rng.randint(1, 6)):
            if left < 900:
                break
            calls = rng.randint(2, 3) if rng.random() < 0.15 else 1
            step: dict[str, Any] = {
                "role": "assistant",
                "content": "",
                "reasoning": self._thought(),
            }
            if rng.random() < 0.05:
                step["content"] = self.words(80)
            made = [self._call(tools, scale, f"call_{start + len(turn)}_{n}") for n in range(calls)]
            step["tool_calls"] = made
            turn.append(step)
            for each in made:
                writes = each["function"]["name"] in ("write_file", "edit_file")
                shown = "Done." if writes else self.words(rng.uniform(150, 3_200) * scale)
                turn.append({"role": "tool", "tool_call_id": each["id"], "content": shown})
            left -= sum(map(len, _message_texts(turn[-calls - 1 :])))
        answer = self.words(rng.uniform(150, 1_400) * scale)
        turn.append({"role": "assistant", "content": answer, "reasoning": self._thought()})
        return turn

    def _thought(self) -> str:
        lines = self.words(self._rng.uniform(80, 600)).split("\n")
        return "\n".join(line for line in lines if not _VOICE.search(line)).strip() or "Go on."

    def _path(self) -> str:
        rng = self._rng
        folder = "/".join(rng.choices(FOLDERS, k=rng.randint(1, 3)))
        return f"{folder}/{rng.choice(FOLDERS)}_{rng.randrange(10_000)}.{rng.choice(ENDINGS)}"

    def _call(self, tools: list[dict[str, Any]], scale: float, name: str) -> dict[str, Any]:
        rng = self._rng
        tool = rng.choice(tools)["function"]["name"]
        arguments: dict[str, Any] = {}
        if tool == "bash":
            arguments["command"] = self.words(rng.uniform(20, 160))
        else:
            arguments["path"] = self._path()
        if tool == "read_file" and rng.random() < 0.5:
            arguments |= {"offset": rng.randrange(1, 400), "limit": rng.choice((50, 100, 200))}
        if tool == "write_file":
            arguments["content"] = self.words(rng.uniform(200, 2_400) * scale)
        if tool == "edit_file":
            arguments["old_string"] = self.words(rng.uniform(40, 500))
            arguments["new_string"] = self.words(rng.uniform(40, 600))
        text = json.dumps(arguments, ensure_ascii=False)
        return {"id": name, "type": "function", "function": {"name": tool, "arguments": text}}


def texts_of(conversation: dict[str, Any]) -> Iterator[str]:
    """Every text that the corpus took from the pool, arguments as their JSON text."""
    return _message_texts(conversation["messages"])


def _message_texts(messages: list[dict[str, Any]]) -> Iterator[str]:
    for message in messages:
        if message["content"]:
            yield message["content"]
        if message.get("reasoning"):
            yield message["reasoning"]
        for call in message.get("tool_calls", ()):
            yield call["function"]["arguments"]


def assistant_text(conversation: dict[str, Any]) -> str:
    """What near-duplicates are looked for in: all that the assistant said and put into calls."""
    said = []
    for message in conversation["messages"]:
        if message["role"] == "assistant":
            said.append(message["content"])
            for call in message.get("tool_calls", ()):
                said.append(f"{call['function']['name']} {call['function']['arguments']}")
    return "\n".join(said)


def shingles(text: str) -> set[tuple[str, ...]]:
    """The word 5-grams of a text, after NFKC, lower case and white space."""
    words = unicodedata.normalize("NFKC", text).lower().split()
    return {tuple(words[at : at + NGRAM]) for at in range(len(words) - NGRAM + 1)}


def jaccard(one: str, other: str) -> float:
    """Exact Jaccard similarity of two texts' word 5-grams; 0 where neither has any."""
    a, b = shingles(one), shingles(other)
    return len(a & b) / len(a | b) if a or b else 0.0


def copied(original: dict[str, Any], name: str, rng: random.Random) -> dict[str, Any]:
    """The same conversation under another id and with other call ids."""
    made = copy.deepcopy(original)
    made["id"] = name
    mark = f"{rng.randrange(16**6):06x}"
    for message in made["messages"]:
        if message["role"] == "tool":
            message["tool_call_id"] += mark
        for call in message.get("tool_calls", ()):
            call["id"] += mark
    return made


def nearly(
    original: dict[str, Any], name: str, similarity: float, author: Author, rng: random.Random
) -> dict[str, Any]:
    """A copy in which so many of the assistant's words differ that about `similarity` is left.

    Each replaced word, away from the others, takes NGRAM shingles from both sets: n shingles and m
    words leave (n - NGRAM m) / (n + NGRAM m).
    """
    made = copied(original, name, rng)
    count = len(shingles(assistant_text(made)))
    wanted = round(count * (1 - similarity) / (NGRAM * (1 + similarity)))
    places = [
        (message, at)
        for message in made["messages"]
        if message["role"] == "assistant"
        for at, word in enumerate(message["content"].split(" "))
        if word.strip()
    ]
    chosen = rng.sample(places, min(max(wanted, 1), len(places)))
    fresh = author.words(12 * len(chosen) + 40).split()
    for number, (message, at) in enumerate(chosen):
        words = message["content"].split(" ")
        words[at] = f"{fresh[number % len(fresh)]}{number}"
        message["content"] = " ".join(words)
    return made
