"""The four ways in which a task of a mix becomes slots, and which of them a plan can have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from kappa_data.records import Slot, Task

Stream = Literal["paired", "none", "switch", "look_alike"]
STREAMS: tuple[Stream, ...] = get_args(Stream)
"""paired: all personas of the plan play the task, and so does nobody where the plan has none; none:
a task of its own without persona; switch: the persona changes within the conversation; look_alike:
a system message that resembles a persona's"""
IN_STREAMS = ("switch", "look_alike")
"""kinds of special that have a stream of their own"""


def possible(shares: Mapping[str, float], conditions: Sequence[str | None]) -> dict[str, str]:
    """Why a stream that has a share cannot be had with these personas, by stream."""
    named = [each for each in conditions if each is not None]
    reasons = {}
    for stream, share in shares.items():
        if not share:
            continue
        if stream in ("none", "look_alike") and None not in conditions:
            reasons[stream] = "the plan's personas do not include none"
        elif stream == "switch" and (not named or len(conditions) < 2):
            reasons[stream] = "there is nobody to switch to: name two personas, or one and none"
    return reasons


def size(stream: str, conditions: Sequence[str | None]) -> int:
    """How many slots a task of the stream makes."""
    return len(conditions) if stream == "paired" else 1


def fits(stream: str, task: Task) -> bool:
    """Whether the task can be in the stream: nobody can switch within one turn."""
    return stream != "switch" or len(task.reference) > 1


def streams_of(slots: Sequence[Slot], conditions: Sequence[str | None]) -> dict[str, Stream]:
    """The stream of each slot, by its id, as the slots of the whole plan show it, which is made for
    these personas."""
    plain = [slot for slot in slots if slot.special not in IN_STREAMS]
    named = {slot.task_id for slot in plain if slot.persona is not None}
    found: dict[str, Stream] = {}
    for slot in slots:
        if slot.special == "switch" or slot.special == "look_alike":
            found[slot.id] = slot.special
        else:  # where nobody has a persona, all is paired with nobody else
            found[slot.id] = "paired" if slot.task_id in named or not any(conditions) else "none"
    return found
