"""What the commands that build stages share: settings from the command line, the build, its lines.

Modules are imported inside the functions, so that --help answers at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kappa_data import config_layers
from kappa_data.errors import UsageError
from kappa_data.options import Common, Layer, where_flags

if TYPE_CHECKING:
    from kappa_data.config import Settings
    from kappa_data.progress import Progress
    from kappa_data.resources import Resources


def with_teacher(flags: Layer, teacher: str | None) -> Layer:
    """--teacher is another name of --model."""
    if teacher is None:
        return flags
    generate = dict(flags.get("generate", {}))
    if generate.setdefault("model", teacher) != teacher:
        raise UsageError(f"--teacher {teacher} and --model {generate['model']}: name only one")
    return flags | {"generate": generate}


def resources_of(common: Common) -> Resources:
    """Prompts and seeds, with the user's own on top."""
    from kappa_data import session

    return session.resources_of(common.prompts)


def settings_of(common: Common) -> Settings:
    """The settings that the dataset was last built with, under this command line's --set."""
    return settings_under(common, {})


def settings_under(common: Common, flags: Layer, own: tuple[str, ...] = ()) -> Settings:
    """The settings that the dataset was last built with, under this command line's; nothing of it
    is kept. `own` names the stages that the command line decides by itself."""
    from kappa_data import session

    return session.settings_of(common.config, common.root, _assigned(common, flags), own)[0]


def _assigned(common: Common, flags: Layer) -> Layer:
    """The flags, with every --set on top."""
    layer = {stage: dict(values) for stage, values in flags.items()}
    for assignment in common.assign or ():
        stage, field, value = config_layers.parse_set(assignment)
        config_layers.put(layer.setdefault(stage, {}), field, value)
    return layer


def plan_more(common: Common, flags: Layer, fresh: bool) -> dict[str, Any]:
    """Plans what is missing; every other setting of the plan stays as it was."""
    from kappa_data import progress, remembered, terminal
    from kappa_data.top_up import top_up

    given = _assigned(common, flags)
    if fresh or given.get("plan") or given.get("sandbox"):
        raise UsageError("plan --top-up keeps the plan's settings: give it none, and no --fresh")
    settings = settings_there(common)
    found = top_up(common.root, settings, resources_of(common))
    progress.for_stderr(common.quiet or common.json).note(found.line)
    result = build("plan", (), common, {"plan": found.setting}, fresh=False)
    if not common.json:
        last = "generate" if settings.generate.limit else "pack"  # which keeps the limit
        following = remembered.command_of(last, common.root, but="limit")
        line = f"next: {following}{where_flags(common)}   (what was generated is kept)"
        terminal.print_lines([line])
    return {**result, "top_up": found}


def settings_there(common: Common) -> Settings:
    """`settings_of` a dataset that is only read; UsageError where it is not there."""
    from kappa_data import session

    settings = settings_of(common)
    session.refuse_missing(common.root)
    return settings


def refuse_to_buy(common: Common) -> None:
    """UsageError where the dataset or the answers of a teacher are lacking: to look, to write and
    to send never buys; what costs money is built by a command that says so."""
    from kappa_data import session

    settings = settings_there(common)
    if "generate" in settings.validate.sources:
        session.current(common.root, "generate", settings, resources_of(common))


def explain(own: tuple[str, ...], common: Common, flags: Layer, fresh: bool) -> dict[str, Any]:
    """Builds the plan where it is not there, and says what it is made of."""
    from kappa_data import explain as explaining
    from kappa_data import explain_report, session

    result = build("plan", own, common, flags, fresh, shown=False)
    settings, resources = settings_of(common), resources_of(common)
    plan = session.current(common.root, "plan", settings, resources)
    found = explaining.explain(common.root, settings, resources, plan)
    if not common.json:
        explain_report.print_explained(found)
    return {**result, "explain": found.as_json()}


def generate(own: tuple[str, ...], common: Common, flags: Layer, fresh: bool) -> dict[str, Any]:
    """Builds up to generate, and says what that cost and what comes next."""
    from kappa_data import terminal

    result = build("generate", own, common, flags, fresh)
    if not common.json:
        terminal.print_generated(result, where_flags(common))
    return result


def dry_run(
    own: tuple[str, ...], common: Common, flags: Layer, pilot: int, fresh: bool
) -> dict[str, Any]:
    """Says what generate would ask and take, and keeps nothing: neither settings nor outputs."""
    from kappa_data import dry_run as dry
    from kappa_data import dry_run_report, progress, session

    if fresh:
        raise UsageError("--dry-run changes nothing, so it cannot --fresh: say one of them")
    settings, _, kept = session.settings_of(
        common.config, common.root, _assigned(common, flags), own
    )
    reporter = progress.for_stderr(common.quiet or common.json)
    _note_kept(reporter, kept, common, flags)
    found = dry.dry_run(settings, resources_of(common), common.root, reporter, pilot)
    if not common.json:
        dry_run_report.print_dry_run(found)
    return found


def build(
    target: str,
    own: tuple[str, ...],
    common: Common,
    flags: Layer,
    fresh: bool,
    shown: bool = True,
) -> dict[str, Any]:
    """Builds up to a stage and prints each stage's line; gives the target's summary.

    `own`: the stages whose settings this command line decides by itself.
    """
    from kappa_data import progress, remembered, session, terminal

    if fresh:
        session.forget(common.root)
    settings, said, kept = session.settings_of(
        common.config, common.root, _assigned(common, flags), own
    )
    reporter = progress.for_stderr(common.quiet or common.json)
    _note_kept(reporter, kept, common, flags)
    if dropped := session.dropped(common.root, own, said):
        reporter.note(f"not kept, say it again to keep it: {remembered.describe(dropped)}")
    stages = [
        session.summary(sealed, built)
        for sealed, built in session.build(
            target,
            settings,
            remembered.merge(kept, said),
            resources_of(common),
            common.root,
            reporter,
        )
    ]
    if shown and not common.json:
        terminal.print_stages(stages)
        if target == "pack":
            terminal.print_packed(stages[-1]["figures"], where_flags(common))
    return {**stages[-1], "stages": stages}


def _note_kept(reporter: Progress, kept: Layer, common: Common, flags: Layer) -> None:
    """One line with what still holds; not with what this command line says itself."""
    from kappa_data import remembered

    said = _assigned(common, flags)
    holds = remembered.merge(remembered.settings(kept), said)
    left = {
        stage: {field: value for field, value in values.items() if field not in said.get(stage, {})}
        for stage, values in holds.items()
    }
    file = remembered.file_of(kept, common.root) if common.config is None else None
    told = [f"--config {file}"] if file is not None else []
    told += [remembered.describe(left)] if any(left.values()) else []
    if told:
        reporter.note(f"kept from earlier commands: {', '.join(told)}")
