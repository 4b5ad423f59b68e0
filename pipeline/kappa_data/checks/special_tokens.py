"""Text that looks like a control token of a chat template. It is inert: text is never control."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._text import evidence, whole, written
from kappa_data.records import Conversation, Finding, Message

RULES = ("special token text",)
# The forms of several templates, those first in which most are written.
_TOKEN = re.compile(
    r"<[|｜][^\s<>|｜]{1,40}[|｜]>|\[/?INST\]|<</?SYS>>|</?(?:start|end)_of_turn>|</?think>"
    r"|</s>\s*\Z"
)
_PARTS = ("|>", "｜>", "INST]", "SYS>>", "_of_turn>", "think>", "</s>")


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """One note per message that has any, with how often each stands there."""
    every = whole(conversation)
    if not any(part in every for part in _PARTS):  # nearly always
        return
    for index, message in enumerate(conversation.messages):
        texts = [text for text in _texts(message) if any(part in text for part in _PARTS)]
        if not texts:
            continue
        if count := Counter(found for text in texts for found in _TOKEN.findall(text)):
            listed = ", ".join(f"{n} x {token}" for token, n in sorted(count.items()))
            yield Finding("special token text", "note", index, evidence(listed))


def _texts(message: Message) -> Iterator[str]:
    return written(message) if message.role == "assistant" else iter((message.content,))
