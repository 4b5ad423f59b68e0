"""What each side of one conversation is told, and from which prompt files."""

from __future__ import annotations

from kappa_data.conversation.run import Run
from kappa_data.conversation.simulator import SIMULATOR_PROMPT
from kappa_data.personas import FOLDER
from kappa_data.records import Slot, Task, compact_json
from kappa_data.sandbox.toolset import ToolSet

ASSISTANT_PROMPT, USER_PROMPT = "prompts/assistant.j2", "prompts/user.j2"


class Briefs:
    """The prompts of the slot's conversation. `offered` are the tools that it may call.

    `digest` is over the files that this conversation reads and no others: a change of one persona's
    brief, or another persona that comes, leaves every conversation of the others as it was.
    """

    def __init__(self, run: Run, slot: Slot, task: Task, offered: ToolSet) -> None:
        self._run, self._slot, self._task, self._offered = run, slot, task, offered
        self.digest = run.digest_of(self._files())

    def assistant(self, persona: str | None) -> str:
        """The system message of the assistant, as `persona` or as nobody."""
        return self._run.resources.render(
            ASSISTANT_PROMPT,
            persona=self._run.personas[persona] if persona is not None else None,
            tools=list(self._offered.names),
            seed=self._slot.id,
        )

    def user(self) -> str:
        """The system message of the simulated user."""
        return self._run.resources.render(USER_PROMPT, task=self._task)

    def simulator(self) -> str:
        """The system message of the simulated tools."""
        return self._run.resources.render(
            SIMULATOR_PROMPT,
            tools=[compact_json(each["function"]) for each in self._offered.definitions()],
            fixture=self._task.fixture,
        )

    def _files(self) -> tuple[str, ...]:
        files = [ASSISTANT_PROMPT, USER_PROMPT]
        if self._run.simulated and self._task.tools:
            files.append(SIMULATOR_PROMPT)
        if self._slot.persona is not None:
            files.append(f"{FOLDER}/{self._slot.persona}.toml")
        return tuple(files)
