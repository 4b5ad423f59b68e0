"""Draws the README's pictures: a conversation, and its tokens coloured by loss mask.

    python scripts/write_images.py

A small dataset is built in a temporary folder with the embedded teacher; each picture is the
program's own terminal output as SVG, cut after some lines.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.text import Text

from kappa_data.browse import find
from kappa_data.config import TokenizeConfig
from kappa_data.formats.samples import choices, samples
from kappa_data.recipe import newest
from kappa_data.records import Conversation
from kappa_data.show import show_conversation, show_tokens

FOLDER = Path(__file__).parents[1] / "docs" / "images"
CONVERSATION = "log_forensics/0:chaotic_evil"
RUN = ("--families", "log_forensics", "--tasks", "1", "--personas", "chaotic_evil")
WIDTH, LINES = 108, 58


def main() -> None:
    """Writes conversation.svg and tokens.svg."""
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "kappa_data", "generate", "-q", *RUN]
        subprocess.run(command, cwd=place, check=True, stdout=subprocess.DEVNULL)
        root = Path(place) / "data" / "persona_kappa"
        made = newest(root, "generate")
        assert made is not None
        conversation = find(root, [made], CONVERSATION, None).conversation
    draw("conversation", f"kappa-data show {CONVERSATION}", 0, conversation, show_conversation)
    draw("tokens", f"kappa-data show {CONVERSATION} --tokens", 40, conversation, tokens)


def tokens(console: Console, conversation: Conversation) -> None:
    """The conversation's first training document."""
    made, _ = samples(conversation, choices(TokenizeConfig()))
    show_tokens(console, made[0].ids, made[0].mask)


def draw(
    name: str,
    title: str,
    skip: int,
    conversation: Conversation,
    show: Callable[[Console, Conversation], None],
) -> None:
    """Writes LINES lines of what `show` prints, less those of the long tool schemas."""
    first = Console(record=True, width=WIDTH, force_terminal=True, color_system="truecolor")
    with first.capture() as shown:
        show(first, conversation)
    lines = shown.get().splitlines()
    lines = [*lines[:12], "...", *lines[12 + skip :]] if skip else lines
    console = Console(record=True, width=WIDTH, force_terminal=True, file=io.StringIO())
    console.print(Text.from_ansi("\n".join(lines[:LINES])))
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.svg").write_text(console.export_svg(title=title))


if __name__ == "__main__":
    main()
