"""Times one conversation with a hostile text of 1 MB in one of its fields, field by field.

    python benchmarks/worst_case.py [--size 1000000] [--only FIELD] [--over 1.0]

For every field and stage: the slowest text and its seconds; then every case over the bar. What is
timed is what a stage does with one conversation: validate's judge, dedupe's entry with the shingles
of near-duplicates and of evaluations, tokenize; and import's conversion with the strict JSON behind
it. A case that passes --limit seconds is ended and shown as that. Times are CPU seconds of this
process.
"""

from __future__ import annotations

import argparse
import base64
import functools
import json
import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from kappa_data.config import TokenizeConfig, ValidateConfig
from kappa_data.contamination import Contamination, tables
from kappa_data.formats.samples import choices
from kappa_data.formats.vocabulary import encode
from kappa_data.importing import openai
from kappa_data.near_duplicates import near_duplicates
from kappa_data.records import Conversation, Message, canonical_json
from kappa_data.resources import Resources
from kappa_data.stages.dedupe import contaminated_in, entry_of
from kappa_data.stages.tokenize import tokenize
from kappa_data.tasks import evaluation
from kappa_data.validation.judge import Judge

NGRAM = 5
R = TypeVar("R")


def texts(size: int) -> dict[str, str]:
    """Every kind of text, of about `size` bytes in UTF-8."""
    rng = random.Random(0)
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = {
        "one letter": "a",
        "one capital": "A",
        "spaces": " ",
        "newlines": "\n",
        "carriage returns": "\r\n",
        "tabs": "\t",
        "spaces and newlines": " \n",
        "space before letter": " a",
        "digits": "7",
        "underscores": "_",
        "apostrophes": "a'",
        "full stops": ".",
        "punctuation": "!?;:,.-()[]{}",
        "emoji": "😀",
        "family emoji": "👨‍👩‍👧‍👦",
        "CJK": "漢字仮名交",
        "Hangul, decomposed": "\u1112\u1161\u11ab",
        "combining marks": "a" + "\u0301" * 40,
        "marks alone": "\u0301",
        "marks, unsorted": "\u0316\u0301",
        "zero width": "\u200b",
        "joiners": "\u200d",
        "right to left": "\u202eשלום",
        "no-break spaces": "\u00a0",
        "ligatures that grow": "\ufdfa",
        "sharp s": "ß",
        "dotted I": "İ",
        "special token": "<|end|>",
        "special token, open": "<|",
        "special token, long": "<|" + "x" * 39,
        "angle brackets": "<",
        "JSON brackets": "[",
        "JSON braces": '{"a":',
        "JSON, nested": "[" * 60 + "]" * 60 + ",",
        "backslashes": "\\",
        "quotation marks": '"',
        "escapes": "\\u0041",
        "lone surrogate escapes": "\\ud800",
        "words in one line": "the quick brown fox jumps over a lazy dog ",
        "a word a line": "word\n",
        "persona": "persona ",
        "persona names, cut": "lawful_ chaotic ",
        "persona names": "lawful good ",
        "instructed to": "instructed to instructed ",
        "in the": "in the ",
        "control characters": "\x01\x02\x7f\x1b",
        "null characters": "\x00",
        "brackets of bash": "$((`",
        "dashes": "-",
        "equals signs": "=",
        "comment": "// \n",
    }
    found = {name: piece * (size // len(piece.encode())) for name, piece in pieces.items()}
    found["random letters"] = "".join(rng.choices(letters, k=size))
    found["random words"] = "".join(rng.choices(letters + "    ", k=size))
    found["random characters"] = "".join(chr(rng.randrange(32, 0x2FFF)) for _ in range(size // 3))
    found["base64"] = base64.b64encode(rng.randbytes(size * 3 // 4)).decode()
    found["hexadecimal"] = rng.randbytes(size // 2).hex()
    found["deep JSON"] = "[" * (size // 2) + "]" * (size // 2)
    found["deep objects"] = '{"a":' * (size // 6) + "1" + "}" * (size // 6)
    found["long number"] = "1" * size
    found["long fraction"] = "0." + "1" * size
    found["many keys"] = "{" + ",".join(f'"{n}":1' for n in range(size // 10)) + "}"
    found["many items"] = "[" + "1," * (size // 2) + "1]"
    return found


Case = Callable[[str], dict[str, Any]]
Report = Callable[[str, float], None]


def _tool(**changes: Any) -> dict[str, Any]:
    function = {
        "name": "bash",
        "description": "Runs a command.",
        "parameters": {
            "type": "object",
            "properties": {"command": {"type": "string"}},
            "required": ["command"],
        },
    }
    return {"type": "function", "function": function | changes}


def _conversation(
    system: str = "Persona: lawful_good",
    user: str = "What is there?",
    reasoning: str = "Look first.",
    preamble: str = "",
    call_id: str = "call_1",
    name: str = "bash",
    arguments: str = '{"command": "ls"}',
    result: str = "a.txt",
    final: str = "There is one file.",
    tools: list[dict[str, Any]] | None = None,
    answers: str | None = None,
) -> dict[str, Any]:
    call = {"id": call_id, "function": {"name": name, "arguments": arguments}}
    calling = {"role": "assistant", "content": preamble, "reasoning": reasoning}
    answered = call_id if answers is None else answers
    return {
        "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": user},
            calling | {"tool_calls": [call]},
            {"role": "tool", "tool_call_id": answered, "name": name, "content": result},
            {"role": "assistant", "content": final, "reasoning": reasoning},
        ],
        "tools": tools or [_tool()],
    }


def _enum(text: str) -> dict[str, Any]:
    half = len(text) // 2
    command = {"type": "string", "enum": [text[:half], text[half:]]}
    return {"type": "object", "properties": {"command": command}}


def _keys(text: str) -> dict[str, Any]:
    """A schema with many properties, named by pieces of the text."""
    pieces = {text[at : at + 200] + str(at) for at in range(0, len(text), 2000)}
    return {"type": "object", "properties": {each: {"type": "string"} for each in sorted(pieces)}}


def _pattern(text: str) -> dict[str, Any]:
    return {"type": "object", "properties": {"command": {"type": "string", "pattern": text}}}


def _arguments(text: str) -> str:
    return json.dumps({"command": text}, ensure_ascii=False)


FIELDS: dict[str, Case] = {
    "system": lambda text: _conversation(system=text),
    "persona": lambda text: _conversation(system=f"Persona: {text}"),
    "user": lambda text: _conversation(user=text),
    "reasoning": lambda text: _conversation(reasoning=text),
    "text beside a call": lambda text: _conversation(preamble=text),
    "final answer": lambda text: _conversation(final=text),
    "tool result": lambda text: _conversation(result=text),
    "argument": lambda text: _conversation(arguments=_arguments(text)),
    "arguments, as they are": lambda text: _conversation(arguments=text),
    "arguments, in an array": lambda text: _conversation(arguments=f'{{"command": [{text}]}}'),
    "argument's name": lambda text: _conversation(arguments=json.dumps({text: "ls"})),
    "call id": lambda text: _conversation(call_id=text),
    "id of the result": lambda text: _conversation(answers=text),
    "name of the call": lambda text: _conversation(name=text),
    "tool name": lambda text: _conversation(name=text, tools=[_tool(name=text)]),
    "tool description": lambda text: _conversation(tools=[_tool(description=text)]),
    "schema: enum": lambda text: _conversation(tools=[_tool(parameters=_enum(text))]),
    "schema: property names": lambda text: _conversation(tools=[_tool(parameters=_keys(text))]),
    "schema: pattern": lambda text: _conversation(tools=[_tool(parameters=_pattern(text))]),
}


def in_child(work: Callable[[Report], None], limit: float) -> dict[str, float]:
    """What `work` reports (stage -> CPU seconds), from a process that is ended `limit` s after the
    last report: no signal handler of Python's runs within one long call of C."""
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        os.close(reads)
        work(lambda stage, seconds: _send(writes, stage, seconds))
        os._exit(0)
    os.close(writes)
    found: dict[str, float] = {}
    with os.fdopen(reads, "rb", buffering=0) as pipe:
        running = ""
        while True:
            ready, _, _ = select.select([pipe], [], [], limit)
            line = pipe.readline() if ready else b""
            if not line:
                break
            running, _, seconds = line.decode().strip().partition("=")
            found[running] = float(seconds)
        if not ready:
            os.kill(child, signal.SIGKILL)
            found[running] = limit
    os.waitpid(child, 0)
    return found


def _send(pipe: int, stage: str, seconds: float) -> None:
    os.write(pipe, f"{stage}={seconds}\n".encode())


@functools.cache
def _known() -> Contamination:
    return Contamination(*tables(evaluation.of_files([], Resources())))


def _compared(conversation: Conversation) -> object:
    entry = entry_of(conversation)
    texts = [entry.text, entry.spoken]
    near = [near_duplicates([each], threshold=0.8, ngram=NGRAM, seed=0) for each in texts]
    return near, contaminated_in([conversation], _known())


def measure(text: str, field: Case, judge: Judge, chosen: Any, report: Report) -> None:
    """Reports seconds of each stage for one conversation; an import that is refused ends there.

    A stage is announced with 0 s before it begins.
    """
    raw = field(text)
    conversation = _timed("import", lambda: _converted(raw), report)
    if conversation is None:
        return
    _timed("validate", lambda: judge.judge(conversation), report)
    _timed("dedupe", lambda: _compared(conversation), report)
    _timed("tokenize", lambda: tokenize(chosen, conversation), report)
    _timed("write", lambda: canonical_json(conversation), report)


def _timed(stage: str, work: Callable[[], R], report: Report) -> R:
    report(stage, 0.0)
    started = time.process_time()
    result = work()
    report(stage, time.process_time() - started)
    return result


def _converted(raw: dict[str, Any]) -> Conversation | None:
    from kappa_data.importing.place import Place
    from kappa_data.importing.reader import _one

    made = _one(openai, raw, Place("worst.jsonl", 1), set())
    return made if isinstance(made, Conversation) else None


def main() -> None:
    """Measures every text in every field, and prints the worst."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--only", help="one field")
    parser.add_argument("--text", help="one text")
    parser.add_argument("--over", type=float, default=1.0, help="seconds that are too many")
    parser.add_argument("--limit", type=float, default=20.0, help="seconds after which it is ended")
    given = parser.parse_args()
    judge = Judge(ValidateConfig(), Resources())
    chosen = choices(TokenizeConfig())
    small = Conversation("warm", (Message("user", "hi"), Message("assistant", "Hello to you.")))
    judge.judge(small), tokenize(chosen, small), _compared(small), encode("." * given.size)
    msgspec.json.encode(small)
    worst: dict[str, dict[str, tuple[float, str]]] = {}
    over: list[tuple[float, str, str, str]] = []
    for kind, text in texts(given.size).items():
        for name, field in FIELDS.items():
            if (given.only or name) != name or (given.text or kind) != kind:
                continue
            work = functools.partial(measure, text, field, judge, chosen)
            for stage, seconds in in_child(work, given.limit).items():
                row = worst.setdefault(name, {})
                row[stage] = max(row.get(stage, (0.0, "")), (seconds, kind))
                if seconds > given.over:
                    print(f"{seconds:.2f} s  {stage} {name}: {kind}", file=sys.stderr)
                    over.append((seconds, stage, name, kind))
    stages = ("import", "validate", "dedupe", "tokenize", "write")
    print(f"| field | {' | '.join(stages)} |\n| --- |{' --- |' * len(stages)}")
    for name, row in worst.items():
        cells = [f"{row[each][0]:.2f} {row[each][1]}" if each in row else "" for each in stages]
        print(f"| {name} | {' | '.join(cells)} |")
    print(f"\n{len(over)} cases over {given.over} s")
    for seconds, stage, name, kind in sorted(over, reverse=True):
        print(f"{seconds:6.2f} s  {stage:9} {name}: {kind}")


if __name__ == "__main__":
    main()
