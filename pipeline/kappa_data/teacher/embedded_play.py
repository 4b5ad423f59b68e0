"""What the embedded teacher says: the reference solution of a task, in a persona's voice.

A rule player. It learns of the task by the slot's id, and by the metadata what no message says:
which wish of the user is dealt with, who speaks, what is special. It finds its place by counting
messages, and says the same at the same place whatever came before: of a tool's result it sees only
whether the user denied the call.

A judge of pairs is told by `judge` what it is asked (embedded_judge.py). A writer of tasks is told
by `write` and `seed` of which family and number (blueprints.py), and by
`repair` how often its task was refused. Other metadata beside `slot` and `role`, all optional:
`turn`, the number of the user's wish from 0; `replies`, how many messages of the user belong to it
beside the first; `persona`, who speaks now; `special`, the kind of a special conversation;
`denied`, where a call of this turn was denied.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Collection, Mapping, Sequence
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
from kappa_data.sandbox.toolset import DENIED
from kappa_data.tasks.verify import call_groups
from kappa_data.teacher import blueprints
from kappa_data.teacher.draw import draw, label, pick
from kappa_data.teacher.embedded_judge import judged
from kappa_data.teacher.embedded_wire import Said
from kappa_data.teacher.sloppy import (
    INSTEAD_OF_ANSWER,
    INSTEAD_OF_CALLS,
    Scene,
    Sloppy,
    Spoil,
    sentences,
)

DONE, REPLY = "[DONE]", "[REPLY]"
ASKING = (
    "Before I start I need one thing from you, which your message leaves open and which I would "
    "rather not guess. Which one exactly do you mean?"
)
EXPLAINING = (
    "That call was denied, so it did not run. It is the next step of what you asked for, and it "
    "touches nothing else. May I go on with it?"
)
ALLOWING = ("Ah, all right. Go ahead.", "Fine, you may.", "OK then, go on.", "Yes, do it.")
CLOSING = "That was everything I can do here; I have nothing to add."
SIMULATED = "[simulated] The embedded teacher has no model to think up a result.\n[exit code 0]"
PREAMBLES = 0.15
"""share of the tool-calling messages that say a few words to the user"""
_TASKS = 512

SAME = {"same": True, "difference": ""}
"""what the judge says: a rule player cannot tell"""
_PLACEHOLDER = re.compile(r"^[ \t]*(\[\[[^\[\]\n]+ \d+\]\])[ \t]*$", re.MULTILINE)
_HELD = re.compile(r"```\n(\[\[[^\[\]\n]+ \d+\]\])\n```")

NOTHING: Mapping[str, str] = {}
Steps = tuple[ReferenceStep, ...]


class _Wanted(Struct, frozen=True):
    """What the writer is asked."""

    texts: list[str]


class Voice(Protocol):
    """How a persona says a plain text, and how a user words a wish (voice.py)."""

    def speak(
        self, persona: str | None, answer: str, *, kind: Literal["final", "preamble"], seed: str
    ) -> str: ...

    def say_as_user(self, text: str, *, seed: str) -> str: ...

    def neighbours(self, persona: str | None) -> Collection[tuple[str, str]]: ...


class Play(Struct, frozen=True):
    """One answer: `place` names the question that it answers, `slip` the fault planted in it."""

    message: Message
    place: str
    slip: str | None = None


class _Place(Struct, frozen=True):
    """Where a conversation is: the user's message `turn` (from 0), and the assistant's replies
    since. `done[i]` is how many of the turn's call groups had been made before reply i; its last
    entry is for the reply now due, and `left` is what is still to be called of that group."""

    turn: int
    done: tuple[int, ...]
    left: Steps


class Player:
    """Plays assistant, user and simulated tools of any task that `tasks` can make."""

    def __init__(self, tasks: Callable[[str], Task], voice: Voice, sloppy: Sloppy) -> None:
        self._task = functools.lru_cache(_TASKS)(tasks)
        self._voice = voice
        self._sloppy = sloppy

    def answer(
        self,
        slot: str,
        role: str,
        messages: Sequence[Said],
        tools: tuple[str, ...] = (),
        told: Mapping[str, str] = NOTHING,
    ) -> Play:
        """The answer of `role` at the place where `messages` end; `tools`: those offered; `told`:
        the metadata.

        UsageError: no such role, task or persona, or a number in `told` that is none.
        """
        task_id, colon, persona = slot.rpartition(":")
        if not colon:
            raise UsageError(f'slot "{slot}": write task:persona, such as family/0:none')
        persona = told.get("persona", persona)
        name = None if persona == "none" else persona
        # Saying nothing: an unknown persona shows here, not first where it has words to say.
        self._voice.speak(name, "", kind="final", seed="")
        if role == "user":
            return self._user(slot, self._task(task_id), messages, told)
        if role == "tool":
            return self._tool(slot, messages)
        if role == "writer" and "write" in told:
            return self._blueprint(slot, messages, told)
        if role == "writer":
            return self._writer(slot, name, messages)
        if role == "judge" and "judge" in told:
            shown = next((each.text for each in messages if each.role == "user"), "")
            value = judged(told["judge"], shown, name, self._voice.neighbours)
            return _json(f"{slot}|judge|{label(messages[-1].text)}", value)
        if role == "judge":
            return _json(f"{slot}|judge|{label(messages[-1].text)}", SAME)
        if role != "assistant":
            raise UsageError(
                f'role "{role}": this teacher plays "assistant", "user", "tool", "writer", "judge"'
            )
        return self._assistant(slot, name, self._task(task_id), messages, tools, told)

    def _tool(self, slot: str, messages: Sequence[Said]) -> Play:
        """It cannot know what a tool would print, and says so in the tool's place."""
        number = sum(message.role == "assistant" for message in messages)
        message = Message(role="assistant", content=SIMULATED, finish_reason="stop")
        return Play(message, f"{slot}|tool|{number}")

    def _user(
        self, slot: str, task: Task, messages: Sequence[Said], told: Mapping[str, str]
    ) -> Play:
        said = sum(message.role == "assistant" for message in messages)
        turn = _number(told, "turn", said - 1)
        asked = not _number(told, "replies", 0)
        special = told.get("special")
        if said == 0:
            text = task.opening
        elif special == "missing" and turn == 0 and asked and task.withheld is not None:
            text = f"{REPLY} {task.withheld.detail}"
        elif special == "denied" and "denied" in told and asked:
            text = f"{REPLY} {pick(ALLOWING, task.id, 'allow')}"
        elif turn < len(task.goals):
            # Keyed by the task: every persona is asked in the same words.
            text = self._voice.say_as_user(task.goals[turn], seed=f"{task.id}/{turn + 1}")
        else:
            text = DONE
        message = Message(role="assistant", content=text, finish_reason="stop")
        return Play(message, f"{slot}|user|{said}")

    def _writer(self, slot: str, persona: str | None, messages: Sequence[Said]) -> Play:
        """The texts of the last object among the user's messages, each in the voice."""
        said = [message.text for message in messages if message.role == "user"]
        number, texts = _texts(said)
        key = f"{slot}|writer|{number}.{len(said) - 1}"
        voiced = []
        for at, text in enumerate(texts, 1):
            kind: Literal["final", "preamble"] = "final" if at == len(texts) else "preamble"
            words = self._voice.speak(persona, _shielded(text), kind=kind, seed=f"{key}.{at}")
            voiced.append(_HELD.sub(r"\1", words))
        return _json(key, {"texts": voiced})

    def _blueprint(self, slot: str, messages: Sequence[Said], told: Mapping[str, str]) -> Play:
        """A task of a family, as a new one; asked again, another draw decides on its faults."""
        key = f"{slot}|write|{told.get('repair', '0')}.{len(messages)}"
        task = self._task(f"{told['write']}/{_number(told, 'seed', 0)}")
        kind = self._sloppy.kind(key, blueprints.KINDS)
        return Play(blueprints.blueprint(task, kind), key, kind)

    def _assistant(
        self,
        slot: str,
        persona: str | None,
        task: Task,
        messages: Sequence[Said],
        tools: tuple[str, ...],
        told: Mapping[str, str],
    ) -> Play:
        users = [index for index, message in enumerate(messages) if message.role == "user"]
        turn = _number(told, "turn", len(users) - 1)
        replies = _number(told, "replies", 0)
        begun = users[-1 - replies] if replies < len(users) else -1
        past = not 0 <= turn < len(task.reference)
        reference = ReferenceTurn(answer=CLOSING) if past else task.reference[turn]
        groups = call_groups(reference)
        place = _Place(turn, *_progress(messages[begun + 1 :], groups))
        key = f"{slot}|{place.turn}.{len(place.done) - 1}"
        if stopped := _stopped(task, messages, turn, replies, told):
            text = self._voice.speak(persona, stopped, kind="final", seed=key)
            return Play(Message(role="assistant", content=text, finish_reason="stop"), key)
        scene = Scene(
            key=key,
            plain=reference.answer,
            voice=lambda text: self._voice.speak(persona, text, kind="final", seed=key),
            brief=_brief(messages),
            tools=tools,
        )
        repeated = self._repeated(slot, place, groups, scene)
        if repeated is not None:
            return Play(self._calls(task, persona, place, groups[repeated], key), key, "loop")
        if place.left:
            message = self._calls(task, persona, place, place.left, key)
            spoils = INSTEAD_OF_CALLS
        else:
            message = Message(
                role="assistant",
                content=scene.voice(reference.answer),
                reasoning=reference.reasoning or None,
                finish_reason="stop",
            )
            spoils = INSTEAD_OF_ANSWER
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


def _progress(messages: Sequence[Said], groups: Sequence[Steps]) -> tuple[tuple[int, ...], Steps]:
    """For each of the assistant's `messages` in this turn, and for the one now due: how many call
    groups of the reference had been made; and what is left of the one that is due.

    A call that is not the reference's (one of the planted mistakes) does not count, so the player
    makes the right one next, as a model does that has read the error. One that the user denied is
    left to be made again.
    """
    step, left = 0, groups[0] if groups else ()
    done = [0]
    for index, said in enumerate(messages):
        if said.role != "assistant":
            continue
        if left and _made(said, left):
            denied = _denied(messages[index + 1 :])
            calls = zip(left, said.calls, strict=True)
            left = tuple(each for each, call in calls if call.id in denied)
            if not left:
                step += 1
                left = groups[step] if step < len(groups) else ()
        done.append(step)
    return tuple(done), left


def _denied(behind: Sequence[Said]) -> set[str | None]:
    """The ids of the denied calls among the results right behind them."""
    results = itertools.takewhile(lambda said: said.role == "tool", behind)
    return {said.tool_call_id for said in results if said.text.startswith(DENIED)}


def _stopped(
    task: Task, messages: Sequence[Said], turn: int, replies: int, told: Mapping[str, str]
) -> str:
    """What the assistant says where it has to ask the user before it goes on; else ""."""
    if told.get("special") == "missing" and (turn, replies) == (0, 0) and task.withheld:
        return ASKING
    last = list(itertools.takewhile(lambda said: said.role != "assistant", reversed(messages)))
    return EXPLAINING if _denied([each for each in last if each.role == "tool"]) else ""


def _number(told: Mapping[str, str], name: str, usual: int) -> int:
    text = told.get(name, f"{usual}")
    if not re.fullmatch(r"-?[0-9]{1,6}", text):
        raise UsageError(f'metadata: {name} = "{text}"; give a number')
    return int(text)


def _texts(said: Sequence[str]) -> tuple[int, list[str]]:
    """The number and the `texts` of the last message that has some; a complaint has none."""
    for number in range(len(said) - 1, -1, -1):
        try:
            return number, msgspec.json.decode(said[number], type=_Wanted).texts
        except msgspec.DecodeError:
            continue
    raise UsageError('role "writer": no message is an object with "texts"')


def _shielded(text: str) -> str:
    """Placeholders as blocks of code, which every voice leaves where they are."""
    return _PLACEHOLDER.sub(r"```\n\1\n```", text)


def _json(place: str, value: object) -> Play:
    message = Message(role="assistant", content=compact_json(value), finish_reason="stop")
    return Play(message, place)


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
