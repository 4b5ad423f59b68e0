"""The exercises on small programs: each applies in every name set, with every choice of wishes."""

from __future__ import annotations

from itertools import combinations

import pytest

from kappa_data.tasks.material.code_asking import LOG
from kappa_data.tasks.material.code_exercises import count, edited, exercise, variants

COLLECTIONS = ("bash", "build", "c", "javascript", "perl", "refactor", "speed")


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_every_choice_of_wishes_applies(collection: str) -> None:
    """`edited` raises unless each old text stands there exactly once."""
    for number in range(count(collection)):
        for variant in range(4):
            work = exercise(collection, number, variant)
            solved = work.solved()
            assert solved != work.files, work.id
            for size in range(1, len(work.extras) + 1):
                for chosen in combinations(work.extras, size):
                    files = {**solved, LOG: ""}
                    for extra in chosen:
                        files = edited(files, extra.edits, work.main)


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_no_placeholder_is_left(collection: str) -> None:
    """Each `@key@` in an exercise has a word in each of its name sets, and each word a place."""
    for number in range(count(collection)):
        first, second = exercise(collection, number, 0), exercise(collection, number, 1)
        assert first.main != second.main or first.files != second.files, first.id
        for work in (first, second):
            for key in work.names[0]:
                assert f"@{key}@" not in str(work), (work.id, key)
            assert work.slips and work.checks, work.id
            assert len({each.mistake for each in work.slips}) == len(work.slips), work.id


def test_variants_count_the_name_sets() -> None:
    for collection in COLLECTIONS:
        sets = (len(exercise(collection, n, 0).names) for n in range(count(collection)))
        assert variants(collection) == sum(sets)
