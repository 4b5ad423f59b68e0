"""Server profiles: how one server, in one version, turns a conversation into a prompt, as data.

A model has to be trained on the prompts that it will see. Two interfaces of the same server build
different histories from the same messages, and a client may or may not send reasoning back, so
each combination is a profile of its own.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from kappa_data.config import nearest
from kappa_data.errors import UsageError

# chat:      what is said beside calls is commentary and stands before the reasoning
# responses: reasoning, then what is said, always as final, then calls: the client's own order
# emitted:   reasoning, commentary, calls: the order in which the model wrote them
History = Literal["chat", "responses", "emitted"]


class Profile(Struct, frozen=True):
    """What a server writes. The fields that are texts go into the prompt as they are."""

    name: str
    server: Annotated[str, Meta(description="server, version and interface that are imitated")]
    identity: Annotated[str, Meta(description="first line of the system message")]
    persona: Annotated[
        Literal["instructions", "identity"],
        Meta(description="where a leading `Persona: x` goes: developer message, or first line"),
    ]
    channels: Annotated[str, Meta(description="the valid channels, where there are tools")]
    channels_without_tools: str
    history: History
    echo_reasoning: Annotated[bool, Meta(description="the client sends reasoning back")]
    recipient_first: Annotated[
        bool, Meta(description="header of a call: ` to=functions.x` before the channel, or after")
    ]
    constrain: Annotated[
        bool, Meta(description="header of a call ends in ` <|constrain|>json`, or in ` json`")
    ]
    arguments: Annotated[
        Literal["verbatim", "reserialised"],
        Meta(
            description="arguments in history: as the assistant wrote them, or through a JSON"
            " parser and back, as a server does that hands out parsed calls"
        ),
    ] = "verbatim"
    missing_reasoning: Annotated[
        Literal["omit", "untrain"],
        Meta(
            description="a step without reasoning: no analysis message at all, which also teaches"
            " to skip it, or context that is no target"
        ),
    ] = "omit"
    cutoff: str = "2024-06"
    date: Annotated[str | None, Meta(description="a fixed date; None: the date of the request")] = (
        None
    )
    effort: Annotated[str, Meta(description="reasoning effort where the request has none")] = (
        "medium"
    )


VLLM_RESPONSES = Profile(
    name="vllm-responses",
    server="vLLM 0.33, /v1/responses, reasoning items sent back",
    identity="You are ChatGPT, a large language model trained by OpenAI.",
    persona="instructions",
    channels="analysis, commentary, final",
    channels_without_tools="analysis, commentary, final",
    history="responses",
    echo_reasoning=True,
    recipient_first=True,
    constrain=False,
)

VLLM_CHAT = replace(
    VLLM_RESPONSES,
    name="vllm-chat",
    server="vLLM 0.33, /v1/chat/completions, reasoning not sent back",
    history="chat",
    echo_reasoning=False,
)

# The format of the first persona_kappa series.
KAPPA = Profile(
    name="kappa",
    server="none: the format of the first series of persona models",
    identity="",
    persona="identity",
    channels="analysis, commentary, final",
    channels_without_tools="analysis, final",
    history="emitted",
    echo_reasoning=True,
    recipient_first=False,
    constrain=True,
)

PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        VLLM_RESPONSES,
        replace(
            VLLM_RESPONSES,
            name="vllm-responses-no-echo",
            server="vLLM 0.33, /v1/responses, reasoning items not sent back",
            echo_reasoning=False,
        ),
        VLLM_CHAT,
        replace(
            VLLM_CHAT,
            name="vllm-chat-echo",
            server="vLLM 0.33, /v1/chat/completions, reasoning sent back",
            echo_reasoning=True,
        ),
        KAPPA,
    )
}


def profile(name: str) -> Profile:
    """The profile of that name; UsageError with the nearest name if there is none."""
    if name not in PROFILES:
        raise UsageError(f'tokenize.profile: there is no "{name}"; {nearest(name, PROFILES)}')
    return PROFILES[name]
