"""Plain values as TOML (https://toml.io, 1.0) writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def written(value: Any) -> str:
    """A value on one line: a text, a number, a boolean, a list, or a mapping as an inline table."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return f'"{"".join(map(_character, value))}"'
    if isinstance(value, Mapping):
        # A value that is None is one that nobody set: TOML has no such thing.
        pairs = (f"{key(name)} = {written(each)}" for name, each in _set(value))
        return f"{{ {', '.join(pairs)} }}" if value else "{}"
    return f"[{', '.join(map(written, value))}]"


def key(name: str) -> str:
    """A key, in quotes where it wants them."""
    return name if BARE.fullmatch(name) else written(name)


def _set(value: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    return ((name, each) for name, each in value.items() if each is not None)


def _character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
