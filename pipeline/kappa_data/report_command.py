"""The command `report`: what the dataset is like, beside its targets."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from kappa_data.building import build, resources_of, settings_of
from kappa_data.options import Common, command, where_flags


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
            typer.Option(help="persona, family, strategy, turn, place or split: figures by group"),
        ] = None,
    ) -> dict[str, Any]:
        """Measure the dataset and hold every figure against its target."""
        from kappa_data import report_view, session
        from kappa_data.metrics.figures import of_sections
        from kappa_data.records import Section

        # To look must never buy: what costs money is built by a command that says so.
        settings = settings_of(common)
        if "generate" in settings.validate.sources:
            session.current(common.root, "generate", settings, resources_of(common))
        build("report", ("report",), common, {}, fresh=False, shown=False)
        sealed = session.current(common.root, "report", settings_of(common), resources_of(common))
        figures = of_sections(list(sealed.read("report", Section)))
        if not common.json:
            if by is None:
                report_view.print_report(figures, where_flags(common))
            else:
                report_view.print_cells(figures, by)
        return {
            **report_view.as_json(figures),
            "dir": str(sealed.dir),
            "exit_code": int(gate and bool(figures.missed)),
        }
