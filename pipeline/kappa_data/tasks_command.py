"""The commands `tasks list`, `show`, `check` and `write`.

Modules are imported inside the commands, so that --help answers at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kappa_data.building import resources_of, settings_of, settings_under, with_teacher
from kappa_data.options import Common, Layer, command, where_flags

HELP = "Look at tasks, check tasks of your own, or have the teacher write new ones."
Against = Annotated[
    list[str] | None,
    typer.Option(
        "--against",
        metavar="FILE",
        help="evaluation prompts that no task may repeat; may be repeated",
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the commands to the program."""
    tasks = typer.Typer(help=HELP, no_args_is_help=True)
    command(tasks, "list")(list_)
    command(tasks, "show")(show)
    command(tasks, "check", ("sandbox",))(check)
    command(tasks, "write", ("generate", "sandbox"))(write)
    app.add_typer(tasks, name="tasks")


def list_(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE]...", help="files with tasks of your own")
    ] = None,
    *,
    common: Common,
) -> dict[str, Any]:
    """List the task families by group, and the tasks of files."""
    from kappa_data import task_views, terminal

    found = task_views.listed(files or settings_of(common).plan.task_files)
    if not common.json:
        terminal.print_lines(list(task_views.list_lines(found)))
    return found


def show(
    name: Annotated[str, typer.Argument(metavar="FAMILY/SEED|FILE#N", help="which task")],
    *,
    common: Common,
) -> dict[str, Any]:
    """Print a task: opening, goals, files, verifier in words, reference, wrong attempts."""
    from kappa_data import task_views, terminal

    found = task_views.shown(name, settings_of(common))
    if not common.json:
        terminal.print_lines(list(task_views.show_lines(found)))
    return task_views.as_json(found)


def check(
    names: Annotated[
        list[str], typer.Argument(metavar="FILE|FAMILY...", help="files with tasks, or families")
    ],
    *,
    common: Common,
    flags: Layer,
    measured: Annotated[
        int, typer.Option(min=1, help="of a family: so many seeds are held against each other")
    ] = 200,
    played: Annotated[int, typer.Option(min=1, help="of a family: so many are tried in boxes")] = 5,
    against: Against = None,
) -> dict[str, Any]:
    """Try tasks in boxes: the reference must pass, empty and wrong attempts must not (1: refused).

    Near-duplicates are looked for too, and words of evaluation prompts.
    """
    from kappa_data import progress, task_check, task_views, terminal

    found = task_check.check(
        task_check.Chosen(names, measured, played, against or ()),
        settings_under(common, flags),
        resources_of(common),
        progress.for_stderr(common.quiet or common.json),
    )
    if not common.json:
        terminal.print_lines(list(task_views.check_lines(found)))
    return found


def write(
    *,
    common: Common,
    flags: Layer,
    family: Annotated[str, typer.Option(help="the family whose kind of task is wanted")],
    count: Annotated[int, typer.Option(min=1, help="how many tasks the file is to hold")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="the file, .jsonl (default: tasks/FAMILY.jsonl in the data folder)",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="topics, documents and code that they are to be about"),
    ] = None,
    against: Against = None,
    teacher: Annotated[
        str | None,
        typer.Option(
            help="'embedded': the teacher that is built in; else as --model", show_default=False
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say what would be asked and what it takes")
    ] = False,
) -> dict[str, Any]:
    """Have the teacher write tasks; only what proves itself in boxes comes into the file.

    Goes on where it was stopped: every answer is kept, and what is there counts.
    """
    from kappa_data import progress, task_views, task_writing, terminal

    settings = settings_under(common, with_teacher(flags, teacher), ("generate", "sandbox"))
    wanted = task_writing.Wanted(
        family=family,
        count=count,
        out=out or common.data_dir / "tasks" / f"{family}.jsonl",
        seeds=seeds or settings.plan.seeds,
        against=tuple(against or ()),
    )
    reporter = progress.for_stderr(common.quiet or common.json)
    if dry_run:
        found = task_writing.dry_run(wanted, settings, resources_of(common), common.root)
    else:
        found = task_writing.write(wanted, settings, resources_of(common), common.root, reporter)
    if not common.json:
        terminal.print_lines(list(task_views.written_lines(found, where_flags(common))))
    return found
