"""What has to be known of a tokenizer and its template before anything is trained with them.

A few fixed messages are rendered: whether the ids are what the tokenizer itself makes of the text,
and which tokens end an answer and a call.
"""

from __future__ import annotations

import contextlib
from typing import Any

from kappa_data.errors import UsageError
from kappa_data.formats.construction import Unrenderable
from kappa_data.formats.hf_tokenizer import HfTokenizer
from kappa_data.formats.shield import RESERVED

DAY = "2026-01-31"
END = "17.5!"
SAID = f"Zwei Wörter, 两个字 ... {END}"  # with no space around, which templates strip
USER = {"role": "user", "content": "How  long\n\tis it?"}
AGAIN = {"role": "user", "content": " And\n\nnow?"}
ANSWER = {"role": "assistant", "content": SAID}
CALL: dict[str, Any] = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {
            "id": "callabcd1",  # nine letters or digits: one family of templates asks for that
            "type": "function",
            "function": {"name": "measure", "arguments": {"what": SAID}},
        }
    ],
}
RESULT = {"role": "tool", "content": "12 m", "tool_call_id": "callabcd1", "name": "measure"}
TOOL = {
    "type": "function",
    "function": {
        "name": "measure",
        "description": "Measures.",
        "parameters": {"type": "object", "properties": {"what": {"type": "string"}}},
    },
}


def stop_ids(tokenizer: HfTokenizer) -> frozenset[int]:
    """The ids that end what the model says; UsageError where the template cannot be used."""
    try:
        answer = _stop(tokenizer, ANSWER, AGAIN, None)
    except Unrenderable as error:
        raise UsageError(
            f"{tokenizer.folder}: its template cannot render a question and an answer: {error}"
        ) from None
    if answer is None:
        raise UsageError(
            f"{tokenizer.folder}: its template writes no stop token after an answer, so nothing "
            "says where a model has to end; use another template"
        )
    call = None
    with contextlib.suppress(Unrenderable):  # no tools: who has some is refused when it comes
        call = _stop(tokenizer, CALL, RESULT, [TOOL], known=answer)
    end = tokenizer.reference.eos_token_id
    return frozenset({answer} | {each for each in (call, end) if each is not None})


def _stop(
    tokenizer: HfTokenizer,
    spoken: dict[str, Any],
    then: dict[str, Any],
    tools: list[Any] | None,
    known: int | None = None,
) -> int | None:
    """The id that ends `spoken`; None where nothing does.

    A template may close the whole text with a further token (it stands only at the very end), or
    write another one into the history than the model emits: so what stands in both decides, and
    where there is nothing, the end. There the tokenizer's own end token or the `known` stop is
    taken, else the last special token; a tag like `</tool_call>`, which is none, never.
    """
    last = _text(tokenizer, [USER, spoken], tools)
    middle = _text(tokenizer, [USER, spoken, then], tools)
    if END not in last or END not in middle:
        return None
    tail = last[last.rindex(END) + len(END) :]
    common = _common(tail, middle[middle.index(END) + len(END) :])
    in_both, at_end = (
        [each for each in map(tokenizer.id_of, RESERVED.findall(text)) if each in tokenizer.ending]
        for text in (common, tail)
    )
    for each in (tokenizer.reference.eos_token_id, known):
        if each in in_both:
            return each
    return in_both[-1] if in_both else at_end[0] if at_end else None


def _common(one: str, other: str) -> str:
    """What both begin with."""
    same = (number for number in range(min(len(one), len(other))) if one[number] != other[number])
    return one[: next(same, min(len(one), len(other)))]


def _text(tokenizer: HfTokenizer, messages: list[Any], tools: list[Any] | None) -> str:
    text = tokenizer.render(messages, tools, DAY, add_generation_prompt=False)
    spelled = tokenizer.shield.spell(text)
    wanted = tokenizer.reference(spelled, add_special_tokens=False)["input_ids"]
    if tokenizer.encode(text).tolist() != list(wanted):
        raise UsageError(
            f"{tokenizer.folder}: this tokenizer cannot be used: the pieces between its control "
            "tokens, encoded by themselves, are not what it makes of the whole text"
        )
    return text
