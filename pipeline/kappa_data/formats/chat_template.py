"""Any model's chat template as a format: the prompts that a server builds with it.

P, the prompt of a step, is the template's text for the messages before it with the generation
prompt; W is its text for the messages up to the step, without. Where W begins with P, what follows
in W up to the first stop token is what the model has to emit; what a template writes after the stop
is not emitted. Where a template writes something else into W than the model saw before it spoke,
no mask on it would be right, and the step is not trained.

Messages are given as servers give them: the arguments of a call as an object, reasoning under each
of the names that templates read, the date through `strftime_now`, the effort as `reasoning_effort`.
`enable_thinking` and `thinking` say whether the step has reasoning: one that has none is what a
client gets that turned thinking off.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from kappa_data.errors import UsageError
from kappa_data.formats.construction import (
    Counts,
    Document,
    Rendered,
    Step,
    TrainOn,
    Unrenderable,
    documents,
    first_trained,
    why_untrained,
)
from kappa_data.formats.hf_tokenizer import HfTokenizer, load
from kappa_data.formats.shield import Shield
from kappa_data.formats.switches import Switch, edited, switches_of
from kappa_data.formats.template_probe import stop_ids
from kappa_data.formats.tokenizer_files import digest, folder_of
from kappa_data.records import Conversation, Int32s, Message
from kappa_data.strict_json import NotStrict, parse

# Names under which templates read reasoning: most the first, gpt-oss the second.
REASONING = ("reasoning_content", "thinking", "reasoning")


class ChatTemplate(Struct, frozen=True):
    """The format of one tokenizer and its template; a worker loads it from `folder`."""

    name: str
    folder: str
    digest: str
    pad_id: int
    stop_ids: frozenset[int]
    size: int

    @property
    def note(self) -> str:
        return ""

    @property
    def specials(self) -> Mapping[int, str]:
        return load(Path(self.folder), self.digest).specials

    def decode(self, ids: Iterable[int]) -> str:
        text: str = load(Path(self.folder), self.digest).reference.decode(
            list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text

    def figures(self) -> dict[str, str | int | list[int]]:
        return {
            "format": "chat-template",
            "tokenizer": f"{self.name}, sha256 {self.digest}",
            "vocabulary": self.size,
            "pad id": self.pad_id,
            "stop ids": sorted(self.stop_ids),
        }

    def documents(
        self,
        conversation: Conversation,
        *,
        date: str,
        effort: str,
        switch: Switch = "in_place",
        train_on: TrainOn,
    ) -> tuple[list[Rendered], Counts]:
        """With all_turns reasoning is left out; it is one document where the template lets it be
        (its prompts continue one another), else as many as it takes: all are exact."""
        if train_on == "all_turns":
            silent = tuple(replace(each, reasoning=None) for each in conversation.messages)
            conversation = replace(conversation, messages=silent)
        tokenizer = load(Path(self.folder), self.digest)
        tokenizer.forget()
        server = _Server(tokenizer, self.stop_ids, conversation, date, effort, switch)
        first = first_trained(conversation.messages, train_on)
        steps = [
            server.step(number, earlier=number < first)
            for number, message in enumerate(conversation.messages)
            if message.role == "assistant"
        ]
        made = documents(lambda number: server.prompts[number], steps)
        trained = [step for step in steps if step.untrained is None]
        last = trained[-1] if trained else None
        counts = Counts(
            tokens=len(server.prompts[last.number]) + len(last.completion) if last else 0,
            steps=len(steps),
            trained=len(trained),
            without_reasoning=server.without_reasoning,
            untrained=dict(Counter(step.untrained for step in steps if step.untrained is not None)),
            unrendered=dict(server.unrendered),
        )
        return [_rendered(document) for document in made], counts


def chat_template(name: str) -> ChatTemplate:
    """The format of a tokenizer's folder or name; UsageError where it cannot be used."""
    folder = folder_of(name)
    sha256 = digest(folder)
    tokenizer = load(folder, sha256)
    reference = tokenizer.reference
    pad = reference.eos_token_id if reference.pad_token_id is None else reference.pad_token_id
    if pad is None:
        raise UsageError(f"{folder}: this tokenizer has neither a padding nor an end token")
    return ChatTemplate(
        name=name,
        folder=str(folder),
        digest=sha256,
        pad_id=pad,
        stop_ids=stop_ids(tokenizer),
        size=len(reference),
    )


class _Spoken(NamedTuple):
    """A step's prompt and what follows it, as texts with aliases."""

    prompt: str
    said: str


class _Server:
    """What a server does with one conversation; `prompts` are the ids before each trained step."""

    def __init__(
        self,
        tokenizer: HfTokenizer,
        stops: frozenset[int],
        conversation: Conversation,
        date: str,
        effort: str,
        switch: Switch = "in_place",
    ) -> None:
        self._tokenizer = tokenizer
        self._stops = {
            alias for alias in tokenizer.shield.tokens if tokenizer.id_of(alias) in stops
        }
        self._messages = conversation.messages
        self._given = _given(conversation.messages, tokenizer.shield)
        tools = msgspec.json.decode(conversation.tools or "[]", type=list[dict[str, Any]])
        self._tool_names = [str(each.get("function", {}).get("name", "")) for each in tools]
        self._tools = tokenizer.shield.hide_all(tools, edges=False) or None
        self._date, self._effort = date, effort
        self._edits = switch == "replaced" and bool(switches_of(conversation.messages))
        self._looked_at = 0
        self.prompts: dict[int, list[int]] = {}
        self.without_reasoning = 0
        self.unrendered: Counter[str] = Counter()

    def step(self, number: int, *, earlier: bool) -> Step[int]:
        """The generation of one message, its prompt kept in `prompts` where it is trained."""
        message = self._messages[number]
        if not (message.content or message.tool_calls):
            return Step(number, number, (), (), "empty")
        reason = why_untrained(message, earlier=earlier)
        if reason is not None:
            return Step(number, number, (), (), reason)
        spoken = self._spoken(number)
        if spoken is None:
            return Step(number, number, (), (), "template rewrites its prompt")
        end = next((n for n, each in enumerate(spoken.said) if each in self._stops), None)
        if end is None:
            return Step(number, number, (), (), "no stop token")
        prompt, said = spoken.prompt, spoken.said[: end + 1]
        ids, completion = self._parted(prompt, said)
        if completion is None:
            return Step(number, number, (), (), "tokens merge with its prompt")
        self._look(number, prompt, said)
        self.prompts[number] = list(ids.tolist())
        return Step(number, number, (), tuple(completion.tolist()), None)

    def _spoken(self, number: int) -> _Spoken | None:
        """The step as its template continues a prompt; None where it continues none.

        A template that cannot continue a thinking prompt by the reasoning, or leaves it out, is
        asked for the prompt of a client that turned thinking off. A step without reasoning follows
        the thinking prompt only where the template has no other that it continues.
        """
        reasoning = (self._messages[number].reasoning or "").strip()
        before, last = self._before(number), self._given[number]
        for thinking in (True, False) if reasoning else (False, True):
            if reasoning and not thinking:
                last = _silent(last)
            prompt = self._render(before, thinking, add_generation_prompt=True)
            said = self._said(prompt, before, last, thinking)
            if said is not None and (reasoning in said or not thinking):
                return _Spoken(prompt, said)
        return None

    def _before(self, number: int) -> list[dict[str, Any]]:
        """The messages before a step, as the client sends them."""
        if not self._edits:
            return self._given[:number]
        return _given(edited(self._messages[:number]), self._tokenizer.shield)

    def _said(
        self, prompt: str, before: list[Any], last: dict[str, Any], thinking: bool
    ) -> str | None:
        """What follows a prompt in the whole text; None where the whole does not continue it.

        A template may drop earlier reasoning as soon as an answer follows: then the whole differs
        from the prompt before the answer. What was said is still known where the same text without
        earlier reasoning is continued by it, and it ends the whole, behind the same opening.
        """
        whole = self._render([*before, last], thinking, add_generation_prompt=False)
        if whole.startswith(prompt):
            return whole[len(prompt) :]
        history = self._render(before, thinking, add_generation_prompt=False) if before else ""
        opening = prompt[len(history) :] if prompt.startswith(history) else ""
        silent = [_silent(each) for each in before]
        if not opening or silent == before:
            return None
        shorter = self._render(silent, thinking, add_generation_prompt=True)
        longer = self._render([*silent, last], thinking, add_generation_prompt=False)
        said = longer[len(shorter) :]
        if longer.startswith(shorter) and said and whole.endswith(opening + said):
            return said
        return None

    def _render(self, messages: list[Any], thinking: bool, *, add_generation_prompt: bool) -> str:
        return self._tokenizer.render(
            messages,
            self._tools,
            self._date,
            add_generation_prompt=add_generation_prompt,
            reasoning_effort=self._effort,
            enable_thinking=thinking,
            thinking=thinking,
        )

    def _parted(self, prompt: str, said: str) -> tuple[Int32s, Int32s | None]:
        """The ids of the prompt and of what follows it; None where they cannot be told apart.

        Where the tokenizer would merge the two, the model still sees the prompt's own ids: what it
        has to emit then is the text after it, encoded by itself.
        """
        encode, decode = self._tokenizer.encode, self._tokenizer.reference.decode
        ids, whole = encode(prompt), encode(prompt + said)
        if np.array_equal(whole[: len(ids)], ids):
            return ids, whole[len(ids) :]
        alone = encode(said[-1] + said)[1:]  # behind a token: nothing is put before its first word
        if decode(np.concatenate([ids, alone]).tolist()) != decode(whole.tolist()):
            return ids, None
        return ids, alone

    def _look(self, number: int, prompt: str, said: str) -> None:
        """Counts what the template left out since the last step, and of this one."""
        if self._looked_at == 0 and any(name not in prompt for name in self._tool_names):
            self.unrendered["tools"] += 1
        for message in self._messages[self._looked_at : number]:
            if message.role != "assistant" and not _stands_in(prompt, message.content):
                self.unrendered[f"{message.role} messages"] += 1
        self._looked_at = number
        message = self._messages[number]
        if not _stands_in(said, message.content):
            self.unrendered["answers" if not message.tool_calls else "text beside calls"] += 1
        if any(call.function.name not in said for call in message.tool_calls):
            self.unrendered["calls"] += 1
        if message.reasoning and not _stands_in(said, message.reasoning):
            self.unrendered["reasoning"] += 1
            self.without_reasoning += 1
        elif not message.reasoning:
            self.without_reasoning += 1


def _silent(given: dict[str, Any]) -> dict[str, Any]:
    """A message as a template gets it, without its reasoning."""
    return {key: value for key, value in given.items() if key not in REASONING}


def _stands_in(text: str, part: str) -> bool:
    """Whether a text holds a part, as it is or as JSON."""
    core = part.strip()
    return core in text or any(
        json.dumps(core, ensure_ascii=each)[1:-1] in text for each in (False, True)
    )


def _given(messages: Sequence[Message], shield: Shield) -> list[dict[str, Any]]:
    """Messages as a template gets them, their texts hidden from it as far as they spell tokens."""
    names: dict[str, str] = {}
    given = []
    for message in messages:
        each: dict[str, Any] = {"role": message.role, "content": shield.hide(message.content)}
        if message.role == "assistant" and message.reasoning:
            each |= dict.fromkeys(REASONING, shield.hide(message.reasoning))
        if message.tool_calls:
            each["tool_calls"] = [
                {
                    "id": shield.hide(call.id),
                    "type": "function",
                    "function": {
                        "name": shield.hide(call.function.name),
                        "arguments": shield.hide_all(_object(call.function.arguments), edges=True),
                    },
                }
                for call in message.tool_calls
            ]
            names.update({call.id: call.function.name for call in message.tool_calls})
        if message.role == "tool":
            name = names.get(message.tool_call_id or "", message.name or "")
            each["name"] = shield.hide(name)
            each["tool_call_id"] = shield.hide(message.tool_call_id or "")
        given.append(each)
    return given


def _object(arguments: str) -> dict[str, Any]:
    """Arguments as an object: servers parse them, and templates write them out again."""
    try:
        value = parse(arguments)
    except NotStrict as error:
        raise Unrenderable(f"arguments of a call: {error}"[:80]) from None
    if not isinstance(value, dict):
        raise Unrenderable("the arguments of a call are no JSON object")
    return value


def _rendered(document: Document[int]) -> Rendered:
    """A template's documents are ids."""
    ids, mask = np.array(document.pieces, np.int32), np.array(document.mask, np.int8)
    return Rendered(ids, mask, tuple(document.steps))
