"""The command line's flags for the sandbox: where tool calls run, and which tools there are.

They set fields of the table [sandbox], which plan and generate share: what one of them was told
holds for the other.
"""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer

from kappa_data.errors import UsageError

TABLE = "sandbox"
PANEL = "Where tool calls run"

FLAGS: dict[str, Any] = {
    "rootfs": Annotated[
        str | None,
        typer.Option(
            "--rootfs",
            metavar="DIR",
            help="an unpacked root whose programs the boxes have, in place of this machine's /usr",
            rich_help_panel=PANEL,
        ),
    ],
    "tool": Annotated[
        list[str] | None,
        typer.Option(
            "--tool",
            metavar="FILE",
            help="a file with a tool of your own; may be repeated",
            rich_help_panel=PANEL,
        ),
    ],
    "simulate_tools": Annotated[
        bool,
        typer.Option(
            "--simulate-tools",
            help="nothing runs: the teacher writes what tools would say; stamped in every record",
            rich_help_panel=PANEL,
        ),
    ],
    "unsafe_local": Annotated[
        bool,
        typer.Option(
            "--unsafe-local",
            help="tool calls run on this machine, with your rights and without any protection; "
            "needs KAPPA_UNSAFE_LOCAL=1 in the environment too; stamped in every record",
            rich_help_panel=PANEL,
        ),
    ],
}


def parameters() -> list[inspect.Parameter]:
    """The flags as parameters of a command."""
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=False if name in ("simulate_tools", "unsafe_local") else None,
            annotation=annotation,
        )
        for name, annotation in FLAGS.items()
    ]


def taken(values: dict[str, Any]) -> dict[str, Any]:
    """Takes the flags out of `values`; the settings of [sandbox] that were given by them."""
    rootfs, tools, simulated, unsafe = (values.pop(name) for name in FLAGS)
    if simulated and unsafe:
        raise UsageError("--simulate-tools and --unsafe-local: nothing runs, or it runs; say one")
    given: dict[str, Any] = {}
    if rootfs is not None:
        given["rootfs"] = rootfs
    if tools:
        given["tools"] = tuple(tools)
    if simulated or unsafe:
        given["grounding"] = "simulated" if simulated else "unsafe-local"
    return given
