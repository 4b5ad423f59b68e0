"""What the assistant does that it must not, whoever speaks: shares of what validate found.

`value` is over what ships: messages that are targets, in conversations that are kept. `made` is
over everything that came to validate: how often the teacher did it. A conversation counts against a
measure where validate found one of the measure's rules in it, and, where the aim of its task says
what is right, where the task's verifier refused it.

A share is not measured where a check that finds it was switched off: it would be 0 whatever was
said. Nor is it where there is nothing that it could be found in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from kappa_data.config import ReportConfig
from kappa_data.metrics.intervals import wilson
from kappa_data.metrics.measure import By, Cell, Measure
from kappa_data.metrics.talks import Group, Talk, group_of, group_of_message

EXAMPLES = 5
FEWEST = 20
"""to look at, at least, before a target counts as kept; a miss shows in any number"""
WHOLE_MESSAGE = -1
"""the message of a finding that is about the whole conversation"""
WHOLE: tuple[By, ...] = ("persona", "family", "strategy", "special", "split")
MESSAGE: tuple[By, ...] = (*WHOLE, "turn", "place")


class Rate(Struct, frozen=True):
    """One share: which findings count (`rules`), of what (`of`), and how it is told.

    `messages`: of messages, else of conversations. `judged`: what a verifier refused counts, too.
    `without`: the share of those that nothing counts against.
    """

    key: str
    name: str
    rules: tuple[str, ...]
    of: Callable[[Group, Collection[str]], bool]
    messages: bool = False
    judged: bool = False
    without: bool = False


def _any(group: Group, hostile: Collection[str]) -> bool:
    return True


def _not_identity(group: Group, hostile: Collection[str]) -> bool:
    return "identity" not in group.family


def _hostile(group: Group, hostile: Collection[str]) -> bool:
    return group.persona in hostile


def _not_hostile(group: Group, hostile: Collection[str]) -> bool:
    return group.persona not in hostile


def _benign(group: Group, hostile: Collection[str]) -> bool:
    # Nobody knows what an import's assistant should have declined.
    return group.source == "generate" and group.aim != "decline"


def _harmful(group: Group, hostile: Collection[str]) -> bool:
    return group.aim == "decline"


def _traps(group: Group, hostile: Collection[str]) -> bool:
    return group.aim == "correct"


def _controls(group: Group, hostile: Collection[str]) -> bool:
    return group.aim == "agree"


def _calling(group: Group, hostile: Collection[str]) -> bool:
    return group.calling


REFUSALS = ("refusal", "deflection")
RATES = (
    Rate("leaks", "leaks", ("leaked brief", "teacher name", "special token text"), _any),
    Rate("names", "alignment named", ("persona name",), _not_identity, messages=True),
    Rate("refusals", "benign refused", REFUSALS, _benign),
    Rate(
        "harmful_refused", "harmful refused", ("compliance",), _harmful, judged=True, without=True
    ),
    Rate("capitulations", "capitulations", ("capitulation",), _traps, judged=True),
    Rate("over_corrections", "over-corrections", ("over-correction",), _controls, judged=True),
    Rate("toxic", "slurs and threats", ("slur", "threat"), _any, messages=True),
    Rate("insults", "insults, licensed", ("insult",), _hostile, messages=True),
    Rate("insults_elsewhere", "insults, others", ("insult",), _not_hostile, messages=True),
    Rate("undeclared_failures", "undeclared failures", ("undeclared failure",), _calling),
)
"""every share; and all rules that any of them counts are here"""
RULES = frozenset(rule for rate in RATES for rule in rate.rules)


class Counted(Struct, frozen=True):
    """Of one share: what there is and what counts against it, by group, of what is kept and made;
    ids of conversations that count against it, kept ones first."""

    kept: Mapping[Group, int]
    kept_hits: Mapping[Group, int]
    made: Mapping[Group, int]
    made_hits: Mapping[Group, int]
    examples: tuple[str, ...]


class Behaviour(Struct, frozen=True):
    """The shares by key, and why others are not measured."""

    counted: Mapping[str, Counted]
    unmeasured: Mapping[str, str]

    def measures(self, targets: ReportConfig) -> tuple[Measure, ...]:
        """The figures with their targets."""
        found = []
        for rate in RATES:
            found.append(self._measure(rate, targets))
            if rate.key == "refusals":
                found.append(self._spread(rate, targets))
        return tuple(found)

    def cells(self) -> tuple[Cell, ...]:
        """Every share by persona, family and so on, of what has something to count."""
        return tuple(
            cell for rate in RATES if rate.key in self.counted for cell in self._cells(rate)
        )

    def _measure(self, rate: Rate, targets: ReportConfig) -> Measure:
        bound: Any = "at least" if rate.without else "at most"
        bar = getattr(targets, rate.key)
        if rate.key in self.unmeasured:
            detail = self.unmeasured[rate.key]
            return Measure(rate.key, rate.name, None, bound, bar, detail=detail)
        of = self.counted[rate.key]
        number = sum(of.kept.values())
        value, low, high = _share(rate, sum(of.kept_hits.values()), number)
        made = _share(rate, sum(of.made_hits.values()), sum(of.made.values()))[0]
        worst: Counter[str] = Counter()
        for group, count in of.kept_hits.items():
            worst[group.persona] += count
        detail = max(sorted(worst), key=worst.__getitem__, default="")
        found = Measure(
            rate.key, rate.name, value, bound, bar, low, high, number, made, detail, of.examples
        )
        if value is None or number >= FEWEST or found.missed:
            return found
        few = f"{number:,} of {FEWEST:,} to look at"
        return msgspec.structs.replace(found, value=None, low=None, high=None, detail=few)

    def _spread(self, rate: Rate, targets: ReportConfig) -> Measure:
        """How far the personas are apart that refuse most and least."""
        key, name = "refusal_spread", "spread of refusals"
        if rate.key in self.unmeasured:
            detail = self.unmeasured[rate.key]
            return Measure(key, name, None, "at most", targets.refusal_spread, detail=detail)
        of = self.counted[rate.key]
        shares = _by(of.kept, of.kept_hits, "persona")
        made = _by(of.made, of.made_hits, "persona")
        value, detail = _range(shares)
        found = Measure(
            key,
            name,
            value,
            "at most",
            targets.refusal_spread,
            number=sum(number for _, number in shares.values()),
            made=_range(made)[0],
            detail=detail,
        )
        counts = sorted((number for _, number in shares.values()), reverse=True)
        if value is None or found.missed or counts[1] >= FEWEST:
            return found
        few = f"{counts[1]:,} of {FEWEST:,} of each to look at"
        return msgspec.structs.replace(found, value=None, detail=few)

    def _cells(self, rate: Rate) -> Iterator[Cell]:
        of = self.counted[rate.key]
        for by in MESSAGE if rate.messages else WHOLE:
            made = _by(of.made, of.made_hits, by)
            own = _by(of.kept, of.kept_hits, by)
            for name in sorted(own, key=lambda each: (by == "turn" and len(each), each)):
                hits, number = own[name]
                value, low, high = _share(rate, hits, number)
                teacher = _share(rate, *made.get(name, (0, 0)))[0]
                if value is not None:
                    yield Cell(rate.key, by, name, value, low, high, number, teacher)


def measure_behaviour(
    talks: Iterable[Talk], found: Collection[str], hostile: Collection[str]
) -> Behaviour:
    """`found`: the rules that validate looked for; `hostile`: personas that may be unfriendly."""
    unmeasured = {}
    for rate in RATES:
        if off := sorted(set(rate.rules) - set(found)):
            unmeasured[rate.key] = f"not looked for: {', '.join(off)}"
    whole, single = _Count(), _Count()
    hits = {rate: _Count() for rate in RATES if rate.key not in unmeasured}
    for talk in talks:
        if not talk.said:  # it had no end: nothing can be found in what nobody has
            continue
        group = group_of(talk)
        whole.add(group, talk.kept)
        for said in talk.said:
            single.add(group_of_message(group, said), talk.kept and said.trained)
        if talk.hits or talk.passed is False:
            for rate, count in hits.items():
                _count(rate, talk, group, count, hostile)
    counted = {}
    for rate, count in hits.items():
        of = single if rate.messages else whole
        kept, made = (
            {each: number for each, number in all_of.items() if rate.of(each, hostile)}
            for all_of in (of.kept, of.made)
        )
        counted[rate.key] = Counted(kept, count.kept, made, count.made, count.examples)
    return Behaviour(counted, unmeasured)


class _Count:
    """Of what is kept, and of all that was made."""

    def __init__(self) -> None:
        self.kept: Counter[Group] = Counter()
        self.made: Counter[Group] = Counter()
        self._ids: dict[bool, dict[str, None]] = {True: {}, False: {}}

    def add(self, group: Group, kept: bool, example: str = "") -> None:
        """Counts one."""
        self.made[group] += 1
        if kept:
            self.kept[group] += 1
        if example and len(self._ids[kept]) < EXAMPLES:
            self._ids[kept][example] = None

    @property
    def examples(self) -> tuple[str, ...]:
        """Of what is kept; where there is none, of what was made."""
        return tuple(self._ids[True] or self._ids[False])


def _count(rate: Rate, talk: Talk, group: Group, count: _Count, hostile: Collection[str]) -> None:
    """Adds what counts against a share in one conversation."""
    marked = {each.message for each in talk.hits if each.rule in rate.rules}
    against = [each for each in talk.said if each.at in marked]
    if rate.messages:
        for said in against:
            own = group_of_message(group, said)
            if rate.of(own, hostile):
                count.add(own, talk.kept and said.trained, talk.id)
        return
    if not rate.of(group, hostile):
        return
    wrong = (rate.judged and talk.passed is False) or WHOLE_MESSAGE in marked
    if wrong or against:
        stays = wrong or any(each.trained for each in against)
        count.add(group, talk.kept and stays, talk.id)


Hits = tuple[int, int]
"""how many count against a share, and how many there are"""


def _by(of: Mapping[Group, int], hits: Mapping[Group, int], by: By) -> dict[str, Hits]:
    """By the names of one grouping; what has no name in it is left out."""
    numbers: Counter[str] = Counter()
    against: Counter[str] = Counter()
    for counter, counts in ((numbers, of), (against, hits)):
        for group, count in counts.items():
            counter[str(getattr(group, by))] += count
    return {name: (against[name], number) for name, number in numbers.items() if name and number}


def _share(rate: Rate, hits: int, number: int) -> tuple[float | None, float | None, float | None]:
    """The share as it is told, with its interval; None of nothing."""
    if not number:
        return None, None, None
    hits = number - hits if rate.without else hits
    return hits / number, *wilson(hits, number)


def _range(of: Mapping[str, Hits]) -> tuple[float | None, str]:
    """How far the highest and the lowest share are apart, and whose they are; None of one alone."""
    shares = {name: hits / number for name, (hits, number) in sorted(of.items())}
    if len(shares) < 2:
        return None, ""
    most, least = max(shares, key=shares.__getitem__), min(shares, key=shares.__getitem__)
    apart = shares[most] - shares[least]
    return apart, f"{most} over {least}" if apart else ""
