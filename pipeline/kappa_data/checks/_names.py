"""Finds the names of personas in running text."""

from __future__ import annotations

import functools
import re


@functools.lru_cache(maxsize=8)
def names_pattern(names: tuple[str, ...]) -> str:
    """A regular expression for any of the names, however its words are joined; "" for no name."""
    spelled = [r"[\s_-]?".join(map(re.escape, name.split("_"))) for name in sorted(names)]
    return rf"\b(?:{'|'.join(spelled)})\b" if spelled else ""
