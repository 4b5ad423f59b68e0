"""Replays many conversations side by side; the results come in their order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable

from kappa_data.errors import SandboxDown
from kappa_data.records import Conversation
from kappa_data.replay.rerun import Replayed, not_run, replay
from kappa_data.replay.workspaces import Workspaces
from kappa_data.sandbox import Sandbox

AHEAD = 4  # conversations in flight for each box, so that a slow one holds up few
IN_A_ROW = 20
"""conversations whose boxes died, with none in between that ran: the sandbox is out of order"""


async def replay_many(
    conversations: Iterable[Conversation],
    workspaces: Workspaces,
    sandbox: Sandbox,
    boxes: int,
    *,
    strict: bool,
) -> AsyncGenerator[Replayed, None]:
    """Each conversation's replay, at most `boxes` boxes at a time; close it (aclosing).

    A conversation whose boxes died twice is "not run", with the reason. SandboxDown after IN_A_ROW
    of them, and under `strict` at the first.
    """
    gate = asyncio.Semaphore(boxes)
    row = 0

    async def one(conversation: Conversation) -> Replayed:
        nonlocal row
        workspace = workspaces.of(conversation)
        try:
            done = await replay(conversation, workspace, sandbox, gate)
        except SandboxDown as error:
            row += 1
            if strict or row >= IN_A_ROW:
                raise
            return not_run(conversation, workspace, sandbox.tools, str(error))
        row = 0
        return done

    flying: deque[asyncio.Task[Replayed]] = deque()
    try:
        for each in conversations:
            flying.append(asyncio.create_task(one(each)))
            if len(flying) >= AHEAD * boxes:
                yield await flying[0]
                flying.popleft()
        while flying:
            yield await flying[0]
            flying.popleft()
    finally:
        for task in flying:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)
