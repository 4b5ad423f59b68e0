"""The embedded teacher's voices, measured: the yardstick that shows that the measures work.

    python benchmarks/voices.py [--tasks 300] [--first SEED] [--times] [--show persona]

Plays tasks of every family, as many of each, in ten conditions with the embedded teacher's own
player (no socket and no sandbox: it looks at no result), prints each figure beside its bar, and
ends with 1 where one is missed. `--show` prints turns of a persona beside the plain ones instead.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

from kappa_data.config import ReportConfig
from kappa_data.metrics.anchor import measure_anchor
from kappa_data.metrics.corpus import Corpus
from kappa_data.metrics.diversity import measure_diversity
from kappa_data.metrics.length import measure_length
from kappa_data.metrics.phrases import measure_phrases
from kappa_data.metrics.units import NOBODY, Unit, units_of
from kappa_data.metrics.voice import measure_voice
from kappa_data.metrics.voices import examples_of, measure_voices
from kappa_data.personas import load_personas
from kappa_data.records import Conversation, Message, Task
from kappa_data.resources import Resources
from kappa_data.tasks import catalog
from kappa_data.teacher.embedded_play import Player
from kappa_data.teacher.embedded_wire import Said, WireCall
from kappa_data.teacher.sloppy import Sloppy
from kappa_data.teacher.voice import Voices


def chosen(number: int, first: int = 0) -> list[str]:
    """Ids of `number` tasks, as many of each family as can be, of the seeds from `first` on."""
    families = list(catalog.families().values())
    ids: list[str] = []
    seed = first
    while len(ids) < number and any(seed < family.seeds for family in families):
        ids += [f"{family.name}/{seed}" for family in families if seed < family.seeds]
        seed += 1
    return ids[:number]


def played(player: Player, task: Task, persona: str) -> Conversation:
    """The whole task in one voice, with empty tool results."""
    slot = f"{task.id}:{persona}"
    said: list[Said] = []
    messages: list[Message] = []
    for wish in (task.opening, *task.goals):
        said.append(Said(role="user", content=wish))
        messages.append(Message(role="user", content=wish))
        while True:
            answer = player.answer(slot, "assistant", said, task.tools).message
            messages.append(answer)
            calls = tuple(WireCall(call.id, call.function) for call in answer.tool_calls)
            said.append(Said(role="assistant", content=answer.content, tool_calls=calls or None))
            if not calls:
                break
            for call in calls:
                said.append(Said(role="tool", content="done", tool_call_id=call.id))
                messages.append(Message(role="tool", content="done", tool_call_id=call.id))
    return Conversation(
        id=slot,
        messages=tuple(messages),
        persona=None if persona == NOBODY else persona,
        task_id=task.id,
        family=task.family,
    )


def talks(ids: list[str], conditions: list[str] | None = None) -> list[Conversation]:
    """Every task in every voice, or in those of `conditions`."""
    resources = Resources(None)
    player = Player(catalog.task, Voices(resources), Sloppy({}))
    conditions = conditions or [*load_personas(resources), NOBODY]
    return [played(player, catalog.task(each), name) for each in ids for name in conditions]


def units(ids: list[str]) -> list[Unit]:
    """The units of what was said."""
    names = tuple(load_personas(Resources(None)))
    return [unit for talk in talks(ids) for unit in units_of(talk, names)]


def timed(found: list[Unit]) -> None:
    """CPU seconds of each measure, and the most memory that the process ever held."""
    names = sorted({unit.persona for unit in found} - {NOBODY})
    examples = examples_of(load_personas(Resources(None)))
    corpus = Corpus(found)
    measures: dict[str, Callable[[], object]] = {
        "words as numbers": lambda: Corpus(found),
        "voice": lambda: measure_voice(corpus, names),
        "anchor": lambda: measure_anchor(corpus, examples),
        "phrases": lambda: measure_phrases(corpus, names),
        "length": lambda: measure_length(corpus.units, names),
        "diversity": lambda: measure_diversity(corpus, names),
    }
    print("| measure | CPU s |\n|---|---|")
    for name, measure in measures.items():
        began = time.process_time()
        measure()
        print(f"| {name} | {time.process_time() - began:.1f} |")
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def show(ids: list[str], persona: str) -> None:
    """What the persona says, and beside calls; each answer below the plain one."""
    every = {talk.id: talk for talk in talks(ids)}
    for each in ids:
        pairs = (every[f"{each}:{name}"].messages for name in (NOBODY, persona))
        for plain, voiced in zip(*pairs, strict=True):
            if voiced.role == "assistant" and voiced.content:
                kind = "beside calls" if voiced.tool_calls else "answer"
                print(f"--- {each} {kind}\n{plain.content}\n>>>\n{voiced.content}\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=300)
    parser.add_argument("--first", type=int, default=0, metavar="SEED")
    parser.add_argument("--show", metavar="PERSONA")
    parser.add_argument("--times", action="store_true", help="CPU seconds of each measure")
    options = parser.parse_args()
    ids = chosen(options.tasks, options.first)
    if options.show:
        show(ids, options.show)
        return 0
    began = time.monotonic()
    with ProcessPoolExecutor(2) as pool:
        parts = pool.map(units, (ids[at::8] for at in range(8)))
        found = [unit for part in parts for unit in part]
    kinds = Counter(unit.kind for unit in found)
    print(f"{len(ids)} tasks x 10: {kinds['answer']} answers, {kinds['beside calls']} beside calls")
    if options.times:
        timed(found)
        return 0
    figures = measure_voices(found, load_personas(Resources(None)), ReportConfig()).measures
    print("| figure | value | bar | |\n|---|---|---|---|")
    for each in figures:
        value = "too little" if each.value is None else f"{each.value:.3f}"
        missed = " **missed**" if each.missed else ""
        print(f"| {each.name} | {value}{missed} | {each.bound} {each.bar:.3f} | {each.detail} |")
    print(f"{time.monotonic() - began:.0f} s")
    return int(any(each.missed for each in figures))


if __name__ == "__main__":
    sys.exit(main())
