"""Plays one slot to its end: a conversation, or the reason why there is none."""

from __future__ import annotations

from kappa_data.conversation.live import Live
from kappa_data.conversation.outages import Unfinished
from kappa_data.conversation.recorded import rejected
from kappa_data.conversation.run import Run, Unfit
from kappa_data.errors import SandboxDown
from kappa_data.records import Conversation, Rejected, Slot, Task
from kappa_data.teacher.api import TeacherError
from kappa_data.teacher.retry import PASSING

__all__ = ["Run", "play"]


async def play(run: Run, slot: Slot, task: Task) -> Conversation | Rejected:
    """The slot's conversation with its verdict, passed or not; or why there is none.

    Raises Unfinished where endpoint or sandbox failed in a way that passes, TeacherDown where the
    endpoint is of no use at all, Stopped where the disk is full, Drained where the run is being
    stopped.
    """
    live = Live(run, slot, task)
    try:
        return await live.play()
    except Unfit as unfit:
        return rejected(slot, unfit.finding, live.partial())
    except TeacherError as error:
        if error.kind in PASSING:
            raise Unfinished(error.kind, error.detail) from error
        finding = Unfit(f"teacher:{error.kind}", live.said, error.detail).finding
        return rejected(slot, finding, live.partial())
    except SandboxDown as error:
        raise Unfinished("sandbox", str(error)) from error
