"""The embedded teacher's voices: a plain answer, delivered again by rules in a persona's voice.

Deterministic: the same persona, answer, kind and seed give the same text. Every code span, figure,
path, quotation and `Answer:` line of the answer is in the result, in the same order (an `Answer:`
line may move to the front). This is no model: it is there so that the machine can be seen working,
and the checks of voice measured, without one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Literal

from kappa_data.config import nearest
from kappa_data.errors import UsageError
from kappa_data.personas import Persona, load_personas
from kappa_data.resources import Resources
from kappa_data.teacher.draw import draw
from kappa_data.teacher.embedded_judge import neighbouring
from kappa_data.teacher.voices.grammar import FOLDER, SLOT, Voice, load_voice, voice_of_examples
from kappa_data.teacher.voices.structure import ARRANGE
from kappa_data.teacher.voices.text import (
    Block,
    asks,
    blocks,
    formal,
    is_answer_line,
    is_artifact,
    nouns,
    refuses,
)

# Words of the answer from which a voice has room: the phrases must stay the smaller part, or the
# median length would leave the range of 0.6 to 1.6 of the plain answer.
_ROOM_FOR_BOTH = 40
_ROOM_FOR_ASIDE = 60

_USER = "_user"
_NOBODY = "_none"


class Voices:
    """All voices: those of data/seeds/voices/, and one made from its examples for any other
    persona."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._loaded: dict[str, Voice] = {}
        self._neighbours: dict[str | None, frozenset[tuple[str, str]]] = {}

    def speak(
        self, persona: str | None, answer: str, *, kind: Literal["final", "preamble"], seed: str
    ) -> str:
        """`answer` as `persona` says it; None: an answer stays as it is.

        "final": the answer to the user. "preamble": one short sentence beside a tool call, before
        `answer`, which may be empty. UsageError: no such persona.
        """
        voice = self._voice(persona)
        key = f"{persona}|{kind}|{seed}"
        if kind == "preamble":
            if persona is None and answer:
                return answer
            said = voice.say("preamble", (), key)
            return f"{said} {answer}".strip()
        if persona is None or not answer.strip() or is_artifact(answer):
            return answer
        if refuses(answer):
            body = blocks(formal(answer) if voice.structure == "clauses" else answer)
            return _framed(voice.say("refusal", (), key), body, "")
        return _delivered(voice, answer, key)

    def say_as_user(self, text: str, *, seed: str) -> str:
        """A goal as the embedded user says it: sometimes with a short lead-in or tail; the goal
        itself stays word for word."""
        user = self._named(_USER)
        gap = "\n\n" if "\n" in text else " "
        if draw(seed, "lead") < 0.5:
            text = f"{user.say('opener', (), seed)}{gap}{text}"
        if draw(seed, "tail") < 0.25 and text.endswith((".", "?", "!")):
            text = f"{text}{gap}{user.say('closer', (), seed)}"
        return text

    def neighbours(self, persona: str | None) -> frozenset[tuple[str, str]]:
        """The pairs of neighbouring words in the persona's phrases. UsageError: no such persona."""
        if persona not in self._neighbours:
            lines = self._voice(persona).lines()
            pieces = (piece for line in lines for piece in SLOT.split(line)[::2])
            self._neighbours[persona] = frozenset(
                each for piece in pieces for each in neighbouring(piece)
            )
        return self._neighbours[persona]

    def _voice(self, persona: str | None) -> Voice:
        if persona is None:
            return self._named(_NOBODY)
        if persona not in self._personas:
            raise UsageError(f'no persona "{persona}"; {nearest(persona, self._personas)}')
        return self._named(persona)

    def _named(self, name: str) -> Voice:
        if name not in self._loaded:
            path = f"{FOLDER}/{name}.toml"
            known = path in self._resources.names(FOLDER, ".toml")
            self._loaded[name] = (
                load_voice(self._resources, name)
                if known
                else voice_of_examples(self._personas[name])
            )
        return self._loaded[name]

    @cached_property
    def _personas(self) -> dict[str, Persona]:
        return load_personas(self._resources)


def _delivered(voice: Voice, answer: str, key: str) -> str:
    topics = nouns(answer)
    words = len(answer.split())
    opener = voice.say("opener", topics, key)
    closer = voice.say("closer", topics, key)
    if words < _ROOM_FOR_BOTH:
        # One of them; a voice that tests its listener does so after every answer.
        last = voice.structure == "test" or draw(key, "which") < 0.5
        opener, closer = ("", closer) if last and not asks(answer) else (opener, "")
    opener = f"{voice.say('mark', (), key, 'before')} {opener}".strip()
    # The mark at the end stands for a closer where there is no room for one.
    closer = "" if asks(answer) else f"{voice.say('mark', (), key, 'behind')} {closer}".strip()
    phrase = voice.say("aside", topics, key) if words >= _ROOM_FOR_ASIDE else ""
    if phrase:
        phrase = f"{voice.say('mark', (), key, 'between')} {phrase}".strip()
    arrange = ARRANGE[voice.structure]
    body = arrange(blocks(answer), phrase, int(draw(key, "style") * 12))
    return _framed(opener, body, closer, test=voice.structure == "test")


def _framed(opener: str, body: Sequence[Block], closer: str, *, test: bool = False) -> str:
    """Blocks, a blank line apart, between opener and closer.

    An `Answer:` line at either end keeps its place there; only a test question follows it. A
    finished opener stays in the paragraph that it opens.
    """
    parts = [block.text for block in body]
    start = int(len(parts) > 1 and is_answer_line(parts[0]))
    if opener and start < len(parts) and body[start].prose and opener.endswith((".", "!")):
        parts[start] = f"{opener} {parts[start]}"
    elif opener:
        parts.insert(start, opener)
    if closer:
        end = len(parts) > 1 and is_answer_line(parts[-1]) and not test
        parts.insert(len(parts) - end, closer)
    return "\n\n".join(parts)
