"""Takes a plain answer apart into what a voice may rearrange and what it must leave alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from msgspec import Struct

_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_FIXED_LINE = re.compile(
    r"\s|[-*+] |\d+[.)] |#|>|\||(?i:answer):"
    # A label and what it names, without the end of a sentence, such as "Result: 17".
    r"|[A-Z][a-z]+: [^\n]*(?<![.!?:])\Z"
)
_ANSWER_LINE = re.compile(r"(?:Answer|Result|Finding|Value|Conclusion): *\S[^\n]*\Z")
_MAIL = re.compile(r"^Subject:", re.MULTILINE | re.IGNORECASE)
_SPAN = re.compile(r"(`+)[^`].*?\1|\"[^\"\n]*\"|“[^”\n]*”")
_BRACKETS = re.compile(r"\([^()\n]*\)")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z`\"“(\d])")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|vs|etc|cf|approx|Dr|Mr|Mrs|Ms|St|No|Fig|pp)\.$")
_NOUN = re.compile(
    r"\b(?:the|this|that|each|every|an?) ([a-z]{4,14})"
    r"(?= (?:is|are|was|has|of|in|to|that|on|for|and)\b|[.,;:])"
)
# Words that follow an article without being what the answer is about.
_NOT_NOUNS = frozenset(
    (
        *("same", "first", "second", "third", "last", "next", "other", "former", "latter"),
        *("whole", "rest", "only", "most", "least", "best", "very", "following", "above", "below"),
        *("wrong", "right", "true", "false", "fact", "case", "already", "others"),
    )
)
_REFUSES = re.compile(
    r"\bI(?:'m| am| will|'ll)? ?(?:can(?:'t|not)|won't|not|do not|don't|must)\b"
    r"[^.?]{0,40}?\b(?:help|assist|provide|supply|give|write (?:that|this|it)|explain|share|"
    r"support|walk|decline|take part|do that|do this)\b"
    r"|\bI(?: must|'ll have to| have to) (?:decline|refuse)\b"
    r"|(?:^|[.!?;:] )I (?:decline|refuse)(?: to\b| th|[.,;:])",
    re.IGNORECASE,
)
_CONTRACTIONS = (
    (re.compile(r"\b([Cc]a)n['’]t\b"), r"\1nnot"),
    (re.compile(r"\b([Ww])on['’]t\b"), r"\1ill not"),
    (re.compile(r"\b([Ss])han['’]t\b"), r"\1hall not"),
    (
        re.compile(
            r"\b((?:do|does|did|is|are|was|were|has|have|had|would|could|should|must|need))n['’]t\b",
            re.IGNORECASE,
        ),
        r"\1 not",
    ),
    (re.compile(r"\b(I)['’]m\b"), r"\1 am"),
    (re.compile(r"\b(you|we|they)['’]re\b", re.IGNORECASE), r"\1 are"),
    (re.compile(r"\b(I|you|we|they|it|that|there)['’]ll\b", re.IGNORECASE), r"\1 will"),
    (re.compile(r"\b(I|you|we|they)['’]ve\b", re.IGNORECASE), r"\1 have"),
    # "it's been" and "it's got" mean "it has"; everything else that follows means "it is".
    (re.compile(r"\b(it|that|there|what|here)['’]s (been|got)\b", re.IGNORECASE), r"\1 has \2"),
    (re.compile(r"\b(it|that|there|what|here)['’]s\b", re.IGNORECASE), r"\1 is"),
    (re.compile(r"\b([Ll]et)['’]s\b"), r"\1 us"),
)


class Block(Struct, frozen=True):
    """A paragraph, or lines that belong together; `prose`: its sentences may move apart."""

    text: str
    prose: bool


def blocks(answer: str) -> list[Block]:
    """The blocks of an answer, in order; joined by blank lines they are the answer again, but for
    the number of blank lines between them.

    Prose is a paragraph of one line that introduces nothing. Code, lists, tables, headings,
    quotations, indented text, lines of a label and a value and every paragraph of a mail are fixed.
    """
    mail = bool(_MAIL.search(answer))
    found: list[Block] = []
    lines: list[str] = []
    fence = ""

    def close() -> None:
        if lines:
            fixed = mail or len(lines) > 1 or bool(_FIXED_LINE.match(lines[0]))
            text = "\n".join(lines)
            found.append(Block(text, not fixed and not text.rstrip().endswith(":")))
            lines.clear()

    for line in answer.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            lines.append(line)
            if mark and mark[1].startswith(fence) and line.strip() == mark[1]:
                fence = ""
                close()
        elif mark:
            # A fence stays with the line that introduces it.
            lines.append(line)
            fence = mark[1]
        elif line.startswith("Answer:"):
            close()
            lines.append(line)
            close()
        elif line.strip():
            lines.append(line)
        else:
            close()
    if lines and fence:
        found.append(Block("\n".join(lines), prose=False))
    else:
        close()
    return found


def is_artifact(answer: str) -> bool:
    """True if the whole answer is data: a file, a code block or JSON, which carries no voice."""
    text = answer.strip()
    if text.startswith("```") and text.endswith("```") and text.count("```") == 2:
        return True
    if not text.startswith(("{", "[", "<")):
        return False
    if text.startswith("<"):
        return text.endswith(">")
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return True


def is_answer_line(text: str) -> bool:
    """True for a line such as `Answer: 17`, as a task may ask for it at an end of the answer."""
    return _ANSWER_LINE.match(text) is not None


def sentences(text: str) -> list[str]:
    """The sentences of one line of prose; code, quotations and brackets are never cut."""
    veiled = text
    for span in (_SPAN, _BRACKETS):
        veiled = span.sub(lambda found: "x" * len(found[0]), veiled)
    parts = []
    start = 0
    for end in _SENTENCE_END.finditer(veiled):
        if _ABBREVIATION.search(veiled[start : end.start()]):
            continue
        parts.append(text[start : end.start()])
        start = end.end()
    return [*parts, text[start:]]


def formal(text: str) -> str:
    """Contractions written out, outside code and quotations."""
    done = []
    start = 0
    for span in _SPAN.finditer(text):
        done += [_written_out(text[start : span.start()]), span[0]]
        start = span.end()
    return "".join([*done, _written_out(text[start:])])


def nouns(answer: str) -> Sequence[str]:
    """Plain nouns of the answer's prose, sorted; code and quotations are not looked at."""
    prose = " ".join(block.text for block in blocks(answer) if block.prose)
    found = _NOUN.findall(_SPAN.sub(" ", prose))
    return sorted({noun for noun in found if noun not in _NOT_NOUNS and not _inflected(noun)})


def refuses(answer: str) -> bool:
    """True if the answer declines the request: a voice then says one line and no more."""
    opening = " ".join(answer.replace("’", "'").split())[:300]
    return bool(_REFUSES.search(opening))


def asks(answer: str) -> bool:
    """True if the answer ends in a question: nothing may be said after it."""
    return answer.rstrip().endswith("?")


def _written_out(text: str) -> str:
    for short, full in _CONTRACTIONS:
        text = short.sub(full, text)
    return text


def _inflected(noun: str) -> bool:
    return noun.endswith(("ing", "ed", "ly", "ous", "ful", "est", "able", "ible", "al", "ic"))
