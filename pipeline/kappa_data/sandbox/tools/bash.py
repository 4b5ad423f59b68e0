"""bash: runs a command. Its `run` works inside the box: standard library only."""

from __future__ import annotations

import os

from kappa_data.sandbox.workspace import Arguments, State

DESCRIPTION = (
    "Run a command with bash in the folder /workspace and return its output, standard error "
    "included. Every call starts a new shell; files stay, variables and background processes do "
    "not. There is no network."
)
PARAMETERS = {
    "type": "object",
    "properties": {"command": {"type": "string", "description": "The command to run."}},
    "required": ["command"],
    "additionalProperties": False,
}


def run(arguments: Arguments, state: State) -> str:
    """Becomes the shell; what it writes and its exit code are the result."""
    os.execv("/bin/bash", ["bash", "--noprofile", "--norc", "-c", arguments["command"]])
