"""Stand-ins for the two outer boundaries, the teacher and the sandbox, and small tasks for them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from kappa_data.config import GenerateConfig
from kappa_data.conversation.play import Run
from kappa_data.errors import SandboxDown
from kappa_data.records import (
    AnswerCheck,
    FileCheck,
    FunctionCall,
    Grounding,
    ReferenceStep,
    ReferenceTurn,
    Slot,
    Task,
    ToolCall,
    Usage,
)
from kappa_data.resources import Resources
from kappa_data.sandbox import NO_FILES, ToolResult
from kappa_data.sandbox.toolset import ToolSet, tool_set
from kappa_data.teacher.api import ChatAnswer, ChatRequest, TeacherError
from kappa_data.teacher.journal import Journal

SECRET = "xyzzy-4711"
"""stands in every part of TASK that the assistant must not be shown"""
TASK = Task(
    id="fake/0",
    family="fake",
    seed=0,
    opening="Write a file.",
    goals=(f"Now append {SECRET}-goal.",),
    fixture={"notes.txt": "start\n"},
    tools=("read_file", "write_file", "bash"),
    verifier=(
        FileCheck("out.txt", content=f"{SECRET}-content"),
        AnswerCheck(turn=-1, required=(f"{SECRET}-said",)),
    ),
    reference=(
        ReferenceTurn(
            answer=f"{SECRET}-reference",
            steps=(ReferenceStep("write_file", {"path": "out.txt", "content": SECRET}, "think"),),
        ),
        ReferenceTurn(answer=f"{SECRET}-said"),
    ),
)
PLAIN = Task(
    id="plain/0",
    family="plain",
    seed=0,
    opening="What is 2 + 2?",
    verifier=(AnswerCheck(required=("four",)),),
    reference=(ReferenceTurn(answer="four"),),
)


def slot_of(task: Task, persona: str | None = None) -> Slot:
    name = persona or "none"
    system = f"Persona: {persona}" if persona else None
    return Slot(f"{task.id}:{name}", task.id, task.family, persona, "train", system)


def says(text: str, finish: str = "stop", **more: Any) -> ChatAnswer:
    return ChatAnswer(text, more.get("reasoning"), (), finish, Usage(10, 2, 1))


def calls(*wanted: tuple[str, str] | tuple[str, str, str], text: str = "") -> ChatAnswer:
    """An answer with tool calls: name, argument text and, if it matters, id."""
    made = tuple(
        ToolCall(each[2] if len(each) > 2 else f"id{number}", FunctionCall(each[0], each[1]))
        for number, each in enumerate(wanted)
    )
    return ChatAnswer(text, "because", made, "tool_calls", Usage(10, 5, 1))


class ScriptedTeacher:
    """Answers each role from its script; keeps the requests. A TeacherError is raised."""

    def __init__(
        self, assistant: Iterable[ChatAnswer | TeacherError], user: Iterable[ChatAnswer] = ()
    ) -> None:
        self.scripts = {"assistant": list(assistant), "user": list(user) or [says("[DONE]")]}
        self.requests: list[ChatRequest] = []
        self.on_request: Callable[[ChatRequest], None] = lambda request: None

    async def complete(self, request: ChatRequest) -> ChatAnswer:
        self.requests.append(request)
        self.on_request(request)
        await asyncio.sleep(0)
        answer = self.scripts[request.metadata["role"]].pop(0)
        if isinstance(answer, TeacherError):
            raise answer
        return answer

    def of(self, role: str) -> list[ChatRequest]:
        return [each for each in self.requests if each.metadata["role"] == role]


class FakeBox:
    """Files in a dictionary. `bash` prints the sandbox's clock, which goes on with every call."""

    def __init__(self, sandbox: FakeSandbox, files: Mapping[str, str]) -> None:
        self.sandbox, self.files = sandbox, dict(files)
        self.closed = False

    async def call(self, tool: str, arguments: Mapping[str, object]) -> ToolResult:
        assert not self.closed
        self.sandbox.calls[tool] += 1
        self.sandbox.running += 1
        self.sandbox.peak = max(self.sandbox.peak, self.sandbox.running)
        await asyncio.sleep(0)
        self.sandbox.running -= 1
        if self.sandbox.deaths:
            self.sandbox.deaths -= 1
            raise SandboxDown("the box died")
        if tool == "write_file":
            self.files[str(arguments["path"])] = str(arguments["content"])
            return ToolResult("written")
        if tool == "read_file":
            text = self.files.get(str(arguments["path"]))
            return ToolResult(text, False) if text is not None else ToolResult("no file", True)
        clock = self.sandbox.clock + self.sandbox.calls.total()
        return ToolResult(f"{clock}\n[exit code 0]", exit_code=0)

    async def put(self, files: Mapping[str, str]) -> None:
        self.files |= files

    async def read(self, path: str) -> str | None:
        return self.files.get(path)

    async def tree(self) -> dict[str, str]:
        return dict(self.files)

    async def close(self) -> None:
        self.closed = True


class FakeSandbox:
    """Opens FakeBoxes and remembers them; the next `deaths` calls kill their box."""

    toolchain = "fake toolchain"
    programs: Mapping[str, str] = {}
    grounding: Grounding = "executed"

    def __init__(self, deaths: int = 0, lacks: tuple[str, ...] = (), clock: int = 0) -> None:
        self.boxes: list[FakeBox] = []
        self.calls: Counter[str] = Counter()
        self.deaths, self.lacks, self.clock = deaths, lacks, clock
        self.running = self.peak = 0
        self.tools: ToolSet = tool_set()

    def has(self, program: str) -> bool:
        return program not in self.lacks

    async def self_test(self) -> None:
        pass

    async def open(self, files: Mapping[str, str] = NO_FILES) -> FakeBox:
        self.boxes.append(FakeBox(self, files))
        return self.boxes[-1]


def resources(folder: Path) -> Resources:
    """Prompts that show all that a template is given to say."""
    prompts = folder / "prompts"
    prompts.mkdir(exist_ok=True)
    (prompts / "assistant.j2").write_text(
        "You play {{ persona.name if persona else 'nobody' }} with {{ tools | join(', ') }}."
    )
    (prompts / "user.j2").write_text("You want: {{ task.opening }} {{ task.goals | join(' ') }}")
    return Resources(prompts)


def run_of(
    folder: Path,
    teacher: ScriptedTeacher,
    journal: Journal,
    sandbox: FakeSandbox | None = None,
    **config: Any,
) -> Run:
    return Run(
        config=GenerateConfig(model="m", **config),
        teacher=teacher,
        kind="openai-compatible",
        model="m",
        journal=journal,
        resources=resources(folder),
        personas={},
        sandbox=sandbox,
    )
