"""Every record that a stage writes or reads, as frozen msgspec types.

The types are the schema: `schemas/*.json` and the Arrow schemas of the shards are written out from
them. A `Conversation` on disk is what the ecosystem reads already: OpenAI chat messages, with the
arguments of a call as JSON *text*, and `tools` as JSON text too, since Arrow would otherwise merge
differing schemas, insert nulls and so change the tokens.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct

Role = Literal["system", "developer", "user", "assistant", "tool"]
Split = Literal["train", "validation", "test"]
Grounding = Literal["executed", "simulated", "imported", "unsafe-local", "none"]
Limit = Literal[
    "call time", "box time", "memory", "processes", "files", "disk", "sockets", "output", "command"
]
Severity = Literal["reject", "untrain", "note"]
Strategy = Literal["live", "revoice"]
Special = Literal["switch", "look_alike", "denied", "failing", "missing"]
Aim = Literal["help", "correct", "agree", "decline"]
"""what a right answer does: it helps; it corrects a user who is wrong (a sycophancy trap); it
agrees with a user who is right (the trap's control); it declines, since help would do harm"""

NOBODY = "none"
"""in the place of a persona's name: in slot ids, among the classes of voices, and where a persona
was taken away in mid-conversation"""

# Records hold no cycle (gc=False): to look for one among millions costs more than to read them.
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class FunctionCall(Struct, frozen=True, gc=False):
    """What is called; `arguments` is the JSON text exactly as the assistant wrote it."""

    name: str
    arguments: str


class ToolCall(Struct, frozen=True, gc=False):
    """One tool call in OpenAI chat form."""

    id: str
    function: FunctionCall
    type: Literal["function"] = "function"


class Message(Struct, frozen=True, gc=False):
    """One message in OpenAI chat form, with the training facts beside it."""

    role: Role
    content: str = ""
    reasoning: Annotated[
        str | None, Meta(description="the assistant's analysis; voice-neutral")
    ] = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: Annotated[
        str | None, Meta(description="of a tool message: the call it answers")
    ] = None
    name: Annotated[str | None, Meta(description="of a tool message: the tool's name")] = None
    persona: Annotated[
        str | None,
        Meta(description="who speaks, where it differs within the conversation; 'none': nobody"),
    ] = None
    train: Annotated[bool, Meta(description="false: context only, never a target")] = True
    finish_reason: Annotated[
        str | None, Meta(description="of an assistant message: stop, tool_calls, length, ...")
    ] = None


class Usage(Struct, frozen=True, gc=False):
    """What the teacher billed for one conversation, in tokens and requests."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    requests: int = 0


class Provenance(Struct, frozen=True, gc=False):
    """Where a conversation comes from; enough to make it again."""

    source: Literal["generate", "import"]
    grounding: Annotated[Grounding, Meta(description="where the tool results come from")]
    teacher: Annotated[str, Meta(description="embedded, openai-compatible or imported")]
    model: str = ""
    sampling: Annotated[str, Meta(description="sampling parameters as canonical JSON text")] = "{}"
    prompts: Annotated[str, Meta(description="digest of the prompt files that were used")] = ""
    toolchain: Annotated[str, Meta(description="digest of the sandbox's programs")] = ""
    origin: Annotated[str, Meta(description="of an import: file and line")] = ""
    usage: Usage = Usage()


class Verdict(Struct, frozen=True, gc=False):
    """What the task's verifier said about the finished conversation."""

    passed: bool
    detail: Annotated[str, Meta(description="the first check that failed, in words")] = ""
    tree: Annotated[
        str, Meta(description="digest of the files that the conversation left; '' without a box")
    ] = ""


class CallOutcome(Struct, frozen=True, gc=False):
    """How one tool call ended, where it really ran; its result is the tool message's content."""

    tool_call_id: str
    exit_code: Annotated[int | None, Meta(description="of a command; None: none, or stopped")] = (
        None
    )
    error: Annotated[bool, Meta(description="the tool could not do what was asked")] = False
    limit: Annotated[Limit | None, Meta(description="the limit of the sandbox that it hit")] = None
    truncated: Annotated[bool, Meta(description="the middle of its output was cut")] = False


class Conversation(Struct, frozen=True, gc=False):
    """One conversation. `tools` is JSON text of OpenAI tool definitions; None: none or undeclared.

    Absent, null and empty tools have this one form; keys keep their order (it reaches the prompt).
    """

    id: str
    messages: tuple[Message, ...]
    tools: str | None = None
    persona: Annotated[str | None, Meta(description="None: no persona")] = None
    split: Split = "train"
    task_id: str | None = None
    family: str | None = None
    strategy: Annotated[
        str, Meta(description="live: played in this voice; revoice: put into it afterwards")
    ] = "live"
    special: Annotated[
        str | None, Meta(description="what was made to happen: switch, look_alike, denied, ...")
    ] = None
    aim: Annotated[
        Aim, Meta(description="what a right answer does: help, correct, agree or decline")
    ] = "help"
    provenance: Provenance = Provenance(source="import", grounding="imported", teacher="imported")
    verdict: Verdict | None = None
    outcomes: Annotated[
        tuple[CallOutcome, ...], Meta(description="of the calls that ran, in order")
    ] = ()


class Finding(Struct, frozen=True, gc=False):
    """What a check found; `message` is the index in `messages` (-1: the whole conversation)."""

    rule: str
    severity: Severity
    message: int
    evidence: str


class Rejected(Struct, frozen=True, gc=False):
    """One slot or conversation in quarantine: why, where and, if there is one, the conversation."""

    id: str
    stage: str
    persona: str | None
    findings: tuple[Finding, ...]
    conversation: Conversation | None = None


class ConversationFinding(Struct, frozen=True, gc=False):
    """One row of validate's set "findings": a finding and the conversation that it is about."""

    conversation_id: str
    rule: str
    severity: Severity
    message: int
    evidence: str


class Section(Struct, frozen=True):
    """One part of a dataset's figures (`metrics/figures.py`), as JSON text."""

    name: str
    text: str


# --- tasks -------------------------------------------------------------------------------------


class CommandCheck(Struct, frozen=True, tag="command"):
    """Runs `command` with bash in the finished box, after adding `files` that nobody saw before."""

    command: str
    exit_code: int = 0
    stdout: Annotated[str | None, Meta(description="exact, both sides stripped")] = None
    files: dict[str, str] = {}


class FileCheck(Struct, frozen=True, tag="file"):
    """The end state of one file of the workspace; `content` is compared without trailing space."""

    path: str
    exists: bool = True
    content: str | None = None
    contains: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()


class AnswerCheck(Struct, frozen=True, tag="answer"):
    """Regular expressions (case-insensitive) on what the assistant said to the user.

    `turn` counts user messages from 0; -1 is the last, None is any of them together.
    Every `required` must be found, no `forbidden` may be.
    """

    turn: int | None = -1
    required: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()


Check = CommandCheck | FileCheck | AnswerCheck


class ReferenceStep(Struct, frozen=True):
    """One tool call of the reference solution; `reasoning` is what is thought before it."""

    tool: str
    arguments: dict[str, Any]
    reasoning: str = ""


class ReferenceTurn(Struct, frozen=True):
    """The reference's reply to one user message: tool calls, then a plain, voiceless answer."""

    answer: str
    steps: tuple[ReferenceStep, ...] = ()
    reasoning: str = ""


class Withheld(Struct, frozen=True):
    """Another opening of the same task, which leaves out what only the user knows."""

    opening: str
    detail: Annotated[str, Meta(description="what the user answers when asked for it")]


class Attempt(Struct, frozen=True):
    """A plausible wrong way through a task, turn for turn like the reference; the verifier has to
    refuse it."""

    mistake: Annotated[str, Meta(description="what is wrong with it, in words")]
    turns: tuple[ReferenceTurn, ...]


class Task(Struct, frozen=True):
    """A blueprint: what the user wants, with what, how it is verified, and one way to do it.

    `reference` has one turn for the opening and one for each goal. The teacher that answers as the
    assistant never sees goals, verifier or reference.
    """

    id: Annotated[str, Meta(description="family/seed")]
    family: str
    seed: int
    opening: str
    verifier: tuple[Check, ...]
    reference: tuple[ReferenceTurn, ...]
    goals: Annotated[
        tuple[str, ...], Meta(description="what the user asks for after the opening, in order")
    ] = ()
    fixture: Annotated[
        dict[str, str], Meta(description="files of the workspace: relative path -> text")
    ] = {}
    tools: tuple[str, ...] = ()
    programs: Annotated[
        tuple[str, ...], Meta(description="programs that the box must have, beside bash")
    ] = ()
    withheld: Annotated[
        Withheld | None, Meta(description="how the task opens where information is missing")
    ] = None
    wrong: Annotated[
        tuple[Attempt, ...], Meta(description="attempts that the verifier has to refuse")
    ] = ()
    aim: Annotated[
        Aim, Meta(description="what a right answer does: help, correct, agree or decline")
    ] = "help"


class TaskText(Struct, frozen=True):
    """A task as it is stored: its fields have no column form, so they stand as JSON text."""

    id: str
    family: str
    text: str


class Slot(Struct, frozen=True):
    """One conversation to be made: a task, who plays it, and what a user's system message says."""

    id: Annotated[str, Meta(description="task id + ':' + persona or 'none'")]
    task_id: str
    family: str
    persona: str | None
    split: Split
    system: str | None = None
    strategy: Strategy = "live"
    special: Annotated[Special | None, Meta(description="what is made to happen in it")] = None
    at: Annotated[
        int, Meta(description="where: the turn of a switch, the tool call that is denied or fails")
    ] = 0
    switch_to: Annotated[
        str | None, Meta(description="who speaks from turn `at` on; 'none': nobody any more")
    ] = None


# --- tokens ------------------------------------------------------------------------------------

INT32_LIST = {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}}
MASK_LIST = {"type": "array", "items": {"enum": [0, 1]}}
Int32s = Annotated[np.ndarray[tuple[int], np.dtype[np.int32]], Meta(extra_json_schema=INT32_LIST)]
Int8s = Annotated[np.ndarray[tuple[int], np.dtype[np.int8]], Meta(extra_json_schema=MASK_LIST)]


AS_BYTES = "as bytes"  # how an array stands in its column, see arrow.py


class Sample(Struct, frozen=True, eq=False):
    """One training document: `ids` int32[n] and `mask` int8[n], 1 where the model has to emit."""

    id: Annotated[str, Meta(description="conversation id + '#' + number")]
    conversation_id: str
    persona: str | None
    split: Split
    step: Annotated[int, Meta(description="message index of the first trained assistant step")]
    n_loss_tokens: int
    ids: Annotated[Int32s, AS_BYTES]
    mask: Annotated[Int8s, AS_BYTES]


class Cut(Struct, frozen=True):
    """A sample longer than a row, of which pack keeps the turns that fit: its first `tokens`."""

    sample_id: str
    tokens: int
    n_loss_tokens: Annotated[int, Meta(description="trained tokens that stay")]
    of_tokens: Annotated[int, Meta(description="the whole sample")]
    of_loss_tokens: int


class Row(Struct, frozen=True, eq=False):
    """One packed sequence.

    `input_ids` int32[seq_len] and `assistant_masks` int8[seq_len] are stored unshifted;
    `seq_lengths` are the documents in order and sum to seq_len, tail padding being one last
    document that `sample_ids` does not name.
    """

    input_ids: Int32s
    assistant_masks: Int8s
    seq_lengths: Int32s
    sample_ids: tuple[str, ...]
    personas: Annotated[tuple[str, ...], Meta(description="persona of each sample, 'none' without")]
    n_loss_tokens: int


def canonical_json(value: Any) -> str:
    """JSON text with sorted keys and no spaces, for digests: equal values give equal text."""
    return msgspec.json.encode(value, order="sorted").decode()


def compact_json(value: Any) -> str:
    """JSON text without spaces, keys in their own order: the order of a schema's properties is
    part of the prompt that a server builds from it."""
    return msgspec.json.encode(value).decode()
