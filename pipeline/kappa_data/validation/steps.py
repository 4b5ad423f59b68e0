"""The steps of a conversation: an assistant message with calls, and the results right behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kappa_data.records import Message


def steps(messages: Sequence[Message]) -> Iterator[tuple[int, int]]:
    """(start, end) of each step: the calls stand in messages[start], results up to before end."""
    for start, message in enumerate(messages):
        if message.tool_calls:
            end = start + 1
            while end < len(messages) and messages[end].role == "tool":
                end += 1
            yield start, end
