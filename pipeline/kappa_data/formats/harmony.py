"""Conversations as harmony training documents, each exactly what a server would send.

A conversation is not one sequence: servers drop the reasoning of earlier turns, write another stop
into the history than the model emits, and some reorder what it said. So documents are made by
construction. For each generation (all that the model emits up to `<|return|>` or `<|call|>`), the
server's prompt is built from the messages before it; the policy that follows is `_documents`.

Several calls in one message are never sampled in a row, since `<|call|>` ends a generation: such a
message is written as sequential steps (call, result, call, result), reasoning and text before the
first. Where a result is missing, that order cannot be had: the message stays whole, its first call
is the target and the others are context, and are counted as `untrained_calls`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta, Struct
from msgspec.structs import replace

from kappa_data.formats.profiles import Profile
from kappa_data.formats.prompt import OPEN, Atom, Server, called, said
from kappa_data.formats.vocabulary import CALL, END, RETURN, Encode, encode
from kappa_data.records import Conversation, Int8s, Int32s, Message

TrainOn = Literal["each_step", "last_turn", "all_turns"]
# Why an assistant step is no target. The last two were never ended by the model itself.
Untrained = Literal["marked", "earlier turn", "no reasoning", "cut off", "empty"]
CUT_OFF = ("length", "content_filter")


class Rendered(Struct, frozen=True, eq=False):
    """One document: `ids` int32[n], `mask` int8[n], 1 where the model has to emit the token."""

    ids: Int32s
    mask: Int8s
    steps: Annotated[tuple[int, ...], Meta(description="indices of the trained messages, in order")]

    @property
    def step(self) -> int:
        """Message index of the first trained step."""
        return self.steps[0]


class Counts(Struct, frozen=True):
    """What became of one conversation's assistant steps."""

    tokens: Annotated[int, Meta(description="every message once, as it was said")]
    steps: int
    trained: int
    without_reasoning: Annotated[int, Meta(description="of the trained steps")]
    untrained: dict[str, int]
    untrained_calls: int
    untrained_stops: Annotated[int, Meta(description="finals in history, all_turns only")]


class _Step(Struct, frozen=True):
    """One generation; `number` counts in the sequential messages, `message` in the original."""

    number: int
    message: int
    thought: Annotated[tuple[Atom, ...], Meta(description="() without reasoning")]
    speech: Annotated[tuple[Atom, ...], Meta(description="what follows it, its stop included")]
    further_calls: tuple[Atom, ...]
    untrained: Untrained | None

    @property
    def completion(self) -> tuple[Atom, ...]:
        """What the model has to emit."""
        return (*self.thought, *self.speech)


class _Document:
    """Atoms and mask, written by the same call."""

    def __init__(self) -> None:
        self.atoms: list[Atom] = []
        self.mask: list[int] = []
        self.steps: list[int] = []

    def write(self, atoms: Sequence[Atom], mask: int) -> None:
        self.atoms += atoms
        self.mask += [mask] * len(atoms)


def _documents(server: Server, targets: Iterable[_Step]) -> list[_Document]:
    """The loss-mask policy, whole.

    Every target is trained after exactly the prompt that the server builds for it: the open
    document is continued where that prompt starts with it, and else a new one begins. So 1 is what
    the model has to emit: the header with its channel and recipient, the body, the `<|end|>` after
    reasoning or a preamble and the `<|start|>assistant` that follows it, and the stop.
    """
    documents: list[_Document] = []
    for step in targets:
        prompt = server.prompt(step.number)
        if not documents or documents[-1].atoms != prompt[: len(documents[-1].atoms)]:
            documents.append(_Document())
        document = documents[-1]
        # 0: system, developer, user and tool messages; steps that are context only; the `<|end|>`
        # of a final in the history, where a target would teach to run on; and the opening
        # `<|start|>assistant`, which the server writes.
        document.write(prompt[len(document.atoms) :], 0)
        document.write(step.completion, 1)
        document.steps.append(step.message)
    return documents


def _one_sequence(server: Server, count: int, steps: Iterable[_Step]) -> _Document:
    """All messages in one sequence, each as it was said: cheaper, and not what a server sends.

    A final in the middle ends in an untrained `<|end|>`: `<|return|>` stands only at the end.
    """
    document = _Document()
    document.write(server.preamble, 0)
    by_number = {step.number: step for step in steps}
    last = max((step.number for step in by_number.values() if step.untrained is None), default=-1)
    for number in range(count):
        step = by_number.get(number)
        if step is None:
            document.write(server.history(number), 0)
            continue
        if not step.speech:
            continue
        mask = int(step.untrained is None)
        *body, stop = step.completion
        document.write(OPEN, 0)
        document.write(body, mask)
        if stop == RETURN and number != last:
            document.write([END], 0)
        else:
            document.write([stop], mask)
        if mask:
            document.steps.append(step.message)
        if number == last:
            break
        document.write(step.further_calls, 0)
    return document


def render_with_counts(
    conversation: Conversation,
    profile: Profile,
    *,
    date: str,
    effort: str | None,
    train_on: TrainOn = "each_step",
    encode: Encode = encode,
) -> tuple[list[Rendered], Counts]:
    """`render`, and what became of the conversation's steps."""
    turns = _sequential(conversation.messages)
    server = Server(
        [message for _, message in turns], conversation.tools, profile, date=date, effort=effort
    )
    steps = _steps(turns, profile, train_on)
    targets = [step for step in steps if step.untrained is None]
    ids = _Ids(encode)
    whole = _one_sequence(server, len(turns), [replace(s, untrained="marked") for s in steps])
    if train_on == "all_turns":
        silent = [replace(step, thought=()) for step in steps]
        documents = [_one_sequence(server, len(turns), silent)] if targets else []
        stops = sum(step.speech[-1] == RETURN for step in targets[:-1])
    else:
        documents, stops = _documents(server, targets), 0
    counts = Counts(
        tokens=sum(len(ids[atom]) for atom in whole.atoms),
        steps=len(steps),
        trained=len(targets),
        without_reasoning=sum(not step.thought or train_on == "all_turns" for step in targets),
        untrained=dict(Counter(step.untrained for step in steps if step.untrained is not None)),
        untrained_calls=sum(step.further_calls.count(CALL) for step in steps),
        untrained_stops=stops,
    )
    return [_rendered(document, ids) for document in documents], counts


def render(
    conversation: Conversation,
    profile: Profile,
    *,
    date: str,
    effort: str | None,
    train_on: TrainOn = "each_step",
) -> list[Rendered]:
    """The training documents of a conversation; [] where nothing in it can be trained.

    `date` is ISO, `effort` low, medium or high (None: the profile's). train_on: each_step (every
    assistant step, exact), last_turn (only what follows the last user message, exact), all_turns
    (one sequence without reasoning, not exact). Every document starts untrained and ends in its
    last step's stop. Raises msgspec.MsgspecError where `tools` is malformed.
    """
    documents, _ = render_with_counts(
        conversation, profile, date=date, effort=effort, train_on=train_on
    )
    return documents


def prompt_ids(
    messages: Sequence[Message],
    tools: str | None,
    profile: Profile,
    *,
    date: str,
    effort: str | None,
) -> list[int]:
    """The ids that the server sends to the model after `messages`, `<|start|>assistant` included.

    Messages are taken as they stand: several calls in one are written in a row.
    """
    server = Server(messages, tools, profile, date=date, effort=effort)
    ids: list[int] = []
    for atom in server.prompt(len(messages)):
        ids += [atom] if isinstance(atom, int) else encode(atom).tolist()
    return ids


Turn = tuple[int, Message]  # a message and its index in the conversation


def _sequential(messages: Sequence[Message]) -> list[Turn]:
    """Messages with their indices, several calls in one written as sequential steps."""
    turns: list[Turn] = []
    number = 0
    while number < len(messages):
        message, end = messages[number], number + 1
        while end < len(messages) and messages[end].role == "tool":
            end += 1
        results = [(at, messages[at]) for at in range(number + 1, end)]
        if len(message.tool_calls) < 2 or not _answered(message, results):
            turns.append((number, message))
            number += 1
            continue
        for nth, call in enumerate(message.tool_calls):
            step = replace(message, tool_calls=(call,))
            turns.append((number, replace(step, content="", reasoning=None) if nth else step))
            result = next((each for each in results if each[1].tool_call_id == call.id), None)
            if result is not None:
                results.remove(result)
                turns.append(result)
        turns += results
        number = end
    return turns


def _answered(message: Message, results: Sequence[Turn]) -> bool:
    """Whether every call but the last has a result of its own."""
    wanted = Counter(call.id for call in message.tool_calls[:-1])
    return not wanted - Counter(result.tool_call_id or "" for _, result in results)


def _steps(turns: Sequence[Turn], profile: Profile, train_on: TrainOn) -> list[_Step]:
    users = [number for number, (_, message) in enumerate(turns) if message.role == "user"]
    first = users[-1] if users and train_on == "last_turn" else -1
    steps = []
    for number, (index, message) in enumerate(turns):
        if message.role != "assistant":
            continue
        thought = (*said("analysis", message.reasoning), END, *OPEN) if message.reasoning else ()
        speech = _speech(message, profile)
        further: list[Atom] = []
        for call in message.tool_calls[1:]:
            further += [*OPEN, *called(call.function, profile), CALL]
        untrained: Untrained | None = None
        if not speech:
            untrained = "empty"
        elif message.finish_reason in CUT_OFF:
            untrained = "cut off"
        elif not message.train:
            untrained = "marked"
        elif number < first:
            untrained = "earlier turn"
        elif not thought and profile.missing_reasoning == "untrain" and train_on != "all_turns":
            untrained = "no reasoning"
        steps.append(_Step(number, index, thought, speech, tuple(further), untrained))
    return steps


def _speech(message: Message, profile: Profile) -> tuple[Atom, ...]:
    """What the model has to emit after its reasoning, its stop included.

    () for a message that says nothing: neither text nor call, so there is no stop to learn.
    """
    if message.tool_calls:
        preamble = (*said("commentary", message.content), END, *OPEN) if message.content else ()
        return (*preamble, *called(message.tool_calls[0].function, profile), CALL)
    return (*said("final", message.content), RETURN) if message.content else ()


class _Ids(dict[Atom, Int32s]):
    """The ids of an atom; each text of a conversation is encoded once."""

    def __init__(self, encode: Encode) -> None:
        self._encode = encode

    def __missing__(self, atom: Atom) -> Int32s:
        ids = np.array([atom], np.int32) if isinstance(atom, int) else self._encode(atom)
        self[atom] = ids
        return ids


def _rendered(document: _Document, ids: _Ids) -> Rendered:
    pieces = [ids[atom] for atom in document.atoms]
    mask = np.repeat(np.array(document.mask, dtype=np.int8), [len(piece) for piece in pieces])
    return Rendered(np.concatenate(pieces), mask, tuple(document.steps))
