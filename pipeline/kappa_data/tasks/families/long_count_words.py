"""How often something comes up in a long text: a rare word, a mark, or the most frequent words."""

from __future__ import annotations

from collections.abc import Callable

from kappa_data.records import Task
from kappa_data.tasks.material.long_asking import LABELS
from kappa_data.tasks.material.long_coined import in_prose
from kappa_data.tasks.material.long_lists import frequent, register
from kappa_data.tasks.material.long_talk import Turn, conversation
from kappa_data.tasks.wording import Wording

NAME = "long_count_words"
GROUP = "long_context"
TOOLS: tuple[str, ...] = ()
PROGRAMS: tuple[str, ...] = ()
SEEDS = 1080
"""words in prose of nine kinds, word lists and registers of five lengths each"""

Counting = Callable[[Wording, int], tuple[str, str, list[Turn]]]
_KINDS: tuple[Counting, ...] = (in_prose, frequent, in_prose, register)


def make(seed: int) -> Task:
    """The task of `seed`."""
    w = Wording(NAME, seed)
    noun, text, turns = _KINDS[seed % len(_KINDS)](w, seed)
    return conversation(
        w,
        name=NAME,
        seed=seed,
        label=w.pick(LABELS),
        noun=noun,
        document=text,
        turns=turns,
    )
