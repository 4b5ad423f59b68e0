"""The samples of a dataset: how long they are, and whether mask and stops are right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

import numpy as np
from msgspec import Struct

from kappa_data.metrics.structure import digest_of
from kappa_data.records import NOBODY, Int32s, Sample


class Tokens(Struct, gc=False):
    """Of the samples of one conversation: sums, the longest, how many, and the highest number."""

    tokens: int = 0
    longest: int = 0
    trained: int = 0
    samples: int = 0
    last: int = -1


class Read(Struct):
    """Samples as they were read: of each conversation, lengths by persona, what is wrong by
    conversation, and digests of those that are compared."""

    of: dict[str, Tokens]
    lengths: dict[str, Int32s]
    faults: dict[str, str]
    digests: dict[str, str]


def read_samples(
    found: Iterable[Sample],
    drawn: Collection[str] | None,
    stops: Collection[int],
    *,
    exact: bool,
) -> Read:
    """Everything of some samples; digests of the conversations that are `drawn` (None: of all).

    `exact`: every trained run ends in its stop, as where each is what the model has to emit.
    """
    read = Read({}, {}, {}, {})
    lengths: dict[str, list[int]] = defaultdict(list)
    marks = np.array(sorted(stops), dtype=np.int32)
    for sample in found:
        of, length = sample.conversation_id, len(sample.ids)
        own = read.of.setdefault(of, Tokens())
        own.tokens += length
        own.longest = max(own.longest, length)
        own.trained += sample.n_loss_tokens
        own.samples += 1
        number = sample.id.rpartition("#")[2]
        own.last = max(own.last, int(number) if number.isdecimal() else -1)
        lengths[sample.persona or NOBODY].append(length)
        if fault := fault_of_sample(sample, marks, exact=exact):
            read.faults.setdefault(of, fault)
        if drawn is None or of in drawn:
            read.digests[sample.id] = digest_of(sample)
    read.lengths = {name: np.array(each, dtype=np.int32) for name, each in lengths.items()}
    return read


def fault_of_sample(sample: Sample, stops: Int32s, *, exact: bool) -> str:
    """What is wrong with one document; "" where nothing is."""
    if len(sample.ids) != len(sample.mask):
        return "ids and mask of two lengths"
    at = np.flatnonzero(sample.mask)
    if not len(at):
        return "no trained tokens"
    if len(at) != sample.n_loss_tokens or int(sample.mask.sum()) != len(at):
        return "trained tokens counted wrongly"
    emitted = sample.ids[at]
    stopping = emitted == stops[0]
    for other in stops[1:]:
        stopping |= emitted == other
    ends = np.append(np.diff(at) != 1, True)
    if at[-1] + 1 != len(sample.ids) or not stopping[-1]:
        return "no trained stop at the end"
    if bool((stopping & ~ends).any()):
        return "goes on behind its stop"
    if exact and bool((ends & ~stopping).any()):
        return "a target without its stop"
    return ""


def merged(parts: Iterable[Read]) -> Read:
    """What was read of several parts."""
    whole = Read({}, {}, {}, {})
    lengths: dict[str, list[Int32s]] = defaultdict(list)
    for part in parts:
        for id, each in part.of.items():
            own = whole.of.setdefault(id, each)
            if own is not each:
                own.tokens += each.tokens
                own.longest = max(own.longest, each.longest)
                own.trained += each.trained
                own.samples += each.samples
                own.last = max(own.last, each.last)
        for name, some in part.lengths.items():
            lengths[name].append(some)
        whole.faults |= part.faults
        whole.digests |= part.digests
    whole.lengths = {name: np.concatenate(each) for name, each in sorted(lengths.items())}
    for id, each in whole.of.items():
        if each.samples != each.last + 1:
            whole.faults.setdefault(id, "samples not numbered one by one")
    return whole


def deciles(lengths: Int32s) -> tuple[int, ...]:
    """The lengths that 10 %, 20 %, ... 100 % of the samples do not pass."""
    parts = np.arange(1, 11) / 10
    return tuple(int(each) for each in np.quantile(lengths, parts, method="inverted_cdf"))
