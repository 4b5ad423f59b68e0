"""The command `push`: builds the release where needed, and sends it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kappa_data.building import build, refuse_to_buy, settings_of
from kappa_data.errors import UsageError
from kappa_data.options import Common, Layer, command

if TYPE_CHECKING:
    from kappa_data.config import Settings

CHANGES = ("new", "changed", "removed", "kept", "same")
"""what a target says of files, in the order of the list; the last ones are only counted"""
COUNTED = ("kept", "same")


def register(app: typer.Typer) -> None:
    """Adds the command to the program."""
    command(app, "push", ("release",))(push)


def push(
    target: Annotated[
        str,
        typer.Argument(
            help="a Hub repository (owner/name), a folder (./name, /name), or s3://, gs://..."
        ),
    ],
    *,
    common: Common,
    flags: Layer,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="look at the target and say what would be sent; send none"),
    ] = False,
    private: Annotated[
        bool,
        typer.Option("--private", help="a new repository is private; a public one is refused"),
    ] = False,
    revision: Annotated[
        str, typer.Option(help="the branch to push to; made where it is lacking")
    ] = "main",
    create_pr: Annotated[
        bool,
        typer.Option("--create-pr", help="open a pull request and leave the branch as it is"),
    ] = False,
    message: Annotated[
        str, typer.Option(help="of the commit, and title of the pull request")
    ] = "Release by kappa-data",
    allow_embedded: Annotated[
        bool, typer.Option("--allow-embedded", help="send data that the embedded teacher made")
    ] = False,
    allow_simulated: Annotated[
        bool, typer.Option("--allow-simulated", help="send tool results that the teacher wrote")
    ] = False,
    allow_unsafe_local: Annotated[
        bool,
        typer.Option("--allow-unsafe-local", help="send what tools said that ran unprotected"),
    ] = False,
    allow_secrets: Annotated[
        bool,
        typer.Option("--allow-secrets", help="send what looks like a secret, but no live one"),
    ] = False,
    allow_personal_data: Annotated[
        bool,
        typer.Option("--allow-personal-data", help="send what looks like the data of a person"),
    ] = False,
) -> dict[str, Any]:
    """Send the release to a Hub repository or a folder; builds it first where needed.

    To the Hub it goes in one commit, so that nobody ever loads half of it; each file is verified
    there, and the commit gets a tag (v and twelve digits) that names these very bytes. Interrupted
    or refused, the same command goes on and sends nothing twice; where the target holds this
    release already, it says so and changes nothing. Files of others stay, and so does what they
    wrote into the card. The token is that of `hf auth login`, or HF_TOKEN.

    \b
      kappa-data push you/persona --dry-run    what would be sent: each file
      kappa-data push you/persona --private    a new private repository
      kappa-data push you/persona --revision trial
      kappa-data push team/persona --create-pr --message "Twice the tool calls"
      kappa-data push ./out                    a folder that load_dataset reads
    """
    from kappa_data import progress, terminal
    from kappa_data.publishing.options import Options
    from kappa_data.publishing.push import push as send
    from kappa_data.publishing.push import repository

    options = Options(
        private=private,
        dry_run=dry_run,
        revision=revision,
        create_pr=create_pr,
        message=message,
        allow_embedded=allow_embedded,
        allow_simulated=allow_simulated,
        allow_unsafe_local=allow_unsafe_local,
        allow_secrets=allow_secrets,
        allow_personal_data=allow_personal_data,
        key_variables=_key_variables(settings_of(common)),
    )
    repository(target)  # a mistyped target is told of before anything is built
    if not message.strip() or not revision.strip():
        raise UsageError("push: --message and --revision want some text")
    refuse_to_buy(common)
    result = build("release", ("release",), common, flags, fresh=False, shown=False)
    if told := _terms(Path(result["dir"]) / "dataset", common):
        flags = {**flags, "release": {**flags.get("release", {}), "teacher_terms": told}}
        result = build("release", ("release",), common, flags, fresh=False, shown=False)
    shown = progress.for_stderr(common.quiet or common.json)
    sent = send(Path(result["dir"]) / "dataset", target, options, shown)
    if not common.json:
        terminal.print_lines([*(_listed(sent) if dry_run else ()), sent["said"]])
    return sent


def _terms(folder: Path, common: Common) -> str:
    """What is answered at a terminal where the teacher's terms are lacking; "" elsewhere."""
    from kappa_data.publishing.release import read_release
    from kappa_data.publishing.terms import unstated

    asked = unstated(read_release(folder))
    if not asked or common.json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return ""
    print(
        f"{asked}. What does its licence say of its output? One line for the card, kept for later "
        "pushes; nothing stops this one:",
        file=sys.stderr,
    )
    return sys.stdin.readline().strip()


def _key_variables(settings: Settings) -> tuple[str, ...]:
    """The names of the variables that hold the endpoints' keys."""
    generate = settings.generate
    named = {generate.api_key_env, *(each.api_key_env for each in generate.endpoints)}
    return tuple(sorted(named))


def _listed(sent: Mapping[str, Any]) -> Iterator[str]:
    """What a dry run found of every file; nothing where the target could not say."""
    from kappa_data.publishing.changes import in_words, size_in_words

    sizes = sent.get("sizes", {})
    for what in CHANGES:
        names = sent.get(what) or []
        if what in COUNTED and names:
            yield f"  {what:<8} {in_words(len(names))}"
        else:
            for name in names:
                size = f"  {size_in_words(sizes[name])}" if name in sizes else ""
                yield f"  {what:<8} {name}{size}"
