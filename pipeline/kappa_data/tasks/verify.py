"""Verifies a finished conversation, and plays a task's reference solution.

A verifier looks at the end state of the box and at what the user was told, never at the way there.
It may leave files behind in the box, which is closed afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from kappa_data.records import (
    AnswerCheck,
    Check,
    CommandCheck,
    FileCheck,
    FunctionCall,
    Message,
    ReferenceStep,
    ReferenceTurn,
    Task,
    ToolCall,
    Verdict,
    compact_json,
)
from kappa_data.sandbox import Box, NoRoom

_EVIDENCE = 300
"""characters of a command's output, from its end, in a verdict"""
LONGEST_ANSWER = 50_000
"""characters that an answer check searches, long runs of white space counted as `LONGEST_GAP`; a
longer answer fails, since a search cannot be interrupted and holds up every other conversation"""
LONGEST_GAP = 100
"""characters of white space in a row that an answer check sees"""
_GAP = re.compile(rf"(?<!\s)(\s{{{LONGEST_GAP}}})\s++")


async def verify(
    task: Task, box: Box | None, messages: Sequence[Message], replies: Collection[int] = ()
) -> Verdict:
    """Runs the task's checks in order; the verdict's detail names the first that fails.

    `box` is the finished box of the conversation; it may be None if no check looks into it.
    `replies` says which of the user's messages (the first is 0) brought no new wish: what the
    assistant says to one belongs to the turn before. SandboxDown passes through: a dead box says
    nothing about the conversation.
    """
    turns = _said(messages, replies)
    for check in task.verifier:
        if detail := await _fault(check, box, turns):
            return Verdict(passed=False, detail=detail)
    return Verdict(passed=True)


def verify_answers(
    task: Task, messages: Sequence[Message], replies: Collection[int] = ()
) -> Verdict | None:
    """What can be said where no box ever was: the checks of answers alone.

    None where they hold but the task has other checks too: neither passed nor failed.
    """
    turns = _said(messages, replies)
    for check in _answer_checks(task):
        if detail := _answer_fault(check, turns):
            return Verdict(passed=False, detail=detail)
    if all(isinstance(check, AnswerCheck) for check in task.verifier):
        return Verdict(passed=True)
    return None


def words_lost(
    task: Task,
    plain: Sequence[Message],
    voiced: Sequence[Message],
    replies: Collection[int] = (),
) -> str:
    """What the checks of answers found in `plain` and no longer find in `voiced`, or find only
    there, in words that give no pattern away; "" where they say the same of both."""
    before, after = _said(plain, replies), _said(voiced, replies)
    for check in _answer_checks(task):
        if _answer_fault(check, before) or not (fault := _answer_fault(check, after)):
            continue
        old, new = _searched(check, before)[0], _searched(check, after)[0]
        for pattern in check.required:
            found = re.search(pattern, old, re.IGNORECASE)
            if found and not re.search(pattern, new, re.IGNORECASE):
                return f'"{found[0]}" has to be there, word for word'
        for pattern in check.forbidden:
            if found := re.search(pattern, new, re.IGNORECASE):
                return f'"{found[0]}" may not be said'
        return fault
    return ""


async def play_reference(task: Task, box: Box | None) -> tuple[Message, ...]:
    """The conversation that the reference solution gives: user, assistant and tool messages.

    Every call really runs in `box`, which holds the task's fixture; None is for tasks without
    steps.
    """
    messages: list[Message] = []
    count = 0
    for asked, turn in zip((task.opening, *task.goals), task.reference, strict=True):
        messages.append(Message(role="user", content=asked))
        for group in call_groups(turn):
            calls = []
            for step in group:
                count += 1
                function = FunctionCall(step.tool, compact_json(step.arguments))
                calls.append(ToolCall(f"call_{count:04d}", function))
            messages.append(
                Message(
                    role="assistant",
                    reasoning=group[0].reasoning or None,
                    tool_calls=tuple(calls),
                    finish_reason="tool_calls",
                )
            )
            for step, call in zip(group, calls, strict=True):
                messages.append(await _run(step, call, _needed(task, box)))
        messages.append(
            Message(
                role="assistant",
                content=turn.answer,
                reasoning=turn.reasoning or None,
                finish_reason="stop",
            )
        )
    return tuple(messages)


def call_groups(turn: ReferenceTurn) -> tuple[tuple[ReferenceStep, ...], ...]:
    """The turn's steps by assistant message: a step without reasoning joins the one before it,
    as one of several independent calls of the same message."""
    groups: list[tuple[ReferenceStep, ...]] = []
    for step in turn.steps:
        if groups and not step.reasoning:
            groups[-1] = (*groups[-1], step)
        else:
            groups.append((step,))
    return tuple(groups)


async def _run(step: ReferenceStep, call: ToolCall, box: Box) -> Message:
    result = await box.call(step.tool, step.arguments)
    return Message(role="tool", content=result.content, tool_call_id=call.id, name=step.tool)


def _needed(task: Task, box: Box | None) -> Box:
    if box is None:
        raise ValueError(f"task {task.id} calls tools: it needs a box")
    return box


async def _fault(check: Check, box: Box | None, turns: Sequence[str]) -> str:
    """What is wrong, in words; empty if nothing is."""
    if isinstance(check, AnswerCheck):
        return _answer_fault(check, turns)
    if box is None:
        raise ValueError("a check of commands or files needs a box")
    if isinstance(check, CommandCheck):
        return await _command_fault(check, box)
    return await _file_fault(check, box)


async def _command_fault(check: CommandCheck, box: Box) -> str:
    if check.files:
        try:
            await box.put(check.files)
        except NoRoom:
            return "the workspace was left without room for the files of a check"
    result = await box.call("bash", {"command": check.command})
    output = result.content.strip()
    end = f": {output[-_EVIDENCE:]}" if output else ""
    if result.timed_out:
        return f"the check `{check.command}` ran out of time"
    if result.exit_code != check.exit_code:
        return (
            f"the check `{check.command}` ended with {result.exit_code}, not {check.exit_code}{end}"
        )
    if check.stdout is not None and output != check.stdout.strip():
        return (
            f'the check `{check.command}` printed another text than "{check.stdout.strip()}"{end}'
        )
    return ""


async def _file_fault(check: FileCheck, box: Box) -> str:
    text = await box.read(check.path)
    if text is None:
        return f"file {check.path}: missing" if check.exists else ""
    if not check.exists:
        return f"file {check.path}: should not be there"
    if check.content is not None and _bare(text) != _bare(check.content):
        return f"file {check.path}: not the expected content"
    for part in check.contains:
        if part not in text:
            return f'file {check.path}: lacks "{part}"'
    for part in check.lacks:
        if part in text:
            return f'file {check.path}: still has "{part}"'
    return ""


def _bare(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.rstrip().splitlines())


def _answer_checks(task: Task) -> list[AnswerCheck]:
    return [check for check in task.verifier if isinstance(check, AnswerCheck)]


def _answer_fault(check: AnswerCheck, turns: Sequence[str]) -> str:
    said, fault = _searched(check, turns)
    if fault:
        return fault
    place = _place(check, turns)
    for pattern in check.required:
        if not re.search(pattern, said, re.IGNORECASE):
            return f"{place}: nothing matches /{pattern}/"
    for pattern in check.forbidden:
        if found := re.search(pattern, said, re.IGNORECASE):
            return f'{place}: says "{found[0]}", which /{pattern}/ forbids'
    return ""


def _searched(check: AnswerCheck, turns: Sequence[str]) -> tuple[str, str]:
    """The text that a check searches, and ""; or why it searches none."""
    place = _place(check, turns)
    if check.turn is None:
        said = "\n\n".join(turns)
    else:
        number = _number(check.turn, turns)
        if not 0 <= number < len(turns):
            return "", f"{place}: the conversation has {len(turns)} user messages"
        said = turns[number]
    said = _GAP.sub(r"\1", said)
    if len(said) > LONGEST_ANSWER:
        most = LONGEST_ANSWER
        return "", f"{place}: {len(said)} characters, more than the {most} that are searched"
    return said, ""


def _place(check: AnswerCheck, turns: Sequence[str]) -> str:
    if check.turn is None:
        return "answer"
    return f"answer to user message {_number(check.turn, turns) + 1}"


def _number(turn: int, turns: Sequence[str]) -> int:
    return turn if turn >= 0 else len(turns) + turn


def _said(messages: Sequence[Message], replies: Collection[int] = ()) -> list[str]:
    """What the assistant said in each turn: after a user message that is no mere reply, up to the
    next one."""
    turns: list[list[str]] = []
    users = 0
    for message in messages:
        if message.role == "user":
            if users not in replies or not turns:
                turns.append([])
            users += 1
        elif message.role == "assistant" and turns and message.content:
            turns[-1].append(message.content)
    return ["\n\n".join(said) for said in turns]
