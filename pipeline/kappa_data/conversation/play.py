"""Plays one slot: the user speaks, the assistant calls tools and answers, the user goes on.

Every answer, tool result and verdict is looked for in the journal first and written to it before it
is used, so that a conversation that was cut anywhere goes on from there with the same rows.

The assistant is told its brief, the conversation so far and its tools; the simulated user alone
knows the goals; nobody is shown the verifier or the reference.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

import msgspec

from kappa_data.config import GenerateConfig, Limits
from kappa_data.conversation import simulator, views
from kappa_data.conversation.calls import ReadCall, read_call, with_own_ids
from kappa_data.conversation.outages import Unfinished
from kappa_data.conversation.pool import Drained
from kappa_data.conversation.simulator import SIMULATOR_PROMPT, SimulatedCall
from kappa_data.conversation.workbench import Workbench
from kappa_data.errors import SandboxDown
from kappa_data.personas import Persona
from kappa_data.records import (
    CallOutcome,
    Conversation,
    Finding,
    Grounding,
    Message,
    Provenance,
    Rejected,
    Slot,
    Task,
    Usage,
    Verdict,
    canonical_json,
    compact_json,
)
from kappa_data.resources import Resources
from kappa_data.sandbox import Box, Sandbox, ToolResult, tree_digest
from kappa_data.sandbox.toolset import ToolSet, tool_set
from kappa_data.tasks.verify import verify, verify_answers
from kappa_data.teacher.api import ChatAnswer, ChatRequest, Teacher, TeacherError, digest
from kappa_data.teacher.journal import Entry, Journal, Key

DONE, OUT_OF_SCOPE = "[DONE]", "[OUT OF SCOPE]"
ASSISTANT_PROMPT, USER_PROMPT = "prompts/assistant.j2", "prompts/user.j2"
SAME_CALL = 4
"""the same call with the same arguments this often in a row is a loop"""
CHARS_PER_TOKEN = 3.0
"""for endpoints that report no usage; low, so that the limit errs on the safe side"""
EVIDENCE = 300


class _Unfit(Exception):
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


@dataclass
class Run:
    """What all conversations of a run share.

    `kind`, `model` and `prompts` go into the provenance. `variant` is what, beside the request,
    decides the teacher's answers. `echo_reasoning`: within a turn the assistant's reasoning is sent
    back, as `reasoning`; open-model servers want it, others reject a field that they do not know.
    `draining` is set to stop every conversation at its next request or tool call. `simulated`: the
    teacher writes the results of tools, and there is no sandbox.
    """

    config: GenerateConfig
    teacher: Teacher
    kind: Literal["embedded", "openai-compatible"]
    model: str
    journal: Journal
    resources: Resources
    personas: Mapping[str, Persona]
    prompts: str
    sandbox: Sandbox | None = None
    tools: ToolSet = field(default_factory=tool_set)
    limits: Limits = field(default_factory=Limits)
    variant: str = ""
    echo_reasoning: bool = False
    simulated: bool = False
    draining: bool = False
    counts: Counts = field(default_factory=Counts)
    gate: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self.gate = asyncio.Semaphore(self.config.boxes)


async def play(run: Run, slot: Slot, task: Task) -> Conversation | Rejected:
    """The slot's conversation with its verdict, passed or not; or why there is none.

    Raises Unfinished where endpoint or sandbox failed in a way that passes, TeacherDown where the
    endpoint is of no use at all, Stopped where the disk is full, Drained where the run is being
    stopped.
    """
    return await _Play(run, slot, task).play()


class _Play:
    def __init__(self, run: Run, slot: Slot, task: Task) -> None:
        self._run, self._slot, self._task = run, slot, task
        self._known = run.journal.slot(slot.id)
        self._messages: list[Message] = []
        if slot.system is not None:
            self._messages.append(Message(role="system", content=slot.system))
        self._offered = run.tools.offered(task.tools)
        self._tools = self._offered.definitions()
        self._call_ids: set[str] = set()
        self._outcomes: list[CallOutcome] = []
        self._usage = Usage()
        self._seconds = 0.0  # as they stand in the journal: a replay must end in the same way
        self._last_call, self._repeats = "", 0
        self._steps = {"assistant": 0, "user": 0, "tool": 0}
        self._bench: Workbench | None = None
        self._simulated: list[SimulatedCall] = []
        self._simulator_brief = ""
        if task.tools and run.simulated:
            self._simulator_brief = run.resources.render(
                SIMULATOR_PROMPT,
                tools=[compact_json(each["function"]) for each in self._tools],
                fixture=task.fixture,
            )
        elif task.tools:
            if run.sandbox is None:
                raise ValueError(f"{slot.id} calls tools: the run needs a sandbox")
            self._bench = Workbench(run.sandbox, run.limits, task, run.gate)
        persona = run.personas[slot.persona] if slot.persona is not None else None
        self._brief = run.resources.render(
            ASSISTANT_PROMPT, persona=persona, tools=list(self._offered.names), seed=slot.id
        )
        self._user_brief = run.resources.render(USER_PROMPT, task=task)

    async def play(self) -> Conversation | Rejected:
        try:
            self._check_programs()
            await self._converse()
            return self._conversation(await self._verdict())
        except _Unfit as unfit:
            return self._rejected(unfit.finding)
        except TeacherError as error:
            if error.passing:
                raise Unfinished(error.kind, error.detail) from error
            rule = f"teacher:{error.kind}"
            return self._rejected(_Unfit(rule, len(self._messages), error.detail).finding)
        except SandboxDown as error:
            raise Unfinished("sandbox", str(error)) from error
        finally:
            if self._bench is not None:
                await self._bench.close()

    def _check_programs(self) -> None:
        sandbox = self._run.sandbox
        missing = [each for each in self._task.programs if sandbox and not sandbox.has(each)]
        if missing:
            raise _Unfit("program missing", -1, f"the sandbox lacks {', '.join(missing)}")

    async def _converse(self) -> None:
        said: str | None = self._task.opening
        for _ in range(self._run.config.max_turns):
            assert said is not None
            self._messages.append(Message(role="user", content=said))
            await self._assistant_turn()
            said = await self._user_reply()
            if said is None:
                return
        self._end(
            "too many turns", f"the user would go on after {self._run.config.max_turns} messages"
        )

    async def _assistant_turn(self) -> None:
        """Steps of the assistant up to its answer to the user."""
        made = 0
        while True:
            answer = await self._ask("assistant", self._assistant_messages(), self._tools)
            own = with_own_ids(answer.tool_calls, self._call_ids)
            calls = [read_call(call, self._offered) for call in own]
            self._messages.append(
                Message(
                    role="assistant",
                    content=answer.content,
                    reasoning=answer.reasoning,
                    tool_calls=own,
                    # A wrong call is context for its recovery, never something to learn.
                    train=not any(call.wrong for call in calls),
                    finish_reason=answer.finish_reason,
                )
            )
            self._check_answer(answer)
            if not calls:
                return
            made += len(calls)
            if made > self._run.config.max_steps:
                self._end("too many steps", f"{made} tool calls after one user message")
            self._check_loop(calls)
            for call in calls:
                self._messages.append(await self._answer_to(call))

    async def _user_reply(self) -> str | None:
        """What the simulated user says next; None: it has got all that it wanted."""
        answer = await self._ask("user", views.for_user(self._user_brief, self._messages), ())
        text = answer.content.strip()
        if answer.finish_reason == "length":
            self._end("user cut off", f"the simulated user's message ended at: {text[-80:]}")
        if answer.finish_reason == "content_filter":
            self._end("teacher:refused", "the endpoint's content filter ended the user's message")
        if text.startswith(OUT_OF_SCOPE) or text.endswith(OUT_OF_SCOPE):
            self._end("out of scope", "the simulated user says that the task cannot be done")
        # Some models say goodbye before the mark; there is nothing in it to answer.
        if text.startswith(DONE) or text.endswith(DONE):
            return None
        if not text:
            self._end("user empty", "the simulated user said nothing")
        return text

    async def _ask(
        self,
        role: Literal["assistant", "user", "tool"],
        messages: Sequence[dict[str, Any]],
        tools: tuple[dict[str, Any], ...],
    ) -> ChatAnswer:
        run = self._run
        asked = run.config.asked(role)
        request = ChatRequest(
            model=asked.model,
            messages=tuple(messages),
            tools=tools,
            temperature=asked.temperature,
            top_p=asked.top_p,
            max_tokens=asked.max_tokens,
            reasoning_effort=asked.reasoning_effort or None,
            role=role,
            persona=self._slot.persona,
            metadata={"slot": self._slot.id, "role": role},
        )
        key, wanted = self._key(role), _digest(digest(request), run.variant)
        entry = self._known.get((key, wanted))
        if entry and entry.answer and not _outgrown(entry, request):
            answer = entry.answer
            run.counts.reused += 1
        else:
            self._may_go_on()
            answer = await run.teacher.complete(request)
            run.journal.append(
                Entry(
                    slot=self._slot.id,
                    key=key,
                    digest=wanted,
                    answer=answer,
                    model=request.model,
                    max_tokens=request.max_tokens,
                )
            )
            run.counts.asked += 1
            run.counts.prompt_tokens += answer.usage.prompt_tokens
            run.counts.completion_tokens += answer.usage.completion_tokens
        self._usage = Usage(
            self._usage.prompt_tokens + answer.usage.prompt_tokens,
            self._usage.completion_tokens + answer.usage.completion_tokens,
            self._usage.requests + answer.usage.requests,
        )
        self._seconds += answer.seconds
        return answer

    def _check_answer(self, answer: ChatAnswer) -> None:
        if answer.finish_reason == "length":
            self._end(
                "cut off",
                f"{self._run.config.max_answer_tokens} tokens: ... {answer.content[-80:]}",
            )
        if answer.finish_reason == "content_filter":
            self._end("teacher:refused", "the endpoint's content filter ended the answer")
        if not answer.tool_calls and not answer.content.strip():
            self._end("empty answer", "neither text nor a tool call")
        used = answer.usage.prompt_tokens + answer.usage.completion_tokens
        if not used:
            used = round(len(compact_json(self._assistant_messages())) / CHARS_PER_TOKEN)
        if used > self._run.config.max_conversation_tokens:
            self._end("too many tokens", f"{used} tokens of prompt and answer")
        if self._seconds > self._run.config.max_seconds:
            self._end("too much time", f"{self._seconds:.0f} s of answers and tool calls")

    def _check_loop(self, calls: Sequence[ReadCall]) -> None:
        for read in calls:
            call = compact_json(read.call.function)
            self._repeats = self._repeats + 1 if call == self._last_call else 1
            self._last_call = call
            if self._repeats >= SAME_CALL:
                self._end("loop", f"{SAME_CALL} times in a row: {call}")

    async def _answer_to(self, read: ReadCall) -> Message:
        content, function = read.wrong, read.call.function
        if not content and self._run.simulated:
            content = await self._simulate(read)
        elif not content:
            result = await self._result(read)
            content = result.content
            self._outcomes.append(
                CallOutcome(
                    read.call.id, result.exit_code, result.error, result.limit, result.truncated
                )
            )
        return Message(role="tool", content=content, tool_call_id=read.call.id, name=function.name)

    async def _simulate(self, read: ReadCall) -> str:
        """What the teacher says that the tool would print. No outcome is recorded: nothing ran."""
        tool = read.call.function.name
        asked = simulator.messages(self._simulator_brief, self._simulated, tool, read.arguments)
        answer = await self._ask("tool", asked, ())
        if answer.finish_reason == "length":
            self._end("tool cut off", f"the simulated result ended at: {answer.content[-80:]}")
        if answer.finish_reason == "content_filter":
            self._end("teacher:refused", "the endpoint's content filter ended a tool's result")
        content = simulator.shown(tool, answer.content, self._run.limits)
        if content is None:
            self._end("tool malformed", f"no exit code at the end: {answer.content[-80:]}")
        self._simulated.append(SimulatedCall(tool, read.arguments, answer.content))
        return content

    async def _result(self, read: ReadCall) -> ToolResult:
        bench, tool = self._bench, read.call.function.name
        assert bench is not None  # a tool that is on offer comes with a box
        key, state = self._key("tool"), bench.after(tool, read.arguments)
        entry = self._known.get((key, state))
        if entry and entry.result:
            bench.note(tool, read.arguments)
            self._seconds += entry.seconds
            return entry.result
        self._may_go_on()
        result, seconds = await bench.call(tool, read.arguments)
        self._seconds += seconds
        self._run.counts.ran += 1
        self._run.journal.append(Entry(self._slot.id, key, state, result=result, seconds=seconds))
        return result

    async def _verdict(self) -> Verdict | None:
        if self._task.tools and self._run.simulated:
            return verify_answers(self._task, self._messages)
        state = self._bench.state if self._bench is not None else ""
        wanted = _digest(compact_json(self._task), compact_json(self._messages), state)
        key = Key("verdict", 0)
        entry = self._known.get((key, wanted))
        if entry and entry.verdict:
            return entry.verdict
        self._may_go_on()
        if self._bench is None:
            verdict = await verify(self._task, None, self._messages)
        else:
            verdict = await self._bench.use(self._verified)
            self._run.counts.ran += 1
        self._run.journal.append(Entry(self._slot.id, key, wanted, verdict=verdict))
        return verdict

    async def _verified(self, box: Box) -> Verdict:
        tree = tree_digest(await box.tree())  # before the verifier adds files of its own
        verdict = await verify(self._task, box, self._messages)
        return msgspec.structs.replace(verdict, tree=tree)

    def _assistant_messages(self) -> list[dict[str, Any]]:
        return views.for_assistant(self._brief, self._messages, self._run.echo_reasoning)

    def _key(self, role: Literal["assistant", "user", "tool"]) -> Key:
        self._steps[role] += 1
        return Key(role, self._steps[role] - 1)

    def _may_go_on(self) -> None:
        if self._run.draining:
            raise Drained(self._slot.id)

    def _end(self, rule: str, evidence: str) -> NoReturn:
        raise _Unfit(rule, len(self._messages) - 1, evidence)

    def _rejected(self, finding: Finding) -> Rejected:
        partial = self._conversation(None) if self._messages else None
        return Rejected(self._slot.id, "generate", self._slot.persona, (finding,), partial)

    def _grounding(self) -> Grounding:
        if not self._task.tools:
            return "none"
        return self._run.sandbox.grounding if self._run.sandbox else "simulated"

    def _conversation(self, verdict: Verdict | None) -> Conversation:
        run, slot, config = self._run, self._slot, self._run.config
        sampling = {
            "temperature": config.temperature,
            "top_p": config.top_p,
            "max_tokens": config.max_answer_tokens,
            "reasoning_effort": config.reasoning_effort,
        }
        sandbox = run.sandbox if self._task.tools else None
        return Conversation(
            id=slot.id,
            messages=tuple(self._messages),
            tools=compact_json(self._tools) if self._tools else None,
            persona=slot.persona,
            split=slot.split,
            task_id=slot.task_id,
            family=slot.family,
            provenance=Provenance(
                source="generate",
                grounding=self._grounding(),
                teacher=run.kind,
                model=run.model,
                sampling=canonical_json(sampling),
                prompts=run.prompts,
                toolchain=sandbox.toolchain if sandbox else "",
                usage=self._usage,
            ),
            verdict=verdict,
            outcomes=tuple(self._outcomes),
        )


def _outgrown(entry: Entry, request: ChatRequest) -> bool:
    """Whether the answer was cut off at a limit that has been raised since."""
    assert entry.answer is not None
    if entry.answer.finish_reason != "length" or entry.max_tokens is None:
        return False
    return request.max_tokens is None or request.max_tokens > entry.max_tokens


def _digest(*parts: str) -> str:
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
