"""What a teacher's licence says of its output: said once by whoever makes the data, on the card."""

from __future__ import annotations

from kappa_data.errors import UsageError
from kappa_data.publishing.release import Release

SHOWN = 3


def check_terms(release: Release) -> None:
    """UsageError where models made conversations and nobody said what their terms allow."""
    if asked := unstated(release):
        raise UsageError(
            f"push: {asked}, and nobody said what the terms of its output are; read its licence "
            "and say it once, e.g. --teacher-terms 'Apache-2.0; output is free to use' "
            "(the card shows it, later commands keep it)"
        )


def unstated(release: Release) -> str:
    """Whose terms are lacking, in words; "" where none are, or nothing is by a model."""
    made = sum(release.manifest.models.values())
    if not made or release.manifest.teacher_terms.strip():
        return ""
    models = sorted(release.manifest.models.items(), key=lambda each: -each[1])
    names = ", ".join(name for name, _ in models[:SHOWN])
    more = f" and {len(models) - SHOWN} more" if len(models) > SHOWN else ""
    noun = "conversation was" if made == 1 else "conversations were"
    return f"{made:,} {noun} made by {names or 'a model'}{more}"
