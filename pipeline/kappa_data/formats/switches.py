"""Personas that are switched in mid-conversation, and the two ways in which a client sends it.

The record holds a switch as a later system or developer message that begins with `Persona: `.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from kappa_data.records import Message

PERSONA = "Persona: "
INSTRUCTING = ("system", "developer")
# A further system message where it stands, or the client edits its leading one.
Switch = Literal["in_place", "replaced"]


def edited(messages: Sequence[Message]) -> list[Message]:
    """The messages of a client that switches the persona by editing its leading message.

    A later system or developer message that begins with `Persona: ` is a switch. It takes the place
    of the leading message with all its content, or becomes one. An empty one takes a leading
    persona away, so that no message leads. Other system messages stay where they are.
    """
    switches = switches_of(messages)
    if not switches:
        return list(messages)
    left_out = {*switches, 0} if lifted(messages) else set(switches)
    kept = [message for number, message in enumerate(messages) if number not in left_out]
    leading = messages[switches[-1]]
    return [leading, *kept] if leading.content else kept


def lifted(messages: Sequence[Message]) -> bool:
    """Whether the first message goes into the preamble."""
    return bool(messages) and messages[0].role in INSTRUCTING


def switches_of(messages: Sequence[Message]) -> list[int]:
    """The indices of the messages that switch the persona."""
    leading = messages[0].content if lifted(messages) else ""
    switches = []
    for number, message in enumerate(messages[1:], 1):
        if message.role not in INSTRUCTING:
            continue
        ends = not message.content and leading.startswith(PERSONA)
        if ends or message.content.startswith(PERSONA):
            leading = message.content
            switches.append(number)
    return switches


def as_sent(messages: Sequence[Message], drawn: Switch) -> Switch:
    """`drawn`, but for a conversation in which a switch is empty: that can only be an edit.

    Left in place it would say nothing, and the persona that leads would still lead.
    """
    empty = any(not messages[number].content for number in switches_of(messages))
    return "replaced" if empty else drawn
