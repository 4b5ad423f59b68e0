"""What tokens cost, from a file that the user edits. A price that stands nowhere is unknown, not 0.

    currency = "USD"

    [models."some-model"]
    input = 1.5              # per million tokens of prompts
    output = 6.0             # per million tokens of answers, reasoning included
    cached_input = 0.15      # of prompts that the endpoint had cached; left out: as input

    [endpoints."http://localhost:8000/v1"."some-model"]
    input = 0.0              # at this endpoint it costs something else
    output = 0.0

Money is counted in whole numbers, so that sums are exact in any order: see PICO.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from kappa_data.config import GenerateConfig, nearest
from kappa_data.errors import UsageError
from kappa_data.teacher.api import ROLES

DEFAULT_PRICES = Path("prices.toml")
PICO = 10**12
"""parts of one unit of the currency: a price in units per million tokens is a whole number of them
per token, to six decimals"""
PER_TOKEN = PICO // 10**6


class Price(Struct, frozen=True):
    """Parts (1 / PICO) of the currency for one token; `cached` is of a prompt's cached tokens."""

    input: int
    output: int
    cached: int

    def of(self, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0) -> int:
        """What one request costs, in parts; `cached_tokens` are among `prompt_tokens`."""
        cached = min(cached_tokens, prompt_tokens)
        fresh = prompt_tokens - cached
        return fresh * self.input + cached * self.cached + completion_tokens * self.output


FREE = Price(0, 0, 0)


class Prices(Struct, frozen=True):
    """The prices of one file. `place` is where an unknown one is to be written."""

    place: Path = DEFAULT_PRICES
    currency: str = ""
    models: Mapping[str, Price] = {}
    endpoints: Mapping[str, Mapping[str, Price]] = {}

    def of(self, model: str, base_urls: Iterable[str]) -> Price | None:
        """What `model` costs at the dearest of these endpoints; None where one is unknown.

        The dearest, since which of them will answer is not known before.
        """
        found = [
            self.endpoints.get(url, {}).get(model, self.models.get(model)) for url in base_urls
        ]
        known = [each for each in found if each is not None]
        if not known or len(known) < len(found):
            return None
        return Price(
            *(max(getattr(each, name) for each in known) for name in Price.__struct_fields__)
        )


def load(path: str) -> Prices:
    """The prices in a TOML file; '': those in ./prices.toml, none where it does not exist.

    UsageError names the file, the table and the key.
    """
    place = Path(path or DEFAULT_PRICES)
    try:
        table = tomllib.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if not path:
            return Prices()
        raise UsageError(f"{place}: no such file; check --prices") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"{place}: {error}") from None
    _known(place, "the file", table, ("currency", "models", "endpoints"))
    currency = table.get("currency", "")
    if not isinstance(currency, str) or not currency.strip():
        raise UsageError(f'{place}: says no currency; write it first, e.g. currency = "USD"')
    models = _models(place, "models", table.get("models", {}))
    endpoints = {
        url: _models(place, f'endpoints."{url}"', each)
        for url, each in _table(place, "endpoints", table.get("endpoints", {})).items()
    }
    return Prices(place, currency.strip(), models, endpoints)


def base_urls(config: GenerateConfig, usual: str, model: str) -> tuple[str, ...]:
    """The endpoints that may be asked for `model`; `usual` where the settings name none."""
    roles = {role for role in ROLES if config.asked(role).model == model}
    return tuple(
        each.base_url for each in config.endpoints if roles.intersection(each.roles or ROLES)
    ) or (config.base_url or usual,)


def _models(place: Path, name: str, value: object) -> dict[str, Price]:
    return {
        model: _price(place, f'{name}."{model}"', each)
        for model, each in _table(place, name, value).items()
    }


def _price(place: Path, name: str, value: object) -> Price:
    table = _table(place, name, value)
    _known(place, f"[{name}]", table, ("input", "output", "cached_input"))
    parts = {}
    for key, number in table.items():
        if isinstance(number, bool) or not isinstance(number, int | float) or not number >= 0:
            raise UsageError(
                f"{place}: [{name}] {key} = {number!r}: write a price per million tokens, 0 or more"
            )
        if number > 10**9:
            raise UsageError(f"{place}: [{name}] {key} = {number!r}: no price per million tokens")
        parts[key] = round(number * PER_TOKEN)
    for key in ("input", "output"):
        if key not in parts:
            raise UsageError(f'{place}: [{name}] lacks "{key}", per million tokens')
    return Price(parts["input"], parts["output"], parts.get("cached_input", parts["input"]))


def _table(place: Path, name: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f'{place}: {name} is no table; write [models."NAME"], input, output')
    return value


def _known(place: Path, where: str, table: Mapping[str, Any], keys: Iterable[str]) -> None:
    for key in table:
        if key in keys:
            continue
        if isinstance(table[key], dict) and "input" in keys:  # gpt-4.1 is two keys to TOML
            raise UsageError(
                f'{place}: {where} has no "{key}"; a name with a dot goes in quotes: '
                '[models."NAME.1"]'
            )
        raise UsageError(f'{place}: {where} has no "{key}"; {nearest(key, keys)}')
