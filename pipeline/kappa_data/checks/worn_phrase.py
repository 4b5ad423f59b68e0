"""A phrase that its persona may say so often in a conversation, said once more."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._text import evidence
from kappa_data.records import Conversation, Finding

RULES = ("worn phrase",)
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """Untrains each message that goes beyond a cap of its speaker's brief; code does not count."""
    said: Counter[tuple[str, str]] = Counter()
    for index, message in enumerate(conversation.messages):
        speaker = message.persona or conversation.persona
        if message.role != "assistant" or speaker is None:
            continue
        worn = []
        text = " ".join(_CODE.sub(" ", message.content).split()).casefold()
        for phrase, most in facts.caps.get(speaker, ()):
            times = len(_pattern(phrase).findall(text))
            said[speaker, phrase] += times
            if times and said[speaker, phrase] > most:
                worn.append(f'"{phrase}": {said[speaker, phrase]} times, at most {most}')
        if worn:
            yield Finding("worn phrase", "untrain", index, evidence("; ".join(worn)))


@functools.cache
def _pattern(phrase: str) -> re.Pattern[str]:
    """The phrase as whole words, in case-folded text with single blanks."""
    words = " ".join(phrase.casefold().split())
    start = r"(?<!\w)" if words[:1].isalnum() else ""
    end = r"(?!\w)" if words[-1:].isalnum() else ""
    return re.compile(f"{start}{re.escape(words)}{end}")
