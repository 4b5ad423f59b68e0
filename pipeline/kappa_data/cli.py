"""The command `kappa-data`: parses, calls, prints; nothing else.

Modules are imported inside the commands, so that --help answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core

from kappa_data import (
    building,
    export_command,
    journal_command,
    judge_command,
    machine_commands,
    push_command,
    report_command,
    tasks_command,
)
from kappa_data.building import (
    build,
    plan_more,
    resources_of,
    settings_of,
    settings_there,
    with_teacher,
)
from kappa_data.errors import UsageError
from kappa_data.options import (
    Common,
    Layer,
    command,
    globals_last,
    report,
    where_flags,
)

# The parser's own error, which typer does not export by name.
USAGE_ERROR: Any = typer.BadParameter.__bases__[0]

EPILOG = (
    "Exit codes: 0 done; 1 a stage ran and failed; 2 bad usage or settings; 3 stopped by an "
    "interrupt, a budget or a full disk, with everything saved; 4 the environment lacks something "
    "(kappa-data doctor says what)."
)

HELP = """Persona datasets for training language models: generated, verified, tokenized, packed.

Start here: `kappa-data run --personas all --slots 240` builds a small dataset offline, without a
key; then `kappa-data show --random` reads a conversation, `kappa-data report` its figures."""
COMMANDS = {
    "All at once": ("run",),
    "Stage by stage, each with all that it needs": (
        "plan", "generate", "validate", "dedupe", "tokenize", "pack", "report", "release",
    ),
    "Look at a dataset": ("status", "show", "verify", "replay", "judge"),
    "Give it away": ("push", "export"),
    "Bring your own": ("import", "tasks", "tools", "prompts"),
    "Keep house": ("doctor", "journal", "gc", "teacher", "schemas"),
}  # fmt: skip
"""the commands in the order of the help, by what they are for"""


class Grouped(typer.core.TyperGroup):
    """The program: its help lists the commands by COMMANDS."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """A list for each group, its descriptions in one column and cut as click cuts them."""
        longest = max(map(len, self.commands))
        for title, names in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl(
                    [
                        (
                            name.ljust(longest),
                            self.commands[name].get_short_help_str(formatter.width - longest - 6),
                        )
                        for name in names
                    ]
                )


app = typer.Typer(
    name="kappa-data",
    cls=Grouped,
    help=HELP,
    epilog=EPILOG,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # panels would cost every --help a seventh of a second
    context_settings={"help_option_names": ["-h", "--help"]},
)

STAGE_HELP = {
    "plan": "Draw up the slots: every verified task, for every persona.",
    "generate": "Let the teacher play the slots, with tools that really run.",
    "validate": "Check every conversation; what is wrong goes to quarantine with the reason.",
    "dedupe": "Remove duplicates within each persona, and what repeats an evaluation.",
    "tokenize": "Render conversations to the tokens that the server sends, with loss masks.",
    "pack": "Pack samples into rows of --seq-len tokens, evenly; none is cut unless you say so.",
    "release": "Write the release folder: parquet by split, dataset card, manifest.",
}
# The settings that a command offers as flags; every other one is reached by --set.
STAGE_FLAGS = {stage: (stage,) for stage in STAGE_HELP} | {
    "plan": ("plan", "sandbox"),
    "generate": ("plan", "generate", "sandbox"),
}
# What a command decides by itself; for everything before it, what was said last still holds. The
# sandbox belongs to plan: it comes first, and generate must not ask another question than plan did.
OWN = {stage: (stage,) for stage in STAGE_HELP} | {"plan": ("plan", "sandbox")}
EVERYTHING = (*STAGE_HELP, "report", "sandbox")

Fresh = Annotated[
    bool, typer.Option("--fresh", help="forget the settings that earlier commands were given")
]
TopUp = Annotated[
    bool,
    typer.Option(
        "--top-up",
        help="plan as many tasks per family as fill the rows that `pack --rows` asked for",
    ),
]
Explain = Annotated[
    bool,
    typer.Option(
        "--explain",
        help="print what was wanted, what is planned and what became of it, and what it takes",
    ),
]
Teacher = Annotated[
    str | None,
    typer.Option(
        help="'embedded': the teacher that is built in; else as --model", show_default=False
    ),
]

DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="say what would be asked and what it takes; buy nothing"),
]
Pilot = Annotated[
    int,
    typer.Option(
        min=1, help="with --dry-run: conversations per persona that are played, to measure them"
    ),
]


def _print_version(wanted: bool) -> None:
    if wanted:
        from kappa_data.stage import package_version

        print(f"kappa-data {package_version()}")
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="print the version and exit"
        ),
    ] = False,
) -> None:
    """Nothing of its own: every command is one of those below."""


def main() -> None:
    """Entry point of the command."""
    # Arrow's own allocator keeps 15 to 30 MB more and is no faster here; read when Arrow is loaded.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    arguments = globals_last(sys.argv[1:]) or ["--help"]
    try:
        code = app(arguments, prog_name="kappa-data", standalone_mode=False)
    except BrokenPipeError:  # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except USAGE_ERROR as error:
        path = error.ctx.command_path if error.ctx else "kappa-data"
        wrong = UsageError(f"{error.format_message().rstrip('.?')}; see `{path} --help`")
        code = report(wrong, as_json="--json" in arguments)
    sys.exit(code if isinstance(code, int) else 0)


@command(app, "run", ("plan", "generate", "pack", "sandbox"))
def run(
    *,
    common: Common,
    flags: Layer,
    teacher: Teacher = None,
    dry_run: DryRun = False,
    pilot: Pilot = 3,
) -> dict[str, Any]:
    """Build everything: from the persona grid to packed rows and the release folder."""
    from kappa_data import terminal

    if dry_run:
        return building.dry_run(EVERYTHING, common, with_teacher(flags, teacher), pilot, False)
    result = build("release", EVERYTHING, common, with_teacher(flags, teacher), fresh=False)
    if not common.json:
        last = result["stages"][-1]
        folder = common.root / "release" / "current"
        terminal.print_release(last["figures"], folder, where_flags(common))
    return result


def _register(stage: str) -> None:
    def build_with_teacher(
        *,
        common: Common,
        flags: Layer,
        teacher: Teacher = None,
        fresh: Fresh = False,
        dry_run: DryRun = False,
        pilot: Pilot = 3,
    ) -> dict[str, Any]:
        told = with_teacher(flags, teacher)
        if dry_run:
            return building.dry_run(OWN[stage], common, told, pilot, fresh)
        return building.generate(OWN[stage], common, told, fresh)

    def build_without_teacher(
        *, common: Common, flags: Layer, fresh: Fresh = False
    ) -> dict[str, Any]:
        return build(stage, OWN[stage], common, flags, fresh)

    def build_or_top_up(
        *,
        common: Common,
        flags: Layer,
        fresh: Fresh = False,
        top_up: TopUp = False,
        explain: Explain = False,
    ) -> dict[str, Any]:
        if top_up:
            return plan_more(common, flags, fresh)
        if explain:
            return building.explain(OWN[stage], common, flags, fresh)
        return build(stage, OWN[stage], common, flags, fresh)

    special: dict[str, Callable[..., dict[str, Any]]] = {
        "plan": build_or_top_up,
        "generate": build_with_teacher,
    }
    function = special.get(stage, build_without_teacher)
    command(app, stage, STAGE_FLAGS[stage], STAGE_HELP[stage])(function)


for _stage in STAGE_HELP:
    _register(_stage)


@command(app, "import")
def import_(
    source: Annotated[str, typer.Argument(help="a JSONL or parquet file, or a datasets name")],
    *,
    common: Common,
    format: Annotated[str, typer.Option(help="openai, sharegpt or auto")] = "auto",
    strict: Annotated[bool, typer.Option("--strict", help="a broken line fails: 1")] = False,
) -> dict[str, Any]:
    """Seal conversations from elsewhere as one more source that validate reads."""
    from kappa_data import progress, session, terminal

    sealed, built = session.seal_import(
        source, format, strict, common.root, progress.for_stderr(common.quiet or common.json)
    )
    result = session.summary(sealed, built)
    if not common.json:
        terminal.print_stages([result])
        terminal.print_lines(result["figures"]["line errors"])
        where = where_flags(common)
        terminal.print_lines(
            [f"next: kappa-data validate --sources import{where}   (or run, with both)"]
        )
    return result


@command(app, "status")
def status(*, common: Common) -> dict[str, Any]:
    """Say for each stage whether it is up to date, or why not."""
    from kappa_data import session, terminal

    found = session.status(settings_there(common), resources_of(common), common.root)
    if not common.json:
        terminal.print_status([*found["imports"], *found["stages"]])
    return found


@command(app, "show")
def show(
    conversation: Annotated[
        str | None, typer.Argument(metavar="ID", help="a conversation's id, or how it begins")
    ] = None,
    *,
    common: Common,
    random: Annotated[bool, typer.Option("--random", help="any one of them")] = False,
    seed: Annotated[int | None, typer.Option(help="with --random: which one")] = None,
    tokens: Annotated[
        bool, typer.Option("--tokens", help="its tokens, coloured by loss mask")
    ] = False,
) -> dict[str, Any]:
    """Print a conversation, or its tokens as the trainer sees them."""
    from kappa_data import browse

    if (conversation is None) != random:
        both = "; not both" if random else ""
        raise UsageError(f"show: name a conversation, or say --random{both}")
    settings = settings_there(common)
    outputs = browse.outputs_of(common.root, settings, resources_of(common))
    found = browse.find(common.root, outputs, conversation, seed)
    if common.json:
        return browse.as_json(found, settings.tokenize, tokens=tokens)
    browse.print_found(found, settings.tokenize, tokens=tokens)
    return {}


@command(app, "verify")
def verify(
    path: Annotated[Path | None, typer.Argument(help="a release that lies elsewhere")] = None,
    *,
    common: Common,
) -> dict[str, Any]:
    """Read the packed rows again and prove them: lengths, documents, masks, padding."""
    from kappa_data import session, terminal

    if path is None:
        found = session.verify(common.root, settings_there(common), resources_of(common))
    else:
        found = session.verify_release(path)
    if not common.json:
        terminal.print_verified(found)
    return found


@command(app, "replay")
def replay(
    path: Annotated[
        Path | None,
        typer.Argument(help="a release, or a file that import could read; without it, the dataset"),
    ] = None,
    *,
    common: Common,
    limit: Annotated[int, typer.Option(min=0, help="only the first N; 0: all")] = 0,
    family: Annotated[str | None, typer.Option(help="only this task family")] = None,
    id: Annotated[str | None, typer.Option(help="only ids that begin so")] = None,
    boxes: Annotated[int, typer.Option(min=1, help="boxes that run at the same time")] = 4,
) -> dict[str, Any]:
    """Run the recorded tool calls again in fresh boxes and say what differs (1: a mismatch)."""
    from kappa_data import progress, replay_report, replay_sources

    settings = settings_there(common) if path is None else settings_of(common)
    found = replay_sources.run(
        replay_sources.Chosen(common.root, settings, resources_of(common), path),
        replay_sources.Choice(limit, family, id, boxes),
        settings,
        progress.for_stderr(common.quiet or common.json),
    )
    if not common.json:
        replay_report.print_replayed(found)
    return found


push_command.register(app)


@command(app, "gc")
def gc(
    *,
    common: Common,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would go")] = False,
) -> dict[str, Any]:
    """Remove outputs that nothing uses; never the journal, an import or a release in use."""
    from kappa_data import disk, recipe, terminal

    settings = settings_there(common)
    with disk.lock(common.root):
        folders = recipe.unused(settings, resources_of(common), common.root)
        size = 0 if dry_run else recipe.collect(folders)
    if not common.json:
        done = "would go" if dry_run else f"removed, {size / 1e6:.1f} MB"
        terminal.print_lines([*map(str, folders), f"{len(folders)} folders {done}"])
    return {"removed": [str(each) for each in folders], "bytes": size, "dry_run": dry_run}


export_command.register(app)
journal_command.register(app)
report_command.register(app)
judge_command.register(app)
machine_commands.register(app)
tasks_command.register(app)
