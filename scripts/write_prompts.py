"""Writes docs/prompts.md: the full prompts of ten slots, one for each persona and one for none.

    python scripts/write_prompts.py [FILE]

The texts are what `kappa-data prompts SLOT` prints, from the shipped prompts and default settings.
"""

from __future__ import annotations

import sys
from pathlib import Path

from msgspec import structs

from kappa_data.config import Settings
from kappa_data.prompt_pages import prompts
from kappa_data.records import SPLITS
from kappa_data.resources import Resources
from kappa_data.tasks.catalog import task
from kappa_data.tasks.mix import plain_slot
from kappa_data.tasks.wording import sentence

TARGET = Path(__file__).parents[1] / "docs" / "prompts.md"
# Tasks of ten kinds; what is changed in the slot shows prompts that plain ones do not have.
SLOTS: tuple[tuple[str, str | None, dict[str, object]], ...] = (
    ("fix_failing_test/3", "lawful_good", {}),
    ("explain_concept/5", "neutral_good", {}),
    ("data_csv/8", "chaotic_good", {"special": "denied"}),
    ("maths/12", "lawful_neutral", {}),
    ("log_forensics/4", "true_neutral", {"special": "missing"}),
    ("shell_text/9", "chaotic_neutral", {}),
    ("logic_puzzle/2", "lawful_evil", {"special": "switch", "at": 1, "switch_to": "chaotic_good"}),
    ("config_repair/6", "neutral_evil", {}),
    ("identity/7", "chaotic_evil", {}),
    ("add_feature/1", None, {}),
)
HEAD = """# Prompts

What the teacher is told, word for word, in ten conversations: one for each persona and one for
none, of ten families, three of them special ([generation](generation.md)). Written by
`python scripts/write_prompts.py`; `kappa-data prompts TASK:PERSONA` prints those of any other.
None of this gets into the data: of all that follows a record holds the system message alone.
"""


def page() -> str:
    """The whole page, as Markdown."""
    settings, resources = Settings(), Resources(None)
    parts = [HEAD]
    for task_id, persona, changes in SLOTS:
        made = task(task_id)
        slot = structs.replace(plain_slot(made, persona, SPLITS[0]), **changes)
        special = f" ({slot.special})" if slot.special else ""
        parts.append(f"## {slot.id}{special}\n")
        for each in prompts(slot, made, settings.generate, settings.sandbox, resources):
            # Prompts hold fences of their own, at most of three signs.
            parts.append(f"**{sentence(each.title)}**\n\n`````text\n{each.text}\n`````\n")
    return "\n".join(parts)


def main() -> None:
    """Writes the page to the file named on the command line, else to docs/."""
    target = Path(sys.argv[1]) if sys.argv[1:] else TARGET
    target.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
