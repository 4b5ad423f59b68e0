"""One conversation before the checks: mended where possible, then accepted or not."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence

import msgspec

from kappa_data.checks._facts import Facts
from kappa_data.checks._text import EVIDENCE_CHARS
from kappa_data.config import ValidateConfig
from kappa_data.conversation.briefs import ASSISTANT_PROMPT, beside
from kappa_data.personas import Persona, load_personas
from kappa_data.records import NOBODY, Conversation, Finding
from kappa_data.resources import Resources
from kappa_data.validation.checking import chosen_checks, findings
from kappa_data.validation.repair import repair
from kappa_data.validation.severities import (
    NOTHING_TO_TRAIN,
    UNKNOWN_PERSONA,
    refuse_unknown,
    weighed,
)

# Tool names that a brief lists. An import's are hostile: they must not make a brief of megabytes.
MOST_NAME_CHARS, MOST_NAMES = 64, 64
MOST_BRIEFS = 256


class Judge:
    """Knows the personas and their hidden briefs; each brief is rendered once."""

    def __init__(self, config: ValidateConfig, resources: Resources) -> None:
        self._config, self._resources = config, resources
        self._checks = chosen_checks(config.checks)
        refuse_unknown(config.severities)
        self._personas: Mapping[str, Persona] = load_personas(resources)
        self._caps = {
            name: tuple((cap.phrase, cap.per_conversation) for cap in persona.avoid)
            for name, persona in self._personas.items()
        }
        self._hostile = tuple(name for name, one in self._personas.items() if one.hostile)
        self._beside = beside(resources)
        self._briefs: dict[tuple[str | None, tuple[str, ...]], str] = {}

    def judge(
        self, original: Conversation, known: tuple[Finding, ...] = ()
    ) -> tuple[Conversation, tuple[Finding, ...]]:
        """The conversation as it may go on, and all findings; `reason` tells if it may.

        `known` are findings from elsewhere, which count like those of the checks.
        Message indexes in the findings are those of the original: mending only cuts the end.
        """
        named, unknown = self._with_known_personas(original)
        mended, mendings = repair(named)
        checked = findings(mended, self._facts(mended), self._checks)
        found = (*unknown, *mendings, *known, *checked)
        return self.followed(mended, found)

    def followed(
        self, conversation: Conversation, found: tuple[Finding, ...]
    ) -> tuple[Conversation, tuple[Finding, ...]]:
        """What follows from the findings: the conversation with what is left to train, and the
        findings with the severities that the settings give them."""
        found = weighed(found, self._config.severities)
        conversation = without_training(conversation, found)
        if not any(each.role == "assistant" and each.train for each in conversation.messages):
            causes = dict.fromkeys(each.rule for each in found if each.severity == "untrain")
            told = f": {', '.join(causes)}" if causes else ""
            evidence = f"no assistant step is left{told}"[:EVIDENCE_CHARS]
            found = (*found, Finding(NOTHING_TO_TRAIN, "reject", -1, evidence))
        return conversation, found

    def _with_known_personas(
        self, conversation: Conversation
    ) -> tuple[Conversation, tuple[Finding, ...]]:
        """`Persona: wizard` of an import is nobody of ours: such a one counts as no persona."""
        strange = conversation.persona is not None and conversation.persona not in self._personas
        notes = [Finding(UNKNOWN_PERSONA, "note", 0, f"{conversation.persona}"[:200])] * strange
        messages = []
        for index, message in enumerate(conversation.messages):
            if message.persona is not None and message.persona not in (*self._personas, NOBODY):
                notes.append(Finding(UNKNOWN_PERSONA, "note", index, message.persona[:200]))
                message = msgspec.structs.replace(message, persona=None)
            messages.append(message)
        if not notes:
            return conversation, ()
        persona = None if strange else conversation.persona
        changed = msgspec.structs.replace(conversation, persona=persona, messages=tuple(messages))
        return changed, tuple(notes)

    def _facts(self, conversation: Conversation) -> Facts:
        speakers = {conversation.persona, *(each.persona for each in conversation.messages)}
        if conversation.persona is not None or conversation.provenance.source == "import":
            # None of a message means: as the conversation. And nobody briefed the author of an
            # import that names no persona.
            speakers.discard(None)
        if NOBODY in speakers:
            speakers = {*speakers - {NOBODY}, None}
        tools = _tool_names(conversation.tools) if speakers and conversation.tools else ()
        told = [self._brief(name, tools) for name in sorted(speakers, key=str)]
        return Facts(
            # Whatever made it special, or put it into a voice: all is looked for in all.
            brief="\n\n".join((*told, self._beside) if told else ()),
            personas=tuple(self._personas),
            caps=self._caps,
            hostile=self._hostile,
            min_chars=self._config.min_chars,
            leak_ngram=self._config.leak_ngram,
            accept_unverified=self._config.accept_unverified,
        )

    def _brief(self, name: str | None, tools: tuple[str, ...]) -> str:
        """What the teacher was told, with every example that it may have been shown."""
        if (name, tools) not in self._briefs:
            if len(self._briefs) >= MOST_BRIEFS:  # an import may declare other tools each time
                self._briefs.clear()
            persona = None if name is None else self._personas[name]
            text = self._resources.render(
                ASSISTANT_PROMPT, persona=persona, tools=list(tools), seed=""
            )
            examples = [] if persona is None else [each.text for each in persona.examples]
            self._briefs[name, tools] = "\n\n".join((text, *examples))
        return self._briefs[name, tools]


@functools.lru_cache(maxsize=MOST_BRIEFS)
def _tool_names(tools: str) -> tuple[str, ...]:
    names = (each["function"]["name"] for each in json.loads(tools))
    return tuple(name for name in names if len(name) <= MOST_NAME_CHARS)[:MOST_NAMES]


def reason(found: Sequence[Finding]) -> str:
    """The rule that rejects, the first one; "" where none does."""
    return next((each.rule for each in found if each.severity == "reject"), "")


def without_training(conversation: Conversation, found: Sequence[Finding]) -> Conversation:
    """The conversation with `train` false on every message that a finding says to untrain; one
    that is about the whole conversation is about every message.

    The same object where nothing changes.
    """
    context = {each.message for each in found if each.severity == "untrain"}
    if not context:
        return conversation
    messages = tuple(
        msgspec.structs.replace(message, train=False)
        if message.role == "assistant" and not context.isdisjoint((index, -1))
        else message
        for index, message in enumerate(conversation.messages)
    )
    return msgspec.structs.replace(conversation, messages=messages)
