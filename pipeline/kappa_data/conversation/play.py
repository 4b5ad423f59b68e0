"""Plays one slot to its end, by its strategy: a conversation, or the reason why there is none."""

from __future__ import annotations

import msgspec

from kappa_data.conversation.live import Live
from kappa_data.conversation.outages import Unfinished
from kappa_data.conversation.revoice import Revoice, base_failed
from kappa_data.conversation.run import Base, Played, Run, Unfit
from kappa_data.errors import SandboxDown
from kappa_data.records import Conversation, Rejected, Slot, Task
from kappa_data.teacher.api import TeacherError

__all__ = ["Run", "play"]


async def play(run: Run, slot: Slot, task: Task) -> Conversation | Rejected:
    """The slot's conversation with its verdict, passed or not; or why there is none.

    Raises Unfinished where endpoint or sandbox failed in a way that passes, TeacherDown where the
    endpoint is of no use at all, Stopped where the disk is full, Drained where the run is being
    stopped.
    """
    if slot.strategy == "live":
        return (await _live(run, slot, task)).made
    base, replies = await _base(run, slot, task)
    if slot.persona is None:
        return base
    if failed := base_failed(slot, base):
        return failed
    assert isinstance(base, Conversation)
    revoice = Revoice(run, slot, task, base, replies)
    return await _ended(slot, revoice)


async def _base(run: Run, slot: Slot, task: Task) -> Played:
    """The task's conversation without a persona, played once however many ask for it."""
    plain = msgspec.structs.replace(
        slot, id=f"{task.id}:none", persona=None, system=None, strategy="live"
    )
    base = run.bases.setdefault(task.id, Base())
    async with base.lock:
        if base.played is None:
            base.played = await _live(run, plain, task)
            run.played.append(base)
        return base.played


async def _live(run: Run, slot: Slot, task: Task) -> Played:
    live = Live(run, slot, task)
    made = await _ended(slot, live)
    return Played(made, tuple(live.replies))


async def _ended(slot: Slot, play: Live | Revoice) -> Conversation | Rejected:
    """The conversation, or its quarantine with the part that there is."""
    try:
        return await play.play()
    except Unfit as unfit:
        finding = unfit.finding
    except TeacherError as error:
        if error.passing:
            raise Unfinished(error.kind, error.detail) from error
        finding = Unfit(f"teacher:{error.kind}", play.said, error.detail).finding
    except SandboxDown as error:
        raise Unfinished("sandbox", str(error)) from error
    return Rejected(slot.id, "generate", slot.persona, (finding,), play.partial())
