"""The command `judge`.

Modules are imported inside the command, so that --help answers at once.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from kappa_data.building import resources_of, settings_there, settings_under, with_teacher
from kappa_data.options import Common, Layer, command

GENERATE = "generate"


def register(app: typer.Typer) -> None:
    """Adds the command to the program."""
    command(app, "judge", (GENERATE,))(judge)


def judge(
    *,
    common: Common,
    flags: Layer,
    pairs: Annotated[
        int, typer.Option(min=1, help="pairs of each persona, and of what was rejected")
    ] = 20,
    seed: Annotated[int, typer.Option(help="draws the pairs")] = 0,
    teacher: Annotated[
        str | None,
        typer.Option(
            help="'embedded': a stand-in by rules, which shows no quality; else as --model",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say what would be asked and what it takes")
    ] = False,
) -> dict[str, Any]:
    """Ask a model for a second opinion: whose voice is it, and whose help is better.

    Pairs of answers to the same words of a user, each in both orders. Goes on where it was stopped:
    every answer is kept.
    """
    from kappa_data import progress, terminal
    from kappa_data.judging import run, views

    # The flags say who judges; by whom the dataset was made is what it was, whoever judges it.
    others = [each for each in common.assign or () if not each.startswith(f"{GENERATE}.")]
    made = settings_there(msgspec.structs.replace(common, assign=others))
    asked = settings_under(common, with_teacher(flags, teacher), (GENERATE,)).generate
    data = run.Data(common.root, made, resources_of(common))
    wanted = run.Wanted(pairs, seed)
    reporter = progress.for_stderr(common.quiet or common.json)
    if dry_run:
        found = run.dry_run(wanted, data, asked, reporter)
        if not common.json:
            terminal.print_lines(list(views.dry_lines(found)))
        return found
    result, spent = run.judge(wanted, data, asked, reporter)
    if not common.json:
        views.print_judged(result, spent, str(common.root))
    return {**msgspec.to_builtins(result), "spent": spent}
