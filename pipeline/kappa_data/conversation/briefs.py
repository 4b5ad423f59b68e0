"""What each side of one conversation is told, and from which prompt files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from kappa_data.config import GenerateConfig
from kappa_data.conversation.simulator import SIMULATOR_PROMPT
from kappa_data.conversation.specials import denial_words
from kappa_data.conversation.substance import MARK
from kappa_data.personas import FOLDER, Persona
from kappa_data.records import NOBODY, Message, Slot, Task, compact_json
from kappa_data.resources import Resources
from kappa_data.sandbox.toolset import ToolSet
from kappa_data.teacher.draw import pick

ASSISTANT_PROMPT, USER_PROMPT = "prompts/assistant.j2", "prompts/user.j2"
REMINDER_PROMPT, SWITCH_PROMPT = "prompts/reminder.j2", "prompts/switch.j2"
DENIALS_PROMPT = "prompts/denials.j2"
REVOICE_PROMPT, JUDGE_PROMPT = "prompts/revoice.j2", "prompts/judge.j2"
MANY_TURNS, MANY_STEPS = 8, 4
"""user messages, and steps of the assistant since the last one, after which a voice wears off"""
BESIDE = (SWITCH_PROMPT, REVOICE_PROMPT, REMINDER_PROMPT, DENIALS_PROMPT)
"""the prompts whose words reach who speaks beside assistant.j2: see `beside`"""


class Told(Protocol):
    """What the prompts of every conversation are made from; a Run is one."""

    @property
    def config(self) -> GenerateConfig: ...
    @property
    def resources(self) -> Resources: ...
    @property
    def personas(self) -> Mapping[str, Persona]: ...
    @property
    def simulated(self) -> bool: ...
    def digest_of(self, files: tuple[str, ...]) -> str: ...


class Briefs:
    """The prompts of the slot's conversation. `offered` are the tools that it may call.

    `digest` is over the files that this conversation reads and no others: a change of one persona's
    brief, or another persona that comes, leaves every conversation of the others as it was.
    """

    def __init__(self, run: Told, slot: Slot, task: Task, offered: ToolSet) -> None:
        self._run, self._slot, self._task, self._offered = run, slot, task, offered
        self._resources = run.resources
        self.judged = slot.strategy == "revoice" and "judge" in run.config.roles
        self.digest = run.digest_of(self._files())

    def assistant(self, persona: str | None, *, switched: bool = False) -> str:
        """The system message of the assistant, as `persona` or as nobody; `switched`: the user
        chose it in the middle of the conversation."""
        brief = self._resources.render(
            ASSISTANT_PROMPT,
            persona=self._run.personas[persona] if persona is not None else None,
            tools=list(self._offered.names),
            seed=self._slot.id,
        )
        return f"{brief}\n\n{self._resources.render(SWITCH_PROMPT)}" if switched else brief

    def user(self) -> str:
        """The system message of the simulated user."""
        task, withheld = self._task, ""
        if self._slot.special == "missing" and task.withheld is not None:
            withheld = task.withheld.detail
            task = msgspec.structs.replace(task, opening=task.withheld.opening)
        denied = self.denial() if self._slot.special == "denied" else None
        return self._resources.render(USER_PROMPT, task=task, withheld=withheld, denied=denied)

    def denial(self) -> str:
        """What the user says of the call that is denied."""
        return denial_words(self._resources.render(DENIALS_PROMPT), self._task.id)

    def simulator(self) -> str:
        """The system message of the simulated tools."""
        return self._resources.render(
            SIMULATOR_PROMPT,
            tools=[compact_json(each["function"]) for each in self._offered.definitions()],
            fixture=self._task.fixture,
        )

    def writer(self, mark: str) -> str:
        """The system message of who puts plain words into the slot's voice."""
        rules = self._resources.render(REVOICE_PROMPT, mark=mark)
        return f"{self.assistant(self._slot.persona)}\n\n{rules}"

    def judge(self) -> str:
        """The system message of who compares the two."""
        return self._resources.render(JUDGE_PROMPT)

    def reminder(self, persona: str | None, messages: Sequence[Message]) -> str:
        """What the assistant is told again at the end of its next request; "" where its voice has
        no reason to wear off yet."""
        users = [index for index, each in enumerate(messages) if each.role == "user"]
        steps = sum(each.role == "assistant" for each in messages[users[-1] + 1 :]) if users else 0
        if persona is None or (len(users) <= MANY_TURNS and steps < MANY_STEPS):
            return ""
        own = self._run.personas[persona]
        said = "\n".join(each.content for each in messages if each.role == "assistant").casefold()
        return self._resources.render(
            REMINDER_PROMPT,
            identity=re.split(r"(?<=[.!?])\s", " ".join(own.identity.split()), maxsplit=1)[0],
            lever=pick(own.levers, self._slot.id, "lever", len(messages)),
            used=[
                cap.phrase
                for cap in own.avoid
                if said.count(cap.phrase.casefold()) >= max(1, cap.per_conversation)
            ],
            tools=steps > 0,
        )

    def _files(self) -> tuple[str, ...]:
        slot, files = self._slot, [ASSISTANT_PROMPT]
        speakers = [each for each in (slot.persona, slot.switch_to) if each not in (None, NOBODY)]
        files += [f"{FOLDER}/{each}.toml" for each in speakers]
        if slot.strategy == "revoice":
            return (*files, REVOICE_PROMPT, *([JUDGE_PROMPT] if self.judged else []))
        files.append(USER_PROMPT)
        wanted = {
            SIMULATOR_PROMPT: self._run.simulated and self._task.tools,
            REMINDER_PROMPT: speakers,
            SWITCH_PROMPT: slot.special == "switch",
            DENIALS_PROMPT: slot.special == "denied",
        }
        return (*files, *(name for name, needed in wanted.items() if needed))


def beside(resources: Resources) -> str:
    """All that is said to an assistant or a writer beside its brief, for who looks for leaks."""
    reminders = (
        resources.render(REMINDER_PROMPT, identity="", lever="", used=["..."], tools=tools)
        for tools in (True, False)
    )
    return "\n\n".join(
        (
            resources.render(SWITCH_PROMPT),
            resources.render(REVOICE_PROMPT, mark=MARK),
            resources.render(DENIALS_PROMPT),
            *reminders,
        )
    )
