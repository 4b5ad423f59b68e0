"""The command `export`: packed rows as another trainer reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kappa_data.building import build, resources_of, settings_of
from kappa_data.errors import UsageError
from kappa_data.options import Common, command

FOLDER = "export"


def register(app: typer.Typer) -> None:
    """Adds the command to the program."""
    command(app, "export")(export)


def export(
    out: Annotated[
        Path | None,
        typer.Argument(help="where to write (default: export/TARGET in the dataset's folder)"),
    ] = None,
    *,
    common: Common,
    to: Annotated[
        str | None,
        typer.Option(
            help="for whom: trl (packed rows for SFTTrainer), or unpacked (one sample a line, for "
            "axolotl, LLaMA-Factory and who else packs by itself)",
            show_default=False,
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(metavar="A,B,...", help="only these of train, validation and test"),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="a release that lies elsewhere, such as a download (default: the dataset)",
        ),
    ] = None,
) -> dict[str, Any]:
    """Write the packed rows as another trainer reads them; builds up to pack where needed."""
    from kappa_data import export as exporting
    from kappa_data import progress, session, terminal

    if to is None:
        known = "; ".join(
            f"--to {each.name}: {each.about}" for each in exporting.targets().values()
        )
        raise UsageError(f"export: say for whom. {known}")
    target = exporting.target_of(to)
    if source is not None and out is None:
        raise UsageError("export: with --from, say where to write: kappa-data export --from A B")
    if source is None:
        # Sending must never buy: what costs money has been built by a command that says so.
        settings = settings_of(common)
        if "generate" in settings.validate.sources:
            session.current(common.root, "generate", settings, resources_of(common))
        source = Path(build("pack", (), common, {}, fresh=False, shown=False)["dir"])
    done = exporting.export(
        target,
        source,
        common.root / FOLDER / target.name if out is None else out,
        [each.strip() for each in split.split(",")] if split else [],
        progress.for_stderr(common.quiet or common.json),
    )
    if not common.json:
        terminal.print_lines([done["said"]])
    return done
