"""The command `replay`: finds the conversations, runs them again, says what differs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from kappa_data import recipe
from kappa_data.browse import outputs_of
from kappa_data.config import Settings, nearest
from kappa_data.errors import Stopped, UsageError
from kappa_data.importing.files import raw_records
from kappa_data.importing.place import LineError
from kappa_data.importing.reader import read_conversations
from kappa_data.progress import Progress
from kappa_data.records import Conversation, TaskText
from kappa_data.replay.many import replay_many
from kappa_data.replay.tally import Tally
from kappa_data.replay.workspaces import Workspaces
from kappa_data.resources import Resources
from kappa_data.sandbox.bubblewrap import Bubblewrap
from kappa_data.sandbox.choose import try_out

SET = "conversations"
SAID = 100  # of the records that cannot be read, so many are told with their reason
RELEASE_PLACES = ("release/current", "dataset", ".")


class Choice(Struct, frozen=True):
    """Which conversations (`limit` 0: all; `id`: how it begins), and how many boxes at a time."""

    limit: int = 0
    family: str | None = None
    id: str | None = None
    boxes: int = 4


class Chosen:
    """The conversations of a dataset or a path that a choice names, and what was passed over."""

    def __init__(
        self, root: Path, settings: Settings, resources: Resources, path: Path | None
    ) -> None:
        self.unreadable: list[str] = []  # the first of them: a foreign file may be all of these
        self.unread = 0
        self.workspaces = Workspaces()
        if path is not None:
            self.place, self._all = str(path), self._at(path)
            return
        outputs = outputs_of(root, settings, resources)[:1]
        imported = recipe.imports(root)
        if not outputs and not imported:
            raise UsageError(f"{root}: no conversations yet; run `kappa-data run` first")
        # validate takes the imports in; before it they stand beside what was generated.
        if not outputs or outputs[0].manifest.stage == "generate":
            outputs += imported.values()
        self.place = ", ".join(str(each.dir) for each in outputs)
        self._all = (each for output in outputs for each in output.read(SET, Conversation))
        plan = recipe.newest(root, "plan")
        if plan is not None:
            self.workspaces = Workspaces(plan.read("tasks", TaskText))

    def read(self, choice: Choice) -> Iterator[Conversation]:
        """In their order; UsageError where there is none."""
        families: set[str] = set()
        count = 0
        for each in islice(self._wanted(choice, families), choice.limit or None):
            count += 1
            yield each
        if not count:
            raise UsageError(f"{self.place}: {_nothing(choice, families)}")

    def _wanted(self, choice: Choice, families: set[str]) -> Iterator[Conversation]:
        for each in self._all:
            families.add(each.family or "none")
            if choice.family not in (None, each.family or "none"):
                continue
            if choice.id is None or each.id.startswith(choice.id):
                yield each

    def _at(self, path: Path) -> Iterator[Conversation]:
        """Of a release folder, a folder or a file: in our own form, else as import reads it."""
        place = _conversations_in(path)
        found = raw_records(str(place))
        first = next((raw for _, raw in found if not isinstance(raw, LineError)), {})
        if not {"messages", "provenance"} <= set(first):
            for each in read_conversations(str(place)):
                if isinstance(each, Conversation):
                    yield each
                else:
                    self._pass_over(
                        f"{each.file}:{each.line}: {each.reason}"
                        if isinstance(each, LineError)
                        else str(each.findings[0].rule)
                    )
            return
        for where, raw in raw_records(str(place)):
            try:
                yield msgspec.convert(_known(raw), Conversation)
            except msgspec.ValidationError as error:
                self._pass_over(f"{where}: {error}")

    def _pass_over(self, reason: str) -> None:
        self.unread += 1
        if len(self.unreadable) < SAID:
            self.unreadable.append(reason)


def run(chosen: Chosen, choice: Choice, settings: Settings, progress: Progress) -> dict[str, Any]:
    """Replays what was chosen; the figures of a Tally, and the exit code.

    SandboxDown where there is no sandbox; Stopped by an interrupt.
    """
    try:
        tally = asyncio.run(_run(chosen, choice, settings, progress))
    except KeyboardInterrupt:
        raise Stopped("replay: interrupted; it writes nothing, run it again") from None
    mismatch = bool(tally.conversations["mismatch"])
    figures = {
        "place": chosen.place,
        **tally.figures(),
        "records not read": chosen.unread,
        "unreadable": chosen.unreadable,
    }
    return {**figures, "exit_code": int(mismatch)}


async def _run(chosen: Chosen, choice: Choice, settings: Settings, progress: Progress) -> Tally:
    sandbox = Bubblewrap(settings.sandbox, at_once=choice.boxes)
    await try_out(sandbox)
    tally = Tally(sandbox.tools)
    runs = replay_many(chosen.read(choice), chosen.workspaces, sandbox, choice.boxes, strict=False)
    with progress.task("replay", total=None) as bar:
        async with aclosing(runs):
            async for replayed in runs:
                tally.count(replayed)
                bar.advance(1)
                bar.say(f"{tally.conversations['mismatch']} mismatches")
    return tally


def _known(raw: dict[str, Any] | LineError) -> dict[str, Any]:
    """A record's values; ValidationError where its line could not even be read."""
    if isinstance(raw, LineError):
        raise msgspec.ValidationError(raw.reason)
    return raw


def _conversations_in(path: Path) -> Path:
    """The folder of conversations where `path` is a release, else `path` itself."""
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder; name a release, a JSONL or parquet file")
    folders = (path / place / SET for place in RELEASE_PLACES)
    found = next((each for each in folders if each.is_dir()), path)
    if found == path and (datasets := sorted(path.glob(f"*/{RELEASE_PLACES[0]}/{SET}"))):
        names = ", ".join(str(path / each.relative_to(path).parts[0]) for each in datasets[:3])
        raise UsageError(f"{path}: {len(datasets)} datasets lie in it; name one of them: {names}")
    return found


def _nothing(choice: Choice, families: set[str]) -> str:
    if not families:
        return "no conversation that can be read"
    if choice.family is not None and choice.family not in families:
        return (
            f'no conversation of the family "{choice.family}"; {nearest(choice.family, families)}'
        )
    return f'no conversation whose id begins with "{choice.id}"'
