"""Commands about the machine and the program itself: doctor, tools, prompts, teacher, schemas.

Modules are imported inside the commands, so that --help answers at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kappa_data import config_layers
from kappa_data.building import resources_of, settings_of
from kappa_data.errors import UsageError
from kappa_data.options import Common, command


def register(app: typer.Typer) -> None:
    """Adds the commands to the program."""
    for function in (doctor, tools, prompts, teacher, schemas):
        command(app, function.__name__)(function)


def doctor(*, common: Common) -> dict[str, Any]:
    """Look at the machine: is everything there that the stages need?"""
    from kappa_data import terminal
    from kappa_data.sandbox.doctor import findings

    found = [{"name": name, "ok": ok, "fix": fix} for name, ok, fix in findings()]
    if not common.json:
        terminal.print_lines(
            [
                f"{'ok  ' if each['ok'] else 'LACK'} {each['name']}  {each['fix']}".rstrip()
                for each in found
            ]
        )
    return {"findings": found, "exit_code": 0 if all(each["ok"] for each in found) else 4}


def tools(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE]...", help="files with tools of your own")
    ] = None,
    *,
    common: Common,
) -> dict[str, Any]:
    """List the tools with their arguments, or check files with tools of your own."""
    from kappa_data import terminal, tool_list

    found = tool_list.found(files or (), settings_of(common).sandbox)
    if not common.json:
        terminal.print_lines(list(tool_list.lines(found)))
    return {"tools": [tool_list.as_json(each) for each in found]}


def prompts(
    slots: Annotated[
        list[str], typer.Argument(metavar="SLOT...", help="task:persona, such as maths/0:none")
    ],
    *,
    common: Common,
) -> dict[str, Any]:
    """Read what the teacher is told in a conversation: the full brief, and the simulated user's."""
    from kappa_data import prompt_pages, terminal

    settings, resources = settings_of(common), resources_of(common)
    found: dict[str, Any] = {}
    for name in slots:
        slot, task = prompt_pages.find(name, common.root, settings, resources)
        told = prompt_pages.prompts(slot, task, settings.generate, settings.sandbox, resources)
        found[name] = list(told)
    if not common.json:
        for name, told in found.items():
            for each in told:
                terminal.print_lines([f"--- {name}: {each.title}", "", each.text, ""])
    return {"prompts": found}


def teacher(
    *,
    common: Common,
    host: Annotated[str, typer.Option(help="where to listen; loopback unless you say so")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="0: any free one")] = 8765,
    latency: Annotated[float, typer.Option(help="seconds before every answer")] = 0.0,
    sloppy: Annotated[
        str, typer.Option(metavar="RATE|KIND=RATE,...", help="what real models do wrong")
    ] = "",
    faults: Annotated[
        str, typer.Option(metavar="KIND=RATE,...", help="what endpoints do wrong")
    ] = "",
    seed: Annotated[int, typer.Option(help="draws what goes wrong, and where")] = 0,
    api_key: Annotated[str, typer.Option(help="asked of every request where it is not ''")] = "",
) -> dict[str, Any]:
    """Run the embedded teacher as a server of its own, until it is interrupted."""
    from kappa_data import progress
    from kappa_data.teacher.embedded import Embedded, serve

    server = Embedded(
        host=host,
        port=port,
        latency=latency,
        sloppy=config_layers.parse_rates("--sloppy", sloppy),
        faults=_mapping("--faults", faults),
        seed=seed,
        api_key=api_key,
        resources=resources_of(common),
    )
    note = progress.for_stderr(common.quiet).note
    serve(server, lambda url: note(f"the embedded teacher listens on {url} (ctrl-c ends it)"))
    return {"requests": sum(server.requests.values())}


def schemas(
    folder: Annotated[Path, typer.Argument(help="where to write them")] = Path("schemas"),
    *,
    common: Common,
) -> dict[str, Any]:
    """Write the JSON Schemas of all records, made from the types."""
    from kappa_data import terminal
    from kappa_data.schemas import write

    written = [str(path) for path in write(folder)]
    if not common.json:
        terminal.print_lines(written)
    return {"written": written}


def _mapping(flag: str, text: str) -> dict[str, float]:
    rates = config_layers.parse_rates(flag, text)
    if isinstance(rates, dict):
        return rates
    if rates:
        raise UsageError(f"{flag} {text}: say of what, as rate_limit={text}")
    return {}
