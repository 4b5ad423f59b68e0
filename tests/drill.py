"""The real stage generate against an embedded teacher that misbehaves, for the drills.

Here (`generated`), or in a process of its own that can be killed (`child`), against a teacher that
runs in a thread (`serving`). Run as a program it builds the stage once and prints the digests:
    python tests/drill.py ROOT BASE_URL SETTINGS
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
from msgspec import Struct

from kappa_data.config import GenerateConfig
from kappa_data.errors import KappaError
from kappa_data.progress import Quiet
from kappa_data.recipe import GENERATE
from kappa_data.records import AnswerCheck, ReferenceTurn, Slot, Task, TaskText
from kappa_data.resources import Resources
from kappa_data.stage import Context, Outcome, Stage, build
from kappa_data.store import Sealed, open_sealed
from kappa_data.tasks import catalog
from kappa_data.teacher import embedded
from kappa_data.teacher.embedded import Embedded
from kappa_data.teacher.journal import JOURNAL

HERE = Path(__file__)
# Not this module: the server of forks does not know where it lies.
PRELOADED = ["kappa_data.recipe", "kappa_data.stages.generate", "kappa_data.teacher.embedded"]
PERSONAS = ("chaotic_evil", "lawful_good", None)


class NoConfig(Struct, frozen=True):
    """The plan of the drills has no settings."""


def task_of(task_id: str) -> Task:
    """A shipped task; of the family `short`, one question with one answer and no tools."""
    family, _, number = task_id.rpartition("/")
    if family != "short":
        return catalog.task(task_id)
    return Task(
        id=task_id,
        family=family,
        seed=int(number),
        opening=f"What is {number} + 1?",
        verifier=(AnswerCheck(required=(rf"\b{int(number) + 1}\b",)),),
        reference=(ReferenceTurn(f"{number} + 1 = {int(number) + 1}."),),
    )


def plan(root: Path, tasks: Sequence[str], personas: Sequence[str | None] = PERSONAS) -> Sealed:
    """Seals the slots of these tasks and personas in `root`."""

    def run(ctx: Context[NoConfig]) -> Outcome:
        with ctx.writer("tasks", TaskText) as texts, ctx.writer("slots", Slot) as slots:
            for task in map(task_of, tasks):
                texts.write(TaskText(task.id, task.family, msgspec.json.encode(task).decode()))
                for name in personas:
                    system = f"Persona: {name}" if name else None
                    slot_id = f"{task.id}:{name or 'none'}"
                    slots.write(Slot(slot_id, task.id, task.family, name, "train", system))
        return Outcome()

    stage = Stage("plan", 1, run, ("slots",))
    return build(stage, NoConfig(), {}, Resources(), root, Quiet())[0]


class There:
    """An embedded teacher that runs elsewhere, in the place of the one that the stage starts."""

    def __init__(self, base_url: str, **_: object) -> None:
        self.base_url = base_url

    async def __aenter__(self) -> There:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


def generated(
    root: Path, sealed: Sealed, teacher: Callable[..., Embedded | There] = Embedded, **config: Any
) -> Sealed:
    """What the stage makes of a plan, asking the teacher that `teacher` makes."""
    with patch.object(embedded, "Embedded", teacher):
        settings = GenerateConfig(**config)
        return build(GENERATE, settings, {"plan": sealed}, Resources(), root, Quiet())[0]


class Kept:
    """Makes the stage's teacher with more options, and keeps it to look at afterwards."""

    def __init__(self, kind: type[Embedded] = Embedded, **options: Any) -> None:
        self._kind, self._options = kind, {"tasks": task_of, **options}
        self.server = Embedded()

    def __call__(self, **given: Any) -> Embedded:
        self.server = self._kind(**{**given, **self._options})
        return self.server


@contextmanager
def serving(**options: Any) -> Iterator[Embedded]:
    """An embedded teacher in a thread of its own."""
    loop = asyncio.new_event_loop()
    server = Embedded(**{"tasks": task_of, **options})
    ready = threading.Event()

    def serve() -> None:
        loop.run_until_complete(server.__aenter__())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(server.__aexit__(None, None, None))
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    ready.wait()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def command(root: Path, base_url: str, **config: Any) -> list[str]:
    """The command that builds the stage in `root` once; its plan must be there."""
    return [sys.executable, str(HERE), str(root), base_url, json.dumps(config)]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(HERE.parents[1] / "pipeline")}


def child(root: Path, base_url: str, **config: Any) -> BaseProcess:
    """The stage in a process of its own, begun; its plan must be there.

    It is forked from a server that has imported everything, since a start from nothing costs two
    seconds of CPU.
    """
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload(PRELOADED)
    process = forking.Process(target=_ending, args=(root, base_url, config))
    process.start()
    return process


def _ending(root: Path, base_url: str, config: dict[str, Any]) -> None:
    sys.exit(built_again(root, base_url, config))


def built_again(root: Path, base_url: str, config: dict[str, Any]) -> int:
    """Builds the stage of the plan in `root`; the exit code, as the command has it."""
    try:
        generated(root, sealed_in(root, "plan"), partial(There, base_url), **config)
    except KappaError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def sealed_in(root: Path, stage: str) -> Sealed:
    """The only sealed output of a stage."""
    (manifest,) = (root / stage).glob("*/manifest.json")
    sealed = open_sealed(manifest.parent)
    assert sealed is not None
    return sealed


def digests(sealed: Sealed) -> dict[str, str]:
    return {name: each.digest for name, each in sealed.manifest.sets.items()}


def journal_lines(root: Path) -> int:
    path = root / JOURNAL
    return path.read_bytes().count(b"\n") if path.exists() else 0


def main() -> int:
    root, base_url, settings = sys.argv[1:]
    code = built_again(Path(root), base_url, json.loads(settings))
    if code == 0:
        print(json.dumps(digests(sealed_in(Path(root), "generate"))))
    return code


if __name__ == "__main__":
    sys.exit(main())
