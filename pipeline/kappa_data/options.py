"""The command line's flags: those that every command has, and those made from the configs.

A field of a stage's config becomes a flag of that stage's command, with its type, its default and
its description, so that help and settings cannot disagree.
"""

from __future__ import annotations

import functools
import inspect
import json
import re
import shlex
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from kappa_data import config_layers, remembered, sandbox_flags
from kappa_data.errors import KappaError, Stopped, UsageError
from kappa_data.printable import one_line

SETTINGS_PANEL = "Settings of the stage {}"
COMMON_PANEL = "Common to all commands"
LISTS = {tuple[str, ...]: "A,B,...", dict[str, float]: "A=0.7,B=0.3"}
"""settings that a flag writes as one word, and how"""
NAMED = re.compile(r"`(env -u \S+ )?kappa-data ([a-z]+)([^`]*)`")
"""a command within a message: what stands before it, its name, its arguments"""
Layer = dict[str, dict[str, Any]]


class Common(msgspec.Struct):
    """What every command is told."""

    data_dir: Annotated[
        Path,
        typer.Option(
            help="where datasets lie", envvar="KAPPA_DATA_DIR", rich_help_panel=COMMON_PANEL
        ),
    ] = Path("data")
    dataset: Annotated[
        str, typer.Option(help="the dataset's name", rich_help_panel=COMMON_PANEL)
    ] = "persona_kappa"
    config: Annotated[
        Path | None,
        typer.Option(
            help="settings, as TOML (default: that of earlier commands, else ./kappa.toml)",
            rich_help_panel=COMMON_PANEL,
        ),
    ] = None
    prompts: Annotated[
        Path | None,
        typer.Option(
            help="your own prompts/ folder, over ours (default: ./prompts)",
            envvar="KAPPA_PROMPTS",
            rich_help_panel=COMMON_PANEL,
        ),
    ] = None
    assign: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="STAGE.FIELD=VALUE",
            help="any setting, or one key of a table (STAGE.FIELD.KEY=VALUE); may be repeated",
            rich_help_panel=COMMON_PANEL,
        ),
    ] = None
    json: Annotated[
        bool,
        typer.Option(
            "--json", help="one JSON object on standard output", rich_help_panel=COMMON_PANEL
        ),
    ] = False
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="no progress", rich_help_panel=COMMON_PANEL),
    ] = False
    debug: Annotated[
        bool, typer.Option("--debug", help="show tracebacks", rich_help_panel=COMMON_PANEL)
    ] = False

    @property
    def root(self) -> Path:
        """The dataset's folder. UsageError where its name is no name of a folder."""
        if self.dataset in ("", ".", "..") or "/" in self.dataset:
            raise UsageError(
                f"--dataset {self.dataset}: a name, and no path; --data-dir says where it lies"
            )
        return self.data_dir / self.dataset


def command(
    app: typer.Typer, name: str, stages: Iterable[str] = (), help: str | None = None
) -> Callable[[Callable[..., dict[str, Any] | None]], Callable[..., None]]:
    """Registers a command: it gets `common`, and `flags` where it has settings of stages; the
    stage "sandbox" stands for the flags of sandbox_flags.py.

    The function returns what --json prints, or None where it printed everything itself.
    """
    chosen = tuple(stages)

    def register(function: Callable[..., dict[str, Any] | None]) -> Callable[..., None]:
        own = [
            each
            for each in inspect.signature(function, eval_str=True).parameters.values()
            if each.name not in ("common", "flags")
        ]
        settings = _setting_parameters(chosen)
        boxes = sandbox_flags.parameters() if sandbox_flags.TABLE in chosen else []
        common = _common_parameters()

        @functools.wraps(function)
        def call(**values: Any) -> None:
            shared = Common(**{each.name: values.pop(each.name) for each in common})

            def run() -> dict[str, Any] | None:
                given = {"flags": _layer(settings, values)} if chosen else {}
                if boxes and (told := sandbox_flags.taken(values)):
                    given["flags"][sandbox_flags.TABLE] = told
                return function(common=shared, **given, **values)

            _guarded(run, shared)

        parameters = [*own, *settings.values(), *boxes, *common]
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {each.name: each.annotation for each in parameters}
        app.command(name, help=help)(call)
        return call

    return register


def globals_last(arguments: list[str]) -> list[str]:
    """`kappa-data --dataset x run ...` as `kappa-data run ... --dataset x`: both are understood."""
    valued = {"--data-dir", "--dataset", "--config", "--prompts", "--set"}
    lone = {"--json", "--quiet", "-q", "--debug"}
    first = 0
    while first < len(arguments):
        name, equals, _ = arguments[first].partition("=")
        if name in valued:
            first += 1 if equals else 2
        elif name in lone:
            first += 1
        else:
            break
    return [*arguments[first:], *arguments[:first]] if arguments[first:] else arguments


def where_flags(common: Common) -> str:
    """The flags that later commands need to find this dataset and its settings; what the dataset
    remembers is none of them."""
    usual = Common()
    given = {
        "--data-dir": (common.data_dir, usual.data_dir),
        "--dataset": (common.dataset, usual.dataset),
        "--prompts": (common.prompts, usual.prompts),
    }
    said = [(name, str(value)) for name, (value, default) in given.items() if value != default]
    said += _not_remembered(common)
    return "".join(f" {name} {shlex.quote(value)}" for name, value in said)


def _not_remembered(common: Common) -> Iterator[tuple[str, str]]:
    """--config and --set, as far as later commands would not know of them."""
    if common.config is None and not common.assign:
        return
    kept = remembered.load(common.root)
    if common.config is not None:
        named = remembered.naming(common.config, common.root)
        if not named.items() <= kept.items():
            yield "--config", str(common.config)
    for assignment in common.assign or ():
        stage, field, value = config_layers.parse_set(assignment)
        if kept.get(stage, {}).get(field) != msgspec.to_builtins(value):
            yield "--set", assignment


def _pasted(message: str, common: Common) -> str:
    """The message with its commands as they have to be typed: on the dataset that this command line
    names; `...` stands for what was typed."""

    def whole(found: re.Match[str]) -> str:
        before, command, after = found.groups("")
        typed = sys.argv[1:]
        if after.startswith(" ..."):
            again = shlex.join(typed) if command in typed else f"{command} ..."
            return f"`{before}kappa-data {again}{after.removeprefix(' ...')}`"
        return f"`{before}kappa-data {command}{after}{where}`"

    try:
        where = where_flags(common)
    except UsageError:  # the mistake is in these flags, or in what is remembered there
        where = ""
    return NAMED.sub(whole, message)


def report(error: KappaError, *, as_json: bool, common: Common | None = None) -> int:
    """Prints one line, and the JSON object where it was asked for; gives the exit code."""
    message = str(error) if common is None else _pasted(str(error), common)
    if as_json:
        told = {"error": message, "exit_code": error.exit_code, **error.figures}
        print(json.dumps(told))
    print(f"kappa-data: {one_line(message)}", file=sys.stderr)
    return error.exit_code


def _guarded(call: Callable[[], dict[str, Any] | None], common: Common) -> None:
    sys.excepthook = _show_traceback if common.debug else _one_line
    try:
        result = call()
    except KappaError as error:
        if common.debug:
            raise
        raise typer.Exit(report(error, as_json=common.json, common=common)) from None
    except KeyboardInterrupt:
        stopped = Stopped("interrupted; what was done is saved, run the same command to go on")
        raise typer.Exit(report(stopped, as_json=common.json)) from None
    if common.json:
        if result is None:
            raise RuntimeError("a command gave nothing to print with --json")
        print(msgspec.json.encode(result).decode())
    if result and result.get("exit_code"):
        raise typer.Exit(result["exit_code"])


def _one_line(
    kind: type[BaseException], error: BaseException, trace: types.TracebackType | None
) -> None:
    """A bug is a crash, but a user first wants to know what it was."""
    place = "" if trace is None else f" ({_innermost(trace)})"
    print(
        f"kappa-data: this is a bug: {kind.__name__}: {one_line(str(error))}{place}; "
        "run it again with --debug and report the traceback",
        file=sys.stderr,
    )


def _show_traceback(
    kind: type[BaseException], error: BaseException, trace: types.TracebackType | None
) -> None:
    sys.__excepthook__(kind, error, trace)


def _innermost(trace: types.TracebackType) -> str:
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"


@functools.cache
def _common_parameters() -> list[inspect.Parameter]:
    hints = inspect.get_annotations(Common, eval_str=True)
    defaults = Common()
    return [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=getattr(defaults, name), annotation=hint
        )
        for name, hint in hints.items()
    ]


def _setting_parameters(stages: tuple[str, ...]) -> dict[tuple[str, str], inspect.Parameter]:
    """One keyword parameter for each field of the stages' configs; the first of a name wins."""
    parameters: dict[tuple[str, str], inspect.Parameter] = {}
    taken: set[str] = set()
    for stage in stages:
        if stage == sandbox_flags.TABLE:
            continue
        for field, (kind, text, default) in config_layers.describe(stage).items():
            if field in taken or kind not in (str, int, float, *LISTS):
                continue
            taken.add(field)
            shown = config_layers.written(default)
            note = "" if shown in ("", 0) and kind is not float else f" (default: {shown})"
            option = typer.Option(
                f"--{field.replace('_', '-')}",
                help=f"{text}{note}",
                show_default=False,
                metavar=LISTS.get(kind),
                rich_help_panel=SETTINGS_PANEL.format(stage),
            )
            plain = str if kind in LISTS else kind
            parameters[stage, field] = inspect.Parameter(
                field,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[plain | None, option],
            )
    return parameters


def _layer(parameters: dict[tuple[str, str], inspect.Parameter], values: dict[str, Any]) -> Layer:
    """Takes the flags out of `values`; those that were given, by stage and field."""
    layer: Layer = {}
    for (stage, field), parameter in parameters.items():
        value = values.pop(parameter.name)
        if value is not None:
            if isinstance(value, str):
                value = config_layers.parse_value(stage, field, value)
            layer.setdefault(stage, {})[field] = value
    return layer
