"""The questions of one conversation, each looked for in the journal before it is asked.

Every answer and tool result is written to the journal before it is used, so that a conversation
that was cut anywhere goes on from there with the same rows.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from kappa_data.conversation.run import Run
from kappa_data.conversation.workbench import Workbench
from kappa_data.records import Slot, Usage
from kappa_data.sandbox import ToolResult
from kappa_data.teacher.api import ChatAnswer, ChatRequest, Role, digest
from kappa_data.teacher.embedded_wire import MODEL
from kappa_data.teacher.journal import Entry, Key

NOTHING: Mapping[str, str] = {}


class Asking:
    """Asks for `slot`, whose prompt files have the digest `prompts`.

    `usage` and `seconds` (answers and tool calls) are sums over what was asked so far, as they
    stand in the journal: a replay must end in the same way.
    """

    def __init__(self, run: Run, slot: Slot, prompts: str) -> None:
        self._run, self._slot = run, slot
        # The embedded teacher's voices are in no request; a real one learns of nothing else.
        self._variant = f"{run.variant} {prompts}" if run.variant else ""
        self._known = run.journal.slot(slot.id)
        self._steps: Counter[str] = Counter()
        self.usage = Usage()
        self.seconds = 0.0

    def request(
        self,
        role: Role,
        messages: Sequence[dict[str, Any]],
        tools: tuple[dict[str, Any], ...] = (),
        schema: dict[str, Any] | None = None,
        told: Mapping[str, str] = NOTHING,
    ) -> ChatRequest:
        """The request to a role; `told` reaches the embedded teacher alone."""
        asked = self._run.config.asked(role)
        return ChatRequest(
            # It is the only model that its server has, whatever the other roles were to be.
            model=MODEL if self._run.kind == "embedded" else asked.model,
            messages=tuple(messages),
            tools=tools,
            temperature=asked.temperature,
            top_p=asked.top_p,
            max_tokens=asked.max_tokens,
            reasoning_effort=asked.reasoning_effort or None,
            schema=schema,
            role=role,
            persona=self._slot.persona,
            metadata={"slot": self._slot.id, "role": role, **told},
        )

    def next(self, role: Role) -> int:
        """The number of the next question to a role, or of the next tool call."""
        self._steps[role] += 1
        return self._steps[role] - 1

    async def send(self, request: ChatRequest, step: int, attempt: int = 0) -> ChatAnswer:
        """The answer, from the journal where it is there. TeacherError, Drained."""
        run, key = self._run, Key(request.role, step, attempt)
        wanted = digest_of(digest(request), self._variant)
        entry = self._known.get((key, wanted))
        if entry and entry.answer and not _outgrown(entry, request):
            answer = entry.answer
            run.counts.reused += 1
        else:
            run.may_go_on(self._slot.id)
            answer = await run.teacher.complete(request)
            self.keep(
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
        self.usage = Usage(
            self.usage.prompt_tokens + answer.usage.prompt_tokens,
            self.usage.completion_tokens + answer.usage.completion_tokens,
            self.usage.requests + answer.usage.requests,
        )
        self.seconds += answer.seconds
        return answer

    async def result(self, bench: Workbench, tool: str, arguments: Mapping[str, Any]) -> ToolResult:
        """The result of a call, run only where the journal does not have it. SandboxDown."""
        key, state = Key("tool", self.next("tool")), bench.after(tool, arguments)
        entry = self._known.get((key, state))
        if entry and entry.result:
            bench.note(tool, arguments)
            self.seconds += entry.seconds
            return entry.result
        self._run.may_go_on(self._slot.id)
        result, seconds = await bench.call(tool, arguments)
        self.seconds += seconds
        self._run.counts.ran += 1
        self.keep(Entry(self._slot.id, key, state, result=result, seconds=seconds))
        return result

    def known(self, key: Key, wanted: str) -> Entry | None:
        """The journal's entry to this question."""
        return self._known.get((key, wanted))

    def keep(self, entry: Entry) -> None:
        """Writes an entry of this slot."""
        self._run.journal.append(entry)


def _outgrown(entry: Entry, request: ChatRequest) -> bool:
    """Whether the answer was cut off at a limit that has been raised since."""
    assert entry.answer is not None
    if entry.answer.finish_reason != "length" or entry.max_tokens is None:
        return False
    return request.max_tokens is None or request.max_tokens > entry.max_tokens


def digest_of(*parts: str) -> str:
    """sha256 (hex) over texts."""
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
