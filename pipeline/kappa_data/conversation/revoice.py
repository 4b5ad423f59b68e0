"""The strategy "revoice": a conversation solved without a persona is said again in its voice.

Frozen are the user's words, the reasoning, the tool calls, their results and so all files, and in
the visible words the code blocks and the lines that a verifier reads. The rest is put into the
voice turn by turn, one request each, and compared with the plain words (see substance.py). What
loses its substance is sent back with the complaint; what does not mend goes to quarantine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import msgspec

from kappa_data.conversation import substance
from kappa_data.conversation.asking import Asking
from kappa_data.conversation.briefs import Briefs
from kappa_data.conversation.recorded import sampling
from kappa_data.conversation.run import Run, Unfit
from kappa_data.records import (
    Conversation,
    Message,
    Rejected,
    Slot,
    Task,
    Verdict,
    canonical_json,
    compact_json,
)
from kappa_data.tasks.verify import verify_answers, words_lost
from kappa_data.teacher.api import ChatAnswer, ChatRequest
from kappa_data.teacher.structured import COMPLAINT, NotInForm, structured

REPAIRS = 2
JUDGED = {
    "type": "object",
    "properties": {"same": {"type": "boolean"}, "difference": {"type": "string"}},
    "required": ["same", "difference"],
    "additionalProperties": False,
}


class Revoice:
    """Says `base`, the task's conversation without a persona, again as the slot's persona.

    `replies` are the user's messages that open no turn, see live.py.
    """

    def __init__(
        self, run: Run, slot: Slot, task: Task, base: Conversation, replies: Sequence[int]
    ) -> None:
        self._run, self._slot, self._task = run, slot, task
        self._base, self._replies = base, replies
        self._briefs = Briefs(run, slot, task, run.tools.offered(task.tools))
        self._asking = Asking(run, slot, self._briefs.digest)
        self._messages = list(base.messages)
        plain = [each.content for each in base.messages if each.role == "assistant"]
        self._mark = substance.mark_for(plain)
        self._history: list[dict[str, Any]] = [
            {"role": "system", "content": self._briefs.writer(self._mark)}
        ]
        self._fault = ""
        self._tries = self._done = 0

    async def play(self) -> Conversation:
        """The conversation in its voice, with the verdict. Unfit: its substance was lost, or no
        answer had the form. TeacherError, Drained."""
        for user, spoken in _turns(self._base.messages):
            await self._turn(user, spoken)
            self._done = (spoken or [user])[-1] + 1
        return self._conversation(self._verdict())

    @property
    def said(self) -> int:
        """How many messages are in the voice so far, the system message among them."""
        return self._done + 1

    def partial(self) -> Conversation | None:
        """The part that is in the voice so far, without a verdict."""
        self._messages = self._messages[: self._done]
        return self._conversation(None)

    async def _turn(self, user: int, spoken: Sequence[int]) -> None:
        """Puts the messages at `spoken`, which followed the user's at `user`, into the voice."""
        if not spoken:
            return
        plain = [self._base.messages[index].content for index in spoken]
        left, kept = substance.taken_out(plain, self._mark)
        wanted = compact_json({"user": self._base.messages[user].content, "texts": left})
        asked = (*self._history, {"role": "user", "content": wanted})
        request = self._asking.request("writer", asked, schema=_texts(len(left)))
        step, self._tries = self._asking.next("writer"), 0

        def check(value: Any) -> str:
            self._fault = self._compare(value["texts"], left, kept, spoken)
            return self._fault

        while True:
            value = await self._formed(request, step, check, spoken)
            for index, text in zip(spoken, self._restored(value["texts"], kept), strict=True):
                self._messages[index] = _saying(self._base.messages[index], text)
            difference = await self._difference(user, spoken)
            if not difference:
                break
            if self._tries > REPAIRS:
                self._end("revoice: lost substance", spoken[-1], difference)
            request = msgspec.structs.replace(
                request,
                messages=(
                    *asked,
                    {"role": "assistant", "content": compact_json(value)},
                    {"role": "user", "content": COMPLAINT.format(fault=difference.rstrip("."))},
                ),
            )
        self._history += [asked[-1], {"role": "assistant", "content": compact_json(value)}]

    async def _formed(
        self, request: ChatRequest, step: int, check: Callable[[Any], str], spoken: Sequence[int]
    ) -> Any:
        """The writer's answer, which holds to its schema and to `check`; each try of this turn is
        an attempt of its own in the journal."""

        async def ask(request: ChatRequest, _: int) -> ChatAnswer:
            self._fault = ""
            self._tries += 1
            answer = await self._asking.send(request, step, self._tries - 1)
            if answer.finish_reason == "content_filter":
                self._end("teacher:refused", spoken[-1], "the endpoint's content filter")
            return answer

        try:
            return await structured(ask, request, REPAIRS - self._tries, check)
        except NotInForm as error:
            rule = "revoice: lost substance" if self._fault else "revoice: not in form"
            self._end(rule, spoken[-1], self._fault or error.detail)

    def _compare(
        self,
        texts: Sequence[str],
        left: Sequence[str],
        kept: Sequence[dict[str, str]],
        spoken: Sequence[int],
    ) -> str:
        """What the texts lack of the plain ones, or of what the verifier reads; "" for nothing."""
        for number, (text, plain, own) in enumerate(zip(texts, left, kept, strict=True), 1):
            fault = substance.put_back(text, own, self._mark)[1]
            bare = (substance.without_places(each, self._mark) for each in (plain, text))
            if fault := fault or substance.lost(*bare):
                return f"text {number}: {fault}"
        tried = list(self._messages)
        for index, text in zip(spoken, self._restored(texts, kept), strict=True):
            tried[index] = _saying(tried[index], text)
        return words_lost(self._task, self._base.messages, tried, self._replies)

    def _restored(self, texts: Sequence[str], kept: Sequence[dict[str, str]]) -> list[str]:
        pairs = zip(texts, kept, strict=True)
        return [substance.put_back(text, own, self._mark)[0] for text, own in pairs]

    async def _difference(self, user: int, spoken: Sequence[int]) -> str:
        """What the judge finds different; "" for nothing, and where no role of that name is set."""
        if not self._briefs.judged:
            return ""
        plain, voiced = (
            "\n\n".join(messages[index].content for index in spoken)
            for messages in (self._base.messages, self._messages)
        )
        asked = {"user": self._base.messages[user].content, "plain": plain, "voiced": voiced}
        request = self._asking.request(
            "judge",
            (
                {"role": "system", "content": self._briefs.judge()},
                {"role": "user", "content": compact_json(asked)},
            ),
            schema=JUDGED,
        )
        step = self._asking.next("judge")

        async def ask(request: ChatRequest, attempt: int) -> ChatAnswer:
            return await self._asking.send(request, step, attempt)

        try:
            found = await structured(ask, request, REPAIRS)
        except NotInForm as error:
            self._end("revoice: judge not in form", spoken[-1], error.detail)
        return "" if found["same"] else found["difference"] or "the substance is another one"

    def _end(self, rule: str, index: int, evidence: str) -> NoReturn:
        raise Unfit(rule, index + 1, evidence)  # the record begins with the system message

    def _verdict(self) -> Verdict | None:
        """The base's, as far as files go; the answers are looked at again."""
        answers = verify_answers(self._task, self._messages, self._replies)
        if answers is not None and not answers.passed:
            return answers
        return self._base.verdict

    def _conversation(self, verdict: Verdict | None) -> Conversation:
        slot, made = self._slot, self._base.provenance
        asked = sampling(self._run, "assistant") | {"writer": sampling(self._run, "writer")}
        system = () if slot.system is None else (Message(role="system", content=slot.system),)
        return msgspec.structs.replace(
            self._base,
            id=slot.id,
            messages=(*system, *self._messages),
            persona=slot.persona,
            strategy="revoice",
            provenance=msgspec.structs.replace(
                made,
                sampling=canonical_json(asked),
                prompts=self._briefs.digest,
                usage=self._asking.usage,
            ),
            verdict=verdict,
        )


def base_failed(slot: Slot, base: Conversation | Rejected) -> Rejected | None:
    """The slot's quarantine where its base did not solve the task; None where it did, or where
    nothing could tell."""
    if isinstance(base, Rejected):
        (finding,) = base.findings
        why, index = f"{finding.rule}: {finding.evidence}", finding.message
    elif base.verdict is not None and not base.verdict.passed:
        why, index = base.verdict.detail, -1
    else:
        return None
    found = Unfit("base failed", index, why).finding
    return Rejected(slot.id, "generate", slot.persona, (found,))


def _turns(messages: Sequence[Message]) -> list[tuple[int, list[int]]]:
    """The index of each user message, and of the assistant's messages with words up to the next."""
    turns: list[tuple[int, list[int]]] = []
    for index, message in enumerate(messages):
        if message.role == "user":
            turns.append((index, []))
        elif message.role == "assistant" and message.content.strip():
            turns[-1][1].append(index)
    return turns


def _texts(number: int) -> dict[str, Any]:
    """The schema of an answer with so many texts."""
    texts = {"type": "array", "items": {"type": "string"}, "minItems": number, "maxItems": number}
    return {
        "type": "object",
        "properties": {"texts": texts},
        "required": ["texts"],
        "additionalProperties": False,
    }


def _saying(message: Message, text: str) -> Message:
    return msgspec.structs.replace(message, content=text)
