"""Whether a task's verifier tells right from wrong: what a task has to show before it is used."""

from __future__ import annotations

import msgspec

from kappa_data.records import ReferenceTurn, Task, Verdict
from kappa_data.sandbox import Sandbox
from kappa_data.tasks.verify import play_reference, verify

WRONG_ATTEMPTS = 3
"""a task has at least so many"""
_NOTHING = "Done."


async def refusals(task: Task, sandbox: Sandbox | None) -> list[str]:
    """Why the task is not admitted, in words; empty where it is.

    Its reference has to pass; an attempt without substance and each of its wrong ones, of which
    there are `WRONG_ATTEMPTS` at least, have to fail. Every call really runs in a box of
    `sandbox`; None will do for a task without tools. ValueError where a task with tools has none.
    """
    said = []
    if len(task.wrong) < WRONG_ATTEMPTS:
        said.append(f"{len(task.wrong)} wrong attempts; give {WRONG_ATTEMPTS} or more")
    own = await verdict(task, task.reference, sandbox)
    if not own.passed:
        said.append(f"its reference is refused: {own.detail}")
    nothing = tuple(ReferenceTurn(_NOTHING) for _ in task.reference)
    if (await verdict(task, nothing, sandbox)).passed:
        said.append("an attempt without substance is accepted")
    for attempt in task.wrong:
        if len(attempt.turns) != len(task.reference):
            said.append(f'wrong attempt "{attempt.mistake}": one turn for each of the reference')
        elif (await verdict(task, attempt.turns, sandbox)).passed:
            said.append(f'a wrong attempt is accepted: "{attempt.mistake}"')
    return said


async def verdict(task: Task, turns: tuple[ReferenceTurn, ...], sandbox: Sandbox | None) -> Verdict:
    """What the task's verifier says of `turns`, played in a fresh box."""
    played = msgspec.structs.replace(task, reference=turns)
    box = None
    if task.tools:
        if sandbox is None:
            raise ValueError(f"{task.id}: a task with tools needs a sandbox")
        box = await sandbox.open(task.fixture)
    try:
        return await verify(task, box, await play_reference(played, box))
    finally:
        if box is not None:
            await box.close()
