"""The settings of the sandbox, which several stages use. Read them from config.py."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

RUN_ONLY = "run only"
"""marks a setting that is no part of a stage's key; see config.py"""
GROUNDINGS = ("executed", "simulated", "unsafe-local")
"""where tool results may come from; see SandboxConfig"""


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """What one box may use. A call that takes more is stopped and says so; the box lives on.

    The upper bounds are there against slips: what is beyond them bounds nothing.
    """

    call_seconds: Annotated[
        float, Meta(gt=0, le=86_400, description="time limit of a tool call")
    ] = 10.0
    box_seconds: Annotated[
        float,
        Meta(
            gt=0, le=604_800, description="time limit of all tool calls of a conversation together"
        ),
    ] = 600.0
    output_chars: Annotated[int, Meta(gt=0, le=2_000_000, description="a tool result's length")] = (
        10_000
    )
    workspace_mb: Annotated[
        int, Meta(gt=0, le=2**20, description="disk of a conversation, in MB")
    ] = 64
    memory_mb: Annotated[
        int, Meta(gt=0, le=2**24, description="memory of all its processes, in MB")
    ] = 1024
    processes: Annotated[
        int, Meta(ge=8, le=2**22, description="processes and threads at a time")
    ] = 128
    files: Annotated[int, Meta(gt=0, le=10**9, description="files and folders")] = 4096
    # Linux takes no longer argument of a program (MAX_ARG_STRLEN, with its closing NUL).
    command_bytes: Annotated[int, Meta(gt=0, le=131_071, description="longest command")] = 100_000


class SandboxConfig(Limits, frozen=True, forbid_unknown_fields=True):
    """Where tool calls run: part of the question of every stage that runs some."""

    grounding: Annotated[
        str,
        Meta(
            description="executed: in a box; simulated: the teacher writes what tools would say;"
            " unsafe-local: on this machine, unprotected"
        ),
    ] = "executed"
    tools: Annotated[
        tuple[str, ...],
        Meta(description="files with tools of your own, offered beside the others"),
        RUN_ONLY,  # what is in the files is part of the question, and not where they lie
    ] = ()
    rootfs: Annotated[
        str,
        Meta(description="folder of an unpacked root whose programs the boxes have; '': /usr"),
        RUN_ONLY,  # the key holds the digest of its programs
    ] = ""
