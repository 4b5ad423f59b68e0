"""Which conversations the page holds, of everything that the stages made.

Drawn by task, since the same task in several voices is what is compared: whole tasks as long as
they fit, in an order that the report's seed draws. Before that, each persona, family, outcome and
rule gets a conversation, the rarest first.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct

from kappa_data.metrics.talks import Outcome, rank
from kappa_data.records import NOBODY, Conversation, ConversationFinding, Finding, Rejected
from kappa_data.store import Sealed

R = TypeVar("R", bound=Struct)

IMPORTED = "imported"
KEPT, QUARANTINE, FINDINGS = "conversations", "quarantine", "findings"


class Made(Struct, frozen=True, gc=False):
    """Of a conversation's origin what is counted."""

    teacher: str
    model: str


class Known(Struct, frozen=True, gc=False):
    """Of a conversation what it is chosen by; its words are not read."""

    id: str
    persona: str | None
    task_id: str | None
    family: str | None
    provenance: Made


class Rule(Struct, frozen=True, gc=False):
    """Of a finding its rule."""

    rule: str


class Refused(Struct, frozen=True, gc=False):
    """Of a rejection what it is chosen by."""

    id: str
    stage: str
    persona: str | None
    findings: tuple[Rule, ...]
    conversation: Known | None


class FoundRule(Struct, frozen=True, gc=False):
    """Of a row of "findings" what is chosen by."""

    conversation_id: str
    rule: str


class Source(Struct, frozen=True):
    """A record set with conversations of one outcome."""

    sealed: Sealed
    set: str
    outcome: Outcome


class Entry(Struct, frozen=True, gc=False):
    """One conversation that could be drawn; `source` and `at` say where it lies."""

    id: str
    task: str
    family: str
    persona: str
    outcome: Outcome
    rules: tuple[str, ...]
    teacher: str
    source: int
    at: int

    @property
    def marks(self) -> Iterator[tuple[str, str]]:
        """What it is an example of."""
        yield from (("persona", self.persona), ("family", self.family), ("outcome", self.outcome))
        yield from (("rule", rule) for rule in self.rules)


class Shown(Struct, frozen=True):
    """One drawn conversation, with what was found in it; None: the slot came to none."""

    entry: Entry
    conversation: Conversation | None
    findings: tuple[Finding, ...]


def sources(inputs: Mapping[str, Sealed]) -> list[Source]:
    """The sets that hold conversations, by the stages' names; generate may be missing."""
    wanted: tuple[tuple[str, str, Outcome], ...] = (
        ("dedupe", KEPT, "kept"),
        ("validate", QUARANTINE, "rejected"),
        ("generate", QUARANTINE, "rejected"),
        ("dedupe", QUARANTINE, "duplicate"),
    )
    return [Source(inputs[stage], name, outcome) for stage, name, outcome in wanted
            if stage in inputs and name in inputs[stage].manifest.sets]  # fmt: skip


def entries(found: Sequence[Source], validated: Sealed) -> Iterator[Entry]:
    """All conversations, without their words."""
    rules: defaultdict[str, dict[str, None]] = defaultdict(dict)
    if validated.count(FINDINGS):
        for part in validated.parts(FINDINGS):
            for row in part.read_some(FoundRule):
                rules[row.conversation_id][row.rule] = None
    for number, source in enumerate(found):
        at = 0
        for part in source.sealed.parts(source.set):
            if source.set == KEPT:
                for known in part.read_some(Known):
                    own = tuple(rules.get(known.id, ()))
                    yield _entry(known, source.outcome, own, number, at)
                    at += 1
                continue
            for refused in part.read_some(Refused):
                known = refused.conversation or _slot(refused)
                own = tuple(dict.fromkeys([*(each.rule for each in refused.findings),
                                           *rules.get(refused.id, ())]))  # fmt: skip
                yield _entry(known, source.outcome, own, number, at)
                at += 1


def _slot(refused: Refused) -> Known:
    """What is known of a slot that came to no conversation: its id is task id + ':' + persona."""
    task = family = None
    if refused.stage == "generate":
        task = refused.id.rpartition(":")[0]
        family = task.partition("/")[0]
    return Known(refused.id, refused.persona, task, family, Made("", ""))


def _entry(
    known: Known, outcome: Outcome, rules: tuple[str, ...], source: int, at: int
) -> Entry:  # fmt: skip
    made = known.provenance
    return Entry(
        id=known.id,
        task=known.task_id or known.id,
        family=known.family or IMPORTED,
        persona=known.persona or NOBODY,
        outcome=outcome,
        rules=rules,
        teacher=made.model or made.teacher,
        source=source,
        at=at,
    )


def draw(everything: Sequence[Entry], most: int, seed: int) -> list[Entry]:
    """At most `most` of them, sorted by task and persona; the same ones whatever their order."""
    if len(everything) <= most:
        return sorted(everything, key=_place)
    order = sorted(everything, key=lambda each: (rank(seed, each.task), _place(each)))
    chosen: dict[tuple[str, str], Entry] = {}
    covered: set[tuple[str, str]] = set()
    touched: set[str] = set()
    held = Counter(mark for each in order for mark in each.marks)
    examples: defaultdict[tuple[str, str], list[Entry]] = defaultdict(list)
    for each in order:
        for mark in each.marks:
            examples[mark].append(each)
    for mark in sorted(held, key=lambda mark: (held[mark], mark)):
        if mark in covered or len(chosen) >= most:
            continue
        # One of a task that is there already, so that fewer tasks are begun.
        best = next((each for each in examples[mark] if each.task in touched), examples[mark][0])
        chosen[best.id, best.outcome] = best
        covered.update(best.marks)
        touched.add(best.task)
    by_task: defaultdict[str, list[Entry]] = defaultdict(list)
    for each in order:
        if (each.id, each.outcome) not in chosen:
            by_task[each.task].append(each)
    for task in sorted(by_task, key=lambda task: task not in touched):  # stable: drawn order
        if len(chosen) + len(by_task[task]) <= most:
            chosen.update({(each.id, each.outcome): each for each in by_task[task]})
    return sorted(chosen.values(), key=_place)


def _place(entry: Entry) -> tuple[str, bool, str, str, str]:
    """Tasks together, nobody before the personas."""
    return entry.task, entry.persona != NOBODY, entry.persona, entry.id, entry.outcome


def read(found: Sequence[Source], validated: Sealed, chosen: Iterable[Entry]) -> Iterator[Shown]:
    """The drawn conversations whole, in the order of `chosen`."""
    chosen = list(chosen)
    wanted: defaultdict[int, dict[int, Entry]] = defaultdict(dict)
    for each in chosen:
        wanted[each.source][each.at] = each
    findings = _findings(validated, {each.id for each in chosen})
    shown: dict[Entry, Shown] = {}
    for number, places in wanted.items():
        source = found[number]
        if source.set == KEPT:
            for entry, talk in _at(source, places, Conversation):
                shown[entry] = Shown(entry, talk, tuple(findings[entry.id]))
        else:
            for entry, refused in _at(source, places, Rejected):
                own = dict.fromkeys((*refused.findings, *findings[entry.id]))
                shown[entry] = Shown(entry, refused.conversation, tuple(own))
    for each in chosen:
        yield shown[each]


def _at(source: Source, places: Mapping[int, Entry], record: type[R]) -> Iterator[tuple[Entry, R]]:
    """The records at some positions of a set; row groups without one are not decoded."""
    start = 0
    for part in source.sealed.parts(source.set):
        for group in part.groups(record):
            inside = [at for at in range(start, start + len(group)) if at in places]
            if inside:
                yield from ((places[at], group.records[at - start]) for at in inside)
            start += len(group)


def _findings(validated: Sealed, ids: set[str]) -> defaultdict[str, list[Finding]]:
    found: defaultdict[str, list[Finding]] = defaultdict(list)
    if not validated.count(FINDINGS):
        return found
    for row in validated.read(FINDINGS, ConversationFinding):
        if row.conversation_id in ids:
            found[row.conversation_id].append(
                Finding(row.rule, row.severity, row.message, row.evidence)
            )
    return found
