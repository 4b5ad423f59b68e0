"""Whether a record differs from a replay only where two replays differ from each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

from kappa_data.replay.normalise import Moment, agreeing

MOST_LINES = 2000
MOST_PAIRS = 400_000
"""lines of one that stand in the other, each as often as it does: where texts have more, nothing
follows them. To match those that repeat a few lines takes time by the cube: minutes, else"""


def follows(recorded: str, first: str, second: str, moment: Moment) -> bool:
    """Whether `recorded` has the lines that both replays have, in order, and others only where
    the replays differ. `moment` is that of `first`.
    """
    if first == second:
        return False
    old, one, other = (each.split("\n") for each in (recorded, first, second))
    if max(map(len, (old, one, other))) > MOST_LINES:
        return False
    often = Counter(other)
    if sum(often[line] for line in one) > MOST_PAIRS:
        return False
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    blocks = [one[start : start + size] for start, _, size in matcher.get_matching_blocks() if size]
    edges = matcher.get_opcodes()
    return _fits(old, blocks, edges[0][0] == "equal", edges[-1][0] == "equal", moment)


def _fits(
    lines: Sequence[str],
    blocks: Sequence[Sequence[str]],
    from_start: bool,
    to_end: bool,
    moment: Moment,
) -> bool:
    """Whether the blocks stand in `lines` in order and apart, the outer ones at the edges if so
    said: as a pattern with a star between the blocks."""
    at, end = 0, len(lines)
    inner = list(blocks)
    if from_start:
        head = inner.pop(0)
        if not _stands(lines, 0, head, moment):
            return False
        at = len(head)
    if to_end and inner:
        tail = inner.pop()
        end -= len(tail)
        if end < at or not _stands(lines, end, tail, moment):
            return False
    for block in inner:
        while at + len(block) <= end and not _stands(lines, at, block, moment):
            at += 1
        at += len(block)
        if at > end:
            return False
    return True


def _stands(lines: Sequence[str], at: int, block: Sequence[str], moment: Moment) -> bool:
    return at + len(block) <= len(lines) and all(
        agreeing(old, new, moment) is not None
        for old, new in zip(lines[at : at + len(block)], block, strict=True)
    )
