"""What everyone who takes part in one conversation is told, word for word, before it begins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from kappa_data import recipe
from kappa_data.config import GenerateConfig, SandboxConfig, Settings, nearest
from kappa_data.conversation.briefs import MANY_STEPS, MANY_TURNS, Briefs
from kappa_data.conversation.substance import MARK
from kappa_data.errors import UsageError
from kappa_data.personas import Persona, load_personas
from kappa_data.records import NOBODY, SPLITS, Message, Slot, Task, TaskText
from kappa_data.resources import Resources
from kappa_data.sandbox.toolset import tool_set
from kappa_data.tasks import catalog
from kappa_data.tasks.mix import plain_slot


class Prompt(Struct, frozen=True):
    """One text; the title says who is told it, and when."""

    title: str
    text: str


class _Told(Struct, frozen=True):
    """What briefs are made from, where nobody is asked."""

    config: GenerateConfig
    resources: Resources
    personas: Mapping[str, Persona]
    simulated: bool

    def digest_of(self, files: tuple[str, ...]) -> str:
        return self.resources.digest(files)


def find(name: str, root: Path, settings: Settings, resources: Resources) -> tuple[Slot, Task]:
    """The slot of the dataset's plan, else a plain one, made from the families.

    UsageError: a name that is no `task:persona`, or names no task or persona there is.
    """
    plan = {step.stage.name: step.sealed for step in recipe.status(settings, resources, root)}
    if sealed := plan.get("plan") or recipe.newest(root, "plan"):
        for slot in sealed.read("slots", Slot):
            if slot.id == name:
                texts = sealed.read("tasks", TaskText)
                text = next(each.text for each in texts if each.id == slot.task_id)
                return slot, msgspec.json.decode(text, type=Task)
    task_id, colon, persona = name.rpartition(":")
    if not colon:
        raise UsageError(f'slot "{name}": write task:persona, such as maths/0:none')
    known = [*load_personas(resources), NOBODY]
    if persona not in known:
        raise UsageError(f'slot "{name}": no persona "{persona}"; {nearest(persona, known)}')
    task = catalog.task(task_id)
    return plain_slot(task, None if persona == NOBODY else persona, SPLITS[0]), task


def prompts(
    slot: Slot, task: Task, config: GenerateConfig, sandbox: SandboxConfig, resources: Resources
) -> Iterator[Prompt]:
    """All that is written before anyone has spoken, in the order in which it is needed."""
    simulated = sandbox.grounding == "simulated"
    told = _Told(config, resources, load_personas(resources), simulated)
    offered = tool_set(sandbox.tools).offered(task.tools)
    briefs = Briefs(told, slot, task, offered)
    yield Prompt("the system message of the record", slot.system or "(none)")
    if slot.strategy == "revoice":
        yield Prompt("to the writer", briefs.writer(MARK))
        if briefs.judged:
            yield Prompt("to the judge", briefs.judge())
        return
    yield Prompt("to the assistant", briefs.assistant(slot.persona))
    if slot.special == "switch":
        other = None if slot.switch_to == NOBODY else slot.switch_to
        title = f"to the assistant, from user message {slot.at} on (counted from 0)"
        yield Prompt(title, briefs.assistant(other, switched=True))
    users = [Message("user", "...")] * (MANY_TURNS + 1)
    if reminder := briefs.reminder(slot.persona, users):
        title = f"to the assistant, again after {MANY_TURNS} turns or {MANY_STEPS} steps in a row"
        yield Prompt(title, reminder)
    yield Prompt("to the simulated user", briefs.user())
    if simulated and task.tools:
        yield Prompt("to the simulated tools", briefs.simulator())
