"""Samples by construction: what every format shares, and the loss-mask policy.

A conversation is not one sequence: servers drop the reasoning of earlier turns, write another stop
into the history than the model emits, and some reorder what it said. So documents are made by
construction. For each generation (all that the model emits up to its stop), the prompt that the
server builds from the messages before it is P, what the model has to emit is C, and the policy
that follows is `documents`. A format only says what P and C are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Generic, Literal, Protocol, TypeVar

from msgspec import Meta, Struct

from kappa_data.formats.switches import Switch
from kappa_data.records import Conversation, Int8s, Int32s, Message

TrainOn = Literal["each_step", "last_turn", "all_turns"]
# Why an assistant step is no target. "cut off" and "empty" were never ended by the model itself;
# for the last three, what the model has to emit after its prompt cannot be known.
Untrained = Literal[
    "marked",
    "earlier turn",
    "no reasoning",
    "cut off",
    "empty",
    "template rewrites its prompt",
    "no stop token",
    "tokens merge with its prompt",
]
CUT_OFF = ("length", "content_filter")
# A document before it is ids: an int is an id, a str is text, encoded as ordinary text. So control
# ids never come from content, and two prompts are compared without encoding anything.
Atom = int | str
# What a format cuts its documents into: atoms, or runs of them. Where a cut falls must follow from
# the atoms alone: then two documents have the same pieces where they have the same atoms.
P = TypeVar("P")


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

    tokens: Annotated[
        int,
        Meta(description="harmony: every message once, as it was said; else: the last prompt"),
    ]
    steps: int
    trained: int
    without_reasoning: Annotated[int, Meta(description="of the trained steps")]
    untrained: dict[str, int]
    untrained_calls: int = 0
    untrained_stops: Annotated[int, Meta(description="finals in history, all_turns only")] = 0
    unrendered: Annotated[
        dict[str, int], Meta(description="what a template left out, by kind: messages, or tools")
    ] = {}


class Unrenderable(Exception):
    """A conversation that the format refuses; the message is one short line. It is data, no bug."""


class Format(Protocol):
    """A way to turn conversations into ids; it pickles, since it travels to every worker."""

    @property
    def note(self) -> str:
        """What this process has to say of how it encodes; '' for nothing."""

    @property
    def pad_id(self) -> int:
        """Fills the end of a row."""

    @property
    def stop_ids(self) -> frozenset[int]:
        """What ends a generation: every document ends in one of them."""

    @property
    def size(self) -> int:
        """Size of the vocabulary: every id is below it."""

    @property
    def specials(self) -> Mapping[int, str]:
        """The control ids and how they are written."""

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids for people, special ids spelled out."""

    def figures(self) -> dict[str, str | int | list[int]]:
        """What the manifest says of the format: its name, vocabulary, pad and stop ids."""

    def documents(
        self,
        conversation: Conversation,
        *,
        date: str,
        effort: str,
        switch: Switch = "in_place",
        train_on: TrainOn,
    ) -> tuple[list[Rendered], Counts]:
        """The documents of a conversation, in order, and what became of its steps.

        Raises Unrenderable, or msgspec.MsgspecError where `tools` is malformed.
        """


class Step(Struct, Generic[P], frozen=True):
    """One generation; `number` is what its prompt is asked for by, `message` its message's index.

    A format that does not part reasoning from speech has all in `speech`.
    """

    number: int
    message: int
    thought: Annotated[tuple[P, ...], Meta(description="() without reasoning")]
    speech: Annotated[tuple[P, ...], Meta(description="what follows it, its stop included")]
    untrained: Untrained | None

    @property
    def completion(self) -> tuple[P, ...]:
        """What the model has to emit."""
        return (*self.thought, *self.speech)


class Document(Generic[P]):
    """Pieces and mask, written by the same call."""

    def __init__(self) -> None:
        self.pieces: list[P] = []
        self.mask: list[int] = []
        self.steps: list[int] = []

    def write(self, pieces: Sequence[P], mask: int) -> None:
        self.pieces += pieces
        self.mask += [mask] * len(pieces)


def documents(prompt: Callable[[int], list[P]], steps: Iterable[Step[P]]) -> list[Document[P]]:
    """The loss-mask policy, whole; `prompt` gives what the server builds before a step's number.

    Every target is trained after exactly the prompt that the server builds for it: the open
    document is continued where that prompt starts with it, and else a new one begins. So 1 is what
    the model has to emit, from the first token that it samples to its stop.
    """
    made: list[Document[P]] = []
    for step in steps:
        if step.untrained is not None:
            continue
        before = prompt(step.number)
        if not made or made[-1].pieces != before[: len(made[-1].pieces)]:
            made.append(Document())
        document = made[-1]
        # 0: system, developer, user and tool messages; steps that are context only; whatever the
        # server writes into the history in place of what was emitted, as another stop, where a
        # target would teach to run on; and what opens the generation.
        document.write(before[len(document.pieces) :], 0)
        document.write(step.completion, 1)
        document.steps.append(step.message)
    return made


def first_trained(messages: Sequence[Message], train_on: TrainOn) -> int:
    """Number of the first message that may be a target: with last_turn what follows the user."""
    if train_on != "last_turn":
        return 0
    users = [number for number, message in enumerate(messages) if message.role == "user"]
    return users[-1] if users else 0


def why_untrained(message: Message, *, earlier: bool) -> Untrained | None:
    """Why a step that says something is no target; None where it is one."""
    if message.finish_reason in CUT_OFF:
        return "cut off"
    if not message.train:
        return "marked"
    return "earlier turn" if earlier else None
