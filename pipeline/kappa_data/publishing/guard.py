"""What may leave: everything that push looks at before a byte is sent."""

from __future__ import annotations

from kappa_data.errors import UsageError
from kappa_data.progress import Progress
from kappa_data.publishing import sent
from kappa_data.publishing.live_secrets import live_secrets
from kappa_data.publishing.look import look_through
from kappa_data.publishing.options import Options
from kappa_data.publishing.release import Release, not_as_sealed
from kappa_data.publishing.terms import check_terms
from kappa_data.resources import sha256_of


def check(release: Release, options: Options, progress: Progress) -> None:
    """UsageError, one line, where the release may not leave: what, where, and what to do next.

    Asked first is what costs nothing: made by whom, targets, terms. Then every file is read: it has
    to be as it was sealed, to hold no secret of this machine's environment, and nothing that looks
    like a secret or like data of a person.
    """
    _check_allowed(release, options)
    _check_gates(release)
    check_terms(release)
    _check_sealed(release)
    lives, unread = live_secrets(options.key_variables)
    lines = look_through(release, lives, options, progress)
    if not options.dry_run:
        lines.append(gates(release))
    for line in (*lines, *filter(None, [unread, sent.unread(release)])):
        progress.note(f"push: {line}")


def _check_sealed(release: Release) -> None:
    """UsageError where a file is not what the manifest says: it was changed after it was made."""
    for name, each in release.files.items():
        path = release.folder / name
        if not path.is_file() or sha256_of(path) != each.sha256:
            raise not_as_sealed(release, name)


def _check_allowed(release: Release, options: Options) -> None:
    grounding = release.manifest.grounding
    for count, allowed, what, instead in (
        (
            release.manifest.figures["embedded"],
            options.allow_embedded,
            "were made by the embedded teacher, which is no model",
            "generate with --model, or say --allow-embedded",
        ),
        (
            grounding.get("simulated", 0),
            options.allow_simulated,
            "have tool results that the teacher wrote and nothing ran",
            "generate in boxes, or say --allow-simulated",
        ),
        (
            grounding.get("unsafe-local", 0),
            options.allow_unsafe_local,
            "called tools on a machine without protection, and may show what was on it",
            "generate in boxes, or look through them and say --allow-unsafe-local",
        ),
    ):
        if count and not allowed:
            noun = "conversation" if count == 1 else "conversations"
            raise UsageError(f"push: {count} {noun} {what}; {instead}")


def _check_gates(release: Release) -> None:
    """UsageError where a target of the report is missed and nobody said why it may go."""
    missed = release.manifest.figures["missed"]
    if missed and not release.manifest.figures["override"]:
        raise UsageError(
            f"push: {len(missed)} target{'s' * (len(missed) > 1)} missed: {'; '.join(missed)}; "
            "see `kappa-data report` and mend the data, or say --override WHY, which the card shows"
        )


def gates(release: Release) -> str:
    """What the report says of the targets, in words."""
    figures = release.manifest.figures
    missed, unknown = len(figures["missed"]), figures["too little"]
    first = f"{missed} missed, pushed all the same" if missed else "no target is missed"
    return f"{first}; of {unknown} there is too little to say" if unknown else first
