"""Plays a conversation: the user speaks, the assistant calls tools and answers, the user goes on.

The assistant is told its brief, the conversation so far and its tools; the simulated user alone
knows the goals; nobody is shown the verifier or the reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

import msgspec

from kappa_data.conversation import simulator, views
from kappa_data.conversation.asking import Asking, digest_of
from kappa_data.conversation.briefs import Briefs
from kappa_data.conversation.calls import ReadCall, read_call, with_own_ids
from kappa_data.conversation.recorded import conversation_of
from kappa_data.conversation.run import Run, Unfit
from kappa_data.conversation.simulator import SimulatedCall
from kappa_data.conversation.specials import slip_of
from kappa_data.conversation.workbench import Workbench
from kappa_data.formats.switches import PERSONA
from kappa_data.records import (
    NOBODY,
    CallOutcome,
    Conversation,
    Message,
    Slot,
    Task,
    ToolCall,
    Verdict,
    compact_json,
)
from kappa_data.sandbox import Box, tree_digest
from kappa_data.sandbox.toolset import denied
from kappa_data.tasks.verify import verify, verify_answers
from kappa_data.teacher.api import ChatAnswer, Role
from kappa_data.teacher.journal import Entry, Key

DONE, OUT_OF_SCOPE, REPLY = "[DONE]", "[OUT OF SCOPE]", "[REPLY]"
"""how the simulated user marks that it is done, that it cannot go on, and that it only answers"""
SAME_CALL = 4
"""the same call with the same arguments this often in a row is a loop"""
CHARS_PER_TOKEN = 3.0
"""for endpoints that report no usage; low, so that the limit errs on the safe side"""


class Wish(NamedTuple):
    """A message of the user; `reply`: it answers the assistant and asks for nothing new."""

    text: str
    reply: bool = False


class Live:
    """One slot, played by a persona itself; what its `special` says is made to happen in it.

    A *turn* is a wish of the user (the opening, a goal) and all that is said until the next one: a
    question of the assistant and the reply to it belong to the turn. `replies` are the numbers of
    the user's messages (from 0) that open none.
    """

    def __init__(self, run: Run, slot: Slot, task: Task) -> None:
        self._run, self._slot, self._task = run, slot, task
        self._messages: list[Message] = []
        if slot.system is not None:
            self._messages.append(Message(role="system", content=slot.system))
        self._persona = slot.persona
        self._turn, self._opened_at = -1, 0
        self._users = self._runnable = 0
        self.replies: list[int] = []
        self._happened = slot.special in ("look_alike", "missing")
        self._denied_in = -1
        self._offered = run.tools.offered(task.tools)
        self._tools = self._offered.definitions()
        self._briefs = Briefs(run, slot, task, self._offered)
        self._asking = Asking(run, slot, self._briefs.digest)
        self._call_ids: set[str] = set()
        self._outcomes: list[CallOutcome] = []
        self._last_call, self._repeats = "", 0
        self._bench: Workbench | None = None
        self._simulated: list[SimulatedCall] = []
        self._simulator_brief = ""
        if task.tools and run.simulated:
            self._simulator_brief = self._briefs.simulator()
        elif task.tools:
            if run.sandbox is None:
                raise ValueError(f"{slot.id} calls tools: the run needs a sandbox")
            self._bench = Workbench(run.sandbox, run.limits, task, run.gate)
        self._brief = self._briefs.assistant(slot.persona)
        self._user_brief = self._briefs.user()

    async def play(self) -> Conversation:
        """The conversation with its verdict. Unfit: it ended otherwise; see `partial`."""
        try:
            self._check_programs()
            await self._converse()
            return self._conversation(await self._verdict())
        finally:
            if self._bench is not None:
                await self._bench.close()

    @property
    def said(self) -> int:
        """How many messages there are."""
        return len(self._messages)

    def partial(self) -> Conversation | None:
        """What there is of it so far, without a verdict."""
        return self._conversation(None) if self._messages else None

    def _check_programs(self) -> None:
        sandbox = self._run.sandbox
        missing = [each for each in self._task.programs if sandbox and not sandbox.has(each)]
        if missing:
            raise Unfit("program missing", -1, f"the sandbox lacks {', '.join(missing)}")

    async def _converse(self) -> None:
        withheld = self._task.withheld if self._slot.special == "missing" else None
        wish: Wish | None = Wish(withheld.opening if withheld else self._task.opening)
        for _ in range(self._run.config.max_turns):
            assert wish is not None
            if wish.reply:
                self.replies.append(self._users)
            else:
                self._begin_turn()
            self._messages.append(Message(role="user", content=wish.text))
            self._users += 1
            await self._assistant_turn()
            wish = await self._user_reply()
            if wish is None:
                return
        self._end(
            "too many turns", f"the user would go on after {self._run.config.max_turns} messages"
        )

    def _begin_turn(self) -> None:
        self._turn, self._opened_at = self._turn + 1, self._users
        other = self._slot.switch_to
        if self._slot.special == "switch" and other is not None and self._turn == self._slot.at:
            # An empty message takes a persona away (formats/switches.py).
            said = "" if other == NOBODY else f"{PERSONA}{other}"
            self._messages.append(Message(role="system", content=said))
            self._persona = None if other == NOBODY else other
            self._brief = self._briefs.assistant(self._persona, switched=True)
            self._happened = True

    async def _assistant_turn(self) -> None:
        """Steps of the assistant up to its answer to the user."""
        made = 0
        while True:
            answer = await self._ask("assistant", self._assistant_messages(), self._tools)
            if slip := self._slip_before(answer):
                made += 1
                await self._fail(slip)
                continue
            own = with_own_ids(answer.tool_calls, self._call_ids)
            calls = [read_call(call, self._offered) for call in own]
            self._messages.append(
                Message(
                    role="assistant",
                    content=answer.content,
                    reasoning=answer.reasoning,
                    tool_calls=own,
                    persona=self._speaker,
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

    def _slip_before(self, answer: ChatAnswer) -> ToolCall | None:
        """The first call of the answer whose turn to fail it is, misspelt; None: none is."""
        if self._slot.special != "failing" or self._happened:
            return None
        read = [read_call(call, self._offered) for call in answer.tool_calls]
        for number, each in enumerate((one for one in read if not one.wrong), self._runnable):
            if number >= self._slot.at and (slip := slip_of(each.call, each.arguments)):
                return slip
        return None

    async def _fail(self, slip: ToolCall) -> None:
        """Makes the misspelt call, as a step that nobody learns; its recovery comes next."""
        (call,) = with_own_ids((slip,), self._call_ids)
        self._messages.append(
            Message(
                role="assistant",
                tool_calls=(call,),
                persona=self._speaker,
                train=False,
                finish_reason="tool_calls",
            )
        )
        self._happened = True
        self._messages.append(await self._answer_to(read_call(call, self._offered)))

    async def _user_reply(self) -> Wish | None:
        """What the simulated user says next; None: it has got all that it wanted."""
        answer = await self._ask("user", views.for_user(self._user_brief, self._messages))
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
        wish = Wish(text.removeprefix(REPLY).strip(), text.startswith(REPLY))
        if not wish.text:
            self._end("user empty", "the simulated user said nothing")
        for mark in (DONE, OUT_OF_SCOPE, REPLY):
            if mark in wish.text:  # nobody knows what was meant, and no record holds a mark
                self._end("user malformed", f"{mark} in the middle of: {wish.text}")
        return wish

    async def _ask(
        self,
        role: Role,
        messages: Sequence[dict[str, Any]],
        tools: tuple[dict[str, Any], ...] = (),
    ) -> ChatAnswer:
        request = self._asking.request(role, messages, tools, told=self._told())
        return await self._asking.send(request, self._asking.next(role))

    def _told(self) -> dict[str, str]:
        """What the embedded teacher cannot see in the messages, since no record holds it."""
        told = {"turn": f"{self._turn}", "replies": f"{self._users - 1 - self._opened_at}"}
        if self._slot.special is not None:
            told["special"] = self._slot.special
        if self._speaker is not None:
            told["persona"] = self._speaker
        if self._denied_in == self._turn:
            told["denied"] = "now"
        return told

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
        if self._asking.seconds > self._run.config.max_seconds:
            self._end("too much time", f"{self._asking.seconds:.0f} s of answers and tool calls")

    def _check_loop(self, calls: Sequence[ReadCall]) -> None:
        for read in calls:
            call = compact_json(read.call.function)
            self._repeats = self._repeats + 1 if call == self._last_call else 1
            self._last_call = call
            if self._repeats >= SAME_CALL:
                self._end("loop", f"{SAME_CALL} times in a row: {call}")

    async def _answer_to(self, read: ReadCall) -> Message:
        content, function = read.wrong, read.call.function
        number = self._runnable
        self._runnable += not content
        if not content and number == self._slot.at and self._slot.special == "denied":
            content = denied(self._briefs.denial(), self._run.limits.output_chars).content
            self._denied_in, self._happened = self._turn, True
        elif not content and self._run.simulated:
            content = await self._simulate(read)
        elif not content:
            assert self._bench is not None  # a tool that is on offer comes with a box
            result = await self._asking.result(self._bench, function.name, read.arguments)
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
        answer = await self._ask("tool", asked)
        if answer.finish_reason == "length":
            self._end("tool cut off", f"the simulated result ended at: {answer.content[-80:]}")
        if answer.finish_reason == "content_filter":
            self._end("teacher:refused", "the endpoint's content filter ended a tool's result")
        content = simulator.shown(tool, answer.content, self._run.limits)
        if content is None:
            self._end("tool malformed", f"no exit code at the end: {answer.content[-80:]}")
        self._simulated.append(SimulatedCall(tool, read.arguments, answer.content))
        return content

    async def _verdict(self) -> Verdict | None:
        if self._task.tools and self._run.simulated:
            return verify_answers(self._task, self._messages, self.replies)
        state = self._bench.state if self._bench is not None else ""
        wanted = digest_of(compact_json(self._task), compact_json(self._messages), state)
        if self.replies:
            wanted = digest_of(wanted, compact_json(self.replies))
        key = Key("verdict", 0)
        entry = self._asking.known(key, wanted)
        if entry and entry.verdict:
            return entry.verdict
        self._run.may_go_on(self._slot.id)
        if self._bench is None:
            verdict = await verify(self._task, None, self._messages, self.replies)
        else:
            verdict = await self._bench.use(self._verified)
            self._run.counts.ran += 1
        self._asking.keep(Entry(self._slot.id, key, wanted, verdict=verdict))
        return verdict

    async def _verified(self, box: Box) -> Verdict:
        tree = tree_digest(await box.tree())  # before the verifier adds files of its own
        verdict = await verify(self._task, box, self._messages, self.replies)
        return msgspec.structs.replace(verdict, tree=tree)

    def _assistant_messages(self) -> list[dict[str, Any]]:
        shown = views.for_assistant(self._brief, self._messages, self._run.echo_reasoning)
        if reminder := self._briefs.reminder(self._persona, self._messages):
            # At the tail: the prefix that servers keep stays the same from request to request.
            shown.append({"role": "system", "content": reminder})
        return shown

    @property
    def _speaker(self) -> str | None:
        """Who speaks, where it is another one than at the beginning."""
        return (self._persona or NOBODY) if self._persona != self._slot.persona else None

    def _end(self, rule: str, evidence: str) -> NoReturn:
        raise Unfit(rule, len(self._messages) - 1, evidence)

    def _conversation(self, verdict: Verdict | None) -> Conversation:
        return conversation_of(
            self._run,
            self._slot,
            self._task,
            self._asking,
            self._messages,
            tools=self._tools,
            prompts=self._briefs.digest,
            outcomes=self._outcomes,
            special=self._slot.special if self._happened else None,
            verdict=verdict,
        )
