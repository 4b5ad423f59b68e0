"""A stage: its declaration, its key, and how it is built.

The key is a digest of the name, the version, the identity part of the config, the digests of the
inputs' rows and of the prompt files that are read. Code does not change a key (teacher answers cost
money): the version does. Because inputs count by the digest of their rows and not by their key, a
stage whose inputs came out the same is not run again.
"""

from __future__ import annotations

import datetime
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from kappa_data.config import SandboxConfig, identity
from kappa_data.disk import building, disk_errors, link, write_durably
from kappa_data.progress import Progress
from kappa_data.records import canonical_json
from kappa_data.resources import Resources, digest_of
from kappa_data.store import (
    MANIFEST,
    Manifest,
    Piece,
    RecordSet,
    Sealed,
    ShardWriter,
    open_sealed,
    record_set,
)

C = TypeVar("C", bound=Struct)
KEY_CHARS = 16
Made = RecordSet | tuple[type[Struct], ShardWriter]


class Outcome(Struct, frozen=True):
    """What a stage says of its work: rejected records by reason, and figures for people."""

    rejected: dict[str, int] = {}
    figures: dict[str, Any] = {}


@dataclass
class Context(Generic[C]):
    """All that a stage may use."""

    config: C
    inputs: Mapping[str, Sealed]
    resources: Resources
    root: Path
    progress: Progress
    folder: Path
    sandbox: SandboxConfig = field(default_factory=SandboxConfig)
    _made: dict[str, Made] = field(default_factory=dict)

    def writer(self, name: str, record: type[Struct], *, parts: bool = False) -> ShardWriter:
        """A writer for the record set `name` of this stage's output ("a/b": a subfolder).

        `parts`: each shard is one part, so that the next stage may pass it on as a whole.
        """
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        writer = ShardWriter(self.folder, name, record, parts=parts)
        self._made[name] = (record, writer)
        return writer

    def gather(self, name: str, record: type[Struct], pieces: Iterable[Piece]) -> None:
        """Makes the record set `name` of what several processes wrote, in the order of `pieces`."""
        self._made[name] = record_set(self.folder, name, record, pieces)

    def sets(self) -> dict[str, RecordSet]:
        """The record sets that were made, by name; RuntimeError where one was never closed."""
        return {
            name: made
            if isinstance(made, RecordSet)
            else record_set(self.folder, name, made[0], [made[1].piece])
            for name, made in self._made.items()
        }

    def adopt(self, name: str, source: Sealed, of: str) -> None:
        """Takes over the record set `of` of an input as `name`, by link."""
        record_set = source.manifest.sets[of]
        shards = []
        for number, shard in enumerate(source.shards(of)):
            target = self.folder / f"{name}-{number:05d}.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            link(shard, target)
            shards.append(str(target.relative_to(self.folder)))
        self._made[name] = msgspec.structs.replace(record_set, shards=tuple(shards))


@dataclass(frozen=True)
class Stage:
    """Declares one stage.

    `records` names the record sets that count as what it made, `inputs` are names of stages,
    `prompts` gives the resources that it reads, and `found` what it finds by a folder, an entry
    point or its config (name -> a text that changes with it), such as the task families. `boxed`
    says of a config whether tool calls run: then the sandbox's settings are part of the key, and
    `in_box`, what is found by them. `whole`: an input counts by its own key too, since more of it
    is read than its rows: what it refused, its figures. `check`: UsageError where the config cannot
    be used, whatever the inputs are.
    """

    name: str
    version: int
    run: Callable[[Context[Any]], Outcome]
    records: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    prompts: Callable[[Resources], Iterable[str]] = lambda resources: ()
    found: Callable[[Any], Mapping[str, str]] = lambda config: {}
    boxed: Callable[[Any], bool] = lambda config: False
    in_box: Callable[[SandboxConfig], Mapping[str, str]] = lambda sandbox: {}
    whole: bool = False
    check: Callable[[Any], None] = lambda config: None


def key_parts(
    stage: Stage,
    config: Struct,
    inputs: Mapping[str, Sealed],
    resources: Resources,
    sandbox: SandboxConfig,
) -> dict[str, Any]:
    """What the key is made of; `status` compares these to say why a stage is not up to date."""
    runs = stage.boxed(config)
    boxed = {"sandbox": identity(sandbox)} if runs else {}
    found = {**stage.found(config), **(stage.in_box(sandbox) if runs else {})}
    return {
        "stage": stage.name,
        "version": stage.version,
        "config": identity(config) | boxed,
        "inputs": {
            name: f"{each.manifest.key}:{each.digest}" if stage.whole else each.digest
            for name, each in sorted(inputs.items())
        },
        "resources": resources.digests(stage.prompts(resources)) | found,
    }


def key_of(parts: Mapping[str, Any]) -> str:
    """The stage's key: 16 hexadecimal digits."""
    return digest_of({name: canonical_json(value) for name, value in parts.items()})[:KEY_CHARS]


def build(
    stage: Stage,
    config: Struct,
    inputs: Mapping[str, Sealed],
    resources: Resources,
    root: Path,
    progress: Progress,
    sandbox: SandboxConfig = SandboxConfig(),  # noqa: B008 - frozen
    first: Callable[[], None] = lambda: None,
) -> tuple[Sealed, bool]:
    """The stage's sealed output, and whether it was built now (False: it was up to date).

    The caller holds the dataset's lock. Raises whatever boundary error the stage raises. `first` is
    called where there is work, before it.
    """
    parts = key_parts(stage, config, inputs, resources, sandbox)
    key = key_of(parts)
    folder = root / stage.name / key
    sealed = open_sealed(folder)
    if sealed is not None:
        return sealed, False
    stage.check(config)
    first()
    started = time.monotonic()
    with disk_errors(root), building(folder) as work:
        context = Context(config, inputs, resources, root, progress, work, sandbox)
        outcome = stage.run(context)
        manifest = Manifest(
            **parts,
            key=key,
            sets=context.sets(),
            rejected=dict(sorted(outcome.rejected.items())),
            figures=outcome.figures,
            seconds=round(time.monotonic() - started, 3),
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            kappa_data=package_version(),
        )
        write_durably(work / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
    sealed = open_sealed(folder)
    assert sealed is not None
    return sealed, True


def package_version() -> str:
    """The installed version; 'checkout' where the package is not installed."""
    try:
        return version("kappa-data")
    except PackageNotFoundError:
        return "checkout"


def summed(done: Iterable[Struct], *names: str) -> list[Counter[str]]:
    """For each name the sum over all parts of the counts that they keep under it."""
    parts = list(done)
    return [sum((Counter(getattr(each, name)) for each in parts), Counter()) for name in names]
