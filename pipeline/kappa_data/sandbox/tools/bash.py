"""bash: runs a command."""

from __future__ import annotations

import os


def bash(command: str) -> str:
    """Run a command with bash in the folder /workspace and return its output, standard error
    included. Every call starts a new shell; files stay, variables and background processes do not.
    There is no network.

    Args:
        command: The command to run.
    """
    # This process becomes the shell: what it writes and its exit code are the result.
    os.execv("/bin/bash", ["bash", "--noprofile", "--norc", "-c", command])
