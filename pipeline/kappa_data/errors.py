"""One error type per boundary.

    KappaError                 anything below; carries the exit code of the command line
    ├── UsageError        2    a flag, a config value, a file or a folder that cannot be used
    ├── StageError        1    a stage ran and could not do its work
    ├── Stopped           3    an interrupt, a budget, a full disk, slots unfinished; all is saved
    └── EnvironmentLacks  4    the machine or the endpoint lacks something
        ├── TeacherDown        the teacher's endpoint: wrong key, no answer, no such model
        └── SandboxDown        the sandbox: missing, failing its self-test, or a box that died

A message is one line: the place, what is wrong, the next step. A *sample* that is wrong is not an
error: it gets a Finding (records.py). Our own mistakes are ordinary exceptions and are not caught.
"""

from __future__ import annotations

from typing import Any


class KappaError(Exception):
    """Base of all expected failures; `exit_code` is what the command returns.

    `figures` are what --json says beside the message, such as what was spent until then.
    """

    exit_code = 1

    def __init__(self, *words: object) -> None:
        super().__init__(*words)
        self.figures: dict[str, Any] = {}


class UsageError(KappaError):
    """Bad usage or configuration: the user can mend it by typing something else."""

    exit_code = 2


class StageError(KappaError):
    """A stage ran and failed, for instance because no record is left."""

    exit_code = 1


class Stopped(KappaError):
    """Stopped by an interrupt, a budget, a full disk or slots unfinished; all is saved: run it
    again."""

    exit_code = 3


class EnvironmentLacks(KappaError):
    """Something outside the program is missing; the message says how to get it."""

    exit_code = 4


class TeacherDown(EnvironmentLacks):
    """The teacher's endpoint cannot be used at all (not: one answer failed)."""


class SandboxDown(EnvironmentLacks):
    """The sandbox cannot be used, or a box died. Never shown as the output of a tool."""
