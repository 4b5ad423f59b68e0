"""What people see is what the records hold: nothing is interpreted, nothing is hidden."""

from __future__ import annotations

import io
import re

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from kappa_data.formats.harmony import Rendered, render
from kappa_data.formats.profiles import PROFILES
from kappa_data.formats.vocabulary import ENDOFTEXT, decode
from kappa_data.records import (
    Conversation,
    Finding,
    FunctionCall,
    Message,
    ToolCall,
    Verdict,
)
from kappa_data.show import plain, show_conversation, show_tokens

HOSTILE = (
    "[bold red]markup[/] \x1b[31mred\x1b[0m \x07\x9b2J\x00 back\rspace \u202eodd <|start|> ⟦x⟧"
)
CALL = ToolCall("1", FunctionCall("bash", '{"command": "ls \\u001b[0m"}'))
CONVERSATION = Conversation(
    "files/7:chaotic_evil",
    (
        Message("system", "Persona: chaotic_evil"),
        Message("user", HOSTILE),
        Message("assistant", "", reasoning=f"think {HOSTILE}", tool_calls=(CALL,)),
        Message("tool", HOSTILE, tool_call_id="1", name="bash"),
        Message("assistant", f"done {HOSTILE}", reasoning="so", train=False),
        Message("user", "again"),
        Message("assistant", "the end"),
    ),
    persona="chaotic_evil",
    verdict=Verdict(False, "file a.txt is \x1b[1mmissing"),
)


def console(*, colour: bool) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    made = Console(
        file=out, force_terminal=colour, color_system="truecolor" if colour else None, width=200
    )
    return made, out


def documents() -> list[Rendered]:
    return render(CONVERSATION, PROFILES["vllm-responses"], date="2026-01-02", effort="low")


def test_a_conversation_is_shown_whole_with_its_findings() -> None:
    target, out = console(colour=False)
    findings = [
        Finding("tone [b]", "note", 2, "too \x1b[2Jmild"),
        Finding("all", "reject", -1, "e"),
    ]
    show_conversation(target, CONVERSATION, findings)
    text = out.getvalue()
    for message in CONVERSATION.messages:
        assert plain(message.content) in text
    assert plain(CALL.function.arguments) in text
    assert "think [bold red]markup[/]" in text
    assert "failed: file a.txt is \\x1b[1mmissing" in text
    assert "note: tone [b]: too \\x1b[2Jmild" in text and "reject: all: e" in text
    assert text.index("reject: all") < text.index("0 system") < text.index("note: tone")
    assert text.count("not trained") == 1


def test_the_tools_that_were_offered_are_named() -> None:
    for tools, words in (
        ('[{"type": "function", "function": {"name": "a\\u001b"}}]', "tools a\\x1b\n"),
        ("not JSON", "tool results imported\n"),
        (None, "tool results imported\n"),
    ):
        target, out = console(colour=False)
        show_conversation(target, msgspec.structs.replace(CONVERSATION, tools=tools))
        assert words in out.getvalue()


@pytest.mark.parametrize("colour", [True, False])
def test_no_control_character_of_the_content_reaches_the_terminal(colour: bool) -> None:
    target, out = console(colour=colour)
    show_conversation(target, CONVERSATION)
    for document in documents():
        show_tokens(target, document.ids, document.mask)
    text = out.getvalue()
    ours = re.compile(r"\x1b\[[0-9;]*m")  # rich's own colours
    assert (ours.search(text) is not None) is colour
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", ours.sub("", text))
    assert "\\x1b[31mred" in ours.sub("", text)


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_plain_text_has_nothing_that_acts(text: str) -> None:
    shown = plain(text)
    assert all(c in "\n\t" or (ord(c) >= 32 and not 127 <= ord(c) < 160) for c in shown)
    assert len(shown) >= len(text)


def test_without_colour_brackets_hold_exactly_the_trained_tokens() -> None:
    for document in documents():
        target, out = console(colour=False)
        show_tokens(target, document.ids, document.mask)
        body = out.getvalue().split("\n", 2)[2]  # after the legend and the title
        shown = "".join(re.findall("⟦(.*?)⟧", body, flags=re.DOTALL))
        trained = decode(document.ids[document.mask == 1])
        assert re.sub(r"\n(?=<\|start)", "", shown) == signs(trained)
        assert body.count("⟦") == body.count("⟧") == len(document.steps)


def signs(text: str) -> str:
    """What the view writes for `text`: literal signs of its own are escaped, special ids are not.

    The only literal specials in these conversations are HOSTILE's.
    """
    return plain(text.replace(HOSTILE, HOSTILE.replace("<|", "<\\|"))).replace(
        "⟦x⟧", "\\u27e6x\\u27e7"
    )


def test_with_colour_trained_and_context_differ_in_style_and_not_in_text() -> None:
    document = documents()[0]
    target, out = console(colour=True)
    show_tokens(target, document.ids, document.mask)
    last = out.getvalue().split("\n", 2)[2]
    green = re.findall(r"\x1b\[(?:1;)?38;2;[\d;]+;48;2;[\d;]+m(.*?)\x1b\[0m", last, flags=re.DOTALL)
    assert "".join(green) == signs(decode(document.ids[document.mask == 1]))


def test_documents_of_a_row_are_told_apart_and_padding_is_counted() -> None:
    made = documents()
    padding = np.full(1000, ENDOFTEXT, dtype=np.int32)
    ids = np.concatenate([*(each.ids for each in made), padding])
    mask = np.concatenate([*(each.mask for each in made), np.zeros(1000, dtype=np.int8)])
    target, out = console(colour=False)
    show_tokens(target, ids, mask, [*(len(each.ids) for each in made), 1000])
    text = out.getvalue()
    for number, each in enumerate(made):
        assert f"document {number}: {len(each.ids)} tokens, {each.mask.sum()} trained" in text
    assert f"document {len(made)}: 1,000 tokens, 0 trained" in text
    assert text.count("<|endoftext|>") == 1 and "<|endoftext|> × 1,000" in text
