"""The command `export`: packed rows as another trainer reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kappa_data.building import build, refuse_to_buy
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
        str | None,
        typer.Option(
            "--from",
            metavar="SOURCE",
            help="a release elsewhere: a folder, or owner/name on the Hub (default: the dataset)",
        ),
    ] = None,
    revision: Annotated[
        str | None, typer.Option(help="with --from owner/name: a branch, a tag or a commit")
    ] = None,
) -> dict[str, Any]:
    """Write the packed rows as another trainer reads them; builds up to pack where needed."""
    from kappa_data import export as exporting
    from kappa_data import progress, terminal
    from kappa_data.trainers.source import folder_of, refuse_ambiguous

    if to is None:
        known = "; ".join(
            f"--to {each.name}: {each.about}" for each in exporting.targets().values()
        )
        raise UsageError(f"export: say for whom. {known}")
    target = exporting.target_of(to)
    if source is None:
        if revision is not None:
            raise UsageError("export: --revision goes with --from owner/name")
        folder = _built(common)
    elif out is None:
        raise UsageError(f"export: with --from {source}, say where to write: ... export FOLDER")
    else:
        refuse_ambiguous(source)
        folder = folder_of(source, revision)
    done = exporting.export(
        target,
        folder,
        common.root / FOLDER / target.name if out is None else out,
        [each.strip() for each in split.split(",")] if split else [],
        progress.for_stderr(common.quiet or common.json),
    )
    if not common.json:
        terminal.print_lines([done["said"]])
    return done


def _built(common: Common) -> Path:
    """The sealed rows of the dataset, built where only what costs nothing is missing."""
    refuse_to_buy(common)
    return Path(build("pack", (), common, {}, fresh=False, shown=False)["dir"])
