"""Several questions about one long document: look up, compare, add, and what it does not say."""

from __future__ import annotations

from kappa_data.records import Task
from kappa_data.tasks.material.long_asking import LABELS
from kappa_data.tasks.material.long_haystack import Haystack, haystack, own_haystack
from kappa_data.tasks.material.long_quotes import questions
from kappa_data.tasks.material.long_talk import Turn, conversation
from kappa_data.tasks.material.long_visits import Visits
from kappa_data.tasks.own_material import Material
from kappa_data.tasks.wording import Wording

NAME = "long_document_questions"
GROUP = "long_context"
TOOLS: tuple[str, ...] = ()
PROGRAMS: tuple[str, ...] = ()
SEEDS = 1080
"""nine kinds of question in documents of nine kinds, twelve settings and five lengths"""


def make(seed: int) -> Task:
    """The task of `seed`, about a made-up document."""
    w = Wording(NAME, seed)
    hay = haystack(w, seed)
    return _task(w, seed, hay, Visits(w, hay).questions())


def make_from(seed: int, material: Material) -> Task:
    """The task of `seed`, about the user's documents.

    ValueError: they are too short, or hold too few sentences to ask about.
    """
    w = Wording(f"{NAME} own", seed)
    hay = own_haystack(w, seed, material)
    return _task(w, seed, hay, questions(w, hay.document))


def _task(w: Wording, seed: int, hay: Haystack, turns: list[Turn]) -> Task:
    return conversation(
        w,
        name=NAME,
        seed=seed,
        label=w.pick(LABELS),
        noun=hay.noun,
        document=hay.document,
        turns=turns,
    )
