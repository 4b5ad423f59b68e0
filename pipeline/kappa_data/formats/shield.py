"""Keeps text apart from control tokens while a template from outside puts them together.

A chat template makes one long text in which `<|im_end|>` may be the template's or the user's. So
before rendering, one character of every control token that a text spells is hidden (replaced by a
private-use character that stands for it), also where a text could complete a token together with
what stands next to it. After rendering, all control tokens that are found are the template's: each
becomes an alias, one private-use character, and then the hidden characters are shown again. The
tokenizer beneath knows the control tokens by their alias only, so it cannot take text for one.

A text is hidden character for character, so that its length stays the same for the template.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from kappa_data.formats.construction import Unrenderable

# Private-use characters of plane 16 that nobody is known to use; text that holds one is refused.
FIRST, LAST = 0x108000, 0x10FFFD
RESERVED = re.compile(f"[{chr(FIRST)}-{chr(LAST)}]")


class Shield:
    """Hidden characters and aliases for a set of control tokens, none of them empty."""

    def __init__(self, tokens: Collection[str]) -> None:
        characters = sorted(set("".join(tokens)))
        if len(characters) + len(tokens) > LAST - FIRST:
            raise ValueError(f"{len(tokens)} control tokens are more than there are aliases for")
        self._hidden = {each: chr(FIRST + number) for number, each in enumerate(characters)}
        first = FIRST + len(characters)
        self.aliases = {each: chr(first + number) for number, each in enumerate(sorted(tokens))}
        self.tokens = {alias: token for token, alias in self.aliases.items()}
        self._shown = {hidden: each for each, hidden in self._hidden.items()}
        self._concealed = re.compile(f"[{''.join(self._shown)}]" if characters else "(?!)")
        written = "|".join(map(re.escape, sorted(tokens, key=len, reverse=True))) or "(?!)"
        self._written = re.compile(written)
        self._spelled = re.compile(f"(?={written})")  # tokens that overlap are found as well
        self._beginnings = {token[:end] for token in tokens for end in range(1, len(token))}
        self._ends = {token[start:] for token in tokens for start in range(1, len(token))}
        self._all = "\0".join(tokens)
        self._longest = max(map(len, tokens), default=0)

    def hide(self, text: str, *, edges: bool = True) -> str:
        """The text without control tokens; with `edges` also safe beside any other text.

        Raises Unrenderable for a text that holds a reserved character.
        """
        reserved = RESERVED.search(text)
        if reserved:
            raise Unrenderable(
                f"a text holds U+{ord(reserved[0]):X}, which stands for a token here"
            )
        spelled = {found.start() for found in self._spelled.finditer(text)}
        if edges:
            spelled |= self._edges(text)
        if not spelled:
            return text
        return "".join(
            self._hidden[each] if number in spelled else each for number, each in enumerate(text)
        )

    def hide_all(self, value: Any, *, edges: bool) -> Any:
        """The same for every text in plain JSON values, keys included."""
        if isinstance(value, str):
            return self.hide(value, edges=edges)
        if isinstance(value, dict):
            return {
                self.hide(key, edges=edges): self.hide_all(each, edges=edges)
                for key, each in value.items()
            }
        if isinstance(value, list):
            return [self.hide_all(each, edges=edges) for each in value]
        return value

    def show(self, rendered: str) -> str:
        """A rendered text with the template's tokens as aliases, and all else as it was said."""
        aliased = self._written.sub(lambda found: self.aliases[found[0]], rendered)
        return self._concealed.sub(lambda found: self._shown[found[0]], aliased)

    def spell(self, aliased: str) -> str:
        """The text that a server would have made: tokens for aliases."""
        return RESERVED.sub(lambda found: self.tokens.get(found[0], found[0]), aliased)

    def to_json(self, value: Any, ensure_ascii: bool = False, **options: Any) -> str:
        """JSON text as templates make it; what is hidden is escaped where its original would be."""
        text = json.dumps(value, ensure_ascii=False, **options)
        return re.sub(
            "[^\x00-\x7e]" if ensure_ascii else RESERVED,
            lambda found: self._escaped(found[0], ensure_ascii),
            text,
        )

    def _escaped(self, character: str, ensure_ascii: bool) -> str:
        original = self._shown.get(character, character)
        escaped = json.dumps(original, ensure_ascii=ensure_ascii)[1:-1]
        return character if escaped == original else escaped

    def _edges(self, text: str) -> set[int]:
        """Characters to hide so that no token comes about across the text's ends.

        Space around is left out of account, since templates strip it.
        """
        core = text.strip()
        if not core:
            return set()
        start = text.index(core)
        lengths = range(1, min(len(core), self._longest) + 1)
        found = set()
        inside = "\0" not in core and core in self._all
        if inside or any(core[-length:] in self._beginnings for length in lengths):
            found.add(start + len(core) - 1)
        if any(core[:length] in self._ends for length in lengths):
            found.add(start)
        return found
