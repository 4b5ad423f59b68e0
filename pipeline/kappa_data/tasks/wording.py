"""Seeded wording: one generator a task, so that the same seed says the same words."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import TypeVar

from kappa_data.records import Withheld

T = TypeVar("T")

_CHOICE = re.compile(r"<([^<>]*)>")


class Wording:
    """All random choices of one task; `rng` is seeded by the family's name and the seed."""

    def __init__(self, family: str, seed: int) -> None:
        self.rng = random.Random(f"{family}/{seed}")

    def pick(self, options: Sequence[T]) -> T:
        """One of `options`."""
        return options[self.rng.randrange(len(options))]

    def some(self, options: Sequence[T], count: int) -> list[T]:
        """`count` different ones of `options`, in random order."""
        return self.rng.sample(options, count)

    def chance(self, share: float) -> bool:
        """True in `share` of the seeds."""
        return self.rng.random() < share

    def say(self, template: str | Sequence[str], **facts: object) -> str:
        """Expands `<this|or that>` (nested if need be), then puts in `{facts}`.

        Of several templates one is picked. Facts go in last, so that nothing in them is taken for
        a choice; a fact that is missing raises KeyError.
        """
        text = template if isinstance(template, str) else self.pick(template)
        while found := _CHOICE.search(text):
            text = text[: found.start()] + self.pick(found[1].split("|")) + text[found.end() :]
        return text.format(**facts)


def withholding(opening: str, name: str, vague: str, detail: str) -> Withheld | None:
    """The opening with `vague` in the place of `name`, which only `detail` tells then.

    None where the opening does not hold the name, or holds it as a part of something else too.
    """
    left = re.sub(rf"(?<![\w/.-])`?{re.escape(name)}`?(?![\w/-]|\.\w)", vague, opening)
    if left == opening or name in left:
        return None
    return Withheld(opening=left, detail=detail)


def listed(items: Sequence[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def sentence(text: str) -> str:
    """`text` with its first letter in upper case, the rest untouched."""
    return text[:1].upper() + text[1:]
