"""The check that runs the recorded calls again: what `validate.replay` finds."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import aclosing

from msgspec import Struct

from kappa_data.checks._text import evidence
from kappa_data.config import SandboxConfig
from kappa_data.records import Conversation, Finding, Provenance, TaskText
from kappa_data.replay.many import replay_many
from kappa_data.replay.rerun import CallReplay, Replayed
from kappa_data.replay.workspaces import Workspaces
from kappa_data.sandbox import choose
from kappa_data.sandbox.bubblewrap import Bubblewrap
from kappa_data.store import Part

MISMATCH, VOLATILE, NOT_RUN = "replay mismatch", "replay volatile", "not replayed"
RULES = (MISMATCH, VOLATILE, NOT_RUN)
BOXES_PER_CORE = 2
EXECUTED = "executed"


class Replaying(Struct, frozen=True):
    """What a process needs to replay: the boxes' settings, where the plan's tasks lie, and how
    many boxes it may have open."""

    sandbox: SandboxConfig
    tasks: tuple[Part, ...]
    boxes: int


def share_of_boxes(workers: int) -> int:
    """The boxes of one of `workers` processes (0: one a core), two a core in all."""
    cores = len(os.sched_getaffinity(0))
    return max(1, BOXES_PER_CORE * cores // (workers or cores))


class Grounded(Struct, frozen=True):
    """Of a conversation, what says whether a box of ours made it."""

    provenance: Provenance


def try_out(config: SandboxConfig, parts: Iterable[Part]) -> None:
    """SandboxDown, with the fix, where boxes are needed and cannot be used."""
    grounded = (each for part in parts for each in part.read_some(Grounded))
    if any(each.provenance.grounding == EXECUTED for each in grounded):
        asyncio.run(choose.try_out(Bubblewrap(config)))


class Replayer:
    """Replays conversations in this process, each time in an event loop of its own."""

    def __init__(self, replaying: Replaying) -> None:
        self._replaying = replaying
        self._workspaces = _workspaces(replaying.tasks)

    def findings(self, conversations: Sequence[Conversation]) -> list[tuple[Finding, ...]]:
        """What a replay finds in each: nothing in what no box of ours made.

        An import's files are unknown, so its results could not come out again. SandboxDown where
        a conversation's boxes die: nothing is sealed then that another try could change.
        """
        ran = [each for each in conversations if _is_ours(each)]
        found = iter(asyncio.run(self._replay(ran)) if ran else ())
        return [tuple(_found(next(found))) if _is_ours(each) else () for each in conversations]

    async def _replay(self, conversations: Sequence[Conversation]) -> list[Replayed]:
        boxes = self._replaying.boxes
        sandbox = Bubblewrap(self._replaying.sandbox, at_once=boxes)
        runs = replay_many(conversations, self._workspaces, sandbox, boxes, strict=True)
        async with aclosing(runs):
            return [each async for each in runs]


@functools.lru_cache(maxsize=1)
def _workspaces(tasks: tuple[Part, ...]) -> Workspaces:
    """Read once a process, for all its parts of the conversations."""
    return Workspaces(each for part in tasks for each in part.read(TaskText))


def _is_ours(conversation: Conversation) -> bool:
    return conversation.provenance.grounding == EXECUTED and any(
        message.tool_calls for message in conversation.messages
    )


def _found(replayed: Replayed) -> Iterator[Finding]:
    """One finding for each call that differs, one for the files that are left.

    The evidence of what is volatile holds the record alone: the rest is another each time.
    """
    if replayed.reason:
        yield Finding(NOT_RUN, "note", -1, evidence(replayed.reason))
        return
    for call in replayed.calls:
        if call.result == "mismatch":
            yield Finding(MISMATCH, "reject", call.message, evidence(_both(call)))
        elif call.result == "volatile":
            yield Finding(VOLATILE, "note", call.message, evidence(f"{call.tool}: {call.recorded}"))
        elif call.result == "not run":
            yield Finding(NOT_RUN, "note", call.message, evidence(call.reason))
    if replayed.tree == "mismatch":
        yield Finding(MISMATCH, "reject", -1, "the files that are left are other ones")
    elif replayed.tree == "volatile":
        yield Finding(VOLATILE, "note", -1, "the files that are left")


def _both(call: CallReplay) -> str:
    if not (call.recorded or call.replayed):
        return f"{call.tool}: {call.reason}"
    return f"{call.tool}: {call.recorded!r}, now {call.replayed!r}"
