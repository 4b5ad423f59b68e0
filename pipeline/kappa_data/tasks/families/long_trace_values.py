"""Something that is handed on, carried, copied or counted through a long document, step by step."""

from __future__ import annotations

from kappa_data.records import Task
from kappa_data.tasks.material.long_asking import LABELS
from kappa_data.tasks.material.long_chains import Chain, carried, copied, handed
from kappa_data.tasks.material.long_counts import counted
from kappa_data.tasks.material.long_haystack import haystack
from kappa_data.tasks.material.long_talk import conversation
from kappa_data.tasks.wording import Wording

NAME = "long_trace_values"
GROUP = "long_context"
TOOLS: tuple[str, ...] = ()
PROGRAMS: tuple[str, ...] = ()
SEEDS = 1080
"""four kinds of chain, three to ten hops, in documents of nine kinds and five lengths"""

_CHAINS: tuple[Chain, ...] = (handed, counted, copied, carried)


def make(seed: int) -> Task:
    """The task of `seed`."""
    w = Wording(NAME, seed)
    hay = haystack(w, seed)
    first, *more = _CHAINS[seed % len(_CHAINS)](w, hay, w.rng.randint(3, 10))
    later = w.some(more, min(len(more), w.pick((0, 1, 1, 2, 2, 3))))
    return conversation(
        w,
        name=NAME,
        seed=seed,
        label=w.pick(LABELS),
        noun=hay.noun,
        document=hay.document,
        turns=[first, *later],
    )
