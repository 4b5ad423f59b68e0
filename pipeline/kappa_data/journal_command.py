"""The command `journal`: lists, checks and compacts the journal of generate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kappa_data.building import resources_of, settings_of
from kappa_data.config import nearest
from kappa_data.errors import UsageError
from kappa_data.options import Common, command, where_flags

if TYPE_CHECKING:
    from kappa_data.teacher.journal_file import Compacted, Found

ACTIONS = ("list", "check", "compact")


def register(app: typer.Typer) -> None:
    """Adds the command to the program."""
    command(app, "journal")(journal)


def journal(
    action: Annotated[
        str, typer.Argument(help="list what was bought; check the file; compact it")
    ] = "list",
    *,
    common: Common,
    by: Annotated[str, typer.Option(help="list: per persona, model or slot")] = "persona",
    persona: Annotated[str | None, typer.Option(help="list: only this one, or 'none'")] = None,
    slot: Annotated[str | None, typer.Option(help="list: only slots whose id begins so")] = None,
    model: Annotated[str | None, typer.Option(help="list: only answers of this model")] = None,
    drop_unused: Annotated[
        bool,
        typer.Option(
            "--drop-unused",
            help="compact: drop what belongs to slots that the plan does not have any more",
        ),
    ] = False,
) -> dict[str, Any]:
    """List, check or compact the journal: every answer, tool result and verdict of generate."""
    from kappa_data import session
    from kappa_data.teacher import journal_file

    if action not in ACTIONS:
        raise UsageError(f'journal: there is no "{action}"; {nearest(action, ACTIONS)}')
    if by not in journal_file.BY:
        raise UsageError(f"journal: --by {by}: {nearest(by, journal_file.BY)}")
    chosen = journal_file.Chosen(persona, slot, model)
    if action != "list" and chosen != journal_file.Chosen():
        raise UsageError(f"journal {action}: takes no --persona, --slot or --model; list does")
    if action != "compact" and drop_unused:
        raise UsageError(f"journal {action}: --drop-unused goes with compact")
    session.refuse_missing(common.root)
    if action == "compact":
        return _compact(common, drop_unused=drop_unused)
    found = journal_file.look(_path(common), chosen, by)
    return _listed(common, found, by) if action == "list" else _checked(common, found)


def _path(common: Common) -> Path:
    from kappa_data.teacher.journal import JOURNAL

    return common.root / JOURNAL


def _listed(common: Common, found: Found, by: str) -> dict[str, Any]:
    from kappa_data import journal_report

    if not common.json:
        journal_report.print_listed(found, by, where_flags(common))
    groups = {name: group.as_json() for name, group in sorted(found.groups.items())}
    return {"journal": str(_path(common)), by: groups, "total": found.total().as_json()}


def _checked(common: Common, found: Found) -> dict[str, Any]:
    from kappa_data import journal_report

    if not common.json:
        journal_report.print_checked(found, _path(common), where_flags(common))
    return {
        "journal": str(_path(common)),
        "lines": found.lines,
        "bytes": found.bytes,
        "damaged": found.damaged,
        "torn_bytes": found.torn,
        "superseded": found.superseded,
        "duplicates": found.duplicates,
        "exit_code": int(bool(found.damaged)),
    }


def _compact(common: Common, *, drop_unused: bool) -> dict[str, Any]:
    from kappa_data import disk, journal_report, session
    from kappa_data.teacher import journal_file

    if not _path(common).exists():  # before a lock makes the dataset's folder
        raise UsageError(f"{_path(common)}: there is no journal yet; generate begins it")
    with disk.disk_errors(common.root), disk.lock(common.root):
        used = None
        if drop_unused:
            used = session.journal_slots(common.root, settings_of(common), resources_of(common))
        done: Compacted = journal_file.compact(
            _path(common), lambda slot: used is None or slot in used
        )
    if not common.json:
        journal_report.print_compacted(done)
    return {
        "journal": str(_path(common)),
        "bytes_before": done.bytes_before,
        "bytes_after": done.bytes_after,
        "lines": done.lines,
        "damaged_dropped": done.damaged,
        "superseded_dropped": done.superseded,
        "unused_dropped": dict(sorted(done.unused.items())),
    }
