"""Questions about a code base: where things are, who calls them, what a change would touch."""

from __future__ import annotations

import functools
import itertools
import random

import msgspec

from kappa_data.records import Attempt, Check, FileCheck, ReferenceTurn, Task
from kappa_data.tasks.material.code_facts import Facts, facts_of
from kappa_data.tasks.material.code_measuring import MEASURING
from kappa_data.tasks.material.code_question_words import ASKING, Part
from kappa_data.tasks.material.codebase import codebase, domains
from kappa_data.tasks.material.phrasing import follow, opening
from kappa_data.tasks.own_material import Material
from kappa_data.tasks.steps import write
from kappa_data.tasks.wording import Wording

NAME = "code_questions"
GROUP = "agentic"
TOOLS = ("bash", "read_file", "write_file", "edit_file")
PROGRAMS: tuple[str, ...] = ()
SEEDS = 700

CONTEXTS = (
    "I took over this code last week and do not know my way around yet.",
    "The repository has several small packages side by side, with their tests.",
    "We review the code base before the next release.",
    "A colleague who wrote most of this has left.",
    "I am preparing a change and want to know what I am dealing with.",
    "The workspace is our internal tools repository.",
    "I am writing the developer notes for this repository.",
    "New contributors keep asking me the same things about this code.",
)
NOTES = ("NOTES.md", "docs/findings.md", "notes/overview.md", "HANDOVER.md")
WANTED_NOTES = (
    "Write what you found to {path}: one bullet point for each of my questions, with the names "
    "and <paths|figures> in it.",
    "Now put the findings into {path}<, as a short bullet list|, one bullet each>. Names and paths "
    "<as they are in the code|in full>.",
    "For the record, add {path} with one line per answer so far.",
)
KEPT = (
    "{path} has {count}, one for each question, with the names and paths as they are in the code.",
    "The findings are in {path}: {count}, in the order of your questions.",
)


def make(seed: int) -> Task:
    """The task of `seed`: some of the shipped packages as one workspace."""
    chosen = _choices()[seed % len(_choices())]
    files: dict[str, str] = {}
    for domain in chosen:
        files |= codebase(domain, seed + chosen.index(domain)).files
    return _task(seed, files)


def make_from(seed: int, material: Material) -> Task:
    """The task of `seed` about one of the user's code folders; as `make` where none has enough."""
    folders = [each for each in material.code if _parts(Wording(NAME, seed), each.files)]
    if not folders:
        return make(seed)
    return _task(seed, dict(folders[seed % len(folders)].files))


@functools.cache
def _choices() -> list[tuple[str, ...]]:
    """Which packages stand together: three or four, each set once."""
    sets = [each for size in (3, 4) for each in itertools.combinations(domains(), size)]
    random.Random(NAME).shuffle(sets)
    return sets


def _parts(w: Wording, files: dict[str, str]) -> list[Part]:
    """One to four questions of different kinds; their turns are numbered in order."""
    facts = facts_of(files)
    wanted = w.pick((1, 1, 2, 2, 3, 3, 4))
    parts: list[Part] = []
    for question in w.some((*ASKING, *MEASURING), len(ASKING) + len(MEASURING)):
        part = question(w, facts, len(parts))
        if part is not None and not _clash(part, parts):
            parts.append(part)
        if len(parts) == wanted:
            break
    return parts


def _clash(part: Part, parts: list[Part]) -> bool:
    """Would two questions want the same file?"""
    return bool(_targets(part) & {each for other in parts for each in _targets(other)})


def _targets(part: Part) -> set[str]:
    return {each for each in part.facts if each.endswith(".txt")}


def _task(seed: int, files: dict[str, str]) -> Task:
    w = Wording(NAME, seed)
    parts = _parts(w, files)
    first = opening(w.rng, context=w.pick(CONTEXTS), ask=parts[0].ask)
    goals = [follow(w.rng, part.ask) for part in parts[1:]]
    turns = [part.turn for part in parts]
    checks: list[Check] = [check for part in parts for check in part.checks]
    if len(parts) > 1 and w.chance(0.4):
        goal, turn, check = _noted(w, parts)
        goals.append(goal)
        turns.append(turn)
        checks.append(check)
    reference = tuple(turns)
    return Task(
        id=f"{NAME}/{seed}",
        family=NAME,
        seed=seed,
        opening=first,
        goals=tuple(goals),
        fixture=files,
        tools=TOOLS,
        programs=PROGRAMS,
        verifier=(*checks, *_untouched(facts_of(files), w)),
        reference=reference,
        wrong=_wrong(parts, reference),
    )


def _noted(w: Wording, parts: list[Part]) -> tuple[str, ReferenceTurn, FileCheck]:
    """The last wish: the findings as a file."""
    path = w.pick(NOTES)
    text = "".join(f"- {part.note}\n" for part in parts)
    steps = (write(path, text, "One line for each question, from what was found above."),)
    answer = w.say(KEPT, path=path, count=f"{len(parts)} bullet points")
    contains = tuple(sorted({fact for part in parts for fact in part.facts}))
    return (
        w.say(WANTED_NOTES, path=path),
        ReferenceTurn(answer=answer, steps=steps),
        FileCheck(path, contains=contains),
    )


def _untouched(facts: Facts, w: Wording) -> list[Check]:
    """Questions change no code: two of the files are looked at."""
    paths = w.some(sorted(facts.files), min(2, len(facts.files)))
    return [FileCheck(path, content=facts.files[path]) for path in paths]


def _wrong(parts: list[Part], reference: tuple[ReferenceTurn, ...]) -> tuple[Attempt, ...]:
    """One turn done wrong each; the first two questions' mistakes are enough."""
    return tuple(
        Attempt(
            mistake,
            tuple(
                msgspec.structs.replace(turn, answer=wrong.answer, steps=wrong.steps)
                if at == place
                else turn
                for at, turn in enumerate(reference)
            ),
        )
        for place, part in enumerate(parts[:2])
        for mistake, wrong in part.wrong
    )
