"""From what was played to the record of a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from kappa_data.conversation.asking import Asking
from kappa_data.conversation.run import Run
from kappa_data.records import (
    CallOutcome,
    Conversation,
    Grounding,
    Message,
    Provenance,
    Slot,
    Task,
    Verdict,
    canonical_json,
    compact_json,
)
from kappa_data.teacher.api import Role


def conversation_of(
    run: Run,
    slot: Slot,
    task: Task,
    asking: Asking,
    messages: Sequence[Message],
    *,
    tools: Sequence[dict[str, Any]],
    prompts: str,
    outcomes: Sequence[CallOutcome] = (),
    special: str | None = None,
    verdict: Verdict | None = None,
) -> Conversation:
    """The record of a slot that was played by itself; `special`: what did happen in it."""
    sandbox = run.sandbox if task.tools else None
    return Conversation(
        id=slot.id,
        messages=tuple(messages),
        tools=compact_json(tools) if tools else None,
        persona=slot.persona,
        split=slot.split,
        task_id=slot.task_id,
        family=slot.family,
        aim=task.aim,
        special=special,
        provenance=Provenance(
            source="generate",
            grounding=_grounding(run, task),
            teacher=run.kind,
            model=run.model,
            sampling=canonical_json(sampling(run, "assistant")),
            prompts=prompts,
            toolchain=sandbox.toolchain if sandbox else "",
            usage=asking.usage,
        ),
        verdict=verdict,
        outcomes=tuple(outcomes),
    )


def sampling(run: Run, role: Role) -> dict[str, Any]:
    """What a role is asked with, for the provenance."""
    asked = msgspec.structs.asdict(run.config.asked(role))
    del asked["model"]
    return asked


def _grounding(run: Run, task: Task) -> Grounding:
    if not task.tools:
        return "none"
    return run.sandbox.grounding if run.sandbox else "simulated"
