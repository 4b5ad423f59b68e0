"""What stands between a task of unknown origin and a plan: everything that it has to show."""

from __future__ import annotations

from dataclasses import dataclass

from kappa_data.records import Task
from kappa_data.sandbox import NoRoom, Sandbox
from kappa_data.sandbox.toolset import ToolSet
from kappa_data.tasks.admit import refusals
from kappa_data.tasks.evaluation import Evaluation


@dataclass(frozen=True)
class Gate:
    """Admits tasks; every call of theirs runs in a box of `sandbox` and nowhere else."""

    sandbox: Sandbox
    tools: ToolSet
    evaluation: Evaluation

    async def refusals(self, task: Task) -> list[str]:
        """Why the task is not admitted, in words; empty where it is. SandboxDown."""
        lacking = [f'there is no tool "{each}"' for each in task.tools if each not in self.tools]
        lacking += [
            f'the sandbox has no "{each}"' for each in task.programs if not self.sandbox.has(each)
        ]
        if lacking:
            return lacking
        try:
            said = await refusals(task, self.sandbox)
        except NoRoom:
            said = ["its files do not fit into the workspace (sandbox.workspace_mb)"]
        overlap = self.evaluation.overlap(task)
        return [*said, overlap] if overlap else said
