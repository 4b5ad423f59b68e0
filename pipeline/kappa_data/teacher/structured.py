"""Answers that have to be JSON of a given form: read strictly, and asked again where they are not.

Whatever an endpoint promises about its structured output, the answer is checked here: many ignore
the schema, and an answer that was cut off has no form at all.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from kappa_data import strict_json
from kappa_data.teacher.api import ChatAnswer, ChatRequest

EXCERPT = 300
"""characters of a complaint, and of an answer that an error repeats"""
COMPLAINT = (
    "Your answer was not in the form that was asked for: {fault}. Answer once more, with the"
    " corrected JSON value alone: no words before or after it."
)
_FENCE = re.compile(r"\A```(?:json)?[ \t]*\n(.*?)\n?[ \t]*```\Z", re.DOTALL | re.IGNORECASE)


class NotInForm(Exception):
    """No answer had the form; `detail` says what was wrong with the last one, `answer` is it."""

    def __init__(self, detail: str, answer: ChatAnswer) -> None:
        super().__init__(detail)
        self.detail = detail
        self.answer = answer


async def structured(
    ask: Callable[[ChatRequest, int], Awaitable[ChatAnswer]],
    request: ChatRequest,
    repairs: int,
    check: Callable[[Any], str] = lambda value: "",
) -> Any:
    """The JSON value of an answer that holds to `request.schema`.

    `ask(request, attempt)` answers; it is called for attempt 0, and up to `repairs` times more with
    the faulty answer and the complaint appended to the messages. `check` finds faults that a schema
    cannot say: '' where there is none. NotInForm: all of the answers were faulty.
    """
    if request.schema is None:
        raise ValueError("structured: the request has no schema")
    validator = Draft202012Validator(request.schema)
    messages = request.messages
    attempt = 0
    while True:
        answer = await ask(msgspec.structs.replace(request, messages=messages), attempt)
        value, fault = _read(answer, validator)
        fault = fault or check(value)
        if not fault:
            return value
        if attempt == repairs:
            raise NotInForm(f"{fault[:EXCERPT]}; it ends: {answer.content[-80:]!r}", answer)
        attempt += 1
        messages = (
            *request.messages,  # one faulty answer at a time: old ones would only mislead
            {"role": "assistant", "content": answer.content},
            {"role": "user", "content": COMPLAINT.format(fault=fault[:EXCERPT].rstrip("."))},
        )


def _read(answer: ChatAnswer, validator: Draft202012Validator) -> tuple[Any, str]:
    """The value and ''; or None and what is wrong with the answer."""
    if answer.finish_reason in ("length", "content_filter"):
        return None, f"it was cut off ({answer.finish_reason})"
    text = answer.content.strip()
    if fenced := _FENCE.match(text):
        text = fenced[1]
    if not text:
        return None, "it is empty"
    try:
        value = strict_json.parse(text)
    except strict_json.NotStrict as error:
        return None, str(error)
    wrong = best_match(validator.iter_errors(value))
    return (value, "") if wrong is None else (None, f"{wrong.json_path}: {wrong.message}")
