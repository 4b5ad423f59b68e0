"""The settings that made a dataset, as the kappa.toml that makes it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kappa_data import toml_text
from kappa_data.config import Settings, identity


def recipe(configs: Mapping[str, Mapping[str, Any]]) -> str:
    """TOML text of every setting that is not its default, by stage (https://toml.io, 1.0).

    `configs`: the identity of each stage's config, as manifests hold it; the sandbox's stands
    within those of stages that have boxes. Settings of no stage of kappa.toml are left out.
    """
    told: dict[str, Mapping[str, Any]] = {}
    for stage, config in configs.items():
        told |= {"sandbox": config["sandbox"]} if "sandbox" in config else {}
        told[stage] = config
    tables = []
    for stage in Settings.__struct_fields__:
        usual = identity(getattr(Settings(), stage))
        own = told.get(stage, {})
        changed = {name: own[name] for name in usual if name in own and own[name] != usual[name]}
        if changed:
            lines = (f"{name} = {toml_text.written(value)}" for name, value in changed.items())
            tables.append("\n".join([f"[{stage}]", *lines]))
    return "\n\n".join(tables)
