"""What commands were told is kept beside the dataset, for those that come after: settings given by
flags, and the file that --config named.

`generate --model X` and then `pack`: pack builds up to itself, so it has to ask the same question
as generate did. A command's own stage takes its settings from the command line, the environment and
kappa.toml; for the stages before it, what was said last still holds. A file that --config named
holds for every later command that names none, in the place of ./kappa.toml, and is read anew by
each. Keys are never kept.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from kappa_data import toml_text
from kappa_data.config_layers import check_keys, put
from kappa_data.config_layers import describe as fields_of
from kappa_data.disk import write_durably
from kappa_data.errors import UsageError

FILE = "settings.json"
STATED = {"release": ("teacher_terms",)}
"""what is true of a dataset and not of one command: said once, it holds for all later ones, though
they decide the rest of that stage by themselves"""
CONFIG = "config"
"""stands beside the stages' tables and holds {"file": PATH}: what --config named"""
WITH = {"plan": ("plan", "sandbox")}
"""the tables that a command decides by itself, where they are not its stage's alone"""
Layer = dict[str, dict[str, Any]]


def load(root: Path) -> Layer:
    """What earlier commands on this dataset were told; empty where there were none.

    UsageError where the file is damaged or holds a setting that does not exist.
    """
    path = root / FILE
    try:
        layer = msgspec.json.decode(path.read_bytes(), type=Layer)
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as error:
        raise UsageError(f"{path}: damaged ({error}); remove it, name the settings again") from None
    named = layer.get(CONFIG, {"file": ""})
    if set(named) != {"file"} or not isinstance(named["file"], str):
        raise UsageError(f'{path} (remove it to forget): "{CONFIG}" names no file')
    check_keys(f"{path} (remove it to forget)", settings(layer))
    return layer


def save(root: Path, layer: Mapping[str, Mapping[str, Any]]) -> None:
    """Keeps a layer of settings."""
    root.mkdir(parents=True, exist_ok=True)
    write_durably(root / FILE, msgspec.json.format(msgspec.json.encode(layer, order="sorted")))


def merge(*layers: Mapping[str, Mapping[str, Any]]) -> Layer:
    """Layers over each other; the last one wins, field by field."""
    merged: Layer = {}
    for layer in layers:
        for stage, values in layer.items():
            for field, value in values.items():
                put(merged.setdefault(stage, {}), field, value)
    return {stage: values for stage, values in merged.items() if values}


def without(layer: Mapping[str, Mapping[str, Any]], stages: Iterable[str]) -> Layer:
    """The layer less some stages."""
    dropped = set(stages)
    return {stage: dict(values) for stage, values in layer.items() if stage not in dropped}


def settings(layer: Mapping[str, Mapping[str, Any]]) -> Layer:
    """The settings of the layer, without the file."""
    return without(layer, [CONFIG])


def naming(file: Path, root: Path) -> Layer:
    """The layer that names a settings file for the dataset in `root`.

    Relative to the dataset where the file lies in the folder that holds the data folder, or below
    it: both may then be moved together. From elsewhere it is absolute: the dataset may be moved.
    """
    file, root = file.parent.resolve() / file.name, root.resolve()
    together = root.parent.parent
    kept = file
    if together != together.parent and file.is_relative_to(together):
        kept = Path(os.path.relpath(file, root))
    return {CONFIG: {"file": str(kept)}}


def file_of(layer: Mapping[str, Mapping[str, Any]], root: Path) -> Path | None:
    """Where the file lies that the layer names, as seen from here; None where it names none."""
    if CONFIG not in layer:
        return None
    path = Path(os.path.normpath(root.resolve() / layer[CONFIG]["file"]))
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def command_of(stage: str, root: Path, *, but: str = "") -> str:
    """The command that builds a stage, with what it was last told, as each decides its own stage;
    `but` one field."""
    layer = load(root)
    said = [f"kappa-data {stage}"]
    for table in WITH.get(stage, (stage,)):
        kinds = fields_of(table)
        for field, value in sorted(layer.get(table, {}).items()):
            if field == but:
                continue
            if table == stage and field in kinds and kinds[field][0] in (str, int, float):
                said.append(f"--{field.replace('_', '-')} {shlex.quote(str(value))}")
            else:
                said.append(f"--set {shlex.quote(f'{table}.{field}={_written(value)}')}")
    return " ".join(said)


def stated(layer: Mapping[str, Mapping[str, Any]]) -> Layer:
    """What of the layer stays whatever a command decides by itself."""
    return merge(
        {
            stage: {field: layer[stage][field] for field in fields if field in layer[stage]}
            for stage, fields in STATED.items()
            if stage in layer
        }
    )


def describe(layer: Mapping[str, Mapping[str, Any]]) -> str:
    """`stage.field=value` for every setting, on one line."""
    return ", ".join(
        f"{stage}.{field}={_written(value)}"
        for stage, values in sorted(layer.items())
        for field, value in sorted(values.items())
    )


def _written(value: Any) -> str:
    """A value as `--set` takes it."""
    if isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value):
        return ",".join(value)
    return value if isinstance(value, str) else toml_text.written(value)
