"""What real models do wrong, planted at seeded rates: material for the checks to find.

Each kind is one function from the right answer to a wrong one. At most one kind spoils an answer,
and which one depends only on the seed, the slot and the place in the conversation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kappa_data.config import nearest
from kappa_data.errors import UsageError
from kappa_data.records import FunctionCall, Message, compact_json
from kappa_data.teacher.draw import draw, pick
from kappa_data.teacher.embedded_tokens import cut, encode, spoken

_REFUSALS = (
    "I'm sorry, but I can't help with that request.",
    "As an AI language model, I am unable to assist with this.",
    "I must decline: this would go against my guidelines.",
)
_FLATTERY = (
    "What a brilliant question, you clearly have a remarkable mind!",
    "You're absolutely right, and it is impressive how well you put it!",
    "Great question! Only a true expert would think of asking this.",
)
_SPECIAL = ("<|end|>", "<|return|>", "<|im_end|>", "<|start|>assistant<|channel|>final<|message|>")
_KNOWN_AGAIN = 8
_SHOWN = 80
"""characters of a command that is said to have run"""
_UNKNOWN = ("execute_code", "Bash", "open_file", "python", "functions.run")


class Scene(Struct, frozen=True):
    """What a fault may draw on: the place as a key, and what the answer was made from."""

    key: str
    plain: str
    """the turn's final answer without a voice"""
    voice: Callable[[str], str]
    """says a text as the persona"""
    brief: tuple[str, ...]
    """the sentences of the system message"""
    tools: tuple[str, ...]
    """names of the tools that the client offers"""


Spoil = Callable[[Message, Scene], Message]


def _voice_lost(message: Message, scene: Scene) -> Message:
    return replace(message, content=scene.plain)


def _brief_leaked(message: Message, scene: Scene) -> Message:
    sentence = pick(scene.brief, scene.key, "sentence")
    if message.tool_calls or draw(scene.key, "leak") < 0.5:
        return replace(message, reasoning=f"{sentence} {message.reasoning or ''}".strip())
    return replace(message, content=f"{sentence} {message.content}")


def _malformed_arguments(message: Message, scene: Scene) -> Message:
    text = message.tool_calls[0].function.arguments
    broken = pick((text[:-1], text + "}", f"```json\n{text}\n```", f"{{{text}"), scene.key, "json")
    return _first_call(message, arguments=broken)


def _wrong_arguments(message: Message, scene: Scene) -> Message:
    arguments = msgspec.json.decode(message.tool_calls[0].function.arguments)
    change = pick(("missing", "extra", "type"), scene.key, "change")
    field = next(iter(arguments), None)
    if field is None or change == "extra":
        arguments["explanation"] = "as the user asked"
    elif change == "missing":
        del arguments[field]
    else:
        arguments[field] = [arguments[field]]
    return _first_call(message, arguments=compact_json(arguments))


def _unknown_tool(message: Message, scene: Scene) -> Message:
    # Joined, the offered names are a name that none of them is.
    names = [name for name in _UNKNOWN if name not in scene.tools] or ["+".join(scene.tools)]
    return _first_call(message, name=pick(names, scene.key, "tool"))


def _invented_result(message: Message, scene: Scene) -> Message:
    function = message.tool_calls[0].function
    arguments = msgspec.json.decode(function.arguments)
    first = str(next(iter(arguments.values()), ""))
    what = first if "command" in arguments else f"{function.name} {first}"
    shown = " ".join(what.replace("`", "'").splitlines()[:1])[:_SHOWN]
    claim = f"I ran `{shown}` and it finished with exit code 0. {scene.plain}"
    return replace(message, content=scene.voice(claim), tool_calls=(), finish_reason="stop")


def _refusal(message: Message, scene: Scene) -> Message:
    text = pick(_REFUSALS, scene.key, "refusal")
    return replace(message, content=text, tool_calls=(), finish_reason="stop")


def _flattery(message: Message, scene: Scene) -> Message:
    return replace(message, content=f"{pick(_FLATTERY, scene.key, 'praise')} {message.content}")


def _cut_off(message: Message, scene: Scene) -> Message:
    tokens = sum(len(encode(text)) for text in spoken(message))
    return cut(message, int(tokens * (0.3 + 0.6 * draw(scene.key, "cut"))))


def _empty_answer(message: Message, scene: Scene) -> Message:
    return replace(message, content="", reasoning=None, tool_calls=(), finish_reason="stop")


def _special_tokens(message: Message, scene: Scene) -> Message:
    words = message.content.split(" ")
    at = int(draw(scene.key, "at") * (len(words) + 1))
    words.insert(at, pick(_SPECIAL, scene.key, "special"))
    return replace(message, content=" ".join(words))


def _loop(message: Message, scene: Scene) -> Message:
    # The first call of a loop is the right one; the player then repeats it (embedded_play.py).
    return message


def _first_call(
    message: Message, *, name: str | None = None, arguments: str | None = None
) -> Message:
    call = message.tool_calls[0]
    function = FunctionCall(
        call.function.name if name is None else name,
        call.function.arguments if arguments is None else arguments,
    )
    return replace(message, tool_calls=(replace(call, function=function), *message.tool_calls[1:]))


INSTEAD_OF_CALLS: dict[str, Spoil] = {
    "brief_leaked": _brief_leaked,
    "cut_off": _cut_off,
    "empty_answer": _empty_answer,
    "invented_result": _invented_result,
    "loop": _loop,
    "malformed_arguments": _malformed_arguments,
    "refusal": _refusal,
    "unknown_tool": _unknown_tool,
    "wrong_arguments": _wrong_arguments,
}
"""what can go wrong where the reference calls tools"""

INSTEAD_OF_ANSWER: dict[str, Spoil] = {
    "brief_leaked": _brief_leaked,
    "cut_off": _cut_off,
    "empty_answer": _empty_answer,
    "flattery": _flattery,
    "refusal": _refusal,
    "special_tokens": _special_tokens,
    "voice_lost": _voice_lost,
}
"""what can go wrong where the reference answers the user"""

KINDS = tuple(sorted({*INSTEAD_OF_CALLS, *INSTEAD_OF_ANSWER}))


class Sloppy(Struct, frozen=True):
    """How often each kind happens, of the answers where it can."""

    rates: dict[str, float]
    seed: int = 0

    def kind(self, place: str, possible: Collection[str]) -> str | None:
        """The fault planted at this place, or None.

        Every kind is drawn by itself; where several fall on one place, one of them is taken, each
        as likely.
        """
        hits = {
            kind: draw(self.seed, place, kind) / rate
            for kind, rate in self.rates.items()
            if rate and kind in possible
        }
        happening = {kind: share for kind, share in hits.items() if share < 1}
        return min(happening, key=happening.__getitem__) if happening else None


def read_sloppy(rates: Mapping[str, float] | float, seed: int) -> Sloppy:
    """One rate for every kind, or rates by name. UsageError: no such kind, or not a share."""
    named = rates if isinstance(rates, Mapping) else dict.fromkeys(KINDS, rates)
    for kind, rate in named.items():
        if kind not in KINDS:
            raise UsageError(f'sloppy: there is no "{kind}"; {nearest(kind, KINDS)}')
        if not 0 <= rate <= 1:
            raise UsageError(f"sloppy: {kind} = {rate} is not a share; give one from 0 to 1")
    return Sloppy(rates=dict(named), seed=seed)


def sentences(brief: str) -> tuple[str, ...]:
    """The sentences of a system message that are long enough to be known again: as many words as
    make a leak (validate.leak_ngram)."""
    parts = re.split(r"(?<=[.!?:;])\s+|\n+", brief)
    return tuple(part.strip() for part in parts if len(re.findall(r"\w+", part)) > _KNOWN_AGAIN)
