"""The server's side: the prompt that a profile builds from the messages so far.

A prompt is a list of atoms: an int is a special id, a str is text. Special ids can so never come
from content, two prompts are compared without encoding anything, and each text is encoded once.
Text is cut only where the tokenizer would cut anyway: between `assistant` and ` to=`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain, pairwise
from typing import NamedTuple

from kappa_data.formats.construction import Atom
from kappa_data.formats.profiles import Profile
from kappa_data.formats.switches import PERSONA, Switch, edited, lifted, switches_of
from kappa_data.formats.typescript import namespace, parse_tools
from kappa_data.formats.vocabulary import CALL, CHANNEL, CONSTRAIN, END, MESSAGE, START
from kappa_data.records import FunctionCall, Message

OPEN: tuple[Atom, ...] = (START, "assistant")  # opens a generation: the server writes it


class Part(NamedTuple):
    """One harmony message of the history; `channel` is None where it is not the assistant's."""

    channel: str | None
    atoms: tuple[Atom, ...]


def said(channel: str, text: str) -> tuple[Atom, ...]:
    """Header and body of an assistant message, without its opening and its stop."""
    return (CHANNEL, channel, MESSAGE, text)


def called(function: FunctionCall, profile: Profile) -> tuple[Atom, ...]:
    """Header and body of a tool call, without its opening and its stop."""
    to = f" to=functions.{function.name}"
    before, after = ((to,), "commentary") if profile.recipient_first else ((), f"commentary{to}")
    kind: tuple[Atom, ...] = (
        (f"{after} ", CONSTRAIN, "json") if profile.constrain else (f"{after} json",)
    )
    return (*before, CHANNEL, *kind, MESSAGE, function.arguments)


class Server:
    """What a server of this profile writes for one conversation.

    `date` is the ISO date and `effort` the reasoning effort of the request; a profile may fix the
    one and has a default for the other. `switch` says how the client sends a persona that changes
    in mid-conversation, see `edited`. Raises msgspec.MsgspecError if `tools` is malformed.
    """

    def __init__(
        self,
        messages: Sequence[Message],
        tools: str | None,
        profile: Profile,
        *,
        date: str,
        effort: str | None,
        switch: Switch = "in_place",
    ) -> None:
        self._profile = profile
        leading = messages[0].content if lifted(messages) else None
        self.preamble = _preamble(leading, tools, profile, date, effort)
        names, renamed = _tool_names(messages, profile)
        self._history = [
            self._parts(message, names[number]) if number or leading is None else []
            for number, message in enumerate(messages)
        ]
        self._renamed = [
            (since, number, self._parts(messages[number], name)) for since, number, name in renamed
        ]
        switches = switches_of(messages) if switch == "replaced" else []
        self._after: list[tuple[int, int, Server]] = []  # a switch, messages less, what follows
        for since, end in pairwise([*switches, len(messages)]):
            sent = edited(messages[:end])
            server = Server(sent, tools, profile, date=date, effort=effort)
            self._after.append((since, end - len(sent), server))

    def prompt(self, step: int) -> list[Atom]:
        """The atoms before the generation of message `step`, `<|start|>assistant` included.

        A final answer ends the life of the reasoning before it: vLLM drops the analysis before
        the last final of the history.
        """
        for since, fewer, server in reversed(self._after):
            if since < step:
                return server.prompt(step - fewer)
        shown = self._history[:step]
        for since, number, parts in self._renamed:
            if since < step:
                shown[number] = parts
        history = list(chain.from_iterable(shown))
        last_final = max(
            (number for number, part in enumerate(history) if part.channel == "final"), default=-1
        )
        kept = (
            part.atoms
            for number, part in enumerate(history)
            if part.channel != "analysis" or number > last_final
        )
        return [*self.preamble, *chain.from_iterable(kept), *OPEN]

    def history(self, number: int) -> list[Atom]:
        """The atoms of one message as history, with the reasoning that the client sends back.

        A switch of the persona stands in place here, whatever `switch` is.
        """
        return list(chain.from_iterable(part.atoms for part in self._history[number]))

    def _parts(self, message: Message, tool: str) -> list[Part]:
        """What becomes of one message when it is history."""
        if message.role == "assistant":
            return self._assistant(message)
        if message.role == "tool":
            header = (START, f"functions.{tool}", CHANNEL, "commentary to=assistant", MESSAGE)
            return [Part(None, (*header, message.content, END))]
        if message.role == "user":
            return [Part(None, (START, "user", MESSAGE, message.content, END))]
        if not message.content and self._profile.history == "responses":
            return []
        text = f"# Instructions\n\n{message.content}"
        return [Part(None, (START, "developer", MESSAGE, text, END))]

    def _assistant(self, message: Message) -> list[Part]:
        profile = self._profile
        beside = (
            "final" if profile.history == "responses" or not message.tool_calls else "commentary"
        )
        reasoning = [
            Part("analysis", (*OPEN, *said("analysis", text), END))
            for text in [message.reasoning]
            if text and profile.echo_reasoning
        ]
        visible = [
            Part(beside, (*OPEN, *said(beside, text), END)) for text in [message.content] if text
        ]
        calls = [
            Part("commentary", (*OPEN, *called(self._stored(call.function), profile), CALL))
            for call in message.tool_calls
        ]
        if profile.history == "chat" and message.tool_calls:
            return [*visible, *reasoning, *calls]
        return [*reasoning, *visible, *calls]

    def _stored(self, function: FunctionCall) -> FunctionCall:
        """A call as the client holds it."""
        if self._profile.arguments == "verbatim":
            return function
        try:
            return FunctionCall(function.name, json.dumps(json.loads(function.arguments)))
        except json.JSONDecodeError:
            return function


def _preamble(
    leading: str | None, tools: str | None, profile: Profile, date: str, effort: str | None
) -> tuple[Atom, ...]:
    """System message and developer message; `leading` is the request's first system message."""
    identity, instructions = profile.identity, leading
    if profile.persona == "identity" and leading is not None and leading.startswith(PERSONA):
        identity, _, instructions = leading.partition("\n")
        instructions = instructions.strip("\n") or None
    section = _tools_section(tools)
    system = (
        f"{identity}\nKnowledge cutoff: {profile.cutoff}\nCurrent date: {profile.date or date}\n\n"
        f"Reasoning: {effort or profile.effort}\n\n# Valid channels: "
        f"{profile.channels if section else profile.channels_without_tools}. "
        "Channel must be included for every message."
    )
    if section:
        system += "\nCalls to these tools must go to the commentary channel: 'functions'."
    atoms: tuple[Atom, ...] = (START, "system", MESSAGE, system, END)
    if not instructions and not section:
        return atoms
    sections = [] if instructions is None else ["# Instructions", instructions]
    developer = "\n\n".join([*sections, *([section] if section else [])])
    return (*atoms, START, "developer", MESSAGE, developer, END)


@lru_cache(maxsize=256)  # a data set has few sets of tools and many conversations
def _tools_section(tools: str | None) -> str:
    """The `# Tools` section, '' without tools."""
    parsed = parse_tools(tools)
    return namespace(parsed) if parsed else ""


def _tool_names(
    messages: Sequence[Message], profile: Profile
) -> tuple[list[str], list[tuple[int, int, str]]]:
    """For each message the tool that it answers for, '' for messages that are no tool results.

    That is the tool of the nearest call with its id before it, else the name that it carries
    itself. vLLM's chat interface knows no such name, and looks for the id in the whole request, of
    which it takes the last call: where an id comes back, the second list says from which message on
    (first index) a result (second index) gets another name.
    """
    chat = profile.history == "chat"
    calls: dict[str, str] = {}
    results: dict[str, list[int]] = {}
    names: list[str] = []
    renamed: list[tuple[int, int, str]] = []
    for number, message in enumerate(messages):
        for call in message.tool_calls:
            calls[call.id] = name = call.function.name
            renamed += [(number, each, name) for each in results.get(call.id, ()) if chat]
        answered = message.tool_call_id or ""
        if message.role == "tool":
            results.setdefault(answered, []).append(number)
            names.append(calls.get(answered, "" if chat else message.name or ""))
        else:
            names.append("")
    return names, renamed
