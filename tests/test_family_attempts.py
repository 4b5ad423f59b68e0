"""Every family's verifier: the reference is accepted; an empty and three wrong attempts are not."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from kappa_data.records import Task
from kappa_data.sandbox import Limits
from kappa_data.sandbox.bubblewrap import Bubblewrap
from kappa_data.tasks.admit import refusals
from kappa_data.tasks.catalog import families
from kappa_data.tasks.verify import play_reference, verify

NAMES = sorted(families())
FIRST = (0,)
MORE = (1, 2, 3)


async def accepts(task: Task, other: Task, sandbox: Bubblewrap) -> bool:
    """Whether the task's verifier takes the conversation of another, in the task's own files."""
    box = await sandbox.open(task.fixture) if task.tools else None
    try:
        played = await play_reference(msgspec.structs.replace(other, tools=task.tools), box)
        return (await verify(task, box, played)).passed
    finally:
        if box is not None:
            await box.close()


@pytest.mark.parametrize("seeds", [FIRST, pytest.param(MORE, marks=pytest.mark.extras)], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_the_verifier_tells_right_from_wrong(name: str, seeds: tuple[int, ...]) -> None:
    family = families()[name]
    sandbox = Bubblewrap(Limits())
    if missing := [each for each in family.programs if not sandbox.has(each)]:
        pytest.skip(f"the box has no {', '.join(missing)}")

    async def every() -> dict[str, list[str]]:
        tasks = [family.make(seed) for seed in seeds]
        found = await asyncio.gather(*(refusals(task, sandbox) for task in tasks))
        wrong = {task.id: said for task, said in zip(tasks, found, strict=True) if said}
        one, other = tasks[0], family.make(seeds[0] + 1)
        # Two tasks may ask for one thing in other words; then the other's answer is right.
        if one.verifier != other.verifier and await accepts(one, other, sandbox):
            wrong[one.id] = [f"accepts the reference of {other.id}"]
        return wrong

    assert asyncio.run(every()) == {}
