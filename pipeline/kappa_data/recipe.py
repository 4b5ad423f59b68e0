"""The whole machine on one page: the stages in order, and how a dataset is built up to one of them.

plan ─→ generate ─→ validate ─→ dedupe ─→ tokenize ─→ pack ─→ report ─→ release
           import ─┘  (conversations from elsewhere: any number, sealed by a command of its own)
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Struct

from kappa_data.config import DedupeConfig, PlanConfig, SandboxConfig, Settings, TokenizeConfig
from kappa_data.disk import BUILDING
from kappa_data.progress import Progress
from kappa_data.records import SPLITS
from kappa_data.resources import Resources
from kappa_data.stage import Stage, build, key_of, key_parts
from kappa_data.store import Manifest, Sealed, open_sealed

CURRENT = "current"
IMPORT = "import"


def _in(module: str, function: str = "run") -> Callable[[Any], Any]:
    """A stage's function, imported when it is called: asking for the status loads no tokenizer."""

    def call(given: Any) -> Any:
        return getattr(import_module(f"kappa_data.stages.{module}"), function)(given)

    return call


def _personas(resources: Resources) -> list[str]:
    return resources.names("prompts/personas", ".toml")


def _told(resources: Resources) -> list[str]:
    """What is said to who speaks, and may not be found in what was spoken (`briefs.beside`)."""
    beside = [f"prompts/{name}.j2" for name in ("switch", "revoice", "reminder", "denials")]
    return ["prompts/assistant.j2", *beside, *_personas(resources)]


def _all_prompts(resources: Resources) -> list[str]:
    # Who writes tasks, or judges what was said, is no part of a conversation.
    others = {f"prompts/{name}.j2" for name in ("tasks", "judge_voice", "judge_substance")}
    asked = [each for each in resources.names("prompts", ".j2") if each not in others]
    return [*asked, *_personas(resources)]


def _families(config: PlanConfig) -> dict[str, str]:
    """The families, and what the user's own files hold: what it is, and not where it lies."""
    from kappa_data.tasks import sources
    from kappa_data.tasks.catalog import families

    found = {f"family {each.name}": f"{each.seeds} seeds" for each in families().values()}
    return found | sources.digests(config)


def _of_families(sandbox: SandboxConfig) -> dict[str, str]:
    """What is in the boxes, and which programs they have of those that families need."""
    from kappa_data.sandbox.programs import find, root_of
    from kappa_data.tasks.catalog import families

    wanted = {program for each in families().values() for program in each.programs}
    there = sorted(each for each in wanted if find(each, root_of(sandbox)) is not None)
    return _in_boxes(sandbox) | {f"program {name}": "there" for name in there}


def _in_boxes(sandbox: SandboxConfig) -> dict[str, str]:
    """What is in the boxes by what it is, and not by where it lies: the tools that others made, and
    the programs of a root that the settings name."""
    from kappa_data.sandbox import programs
    from kappa_data.sandbox.toolset import tool_set

    found = {f"tool {name}": each for name, each in tool_set(sandbox.tools).digests().items()}
    if sandbox.rootfs:
        root = programs.root_of(sandbox)
        digests = programs.digests(root, programs.interpreter(root))
        found["programs of the root"] = programs.toolchain(digests)
    return found


def _checks(_: Struct) -> dict[str, str]:
    from kappa_data.validation.checking import all_checks

    return {f"check {each.name}": ", ".join(each.rules) for each in all_checks()}


def _tokenizer(config: TokenizeConfig) -> dict[str, str]:
    """The digest of a tokenizer that is no part of the package: what it is, not where it lies."""
    if config.format != "chat-template":
        return {}
    from kappa_data.formats.tokenizer_files import digest, folder_of

    return {"tokenizer": digest(folder_of(config.tokenizer))}


def _evaluations(resources: Resources) -> list[str]:
    return resources.names("data/seeds/evaluation", ".npz")


def _against(config: DedupeConfig) -> dict[str, str]:
    """The user's own files with evaluation prompts: what they hold, not where they lie."""
    if not config.against:
        return {}
    from kappa_data.tasks.evaluation import digests

    return digests(config.against)


def _measured(resources: Resources) -> list[str]:
    return [*_personas(resources), "schemas/conversation.json"]


def _card(resources: Resources) -> list[str]:
    return ["data/seeds/card.md.j2", *_personas(resources)]


def _personas_and_material(resources: Resources) -> list[str]:
    return [*_personas(resources), *resources.names("data/seeds/tasks", ".toml")]


PLAN = Stage(
    "plan",
    5,
    _in("plan"),
    ("slots",),
    prompts=_personas_and_material,
    found=_families,
    boxed=lambda config: True,
    in_box=_of_families,
)
GENERATE = Stage(
    "generate",
    5,
    _in("generate"),
    ("conversations",),
    ("plan",),
    _all_prompts,
    boxed=lambda config: True,
    in_box=_in_boxes,
    check=_in("generate", "check"),
)
VALIDATE = Stage(
    "validate",
    7,
    _in("validate"),
    ("conversations",),
    ("generate", IMPORT),
    _told,
    found=_checks,
    boxed=lambda config: config.replay,
    in_box=_in_boxes,
    check=_in("validate", "check"),
)
DEDUPE = Stage(
    "dedupe",
    6,
    _in("dedupe"),
    ("conversations",),
    ("validate",),
    prompts=_evaluations,
    found=_against,
    check=_in("dedupe", "check"),
)
TOKENIZE = Stage(
    "tokenize",
    2,
    _in("tokenize"),
    ("samples",),
    ("dedupe",),
    found=_tokenizer,
    check=_in("tokenize", "check"),
)
PACK = Stage("pack", 2, _in("pack"), SPLITS, ("tokenize",), check=_in("pack", "check"))
REPORT = Stage(
    "report",
    6,
    _in("report"),
    ("report",),
    ("plan", "generate", IMPORT, "validate", "dedupe", "tokenize", "pack"),
    prompts=_measured,
    whole=True,
)
RELEASE = Stage(
    "release",
    8,
    _in("release"),
    tuple(f"dataset/conversations/{split}" for split in SPLITS),
    ("plan", "generate", IMPORT, "validate", "dedupe", "tokenize", "pack", "report"),
    prompts=_card,
)
STAGES = (PLAN, GENERATE, VALIDATE, DEDUPE, TOKENIZE, PACK, REPORT, RELEASE)
IMPORTED = Stage(IMPORT, 4, _in("import_"), ("conversations",))
DECLARED = (*STAGES, IMPORTED)
NAMES = tuple(stage.name for stage in STAGES)


class Step(NamedTuple):
    """One stage of a dataset as it stands: its sealed output, or why there is none."""

    stage: Stage
    sealed: Sealed | None
    reason: str


def needed(target: str, settings: Settings) -> list[Stage]:
    """The stages that lead to `target`; without plan and generate where only imports are read."""
    upto = STAGES[: NAMES.index(target) + 1]
    if "generate" in settings.validate.sources or target in ("plan", "generate"):
        return list(upto)
    return [each for each in upto if each.name not in ("plan", "generate")]


def build_up_to(
    target: str,
    settings: Settings,
    resources: Resources,
    root: Path,
    progress: Progress,
) -> Iterator[tuple[Sealed, bool]]:
    """Builds what is not up to date, in order; yields each stage's output, and if it was built.

    Before the first of them, what is ahead is asked whether its settings can be used at all: nobody
    waits, or pays, for what comes before a stage that will refuse. UsageError where one does.
    """
    done: dict[str, Sealed] = {}
    stages = needed(target, settings)
    begun = False
    for number, stage in enumerate(stages):
        config: Struct = getattr(settings, stage.name)
        inputs = _inputs(stage, settings, done, root)
        first = partial(_check, [] if begun else stages[number + 1 :], settings)
        sealed, built = build(
            stage, config, inputs, resources, root, progress, settings.sandbox, first
        )
        begun = begun or built
        done[stage.name] = sealed
        if stage is RELEASE:
            _point_current(sealed)
        yield sealed, built


def _check(stages: Iterable[Stage], settings: Settings) -> None:
    for stage in stages:
        stage.check(getattr(settings, stage.name))


def status(settings: Settings, resources: Resources, root: Path) -> list[Step]:
    """Each stage, up to date or the reason why not; builds nothing."""
    done: dict[str, Sealed] = {}
    steps = []
    for stage in needed(RELEASE.name, settings):
        waiting = [
            name
            for name in stage.inputs
            if name != IMPORT and name not in done and name in _names(needed(stage.name, settings))
        ]
        if waiting:
            steps.append(Step(stage, None, f"waits for {waiting[-1]}"))
            continue
        config: Struct = getattr(settings, stage.name)
        inputs = _inputs(stage, settings, done, root)
        parts = key_parts(stage, config, inputs, resources, settings.sandbox)
        sealed = open_sealed(root / stage.name / key_of(parts))
        if sealed is not None:
            done[stage.name] = sealed
            steps.append(Step(stage, sealed, "up to date"))
        else:
            steps.append(Step(stage, None, _why(parts, newest(root, stage.name))))
    return steps


def newest(root: Path, stage: str) -> Sealed | None:
    """The sealed output of a stage that was made last, whatever its settings were."""
    finished = (each for each in _keys(root, stage) if not each.name.endswith(BUILDING))
    sealed = [each for each in map(open_sealed, finished) if each is not None]
    return max(sealed, key=lambda each: (each.manifest.created, each.dir.name), default=None)


def unused(settings: Settings, resources: Resources, root: Path) -> list[Path]:
    """Folders that nothing uses: keys outside the current chain, and what a crash left behind.

    Where a stage's key is not known yet, its newest output stays. Imports, the journal and what
    `release/current` names always stay.
    """
    steps = {step.stage.name: step for step in status(settings, resources, root)}
    doomed = []
    for stage in STAGES:
        step = steps.get(stage.name)
        sealed = (step.sealed if step else None) or newest(root, stage.name)
        keep = {sealed.dir.name} if sealed else set()
        if stage is RELEASE:
            keep.add((root / stage.name / CURRENT).resolve().parent.name)
        doomed += [folder for folder in _keys(root, stage.name) if folder.name not in keep]
    doomed += [each for each in _keys(root, IMPORT) if each.name.endswith(BUILDING)]
    return doomed


def collect(folders: list[Path]) -> int:
    """Removes folders; the bytes that they held.

    Each is renamed first: one that is half gone must not look sealed.
    """
    size = sum(file.stat().st_size for each in folders for file in each.rglob("*"))
    for folder in folders:
        doomed = folder
        if not folder.name.endswith(BUILDING):
            doomed = folder.rename(folder.with_name(folder.name + BUILDING))
        shutil.rmtree(doomed)
    return size


def imports(root: Path) -> dict[str, Sealed]:
    """Every sealed import of the dataset, by the name that it has as an input."""
    found = {
        f"{IMPORT}:{each.name}": open_sealed(each)
        for each in _keys(root, IMPORT)
        if not each.name.endswith(BUILDING)
    }
    return {name: sealed for name, sealed in found.items() if sealed is not None}


def is_dataset(folder: Path) -> bool:
    """Whether something lies there that a stage made or bought, or that was imported; not only what
    one that failed left behind."""
    stages = (folder / stage.name for stage in DECLARED)
    made = (file for each in stages if each.is_dir() for file in each.iterdir())
    return any(not file.name.endswith(BUILDING) for file in made)


def _inputs(
    stage: Stage, settings: Settings, done: Mapping[str, Sealed], root: Path
) -> dict[str, Sealed]:
    inputs = {name: done[name] for name in stage.inputs if name in done}
    if IMPORT in stage.inputs and IMPORT in settings.validate.sources:
        inputs |= imports(root)
    if stage is VALIDATE and settings.validate.replay and PLAN.name in done:
        inputs[PLAN.name] = done[PLAN.name]  # the files with which the tasks begin
    return inputs


def _keys(root: Path, stage: str) -> list[Path]:
    folder = root / stage
    if not folder.is_dir():
        return []
    return sorted(each for each in folder.iterdir() if each.is_dir() and not each.is_symlink())


def _names(stages: list[Stage]) -> set[str]:
    return {stage.name for stage in stages}


def _why(parts: Mapping[str, Any], last: Sealed | None) -> str:
    """What differs between the key that is wanted and the newest that exists."""
    if last is None:
        return "never built"
    old: Manifest = last.manifest
    if old.version != parts["version"]:
        return f"version {old.version} -> {parts['version']}"
    for what, before, now in (
        ("setting", old.config, parts["config"]),
        ("input", old.inputs, parts["inputs"]),
        ("", old.resources, parts["resources"]),
    ):
        for name in sorted(set(before) | set(now)):
            if before.get(name) != now.get(name):
                if what == "setting":
                    return f"{name}: {before.get(name)!r} -> {now.get(name)!r}"
                change = "changed" if name in before and name in now else "came or went"
                return f"{what} {name} {change}".strip()
    return "removed"


def _point_current(sealed: Sealed) -> None:
    """Makes release/current name this release, atomically."""
    link = sealed.dir.parent / CURRENT
    fresh = link.with_name(f"{CURRENT}.part")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(Path(sealed.dir.name) / "dataset")
    fresh.rename(link)
