"""Writes docs/commands.md: what `--help` says, for the program and for every command.

    python scripts/write_commands.py [FILE]

The help is printed by the program itself, in this process, 100 columns wide and without colour.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "docs" / "commands.md"
TERMINAL = {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
# They force colours or another width, or change the defaults that are shown.
UNWANTED = ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "TERMINAL_WIDTH")
HEAD = """# Commands

What `kappa-data --help` and `kappa-data COMMAND --help` print; written by
`python scripts/write_commands.py`. A setting that has no flag here is reached by `--set`.
"""


def page() -> str:
    """The whole page, as Markdown."""
    for name in UNWANTED:
        os.environ.pop(name, None)
    os.environ.update(TERMINAL)
    # Imported now: typer looks at the environment when it is loaded.
    from typer.main import get_group

    from kappa_data.cli import app

    return "\n".join([HEAD, *map(section, paths(get_group(app), []))])


def paths(command: Any, path: list[str]) -> Iterator[list[str]]:
    """The words of a command, then those of the commands within it."""
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from paths(inner, [*path, name])


def section(command: list[str]) -> str:
    """One command's heading and help."""
    from kappa_data.cli import app

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        app([*command, "--help"], prog_name="kappa-data", standalone_mode=False)
    text = "\n".join(line.rstrip() for line in printed.getvalue().splitlines()).strip("\n")
    title = " ".join(["kappa-data", *command])
    return f"## {title}\n\n```text\n{text}\n```\n"


def main() -> None:
    """Writes the page to the file named on the command line, else to docs/."""
    target = Path(sys.argv[1]) if sys.argv[1:] else TARGET
    target.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
