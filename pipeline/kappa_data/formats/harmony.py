"""Conversations as harmony training documents, each exactly what a server would send.

The policy is `construction.documents`; here is what harmony adds to it. A generation ends in
`<|return|>` or `<|call|>`. So 1 is the header with its channel and recipient, the body, the
`<|end|>` after reasoning or a preamble and the `<|start|>assistant` that follows it, and the stop;
0 is also the `<|end|>` of a final in the history, and the opening `<|start|>assistant`.

Several calls in one message are never sampled in a row, since `<|call|>` ends a generation: such a
message is written as sequential steps (call, result, call, result), reasoning and text before the
first. Where a result is missing, that order cannot be had: the message stays whole, its first call
is the target and the others are context, and are counted as `untrained_calls`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from kappa_data.formats import vocabulary
from kappa_data.formats.construction import (
    Atom,
    Counts,
    Document,
    Rendered,
    Step,
    TrainOn,
    Untrained,
    documents,
    first_trained,
    why_untrained,
)
from kappa_data.formats.pieces import OPEN, Piece, rendered
from kappa_data.formats.profiles import Profile
from kappa_data.formats.prompt import Server, called, said
from kappa_data.formats.switches import Switch
from kappa_data.formats.vocabulary import END, RETURN, Choice, Encode, encode, encoder
from kappa_data.records import Conversation, Message


class Harmony(Struct, frozen=True):
    """The format of gpt-oss, as a server of this profile writes it."""

    profile: Profile
    encoder: Choice = "fast"

    @property
    def note(self) -> str:
        return encoder(self.encoder).fallback

    @property
    def pad_id(self) -> int:
        return vocabulary.ENDOFTEXT

    @property
    def stop_ids(self) -> frozenset[int]:
        return vocabulary.STOPS

    @property
    def size(self) -> int:
        return vocabulary.SIZE

    @property
    def specials(self) -> Mapping[int, str]:
        return vocabulary.SPECIALS

    def decode(self, ids: Iterable[int]) -> str:
        return vocabulary.decode(ids)

    def figures(self) -> dict[str, str | int | list[int]]:
        return {
            "format": f"harmony, {self.profile.name}",
            "tokenizer": "o200k_harmony",
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
        return render_with_counts(
            conversation,
            self.profile,
            date=date,
            effort=effort,
            switch=switch,
            train_on=train_on,
            encode=encoder(self.encoder).encode,
        )


class _Step(Step[Piece], frozen=True):
    """A generation, and the calls beside it that are never sampled after it."""

    further_calls: tuple[Piece, ...]

    @property
    def stop(self) -> Atom:
        """What ends it, where it says something."""
        return self.speech[-1][-1]


def _one_sequence(server: Server, count: int, steps: Iterable[_Step]) -> Document[Piece]:
    """All messages in one sequence, each as it was said: cheaper, and not what a server sends.

    A final in the middle ends in an untrained `<|end|>`: `<|return|>` stands only at the end.
    """
    document = Document[Piece]()
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
        document.write([OPEN], 0)
        if step.stop == RETURN and number != last:
            *before, final = step.completion
            document.write([*before, final[:-1]], mask)
            document.write([(END,)], 0)
        else:
            document.write(step.completion, mask)
        if mask:
            document.steps.append(step.message)
        if number == last:
            break
        document.write(step.further_calls, 0)
    return document


def _as_said(server: Server, count: int, steps: Iterable[_Step]) -> Iterator[Piece]:
    """Every message once, as it was said."""
    yield from server.preamble
    by_number = {step.number: step for step in steps}
    for number in range(count):
        step = by_number.get(number)
        if step is None:
            yield from server.history(number)
        elif step.speech:
            yield from (OPEN, *step.thought, *step.speech, *step.further_calls)


def render_with_counts(
    conversation: Conversation,
    profile: Profile,
    *,
    date: str,
    effort: str | None,
    switch: Switch = "in_place",
    train_on: TrainOn = "each_step",
    encode: Encode = encode,
) -> tuple[list[Rendered], Counts]:
    """`render`, and what became of the conversation's steps."""
    turns = _sequential(conversation.messages)
    server = Server(
        [message for _, message in turns],
        conversation.tools,
        profile,
        date=date,
        effort=effort,
        switch=switch,
    )
    steps = _steps(turns, profile, train_on)
    targets = [step for step in steps if step.untrained is None]
    reasons = [step.untrained for step in steps if step.untrained is not None]
    if train_on == "all_turns":
        silent = [replace(step, thought=()) for step in steps]
        made = [_one_sequence(server, len(turns), silent)] if targets else []
        stops = sum(step.stop == RETURN for step in targets[:-1])
    else:
        made, stops = documents(server.pieces, steps), 0
    whole, tokens = rendered(_as_said(server, len(turns), steps), made, encode)
    counts = Counts(
        tokens=tokens,
        steps=len(steps),
        trained=len(targets),
        without_reasoning=sum(not step.thought or train_on == "all_turns" for step in targets),
        untrained=dict(Counter(reasons)) if reasons else {},
        untrained_calls=sum(len(step.further_calls) // 2 for step in steps),  # each has an opening
        untrained_stops=stops,
    )
    return whole, counts


def render(
    conversation: Conversation,
    profile: Profile,
    *,
    date: str,
    effort: str | None,
    switch: Switch = "in_place",
    train_on: TrainOn = "each_step",
) -> list[Rendered]:
    """The training documents of a conversation; [] where nothing in it can be trained.

    `date` is ISO, `effort` low, medium or high (None: the profile's). train_on: each_step (every
    assistant step, exact), last_turn (only what follows the last user message, exact), all_turns
    (one sequence without reasoning, not exact). Every document starts untrained and ends in its
    last step's stop. Raises msgspec.MsgspecError where `tools` is malformed.
    """
    made, _ = render_with_counts(
        conversation, profile, date=date, effort=effort, switch=switch, train_on=train_on
    )
    return made


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
        if len(message.tool_calls) < 2:
            turns.append((number, message))
            number = end
            continue
        while end < len(messages) and messages[end].role == "tool":
            end += 1
        results = [(at, messages[at]) for at in range(number + 1, end)]
        if not _answered(message, results):
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
    first = first_trained([message for _, message in turns], train_on)
    steps = []
    for number, (index, message) in enumerate(turns):
        if message.role != "assistant":
            continue
        thought = (said("analysis", message.reasoning, END), OPEN) if message.reasoning else ()
        speech = _speech(message, profile)
        further: list[Piece] = []
        for call in message.tool_calls[1:]:
            further += (OPEN, called(call.function, profile))
        untrained: Untrained | None = "empty"
        if speech:
            untrained = why_untrained(message, earlier=number < first)
        if untrained is None and not thought and train_on != "all_turns":
            untrained = "no reasoning" if profile.missing_reasoning == "untrain" else None
        steps.append(_Step(number, index, thought, speech, untrained, tuple(further)))
    return steps


def _speech(message: Message, profile: Profile) -> tuple[Piece, ...]:
    """What the model has to emit after its reasoning, its stop included.

    () for a message that says nothing: neither text nor call, so there is no stop to learn.
    """
    if message.tool_calls:
        call = called(message.tool_calls[0].function, profile)
        if not message.content:
            return (call,)
        return (said("commentary", message.content, END), OPEN, call)
    return (said("final", message.content, RETURN),) if message.content else ()
