"""Settings given by flags are kept beside the dataset, for the commands that come after.

`generate --model X` and then `pack`: pack builds up to itself, so it has to ask the same question
as generate did. A command's own stage takes its settings from the command line, the environment and
kappa.toml; for the stages before it, what was said last still holds. Keys are never kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from kappa_data.config_layers import check_keys
from kappa_data.disk import write_durably
from kappa_data.errors import UsageError

FILE = "settings.json"
STATED = {"release": ("teacher_terms",)}
"""what is true of a dataset and not of one command: said once, it holds for all later ones, though
they decide the rest of that stage by themselves"""
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
    check_keys(f"{path} (remove it to forget)", layer)
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
            merged.setdefault(stage, {}).update(values)
    return {stage: values for stage, values in merged.items() if values}


def without(layer: Mapping[str, Mapping[str, Any]], stages: Iterable[str]) -> Layer:
    """The layer less some stages."""
    dropped = set(stages)
    return {stage: dict(values) for stage, values in layer.items() if stage not in dropped}


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
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
