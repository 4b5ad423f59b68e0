"""What the embedded teacher says: the reference solution of a task, in a persona's voice.

A rule player. It learns of the task by the slot's id alone, finds its place by counting messages,
and says the same at the same place whatever came before: it never looks at a tool's result.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec
from msgspec import Struct

from kappa_data.errors import UsageError
from kappa_data.records import (
    FunctionCall,
    Message,
    ReferenceStep,
    ReferenceTurn,
    Task,
    ToolCall,
    compact_json,
)
from kappa_data.tasks.verify import call_groups
from kappa_data.teacher.draw import draw, label
from kappa_data.teacher.embedded_wire import Said
from kappa_data.teacher.sloppy import (
    INSTEAD_OF_ANSWER,
    INSTEAD_OF_CALLS,
    Scene,
    Sloppy,
    Spoil,
    sentences,
)

DONE = "[DONE]"
CLOSING = "That was everything I can do here; I have nothing to add."
SIMULATED = "[simulated] The embedded teacher has no model to think up a result.\n[exit code 0]"
PREAMBLES = 0.15
"""share of the tool-calling messages that say a few words to the user"""
_TASKS = 512

Steps = tuple[ReferenceStep, ...]


class Voice(Protocol):
    """How a persona says a plain text, and how a user words a wish (voice.py)."""

    def speak(
        self, persona: str | None, answer: str, *, kind: Literal["final", "preamble"], seed: str
    ) -> str: ...

    def say_as_user(self, text: str, *, seed: str) -> str: ...


class Play(Struct, frozen=True):
    """One answer: `place` names the question that it answers, `slip` the fault planted in it."""

    message: Message
    place: str
    slip: str | None = None


class _Place(Struct, frozen=True):
    """Where a conversation is: the user's message `turn` (from 0), and the assistant's replies
    since. `done[i]` is how many of the turn's call groups had been made before reply i; its last
    entry is for the reply now due."""

    turn: int
    done: tuple[int, ...]


class Player:
    """Plays assistant, user and simulated tools of any task that `tasks` can make."""

    def __init__(self, tasks: Callable[[str], Task], voice: Voice, sloppy: Sloppy) -> None:
        self._task = functools.lru_cache(_TASKS)(tasks)
        self._voice = voice
        self._sloppy = sloppy

    def answer(
        self, slot: str, role: str, messages: Sequence[Said], tools: tuple[str, ...] = ()
    ) -> Play:
        """The answer of `role` at the place where `messages` end; `tools`: those offered.

        UsageError: no such role, task or persona.
        """
        task_id, colon, persona = slot.rpartition(":")
        if not colon:
            raise UsageError(f'slot "{slot}": write task:persona, such as family/0:none')
        name = None if persona == "none" else persona
        # Saying nothing: an unknown persona shows here, not first where it has words to say.
        self._voice.speak(name, "", kind="final", seed="")
        if role == "user":
            return self._user(slot, self._task(task_id), messages)
        if role == "tool":
            return self._tool(slot, messages)
        if role != "assistant":
            raise UsageError(f'role "{role}": this teacher plays "assistant", "user" or "tool"')
        return self._assistant(slot, name, self._task(task_id), messages, tools)

    def _tool(self, slot: str, messages: Sequence[Said]) -> Play:
        """It cannot know what a tool would print, and says so in the tool's place."""
        number = sum(message.role == "assistant" for message in messages)
        message = Message(role="assistant", content=SIMULATED, finish_reason="stop")
        return Play(message, f"{slot}|tool|{number}")

    def _user(self, slot: str, task: Task, messages: Sequence[Said]) -> Play:
        said = sum(message.role == "assistant" for message in messages)
        if said == 0:
            text = task.opening
        elif said <= len(task.goals):
            # Keyed by the task: every persona is asked in the same words.
            text = self._voice.say_as_user(task.goals[said - 1], seed=f"{task.id}/{said}")
        else:
            text = DONE
        message = Message(role="assistant", content=text, finish_reason="stop")
        return Play(message, f"{slot}|user|{said}")

    def _assistant(
        self,
        slot: str,
        persona: str | None,
        task: Task,
        messages: Sequence[Said],
        tools: tuple[str, ...],
    ) -> Play:
        turn = sum(message.role == "user" for message in messages) - 1
        past = not 0 <= turn < len(task.reference)
        reference = ReferenceTurn(answer=CLOSING) if past else task.reference[turn]
        groups = call_groups(reference)
        place = _Place(turn, _progress(messages, groups))
        key = f"{slot}|{place.turn}.{len(place.done) - 1}"
        scene = Scene(
            key=key,
            plain=reference.answer,
            voice=lambda text: self._voice.speak(persona, text, kind="final", seed=key),
            brief=_brief(messages),
            tools=tools,
        )
        repeated = self._repeated(slot, place, groups, scene)
        step = place.done[-1] if repeated is None else repeated
        if step < len(groups):
            message = self._calls(task, persona, place, groups[step], key)
            spoils = INSTEAD_OF_CALLS
        else:
            message = Message(
                role="assistant",
                content=scene.voice(reference.answer),
                reasoning=reference.reasoning or None,
                finish_reason="stop",
            )
            spoils = INSTEAD_OF_ANSWER
        if repeated is not None:
            return Play(message, key, "loop")
        kind = self._sloppy.kind(key, _possible(spoils, scene, persona))
        spoilt = spoils[kind](message, scene) if kind else message
        return Play(spoilt, key, kind if spoilt != message else None)

    def _calls(
        self, task: Task, persona: str | None, place: _Place, group: Steps, key: str
    ) -> Message:
        # Keyed by the task: at the same place every persona says something, or none does.
        spot = f"{task.id}|{place.turn}.{len(place.done) - 1}"
        content = ""
        if draw(spot, "preamble") < PREAMBLES:
            content = self._voice.speak(persona, "", kind="preamble", seed=key)
        calls = tuple(
            ToolCall(
                id=f"call_{label(key, index)}",
                function=FunctionCall(step.tool, compact_json(step.arguments)),
            )
            for index, step in enumerate(group)
        )
        return Message(
            role="assistant",
            content=content,
            reasoning=group[0].reasoning or None,
            tool_calls=calls,
            finish_reason="tool_calls",
        )

    def _repeated(
        self, slot: str, place: _Place, groups: Sequence[Steps], scene: Scene
    ) -> int | None:
        """The group that a loop begun at an earlier reply of this turn is stuck in."""
        for reply, done in enumerate(place.done[:-1]):
            possible = _possible(INSTEAD_OF_CALLS, scene, None)
            if done < len(groups) and (
                self._sloppy.kind(f"{slot}|{place.turn}.{reply}", possible) == "loop"
            ):
                return done
        return None


def _progress(messages: Sequence[Said], groups: Sequence[Steps]) -> tuple[int, ...]:
    """For each assistant message since the last user message, and for the one now due: how many
    call groups of the reference had been made.

    A call that is not the reference's (one of the planted mistakes) does not count, so the player
    makes the right one next, as a model does that has read the error.
    """
    last = max((i for i, said in enumerate(messages) if said.role == "user"), default=-1)
    done = [0]
    for said in messages[last + 1 :]:
        if said.role == "assistant":
            step = done[-1]
            done.append(step + (step < len(groups) and _made(said, groups[step])))
    return tuple(done)


def _made(said: Said, group: Steps) -> bool:
    wanted = [(step.tool, step.arguments) for step in group]
    try:
        return [
            (call.function.name, msgspec.json.decode(call.function.arguments))
            for call in said.calls
        ] == wanted
    except msgspec.DecodeError:
        return False


def _possible(spoils: Mapping[str, Spoil], scene: Scene, persona: str | None) -> set[str]:
    """What can go wrong here: only a persona has a voice to lose, only a brief can leak."""
    lacking = {"voice_lost": persona is None, "brief_leaked": not scene.brief}
    return {kind for kind in spoils if not lacking.get(kind)}


def _brief(messages: Sequence[Said]) -> tuple[str, ...]:
    system = [said.text for said in messages if said.role in ("system", "developer")]
    return sentences(system[0]) if system else ()
