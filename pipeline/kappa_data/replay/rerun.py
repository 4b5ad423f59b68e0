"""Replays one conversation: its calls in a fresh box, and in a second one where they differ.

identical    the same bytes, exit code, error and limit
normalised   the same but for pieces that a rule of `normalise` covers
volatile     different, and two fresh boxes differ from each other in the same places
not run      nothing to compare with: the box lacks the tool, or lost the state that it needs
mismatch     different, and two fresh boxes agree with each other
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct

from kappa_data.errors import SandboxDown
from kappa_data.records import Conversation
from kappa_data.replay.calls import Call, calls_of
from kappa_data.replay.normalise import Moment, agreeing
from kappa_data.replay.template import follows
from kappa_data.replay.workspaces import Workspace
from kappa_data.sandbox import Sandbox, ToolResult, tree_digest
from kappa_data.sandbox.toolset import ToolSet

Class = Literal["identical", "normalised", "volatile", "not run", "mismatch"]
CLASSES: tuple[Class, ...] = ("identical", "normalised", "volatile", "not run", "mismatch")
"""from best to worst; a conversation's class is its worst call's, or its tree's"""
SPEED_LIMITS = ("call time", "box time")
MOST_CALLS = 1000
"""a conversation with more is not run: a foreign file must not hold a box for hours"""
CLOCK_STEP = 1.1
"""seconds between the two boxes, so that a clock that shows seconds shows others"""
LINE_CHARS = 200


class CallReplay(Struct, frozen=True):
    """One call: its class, the rules that it needed, and the first line that differs."""

    message: int
    id: str
    tool: str
    result: Class
    rules: tuple[str, ...] = ()
    reason: str = ""
    recorded: str = ""
    replayed: str = ""


class Replayed(Struct, frozen=True):
    """One conversation. `tree` is None where no digest was recorded, or not all calls ran."""

    id: str
    family: str | None
    result: Class
    workspace: str
    calls: tuple[CallReplay, ...]
    tree: Class | None = None
    toolchain_differs: bool = False
    reason: str = ""


class _Run(NamedTuple):
    results: list[tuple[ToolResult, Moment]]
    tree: str


async def replay(
    conversation: Conversation, workspace: Workspace, sandbox: Sandbox, gate: asyncio.Semaphore
) -> Replayed:
    """Runs the calls again; `gate` bounds the boxes that are open at a time.

    SandboxDown where two boxes in a row died.
    """
    calls = calls_of(conversation, sandbox.tools)
    to_run = _until_unknown(calls)
    reason = _why_not(conversation, calls, workspace, sandbox)
    if reason:
        to_run = []
    expected = conversation.verdict.tree if conversation.verdict is not None else ""
    whole = bool(calls) and len(to_run) == len(calls)
    judged: list[CallReplay] = []
    tree: Class | None = None
    if to_run:
        first = await _in_fresh_box(sandbox, workspace.files, to_run, gate)
        judged = [_first(call, *result) for call, result in zip(to_run, first.results, strict=True)]
        tree_differs = whole and bool(expected) and first.tree != expected
        tree = "identical" if whole and expected else None
        if tree_differs or any(each.result == "mismatch" for each in judged):
            await asyncio.sleep(CLOCK_STEP)
            second = await _in_fresh_box(sandbox, workspace.files, to_run, gate)
            judged = [
                _second(each, call, one, other)
                for each, call, one, other in zip(
                    judged, to_run, first.results, second.results, strict=True
                )
            ]
            if tree_differs:
                tree = "mismatch" if first.tree == second.tree else "volatile"
    judged += [_left_out(call, to_run, calls, reason) for call in calls[len(to_run) :]]
    found = [each.result for each in judged] + ([tree] if tree else [])
    return Replayed(
        id=conversation.id,
        family=conversation.family,
        result=max(found, key=CLASSES.index, default="identical"),
        workspace=workspace.source,
        calls=tuple(judged),
        tree=tree,
        toolchain_differs=conversation.provenance.toolchain not in ("", sandbox.toolchain),
        reason=reason,
    )


def not_run(
    conversation: Conversation, workspace: Workspace, known: ToolSet, reason: str
) -> Replayed:
    """The record of a conversation that no box would run."""
    calls = calls_of(conversation, known)
    left = tuple(CallReplay(call.message, call.id, call.tool, "not run") for call in calls)
    source = workspace.source
    return Replayed(conversation.id, conversation.family, "not run", source, left, reason=reason)


def _why_not(
    conversation: Conversation, calls: Sequence[Call], workspace: Workspace, sandbox: Sandbox
) -> str:
    """Why none of the calls is run; "" where they are."""
    grounding = conversation.provenance.grounding
    if grounding not in ("executed", "imported"):
        return f"grounding {grounding}: no box gave these results"
    if len(calls) > MOST_CALLS:
        return f"{len(calls):,} calls; at most {MOST_CALLS:,} are run"
    missing = [each for each in workspace.programs if not sandbox.has(each)]
    return f"the sandbox lacks {', '.join(missing)}" if missing else ""


def _until_unknown(calls: Sequence[Call]) -> list[Call]:
    """The calls before the first that cannot be run: behind it nobody knows the box's state."""
    for number, call in enumerate(calls):
        if call.unknown:
            return list(calls[:number])
    return list(calls)


def _left_out(call: Call, ran: Sequence[Call], calls: Sequence[Call], reason: str) -> CallReplay:
    if not reason:
        stop = calls[len(ran)]
        behind = "" if call is stop else "a call before it was not run: "
        reason = f"{behind}the box has no tool {stop.tool[:LINE_CHARS]!r}"
    return CallReplay(call.message, call.id, call.tool, "not run", reason=reason)


async def _in_fresh_box(
    sandbox: Sandbox, files: Mapping[str, str], calls: Sequence[Call], gate: asyncio.Semaphore
) -> _Run:
    """All calls in one fresh box, in another one if it dies."""
    async with gate:
        try:
            return await _run(sandbox, files, calls)
        except SandboxDown:
            return await _run(sandbox, files, calls)


async def _run(sandbox: Sandbox, files: Mapping[str, str], calls: Sequence[Call]) -> _Run:
    started = time.monotonic()
    box = await sandbox.open(files)
    try:
        results = []
        for call in calls:
            result = call.answer or await box.call(call.tool, call.arguments)
            results.append((result, Moment(time.time(), time.monotonic() - started)))
        return _Run(results, tree_digest(await box.tree()))
    finally:
        await box.close()


def _first(call: Call, result: ToolResult, moment: Moment) -> CallReplay:
    """The class after one box; a mismatch is one for now."""
    judged = CallReplay(call.message, call.id, call.tool, "identical")
    if reason := _end_differs(call, result):
        return msgspec.structs.replace(judged, result="mismatch", reason=reason)
    if call.recorded is None:
        return judged
    rules = agreeing(call.recorded, result.content, moment)
    if rules is None:
        old, new = _first_difference(call.recorded, result.content, moment)
        return msgspec.structs.replace(
            judged, result="mismatch", reason="another text", recorded=old, replayed=new
        )
    return msgspec.structs.replace(
        judged, result="normalised" if rules else "identical", rules=rules
    )


def _second(
    judged: CallReplay,
    call: Call,
    first: tuple[ToolResult, Moment],
    second: tuple[ToolResult, Moment],
) -> CallReplay:
    """A mismatch that the second box does not confirm is volatile."""
    if judged.result != "mismatch":
        return judged
    (one, moment), (other, _) = first, second
    if _end_differs(call, one):
        limits = {one.limit, call.outcome.limit if call.outcome else None}
        slow = bool(limits.intersection(SPEED_LIMITS)) and len(limits) == 2
        if slow:
            reason = f"{judged.reason}: it depends on the speed of the machine"
            return msgspec.structs.replace(judged, result="volatile", reason=reason)
        if not _same_end(one, other):
            return msgspec.structs.replace(judged, result="volatile")
        return judged
    if call.recorded is not None and follows(call.recorded, one.content, other.content, moment):
        return msgspec.structs.replace(judged, result="volatile")
    return judged


def _end_differs(call: Call, result: ToolResult) -> str:
    """How the end of a call differs from the recorded one, in words; "" where it does not."""
    recorded = call.outcome
    if recorded is None:
        return ""
    for name, old, new in (
        ("exit code", recorded.exit_code, result.exit_code),
        ("limit", recorded.limit, result.limit),
        ("error", recorded.error, result.error),
        ("truncated", recorded.truncated, result.truncated),
    ):
        if old != new:
            return f"{name} {_word(old)} -> {_word(new)}"
    return ""


def _same_end(one: ToolResult, other: ToolResult) -> bool:
    ends = [(each.exit_code, each.limit, each.error, each.truncated) for each in (one, other)]
    return ends[0] == ends[1]


def _word(value: object) -> str:
    return "none" if value is None else str(value).lower()


def _first_difference(recorded: str, replayed: str, moment: Moment) -> tuple[str, str]:
    """The first line that no rule makes equal, of both, cut to LINE_CHARS."""
    old, new = recorded.split("\n"), replayed.split("\n")
    for number in range(max(len(old), len(new))):
        before = old[number] if number < len(old) else "[no such line]"
        after = new[number] if number < len(new) else "[no such line]"
        if before != after and agreeing(before, after, moment) is None:
            return _cut(before, after)
    return "", ""  # each line agrees for itself, the whole does not: a rule crosses lines


def _cut(before: str, after: str) -> tuple[str, str]:
    """Both lines from a little before the first character that differs."""
    same = next(
        (at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b),
        min(len(before), len(after)),
    )
    start = max(0, same - LINE_CHARS // 2) if max(len(before), len(after)) > LINE_CHARS else 0
    return before[start : start + LINE_CHARS], after[start : start + LINE_CHARS]
