"""What a conversation of a task is expected to take, before anybody played it.

Reckoned from the task's own words: its wishes, the files that its reference reads, and the calls,
reasoning and answers of the reference. A real model says more or less; how much by family is
measured, and `plan.lengthen` takes that in (see docs/scaling.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from kappa_data.records import ReferenceStep, ReferenceTurn, Task, compact_json
from kappa_data.tasks.verify import call_groups

BANDS = {"4k": 4_096, "16k": 16_384, "32k": 32_768, "64k": 65_536, "128k": 131_072}
"""tokens of a conversation's longest document, up to and including"""
LONGER = "longer"
# About the pieces of a byte-pair vocabulary of 200,000: within an eighth of o200k_base's number on
# the words and files of every family. No vocabulary is loaded, so the numbers never change.
_PIECE = re.compile(r" ?[^\W\d_]{1,7}|\d{1,3}| ?[^\w\s]{1,3}\n*|_|\s+")

# What stands around the words, in tokens: set so that the embedded teacher's conversations, as the
# tokenizer counts them, come out; how far off each family is: `python benchmarks/scaling.py`.
PREAMBLE = 120
"""of harmony's system message, and of the persona's line"""
TOOL = 110
"""of the definition of one tool"""
MESSAGE = 5
"""of a message: its role, its channel and what closes it"""
CALL = 8
"""of a call beside its arguments, and of its result beside the text"""
SPOKEN = 0.12
"""share of the messages with calls that say something, too: a new document begins after each"""
OUTPUT = 50
"""of what a command prints that shows no file, or a tool says that it is done"""
FILE_CHARS = 10_000
"""of a tool's result, as `sandbox.output_chars`"""
ASSISTANT_BRIEF = 1_500
"""of what the teacher is told beside the conversation: rules and a persona"""
USER_BRIEF = 400
"""of what the simulated user is told beside the task's wishes"""
USER_WORDS = 3
"""of what the simulated user says when all is done"""


class Expected(Struct, frozen=True):
    """Of one conversation, in tokens. `tokens` is what is trained on: the documents of all turns,
    which repeat what came before; `longest` is the last of them. The others are what is asked of
    the teacher: prompts are counted whole, in every request again; `repeated` are those of them
    with which an earlier request of the conversation began, so that a server may have kept them."""

    tokens: float = 0.0
    longest: float = 0.0
    requests: float = 0.0
    prompt_tokens: float = 0.0
    completion_tokens: float = 0.0
    repeated: float = 0.0

    def times(self, factor: float) -> Expected:
        """All of it but the requests, `factor` times as long."""
        return Expected(
            self.tokens * factor,
            self.longest * factor,
            self.requests,
            self.prompt_tokens * factor,
            self.completion_tokens * factor,
            self.repeated * factor,
        )


def count(text: str) -> int:
    """About how many tokens a text has."""
    return sum(1 for _ in _PIECE.finditer(text))


def band_of(longest: float) -> str:
    """The length band of a conversation whose longest document has so many tokens."""
    return next((name for name, limit in BANDS.items() if longest <= limit), LONGER)


def expected(task: Task) -> Expected:
    """What one conversation of the task takes if it goes as the reference does."""
    asked = (task.opening, *task.goals)
    wishes = sum(map(count, asked))
    files = dict(task.fixture)
    history = PREAMBLE + TOOL * len(task.tools)
    tokens, longest = 0.0, 0
    requests = prompt = written = spoken = 0
    for wish, turn in zip(asked, task.reference, strict=True):
        said = count(wish)
        history += MESSAGE + said
        spoken += said
        thought = 0
        for group in call_groups(turn):
            requests += 1
            prompt += ASSISTANT_BRIEF + history + thought
            words = sum(count(step.reasoning) for step in group)
            calls = sum(count(compact_json(step.arguments)) + CALL for step in group)
            results = sum(CALL + _result(step, files) for step in group)
            thought += words + (MESSAGE if words else 0)
            tokens += SPOKEN * (history + thought + calls)
            history += calls + results
            written += words + calls
        requests += 2  # the answer, and what the user says to it
        prompt += ASSISTANT_BRIEF + history + thought
        words = count(turn.reasoning)
        answer = count(turn.answer) + MESSAGE
        written += words + answer
        thought += words + (MESSAGE if words else 0)
        spoken += count(turn.answer)
        longest = history + thought + answer  # reasoning of earlier turns is not in it
        tokens += longest
        history += answer
        prompt += USER_BRIEF + wishes + spoken
        written += said  # the user's words are bought, but the opening: as many as the end
    written += USER_WORDS
    fresh = ASSISTANT_BRIEF + longest + USER_BRIEF + wishes + spoken
    return Expected(tokens, longest, requests, prompt, written, max(prompt - fresh, 0))


def _result(step: ReferenceStep, files: dict[str, str]) -> int:
    """Tokens of what a call gives, as far as its arguments show; keeps what is written."""
    path, content = step.arguments.get("path"), step.arguments.get("content")
    if isinstance(path, str) and isinstance(content, str):
        files[path] = content
        return OUTPUT // 2
    if isinstance(path, str) and step.tool.startswith("read"):
        return _shown(_lines(files.get(path, ""), step))
    command = step.arguments.get("command")
    if not isinstance(command, str):
        return OUTPUT // 2
    return OUTPUT + sum(_shown(files[name]) for name in _printed(command, files))


def _lines(text: str, step: ReferenceStep) -> str:
    first, most = step.arguments.get("offset", 1), step.arguments.get("limit")
    if not isinstance(first, int) or not isinstance(most, int | None):
        return ""  # a reference may show a call that the tool refuses
    if first == 1 and most is None:
        return text
    lines = text.splitlines(keepends=True)[max(first - 1, 0) :]
    return "".join(lines if most is None else lines[: max(most, 0)])


def _shown(text: str) -> int:
    return count(text[:FILE_CHARS])


def _printed(command: str, files: Mapping[str, str]) -> list[str]:
    """The files that a command prints whole: those that `cat` alone is given."""
    found = re.fullmatch(r"\s*cat((?:\s+[\w./-]+)+)\s*", command)
    return [name for name in found[1].split() if name in files] if found else []


def parallel(turns: tuple[ReferenceTurn, ...]) -> bool:
    """Whether some message makes several calls that do not depend on each other."""
    return any(len(group) > 1 for turn in turns for group in call_groups(turn))
