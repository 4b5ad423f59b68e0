"""Text from outside, made fit for a terminal."""

from __future__ import annotations

import re

# C0 but tab and newline, DEL, C1, the marks that reorder text, line separators, lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def plain(text: str) -> str:
    """The text with what could act on a terminal written out, as `\\x1b` or `\\u202e`."""
    return _UNSAFE.sub(lambda found: written(found[0]), text)


def one_line(text: str) -> str:
    """The same, with line breaks and tabs written out as well."""
    return plain(text).replace("\n", "\\n").replace("\t", "\\t")


def written(character: str) -> str:
    """One character as an escape."""
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
