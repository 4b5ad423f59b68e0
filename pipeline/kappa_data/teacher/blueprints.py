"""The embedded teacher as a writer of tasks: further seeds of the family, said to be new.

It has no model to think up a task, so it hands out what the family makes of seeds that nobody
planned. Planted faults are those of a real writer: an answer that is cut off, empty or a refusal,
and a reference that only claims its work.
"""

from __future__ import annotations

import msgspec

from kappa_data.records import Message, ReferenceTurn, Task, compact_json
from kappa_data.tasks.brief import bare
from kappa_data.teacher.embedded_tokens import cut, encode

KINDS = frozenset(("cut_off", "empty_answer", "refusal", "invented_result"))
"""the planted faults (sloppy.py) that a writer may commit"""
REFUSAL = "I'm sorry, but I can't help with that request."


def blueprint(task: Task, kind: str | None) -> Message:
    """The task as an answer, with the fault `kind` in it."""
    if kind == "invented_result":
        task = msgspec.structs.replace(task, reference=tuple(map(_claimed, task.reference)))
    text = compact_json(bare(task))
    if kind == "refusal":
        text = REFUSAL
    elif kind == "empty_answer":
        text = ""
    message = Message(role="assistant", content=text, finish_reason="stop")
    return cut(message, len(encode(text)) // 2) if kind == "cut_off" else message


def _claimed(turn: ReferenceTurn) -> ReferenceTurn:
    """A turn that reports its work, and neither calls a tool nor names a result."""
    return msgspec.structs.replace(turn, steps=(), answer="That is done, as you asked.")
