"""The command `report`: what the dataset is like, beside its targets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kappa_data.building import build, refuse_to_buy, resources_of, settings_of
from kappa_data.errors import UsageError
from kappa_data.options import Common, command, where_flags

if TYPE_CHECKING:
    from kappa_data.config import Settings
    from kappa_data.resources import Resources
    from kappa_data.store import Sealed


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @command(app, "report")
    def report(
        *,
        common: Common,
        gate: Annotated[
            bool, typer.Option("--gate", help="end with 1 where a target is missed")
        ] = False,
        by: Annotated[
            str | None,
            typer.Option(
                help="persona, family, strategy, special, turn, place or split: figures by group"
            ),
        ] = None,
        out: Annotated[
            Path | None,
            typer.Option(help="where the page is written (default: report.html beside the stages)"),
        ] = None,
    ) -> dict[str, Any]:
        """Measure the dataset and hold every figure against its target."""
        from kappa_data import recipe, report_view
        from kappa_data.metrics.figures import of_sections
        from kappa_data.records import Section
        from kappa_data.terminal import print_lines

        refuse_to_buy(common)
        build("report", ("report",), common, {}, fresh=False, shown=False)
        settings, resources = settings_of(common), resources_of(common)
        steps = recipe.status(settings, resources, common.root)
        outputs = {each.stage.name: each.sealed for each in steps if each.sealed}
        sealed = outputs["report"]
        figures = of_sections(list(sealed.read("report", Section)))
        page = write_page(common, out, outputs, settings, resources)
        if not common.json:
            if by is None:
                report_view.print_report(figures, where_flags(common))
            else:
                report_view.print_cells(figures, by)
            print_lines([f"page: {page}"])
        return {
            **report_view.as_json(figures),
            "dir": str(sealed.dir),
            "page": str(page),
            "exit_code": int(gate and bool(figures.missed)),
        }


def write_page(
    common: Common,
    out: Path | None,
    outputs: Mapping[str, Sealed],
    settings: Settings,
    resources: Resources,
) -> Path:
    """Writes the page of the report among `outputs`, whole or not at all; where it lies.

    UsageError where `out` cannot be written.
    """
    from kappa_data.report_page import opinion, page

    path = common.root / page.FILE if out is None else out
    if path.is_dir():
        raise UsageError(f"--out {path}: a folder; name the file, for instance {path / page.FILE}")
    found = opinion.load(common.root)
    try:
        page.write(path, common.dataset, outputs, settings, resources, found)
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror}; --out FILE writes the page elsewhere"
        ) from error
    return path
