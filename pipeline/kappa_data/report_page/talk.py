"""A conversation as the page's browser reads it: plain values, every text made harmless.

Long texts stand once a task, in a table: the messages of a conversation come again in each of its
training documents, and a task's in all its voices.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Sequence
from typing import Any

import msgspec

from kappa_data.formats.construction import Format, Unrenderable
from kappa_data.formats.samples import Choices, samples
from kappa_data.printable import one_line, plain
from kappa_data.records import Conversation, Finding, Message, Sample
from kappa_data.report_page.drawn import Shown
from kappa_data.show import pieces, spans

LONG = 48
"""characters of a text that stands in the table"""
CONTEXT, TRAINED, SPECIAL = 0, 1, 2
"""kinds of runs of tokens; a trained special is the sum"""


class Texts:
    """Long texts, each once, and where it is named its number instead."""

    def __init__(self) -> None:
        self.table: list[str] = []
        self._places: dict[str, int] = {}

    def of(self, text: str) -> str | int:
        """The text made harmless, or its number in the table where it is long."""
        harmless = plain(text)
        if len(harmless) < LONG:
            return harmless
        place = self._places.setdefault(harmless, len(self.table))
        if place == len(self.table):
            self.table.append(harmless)
        return place


def packed(task: Sequence[Shown], chosen: Choices) -> str:
    """The conversations of one task as base64 of gzipped JSON: {"texts": [...], "talks": [...]}."""
    texts = Texts()
    talks = [talk(each, texts, chosen) for each in task]
    return compressed({"texts": texts.table, "talks": talks})


def compressed(value: Any) -> str:
    """JSON, gzipped without a date, in base64."""
    return base64.b64encode(gzip.compress(msgspec.json.encode(value), 9, mtime=0)).decode()


def talk(shown: Shown, texts: Texts, chosen: Choices) -> dict[str, Any]:
    """One conversation: messages, findings, verdict, and its documents by runs of equal mask."""
    facts = {"findings": [_finding(each, texts) for each in shown.findings]}
    conversation = shown.conversation
    if conversation is None:
        return {**facts, "facts": [], "messages": [], "verdict": None, "documents": [],
                "note": "no conversation came of this slot"}  # fmt: skip
    documents, note = _documents(conversation, texts, chosen)
    verdict = conversation.verdict
    return {
        **facts,
        "facts": [one_line(each) for each in _facts(conversation)],
        "messages": [_message(each, texts) for each in conversation.messages],
        "verdict": verdict and [verdict.passed, texts.of(verdict.detail)],
        "documents": documents,
        "note": plain(note),
    }


def _facts(conversation: Conversation) -> list[str]:
    origin = conversation.provenance
    return [
        conversation.split,
        conversation.strategy,
        *([conversation.special] if conversation.special else []),
        *([f"aim: {conversation.aim}"] if conversation.aim != "help" else []),
        f"teacher {origin.model or origin.teacher}",
        f"tool results: {origin.grounding}",
        *(["not verified"] if conversation.verdict is None else []),
    ]


def _finding(finding: Finding, texts: Texts) -> list[Any]:
    said = texts.of(finding.evidence)
    return [one_line(finding.rule), one_line(finding.severity), finding.message, said]


def _message(message: Message, texts: Texts) -> dict[str, Any]:
    notes = [
        *([message.name] if message.name else []),
        *([f"as {message.persona}"] if message.persona else []),
        *(["not trained"] if not message.train else []),
        *(["cut off"] if message.finish_reason == "length" else []),
    ]
    calls = [
        [one_line(each.function.name), texts.of(each.function.arguments)]
        for each in message.tool_calls
    ]
    return {
        "role": one_line(message.role),
        "notes": [one_line(each) for each in notes],
        "reasoning": texts.of(message.reasoning or ""),
        "text": texts.of(message.content),
        "calls": calls,
    }


def _documents(
    conversation: Conversation, texts: Texts, chosen: Choices
) -> tuple[list[dict[str, Any]], str]:
    """Its training documents, and why there are none."""
    try:
        made, counts = samples(conversation, chosen)
    except msgspec.MsgspecError as error:
        return [], f"its tools are malformed: {error}"
    except Unrenderable as error:
        return [], f"the format refuses it: {error}"
    if not made:
        reasons = ", ".join(f"{reason} {n}" for reason, n in sorted(counts.untrained.items()))
        return [], f"nothing in it is trained ({reasons or 'no step of an assistant'})"
    return [_document(each, texts, chosen.format) for each in made], ""


def _document(sample: Sample, texts: Texts, form: Format) -> dict[str, Any]:
    runs = [
        [TRAINED * trained + SPECIAL * special, texts.of(text)]
        for trained, start, end in spans(sample.mask)
        for special, text in pieces(sample.ids[start:end], form)
    ]
    return {"tokens": len(sample.ids), "trained": sample.n_loss_tokens, "runs": runs}
