"""A conversation and its tokens as people look at them.

All text comes from outside (users, teachers, tools, imported files), so it is printed as plain
text: no markup is interpreted, and control characters are written out instead of sent to the
terminal. Without colour, trained spans stand between ⟦ and ⟧.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

import msgspec
import numpy as np
from msgspec import Struct
from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from kappa_data.formats.construction import Format
from kappa_data.formats.harmony import Harmony
from kappa_data.formats.profiles import VLLM_RESPONSES
from kappa_data.formats.vocabulary import SPECIALS, START
from kappa_data.printable import plain, written
from kappa_data.records import Conversation, Finding, Int8s, Int32s, Message

ROLE_STYLES = {
    "system": "magenta",
    "developer": "magenta",
    "user": "cyan",
    "assistant": "green",
    "tool": "yellow",
}
SEVERITY_STYLES = {"reject": "bold red", "untrain": "yellow", "note": "dim"}
TRAINED, CONTEXT = "#101010 on #a6d189", "dim"
TRAINED_SPECIAL, SPECIAL = "bold #ffffff on #2e7d32", "bold magenta"

# In a token view these mean something: a text that contains them must not look like the view.
_SIGNS = r"<\||[⟦⟧]"
HARMONY = Harmony(VLLM_RESPONSES)


def show_conversation(
    console: Console, conversation: Conversation, findings: Sequence[Finding] = ()
) -> None:
    """Prints messages, reasoning, tool calls and results, the findings beside their message."""
    origin = conversation.provenance
    parts = [
        f"persona {conversation.persona or 'none'}",
        conversation.split,
        *([f"family {conversation.family}"] if conversation.family else []),
        f"teacher {origin.teacher}{f' ({origin.model})' if origin.model else ''}",
        f"tool results {origin.grounding}",
        *([f"tools {', '.join(offered)}"] if (offered := _offered(conversation.tools)) else []),
    ]
    _line(console, Text(plain(conversation.id), style="bold"))
    _line(console, Text(plain(" · ".join(parts)), style="dim"))
    _findings(console, findings, -1)
    for number, message in enumerate(conversation.messages):
        _message(console, number, message)
        _findings(console, findings, number)
    if conversation.verdict is None and origin.source == "generate":
        console.print()
        _line(console, Text("not verified", style="bold yellow"))
    if conversation.verdict is not None:
        console.print()
        passed = conversation.verdict.passed
        word = Text(
            "verified" if passed else "failed", style="bold green" if passed else "bold red"
        )
        detail = plain(conversation.verdict.detail)
        _line(console, word.append(f": {detail}" if detail else "", style="default"))


class _Function(Struct, frozen=True):
    name: str


class _Tool(Struct, frozen=True):
    function: _Function


def _offered(tools: str | None) -> list[str]:
    """The names in a record's `tools`; none where it has another form (`validate` says so)."""
    try:
        return [each.function.name for each in msgspec.json.decode(tools or "[]", type=list[_Tool])]
    except msgspec.DecodeError:
        return []


def _message(console: Console, number: int, message: Message) -> None:
    notes = [
        *([message.name] if message.name else []),
        *([f"as {message.persona}"] if message.persona else []),
        *(["not trained"] if not message.train else []),
        *(["cut off"] if message.finish_reason == "length" else []),
    ]
    title = Text(f"{number} {message.role}", style=f"bold {ROLE_STYLES[message.role]}")
    title.append(plain("".join(f" · {note}" for note in notes)), style="dim")
    console.print()
    _line(console, title)
    if message.reasoning:
        _line(console, Text(_indented(message.reasoning), style="dim italic"))
    if message.content:
        _line(console, Text(plain(message.content)))
    for call in message.tool_calls:
        _line(
            console,
            Text.assemble(
                ("→ ", "bold blue"),
                (plain(call.function.name), "bold blue"),
                (" " + plain(call.function.arguments), "blue"),
            ),
        )


def _indented(text: str) -> str:
    return "\n".join(f"┆ {line}" for line in plain(text).split("\n"))


def _findings(console: Console, findings: Sequence[Finding], message: int) -> None:
    for finding in findings:
        if finding.message == message:
            said = plain(f"{finding.severity}: {finding.rule}: {finding.evidence}")
            _line(console, Text(f"! {said}", style=SEVERITY_STYLES[finding.severity]))


def show_tokens(
    console: Console,
    ids: Int32s,
    mask: Int8s,
    lengths: Sequence[int] | Int32s | None = None,
    form: Format = HARMONY,
) -> None:
    """Prints ids int32[n] of a format as text, coloured by mask int8[n], with a legend.

    A packed row gives the lengths of its documents (they sum to n); None is one document.
    """
    plainly = console.no_color or console.color_system is None
    _line(console, _legend(plainly))
    start = 0
    for number, length in enumerate([len(ids)] if lengths is None else [int(n) for n in lengths]):
        part, trained = ids[start : start + length], mask[start : start + length]
        start += length
        title = f"document {number}: {length:,} tokens, {int(trained.sum()):,} trained"
        console.print(Rule(Text(title), align="left", style="dim"))
        _line(console, _document(part, trained, plainly, form))


def _legend(plainly: bool) -> Text:
    if plainly:
        return Text("⟦trained⟧ and context; <|special|>; `<|` within a text is written `<\\|`")
    return Text.assemble(
        (" trained ", TRAINED),
        " ",
        ("<|special|>", TRAINED_SPECIAL),
        "  ",
        ("context", CONTEXT),
        " ",
        ("<|special|>", SPECIAL),
        ("  `<|` within a text is written `<\\|`", "dim"),
    )


def _document(ids: Int32s, mask: Int8s, plainly: bool, form: Format) -> Text:
    """One document; every harmony message begins a line."""
    text, first = Text(), True
    for trained, start, end in spans(mask):
        if trained and plainly:
            text.append("⟦")
        for special, piece in pieces(ids[start:end], form):
            if special and piece == SPECIALS[START] and not first:
                text.append("\n")
            first = False
            if special:
                text.append(piece, style=TRAINED_SPECIAL if trained else SPECIAL)
            else:
                text.append(piece, style=TRAINED if trained else CONTEXT)
        if trained and plainly:
            text.append("⟧")
    return text


def spans(mask: Int8s) -> Iterator[tuple[bool, int, int]]:
    """Runs of equal mask as (trained, start, end)."""
    edges = [0, *(np.flatnonzero(np.diff(mask)) + 1).tolist(), len(mask)]
    for start, end in pairwise(edges):
        if start < end:
            yield bool(mask[start]), start, end


def pieces(ids: Int32s, form: Format) -> Iterator[tuple[bool, str]]:
    """Runs of ids as (special, text); repeated padding is counted, not repeated."""
    specials = form.specials
    spelled = "|".join(map(re.escape, sorted(specials.values(), key=len, reverse=True)))
    signs = re.compile(f"{_SIGNS}|{spelled}")
    for special, run in groupby(ids.tolist(), lambda each: each if each in specials else None):
        tokens = list(run)
        if special is None:
            yield False, signs.sub(lambda found: _sign(found[0]), plain(form.decode(tokens)))
        elif special == form.pad_id and len(tokens) > 1:
            yield True, f"{specials[special]} × {len(tokens):,}"
        else:
            yield from ((True, specials[special]) for _ in tokens)


def _sign(found: str) -> str:
    return written(found) if found in "⟦⟧" else f"{found[0]}\\{found[1:]}"


def _line(console: Console, text: Text) -> None:
    console.print(text, soft_wrap=True, highlight=False)
