"""JSON without the freedoms that parsers take: what two readers could read differently is refused.

Refused: NaN and infinities, numbers that become infinite, integers beyond 64 bits, a key twice in
one object, half of a surrogate pair, nesting deeper than MAX_DEPTH. (RFC 8259, sections 4, 6, 8.2
and 9, leaves each of these to the reader.)
"""

from __future__ import annotations

import json
import math
from typing import Any

MAX_DEPTH = 64
MAX_INTEGER = 2**63


class NotStrict(ValueError):
    """The text is no strict JSON; the message says what and, where it is known, where."""


def parse(text: str) -> Any:
    """The value of a JSON text; NotStrict where it has none, or none that is safe to use."""
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise NotStrict(f"nested deeper than {MAX_DEPTH}") from None
    except json.JSONDecodeError as error:
        raise NotStrict(f"not JSON: {error.msg} at character {error.pos}") from None
    # An escape is the only way to half a surrogate pair in text that was UTF-8.
    escapes = "\\u" in text
    if escapes or text.count("{") + text.count("[") > MAX_DEPTH:
        _inspect(value, look_for_surrogates=escapes)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise NotStrict(f"the key {key[:80]!r} stands twice in one object")
            seen.add(key)
    return found


def _no_constant(name: str) -> float:
    raise NotStrict(f"{name} is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise NotStrict(f"the number {text[:40]} is too large")
    return value


def _fits(text: str) -> int:
    # Twenty characters hold every 64-bit integer; int() refuses thousands of digits by itself.
    value = int(text) if len(text) <= 20 else MAX_INTEGER
    if not -MAX_INTEGER <= value < MAX_INTEGER:
        raise NotStrict(f"the integer {text[:40]} has more than 64 bits")
    return value


def _inspect(value: Any, look_for_surrogates: bool) -> None:
    level = [value]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH and any(isinstance(each, dict | list) for each in level):
            raise NotStrict(f"nested deeper than {MAX_DEPTH}")
        below: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                below.extend(each.values())
                if look_for_surrogates:
                    below.extend(each)
            elif isinstance(each, list):
                below.extend(each)
            elif look_for_surrogates and isinstance(each, str):
                _refuse_surrogates(each)
        level = below


def _refuse_surrogates(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        code = f"\\u{ord(text[error.start]):04x}"
        raise NotStrict(f"half a surrogate pair, {code}, in a string") from None


# One for all texts: json.loads would make a new one for each, which costs as much as a short text.
_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_constant=_no_constant,
    parse_float=_finite,
    parse_int=_fits,
)
