"""The settings that made a dataset, as the kappa.toml that makes it again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from kappa_data.config import Settings, identity

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


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
            lines = (f"{name} = {_value(value)}" for name, value in changed.items())
            tables.append("\n".join([f"[{stage}]", *lines]))
    return "\n\n".join(tables)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return f'"{"".join(map(_character, value))}"'
    if isinstance(value, Mapping):
        # A value that is None is one that nobody set: TOML has no such thing.
        pairs = (f"{_key(name)} = {_value(each)}" for name, each in _set(value))
        return f"{{ {', '.join(pairs)} }}" if value else "{}"
    return f"[{', '.join(map(_value, value))}]"


def _set(value: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    return ((name, each) for name, each in value.items() if each is not None)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
