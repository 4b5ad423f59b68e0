"""Finds the names of personas in running text."""

from __future__ import annotations

import functools
import re

from kappa_data.checks._text import folded


@functools.lru_cache(maxsize=8)
def names_pattern(names: tuple[str, ...]) -> str:
    """A regular expression for any of the names, however its words are joined; "" for no name."""
    # A blank, a hyphen of any kind, and the marks of bold or code around the words.
    joint = r"[*_`]{0,3}[\s/\u2010-\u2015-]?[*_`]{0,3}"
    spelled = [joint.join(map(re.escape, name.split("_"))) for name in sorted(names)]
    return rf"(?<![^\W_])(?:{'|'.join(spelled)})(?![^\W_])" if spelled else ""


@functools.lru_cache(maxsize=8)
def _first_words(names: tuple[str, ...]) -> frozenset[str]:
    """How the names begin, case-folded: a text without any of these, case-folded, names nobody."""
    return frozenset(name.split("_")[0].casefold() for name in names)


def may_name(text: str, names: tuple[str, ...]) -> bool:
    """False only where no name is in `text`: far cheaper to ask than the pattern."""
    plain = folded(text)
    return any(word in plain for word in _first_words(names))
