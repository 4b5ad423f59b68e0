"""An answer that stops before its end: by the server's own word, or as the text shows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kappa_data.checks._facts import Facts
from kappa_data.checks._prose import lines
from kappa_data.checks._text import evidence
from kappa_data.records import Conversation, Finding, Severity

RULES = ("cut-off",)
CUT_OFF = ("length", "max_tokens", "content_filter")
"""finish reasons of an answer that something else ended"""
ENDS = tuple(".!?…。！？؟।:;)]}>*_`~|\"'”’»」』)）】%")
"""what a line may end in that is whole"""
FEWEST_WORDS = 5
"""shorter last lines are titles, names, figures and greetings"""
LONGEST_LINE = 50_000
"""characters: a longer line is no prose, and may end as it likes"""

_MARKER = re.compile(r"(?:\d{1,3}[.)]|[-*+•])")
_ITEM = re.compile(r"\s*(?:[-*+•–>|]|\d{1,3}[.)]|\(?[a-z][.)]|#{1,6} )\s*")
# A tag or the name of who is quoted stands behind the end.
_SIGNED = re.compile(r"(?:^|\s)#\w+$|[.!?…\"”]\s*[-–—~]{1,2}\s*[A-Z][\w.' -]{1,60}$")
_NAMED = re.compile(r"[*_]{0,3}[A-Z][\w ]{0,24}:[*_]{0,3} ")  # "Answer: ..."
_LAST = re.compile(r"([A-Za-zÀ-ɏ'’-]+)$")
# No English sentence and no heading ends in one of these.
_HANGING = (
    "a an the and or but nor because your our their whose which than into onto whether although "
    "unless until via upon toward towards between during without"
)
# These begin a sentence, not a name.
_BEGINNING = (
    "the a an this that these those it if in when you i we they and but so for there as since "
    "after before"
)
_HANGS, _BEGINS = frozenset(_HANGING.split()), frozenset(_BEGINNING.split())
# The fields of agents that write their steps down ("Action Input: ...").
_FIELD = re.compile(r"(?:Thought|Action|Action Input|Observation|Final Answer|Answer): ?\S")
_STRING = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"")


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """By the finish reason, else by how an answer without calls ends.

    Rejects where it is the last answer; in the middle it is context and no target. In an import
    the text's own signs never reject, and where they are no more than a sentence without a full
    stop, they are a note.
    """
    last = len(conversation.messages) - 1
    imported = conversation.provenance.source == "import"
    for index, message in enumerate(conversation.messages):
        if message.role != "assistant":
            continue
        severity: Severity = "reject" if index == last else "untrain"
        if message.finish_reason in CUT_OFF:
            piece = f"{message.finish_reason}: ...{message.content[-150:]}"
            yield Finding("cut-off", severity, index, evidence(piece))
        elif not message.tool_calls and (sign := broken_off(message.content)):
            what, sure = sign
            if imported:
                severity = "untrain" if sure else "note"
            yield Finding(
                "cut-off", severity, index, evidence(f"{what}: ...{message.content[-120:]}")
            )


def broken_off(text: str) -> tuple[str, bool] | None:
    """What shows that a text is not whole, and whether it can hardly be anything else."""
    text = text.rstrip()
    if not text:
        return None
    found = lines(text)
    if text.endswith(("```", "~~~")):
        # Also at the end of a line of code: wrong by the book, and closed for every reader.
        if found.fence is None or _closed_late(text):
            return None
        return "open fence", text.rstrip("`~ \n").endswith(":")
    if found.fence is not None:
        return "open fence", not _unfenced(text)
    if text[0] in "{[" and _open_json(text):
        return "open brackets", True
    said = [line.strip() for line in found.prose if line.strip()]
    return _last_line(said) if said else None


def _closed_late(text: str) -> bool:
    """Whether the fence that ends a text stands behind other signs of its line."""
    last = text[text.rfind("\n") + 1 :].strip()
    return len(last) > 3 and not last.startswith(("```", "~~~")) and "`" not in last[:-3]


def _unfenced(text: str) -> bool:
    """Whether what stands last in an open fence is no code: a fence that nobody closed, not a text
    that breaks off."""
    last = text[text.rfind("\n") + 1 :]
    if _FIELD.match(last):
        return True
    words = last.split()
    return (
        len(words) > FEWEST_WORDS
        and last[0].isupper()
        and last.endswith((".", "!", "?"))
        and not re.search(r"[{}=;<>|]|\w\(", last)
    )


def _open_json(text: str) -> bool:
    """Whether a text that is JSON from its first character on lacks its end."""
    if not re.match(r"\{\s*\"|\[\s*[\[{\"\d]", text):
        return False
    bare = _STRING.sub("", text)
    if "\n" not in text and not re.match(r"[\[{\s]*[:,\]}\d]", bare):
        return False  # prose in brackets
    return bare.count("{") + bare.count("[") > bare.count("}") + bare.count("]")


def _last_line(said: Sequence[str]) -> tuple[str, bool] | None:
    line = said[-1]
    words = line[:LONGEST_LINE].split()
    if _MARKER.fullmatch(line) and len(said) > 1:
        return "ends in an empty item", True
    if line[0] == "|" and line[-1] != "|" and said[-2:-1] and _is_row(said[-2]):
        return "ends within a row", True
    if line.endswith((":", "：")):
        return _announced(said)
    if line.endswith(ENDS) or len(line) > LONGEST_LINE:
        return None
    if _open_mark(line):
        return "open bracket or mark", len(words) >= FEWEST_WORDS
    if line.endswith(",") and len(words) >= FEWEST_WORDS:
        return "ends in a comma", True
    last = _LAST.search(line)
    if last is None or line.startswith(("|", "#", "    ", "<")):
        return None
    if len(words) >= FEWEST_WORDS and last[1].casefold() in _HANGS and not _title(words):
        return "ends in mid-sentence", True
    return ("no end of sentence", False) if _lacks_stop(said) else None


def _is_row(line: str) -> bool:
    return len(line) > 2 and line[0] == line[-1] == "|"


def _announced(said: Sequence[str]) -> tuple[str, bool] | None:
    """Something is announced, and nothing follows: a colon at the very end of a whole sentence."""
    words = said[-1].split()
    if len(words) < 3 or said[-1].startswith(("|", ">")):
        return None
    # "Please tell me:" asks, and what is asked for is the user's to say.
    asks = re.search(
        r"\b(?:please|tell me|let me know|confirm|provide|answer|you)\b", said[-1], re.I
    )
    return "announced and missing", not asks


def _open_mark(line: str) -> bool:
    """An opening bracket, bold or code mark in the last line that nothing closes."""
    if line.count("`") % 2 or (line.count("**") % 2 and not line.startswith("**")):
        return True
    bare = re.sub(r"`[^`]*`|[:;=8]-?[()]|(?:^|\s)\w{1,3}\)", "", line)
    return bare.rfind("(") > bare.rfind(")")


def _title(words: Sequence[str]) -> bool:
    return sum(word[:1].isupper() for word in words) * 2 > len(words)


def _lacks_stop(said: Sequence[str]) -> bool:
    """The last line is a sentence without end, in a text whose others have one.

    Of a list the other items are looked at, of a paragraph the other paragraphs; a paragraph that
    stands alone has to hold whole sentences before.
    """
    line = said[-1]
    item = _ITEM.match(line)
    if _NAMED.match(line):
        return False
    words = line[item.end() if item else 0 :].split()
    begun = bool(words) and words[0].casefold() in _BEGINS
    if (len(words) < FEWEST_WORDS and not begun) or _title(words) or _SIGNED.search(line):
        return False
    if item:
        others = [each for each in said[:-1] if _ITEM.match(each)][-8:]
        return len(others) >= 2 and all(each.endswith((".", "!", "?")) for each in others)
    others = [each for each in said[:-1] if not _ITEM.match(each)][-12:]
    others = [each for each in others if len(each.split()) >= FEWEST_WORDS]
    whole = sum(each.endswith(ENDS) for each in others)
    within = re.search(r"[a-z)`\"][.!?] +[A-Z`\"'(]", line)
    return whole * 3 >= len(others) * 2 and bool(within or whole)
