"""Is every record whole: its fields, ids, calls and results, and the tokens that it became?

All of what is kept is looked at: types, ids, the pairing of calls and results, and of every sample
its mask and its stops. Of some that are drawn, also the published JSON schema by an implementation
of its own, and the way through the tokens and back: rendered again, a conversation gives the sealed
ids; these decode to what the assistant wrote; and what stands between two control tokens encodes to
the same ids again, by the slower encoder.
"""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from kappa_data.config import ReportConfig
from kappa_data.formats.construction import Unrenderable, first_trained, why_untrained
from kappa_data.formats.samples import Choices, samples
from kappa_data.formats.vocabulary import SPECIALS, decode, encoder
from kappa_data.metrics.intervals import wilson
from kappa_data.metrics.measure import Measure
from kappa_data.records import Conversation, Sample
from kappa_data.validation.steps import steps

EXAMPLES = 5


class Structure(Struct, frozen=True):
    """`faults`: by the id of a conversation, what is wrong with it; `number` were looked at,
    `drawn` of them through schema and tokens."""

    faults: Mapping[str, str]
    number: int
    drawn: int

    def measures(self, targets: ReportConfig) -> tuple[Measure, ...]:
        """The figure with its target."""
        whole = self.number - len(self.faults)
        kinds = Counter(self.faults.values())
        said = ", ".join(f"{count:,} x {kind}" for kind, count in kinds.most_common(3))
        low, high = wilson(whole, self.number) if self.number else (None, None)
        return (
            Measure(
                "structure",
                "records whole",
                whole / self.number if self.number else None,
                "at least",
                targets.structure,
                low,
                high,
                self.number,
                detail=said or f"{self.drawn:,} of them through schema and tokens",
                examples=tuple(sorted(self.faults))[:EXAMPLES],
            ),
        )


_decoder = msgspec.msgpack.Decoder(Conversation)


def fault_of(conversation: Conversation) -> str:
    """What is wrong with a conversation by itself; "" where nothing is."""
    try:
        _decoder.decode(msgspec.msgpack.encode(conversation))
    except msgspec.MsgspecError as error:
        return f"types: {error}"
    messages = conversation.messages
    if not conversation.id:
        return "no id"
    if not any(each.role == "assistant" and each.train for each in messages):
        return "no target"
    if messages[-1].role != "assistant":
        return "no assistant at the end"
    return _unpaired(conversation)


def _unpaired(conversation: Conversation) -> str:
    messages = conversation.messages
    seen: set[str] = set()
    answers = 0
    for start, end in steps(messages):
        calls = [call.id for call in messages[start].tool_calls]
        results = [each.tool_call_id for each in messages[start + 1 : end]]
        if len({*calls, *seen}) < len(calls) + len(seen):
            return "a call id twice"
        # Calls of the very last message may be without results.
        if Counter(results) != Counter(calls) and (end < len(messages) or results):
            return "a call without its one result"
        seen.update(calls)
        answers += len(results)
    if answers < sum(each.role == "tool" for each in messages):
        return "a result without a call"
    return ""


def against_schema(conversation: Conversation, schema: str) -> str:
    """Where the record as JSON breaks the published schema; "" where it does not."""
    error = next(
        _validator(schema).iter_errors(msgspec.json.decode(msgspec.json.encode(conversation))), None
    )
    return "" if error is None else f"schema: {error.json_path}"


@functools.lru_cache(maxsize=1)
def _validator(schema: str) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(msgspec.json.decode(schema))


class Rendered(Struct, frozen=True):
    """A conversation that was rendered again: what is wrong, and the digest of each sample."""

    fault: str
    digests: Mapping[str, str]


def round_trip(conversation: Conversation, chosen: Choices) -> Rendered:
    """Through the tokens and back. Only harmony's are decoded: another format's tokenizer is no
    part of the dataset."""
    try:
        made, _ = samples(conversation, chosen)
    except (Unrenderable, msgspec.MsgspecError) as error:
        return Rendered(f"not rendered: {type(error).__name__}", {})
    digests = {each.id: digest_of(each) for each in made}
    # A document holds several steps; a message with several calls may stand in several documents.
    decoded: set[str] = set()
    for sample in made:
        texts = _texts(sample)
        if texts is None:
            return Rendered("other ids when encoded again", digests)
        decoded |= texts
    first = first_trained(conversation.messages, chosen.train_on)
    for message in conversation.messages[first:]:
        if message.role != "assistant" or why_untrained(message, earlier=False):
            continue
        wanted = [message.content, *(call.function.arguments for call in message.tool_calls)]
        if chosen.train_on != "all_turns":
            wanted.append(message.reasoning or "")
        if not decoded.issuperset(filter(None, wanted)):
            return Rendered("other text when decoded", digests)
    return Rendered("", digests)


def digest_of(sample: Sample) -> str:
    """Of a sample's ids and mask."""
    return hashlib.sha256(sample.ids.tobytes() + sample.mask.tobytes()).hexdigest()


def _texts(sample: Sample) -> set[str] | None:
    """What stands between the control tokens; None where it does not encode to the same ids."""
    between: list[list[int]] = [[]]
    for each in sample.ids.tolist():
        if each in SPECIALS:
            between.append([])
        else:
            between[-1].append(each)
    again = encoder("reference").encode
    texts = [decode(each) for each in between]
    same = all(again(text).tolist() == own for text, own in zip(texts, between, strict=True))
    return set(texts) if same else None
