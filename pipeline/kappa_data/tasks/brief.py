"""What a teacher is told that is to write a task of a family."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from kappa_data.records import Task, compact_json
from kappa_data.resources import Resources
from kappa_data.tasks.catalog import Family
from kappa_data.tasks.file_forms import FileTask, in_file
from kappa_data.tasks.own_material import Material

PROMPT = "prompts/tasks.j2"
EXAMPLES = 2
OPENINGS = 30
"""of the tasks that there are already, so many are shown"""
EXCERPT = 6_000
"""characters of a document"""
SHORTENED = 3_000
"""characters of a text within an example"""
CODE_CHARS = 40_000


class Piece(Struct, frozen=True):
    """What a task is to be about: `text` is what the teacher is shown of it; `files` is put into
    the task's workspace, whatever the teacher writes."""

    text: str
    files: dict[str, str] = {}


def pieces(material: Material) -> list[Piece]:
    """The material, piece by piece: topics, then excerpts of documents, then code folders."""
    made = [Piece(f"The subject: {topic}") for topic in material.topics]
    for document in material.documents:
        for start in range(0, len(document.text), EXCERPT):
            excerpt = document.text[start : start + EXCERPT].strip()
            if excerpt:
                made.append(Piece(f"A part of {document.name}:\n\n{excerpt}"))
    for folder in material.code:
        listed = "\n".join(sorted(folder.files))
        shown, left = [], CODE_CHARS
        for path, text in sorted(folder.files.items(), key=lambda each: len(each[1])):
            if len(text) <= left:
                shown.append(f"--- {path}\n{text}")
                left -= len(text)
        text = (
            f"The code folder {folder.name}. Its files are in the workspace already; leave them "
            f"out of the fixture.\n{listed}\n\n" + "\n".join(shown)
        )
        made.append(Piece(text, dict(folder.files)))
    return made


def schema() -> dict[str, Any]:
    """The JSON Schema of the answer."""
    return msgspec.json.schema(FileTask)


def messages(
    resources: Resources, family: Family, number: int, there: Sequence[str], piece: Piece | None
) -> list[dict[str, Any]]:
    """The request for task `number`, in OpenAI chat form; `there` are the openings so far."""
    system = resources.render(
        PROMPT,
        family=family.name,
        about=family.about,
        tools=list(family.tools),
        programs=list(family.programs),
        schema=compact_json(schema()),
        examples=[compact_json(each) for each in _examples(family)],
    )
    told = [f"Write task {number + 1} of the family {family.name}."]
    if piece is not None:
        told.append(f"<material>\n{piece.text}\n</material>")
    if there:
        openings = "\n".join(f"- {' '.join(each.split())[:300]}" for each in there[-OPENINGS:])
        told.append(f"These tasks are there already; yours is another one:\n{openings}")
    user = "\n\n".join(told)
    return [{"role": "system", "content": system}, {"role": "user", "content": user}]


def complaint(reasons: Sequence[str]) -> str:
    """What is said to an answer whose task was refused."""
    listed = "\n".join(f"- {each}" for each in reasons)
    return (
        f"The task was tried in a box and refused:\n{listed}\n\nMend it, and answer with the whole "
        "corrected JSON object alone."
    )


def bare(task: Task) -> FileTask:
    """The task as an answer has it: without id, family, seed and group."""
    return msgspec.structs.replace(in_file(task, ""), id="", family="", seed=None)


def _examples(family: Family) -> list[Any]:
    """Tasks of the family, the same for every request: a server may keep the prompt's beginning."""
    seeds = random.Random(f"examples {family.name}").sample(
        range(family.seeds), min(EXAMPLES, family.seeds)
    )
    return [_shortened(msgspec.to_builtins(bare(family.make(seed)))) for seed in seeds]


def _shortened(value: Any) -> Any:
    if isinstance(value, str) and len(value) > SHORTENED:
        return f"{value[:SHORTENED]} [... and {len(value) - SHORTENED:,} characters more]"
    if isinstance(value, dict):
        return {key: _shortened(each) for key, each in value.items()}
    return [_shortened(each) for each in value] if isinstance(value, list | tuple) else value
