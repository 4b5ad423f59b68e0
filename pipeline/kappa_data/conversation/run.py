"""What all conversations of a run share, and the two ways in which one ends without a record."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from weakref import WeakValueDictionary

from kappa_data.config import GenerateConfig, Limits
from kappa_data.conversation.pool import Drained
from kappa_data.personas import Persona
from kappa_data.records import Conversation, Finding, Rejected
from kappa_data.resources import Resources
from kappa_data.sandbox import Sandbox
from kappa_data.sandbox.toolset import ToolSet, tool_set
from kappa_data.teacher.api import Teacher
from kappa_data.teacher.journal import Journal

EVIDENCE = 300


class Unfit(Exception):
    """The conversation ends in quarantine: `rule`, message index, evidence."""

    def __init__(self, rule: str, message: int, evidence: str) -> None:
        super().__init__(rule)
        self.finding = Finding(rule, "reject", message, evidence[:EVIDENCE])


@dataclass
class Counts:
    """What a run asked for and what it found in the journal; tokens are of what was asked.

    `ran` counts the tool calls and verdicts that a box really gave.
    """

    asked: int = 0
    reused: int = 0
    ran: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Base:
    """The one conversation of a task without a persona, for all slots that say it again.

    Who comes first plays it; the others wait for the lock. Where that one fails for now, is drained
    or cancelled, `played` stays None and the next in line goes on from the journal, on its own
    account: nobody waits for what nobody does.
    """

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.played: Played | None = None


class Played(NamedTuple):
    """What a slot became, and which of its user's messages (from 0) brought no new wish."""

    made: Conversation | Rejected
    replies: tuple[int, ...] = ()


@dataclass
class Run:
    """What all conversations of a run share.

    `kind` and `model` go into the provenance. `variant` is what, beside the request and the prompt
    files, decides the teacher's answers; "" where nothing else does, as with every real model.
    `echo_reasoning`: within a turn the assistant's reasoning is sent back, as `reasoning`;
    open-model servers want it, others reject a field that they do not know. `draining` is set to
    stop every conversation at its next request or tool call. `simulated`: the teacher writes the
    results of tools, and there is no sandbox. `bases` holds, by task, those that are needed now,
    and `played` the last ones, for the slots of their tasks that begin later.
    """

    config: GenerateConfig
    teacher: Teacher
    kind: Literal["embedded", "openai-compatible"]
    model: str
    journal: Journal
    resources: Resources
    personas: Mapping[str, Persona]
    sandbox: Sandbox | None = None
    tools: ToolSet = field(default_factory=tool_set)
    limits: Limits = field(default_factory=Limits)
    variant: str = ""
    echo_reasoning: bool = False
    simulated: bool = False
    draining: bool = False
    counts: Counts = field(default_factory=Counts)
    gate: asyncio.Semaphore = field(init=False)
    bases: WeakValueDictionary[str, Base] = field(default_factory=WeakValueDictionary)
    played: deque[Base] = field(init=False)
    _digests: dict[tuple[str, ...], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.gate = asyncio.Semaphore(self.config.boxes)
        self.played = deque(maxlen=self.config.concurrency)

    def may_go_on(self, slot: str) -> None:
        """Drained where the run is being stopped; called before anything is bought or run."""
        if self.draining:
            raise Drained(slot)

    def digest_of(self, files: tuple[str, ...]) -> str:
        """The digest of prompt files, which are read once a run."""
        if files not in self._digests:
            self._digests[files] = self.resources.digest(files)
        return self._digests[files]
