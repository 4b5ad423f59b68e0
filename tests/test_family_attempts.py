"""Every family's verifier: the reference is accepted; an empty and three wrong attempts are not."""

from __future__ import annotations

import asyncio

import pytest

from kappa_data.sandbox import Limits
from kappa_data.sandbox.bubblewrap import Bubblewrap
from kappa_data.tasks.admit import refusals
from kappa_data.tasks.catalog import families

NAMES = sorted(families())
SEEDS = range(3)


@pytest.mark.parametrize("name", NAMES)
def test_the_verifier_tells_right_from_wrong(name: str) -> None:
    family = families()[name]
    sandbox = Bubblewrap(Limits())
    if missing := [each for each in family.programs if not sandbox.has(each)]:
        pytest.skip(f"the box has no {', '.join(missing)}")

    async def every() -> dict[str, list[str]]:
        tasks = [family.make(seed) for seed in SEEDS]
        found = await asyncio.gather(*(refusals(task, sandbox) for task in tasks))
        return {task.id: said for task, said in zip(tasks, found, strict=True) if said}

    assert asyncio.run(every()) == {}
