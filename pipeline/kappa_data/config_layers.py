"""How a setting is found: a flag wins over the environment, over kappa.toml, over the default.

Every mistake is a UsageError that names the place, the table and the key.
"""

from __future__ import annotations

import functools
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from kappa_data import toml_text
from kappa_data.config import (
    GROUNDINGS,
    INTERFACES,
    ROLES,
    Endpoint,
    GenerateConfig,
    SandboxConfig,
    Settings,
    nearest,
)
from kappa_data.errors import UsageError

# The environment reaches these fields; everything else has a flag or --set.
ENVIRONMENT = {
    "KAPPA_MODEL": ("generate", "model"),
    "KAPPA_BASE_URL": ("generate", "base_url"),
    "OPENAI_BASE_URL": ("generate", "base_url"),
    "KAPPA_CONCURRENCY": ("generate", "concurrency"),
}

# A name of --set ends at the first "=" that stands in no quotes.
ASSIGNMENT = re.compile(r"""((?:[^="']|"[^"]*"|'[^']*')+)=(.*)""", re.DOTALL)

Overrides = Mapping[str, Mapping[str, Any]]
"""settings by stage and field; `table."a key"` in the place of a field is one key of a table"""


def load(path: Path | None, *layers: Overrides) -> Settings:
    """Settings from a TOML file (None: defaults only) under `layers`, the last of which wins.

    Raises UsageError that names the file, the table and the key.
    """
    table: dict[str, dict[str, Any]] = {}
    if path is not None:
        table = _read_toml(path)
        _convert(table, str(path))  # a mistake in the file is the file's, not a flag's
    for layer in layers:
        check_keys("settings", layer)
        for stage, values in layer.items():
            for field, value in sorted(values.items()):  # a whole table before keys of it
                _apply(table.setdefault(stage, {}), stage, field, value)
    return _convert(table, "settings")


def put(values: dict[str, Any], field: str, value: Any) -> None:
    """Sets a field, or one key of a table; a whole table takes the place of keys set before."""
    for each in [name for name in values if name.startswith(f"{field}.")]:
        del values[each]
    values[field] = value


def _apply(values: dict[str, Any], stage: str, field: str, value: Any) -> None:
    """Sets a field; of a table one key, beside those that are there, or are there by default."""
    head, *keys = _keys_of(field)
    if keys:
        there = values.get(head, msgspec.to_builtins(getattr(getattr(Settings(), stage), head)))
        value = _with(there, keys, value)
    values[head] = value


def _with(table: Any, keys: list[str], value: Any) -> dict[str, Any]:
    first, *others = keys
    there = dict(table) if isinstance(table, dict) else {}
    return {**there, first: _with(there.get(first), others, value) if others else value}


def check_keys(place: str, layer: Overrides) -> None:
    """UsageError that names `place` where a table or a key of the layer does not exist."""
    for stage, values in layer.items():
        _known_keys(place, stage, [_keys_of(field)[0] for field in values])


def from_environment(environ: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    """The layer that the environment makes; numbers are parsed where the field is one."""
    environ = os.environ if environ is None else environ
    layer: dict[str, dict[str, Any]] = {}
    for variable, (stage, field) in ENVIRONMENT.items():
        if environ.get(variable) and field not in layer.get(stage, {}):
            layer.setdefault(stage, {})[field] = parse_value(stage, field, environ[variable])
    return layer


def parse_set(assignment: str) -> tuple[str, str, Any]:
    """`stage.field=value` of --set, as (stage, field, value); the value is read as TOML would.

    `stage.table.key=value` sets one key of a table, which may be quoted: the field is then
    `table.key`, with quotes where TOML wants them.
    """
    found = ASSIGNMENT.fullmatch(assignment)
    name, text = found.groups() if found else ("", "")
    stage, dot, path = name.strip().partition(".")
    if not (path and dot):
        raise UsageError(f'--set {assignment}: write it as stage.field=value, e.g. "pack.seed=7"')
    field, *keys = _keys_of(path)
    _known_keys("--set", stage, [field])
    if not keys:
        return stage, field, parse_value(stage, field, text.strip())
    kind = get_type_hints(type(getattr(Settings(), stage)))[field]
    done = f"{stage}.{field}"
    for key in keys:
        kind = _kind_in(kind, key, done)
        done = f"{done}.{toml_text.key(key)}"
    return stage, done.partition(".")[2], _value_in(kind, done, text.strip())


def _keys_of(path: str) -> list[str]:
    """The keys of a dotted name, as TOML reads them; else split at its dots, since a shell takes
    quotes away."""
    if toml_text.BARE.fullmatch(path):
        return [path]
    try:
        table = tomllib.loads(f"{path} = 0")
    except tomllib.TOMLDecodeError:
        return [each.strip() for each in path.split(".")]
    keys = []
    while isinstance(table, dict):
        ((key, table),) = table.items()
        keys.append(key)
    return keys


def _kind_in(kind: Any, key: str, place: str) -> Any:
    """The type of what a table holds under a key."""
    if get_origin(kind) is dict:
        return get_args(kind)[1]
    fields = getattr(kind, "__struct_fields__", None)
    if fields is None:
        raise UsageError(f'--set: {place} is no table and has no "{key}"; write {place}=value')
    if key not in fields:
        raise UsageError(f'--set: {place} has no "{key}"; {nearest(key, fields)}')
    return get_type_hints(kind)[key]


def _value_in(kind: Any, place: str, text: str) -> Any:
    """Text as a value within a table: words need no quotes where words are wanted."""
    words = get_origin(kind) is Literal or str in (kind, *get_args(kind))
    if words and not text.startswith(('"', "'")):
        return text
    return _toml_value(place, text)


def parse_rates(flag: str, text: str) -> float | dict[str, float]:
    """`0.05` as a number, `kind=0.05,other=0.1` as a mapping."""
    try:
        if "=" not in text:
            return float(text or 0)
        pairs = (part.partition("=") for part in text.split(","))
        return {kind.strip(): float(rate) for kind, _, rate in pairs}
    except ValueError:
        raise UsageError(f"{flag} {text}: write 0.05, or kind=0.05,other=0.1") from None


def parse_value(stage: str, field: str, text: str) -> Any:
    """Text as the field's own type; a list of words is separated by commas."""
    config = type(getattr(Settings(), stage))
    kind = get_type_hints(config)[field]
    if kind is str:
        return text
    if kind == tuple[str, ...] and not text.lstrip().startswith("["):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if kind == dict[str, float] and not text.lstrip().startswith("{"):
        return _shares(stage, field, text)
    return _toml_value(f"{stage}.{field}", text)


def _toml_value(place: str, text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        raise UsageError(f"{place}={text}: not a value of this setting") from None


def written(value: Any) -> Any:
    """A setting as a flag writes it: lists and shares as one word."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, dict):
        return ",".join(f"{name}={share:g}" for name, share in value.items())
    return value


def _shares(stage: str, field: str, text: str) -> dict[str, float]:
    """`a=0.7,b=0.3`; a name alone has a share of 1; `none`, `0` or nothing: no shares at all."""
    if text.strip() in ("", "none", "0"):
        return {}
    shares = {}
    for part in text.split(","):
        name, equals, share = part.partition("=")
        try:
            shares[name.strip()] = float(share) if equals else 1.0
        except ValueError:
            raise UsageError(f"{stage}.{field}={text}: write it as a=0.7,b=0.3") from None
    return shares


def _read_toml(path: Path) -> dict[str, dict[str, Any]]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; check --config") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"{path}: {error}") from None
    for stage, values in table.items():
        if not isinstance(values, dict):
            raise UsageError(f"{path}: {stage} stands outside a table; put it under one, as [plan]")
        _known_keys(str(path), stage, values)
    return table


def _known_keys(place: str, stage: str, values: Iterable[str]) -> None:
    stages = Settings.__struct_fields__
    if stage not in stages:
        raise UsageError(f'{place}: there is no table "{stage}"; {nearest(stage, stages)}')
    fields = type(getattr(Settings(), stage)).__struct_fields__
    for key in values:
        if key not in fields:
            raise UsageError(f'{place}: [{stage}] has no "{key}"; {nearest(key, fields)}')


def _convert(table: Mapping[str, Any], place: str) -> Settings:
    _check_keys_of_endpoints(place, table.get("generate", {}).get("endpoints"))
    try:
        settings = msgspec.convert(table, Settings)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        name = where.rstrip("`")
        stage, _, field = name.partition(".")
        given = f" (it is {table[stage][field]!r})" if field in table.get(stage, {}) else ""
        raise UsageError(f"{place}: {name}: {what}{given}{_choices(stage, field)}") from None
    if settings.plan.validation + settings.plan.test >= 1:
        raise UsageError("plan.validation + plan.test must leave something to train on (below 1)")
    if settings.tokenize.format == "harmony" and settings.tokenize.tokenizer:
        raise UsageError(
            f"tokenize.tokenizer: harmony reads no tokenizer ({settings.tokenize.tokenizer}); "
            "say tokenize.format=chat-template as well, or leave it empty"
        )
    _check_endpoints(place, settings.generate)
    _check_grounding(place, settings.sandbox)
    return settings


def _check_grounding(place: str, sandbox: SandboxConfig) -> None:
    if sandbox.grounding not in GROUNDINGS:
        hint = nearest(sandbox.grounding, GROUNDINGS)
        raise UsageError(f'{place}: sandbox.grounding: there is no "{sandbox.grounding}"; {hint}')
    if sandbox.rootfs and sandbox.grounding != "executed":
        raise UsageError(
            f"{place}: sandbox.rootfs is for boxes, and {sandbox.grounding} has none; "
            "leave out one of the two"
        )


def _check_endpoints(place: str, generate: GenerateConfig) -> None:
    """Who is asked: known roles and interfaces, addresses and names without a secret in them."""
    for role in generate.roles:
        if role not in ROLES:
            raise UsageError(
                f'{place}: generate.roles: there is no role "{role}"; {nearest(role, ROLES)}'
            )
    name = f"{place}: generate"
    _check_endpoint(name, generate.base_url, generate.api_key_env, generate.interface)
    for number, each in enumerate(generate.endpoints):
        name = f"{place}: generate.endpoints[{number}]"
        _check_endpoint(name, each.base_url, each.api_key_env, each.interface)
        if not each.base_url:
            raise UsageError(f"{name}.base_url: write it as http://host:port/v1")
        for role in each.roles:
            if role not in ROLES:
                raise UsageError(f'{name}.roles: there is no "{role}"; {nearest(role, ROLES)}')
    if generate.endpoints and generate.base_url:
        raise UsageError(
            f"{place}: generate.base_url and generate.endpoints are both set; leave out one "
            "(base_url may come from --base-url, KAPPA_BASE_URL or OPENAI_BASE_URL)"
        )
    for role in ("assistant", "user"):
        if generate.endpoints and not any(
            role in each.roles or not each.roles for each in generate.endpoints
        ):
            raise UsageError(f"{place}: generate.endpoints: none serves the role {role}")


def _check_endpoint(name: str, base_url: str, api_key_env: str, interface: str) -> None:
    """Neither an address nor the name of a variable may hold a secret: both are kept and shown."""
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", api_key_env):
        raise UsageError(
            f"{name}.api_key_env takes the NAME of an environment variable, in capital "
            "letters, and not the key itself"
        )
    if interface not in INTERFACES:
        hint = nearest(interface, INTERFACES)
        raise UsageError(f'{name}.interface: there is no "{interface}"; {hint}')
    try:
        url = urlsplit(base_url)
    except ValueError as error:
        raise UsageError(f"{name}.base_url: {error}; write it as http://host:port/v1") from None
    if base_url and (url.scheme not in ("http", "https") or not url.hostname):
        raise UsageError(f"{name}.base_url: write it as http://host:port/v1")
    if url.username or url.password or url.query or url.fragment:
        raise UsageError(
            f"{name}.base_url takes no user, password or query; "
            "put the key into the environment variable that api_key_env names"
        )


def _choices(stage: str, field: str) -> str:
    """'; known: a, b' for a field, or the values of a table, that takes one of a few words."""
    hint = describe(stage).get(field.removesuffix("[...]"), (None,))[0]
    if get_origin(hint) is dict:
        hint = get_args(hint)[1]
    words = get_args(hint) if get_origin(hint) is Literal else ()
    return f"; known: {', '.join(map(str, words))}" if words else ""


def _check_keys_of_endpoints(place: str, endpoints: Any) -> None:
    """What the general conversion cannot name: which of the endpoints is wrong."""
    if not isinstance(endpoints, list):
        return
    for number, each in enumerate(endpoints):
        name = f"{place}: generate.endpoints[{number}]"
        if isinstance(each, dict):
            for key in each:
                if key not in Endpoint.__struct_fields__:
                    hint = nearest(key, Endpoint.__struct_fields__)
                    raise UsageError(f'{name} has no "{key}"; {hint}')
        try:
            msgspec.convert(each, Endpoint)
        except msgspec.ValidationError as error:
            what, _, where = str(error).partition(" - at `$")
            raise UsageError(f"{name}{where.rstrip('`')}: {what}") from None


@functools.cache
def describe(stage: str) -> dict[str, tuple[Any, str, Any]]:
    """(type, description, default) of every field of a stage's config: what --help teaches."""
    default = getattr(Settings(), stage)
    described = {}
    for name, hint in get_type_hints(type(default), include_extras=True).items():
        marks = [mark for mark in get_args(hint) if isinstance(mark, Meta)]
        text = next((mark.description for mark in reversed(marks) if mark.description), "")
        described[name] = (_plain(hint), text, getattr(default, name))
    return described


def _plain(hint: Any) -> Any:
    return _plain(get_args(hint)[0]) if get_origin(hint) is Annotated else hint
