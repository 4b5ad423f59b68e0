"""What the commands do, between the command line and the recipe: settings, lock, build, push.

Nothing here prints, but for progress; every function gives back plain values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from kappa_data import config_layers, recipe, remembered, stage
from kappa_data.config import Settings
from kappa_data.disk import disk_errors, lock
from kappa_data.engine import kept_processes
from kappa_data.errors import SandboxDown, StageError, UsageError
from kappa_data.progress import Progress
from kappa_data.records import Slot
from kappa_data.resources import Resources
from kappa_data.store import Sealed
from kappa_data.verify import packed_faults
from kappa_data.verify_release import find_release, release_faults

DEFAULT_CONFIG = Path("kappa.toml")
DEFAULT_PROMPTS = Path("prompts")
EMBEDDED = "embedded"
CONVERSATIONS = "conversations"
LISTED = 20
"""so many datasets are named where one is not there"""
Layer = dict[str, dict[str, Any]]


def resources_of(prompts: Path | None) -> Resources:
    """Prompts and seeds, with the user's folder on top: --prompts, else ./prompts if it exists."""
    if prompts is None and DEFAULT_PROMPTS.is_dir():
        prompts = DEFAULT_PROMPTS
    return Resources(prompts)


def settings_of(
    config_file: Path | None, root: Path, flags: Layer, own: Iterable[str]
) -> tuple[Settings, Layer, Layer]:
    """(settings, what was said explicitly, what was kept from earlier commands).

    `own` names the stages whose settings this command line decides by itself.
    """
    own, before = set(own), remembered.load(root)
    named = {} if config_file is None else remembered.naming(config_file, root)
    config_file = _config_file(config_file, root, before)
    kept = remembered.merge(remembered.without(before, own), remembered.stated(before))
    environment = config_layers.from_environment()
    said = remembered.merge(
        {stage: values for stage, values in environment.items() if stage in own}, flags, named
    )
    settings = config_layers.load(config_file, environment, remembered.settings(kept), flags)
    if settings.generate.model != before.get("generate", {}).get("model", settings.generate.model):
        kept = remembered.without(before, own)  # it was stated of another teacher
        settings = config_layers.load(config_file, environment, remembered.settings(kept), flags)
    if "generate" in own:
        _check_teacher(settings, said, flags, before)
    if own - {"sandbox"} != {"plan"}:
        # The teacher is kept even where nobody named it: no later command changes it unasked.
        said = remembered.merge(said, {"generate": {"model": settings.generate.model}})
    return settings, said, kept


def _config_file(given: Path | None, root: Path, before: Layer) -> Path | None:
    """The file of settings: that of this command, else that of earlier ones, else ./kappa.toml."""
    kept = remembered.file_of(before, root)
    if given is not None:
        return given
    if kept is None:
        return DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None
    if not kept.exists():
        raise UsageError(
            f"{kept}: the settings file of {root} is gone (--config of an earlier command); put it "
            "back, or name the one to use now with --config FILE"
        )
    return kept


def _check_teacher(settings: Settings, said: Layer, flags: Layer, before: Layer) -> None:
    """UsageError where a command would quietly put the embedded teacher in a real one's place."""
    told, model = said.get("generate", {}), settings.generate.model
    if model != EMBEDDED:
        return
    last = before.get("generate", {}).get("model", EMBEDDED)
    if last != EMBEDDED and "model" not in told:
        raise UsageError(
            f"generate: this dataset's teacher is {last} and this command names none: "
            f"say --model {last}, or --teacher embedded"
        )
    if flags.get("generate", {}).get("base_url"):
        raise UsageError(
            f"generate: --base-url {settings.generate.base_url} needs the name of a model there, "
            "--model NAME; 'embedded' is the teacher that is built in and runs by itself"
        )


def build(
    target: str,
    settings: Settings,
    keep: Layer,
    resources: Resources,
    root: Path,
    progress: Progress,
) -> Iterator[tuple[Sealed, bool]]:
    """Builds up to `target` under the dataset's lock; `keep` is remembered for later commands.

    It is remembered before the work, since that may be stopped and gone on with; but not where the
    settings turn out to be unusable, or to leave nothing, nor where no box works and nothing was
    built.
    """
    with disk_errors(root), lock(root), kept_processes():
        before = remembered.load(root)
        remembered.save(root, keep)
        done = False
        try:
            for sealed, built in recipe.build_up_to(target, settings, resources, root, progress):
                done = done or built
                yield sealed, built
        except (UsageError, StageError, SandboxDown) as error:
            if not (done and isinstance(error, SandboxDown)):
                remembered.save(root, before)
            raise


def seal_import(
    source: str, format: str, strict: bool, root: Path, progress: Progress
) -> tuple[Sealed, bool]:
    """Seals conversations from elsewhere, in place of an older import of the same name.

    StageError where `strict` and a line is broken; then nothing is sealed and nothing replaced.
    """
    from kappa_data.stages import import_

    chosen = import_.config_for(source, format, strict)
    with disk_errors(root), lock(root):
        sealed, built = stage.build(recipe.IMPORTED, chosen, {}, Resources(), root, progress)
        errors = sealed.count("line_errors")
        if strict and errors:  # sealed before, by a command that was not strict
            import_.refuse_broken(errors, sealed.manifest.figures["line errors"][0])
        older = import_.replaced(root, sealed)
        recipe.collect(older)
    if older:
        progress.note(f"import: in place of the older import of {sealed.manifest.config['name']}")
    return sealed, built


def dropped(root: Path, own: Iterable[str], said: Layer) -> Layer:
    """What earlier commands were told of these stages and this one is not."""
    before = remembered.load(root)
    left = {
        stage: {
            field: value
            for field, value in before.get(stage, {}).items()
            if field not in said.get(stage, {}) and field not in remembered.STATED.get(stage, ())
        }
        for stage in own
    }
    return remembered.merge(left)


def forget(root: Path) -> None:
    """Drops what earlier commands were told."""
    if root.is_dir():
        remembered.save(root, {})


def status(settings: Settings, resources: Resources, root: Path) -> dict[str, Any]:
    """Each stage, up to date or why not, and each import; `grounding` counts conversations by where
    their tool results come from, where a stage says so."""
    steps = recipe.status(settings, resources, root)
    stages = [
        {
            "stage": step.stage.name,
            "status": step.reason,
            "key": step.sealed.manifest.key if step.sealed else None,
            "records": step.sealed and sum(map(step.sealed.count, step.stage.records)),
            "grounding": step.sealed.manifest.figures.get("grounding") if step.sealed else None,
        }
        for step in steps
    ]
    imports = [
        {
            "stage": name,
            "status": "sealed",
            "key": each.manifest.key,
            "records": each.count(CONVERSATIONS),
            "grounding": {"imported": each.count(CONVERSATIONS)},
        }
        for name, each in recipe.imports(root).items()
    ]
    return {"dataset": str(root), "stages": stages, "imports": imports}


def current(root: Path, name: str, settings: Settings, resources: Resources) -> Sealed:
    """The up-to-date output of a stage; UsageError with the reason where there is none."""
    (step,) = (each for each in recipe.status(settings, resources, root) if each.stage.name == name)
    if step.sealed is None:
        raise not_current(root, step)
    return step.sealed


def not_current(root: Path, step: recipe.Step) -> UsageError:
    """What is said where a stage's output is wanted and not there: why, and what builds it."""
    name = step.stage.name
    again = remembered.command_of(name, root)
    return UsageError(f"{root}: {name} is not up to date ({step.reason}); run `{again}` first")


def refuse_missing(root: Path) -> None:
    """UsageError where no dataset lies in `root`: nothing was built there yet, nor imported."""
    if recipe.is_dataset(root):
        return
    folder = root.parent
    found = [each.name for each in folder.iterdir()] if folder.is_dir() else []
    names = sorted(name for name in found if recipe.is_dataset(folder / name))
    lacking = f"there is no dataset {root.name} in {folder}"
    if not names:
        raise UsageError(f"{lacking}, nor another one; `kappa-data run` makes it")
    names.sort(key=lambda name: -SequenceMatcher(None, root.name, name).ratio())
    more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    there = "there is" if len(names) == 1 else "there are"
    raise UsageError(f"{lacking}; {there}: {', '.join(names[:LISTED])}{more} (--dataset NAME)")


def journal_slots(root: Path, settings: Settings, resources: Resources) -> set[str]:
    """The slots that the plan of these settings asks for, under whose ids answers are journalled:
    a task that is re-voiced is solved as its slot without a persona.

    UsageError where the plan is not up to date: what it does not have cannot be told.
    """
    slots = list(current(root, "plan", settings, resources).read("slots", Slot))
    bases = {f"{slot.task_id}:none" for slot in slots if slot.strategy == "revoice"}
    return {slot.id for slot in slots} | bases


def verify(root: Path, settings: Settings, resources: Resources) -> dict[str, Any]:
    """What is wrong with the packed rows of a dataset, compared with the samples."""
    packed, samples = (current(root, name, settings, resources) for name in ("pack", "tokenize"))
    faults = list(packed_faults(packed, samples))
    return _verified(packed.dir, packed.manifest.figures["rows"], faults, compared=True)


def verify_release(path: Path) -> dict[str, Any]:
    """What is wrong with a release folder, by itself."""
    folder, manifest = find_release(path)
    faults = list(release_faults(path))
    return _verified(folder, manifest["figures"]["rows"], faults, compared=False)


def _verified(folder: Path, rows: int, faults: list[str], *, compared: bool) -> dict[str, Any]:
    found = {"rows": rows, "faults": faults, "dir": str(folder), "compared with samples": compared}
    return {**found, "exit_code": int(bool(faults))}


def summary(sealed: Sealed, built: bool) -> dict[str, Any]:
    """One stage as --json prints it; `run`: what building it took, where it was built now."""
    manifest = sealed.manifest
    (declared,) = (each for each in recipe.DECLARED if each.name == manifest.stage)
    run = {"run": manifest.figures["run"]} if built and "run" in manifest.figures else {}
    return run | {
        "stage": manifest.stage,
        "key": manifest.key,
        "dir": str(sealed.dir),
        "status": "built" if built else "up-to-date",
        "records": sum(sealed.count(name) for name in declared.records),
        "rejected": manifest.rejected,
        "seconds": manifest.seconds,
        "figures": manifest.figures,
    }
