"""A phrase that its persona may say so often in a conversation, said once more."""

from __future__ import annotations

import functools
import re
import string
from collections import Counter
from collections.abc import Iterator

from kappa_data.checks._facts import Facts
from kappa_data.checks._text import evidence
from kappa_data.records import Conversation, Finding

RULES = ("worn phrase",)
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_STRETCHED = re.compile(r"([a-z])\1{2,}")
_THRICE = tuple(3 * letter for letter in string.ascii_lowercase)
# Marks of emphasis, which may stand between two words or around one, and curly apostrophes.
_PLAIN = str.maketrans({"*": None, "_": " ", "~": None, "’": "'", "‘": "'"})


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """Untrains each message that goes beyond a cap of its speaker's brief; code does not count.

    A phrase of several words counts in its inflections too ("owed me" for "owe me"), and stretched
    letters ("oooh") and marks of emphasis change nothing.
    """
    said: Counter[tuple[str, str]] = Counter()
    for index, message in enumerate(conversation.messages):
        speaker = message.persona or conversation.persona
        if message.role != "assistant" or speaker is None or speaker not in facts.caps:
            continue
        worn = []
        code = "`" in message.content
        text = _plain(_CODE.sub(" ", message.content) if code else message.content)
        for phrase, most in facts.caps[speaker]:
            anchor, pattern = _pattern(phrase)
            times = len(pattern.findall(text)) if anchor in text else 0
            said[speaker, phrase] += times
            if times and said[speaker, phrase] > most:
                worn.append(f'"{phrase}": {said[speaker, phrase]} times, at most {most}')
        if worn:
            yield Finding("worn phrase", "untrain", index, evidence("; ".join(worn)))


def _plain(text: str) -> str:
    """In small letters with single blanks, no emphasis, and no letter more than twice in a row."""
    found = " ".join(text.translate(_PLAIN).split()).casefold()
    if any(each in found for each in _THRICE):
        return _STRETCHED.sub(r"\1\1", found)
    return found


@functools.cache
def _pattern(phrase: str) -> tuple[str, re.Pattern[str]]:
    """Letters that every match holds, and the phrase as whole words in what `_plain` gives."""
    words = _plain(phrase).split()
    forms = [_forms(word) for word in words] if len(words) > 1 else [re.escape(words[0])]
    start = r"(?<!\w)" if words[0][:1].isalnum() else ""
    end = r"(?!\w)" if words[-1][-1:].isalnum() else ""
    anchor = max((_stem(word) for word in words), key=len) if len(words) > 1 else words[0]
    return anchor, re.compile(start + " ".join(forms) + end)


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word[-1:] in "ey" else word


def _forms(word: str) -> str:
    """The word, and what it becomes with -s, -ed or -ing; signs around it stay as they are."""
    found = re.fullmatch(r"([a-z]+)(\W*)", word)
    if found is None:
        return re.escape(word)
    letters, behind = found[1], re.escape(found[2])
    if letters[-1] == "e" and len(letters) > 2:
        return rf"{letters[:-1]}(?:e[sd]?|ing){behind}"
    if letters[-1] == "y" and len(letters) > 3:
        return rf"{letters[:-1]}(?:y|ies|ied|ying|ys){behind}"
    return rf"{letters}(?:s|es|{letters[-1]}?ed|{letters[-1]}?ing)?{behind}"
