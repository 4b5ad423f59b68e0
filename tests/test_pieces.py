"""Documents made of pieces, against the same policy over single atoms and prompts built anew.

The reference writes every prompt from the messages before its step alone, compares atom by atom and
encodes atom by atom with the reference encoder; it shares no cut, no slice and no cache with what
it checks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from random import Random
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from harmony_cases import DATE, servers
from kappa_data.formats import pieces, vocabulary
from kappa_data.formats.construction import TrainOn
from kappa_data.formats.harmony import render_with_counts
from kappa_data.formats.pieces import OPEN, Piece, rendered
from kappa_data.formats.profiles import PROFILES, Profile
from kappa_data.formats.prompt import Server
from kappa_data.formats.switches import Switch, as_sent, edited, lifted, switches_of
from kappa_data.formats.vocabulary import CALL, CHANNEL, END, MESSAGE, RETURN, START, encoder
from kappa_data.records import Conversation, FunctionCall, Message
from random_talks import talk
from random_talks import tools as random_tools

Atoms = list[int | str]
OPENING: Atoms = [START, "assistant"]


def call_atoms(function: FunctionCall, server: Profile) -> Atoms:
    to = f" to=functions.{function.name}"
    tail: Atoms = [" ", vocabulary.CONSTRAIN, "json"] if server.constrain else [" json"]
    if server.recipient_first:
        head: Atoms = [to, CHANNEL, "commentary" + str(tail[0])]
    else:
        head = [CHANNEL, f"commentary{to}" + str(tail[0])]
    return [*head, *tail[1:], MESSAGE, function.arguments, CALL]


def stored(function: FunctionCall, server: Profile) -> FunctionCall:
    if server.arguments == "verbatim":
        return function
    try:
        return replace(function, arguments=json.dumps(json.loads(function.arguments)))
    except json.JSONDecodeError:
        return function


def tool_of(messages: list[Message], number: int, server: Profile) -> str:
    """The tool that a result is of, seen by a server that gets exactly these messages."""
    chat, wanted = server.history == "chat", messages[number].tool_call_id or ""
    for message in reversed(messages if chat else messages[:number]):
        for call in reversed(message.tool_calls):
            if call.id == wanted:
                return call.function.name
    return "" if chat else messages[number].name or ""


def history(messages: list[Message], number: int, server: Profile) -> list[tuple[str, Atoms]]:
    """Channel and atoms of each harmony message that one message becomes."""
    message = messages[number]
    if message.role == "user":
        return [("", [START, "user", MESSAGE, message.content, END])]
    if message.role == "tool":
        name = f"functions.{tool_of(messages, number, server)}"
        to = "commentary to=assistant"
        return [("", [START, name, CHANNEL, to, MESSAGE, message.content, END])]
    if message.role != "assistant":
        if server.history == "responses" and not message.content:
            return []
        return [("", [START, "developer", MESSAGE, f"# Instructions\n\n{message.content}", END])]
    beside = "commentary" if message.tool_calls and server.history != "responses" else "final"
    thought: list[tuple[str, Atoms]] = []
    if message.reasoning and server.echo_reasoning:
        body: Atoms = [CHANNEL, "analysis", MESSAGE, message.reasoning, END]
        thought = [("analysis", OPENING + body)]
    text: list[tuple[str, Atoms]] = []
    if message.content:
        text = [(beside, [*OPENING, CHANNEL, beside, MESSAGE, message.content, END])]
    calls = [
        ("call", OPENING + call_atoms(stored(each.function, server), server))
        for each in message.tool_calls
    ]
    if server.history == "chat" and message.tool_calls:
        return [*text, *thought, *calls]
    return [*thought, *text, *calls]


def flat(piled: Any) -> Atoms:
    return [atom for piece in piled for atom in piece]


def prompt(messages: list[Message], preamble: Atoms, server: Profile) -> Atoms:
    """What a server sends for these messages, all built for this one request."""
    first = 1 if lifted(messages) else 0
    parts = [p for n in range(first, len(messages)) for p in history(messages, n, server)]
    finals = [n for n, (channel, _) in enumerate(parts) if channel == "final"]
    last = finals[-1] if finals else -1
    kept = [atoms for n, (channel, atoms) in enumerate(parts) if channel != "analysis" or n > last]
    return [*preamble, *flat(kept), *OPENING]


def completion(message: Message, server: Profile) -> Atoms:
    """What the model emits for a message of at most one call."""
    made: Atoms = []
    if message.reasoning:
        made += [CHANNEL, "analysis", MESSAGE, message.reasoning, END, *OPENING]
    if not message.tool_calls:
        return [*made, CHANNEL, "final", MESSAGE, message.content, RETURN]
    if message.content:
        made += [CHANNEL, "commentary", MESSAGE, message.content, END, *OPENING]
    return made + call_atoms(message.tool_calls[0].function, server)


def reference(
    conversation: Conversation, server: Profile, switch: Switch, train_on: TrainOn
) -> Iterator[tuple[list[int], list[int]]]:
    """Ids and mask of every document; for conversations with at most one call in a message."""
    messages = list(conversation.messages)
    users = [n for n, message in enumerate(messages) if message.role == "user"]
    first = users[-1] if users and train_on == "last_turn" else 0
    open_: Atoms = []
    marks: list[int] = []
    for number, message in enumerate(messages):
        if message.role != "assistant" or not (message.content or message.tool_calls):
            continue
        if number < first or not message.train:
            continue
        before = messages[:number]
        if switch == "replaced" and switches_of(before):
            before = edited(before)
        preamble = flat(
            Server(before, conversation.tools, server, date=DATE, effort="low").preamble
        )
        wanted = prompt(before, preamble, server)
        if open_ and wanted[: len(open_)] != open_:
            yield encoded(open_, marks)
            open_, marks = [], []
        marks += [0] * (len(wanted) - len(open_))
        said = completion(message, server)
        open_, marks = wanted + said, marks + [1] * len(said)
    if open_:
        yield encoded(open_, marks)


def encoded(atoms: Atoms, marks: list[int]) -> tuple[list[int], list[int]]:
    encode = encoder("reference").encode
    ids: list[int] = []
    mask: list[int] = []
    for atom, mark in zip(atoms, marks, strict=True):
        new = [atom] if isinstance(atom, int) else encode(atom).tolist()
        ids += new
        mask += [mark] * len(new)
    return ids, mask


def single(random: Random) -> Conversation:
    """Random messages with everything odd, but no message of several calls."""
    messages = [
        replace(
            message,
            tool_calls=message.tool_calls[:1],
            train=message.role != "assistant" or random.random() < 0.8,
        )
        for message in talk(random)
    ]
    return Conversation("c", tuple(messages), json.dumps(random_tools(random)))


@settings(max_examples=120, deadline=None)
@given(
    st.randoms(use_true_random=False),
    servers,
    st.sampled_from(get_args(Switch)),
    st.sampled_from(["each_step", "last_turn"]),
    st.sampled_from(["verbatim", "reserialised"]),
)
def test_documents_of_pieces_are_those_of_single_atoms(
    random: Random, server: Profile, switch: Switch, train_on: TrainOn, arguments: Any
) -> None:
    server = replace(server, arguments=arguments)
    conversation = single(random)
    switch = as_sent(conversation.messages, switch)
    made, counts = render_with_counts(
        conversation, server, date=DATE, effort="low", switch=switch, train_on=train_on
    )
    wanted = list(reference(conversation, server, switch, train_on))
    assert [(each.ids.tolist(), each.mask.tolist()) for each in made] == wanted
    assert counts.tokens == len(as_said(conversation, server))


def as_said(conversation: Conversation, server: Profile) -> list[int]:
    """The whole conversation once, each assistant message as the model wrote it."""
    messages = list(conversation.messages)
    whole = flat(Server(messages, conversation.tools, server, date=DATE, effort="low").preamble)
    for number, message in enumerate(messages):
        if message.role == "assistant":
            if message.content or message.tool_calls:
                whole += OPENING + completion(message, server)
        elif number or not lifted(messages):
            # A result's name is here that of the nearest call before it.
            whole += flat(atoms for _, atoms in history(messages[: number + 1], number, server))
    return encoded(whole, [0] * len(whole))[0]


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), servers)
def test_the_cuts_of_a_prompt_follow_from_its_atoms(random: Random, server: Profile) -> None:
    """So prompts with the same atoms have the same pieces, and are compared by them alone."""
    messages = talk(random)
    built = Server(messages, None, server, date=DATE, effort=None)
    for step in range(len(messages) + 1):
        found = built.pieces(step)
        assert found == cut(flat(found))
        assert flat(found) == built.prompt(step)


def cut(atoms: Atoms) -> list[Piece]:
    """Behind every opening of the assistant and every end."""
    made: list[Piece] = []
    run: Atoms = []
    for atom in atoms:
        run.append(atom)
        if run == OPENING or atom in (END, CALL, RETURN):
            made.append(tuple(run))
            run = []
    return [*made, tuple(run)] if run else made


def test_each_text_of_a_conversation_is_encoded_once() -> None:
    asked: list[str] = []

    def encode(text: str) -> Any:
        asked.append(text)
        return vocabulary.encode(text)

    long = [f"{number} " + "words that are said once " * 4 for number in range(6)]
    messages = [Message("system", long[0])]
    for number in (1, 3):
        messages.append(Message("user", long[number]))
        messages.append(Message("assistant", long[number + 1], reasoning=long[5]))
    conversation = Conversation("c", tuple(messages))
    made, _ = render_with_counts(
        conversation, PROFILES["vllm-responses"], date=DATE, effort=None, encode=encode
    )
    assert len(made) == 2
    for text in long[1:]:
        assert asked.count(text) == 1
    assert sum(bool(re.search("Instructions", text)) for text in asked) == 1


def test_a_process_keeps_the_ids_of_few_short_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "MANY", 20)

    def encode(text: str) -> Any:
        return np.array([len(text)], np.int32)

    for number in range(50):
        said = [(START, f"user {number}", MESSAGE, "x" * (pieces.SHORT + 1), END), OPEN]
        _, tokens = rendered(said, [], encode)
        assert tokens == 7
    kept = pieces._kept(encode)
    assert len(kept) == 20
    assert all(isinstance(atom, int) or len(atom) <= pieces.SHORT for atom in kept)
