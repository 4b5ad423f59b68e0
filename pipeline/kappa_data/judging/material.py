"""What is judged: the answers of a sample of the tasks, from a dataset's checked conversations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from msgspec import Struct

from kappa_data import recipe, session
from kappa_data.config import Settings
from kappa_data.judge_result import digest_of
from kappa_data.metrics.units import Unit, units_of, without_names
from kappa_data.records import NOBODY, Conversation, ConversationFinding, Rejected
from kappa_data.resources import Resources
from kappa_data.store import Part, Sealed
from kappa_data.teacher.draw import draw

MOST_TASKS = 400
"""tasks of the sample, or twice as many as pairs are wanted of a persona where that is more"""
MOST_CHARS = 40_000
"""of an answer and all that the user said before it; longer ones are counted and left out"""
VERIFIER = "verifier"
"""the rule of validate by which a task's verifier rejects"""


class Answer(Struct, frozen=True):
    """One answer to the user; names of personas are masked in `asked` and `text`.

    `asked` are the user's messages up to it, `turn` is their number. `unit` is the same answer as
    the metric of voice sees it; None: too few words. `passed` is the verifier's verdict on the
    conversation, `flagged`: a check found something there that is not to be trained on.
    """

    talk: str
    task: str
    speaker: str
    turn: int
    last: bool
    asked: tuple[str, ...]
    text: str
    unit: Unit | None
    passed: bool | None
    flagged: bool


@dataclass
class Material:
    """The sample: accepted answers, those that the verifier rejected, and all units of voice.

    `digest` and `stage` say which conversations it is of; `too_long` answers are left out.
    """

    stage: str
    digest: str
    tasks: int = 0
    accepted: list[Answer] = field(default_factory=list)
    rejected: list[Answer] = field(default_factory=list)
    units: list[Unit] = field(default_factory=list)
    too_long: int = 0


class _Head(Struct, frozen=True):
    id: str
    persona: str | None
    task_id: str | None


def latest(settings: Settings, resources: Resources, root: Path) -> tuple[Sealed, Sealed]:
    """(the conversations to be judged, validate's output); UsageError where they are not there."""
    steps = {step.stage.name: step for step in recipe.status(settings, resources, root)}
    validated = steps["validate"].sealed
    if validated is None:
        raise session.not_current(root, steps["validate"])
    return steps["dedupe"].sealed or validated, validated


def gather(
    judged: Sealed, validated: Sealed, names: Iterable[str], pairs: int, seed: int
) -> Material:
    """The answers of a sample of tasks, drawn by `seed`; of rejected ones at most `pairs`.

    `names` are those of all personas. Memory: the answers of the sample.
    """
    known = tuple(names)
    refused = _refused(validated.parts("quarantine"))
    parts = judged.parts("conversations")
    speakers: dict[str, set[str]] = defaultdict(set)
    for head in (head for part in parts for head in part.read_some(_Head)):
        if head.task_id is not None:
            speakers[head.task_id].add(head.persona or NOBODY)
    order = sorted(speakers, key=lambda task: (draw(seed, "task", task), task))
    compared = [task for task in order if len(speakers[task]) > 1]
    chosen = set(compared[: max(MOST_TASKS, 2 * pairs)])
    chosen |= set([task for task in order if task in refused][:pairs])
    flagged = _flagged(validated.parts("findings"))
    found = Material(judged.manifest.stage, digest_of(judged), len(chosen))
    reader = Reader(known, flagged, found)
    for part in parts:
        for talk in part.read(Conversation):
            if talk.task_id in chosen:
                reader.read(talk, found.accepted)
                found.units += [one for one in units_of(talk, known) if one.kind == "answer"]
    for part in validated.parts("quarantine"):
        for each in part.read(Rejected):
            talk_or_none = each.conversation
            if talk_or_none is not None and talk_or_none.task_id in chosen and _by_verifier(each):
                reader.read(talk_or_none, found.rejected)
    return found


class Reader:
    """Reads the answers of conversations. What the user said is the same in every voice, and long:
    it is kept once."""

    def __init__(self, names: tuple[str, ...], flagged: set[str], found: Material) -> None:
        self._names, self._flagged, self._found = names, flagged, found
        self._same: dict[tuple[str, ...], tuple[str, ...]] = {}

    def read(self, talk: Conversation, into: list[Answer]) -> None:
        """Appends the talk's answers."""
        units = {unit.turn: unit for unit in units_of(talk, self._names) if unit.kind == "answer"}
        turns = sum(message.role == "user" for message in talk.messages)
        passed = None if talk.verdict is None else talk.verdict.passed
        for asked, speaker, text in _answers(talk):
            if speaker not in self._names and speaker != NOBODY:
                continue  # of what was rejected: a persona that is not there any more
            if sum(map(len, asked)) + len(text) > MOST_CHARS:
                self._found.too_long += 1
                continue
            hidden = tuple(without_names(each, self._names) for each in asked)
            unit = units.get(len(asked))
            one = Answer(
                talk=talk.id,
                task=talk.task_id or talk.id,
                speaker=speaker,
                turn=len(asked),
                last=len(asked) == turns,
                asked=self._same.setdefault(hidden, hidden),
                text=without_names(text, self._names),
                # Of two answers in a turn the unit may be of the earlier one.
                unit=unit if unit is not None and unit.length == len(text.split()) else None,
                passed=passed,
                flagged=talk.id in self._flagged,
            )
            into.append(one)


def _answers(talk: Conversation) -> Iterator[tuple[list[str], str, str]]:
    """(what the user said so far, who answers, the answer): the last one of each turn."""
    asked: list[str] = []
    said: tuple[list[str], str, str] | None = None
    for message in talk.messages:
        if message.role == "user":
            if said is not None:
                yield said
            asked, said = [*asked, message.content], None
        elif message.role == "assistant" and not message.tool_calls and message.content.strip():
            said = asked, message.persona or talk.persona or NOBODY, message.content
    if said is not None and asked:
        yield said


def _by_verifier(each: Rejected) -> bool:
    return any(one.rule == VERIFIER and one.severity == "reject" for one in each.findings)


def _refused(parts: Iterable[Part]) -> set[str]:
    """The tasks of what the verifier rejected."""
    return {
        each.conversation.task_id
        for part in parts
        for each in part.read(Rejected)
        if each.conversation is not None and each.conversation.task_id and _by_verifier(each)
    }


def _flagged(parts: Iterable[Part]) -> set[str]:
    """The conversations in which a check found something that is not to be trained on."""
    rows = (row for part in parts for row in part.read(ConversationFinding))
    return {row.conversation_id for row in rows if row.severity == "untrain"}
