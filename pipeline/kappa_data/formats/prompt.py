"""The server's side: the prompt that a profile builds from the messages so far.

A prompt is a list of pieces, and a piece a run of atoms: an int is a special id, a str is text.
Special ids can so never come from content, two prompts are compared without encoding anything, and
each text is encoded once. Text is cut only where the tokenizer would cut anyway: between
`assistant` and ` to=`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain, pairwise

from kappa_data.formats.construction import Atom
from kappa_data.formats.pieces import OPEN, Piece
from kappa_data.formats.profiles import Profile
from kappa_data.formats.switches import PERSONA, Switch, edited, lifted, switches_of
from kappa_data.formats.typescript import namespace, parse_tools
from kappa_data.formats.vocabulary import CALL, CHANNEL, CONSTRAIN, END, MESSAGE, START
from kappa_data.records import FunctionCall, Message


def said(channel: str, text: str, stop: int) -> Piece:
    """An assistant message behind its opening."""
    return (CHANNEL, channel, MESSAGE, text, stop)


def called(function: FunctionCall, profile: Profile) -> Piece:
    """A tool call behind its opening."""
    to = f" to=functions.{function.name}"
    before, after = ((to,), "commentary") if profile.recipient_first else ((), f"commentary{to}")
    kind: tuple[Atom, ...] = (
        (f"{after} ", CONSTRAIN, "json") if profile.constrain else (f"{after} json",)
    )
    return (*before, CHANNEL, *kind, MESSAGE, function.arguments, CALL)


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
        # The history with reasoning and without, and where each message starts in them.
        self._whole: list[Piece] = []
        self._silent: list[Piece] = []
        self._whole_at, self._silent_at = [0], [0]
        self._final = [0]  # for each message, how many there are up to the last final before it
        for number, message in enumerate(messages):
            shown = bool(number) or leading is None
            final = shown and self._add(message, names[number])
            self._final.append(number + 1 if final else self._final[-1])
            self._whole_at.append(len(self._whole))
            self._silent_at.append(len(self._silent))
        self._renamed = [
            (since, number, _result(messages[number], name)) for since, number, name in renamed
        ]
        switches = switches_of(messages) if switch == "replaced" else []
        self._after: list[tuple[int, int, Server]] = []  # a switch, messages less, what follows
        for since, end in pairwise([*switches, len(messages)]):
            sent = edited(messages[:end])
            server = Server(sent, tools, profile, date=date, effort=effort)
            self._after.append((since, end - len(sent), server))

    def prompt(self, step: int) -> list[Atom]:
        """The atoms of `pieces`."""
        return list(chain.from_iterable(self.pieces(step)))

    def pieces(self, step: int) -> list[Piece]:
        """What is before the generation of message `step`, `<|start|>assistant` included.

        A final answer ends the life of the reasoning before it: vLLM drops the analysis before
        the last final of the history.
        """
        for since, fewer, server in reversed(self._after):
            if since < step:
                return server.pieces(step - fewer)
        final = self._final[step]  # no profile puts a message's reasoning behind its final
        start = self._whole_at[final]
        older = self._silent[: self._silent_at[final]]
        newer = self._whole[start : self._whole_at[step]]
        for since, number, result in self._renamed:
            if since < step and number < final:
                older[self._silent_at[number]] = result
            elif since < step:
                newer[self._whole_at[number] - start] = result
        return [*self.preamble, *older, *newer, OPEN]

    def history(self, number: int) -> list[Piece]:
        """One message as history, with the reasoning that the client sends back.

        A switch of the persona stands in place here, whatever `switch` is.
        """
        return self._whole[self._whole_at[number] : self._whole_at[number + 1]]

    def _add(self, message: Message, tool: str) -> bool:
        """Adds what becomes of a message when it is history; whether that holds a final answer."""
        if message.role == "assistant":
            return self._add_assistant(message)
        piece: Piece
        if message.role == "tool":
            piece = _result(message, tool)
        elif message.role == "user":
            piece = (START, "user", MESSAGE, message.content, END)
        elif message.content or self._profile.history != "responses":
            piece = (START, "developer", MESSAGE, f"# Instructions\n\n{message.content}", END)
        else:
            return False
        self._whole.append(piece)
        self._silent.append(piece)
        return False

    def _add_assistant(self, message: Message) -> bool:
        profile, content, calls = self._profile, message.content, message.tool_calls
        beside = "final" if profile.history == "responses" or not calls else "commentary"
        reasoning: list[Piece] = []
        if message.reasoning and profile.echo_reasoning:
            reasoning = [OPEN, said("analysis", message.reasoning, END)]
        visible = [OPEN, said(beside, content, END)] if content else []
        made: list[Piece] = []
        for call in calls:
            made += (OPEN, called(self._stored(call.function), profile))
        if profile.history == "chat" and calls:
            self._whole += (*visible, *reasoning, *made)
        else:
            self._whole += (*reasoning, *visible, *made)
        self._silent += (*visible, *made)
        return bool(content) and beside == "final"

    def _stored(self, function: FunctionCall) -> FunctionCall:
        """A call as the client holds it."""
        if self._profile.arguments == "verbatim":
            return function
        try:
            return FunctionCall(function.name, json.dumps(json.loads(function.arguments)))
        except (json.JSONDecodeError, RecursionError):
            return function


def _result(message: Message, tool: str) -> Piece:
    """What a tool gave back, as history."""
    to = "commentary to=assistant"
    return (START, f"functions.{tool}", CHANNEL, to, MESSAGE, message.content, END)


def _preamble(
    leading: str | None, tools: str | None, profile: Profile, date: str, effort: str | None
) -> tuple[Piece, ...]:
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
    first = (START, "system", MESSAGE, system, END)
    if not instructions and not section:
        return (first,)
    sections = [] if instructions is None else ["# Instructions", instructions]
    developer = "\n\n".join([*sections, *([section] if section else [])])
    return (first, (START, "developer", MESSAGE, developer, END))


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
